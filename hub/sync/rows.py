"""Canonical records to rows: what a raw record becomes in the canonical tables, and the events of it. Asks no database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

import orjson

from config.logging import clean
from hub.events.mint import EventRow, mint
from hub.models.invoice import BUYER as INVOICE_BUYER
from hub.security.keyring import KeyRing
from hub.store.bulk import Row
from hub.store.types import to_us
from mappings.canonical import FIELDS, LINE_FIELDS, Canonical

TABLES = {"order": "orders", "refund": "refund", "deal": "deal", "invoice_request": "invoice_request"}
LINES = {
    "order": ("order_line", "order_ref"),
    "deal": ("deal_line", "deal_ref"),
    "invoice_request": ("invoice_request_line", "request_ref"),
}
REFS = {
    "order": {"customer": "profile_ref"},
    "refund": {"order": "order_ref"},
    "deal": {"customer": "profile_ref"},
    "invoice_request": {"customer": "profile_ref", "deal": "deal_ref", "order": "order_ref"},
}

_NOT_STORED = {"order": {"region"}}
"""Where a buyer lives is personal, and nobody asks orders for it: the customer has it, sealed."""
_SEALED = {"deal": ("title", "owner"), "refund": ("reason",), "invoice_request": INVOICE_BUYER}
"""Free words that may name somebody."""


class Made(NamedTuple):
    """The rows of one canonical record, and the events that follow from it."""

    kind: str
    ref: str
    row: Row
    lines: Sequence[Row]
    events: Sequence[EventRow]


@dataclass(slots=True)
class Landing:
    """One raw record, mapped and sealed. records: what it became, without those that are rows already (made). unknown: fields
    and values that the mapping does not know. known: an older state of it is stored.
    kept: it leaves a raw record."""

    source_ref: str
    source_id: str
    account_id: int
    version: int
    hash: bytes
    sealed: bytes
    is_open: bool
    records: list[Canonical]
    made: list[Made]
    unknown: list[str] = field(default_factory=list)
    known: bool = False
    kept: bool = True


@cache
def _stored(kind: str) -> dict[str, str]:
    """The fields that become columns, with the form of each."""
    return {name: form for name, form in FIELDS[kind].items() if name not in _NOT_STORED.get(kind, ())}


@cache
def columns(kind: str) -> tuple[str, ...]:
    """The columns of the kind's table."""
    renamed = [REFS[kind].get(name, name) for name in _stored(kind)]
    return ("ref", "account_id", "source_ref", *renamed, "deleted")


@cache
def line_columns(kind: str) -> tuple[str, ...]:
    """The columns of the kind's table of lines."""
    return (LINES[kind][1], *LINE_FIELDS[kind])


@cache
def _line_fields(kind: str) -> tuple[str, ...]:
    return line_columns(kind)[2:]


class _Plan(NamedTuple):
    """How a row is made of fields: their names; by their places, what stands for those that are absent, and which are refs,
    times and the platform's own words."""

    names: tuple[str, ...]
    absent: list[tuple[int, str]]
    refs: list[int]
    moments: list[int]
    words: list[int]


@cache
def _plan(kind: str) -> _Plan:
    absent = {"currency": "CNY", "state": "unknown", "number": ""}
    names = list(_stored(kind).items())
    return _Plan(
        tuple(name for name, _ in names),
        [(i, absent[name]) for i, (name, _) in enumerate(names) if name in absent],
        [i for i, (name, _) in enumerate(names) if name in REFS[kind]],
        [i for i, (_, form) in enumerate(names) if form in ("time", "date")],
        [i for i, (name, _) in enumerate(names) if name == "state_raw"],
    )


@dataclass(frozen=True)
class Maker:
    """Makes rows of the canonical records of one account. wanted: event kinds that some rule wants."""

    ring: KeyRing
    account_id: int
    wanted: frozenset[str] = frozenset()

    def make(self, record: Canonical, source_ref: str, now: int) -> Made:
        """The rows of a record of one of ``TABLES``. now: when what has no time of its own happened (microseconds)."""
        kind, ref = record["kind"], f"{self.account_id}|{record['id']}"
        fields = record["fields"] if kind not in _SEALED else self._sealed(kind, record["fields"])
        row = (ref, self.account_id, source_ref, *self._values(_plan(kind), fields), False)
        lines = _lines(kind, ref, record["lines"]) if "lines" in record else ()
        return Made(kind, ref, row, lines, self._events(kind, ref, record["fields"], now))

    def _values(self, plan: _Plan, fields: dict[str, Any]) -> list[Any]:
        values: list[Any] = [*map(fields.get, plan.names)]
        for place, instead in plan.absent:
            if values[place] is None:
                values[place] = instead
        for place in plan.refs:
            if values[place] is not None:
                values[place] = f"{self.account_id}|{values[place]}"
        for place in plan.moments:
            if (moment := values[place]) is not None:
                values[place] = _us(moment) if type(moment) is datetime else moment.isoformat()
        for place in plan.words:
            if values[place] is not None:
                values[place] = _word(values[place])
        return values

    def _sealed(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        place, names = TABLES[kind], [name for name in _SEALED[kind] if name in fields]
        return fields | {name: self.ring.seal(orjson.dumps(fields[name]), f"{place}.{name}".encode()) for name in names}

    def _events(self, kind: str, ref: str, fields: dict[str, Any], now: int) -> list[EventRow]:
        return [
            mint(name, self.account_id, ref, _us(at) if type(at) is datetime else now, now, data, pending=name in self.wanted)
            for name, at, data in _HAPPENED[kind](fields)
        ]


def _lines(kind: str, ref: str, lines: Sequence[dict[str, Any]]) -> list[Row]:
    names = _line_fields(kind)
    keys = [line.get("key") for line in lines]
    if None in keys or len({*keys}) < len(keys):
        keys = _told_apart(keys)
    return [(ref, key, *map(line.get, names)) for key, line in zip(keys, lines, strict=True)]


def _told_apart(keys: Sequence[str | None]) -> list[str | None]:
    """Lines without a key get their place for one; of two with one key (one product at two prices) both stay."""
    seen: dict[str | None, None] = {}
    for place, given in enumerate(keys):
        key = given or str(place)
        while key in seen:
            key = f"{key}#{place}"
        seen[key] = None
    return [*seen]


_us = lru_cache(maxsize=4096)(to_us)
"""The times of a record are often one and the same, and each is asked for by its row and its events."""


@lru_cache(maxsize=4096)
def _word(value: str) -> str:
    """A platform's own word for a state; a number of somebody that has slipped into its place is blanked."""
    return clean(value)[:60]


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
