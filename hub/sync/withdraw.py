"""What becomes of the canonical rows when their record is gone at the source: marked, never erased."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text

from hub.events.mint import EventRow, mint
from hub.identity import ledger
from hub.identity.resolve import Resolver
from hub.store.bulk import delete_in, select_in
from hub.sync.project import Projector

_MARKED = ("orders", "refund", "deal", "staff", "tag", "profile")


def withdraw(
    conn: Connection, resolver: Resolver, projector: Projector, source_refs: Sequence[str], now: int
) -> list[EventRow]:
    """Mark the records and what came from them as deleted; a signed deal is thereby reversed. Returns the events."""
    events = _reversed_deals(conn, projector, source_refs, now)
    ledger.lock(conn)
    profiles = select_in(conn, "profile", ("ref", "account_id", "customer_id"), "source_ref", source_refs)
    tagged = select_in(conn, "tag_assignment", ("profile_ref", "tag_ref"), "profile_ref", [row[0] for row in profiles])
    for ref, tag in tagged:
        account = int(ref.split("|")[0])
        data, fact = {"tag": tag}, f"{tag}|gone|{now}"
        events.append(mint("tag.removed", account, ref, now, now, data, fact=fact, pending="tag.removed" in projector.wanted))
    delete_in(conn, "tag_assignment", "profile_ref", {ref for ref, _ in tagged})
    for table in ("source_record", *_MARKED):
        column = "ref" if table == "source_record" else "source_ref"
        statement = text(f'UPDATE "{table}" SET deleted = true WHERE "{column}" IN :refs')  # noqa: S608 - names are ours
        for start in range(0, len(source_refs), 500):
            conn.execute(
                statement.bindparams(bindparam("refs", expanding=True)), {"refs": list(source_refs[start : start + 500])}
            )
    resolver.refresh(conn, sorted({row[2] for row in profiles}), now)
    return events


def _reversed_deals(conn: Connection, projector: Projector, source_refs: Sequence[str], now: int) -> list[EventRow]:
    columns = ("ref", "account_id", "amount", "currency", "number", "state", "deleted")
    found = []
    for ref, account, amount, currency, number, state, deleted in select_in(conn, "deal", columns, "source_ref", source_refs):
        if state == "signed" and not deleted:
            data = {"amount": amount, "currency": currency, "number": number}
            found.append(mint("deal.reversed", account, ref, now, now, data, pending="deal.reversed" in projector.wanted))
    return found
