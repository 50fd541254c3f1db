"""What becomes of the canonical rows when their record is gone at the source: marked, never erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, text

from hub.events.mint import EventRow, mint
from hub.identity.records.stored import Records
from hub.identity.tables import ledger
from hub.store.bulk import Row, select_in
from hub.sync.forget import look_at_groups
from hub.sync.project import Projector, remove_assignments

TABLES = {
    "order": "orders", "refund": "refund", "deal": "deal", "invoice_request": "invoice_request", "staff": "staff",
    "tag": "tag", "customer": "profile", "group": "chat_group", "message": "message", "consent": "consent",
}  # fmt: skip
REVERSED = {"deal": ("signed", "deal.reversed"), "invoice_request": ("requested", "invoice.withdrawn")}
"""What a record that is gone takes back: kind -> the state that counted, and the event."""
_DEAL = ("ref", "account_id", "amount", "currency", "number", "state", "deleted")


class Gone(NamedTuple):
    """Records that are gone. made: kind -> refs of the rows that each made, as its body says.

    unread: those whose body the mapping of today does not take; their rows are searched for.
    """

    source_refs: list[str]
    made: dict[str, list[str]]
    unread: list[str]


def withdraw(conn: Connection, records: Records, projector: Projector, gone: Gone, now: int) -> list[EventRow]:
    """Mark the records and what came from them as deleted; a signed deal is thereby reversed. Returns the events."""
    ledger.lock(conn)
    events = []
    for kind, (counted, event) in REVERSED.items():
        for ref, account, amount, currency, number, state, deleted in _rows(conn, kind, _DEAL, gone):
            if state == counted and not deleted:
                data = {"amount": amount, "currency": currency, "number": number}
                events.append(mint(event, account, ref, now, now, data, pending=event in projector.wanted))
    profiles = _rows(conn, "customer", ("ref", "customer_id"), gone)
    stored = select_in(conn, "tag_assignment", ("profile_ref", "tag_ref", "rule"), "profile_ref", [row[0] for row in profiles])
    # What was derived from chats rests on them and not on this record.
    tagged = [(ref, tag) for ref, tag, rule in stored if rule is None]
    for ref, tag in tagged:
        account = int(ref.split("|")[0])
        data, fact = {"tag": tag}, f"{tag}|gone|{now}"
        events.append(mint("tag.removed", account, ref, now, now, data, fact=fact, pending="tag.removed" in projector.wanted))
    remove_assignments(conn, tagged)
    _mark(conn, "source_record", gone.source_refs)
    for kind, table in TABLES.items():
        _mark(conn, table, [row[0] for row in _rows(conn, kind, ("ref",), gone)])
    look_at_groups(conn, [row[0] for row in _rows(conn, "group", ("ref",), gone)])
    records.refresh(conn, sorted({row[1] for row in profiles}), now)
    return events


def _rows(conn: Connection, kind: str, columns: Sequence[str], gone: Gone) -> list[Row]:
    """The rows that these records were the last to write."""
    wanted, mine = ("source_ref", *columns), set(gone.source_refs)
    found = [row for row in select_in(conn, TABLES[kind], wanted, "ref", gone.made.get(kind, ())) if row[0] in mine]
    if gone.unread:
        found += select_in(conn, TABLES[kind], wanted, "source_ref", gone.unread)
    return [row[1:] for row in found]


def _mark(conn: Connection, table: str, refs: Sequence[str]) -> None:
    statement = text(f'UPDATE "{table}" SET deleted = true WHERE ref IN :refs')  # noqa: S608 - names are ours
    statement = statement.bindparams(bindparam("refs", expanding=True))
    for start in range(0, len(refs), 500):
        conn.execute(statement, {"refs": list(refs[start : start + 500])})
