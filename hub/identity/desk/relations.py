"""How customers are related: who lives with whom, works where, orders for whom, is whose branch. Kept between profiles, so that
a relation follows them through merges and splits; found by the engine, or said by a person."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from hub.identity.core.store import Evidence, RelationKind
from hub.identity.desk import reasons
from hub.store.bulk import Upsert, many, select_in

KINDS: tuple[RelationKind, ...] = ("household", "works_at", "orders_for", "branch_of", "related")
MUTUAL = frozenset({"household", "related"})
"""Kinds that are the same from both sides."""
MOST = 60
_SHOWN: dict[str, reasons.Text] = {
    "household": ("同住或共用号码，姓名不同。", "They share a home or a number and have different names."),
    "works_at": ("这个人写的工作单位就是这家单位。", "The employer that this person names is this organisation."),
    "orders_for": ("这个账号的订单寄给对方。", "Orders of this account go to the other."),
    "branch_of": ("字号相同，其中一个是分支机构。", "The same brand, and one of the two is a branch."),
    "related": ("两者有关联。", "The two are related."),
}
_COLUMNS = ("a", "b", "kind", "bits", "evidence", "by", "at")
_upsert = Upsert("identity_relation", _COLUMNS, ("a", "b", "kind"), update=("by",))
_SAID = 'DELETE FROM identity_relation WHERE a = {0} AND b = {0} AND "by" IS NOT NULL'


class Related(NamedTuple):
    """A relation of one customer to another. forward: this customer is a of "a works at b". refs: the profiles that show it."""

    kind: str
    forward: bool
    customer: str
    refs: tuple[tuple[str, str], ...]
    bits: float
    evidence: tuple[Evidence, ...]
    by: str | None


def say(conn: Connection, a: str, b: str, kind: str, by: str, now: int) -> None:
    """A person has said: profile a stands in this relation to profile b."""
    unsay(conn, a, b)
    if kind in MUTUAL:
        a, b = sorted((a, b))
    _upsert(conn, [(a, b, kind, 0.0, None, by, now)])


def unsay(conn: Connection, a: str, b: str) -> None:
    """What a person has said of the two is no more; what evidence shows comes again when they are compared."""
    many(conn, _SAID, [(a, b), (b, a)])


def between(conn: Connection, a: str, b: str) -> list[tuple[str, bool, str | None]]:
    """(kind, whether it goes from a to b, who said it) of two profiles."""
    rows = [(row[2], row[0] == a, row[5]) for row in select_in(conn, "identity_relation", _COLUMNS, "a", [a, b])
            if {row[0], row[1]} == {a, b}]  # fmt: skip
    return sorted(rows, key=lambda row: KINDS.index(row[0]))


def of(conn: Connection, refs: Collection[str]) -> list[Related]:
    """The relations of the customer with these profiles to others: each kind and customer once, people's word first."""
    mine = set(refs)
    rows = [row for side in "ab" for row in select_in(conn, "identity_relation", _COLUMNS, side, mine)]
    rows = [row for row in rows if not (row[0] in mine and row[1] in mine)]
    homes = _homes(conn, {ref for row in rows for ref in row[:2]} - mine)
    found: dict[tuple[str, bool, str], Related] = {}
    for a, b, kind, bits, evidence, by, _ in sorted(rows, key=lambda row: (row[5] is None, -row[3], row[0], row[1])):
        forward = a in mine
        own, other = (a, b) if forward else (b, a)
        if other not in homes:
            continue
        key = (kind, forward or kind in MUTUAL, homes[other])
        old = found.get(key)
        if old is None:
            found[key] = Related(*key, ((own, other),), bits, _evidence(evidence), by)
        elif len(old.refs) < MOST:
            found[key] = old._replace(refs=(*old.refs, (own, other)), evidence=old.evidence or _evidence(evidence))
    ordered = sorted(found.values(), key=lambda item: (KINDS.index(item.kind), not item.forward, -item.bits, item.customer))
    return ordered[:MOST]


def _homes(conn: Connection, refs: Iterable[str]) -> Mapping[str, str]:
    rows = select_in(conn, "profile", ("ref", "customer_id", "deleted"), "ref", refs)
    return {ref: customer for ref, customer, deleted in rows if not deleted}


def _evidence(stored: Any) -> tuple[Evidence, ...]:
    listed = orjson.loads(stored) if isinstance(stored, str | bytes) else stored
    return tuple(Evidence(*item) for item in listed or ())


def reason(item: Related, lang: str) -> str:
    """What shows the relation, as a sentence."""
    if item.by:
        return reasons.say((f"{item.by} 判定。", f"Said by {item.by}."), lang)
    return reasons.balance(item.evidence, lang) if item.evidence else reasons.say(_SHOWN[item.kind], lang)
