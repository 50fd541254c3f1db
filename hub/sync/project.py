"""Canonical records to canonical tables: orders, refunds, deals, invoice requests, staff, tags; and the events that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from config.logging import clean
from hub.events.mint import EventRow, mint
from hub.models.invoice import BUYER as INVOICE_BUYER
from hub.security.keyring import KeyRing
from hub.store.bulk import Row, Upsert, delete_in, select_in
from hub.store.types import to_us
from hub.sync.chats import KINDS as CHAT_KINDS
from hub.sync.chats import Chats, Found
from mappings.canonical import FIELDS, LINE_FIELDS

_TABLES = {"order": "orders", "refund": "refund", "deal": "deal", "invoice_request": "invoice_request"}
_LINES = {
    "order": ("order_line", "order_ref"),
    "deal": ("deal_line", "deal_ref"),
    "invoice_request": ("invoice_request_line", "request_ref"),
}
_REFS = {
    "order": {"customer": "profile_ref"},
    "refund": {"order": "order_ref"},
    "deal": {"customer": "profile_ref"},
    "invoice_request": {"customer": "profile_ref", "deal": "deal_ref", "order": "order_ref"},
}

_NOT_STORED = {"order": {"region"}}
"""Where a buyer lives is personal, and nobody asks orders for it: the customer has it, sealed."""
_SEALED = {"deal": ("title", "owner"), "refund": ("reason",), "invoice_request": INVOICE_BUYER}
"""Free words that may name somebody."""

_STAFF = ("ref", "account_id", "source_ref", "state", "data", "deleted")
_TAG = ("ref", "account_id", "source_ref", "name", "group", "deleted")
_ASSIGNMENT = ("profile_ref", "tag_ref", "name", "group", "by", "since")
_upsert_staff = Upsert("staff", _STAFF, ("ref",), update=_STAFF[2:])
_upsert_tag = Upsert("tag", _TAG, ("ref",), update=_TAG[2:])
_insert_assignment = Upsert("tag_assignment", _ASSIGNMENT, _ASSIGNMENT[:2])


@dataclass(slots=True)
class Landing:
    """One raw record that was mapped: what the projection needs to know of it."""

    source_ref: str
    account_id: int
    hash: bytes
    version: int
    known: bool
    records: list[dict[str, Any]] = field(default_factory=list)


@cache
def _stored(kind: str) -> dict[str, str]:
    """The fields that become columns, with the form of each."""
    return {name: form for name, form in FIELDS[kind].items() if name not in _NOT_STORED.get(kind, ())}


@cache
def _columns(kind: str) -> tuple[str, ...]:
    renamed = [_REFS[kind].get(name, name) for name in _stored(kind)]
    return ("ref", "account_id", "source_ref", *renamed, "deleted")


@cache
def _upsert(kind: str) -> Upsert:
    columns = _columns(kind)
    return Upsert(_TABLES[kind], columns, ("ref",), update=[name for name in columns if name not in ("ref", "account_id")])


@cache
def _insert_lines(kind: str) -> Upsert:
    table, parent = _LINES[kind]
    columns = (parent, *LINE_FIELDS[kind])
    return Upsert(table, columns, (parent, "key"), update=[name for name in columns if name not in (parent, "key")])


class _Plan(NamedTuple):
    """How a row is made of fields: each field with what stands for it where it is absent; the places of refs, times and
    the platform's own words."""

    fields: list[tuple[str, Any]]
    refs: list[int]
    moments: list[int]
    words: list[int]


@cache
def _plan(kind: str) -> _Plan:
    absent = {"currency": "CNY", "state": "unknown", "number": ""}
    names = list(_stored(kind).items())
    return _Plan(
        [(name, absent.get(name)) for name, _ in names],
        [i for i, (name, _) in enumerate(names) if name in _REFS[kind]],
        [i for i, (_, form) in enumerate(names) if form in ("time", "date")],
        [i for i, (name, _) in enumerate(names) if name == "state_raw"],
    )


def _row(kind: str, ref: str, landing: Landing, fields: dict[str, Any]) -> Row:
    plan, get = _plan(kind), fields.get
    values = [get(name, absent) for name, absent in plan.fields]
    for place in plan.refs:
        if values[place] is not None:
            values[place] = f"{landing.account_id}|{values[place]}"
    for place in plan.moments:
        if values[place] is not None:
            values[place] = _moment(values[place])
    for place in plan.words:
        if values[place] is not None:
            values[place] = _word(values[place])
    return (ref, landing.account_id, landing.source_ref, *values, False)


@lru_cache(maxsize=4096)
def _word(value: str) -> str:
    """A platform's own word for a state; a number of somebody that has slipped into its place is blanked."""
    return clean(value)[:60]


def _moment(value: Any) -> Any:
    """A time or a date as the driver stores it."""
    if type(value) is datetime:
        return to_us(value)
    return value.isoformat() if type(value) is date else value


@dataclass
class Projector:
    """Writes the canonical rows of a batch. wanted: event kinds that some rule wants."""

    ring: KeyRing
    wanted: frozenset[str] = frozenset()
    chats: Chats | None = None

    def project(self, conn: Connection, landings: Iterable[Landing], now: int) -> list[EventRow]:
        """Upsert rows and lines of orders, refunds, deals, invoice requests, staff, tags and chats; the events that follow."""
        events: list[EventRow] = []
        by_kind: dict[str, list[tuple[str, Landing, dict[str, Any]]]] = {}
        for landing in landings:
            for record in landing.records:
                ref = f"{landing.account_id}|{record['id']}"
                by_kind.setdefault(record["kind"], []).append((ref, landing, record))
        for kind in ("staff", "tag", "order", "refund", "deal", "invoice_request"):
            if items := by_kind.get(kind):
                self._write(conn, kind, items)
                if kind in _TABLES:
                    events += self._events(kind, items, now)
        for kind in CHAT_KINDS:
            if items := by_kind.get(kind):
                found = [
                    Found(ref, landing.account_id, landing.source_ref, landing.known, record) for ref, landing, record in items
                ]
                (self.chats or Chats(self.ring)).write(conn, kind, found, now)
        return events

    def _write(self, conn: Connection, kind: str, items: list[tuple[str, Landing, dict[str, Any]]]) -> None:
        if kind == "staff":
            _upsert_staff(conn, (self._staff_row(*item) for item in items))
        elif kind == "tag":
            _upsert_tag(conn, (_tag_row(*item) for item in items))
        else:
            _upsert(kind)(conn, [_row(kind, ref, landing, self._fields(kind, record)) for ref, landing, record in items])
            if kind in _LINES:
                self._write_lines(conn, kind, items)

    def _fields(self, kind: str, record: dict[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = record["fields"]
        sealed = [name for name in _SEALED.get(kind, ()) if name in fields]
        if not sealed:
            return fields
        place = _TABLES[kind]
        return fields | {name: self.ring.seal(orjson.dumps(fields[name]), f"{place}.{name}".encode()) for name in sealed}

    @staticmethod
    def _write_lines(conn: Connection, kind: str, items: list[tuple[str, Landing, dict[str, Any]]]) -> None:
        table, parent = _LINES[kind]
        delete_in(conn, table, parent, [ref for ref, landing, _ in items if landing.known])
        names = [name for name in LINE_FIELDS[kind] if name != "key"]
        _insert_lines(kind)(
            conn,
            [(ref, key, *map(line.get, names)) for ref, _, record in items for key, line in _keyed(record.get("lines", ()))],
        )

    def _staff_row(self, ref: str, landing: Landing, record: dict[str, Any]) -> Row:
        fields = dict(record["fields"])
        state = fields.pop("state", "unknown")
        return (ref, landing.account_id, landing.source_ref, state, self.ring.seal(orjson.dumps(fields), b"staff.data"), False)

    def _events(self, kind: str, items: list[tuple[str, Landing, dict[str, Any]]], now: int) -> list[EventRow]:
        found = []
        for ref, landing, record in items:
            for name, at, data in _HAPPENED[kind](record["fields"]):
                moment = to_us(at) if isinstance(at, datetime) else now
                found.append(mint(name, landing.account_id, ref, moment, now, data, pending=name in self.wanted))
        return found

    def tags(
        self, conn: Connection, profiles: dict[str, tuple[list[dict[str, str]], Landing]], new: dict[str, bool], now: int
    ) -> list[EventRow]:
        """Bring the tags of changed profiles (ref -> (tags, landing)) to what the source says; the events of the changes."""
        stored: dict[str, set[str]] = {ref: set() for ref in profiles}
        known = [ref for ref in profiles if not new[ref]]
        for ref, tag, rule in select_in(conn, "tag_assignment", ("profile_ref", "tag_ref", "rule"), "profile_ref", known):
            if rule is None:
                stored[ref].add(tag)
        rows, events, gone = [], [], []
        for ref, (tags, landing) in profiles.items():
            wanted = {f"{landing.account_id}|{tag['key']}": tag for tag in tags}
            for tag_ref in wanted.keys() - stored[ref]:
                tag = wanted[tag_ref]
                rows.append((ref, tag_ref, tag.get("name"), tag.get("group"), tag.get("by"), now))
                events.append(self._tag_event("tag.added", ref, tag_ref, landing, now, tag.get("by")))
            for tag_ref in stored[ref] - wanted.keys():
                gone.append((ref, tag_ref))
                events.append(self._tag_event("tag.removed", ref, tag_ref, landing, now, None))
        _insert_assignment(conn, rows)
        remove_assignments(conn, gone)
        return events

    def _tag_event(self, kind: str, ref: str, tag_ref: str, landing: Landing, now: int, by: str | None) -> EventRow:
        data = {"tag": tag_ref, "by": by} if by else {"tag": tag_ref}
        # A tag that is put on, off and on again brings the same record twice: the time is part of the fact. A replay changes
        # no assignment and comes to no event.
        fact = f"{tag_ref}|{landing.hash.hex()}|{now}"
        return mint(kind, landing.account_id, ref, now, now, data, fact=fact, pending=kind in self.wanted)


def _keyed(lines: list[dict[str, Any]]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Lines with their keys; of two with one key (one product at two prices) both stay."""
    seen: set[str] = set()
    for place, line in enumerate(lines):
        key = line.get("key") or str(place)
        if key in seen:
            key = f"{key}#{place}"
        seen.add(key)
        yield key, line


def remove_assignments(conn: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Take tags off profiles: (profile ref, tag ref)."""
    mark = "?" if conn.dialect.name == "sqlite" else "%s"
    for pair in pairs:
        statement = f"DELETE FROM tag_assignment WHERE profile_ref = {mark} AND tag_ref = {mark}"  # noqa: S608 - constants only
        conn.exec_driver_sql(statement, pair)


def _tag_row(ref: str, landing: Landing, record: dict[str, Any]) -> Row:
    fields = record["fields"]
    return (ref, landing.account_id, landing.source_ref, fields.get("name"), fields.get("group"), bool(fields.get("deleted")))


Happened = Iterable[tuple[str, datetime | date | None, dict[str, Any]]]


def _order_events(fields: dict[str, Any]) -> Happened:
    number = {"number": fields.get("number", "")}
    if fields.get("paid_at") is not None and fields.get("paid") is not None:
        amount = {"amount": fields["paid"], "currency": fields.get("currency", "CNY")}
        yield "order.paid", fields["paid_at"], amount | number
    if fields.get("state") == "completed":
        yield "order.completed", fields.get("closed_at"), number
    if fields.get("state") == "cancelled":
        yield "order.cancelled", fields.get("closed_at"), number


def _refund_events(fields: dict[str, Any]) -> Happened:
    if fields.get("state") == "succeeded" and fields.get("amount") is not None:
        data = {"amount": fields["amount"], "currency": fields.get("currency", "CNY"), "number": fields.get("number", "")}
        yield "refund.succeeded", fields.get("succeeded_at") or fields.get("changed_at"), data | {"order": fields.get("order")}


def _deal_events(fields: dict[str, Any]) -> Happened:
    data = {"amount": fields.get("amount"), "currency": fields.get("currency", "CNY"), "number": fields.get("number", "")}
    if fields.get("state") == "signed":
        yield "deal.signed", fields.get("effective_at") or fields.get("changed_at"), data
    if fields.get("state") == "reversed":
        yield "deal.reversed", fields.get("changed_at"), data


def _invoice_events(fields: dict[str, Any]) -> Happened:
    data = {"amount": fields.get("amount"), "currency": fields.get("currency", "CNY"), "number": fields.get("number", "")}
    if fields.get("state") == "requested":
        yield "invoice.requested", fields.get("requested_at") or fields.get("changed_at"), data
    if fields.get("state") in ("withdrawn", "refused"):
        yield "invoice.withdrawn", fields.get("changed_at"), data


_HAPPENED: dict[str, Callable[[dict[str, Any]], Happened]] = {
    "order": _order_events,
    "refund": _refund_events,
    "deal": _deal_events,
    "invoice_request": _invoice_events,
}
