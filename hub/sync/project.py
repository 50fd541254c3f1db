"""Canonical records to canonical tables: orders, refunds, deals, invoice requests, staff, tags; and the events that follow."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Connection

from hub.events.mint import EventRow, mint
from hub.identity.records import keeping
from hub.models.invoice import BUYER as INVOICE_BUYER
from hub.people import owner_checks
from hub.people.wishes import Wishes
from hub.security.keyring import KeyRing
from hub.store.bulk import Row, Upsert, delete_in, select_in
from hub.sync.chats import KINDS as CHAT_KINDS
from hub.sync.chats import Chats, Found
from hub.sync.rows import LINES, TABLES, Landing, Made, columns, line_columns
from mappings.canonical import Canonical

_STAFF = ("ref", "account_id", "source_ref", "state", "data", "deleted")
_TAG = ("ref", "account_id", "source_ref", "name", "group", "deleted")
_ASSIGNMENT = ("profile_ref", "tag_ref", "name", "group", "by", "since")
_upsert_staff = Upsert("staff", _STAFF, ("ref",), update=_STAFF[2:])
_upsert_tag = Upsert("tag", _TAG, ("ref",), update=_TAG[2:])
_AMENDED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "deal": ("deal.amended", "signed", ("signed",)),
    "invoice_request": ("invoice.amended", "requested", ("requested", "in_review")),
}
"""Kind -> the event of another amount, the state it counts in, and the states it may have had the former one in."""
_BUYER = {
    "deal": ("profile_ref",),
    "invoice_request": ("profile_ref", "invoice_kind", "buyer_kind", *(name for name in INVOICE_BUYER if name != "owner")),
}
"""Kind -> whom it is about; of an invoice request what stands on the invoice beside its amount."""
_insert_assignment = Upsert("tag_assignment", _ASSIGNMENT, _ASSIGNMENT[:2])


@cache
def _upsert(kind: str) -> Upsert:
    names = columns(kind)
    return Upsert(TABLES[kind], names, ("ref",), update=[name for name in names if name not in ("ref", "account_id")])


@cache
def _insert_lines(kind: str) -> Upsert:
    (table, parent), names = LINES[kind], line_columns(kind)
    return Upsert(table, names, (parent, "key"), update=[name for name in names if name not in (parent, "key")])


@dataclass
class Projector:
    """Writes the canonical rows of a batch. wanted: event kinds that some rule wants."""

    ring: KeyRing
    wanted: frozenset[str] = frozenset()
    chats: Chats | None = None

    def project(self, conn: Connection, landings: Iterable[Landing], now: int) -> list[EventRow]:
        """Upsert rows and lines of orders, refunds, deals, invoice requests, staff, tags and chats; the events that follow."""
        found: dict[str, list[Found]] = {}
        made: dict[str, list[Made]] = {kind: [] for kind in TABLES}
        renewed: dict[str, str] = {}
        for landing in landings:
            for rows in landing.made:
                made[rows.kind].append(rows)
            if landing.known:
                renewed.update((rows.ref, landing.hash.hex()) for rows in landing.made)
            for record in landing.records:
                if record["kind"] != "customer":
                    ref = f"{landing.account_id}|{record['id']}"
                    item = Found(ref, landing.account_id, landing.source_ref, landing.known, record)
                    found.setdefault(record["kind"], []).append(item)
        self._write_found(conn, found, now)
        amended = [
            event
            for kind in ("deal", "invoice_request")
            for event in self._amended(conn, kind, [(r, renewed[r.ref]) for r in made[kind] if r.ref in renewed], now)
        ]
        for kind, items in made.items():
            if items:
                self._write_made(conn, kind, items, renewed)
        owner_checks.note(conn, [rows.ref for rows in made["deal"]])
        return amended + [event for items in made.values() for rows in items for event in rows.events]

    def _amended(self, conn: Connection, kind: str, found: list[tuple[Made, str]], now: int) -> list[EventRow]:
        """The events of signed deals, or requested invoices (kind), each with its record's hash, that are over another amount
        than before, or name another customer or buyer. Asked before the rows are written."""
        names, (told, state, earlier), events = columns(kind), _AMENDED[kind], []
        asked = ("ref", "state", "amount", "deleted", *_BUYER[kind])
        refs = [rows.ref for rows, _ in found]
        stored = {row[0]: dict(zip(asked, row, strict=True)) for row in select_in(conn, TABLES[kind], asked, "ref", refs)}
        for rows, digest in found:
            new, old = dict(zip(names, rows.row, strict=True)), stored.get(rows.ref)
            if old is None or old["deleted"] or new["state"] != state or old["state"] not in earlier:
                continue
            before = old["amount"]
            # a request without an amount is over what its deal is; a deal without one is not known yet
            known = kind != "deal" or (before is not None and new["amount"] is not None)
            if (known and before != new["amount"]) or (old["state"] == state and self._other_buyer(kind, old, new)):
                data = {"amount": new["amount"], "before": before, "currency": new["currency"], "number": new["number"]}
                # An amount that goes to and fro brings the same record twice: the time is part of the fact. A replay changes
                # no amount and comes to no event.
                fact, wanted = f"{digest}|{now}", told in self.wanted
                at = new["changed_at"] or now
                events.append(mint(told, new["account_id"], rows.ref, at, now, data, fact=fact, pending=wanted))
        return events

    def _other_buyer(self, kind: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
        """Whether it says something else of its customer or buyer than before; of a deal, where it named one and still does."""
        if kind == "deal" and not (old["profile_ref"] and new["profile_ref"]):
            return False
        return any(self._said(name, old) != self._said(name, new) for name in _BUYER[kind])

    def _said(self, name: str, row: dict[str, Any]) -> Any:
        value = row[name]
        if name in INVOICE_BUYER and value is not None:
            value = orjson.loads(self.ring.open(value, f"invoice_request.{name}".encode()))
        return value or None

    def _write_found(self, conn: Connection, found: dict[str, list[Found]], now: int) -> None:
        staff = found.get("staff", ())
        kept = self._kept(conn, staff)
        _upsert_staff(conn, [self._staff_row(item, kept.get(item.ref, item.record)) for item in staff])
        _upsert_tag(conn, [_tag_row(item) for item in found.get("tag", ())])
        for kind in CHAT_KINDS:
            if kind in found:
                (self.chats or Chats(self.ring)).write(conn, kind, found[kind], now)

    @staticmethod
    def _write_made(conn: Connection, kind: str, items: list[Made], renewed: Container[str]) -> None:
        _upsert(kind)(conn, [rows.row for rows in items])
        if kind in LINES:
            if renewed:
                table, parent = LINES[kind]
                delete_in(conn, table, parent, [rows.ref for rows in items if rows.ref in renewed])
            _insert_lines(kind)(conn, [line for rows in items for line in rows.lines])

    def _kept(self, conn: Connection, staff: Iterable[Found]) -> dict[str, Canonical]:
        """The records of staff that lack a field which their mapping keeps, with what is stored there."""
        lacking = keeping.lacking((item.ref, item.record) for item in staff)
        return {
            ref: keeping.filled(lacking[ref], orjson.loads(self.ring.open(data, b"staff.data")))
            for ref, data in select_in(conn, "staff", ("ref", "data"), "ref", lacking)
        }

    def _staff_row(self, item: Found, record: Canonical) -> Row:
        fields = dict(record["fields"])
        state = fields.pop("state", "unknown")
        return (item.ref, item.account_id, item.source_ref, state, self.ring.seal(orjson.dumps(fields), b"staff.data"), False)

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
        wishes = Wishes(conn, known, now)
        for ref, (tags, landing) in profiles.items():
            wanted = {f"{landing.account_id}|{tag['key']}": tag for tag in tags}
            for tag_ref in wanted.keys() - stored[ref]:
                tag = wanted[tag_ref]
                if wishes.stale(ref, tag_ref, added=True):
                    continue
                wishes.came_true(ref, tag_ref, added=True)
                rows.append((ref, tag_ref, tag.get("name"), tag.get("group"), tag.get("by"), now))
                events.append(self._tag_event("tag.added", ref, tag_ref, landing, now, tag.get("by")))
            for tag_ref in stored[ref] - wanted.keys():
                if wishes.stale(ref, tag_ref, added=False):
                    continue
                wishes.came_true(ref, tag_ref, added=False)
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


def remove_assignments(conn: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Take tags off profiles: (profile ref, tag ref)."""
    mark = "?" if conn.dialect.name == "sqlite" else "%s"
    for pair in pairs:
        statement = f"DELETE FROM tag_assignment WHERE profile_ref = {mark} AND tag_ref = {mark}"  # noqa: S608 - constants only
        conn.exec_driver_sql(statement, pair)


def _tag_row(item: Found) -> Row:
    fields = item.record["fields"]
    return (item.ref, item.account_id, item.source_ref, fields.get("name"), fields.get("group"), bool(fields.get("deleted")))
