"""Tags that people here put on and take off: wishes, written to the platform one by one, and settled against what it shows.

How a tag that is changed on both sides is settled: **the later decision stands, and what the platform shows counts from the
moment it was written.** A wish is open until it is written. While it is open, the platform's coming to the same fulfils it.
Once it is written, readings that contradict it are held for stale for ``SETTLE`` (a page that was fetched before the write may
land after it); then the record is read back, and what it shows then stands: if the opposite, somebody over there has decided
later. A newer wish for the same tag of the same record supersedes an older one that is not written yet.

No loops: the assignment is made here when the write was accepted, so the reading that brings it back finds nothing changed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from connectors import errors, registry
from connectors.people import TagChange, TagWriter
from hub import accounts
from hub.core import Hub
from hub.events.mint import insert_events, mint
from hub.events.rules import wanted_kinds
from hub.models import Account, Profile, SourceRecord, Tag, TagAssignment
from hub.models.base import table
from hub.people.queue import Queue, backoff, internal
from hub.people.wishes import OPEN, SETTLE, WRITE
from hub.security import audit
from hub.store.types import EPOCH, to_us
from hub.sync.connect import connect
from hub.sync.landing import Lander

log = structlog.get_logger("hub.people")
ASSIGNED, PROFILE, RECORD, TAG = (table(m) for m in (TagAssignment, Profile, SourceRecord, Tag))
QUEUE = Queue(WRITE, ("pending", "written"))
RETRIED = ("refused", "superseded")


class TagFault(ValueError):
    """What was asked for cannot be done. key: the text that says why."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


def writable(platform: str, stream: str) -> bool:
    """Whether the connector writes tags of that stream's records."""
    try:
        spec = registry.get(platform).manifest.streams.get(stream)
    except (registry.UnknownConnector, ValueError):
        return False
    return spec is not None and spec.tags == "written"


def ask(hub: Hub, profile_ref: str, tag_ref: str, *, add: bool, by: str) -> int:
    """A person wishes a tag on or off a profile; the wish's id. Raises TagFault."""
    with hub.db.write() as conn:
        number = wish(conn, hub.now(), profile_ref, tag_ref, add=add, by=by)
        audit.record(conn, by, "tag.ask", f"profile:{profile_ref}", tag=tag_ref, add=add)
        return number


def wish(conn: Connection, now: datetime, profile_ref: str, tag_ref: str, *, add: bool, by: str) -> int:
    """The same in the caller's transaction, without an entry in the audit log (rules say themselves what they did)."""
    found = select(PROFILE.c.account_id, RECORD.c.stream, RECORD.c.source_id, RECORD.c.deleted)
    found = found.join(RECORD, RECORD.c.ref == PROFILE.c.source_ref).where(PROFILE.c.ref == profile_ref)
    row = conn.execute(found).first()
    if row is None or row.deleted:
        raise TagFault("tags.fault_gone")
    account = accounts.load(conn, row.account_id)
    if not writable(account.platform, row.stream):
        raise TagFault("tags.fault_cannot")
    if not tag_ref.startswith(f"{account.id}|") or (add and not _living(conn, tag_ref)):
        raise TagFault("tags.fault_unknown")
    pair = (WRITE.c.profile_ref == profile_ref, WRITE.c.tag_ref == tag_ref)
    # The fence moves, so whoever is about to write the older one finds out before it notes anything.
    older = update(WRITE).where(*pair, WRITE.c.state.in_(("pending", "sending", "refused", "written")))
    conn.execute(older.values(state="superseded", lease_until=EPOCH, fence=WRITE.c.fence + 1))
    values = {
        "account_id": account.id, "stream": row.stream, "key": row.source_id, "profile_ref": profile_ref, "tag_ref": tag_ref,
        "add": add, "by": by, "state": "pending", "attempts": 0, "next_at": now, "lease_until": EPOCH, "fence": 0,
        "asked_at": now,
    }  # fmt: skip
    return int(conn.execute(insert(WRITE).values(**values).returning(WRITE.c.id)).scalar_one())


def wish_named(conn: Connection, now: datetime, profile_ref: str, name: str, group: str | None, *, by: str) -> None:
    """A rule wishes its tag on at the platform too, where the platform takes tags and its list has one of that name."""
    query = select(TAG.c.ref).where(TAG.c.account_id == int(profile_ref.split("|")[0]), TAG.c.name == name, ~TAG.c.deleted)
    found = conn.execute((query.where(TAG.c.group == group) if group else query).order_by(TAG.c.ref)).scalar()
    if found is not None:
        with contextlib.suppress(TagFault):  # a platform that takes none, or a record that is gone
            wish(conn, now, profile_ref, found, add=True, by=by)


def withdraw(conn: Connection, now: datetime, profile_ref: str, *, by: str) -> None:
    """What a rule had put on comes off again, unless a person has decided about that tag since."""
    c = WRITE.c
    newest = select(func.max(c.id)).where(c.profile_ref == profile_ref).group_by(c.tag_ref)
    mine = select(c.tag_ref).where(
        c.id.in_(newest), c.by == by, c["add"], c.state.in_(("pending", "sending", "written", "done"))
    )
    for tag_ref in conn.execute(mine).scalars().all():
        with contextlib.suppress(TagFault):
            wish(conn, now, profile_ref, tag_ref, add=False, by=by)


def _living(conn: Connection, tag_ref: str) -> bool:
    return conn.execute(select(TAG.c.ref).where(TAG.c.ref == tag_ref, ~TAG.c.deleted)).first() is not None


# ---------------------------------------------------------------- working


def work(hub: Hub, account_id: int, *, seconds: float = 30) -> int:
    """Write the account's due wishes and read back what was written; how many were handled."""
    ends, handled = time.monotonic() + seconds, 0
    while time.monotonic() < ends and not hub.stopping():
        row = QUEUE.claim(hub, account_id)
        if row is None:
            break
        handled += 1
        account = accounts.by_id(hub, account_id)
        if not (_read_back(hub, account, row) if row.state == "written" else _write(hub, account, row)):
            break
    return handled


def _connector(hub: Hub, account: Account) -> Any:
    try:
        found = connect(hub, account, priority=1)
    except (ValidationError, registry.UnknownConnector):
        raise errors.ConfigError from None
    if not isinstance(found, TagWriter):
        raise errors.ConfigError("tags.no_writer")
    return found


def _write(hub: Hub, account: Account, row: Row[Any]) -> bool:
    if not _begin(hub, row):
        return True
    tag = frozenset({row.tag_ref.split("|", 1)[1]})
    try:
        change = TagChange(row.stream, row.key, **({"add": tag} if row.add else {"remove": tag}))
        _connector(hub, account).write_tags(change)
    except errors.Stop:
        _later(hub, row, "pending", timedelta(0), None)
        raise
    except Exception as error:
        return _failed(hub, account, row, error, "pending")
    _written(hub, row)
    return True


def _begin(hub: Hub, row: Row[Any]) -> bool:
    with hub.db.write() as conn:
        return QUEUE.mine(conn, row, state="sending", attempts=row.attempts + 1)


def _written(hub: Hub, row: Row[Any]) -> None:
    """It is so over there: here too, with its event, in one transaction."""
    now = hub.now()
    with hub.db.write() as conn:
        values = {"state": "written", "attempts": 0, "error": None, "written_at": now, "next_at": now + SETTLE}
        if QUEUE.release(conn, row, **values):
            _assign(conn, hub, row, row.add, row.by)


def _assign(conn: Connection, hub: Hub, row: Row[Any], on: bool, by: str | None) -> None:
    """The assignment as it is over there, with the event where that is a change."""
    pair = (ASSIGNED.c.profile_ref == row.profile_ref, ASSIGNED.c.tag_ref == row.tag_ref)
    if (conn.execute(select(ASSIGNED.c.tag_ref).where(*pair)).first() is not None) == on:
        return
    now = hub.now()
    if on:
        values = {"profile_ref": row.profile_ref, "tag_ref": row.tag_ref, "by": by, "since": now}
        conn.execute(insert(ASSIGNED).values(**values))
    else:
        conn.execute(delete(ASSIGNED).where(*pair))
    kind, at = "tag.added" if on else "tag.removed", to_us(now)
    data = {"tag": row.tag_ref, "by": by} if by else {"tag": row.tag_ref}
    fact = f"{row.tag_ref}|wish {row.id}"
    event = mint(kind, row.account_id, row.profile_ref, at, at, data, fact=fact, pending=kind in wanted_kinds(hub.settings))
    insert_events(conn, [event])


def _read_back(hub: Hub, account: Account, row: Row[Any]) -> bool:
    """What the platform shows by now stands."""
    try:
        record = _connector(hub, account).fetch_one(row.stream, row.key)
    except errors.Gone:
        record = None
    except errors.Stop:
        _later(hub, row, "written", timedelta(0), None)
        raise
    except Exception as error:
        return _failed(hub, account, row, error, "written")
    lander = Lander(hub, account, row.stream)
    with hub.db.write() as conn:
        if not QUEUE.release(conn, row, state="done"):
            return True
        if record is None:
            lander.gone(conn, [row.key])
            return True
        lander.land(conn, [record])
        shown = _shows(lander, record, row)
        # A stale page that landed meanwhile may be the stored record; then this reading changed nothing, and is right.
        _assign(conn, hub, row, shown, None)
        if shown != row.add:
            conn.execute(update(WRITE).where(WRITE.c.id == row.id).values(state="superseded"))
    return True


def _shows(lander: Lander, record: dict[str, Any], row: Row[Any]) -> bool:
    """Whether the record bears the tag."""
    tag = row.tag_ref.split("|", 1)[1]
    found = lander.mapping.apply(record).records
    mine = (item for item in found if f"{row.account_id}|{item['id']}" == row.profile_ref)
    return any(str(each["key"]) == tag for item in mine for each in item["fields"].get("tags") or ())


def _failed(hub: Hub, account: Account, row: Row[Any], error: Exception, state: str) -> bool:
    """Later, or a person first. Also after InDoubt it is simply written again: a tag put on twice is on."""
    if not isinstance(error, errors.ConnectorError):
        log.error("tag_write_failed", account=account.key, exc_info=error)
    if isinstance(error, errors.RecordError | errors.Rejected):
        with hub.db.write() as conn:
            QUEUE.release(conn, row, state="refused" if state == "pending" else "done", error=internal(error))
        return True
    wait = timedelta(seconds=error.wait) if isinstance(error, errors.Throttled) else backoff(row.attempts + 1)
    _later(hub, row, state, wait, internal(error))
    if isinstance(error, errors.AuthError | errors.ConfigError):
        accounts.set_state(
            hub, account.key, "needs_auth" if isinstance(error, errors.AuthError) else "failed", reason=error.key, by="hub"
        )
        return False
    with hub.db.write() as conn:
        QUEUE.hold_account(conn, row.account_id, hub.now() + min(wait, timedelta(seconds=15)))
    return False


def _later(hub: Hub, row: Row[Any], state: str, wait: timedelta, error: dict[str, Any] | None) -> None:
    # Reading back counts its own attempts: nothing was written again.
    counted = {"attempts": row.attempts + 1} if state == "written" else {}
    with hub.db.write() as conn:
        QUEUE.release(conn, row, state=state, next_at=hub.now() + wait, error=error, **counted)


# ---------------------------------------------------------------- looking


def list_(hub: Hub, *where: ColumnElement[bool], state: str = "", limit: int = 100) -> list[dict[str, Any]]:
    """Wishes that meet all conditions, newest first, each with its tag's name."""
    c = WRITE.c
    query = select(WRITE, TAG.c.name.label("tag"), TAG.c.group.label("group")).outerjoin(TAG, TAG.c.ref == c.tag_ref)
    query = query.where(*where)
    if state:
        query = query.where(c.state == state)
    with hub.db.read() as conn:
        return [dict(row._mapping) for row in conn.execute(query.order_by(c.id.desc()).limit(limit))]


def of_profiles(conn: Connection, refs: Sequence[str]) -> list[dict[str, Any]]:
    """The wishes about these profiles that are not over, or that somebody must look at; the newest of each tag."""
    c = WRITE.c
    newest = select(func.max(c.id)).where(c.profile_ref.in_(list(refs))).group_by(c.profile_ref, c.tag_ref)
    shown = c.state.in_((*OPEN, "refused"))
    query = select(WRITE, TAG.c.name.label("tag"), TAG.c.group.label("group")).outerjoin(TAG, TAG.c.ref == c.tag_ref)
    return [dict(row._mapping) for row in conn.execute(query.where(c.id.in_(newest), shown).order_by(c.id))]


def retry(hub: Hub, number: int, *, by: str) -> None:
    """Wish it anew, as of now. Raises TagFault."""
    with hub.db.write() as conn:
        row = conn.execute(select(WRITE).where(WRITE.c.id == number)).first()
        if row is None or row.state not in RETRIED:
            raise TagFault("tags.fault_state")
        wish(conn, hub.now(), row.profile_ref, row.tag_ref, add=row.add, by=by)
        audit.record(conn, by, "tag.retry", f"profile:{row.profile_ref}", tag=row.tag_ref, add=row.add)
