"""Hand-overs as people order them: who gets whose records, what cannot be ordered, and what may be taken back or tried again.

**Undo.** One that is still waiting here is withdrawn, and nothing was said to the platform. One that has begun over there
(``sent``) cannot be called back by us: the customer may refuse it until it takes effect. After that it is undone by handing the
record over again, which counts as another hand-over and needs the old owner to be here. **Retry.** One that failed, was refused
by the customer, or was withdrawn may be tried again; whether the platform takes it is the platform's to say. One in doubt is
never tried again before the platform has said that it knows of none (``hub.people.handing``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from connectors import registry
from connectors.people import HandOverRules
from hub import accounts
from hub.accounts import AccountFault
from hub.core import Hub
from hub.identity.records import golden
from hub.models import Account, Handover, Orphan, Profile, SourceRecord, Staff
from hub.models.base import table
from hub.models.handover import OPEN
from hub.people import orphans
from hub.people.queue import Queue
from hub.security import audit
from hub.store.types import EPOCH

HANDOVER, ORPHAN, STAFF, PROFILE, RECORD = (table(model) for model in (Handover, Orphan, Staff, Profile, SourceRecord))
QUEUE = Queue(HANDOVER, ("waiting", "in_doubt", "sent"))
RETRIED = ("failed", "refused", "withdrawn")
STATES = ("waiting", "sending", "in_doubt", "sent", "accepted", "refused", "failed", "withdrawn")
PAGE = 500


class HandoverFault(ValueError):
    """What was asked for cannot be done. key: the text that says why."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


def order(
    hub: Hub,
    account_key: str,
    staff: str,
    to: str,
    *,
    stream: str,
    left: bool,
    by: str,
    keys: Sequence[str] | None = None,
    message: str = "",
) -> dict[str, Any]:
    """Let records of one member be handed to another; ids of what was queued, and how many were skipped and why.

    keys: None = all that ``offered`` gives. Skipped: open (on its way already), often (handed over too often of late), late
    (left too long ago), strange (not his, as far as is known here). Raises HandoverFault.
    """
    account = _able(hub, account_key, stream, left=left)
    rules, number, now = orphans.rules_of(account.platform), account.id or 0, hub.now()
    taker = _taker(hub, number, staff, to)
    his = offered(hub, number, staff, stream, left=left)
    wanted = list(dict.fromkeys(his if keys is None else keys))
    row = {
        "account_id": number, "stream": stream, "becomes": "", "staff": staff, "to": taker, "left": left,
        "message": message.strip()[:1000], "by": by, "state": "waiting", "attempts": 0, "asks": 0, "doubts": 0, "next_at": now,
        "lease_until": EPOCH, "fence": 0, "asked_at": now,
    }  # fmt: skip
    with hub.db.write() as conn:
        skipped, kept = _sorted_out(conn, rules, row, wanted, set(his), now, late=_late(hub, account, staff, rules, left=left))
        queued = _queue(conn, row, kept)
        skipped["open"] += len(kept) - len(queued)
        found = {why: count for why, count in sorted(skipped.items()) if count}
        detail = {"stream": stream, "staff": staff, "to": taker, "left": left, "queued": len(queued), "skipped": found}
        audit.record(conn, by, "handover.order", f"account:{account_key}", **detail)
    return {"queued": queued, "skipped": found}


def _able(hub: Hub, account_key: str, stream: str, *, left: bool) -> Account:
    try:
        account = accounts.get(hub, account_key)
    except AccountFault:
        raise HandoverFault("handover.fault_account") from None
    if account.state != "active" or not orphans.can_hand_over(account.platform):
        raise HandoverFault("handover.fault_account")
    spec = registry.get(account.platform).manifest.streams.get(stream)
    if spec is None or ("left" if left else "active") not in spec.handover:
        raise HandoverFault("handover.fault_stream")
    return account


def _taker(hub: Hub, account_id: int, staff: str, to: str) -> str:
    if staff.casefold() == to.casefold():
        raise HandoverFault("handover.fault_same")
    found = next((member["id"] for member in members(hub, account_id) if member["id"].casefold() == to.casefold()), None)
    if found is None:
        raise HandoverFault("handover.fault_taker")
    return str(found)


def _late(hub: Hub, account: Account, staff: str, rules: HandOverRules, *, left: bool) -> bool:
    mine = (item for item in orphans.summary(hub) if (item["account_id"], item["staff"]) == (account.id, staff))
    return left and any(orphans.too_late(rules, item["left_at"], hub.now()) for item in mine)


def _sorted_out(
    conn: Connection,
    rules: HandOverRules,
    row: dict[str, Any],
    wanted: Iterable[str],
    his: set[str],
    now: datetime,
    *,
    late: bool,
) -> tuple[Counter[str], list[str]]:
    """What cannot be ordered, by why, and the rest."""
    skipped, kept = Counter[str](), []
    for key in wanted:
        if key not in his:
            skipped["strange"] += 1
        elif late:
            skipped["late"] += 1
        elif not row["left"] and too_often(conn, rules, row["account_id"], row["stream"], key, now):
            skipped["often"] += 1
        else:
            kept.append(key)
    return skipped, kept


def too_often(conn: Connection, rules: HandOverRules, account_id: int, stream: str, key: str, now: datetime) -> bool:
    """Whether the record was handed over, by us and while its owners were here, as often as the platform allows in that time.

    A record changes its key with its owner, so the hand-overs that led to this key are followed back.
    """
    if rules.often is None:
        return False
    most, span = rules.often
    c, count, seen = HANDOVER.c, 0, {key}
    while count < most:
        mine = (c.account_id == account_id, c.stream == stream, c.left.is_(False), c.began_at > now - span)
        begun = c.state.in_(("sent", "accepted", "refused"))
        tried = select(func.count()).where(*mine, begun, c.key == key, c.state != "accepted")
        count += int(conn.execute(tried).scalar_one())
        before = select(c.key).where(*mine, c.state == "accepted", c.becomes == key).order_by(c.id.desc()).limit(1)
        found = conn.execute(before).scalar()
        if found is None or found in seen:
            break
        count, key = count + 1, str(found)
        seen.add(key)
    return count >= most


def _queue(conn: Connection, row: dict[str, Any], keys: Sequence[str]) -> list[int]:
    """Rows for the keys; one that has an open hand-over already gets none."""
    kind = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    made: list[int] = []
    for start in range(0, len(keys), PAGE):
        values = [{**row, "key": key} for key in keys[start : start + PAGE]]
        insert = kind(HANDOVER).values(values).on_conflict_do_nothing().returning(HANDOVER.c.id)
        made += [int(number) for number in conn.execute(insert).scalars()]
    return made


# ---------------------------------------------------------------- taking back, trying again


def withdraw(hub: Hub, numbers: Sequence[int], *, by: str) -> int:
    """Take back those that still wait here; how many. Raises HandoverFault when none does."""
    c = HANDOVER.c
    with hub.db.write() as conn:
        mine = update(HANDOVER).where(c.id.in_(list(numbers)), c.state == "waiting", c.lease_until <= hub.now())
        done = conn.execute(mine.values(state="withdrawn", fence=c.fence + 1, done_at=hub.now())).rowcount
        if not done:
            raise HandoverFault("handover.fault_begun")
        audit.record(conn, by, "handover.withdraw", f"handover:{min(numbers)}", count=done)
    return done


def retry(hub: Hub, number: int, *, by: str) -> None:
    """Try one again that came to nothing. Raises HandoverFault."""
    c, now = HANDOVER.c, hub.now()
    again = {"state": "waiting", "attempts": 0, "asks": 0, "doubts": 0, "error": None, "next_at": now, "done_at": None}
    mine = update(HANDOVER).where(c.id == number, c.state.in_(RETRIED))
    with hub.db.write() as conn:
        row = conn.execute(select(HANDOVER).where(c.id == number)).first()
        rules = orphans.rules_of(accounts.load(conn, row.account_id).platform) if row is not None else HandOverRules()
        if row is not None and not row.left and too_often(conn, rules, row.account_id, row.stream, row.key, now):
            raise HandoverFault("handover.fault_often")
        try:
            with conn.begin_nested():
                if not conn.execute(mine.values(**again, lease_until=EPOCH, asked_at=now, fence=c.fence + 1)).rowcount:
                    raise HandoverFault("handover.fault_state")
        except IntegrityError:
            raise HandoverFault("handover.fault_open") from None
        audit.record(conn, by, "handover.retry", f"handover:{number}")


# ---------------------------------------------------------------- looking


def members(hub: Hub, account_id: int) -> list[dict[str, str]]:
    """Members of the account's company who are here: id and name, by name."""
    c = STAFF.c
    query = select(c.ref, c.data).where(c.account_id == account_id, ~c.deleted, c.state != "left")
    with hub.db.read() as conn:
        found = [{"id": ref.split("|", 1)[1], "name": str((data or {}).get("name") or "")} for ref, data in conn.execute(query)]
    return sorted(found, key=lambda item: (item["name"], item["id"]))


def offered(hub: Hub, account_id: int, staff: str, stream: str, *, left: bool) -> list[str]:
    """Keys of the member's records that may be handed over: of one who left, what the platform's list says; of one who is
    here, the customers whose own record names him as owner."""
    if left:
        return orphans.of_member(hub, account_id, staff, stream)
    with hub.db.read() as conn:
        spec = registry.get(accounts.load(conn, account_id).platform).manifest.streams.get(stream)
        # SQLite knows no small letters but those of ASCII.
        by_key = spec is not None and spec.owner_first and staff.isascii()
        find = _said_by_the_key if by_key else _said_inside
        return sorted(find(hub, conn, (account_id, stream), staff))


def _living(account_id: int, stream: str, *columns: Any) -> Any:
    """Records of the stream whose customer is there, with his profile."""
    query = select(*columns).join_from(PROFILE, RECORD, RECORD.c.ref == PROFILE.c.source_ref)
    return query.where(PROFILE.c.account_id == account_id, RECORD.c.stream == stream, ~PROFILE.c.deleted, ~RECORD.c.deleted)


def _said_by_the_key(hub: Hub, conn: Connection, of: tuple[int, str], staff: str) -> Iterable[str]:
    """Keys that begin with the member's id, in whatever case (``owner_first``)."""
    account_id, stream = of
    c, begin = RECORD.c, f"{account_id}|{stream}|"
    if conn.dialect.name == "sqlite":
        # Its LIKE does not tell capitals; its index is in the order of code points, that of PostgreSQL in a language's.
        mine = and_(c.ref.startswith(f"{begin}{staff}/", autoescape=True), c.ref >= begin, c.ref < begin[:-1] + "}")
    else:
        mine = func.lower(c.ref).startswith(f"{begin}{staff}/".lower(), autoescape=True)
    refs = select(c.ref).where(mine)
    keys = [ref[len(begin) :] for ref in conn.execute(refs).scalars()]
    for start in range(0, len(keys), PAGE):
        profiles = [f"{account_id}|{key}" for key in keys[start : start + PAGE]]
        yield from conn.execute(_living(account_id, stream, c.source_id).where(PROFILE.c.ref.in_(profiles))).scalars()


def _said_inside(hub: Hub, conn: Connection, of: tuple[int, str], staff: str) -> Iterable[str]:
    """Keys of records whose profile, which is opened for it, names the member as owner."""
    query = _living(*of, PROFILE.c.ref, PROFILE.c.data, RECORD.c.source_id)
    for ref, data, source_id in conn.execution_options(yield_per=1000).execute(query):
        if str(golden.read_profile(hub.ring, ref, bytes(data)).get("owner", "")).casefold() == staff.casefold():
            yield str(source_id)


def list_(
    hub: Hub, *where: ColumnElement[bool], state: str = "", account_id: int | None = None, staff: str = "", limit: int = 100
) -> list[dict[str, Any]]:
    """Hand-overs that meet all conditions, newest first."""
    c, query = HANDOVER.c, select(HANDOVER).where(*where)
    for column, value in ((c.state, state), (c.account_id, account_id), (c.staff, staff)):
        query = query.where(column == value) if value else query
    with hub.db.read() as conn:
        return [dict(row._mapping) for row in conn.execute(query.order_by(c.id.desc()).limit(limit))]


def open_rows(hub: Hub, account_id: int, stream: str) -> list[dict[str, Any]]:
    """Hand-overs of the account's stream that have not ended."""
    c = HANDOVER.c
    query = select(HANDOVER).where(c.account_id == account_id, c.stream == stream, text(OPEN)).order_by(c.id)
    with hub.db.read() as conn:
        return [dict(row._mapping) for row in conn.execute(query)]


def counts(hub: Hub) -> dict[str, int]:
    """state -> how many."""
    with hub.db.read() as conn:
        found = conn.execute(select(HANDOVER.c.state, func.count()).group_by(HANDOVER.c.state))
        return {str(state): int(count) for state, count in found}


def forget(conn: Connection, sources: Iterable[str]) -> None:
    """Delete what names these raw records ('<account>|<stream>|<key>'), whose person was erased."""
    c, o = HANDOVER.c, ORPHAN.c
    for source in sources:
        account_id, stream, key = source.split("|", 2)
        conn.execute(delete(ORPHAN).where(o.account_id == int(account_id), o.stream == stream, o.key == key))
        mine = (c.account_id == int(account_id), c.stream == stream, or_(c.key == key, c.becomes == key))
        conn.execute(delete(HANDOVER).where(*mine))


def ask_now(hub: Hub, account_id: int) -> int:
    """Ask for the outcome of all that has begun at the account at the next opportunity; how many. Doubts keep their time."""
    c = HANDOVER.c
    mine = update(HANDOVER).where(c.account_id == account_id, c.state == "sent", c.lease_until <= hub.now())
    with hub.db.write() as conn:
        return conn.execute(mine.values(next_at=hub.now())).rowcount


def ring(conn: Connection, account_id: int, stream: str, keys: Iterable[str], now: datetime) -> None:
    """Something was pushed about these records: what has begun for them is asked about at once."""
    c, about = HANDOVER.c, list(keys)
    for start in range(0, len(about), PAGE):
        part = about[start : start + PAGE]
        mine = (c.account_id == account_id, c.stream == stream, or_(c.key.in_(part), c.becomes.in_(part)))
        conn.execute(update(HANDOVER).where(*mine, c.state == "sent", c.lease_until <= now).values(next_at=now))
