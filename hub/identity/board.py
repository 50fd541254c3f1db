"""What lies on the table while a batch is decided: its records, the stored ones they may be, and who shares which key."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.identity.cluster import Outcome
from hub.identity.features import Features
from hub.identity.frequency import Frequency, counted
from hub.identity.keying import Keys, Plain, keys, role
from hub.identity.quick import Component
from hub.identity.store import MOST_HOLDERS, Decision, Store
from hub.identity.unit import Unit, join, of_profile
from hub.identity.weights import Model

MOST = {"proof": MOST_HOLDERS, "strong": 12, "block": 20}
"""Customers that may share a key before it is a crowd's."""
MOST_OF = {"x words": 6, "x word": 12}
"""The same for kinds that have their own bound."""
_JUST = 6
"""Customers above the bound up to which a value has turned a crowd's just now, so that what rested on it is looked at again."""
MOST_OTHERS = 2
"""Further names that a telephone or mailbox may have before it is nobody's."""


@dataclass(slots=True)
class Piece:
    """A profile on the table. customer: where it is stored, '' for a new one. features: when they are to be written."""

    ref: str
    unit: Unit
    customer: str = ""
    features: Features | None = None
    keys: Keys | None = None
    recalled: bool = False


@dataclass
class Board:
    """Made for one batch. See the module."""

    store: Store
    blind: Callable[[str, str], bytes]
    model: Model
    expected: int = 0
    recalled: bool = False
    pieces: dict[str, Piece] = field(default_factory=dict)
    frequency: Frequency = field(init=False)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    index: dict[Plain, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    crowds: set[Plain] = field(default_factory=set)
    different: dict[str, set[str]] = field(default_factory=dict)
    same: list[Decision] = field(default_factory=list)
    extra_keys: dict[str, set[Plain]] = field(default_factory=dict)
    generic: set[str] = field(default_factory=set)
    settled: dict[Any, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._looked: set[Plain] = set()
        self._loaded: set[str] = set()
        self._labels: dict[Plain, Counter[str]] = {}

    # -- what comes in

    def arrive(self, arrivals: Iterable[Any]) -> list[Piece]:
        """Put a batch on the table; unchanged records are left out."""
        newest = {item.ref: item.features for item in arrivals}
        stored = self.store.known(newest)
        fresh = []
        for ref, features in newest.items():
            old = stored.get(ref)
            if old is not None and old.features == features.dump():
                continue
            piece = Piece(ref, of_profile(ref, features), old.customer if old else "", features)
            fresh.append(piece)
            self.pieces[ref] = piece
            if old is None:
                self.counts.update(counted(features))
        self._begin(fresh)
        return fresh

    def recall(self, customers: Collection[str]) -> list[Piece]:
        """Put stored customers on the table."""
        self._load(set(customers))
        fresh = list(self.pieces.values())
        for piece in fresh:
            piece.recalled = True
        self.recalled = True
        self._begin(fresh)
        for _ in range(2):
            more = [piece for piece in self.pieces.values() if piece.keys is None]
            if not more or not self._look([(piece.ref, self._keys(piece).looked) for piece in more]):
                break
        self._decisions()
        return fresh

    def _keys(self, piece: Piece) -> Keys:
        """A profile's own keys, in the index of who shares which."""
        piece.keys = keys(piece.unit)
        for key in piece.keys.stored:
            self.index[key][piece.ref] = None
        return piece.keys

    def _begin(self, fresh: list[Piece]) -> None:
        self.frequency = Frequency(self.store.counts(), self.model.least, more=self.counts, expected=self.expected)
        looked: list[tuple[str, list[Plain]]] = []
        for piece in fresh:
            looked.append((piece.ref, self._keys(piece).looked))
        self._look(looked)
        self._load({piece.customer for piece in fresh if piece.customer})
        self._decisions()

    def _look(self, wanted: Sequence[tuple[str, list[Plain]]]) -> bool:
        """Read the holders of keys and load their customers; whether anything new came."""
        plain = {self.blind(*key): key for _, found in wanted for key in found if key not in self._looked}
        self._looked.update(plain.values())
        rows: dict[Plain, dict[str, str]] = defaultdict(dict)
        for digest, ref, customer in self.store.holders(list(plain)):
            rows[plain[digest]][ref] = customer
        customers: set[str] = set()
        for key, refs in rows.items():
            found = set(refs.values())
            if len(found) > most(key[0]) or len(refs) >= MOST_HOLDERS:
                self.crowds.add(key)
                if role(key[0]) == "strong" and len(found) <= most(key[0]) + _JUST:
                    self.generic |= found
                continue
            self.index[key].update(dict.fromkeys(refs))
            customers |= found
        for ref, found_keys in wanted:
            for key in found_keys:
                self.index[key][ref] = None
        self._labels.clear()
        return self._load(customers)

    def _load(self, customers: set[str]) -> bool:
        # A customer with a profile on the table may have others that are not: what was loaded is remembered, not inferred.
        missing = customers - self._loaded
        if not missing:
            return False
        self._loaded |= missing
        for profile in self.store.members(missing):
            if profile.ref not in self.pieces:
                features = Features.load(profile.features)
                self.pieces[profile.ref] = Piece(profile.ref, of_profile(profile.ref, features), profile.customer)
        return True

    def _decisions(self) -> None:
        self.different, self.same = {}, []
        for found in self.store.decisions(self.pieces):
            if found.verdict == "different" or found.verdict == "related":
                self.different.setdefault(found.a, set()).add(found.b)
                self.different.setdefault(found.b, set()).add(found.a)
            elif found.verdict == "same":
                self.same.append(found)

    def look_further(self, units: Iterable[Unit]) -> bool:
        """Keys that only a whole group has (one's number with another's name): look for them; whether anything new came."""
        wanted = []
        for unit in units:
            if unit.size == 1 or not any(self.pieces[ref].features is not None for ref in unit.refs):
                continue
            have: set[Plain] = set()
            for ref in unit.refs:
                piece = self.pieces[ref]
                piece.keys = piece.keys or keys(piece.unit)
                have.update(piece.keys.stored)
            whole = keys(unit)
            more = [key for key in whole.stored if key not in have]
            if more:
                self.extra_keys[unit.refs[-1]] = set(more)
                for key in more:
                    self.index[key][unit.refs[-1]] = None
            looked = [key for key in whole.looked if key not in self._looked]
            if looked:
                wanted.append((unit.refs[-1], looked))
        came = self._look(wanted) if wanted else False
        if came:
            self._decisions()
        return came

    # -- who belongs together

    def components(self) -> list[Component]:
        """Atoms (profiles that proofs join) in groups that are worth comparing."""
        atoms, place = self._atoms()
        groups = _Union(len(atoms))
        linked: set[tuple[int, int]] = set()
        by_customer: dict[str, list[int]] = defaultdict(list)
        for ref, piece in self.pieces.items():
            if piece.customer:
                by_customer[piece.customer].append(place[ref])
        shared = []
        for key, refs in self.index.items():
            if len(refs) > 1 and key not in self.crowds:
                found = {place[ref] for ref in refs if ref in place}
                if len(found) <= max(2 * most(key[0]), 12):
                    shared.append(found)
        for found in (*map(set, by_customer.values()), *shared):
            if len(found) > 1:
                members = sorted(found)
                for number, i in enumerate(members):
                    groups.join(members[0], i)
                    linked.update((i, j) for j in members[number + 1 :])
        return self._split(atoms, groups, linked)

    def _split(self, atoms: list[Unit], groups: _Union, linked: set[tuple[int, int]]) -> list[Component]:
        members: dict[int, list[int]] = defaultdict(list)
        for i in range(len(atoms)):
            members[groups.root(i)].append(i)
        pairs: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for i, j in linked:
            pairs[groups.root(i)].append((i, j))
        found = []
        for root, inside in members.items():
            local = {i: number for number, i in enumerate(inside)}
            links = sorted((local[i], local[j]) for i, j in pairs[root])
            found.append(Component([atoms[i] for i in inside], links, *self._stored([atoms[i] for i in inside])))
        return found

    def _stored(self, atoms: list[Unit]) -> tuple[list[frozenset[str]], list[bool]]:
        """The customers that each atom is stored with, and whether something in it is new."""
        pieces = [[self.pieces[ref] for ref in atom.refs] for atom in atoms]
        owners = [frozenset(piece.customer for piece in inside if piece.customer) for inside in pieces]
        return owners, [any(piece.features is not None or piece.recalled for piece in inside) for inside in pieces]

    def _atoms(self) -> tuple[list[Unit], dict[str, int]]:
        """Profiles joined by proofs and by people, unless people have parted them or they are of two kinds."""
        refs = sorted(self.pieces)
        number = {ref: i for i, ref in enumerate(refs)}
        holders: dict[Any, list[int]] = defaultdict(list)
        for i, ref in enumerate(refs):
            unit = self.pieces[ref].unit
            for proof in unit.proofs:
                holders[proof].append(i)
            for code in unit.code:
                holders["code", code].append(i)
        wanted = [(number[d.a], number[d.b]) for d in self.same if d.a in number and d.b in number]
        for found in sorted(found for found in holders.values() if len(found) > 1):
            # With the first that it may be joined with: one that people parted from the first may belong to another.
            wanted += [(found[j], found[i]) for i in range(1, len(found)) for j in range(i)]
        groups = _Union(len(refs))
        inside: dict[int, list[str]] = {}
        for one, other in wanted:
            i, j = groups.root(one), groups.root(other)
            if i == j:
                continue
            a, b = inside.get(i, [refs[i]]), inside.get(j, [refs[j]])
            if self._may_be_one(a, b):
                groups.join(i, j)
                inside[groups.root(i)] = a + b
        members: dict[int, list[str]] = {}
        for i, ref in enumerate(refs):
            members.setdefault(groups.root(i), []).append(ref)
        parts = [[self.pieces[ref].unit for ref in found] for found in members.values()]
        atoms = [join(units) if len(units) > 1 else units[0] for units in parts]
        return atoms, {ref: i for i, found in enumerate(members.values()) for ref in found}

    def _may_be_one(self, a: list[str], b: list[str]) -> bool:
        if self.different and any(not self.different.get(ref, _NONE).isdisjoint(b) for ref in a):
            return False
        units = [self.pieces[ref].unit for ref in (*a, *b)]
        if len({unit.kind for unit in units} - {""}) > 1:
            return False
        mine, theirs = (set().union(*(self.pieces[ref].unit.code for ref in refs)) for refs in (a, b))
        return not mine or not theirs or bool(mine & theirs)

    # -- what scoring asks

    def apart(self, a: Unit, b: Unit) -> bool:
        """Whether people have parted the two."""
        return bool(self.different) and any(not self.different.get(ref, _NONE).isdisjoint(b.refs) for ref in a.refs)

    def others(self, kind: str, value: str, a: Unit, b: Unit) -> float:
        """How much of a value is others' (see `hub.identity.score.Others`)."""
        key = (kind, value)
        if key in self.crowds:
            return -1
        labels = self._labels.get(key)
        if labels is None:
            units = (self.pieces[ref].unit for ref in self.index.get(key, ()) if ref in self.pieces)
            labels = self._labels[key] = Counter(label(kind, unit) for unit in units)
            del labels[""]
        mine = {label(kind, unit) for unit in (a, b)}
        rest = [count for name, count in labels.items() if name not in mine]
        if not rest:
            return 0
        own = max((labels[name] for name in mine), default=0) or 1
        return -1 if len(rest) > MOST_OTHERS else sum(count * count for count in rest) / own**2


_NONE: frozenset[str] = frozenset()


def most(kind: str) -> int:
    """Customers that may share a key of the kind before it is a crowd's."""
    return MOST_OF.get(kind) or MOST[role(kind)]


def label(kind: str, unit: Unit) -> str:
    """By what holders of a value are told apart: a person's name, a company's brand; for a brand its place."""
    if unit.kind == "company" or (unit.orgs and not unit.full):
        org = next(iter(unit.orgs), None)
        if org is None:
            return ""
        return (org.branch or org.city or org.province) if kind in ("brand", "domain") else "org " + org.sound
    if kind == "brand":
        return ""
    for name in (*unit.full.values(), *unit.latin.values()):
        if name.sounds:
            return " ".join(min(name.sounds))
    return ""


class _Union:
    """Union-find over numbers."""

    def __init__(self, size: int) -> None:
        self.parent = list(range(size))

    def root(self, i: int) -> int:
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = self.parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        i, j = self.root(i), self.root(j)
        if i != j:
            self.parent[max(i, j)] = min(i, j)
