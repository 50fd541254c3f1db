"""Resolve: which customer a profile belongs to. Bulk, single record, push, import and replay all come through here.

Deterministic rules: an equal proof key (an id within its scope, a valid credit code) joins; an equal mobile or personal
mailbox joins unless the names contradict or the value is shared by too many; a name alone never joins; a person's
decision and two different credit codes always part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, text

from hub.events.mint import EventRow, mint
from hub.identity import golden, keys, ledger, search
from hub.identity.composing import composed
from hub.identity.groups import Groups, Reason
from hub.identity.ids import new_id
from hub.identity.survivorship import Rules
from hub.security.keyring import KeyRing
from hub.store.bulk import Upsert, delete_in, select_in

GENERIC = 5
"""A phone or mailbox that stands at more customers than these is nobody's."""

_upsert_profile = Upsert(
    "profile",
    ("ref", "account_id", "source_ref", "customer_id", "rule", "evidence", "data", "hash", "version", "deleted", "linked_at"),
    ("ref",),
    update=("source_ref", "customer_id", "rule", "evidence", "data", "hash", "version", "deleted"),
)
_upsert_customer = Upsert(
    "customer",
    ("id", "kind", "state", "data", "profiles", "owner", "stage", "created_at", "changed_at"),
    ("id",),
    update=("kind", "state", "data", "profiles", "owner", "stage", "changed_at"),
)
_insert_keys = Upsert("identity_key", ("digest", "profile_ref", "kind", "customer_id"), ("digest", "profile_ref"))


class Incoming(NamedTuple):
    """A canonical customer record on its way in. aside: its record is about something else (an order names its buyer), so
    it never overwrites the profile that a record of its own has given."""

    ref: str
    account_id: int
    source_ref: str
    version: int
    record: dict[str, Any]
    aside: bool = False


@dataclass(slots=True)
class Draft:
    """An incoming profile that is new or changed."""

    incoming: Incoming
    keys: list[keys.Key]
    hash: bytes
    customer: str | None = None
    rule: str = "new"
    evidence: dict[str, Any] | None = None

    @property
    def ref(self) -> str:
        """The profile's ref."""
        return self.incoming.ref

    @property
    def node(self) -> str:
        """Its node in the groups: its customer, or itself."""
        return self.customer or self.incoming.ref

    @property
    def fields(self) -> dict[str, Any]:
        """The canonical fields."""
        return self.incoming.record["fields"]  # type: ignore[no-any-return]


@dataclass
class Resolved:
    """What resolving a batch did. changed: profile ref -> whether it is new (refs not listed were unchanged)."""

    changed: dict[str, bool] = field(default_factory=dict)
    events: list[EventRow] = field(default_factory=list)
    created: int = 0
    merged: int = 0


@dataclass
class Resolver:
    """rank: place of an account's source in the configured order. wanted: event kinds that some rule wants.

    rules: by what golden records choose.
    """

    ring: KeyRing
    rank: Callable[[int], int]
    wanted: frozenset[str] = frozenset()
    rules: Rules = golden.PLAIN

    def resolve(self, conn: Connection, incoming: Iterable[Incoming], now: int) -> Resolved:
        """Link the profiles, in the caller's transaction. now: microseconds."""
        result = Resolved()
        drafts = self._drafts(conn, incoming, result)
        if drafts and conn.dialect.name == "postgresql":
            ledger.lock(conn)
            drafts = self._compared(conn, drafts, result)
        if not drafts:
            return result
        groups = self._group(conn, drafts)
        self._apply(conn, drafts, groups, now, result)
        return result

    # -- what is new

    def _drafts(self, conn: Connection, incoming: Iterable[Incoming], result: Resolved) -> list[Draft]:
        newest: dict[str, Incoming] = {}
        for item in incoming:
            if item.ref not in newest or newest[item.ref].version <= item.version:
                newest[item.ref] = item
        drafts = []
        for item in newest.values():
            found = keys.keys_of(self.ring, item.record)
            body = orjson.dumps([item.record["fields"], sorted(key.digest.hex() for key in found)], option=orjson.OPT_SORT_KEYS)
            drafts.append(Draft(item, found, blake2b(body, digest_size=16).digest()))
        return self._compared(conn, drafts, result)

    def _compared(self, conn: Connection, drafts: Sequence[Draft], result: Resolved) -> list[Draft]:
        """The drafts that differ from what is stored, each with the customer that its profile belongs to now."""
        columns = ("ref", "customer_id", "hash", "version", "deleted", "rule", "evidence", "source_ref")
        stored = {row[0]: row for row in select_in(conn, "profile", columns, "ref", [draft.ref for draft in drafts])}
        result.changed.clear()
        differing = []
        for draft in drafts:
            old = stored.get(draft.ref)
            if old is not None:
                if self._keeps(old, draft.incoming, draft.hash):
                    continue
                draft.customer = old[1]
                draft.rule, draft.evidence = old[5], orjson.loads(old[6]) if isinstance(old[6], str) else old[6]
            differing.append(draft)
            result.changed[draft.ref] = old is None
        return differing

    @staticmethod
    def _keeps(old: Any, item: Incoming, digest: bytes) -> bool:
        """Whether the stored profile stays as it is."""
        elsewhere = old[7].split("|", 2)[1] != item.source_ref.split("|", 2)[1]
        if elsewhere and not old[4]:
            return item.aside
        return bool(old[3] > item.version or (bytes(old[2]) == digest and not old[4]))

    # -- which belong together

    def _group(self, conn: Connection, drafts: Sequence[Draft]) -> Groups:
        kinds = {key.digest: key.kind for draft in drafts for key in draft.keys}
        at: dict[bytes, dict[str, str]] = defaultdict(dict)
        for digest, ref, customer, _ in select_in(
            conn, "identity_key", ("digest", "profile_ref", "customer_id", "kind"), "digest", kinds
        ):
            at[bytes(digest)].setdefault(customer, ref)
        for draft in drafts:
            for key in draft.keys:
                at[key.digest].setdefault(draft.node, draft.ref)
        shared = {digest: nodes for digest, nodes in at.items() if len(nodes) > 1}
        groups = Groups()
        if not shared:
            return groups
        self._constraints(conn, drafts, shared, groups)
        for digest, nodes in sorted(shared.items(), key=lambda item: kinds[item[0]] in keys.STRONG):
            if kinds[digest] in keys.PROOF:
                self._join_all(groups, kinds[digest], nodes)
        weak = {digest: nodes for digest, nodes in shared.items() if kinds[digest] in keys.STRONG}
        crowds = self._crowds(drafts, weak, groups)
        if few := {digest: (kinds[digest], nodes) for digest, nodes in weak.items() if crowds[digest] <= GENERIC}:
            self._join_agreeing(conn, groups, drafts, few)
        return groups

    @staticmethod
    def _crowds(drafts: Sequence[Draft], weak: dict[bytes, dict[str, str]], groups: Groups) -> dict[bytes, int]:
        """At how many customers each value stands. Of those that come in this batch, all of one name are one."""
        names = {draft.node: draft.fields.get("display_name", "") for draft in drafts if draft.customer is None}
        return {digest: len({names.get(node, groups.root(node)) for node in nodes}) for digest, nodes in weak.items()}

    @staticmethod
    def _join_all(groups: Groups, kind: str, nodes: dict[str, str]) -> None:
        earlier: list[tuple[str, str]] = []
        for node, ref in nodes.items():
            for other, other_ref in earlier:
                if groups.join(other, node, Reason(kind, ref), Reason(kind, other_ref)):
                    break
            earlier.append((node, ref))

    def _join_agreeing(
        self, conn: Connection, groups: Groups, drafts: Sequence[Draft], weak: dict[bytes, tuple[str, dict[str, str]]]
    ) -> None:
        known: dict[str, set[keys.Called]] = defaultdict(set)
        for draft in drafts:
            known[draft.node].add(keys.called(draft.fields))
        whole = {member for _, nodes in weak.values() for node in nodes for member in groups.members(node)}
        wanted = {node for node in whole if "|" not in node}
        for cid, data in select_in(conn, "customer", ("id", "data"), "id", wanted):
            known[cid].add(keys.called(golden.values(golden.read(self.ring, cid, data))))

        def agree(a: str, b: str) -> bool:
            names_a = set().union(*(known[node] for node in groups.members(a)))
            names_b = set().union(*(known[node] for node in groups.members(b)))
            return not any(keys.contradict(x, y) for x in names_a for y in names_b)

        for kind, nodes in weak.values():
            firsts: list[tuple[str, str]] = []
            for node, ref in nodes.items():
                for first, first_ref in firsts:
                    if agree(first, node) and groups.join(first, node, Reason(kind, ref), Reason(kind, first_ref)):
                        break
                else:
                    firsts.append((node, ref))

    def _constraints(
        self, conn: Connection, drafts: Sequence[Draft], shared: dict[bytes, dict[str, str]], groups: Groups
    ) -> None:
        nodes = {node for found in shared.values() for node in found}
        customers = {node for node in nodes if "|" not in node}
        for draft in drafts:
            for key in draft.keys:
                if key.kind == "credit_code":
                    groups.codes.setdefault(draft.node, set()).add(key.digest)
        home = {row[0]: row[1] for row in select_in(conn, "profile", ("ref", "customer_id"), "customer_id", customers)}
        for digest, ref, kind in select_in(conn, "identity_key", ("digest", "profile_ref", "kind"), "profile_ref", home):
            if kind == "credit_code":
                groups.codes.setdefault(home[ref], set()).add(bytes(digest))
        if conn.execute(text("SELECT 1 FROM not_same LIMIT 1")).first() is None:
            return
        home |= {draft.ref: draft.node for draft in drafts}
        for a, b in ledger.parted(conn, home):
            if a in home and b in home and home[a] != home[b]:
                groups.forbidden.add(frozenset((home[a], home[b])))

    # -- what becomes of it

    def _apply(self, conn: Connection, drafts: Sequence[Draft], groups: Groups, now: int, result: Resolved) -> None:
        together: dict[str, list[Draft]] = defaultdict(list)
        for draft in drafts:
            together[groups.root(draft.node)].append(draft)
        born: set[str] = set()
        merges: list[ledger.Merge] = []
        by_customer: dict[str, list[Draft]] = {}
        for root, group in together.items():
            present = sorted(node for node in groups.members(root) if "|" not in node)
            target = present[0] if present else new_id(now)
            if not present:
                born.add(target)
            elif len(present) > 1:
                target = ledger.survivor(conn, present)
                merges += [ledger.Merge(target, cid, groups.reasons.get(cid), "hub") for cid in present if cid != target]
            by_customer[target] = group
            for draft in group:
                self._link(draft, target, groups.reasons.get(draft.node))
        result.events += ledger.merge(conn, merges, now, self.wanted)
        result.merged += len(merges)
        self._write(conn, by_customer, born, now, result)

    @staticmethod
    def _link(draft: Draft, target: str, reason: Reason | None) -> None:
        if draft.customer is None and reason is not None:
            draft.rule, draft.evidence = reason.kind, {"with": reason.profile}
        draft.customer = target

    def _write(self, conn: Connection, by_customer: dict[str, list[Draft]], born: set[str], now: int, result: Resolved) -> None:
        drafts = [draft for group in by_customer.values() for draft in group]
        delete_in(conn, "identity_key", "profile_ref", [draft.ref for draft in drafts if not result.changed[draft.ref]])
        _upsert_profile(conn, (self._profile_row(draft, now) for draft in drafts))
        _insert_keys(conn, ((key.digest, draft.ref, key.kind, draft.customer) for draft in drafts for key in draft.keys))
        fresh = {cid: [self._view(draft) for draft in by_customer[cid]] for cid in born}
        self.refresh(conn, [cid for cid in by_customer if cid not in born], now, fresh=fresh)
        for cid in born:
            first = by_customer[cid][0]
            data = {"profile": first.ref}
            result.events.append(
                mint(
                    "customer.created",
                    first.incoming.account_id,
                    cid,
                    now,
                    now,
                    data,
                    pending="customer.created" in self.wanted,
                )
            )
        result.created += len(born)

    def _profile_row(self, draft: Draft, now: int) -> tuple[Any, ...]:
        item = draft.incoming
        evidence = orjson.dumps(draft.evidence).decode() if draft.evidence is not None else None
        sealed = golden.seal_profile(self.ring, item.ref, draft.fields)
        head = (item.ref, item.account_id, item.source_ref, draft.customer, draft.rule, evidence)
        return (*head, sealed, draft.hash, item.version, False, now)

    def _view(self, draft: Draft) -> golden.View:
        return golden.View(draft.ref, self.rank(draft.incoming.account_id), draft.incoming.version, draft.fields)

    def refresh(
        self, conn: Connection, customers: Sequence[str], now: int, *, fresh: dict[str, list[golden.View]] | None = None
    ) -> None:
        """Make the golden records of stored customers anew from their profiles; fresh: new ones with their views."""
        views: dict[str, list[golden.View]] = {cid: [] for cid in customers}
        columns = ("ref", "account_id", "version", "data", "customer_id", "deleted")
        for ref, account_id, version, data, cid, deleted in select_in(conn, "profile", columns, "customer_id", customers):
            rank = self.rank(account_id) + (1000 if deleted else 0)
            views[cid].append(golden.View(ref, rank, version, golden.read_profile(self.ring, ref, data)))
        views |= fresh or {}
        built = composed(conn, self.ring, views, self.rules)
        _upsert_customer(conn, (self._customer_row(cid, record, len(views[cid]), now) for cid, record in built.items()))
        search.reindex(conn, self.ring, {c: golden.values(r) for c, r in built.items()}, fresh=set(fresh or ()))

    def _sealed_owner(self, owner: dict[str, Any]) -> bytes:
        ref = f"{owner['from'].split('|')[0]}|{owner['value']}"
        return self.ring.seal(orjson.dumps(ref), b"customer.owner")

    def _customer_row(self, cid: str, record: golden.Golden, profiles: int, now: int) -> tuple[Any, ...]:
        owner, stage = record.get("owner"), record.get("stage", {}).get("value")
        owner_ref = self._sealed_owner(owner) if owner else None
        kind = record.get("kind", {}).get("value", "unknown")
        return (cid, kind, "active", golden.seal_customer(self.ring, cid, record), profiles, owner_ref, stage, now, now)
