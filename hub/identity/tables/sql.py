"""The engine's store on SQLite and PostgreSQL: each read for a whole batch, and what a batch did written in bulk.

Everything is in the caller's transaction. The engine decides from features and keys; what else a profile's row holds (the
source's fields, hash and version) comes from the drafts that the resolver hands in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, text

from hub.events.mint import EventRow
from hub.identity.core.store import MOST_HOLDERS, Change, Decision, Evidence, Holder, Link, Profile, Saved
from hub.identity.tables import decisions, ledger
from hub.identity.tables.digests import BLOCK, JOINING
from hub.identity.tables.profiles import Standing, Stored, ask_standing, cut, held, load, open_features, place_of
from hub.identity.tables.statistics import Statistics
from hub.security.keyring import KeyRing
from hub.store.bulk import COPY_FROM, Row, Upsert, delete_in, driver, many, select_in

_COLUMNS = (
    "ref", "nr", "account_id", "source_ref", "customer_id", "rule", "bits", "evidence", "data", "features", "blocks_digest",
    "hash", "version", "deleted", "linked_at",
)  # fmt: skip
_upsert_profile = Upsert(
    "profile", _COLUMNS, ("ref",), update=[name for name in _COLUMNS if name not in ("ref", "nr", "account_id", "linked_at")]
)
insert_keys = Upsert("identity_key", ("digest", "profile_ref", "kind", "customer_id"), ("digest", "profile_ref"))
insert_blocks = Upsert("block_key", ("digest", "nr"), ("digest", "nr"))
_RELATION = ("a", "b", "kind", "bits", "evidence", "at")
_upsert_relation = Upsert("identity_relation", _RELATION, ("a", "b", "kind"), update=("bits", "evidence"))
_REVIEW = ("a", "b", "reason", "bits", "worth", "evidence", "weights", "state", "by", "at")
_upsert_review = Upsert("identity_review", _REVIEW, ("a", "b"), update=("reason", "bits", "worth", "evidence", "weights"))
insert_redo = Upsert("identity_redo", ("customer_id", "reason", "at"), ("customer_id",))

_RELINK = "UPDATE profile SET rule = {0}, bits = {0}, evidence = {0} WHERE ref = {0}"
_RENEW = "UPDATE profile SET source_ref = {0}, data = {0}, hash = {0}, version = {0}, deleted = false WHERE ref = {0}"
_REBLOCK = "UPDATE profile SET blocks_digest = {0} WHERE ref = {0}"
# Said so that the planner leaves the index of the queue alone: without statistics it would read all that is open there.
_WAITING = "coalesce(r.state, '') IN ('open', 'kept')"
_FORGET_ASKED = f"DELETE FROM identity_review r WHERE {_WAITING} AND (r.a = ANY(%s) OR r.b = ANY(%s))"  # noqa: S608 - constants
_FORGET_PAIRS = (
    "DELETE FROM identity_review r USING unnest(%s::text[], %s::text[]) AS pair(a, b) "  # noqa: S608 - constants
    f"WHERE r.a = pair.a AND r.b = pair.b AND {_WAITING}"
)
_DOUBT = (
    "INSERT INTO identity_redo (customer_id, reason, at) SELECT DISTINCT p.customer_id, 'question', %s::bigint "  # noqa: S608
    "FROM identity_review r JOIN profile p ON p.ref = r.a "
    f"WHERE r.a = ANY(%s) AND r.b = ANY(%s) AND {_WAITING} ON CONFLICT DO NOTHING"
)


@dataclass(slots=True)
class Body:
    """What of an arriving profile the engine does not know: the rest of its row."""

    account_id: int
    source_ref: str
    data: bytes
    hash: bytes
    version: int


@dataclass
class SqlStore:
    """One batch's view of the database. bodies: the rest of each arriving profile; stored: arriving profiles that are there.

    standing: the answer to `ask_standing`, where it was asked. After ``apply``: events to insert, touched: customers whose
    golden record must be made anew.
    """

    conn: Connection
    ring: KeyRing
    statistics: Statistics
    now: int
    by: str = "hub"
    wanted: frozenset[str] = frozenset()
    bodies: Mapping[str, Body] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)
    events: list[EventRow] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    standing: Callable[[], Standing] | None = None
    _homes: dict[str, str] = field(default_factory=dict)
    _answered: bool = False

    # -- reading

    def known(self, refs: Collection[str]) -> Mapping[str, Profile]:
        """The stored profiles among refs. One whose features are not there (of an older version of the hub) has none."""
        asked = [ref for ref in refs if ref not in self.stored and ref not in self.bodies]
        self.stored |= load(self.conn, asked)
        found = {}
        for ref in refs:
            row = self.stored.get(ref)
            if row is not None:
                found[ref] = self._profile(ref, row.customer, row.features)
        return found

    def holders(self, digests: Collection[bytes], most: int = MOST_HOLDERS) -> Iterable[Holder]:
        """Rows of the keys, at most so many of one digest."""
        self.standing = self.standing or ask_standing(self.conn)
        blocks = [digest for digest in digests if len(digest) == BLOCK]
        keys = [digest for digest in digests if len(digest) != BLOCK]
        for digest, ref, customer in held(self.conn, {"key": keys, "block": blocks}, most):
            yield Holder(bytes(digest), ref, customer)

    def members(self, customers: Collection[str]) -> Iterable[Profile]:
        """All profiles of the customers."""
        columns = ("ref", "customer_id", "features", "nr", "blocks_digest")
        for ref, customer, features, nr, blocks in select_in(self.conn, "profile", columns, "customer_id", customers):
            if features is not None:
                self.stored.setdefault(ref, Stored(customer, nr, features, bytes(blocks or b"")))
                yield self._profile(ref, customer, features)

    def _profile(self, ref: str, customer: str, features: bytes | None) -> Profile:
        self._homes.setdefault(ref, customer)
        return Profile(ref, customer, open_features(self.ring, ref, features) if features is not None else b"")

    def decisions(self, refs: Collection[str]) -> Iterable[Decision]:
        """People's decisions about these profiles."""
        self.standing = self.standing or ask_standing(self.conn)
        return decisions.among(self.conn, refs) if self._answered or self.standing().decided else ()

    def counts(self) -> Mapping[tuple[str, str], int]:
        """All counters."""
        return self.statistics.read(self.conn)

    def waiting(self, most: int, *, last: bool = False) -> Sequence[str]:
        """Customers to be looked at again, oldest first, or those who came last."""
        order = "at DESC, customer_id DESC" if last else "at, customer_id"
        statement = text(f"SELECT customer_id FROM identity_redo ORDER BY {order} LIMIT :most")  # noqa: S608 - constants
        return list(self.conn.execute(statement, {"most": most}).scalars())

    # -- writing

    def recall(self, refs: Iterable[str]) -> None:
        """Read the stored profiles among refs, where the change to apply was decided on another view of them."""
        found = load(self.conn, refs)
        self.stored |= found
        self._homes.update((ref, row.customer) for ref, row in found.items())

    def decide(self, decision: Decision) -> None:
        """Remember for ever what a person said, and take the question off the queue."""
        self._answered = True
        decisions.remember(self.conn, [(decision.a, decision.b)], decision.verdict, self.by, self.now)

    def apply(self, change: Change) -> None:
        """Write what a batch did."""
        links = {link.ref: link for link in change.links}
        self._save([saved for saved in change.saved if saved.features is not None], links)
        self._move([saved for saved in change.saved if saved.features is None])
        self._renew(self.bodies.keys() - {saved.ref for saved in change.saved})
        self._relink([link for link in change.links if not self._arrives(link.ref)])
        self._book(change)
        self._queues(change)
        self.statistics.add(self.conn, change.counts)
        self.touched |= {saved.customer for saved in change.saved} | {split.customer for split in change.splits}
        self.touched |= {merge.survivor for merge in change.merges}
        # A new profile's number is there as well, and was nobody's.
        self.touched |= {self.stored[ref].customer for ref in self.bodies if ref in self.stored} - {""}
        self.touched -= {merge.loser for merge in change.merges}
        self.changes.append(change)
        for saved in change.saved:
            self._homes[saved.ref] = saved.customer

    def looked_at(self, customers: Sequence[str]) -> None:
        """Take customers off the redo queue."""
        delete_in(self.conn, "identity_redo", "customer_id", customers)

    def _arrives(self, ref: str) -> bool:
        return ref in self.bodies

    def _save(self, saved: Sequence[Saved], links: Mapping[str, Link]) -> None:
        """Profiles that are new or have other features, with their keys."""
        numbers = self._numbers([item.ref for item in saved if item.ref not in self.stored])
        for ref, nr in numbers.items():
            self.stored[ref] = Stored("", nr, None, b"")
        pack = self.ring.packer()
        _upsert_profile(self.conn, [self._row(item, links.get(item.ref), pack) for item in saved])
        self._rekey(saved)

    def _rekey(self, saved: Sequence[Saved]) -> None:
        """Replace the keys of profiles by those that they have now."""
        keys, blocks, gone = [], [], []
        for item in saved:
            old = self.stored[item.ref]
            for key in item.keys:
                if key.role != "block":
                    keys.append((key.digest, item.ref, JOINING.get(key.kind, key.kind.lstrip("=")), item.customer))
            present, before = set(cut(_blocks(item))), set(cut(old.blocks))
            blocks += [(digest, old.nr) for digest in present - before]
            gone += [(digest, old.nr) for digest in before - present]
            self.stored[item.ref] = old._replace(blocks=_blocks(item))
        delete_in(self.conn, "identity_key", "profile_ref", [item.ref for item in saved if not item.new])
        delete_blocks(self.conn, gone)
        insert_keys(self.conn, sorted(keys))
        insert_blocks(self.conn, sorted(blocks))

    def _renew(self, refs: Collection[str]) -> None:
        """Profiles that say something new which identity does not look at (a stage, a note)."""
        rows = [(body.source_ref, body.data, body.hash, body.version, ref) for ref in refs for body in [self.bodies[ref]]]
        many(self.conn, _RENEW, rows)

    def _numbers(self, refs: Sequence[str]) -> dict[str, int]:
        if not refs:
            return {}
        self.standing = self.standing or ask_standing(self.conn)
        last = self.standing().last
        return {ref: last + 1 + place for place, ref in enumerate(dict.fromkeys(refs))}

    def _row(self, item: Saved, link: Link | None, pack: Callable[[bytes, str], bytes]) -> Row:
        body, nr = self.bodies[item.ref], self.stored[item.ref].nr
        rule, bits, evidence = (link.rule, link.bits, _evidence(link)) if link else self._present_link(item.ref)
        sealed = pack(item.features or b"", place_of(item.ref))
        head = (item.ref, nr, body.account_id, body.source_ref, item.customer, rule, bits, evidence, body.data, sealed)
        return (*head, _blocks(item), body.hash, body.version, False, self.now)

    def _present_link(self, ref: str) -> tuple[str, float | None, str | None]:
        """Why a profile is where it stays."""
        found = select_in(self.conn, "profile", ("rule", "bits", "evidence"), "ref", [ref])
        if not found:
            return "new", None, None
        rule, bits, evidence = found[0]
        return rule, bits, evidence if evidence is None or isinstance(evidence, str) else orjson.dumps(evidence).decode()

    def _move(self, moved: Sequence[Saved]) -> None:
        ledger.move(self.conn, [(item.ref, item.customer) for item in moved])
        if more := [item for item in moved if item.keys]:
            many(self.conn, _REBLOCK, [(_blocks(item), item.ref) for item in more])
            self._rekey(more)

    def _relink(self, links: Sequence[Link]) -> None:
        rows = [(link.rule, link.bits, _evidence(link), link.ref) for link in links]
        many(self.conn, _RELINK, rows)

    def _book(self, change: Change) -> None:
        """Merges and splits as entries of the ledger, with their events."""
        left: dict[str, list[str]] = {}
        for saved in change.saved:
            home = self._homes.get(saved.ref)
            if home is not None and home != saved.customer:
                left.setdefault(home, []).append(saved.ref)
        self._bring_along(change, left)
        merges = [
            ledger.Booked(m.survivor, m.loser, left.get(m.loser, []), m.link.rule, facts(m.link), self.by)
            for m in change.merges
        ]
        self.events += ledger.book_merges(self.conn, merges, self.now, self.wanted)
        splits = [ledger.Booked(s.customer, s.target, s.refs, s.rule, {}, self.by) for s in change.splits]
        self.events += ledger.book_splits(self.conn, splits, self.now, self.wanted)

    def _bring_along(self, change: Change, left: dict[str, list[str]]) -> None:
        """Profiles of merged customers that the engine did not see, because they have no features, go with the others."""
        went = {merge.loser: merge.survivor for merge in change.merges}
        rest = select_in(self.conn, "profile", ("ref", "customer_id"), "customer_id", went)
        ledger.move(self.conn, [(ref, went[loser]) for ref, loser in rest])
        for ref, loser in rest:
            left.setdefault(loser, []).append(ref)

    def _settle_questions(self, change: Change) -> None:
        """Open questions that are out of date go; those that still stand come again. Of two that lay on the table and were not
        compared, one is looked at again."""
        fresh, both, now = list(change.fresh), change.doubts(), self.now
        if self.conn.dialect.name == "postgresql" and len(change.groups) < COPY_FROM:
            # Without an answer to wait for.
            if fresh:
                driver(self.conn).execute(_FORGET_ASKED, (fresh, fresh))
            if pairs := list(change.answered_pairs()):
                driver(self.conn).execute(_FORGET_PAIRS, tuple(map(list, zip(*pairs, strict=True))))
            if both:
                driver(self.conn).execute(_DOUBT, (now, list(change.groups), list(change.groups)))
            return
        columns = ("a", "b", "state")
        asked = select_in(self.conn, "identity_review", columns, "a", change.groups)
        asked += select_in(self.conn, "identity_review", columns, "b", fresh)
        waiting = {(a, b) for a, b, state in asked if state in ("open", "kept")}
        stale = {(a, b) for a, b in waiting if change.answered(a, b)}
        many(self.conn, "DELETE FROM identity_review WHERE a = {0} AND b = {0}", sorted(stale))
        if both:
            doubtful = {a for a, b in waiting - stale if b in change.groups}
            homes = select_in(self.conn, "profile", ("ref", "customer_id"), "ref", sorted(doubtful))
            insert_redo(self.conn, sorted((customer, "question", now) for customer in {home for _, home in homes}))

    def _queues(self, change: Change) -> None:
        now = self.now
        self._settle_questions(change)
        _upsert_relation(self.conn, [(r.a, r.b, r.kind, r.bits, _json(r.evidence), now) for r in change.relations])
        _upsert_review(
            self.conn,
            [(r.a, r.b, r.reason, r.bits, r.worth, _json(r.evidence), r.model, "open", None, now) for r in change.reviews],
        )
        insert_redo(self.conn, [(customer, reason, now) for customer, reason in change.queue.items()])
        delete_in(self.conn, "identity_redo", "customer_id", [*change.done, *(merge.loser for merge in change.merges)])


def facts(link: Link) -> dict[str, Any]:
    """What a row or an entry keeps of a link: profile on the other side, bits, version of the weights, evidence."""
    kept: dict[str, Any] = {"with": link.other} if link.other else {}
    if link.bits:
        kept["bits"] = round(link.bits, 1)
    if link.evidence:
        kept |= {"model": link.model, "evidence": _weighed(link.evidence)}
    return kept


def delete_blocks(conn: Connection, rows: Sequence[tuple[bytes, int]]) -> None:
    """Take block keys from profiles."""
    many(conn, "DELETE FROM block_key WHERE digest = {0} AND nr = {0}", rows)


def forget(conn: Connection, refs: Collection[str]) -> None:
    """Take everything that identity knows of these profiles: keys, features, questions, relations, decisions."""
    stored = load(conn, refs)
    delete_blocks(conn, [(digest, row.nr) for row in stored.values() for digest in cut(row.blocks)])
    delete_in(conn, "identity_key", "profile_ref", refs)
    for name in ("identity_review", "identity_relation", "identity_decision"):
        for side in "ab":
            delete_in(conn, name, side, refs)
    statement = text("UPDATE profile SET features = NULL, blocks_digest = :none, evidence = NULL WHERE ref = :ref")
    if stored:
        conn.execute(statement, [{"ref": ref, "none": b""} for ref in stored])


def _evidence(link: Link) -> str | None:
    kept = facts(link)
    return orjson.dumps(kept).decode() if kept else None


def _json(evidence: Iterable[Evidence]) -> str:
    return orjson.dumps(_weighed(evidence)).decode()


def _weighed(evidence: Iterable[Evidence]) -> list[list[Any]]:
    return [[item.kind, item.level, round(item.bits, 1)] for item in evidence]


def _blocks(item: Saved) -> bytes:
    return b"".join(sorted({key.digest for key in item.keys if key.role == "block"}))
