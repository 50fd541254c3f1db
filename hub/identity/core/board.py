"""What lies on the table while a batch is decided: its records, the stored ones they may be, and who shares which key."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.identity.core.cluster import Outcome
from hub.identity.core.features import Features
from hub.identity.core.frequency import Frequency, counted
from hub.identity.core.keying import Keys, Plain, keys, label, most, role
from hub.identity.core.order import Elsewhere
from hub.identity.core.others import Shown, shown
from hub.identity.core.parts import MANY, Tie, Ties, claims
from hub.identity.core.quick import Component
from hub.identity.core.store import Decision, Store
from hub.identity.core.unit import Unit, content, of_profile
from hub.identity.core.weights import Model

_JUST = 6
"""Customers above the bound up to which a value has turned a crowd's just now, so that what rested on it is looked at again."""


@dataclass(slots=True)
class Piece:
    """A profile on the table. customer: where it is stored, '' for a new one. features: when they are to be written. whole:
    nobody elsewhere has one of its keys."""

    ref: str
    unit: Unit
    customer: str = ""
    features: Features | None = None
    keys: Keys | None = None
    recalled: bool = False
    whole: bool = False


@dataclass
class Board:
    """Made for one batch. See the module, and `Engine` for ``expected`` and ``elsewhere``."""

    store: Store
    blind: Callable[[str, str], bytes]
    model: Model
    expected: int = 0
    elsewhere: Elsewhere | None = None
    recalled: bool = False
    pieces: dict[str, Piece] = field(default_factory=dict)
    frequency: Frequency = field(init=False)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    index: dict[Plain, dict[str, None]] = field(default_factory=dict)
    crowds: set[Plain] = field(default_factory=set)
    different: dict[str, set[str]] = field(default_factory=dict)
    same: list[Decision] = field(default_factory=list)
    extra_keys: dict[str, set[Plain]] = field(default_factory=dict)
    generic: set[str] = field(default_factory=set)
    settled: dict[str, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._looked: set[Plain] = set()
        self._ours: set[Plain] = set()
        self._beyond: dict[Plain, Counter[str]] = {}
        self._loaded: set[str] = set()
        self._shown: dict[Plain, Shown] = {}
        self._digests: dict[Plain, bytes] = {}
        self._shared: dict[Plain, dict[str, None]] = {}
        self._homes: dict[str, list[str]] = defaultdict(list)
        self._proofs: dict[Any, list[str]] = {}
        self._units: dict[str, Unit] = {}
        self._unproven: list[Piece] = []
        self._arrived: dict[str, None] = {}
        self._ties = Ties(self._units)
        self.gone: set[str] = set()
        self._whole: dict[int, Unit] = {}

    # -- what comes in

    def arrive(self, arrivals: Iterable[Any]) -> list[Piece]:
        """Put a batch on the table; unchanged records are left out."""
        newest = {item.ref: item.features for item in arrivals}
        stored = self.store.known(newest) if self.elsewhere is None else {}
        fresh = []
        for ref, features in newest.items():
            old = stored.get(ref)
            if old is not None and old.features == features.dump():
                continue
            piece = Piece(ref, of_profile(ref, features), old.customer if old else "", features)
            fresh.append(piece)
            self._put(piece)
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
        return fresh

    def reach(self, pieces: Iterable[Piece], near: Callable[[Unit, Unit], bool]) -> list[Piece]:
        """Neighbours of these pieces that are near enough to be one with them, with what they are stored with: looked at again
        as well, and their own neighbours put on the table."""
        found: dict[str, Piece] = {}
        for piece in pieces:
            for key in self._looked_for(piece):
                for ref in self.index.get(key, ()):
                    other = self.pieces.get(ref)
                    if other is not None and not other.recalled and ref not in found and near(piece.unit, other.unit):
                        found.update((mate, self.pieces[mate]) for mate in self._homes[other.customer])
        for piece in found.values():
            piece.recalled = True
        looked = [(ref, self._looked_for(piece)) for ref, piece in found.items()]
        counted = {key for piece in found.values() if piece.keys for key in piece.keys.counted}
        if found and self._look(looked, counted):
            self._decisions()
        return list(found.values())

    def _looked_for(self, piece: Piece) -> list[Plain]:
        return [key for key in (piece.keys or self._keys(piece)).looked if key not in self.crowds]

    def _keys(self, piece: Piece) -> Keys:
        """A profile's own keys, in the index of who shares which."""
        piece.keys = keys(piece.unit)
        self._enter(piece.ref, piece.keys.stored)
        return piece.keys

    def _enter(self, ref: str, found: Iterable[Plain]) -> None:
        """Put a profile's keys into the index."""
        index, shared = self.index, self._shared
        for key in found:
            refs = index.get(key)
            if refs is None:
                index[key] = {ref: None}
            elif ref not in refs:
                refs[ref] = None
                shared[key] = refs

    def _begin(self, fresh: list[Piece]) -> None:
        self.frequency = Frequency(self.store.counts(), self.model.least, more=self.counts, expected=self.expected)
        looked: list[tuple[str, list[Plain]]] = []
        counted: set[Plain] = set()
        for piece in fresh:
            found = self._keys(piece)
            looked.append((piece.ref, found.looked))
            counted.update(found.counted)
            if self.elsewhere is not None:
                self._inside(piece, found, self.elsewhere)
        self._look(looked, counted)
        self._load({piece.customer for piece in fresh if piece.customer})
        self._decisions()

    def _inside(self, piece: Piece, found: Keys, elsewhere: Elsewhere) -> None:
        """Take note of the keys of a record that nobody outside has."""
        own = {*found.stored, *found.looked, *found.counted}
        theirs = {key for key in own if elsewhere(self.digest(key))}
        piece.whole = not theirs
        self._ours |= own - theirs

    def _look(self, wanted: Sequence[tuple[str, list[Plain]]], counted: Collection[Plain] = ()) -> bool:
        """Read the holders of keys and load their customers, but those of keys that are only counted; whether anything new
        came."""
        plain = {}
        for _, found_keys in wanted:
            for key in found_keys:
                if key not in self._looked:
                    self._looked.add(key)
                    if key not in self._ours:
                        plain[self.digest(key)] = key
                    if len(here := self.index.get(key, {})) > 1:
                        self._shared[key] = here
        for key in counted:
            if key not in self._looked and key not in self._beyond:
                self._beyond[key] = Counter()
                if key not in self._ours:
                    plain[self.digest(key)] = key
        rows: dict[Plain, dict[str, str]] = defaultdict(dict)
        for digest, ref, customer in self.store.holders(list(plain)):
            rows[plain[digest]][ref] = customer
        customers: set[str] = set()
        for key, refs in rows.items():
            if key not in self._looked:
                self._beyond[key] = Counter(refs.values())
                continue
            found = set(refs.values())
            if len(found) > most(key[0]):
                self.crowds.add(key)
                if role(key[0]) == "strong" and len(found) <= most(key[0]) + _JUST:
                    self.generic |= found
                continue
            for ref in refs:
                self._enter(ref, (key,))
            customers |= found
        for ref, found_keys in wanted:
            self._enter(ref, found_keys)
        self._shown.clear()
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
                self._put(Piece(profile.ref, of_profile(profile.ref, features), profile.customer))
        return True

    def _put(self, piece: Piece) -> None:
        self.pieces[piece.ref] = piece
        self._units[piece.ref] = piece.unit
        self._unproven.append(piece)
        if piece.customer:
            home = self._homes[piece.customer]
            home.append(piece.ref)
            if len(home) > 1:
                self._arrived[piece.customer] = None

    def digest(self, key: Plain) -> bytes:
        """A key's blind index."""
        found = self._digests.get(key)
        if found is None:
            found = self._digests[key] = self.blind(*key)
        return found

    def _decisions(self) -> None:
        self.different, self.same = {}, []
        for found in self.store.decisions(self.pieces):
            if found.verdict == "different" or found.verdict == "related":
                self.different.setdefault(found.a, set()).add(found.b)
                self.different.setdefault(found.b, set()).add(found.a)
            elif found.verdict == "same":
                self.same.append(found)

    def look_proven(self) -> None:
        """Look for the keys of those whom proofs or people join, so that what they have only together is known before anything
        else claims them."""
        self._ties.prove(self._claims(), self._may_be_one)
        self.look_further(self._ties.proven(ref for ref, piece in self.pieces.items() if piece.features is not None))

    def look_further(self, units: Iterable[Unit]) -> bool:
        """Keys that only a whole group has (one's number with another's name): look for them; whether anything new came."""
        wanted = []
        for unit in units:
            if unit.size == 1 or id(unit) in self._whole:
                continue
            self._whole[id(unit)] = unit
            if not any(self.pieces[ref].features is not None for ref in unit.refs):
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
                if self.elsewhere is not None:
                    self.elsewhere.add(map(self.digest, more))
                self._enter(unit.refs[-1], more)
            looked = [key for key in whole.looked if key not in self._looked]
            if looked:
                wanted.append((unit.refs[-1], looked))
        came = self._look(wanted) if wanted else False
        if came:
            self._decisions()
        return came

    # -- who belongs together

    def components(self) -> dict[str, Component]:
        """Groups of atoms worth comparing that are new or touched since this was asked last, by a name of their own.

        ``gone``: names of groups that are part of another now.
        """
        ties = self._ties
        ties.prove(self._claims(), self._may_be_one)
        for customer in self._arrived:
            ties.tie(Tie(self._homes[customer], _ANY))
        for key, refs in self._shared.items():
            if key not in self.crowds and key in self._looked:
                for tie in self._tied(key, refs):
                    ties.tie(tie)
        self.gone, touched = ties.gone, sorted(ties.touched)
        ties.gone, ties.touched, self._arrived, self._shared = set(), set(), {}, {}
        return {root: self._component(*ties.component(root)) for root in touched}

    def _tied(self, key: Plain, refs: Mapping[str, None]) -> Iterable[Tie]:
        """Those who share a key. Of many who share a number or mailbox: those of one name, and one of each name."""
        bound = max(2 * most(key[0]), MANY // 2)
        if len(refs) <= bound or role(key[0]) != "strong":
            return [Tie(refs, bound)]
        called: dict[str, list[str]] = defaultdict(list)
        for ref in refs:
            if ref in self.pieces:
                called[label(key[0], self.pieces[ref].unit)].append(ref)
        one_each = [inside[0] for inside in called.values()]
        return [Tie(inside, _ANY) for inside in (*called.values(), one_each)] if len(called) <= most(key[0]) else []

    def alone(self) -> list[Unit]:
        """Units with which nothing here could be one."""
        return list(self._ties.alone())

    def _component(self, units: list[Unit], pairs: list[tuple[int, int]]) -> Component:
        owners, fresh = [], []
        for unit in units:
            inside = [self.pieces[ref] for ref in unit.refs]
            owners.append(frozenset([piece.customer for piece in inside if piece.customer]))
            fresh.append(any(piece.features is not None or piece.recalled for piece in inside))
        # Stored customers whom nothing new concerns stay as they are: compared with what is new, and kept together.
        pairs = [(i, j) for i, j in pairs if fresh[i] or fresh[j] or not owners[i].isdisjoint(owners[j])]
        return Component(units, pairs, owners, fresh)

    def _claims(self) -> Iterable[tuple[str, str, bool]]:
        """Profiles that people or proofs join, as far as something new is among them."""
        changed: dict[Any, list[str]] = {}
        for piece in self._unproven:
            for proof in (*piece.unit.proofs, *(("code", code) for code in piece.unit.code)):
                found = self._proofs.setdefault(proof, [])
                found.append(piece.ref)
                if len(found) > 1:
                    changed[proof] = found
        self._unproven = []
        for said in self.same:
            if said.a in self.pieces and said.b in self.pieces:
                yield said.a, said.b, True
        yield from self._copies()
        yield from claims(changed.values())

    def _copies(self) -> Iterable[tuple[str, str, bool]]:
        """Profiles that say word for word the same, among those of a number or mailbox that many have."""
        for key, refs in self._shared.items():
            if len(refs) <= MANY or role(key[0]) != "strong" or key in self.crowds:
                continue
            first: dict[Any, str] = {}
            for ref in refs:
                unit = self.pieces[ref].unit if ref in self.pieces else None
                if unit is not None and not unit.accounts and not unit.orders:
                    other = first.setdefault(content(unit), ref)
                    yield from [(other, ref, False)] if other != ref else []

    def _parted(self, a: Collection[str], b: Collection[str]) -> bool:
        return bool(self.different) and any(not self.different.get(ref, _NONE).isdisjoint(b) for ref in a)

    def _may_be_one(self, a: Collection[str], b: Collection[str], said: bool) -> bool:
        """Whether two are joined: never what people have parted; unless a person says so, only what is of one kind and code."""
        if said or self._parted(a, b):
            return not self._parted(a, b)
        units = [self.pieces[ref].unit for ref in (*a, *b)]
        if len({unit.kind for unit in units} - {""}) > 1:
            return False
        mine, theirs = (set().union(*(self.pieces[ref].unit.code for ref in refs)) for refs in (a, b))
        return not mine or not theirs or bool(mine & theirs)

    def whole(self, unit: Unit) -> bool:
        """Whether nobody shares a key with a unit who was not on the table when it was decided, or will ever be."""
        return all(self.pieces[ref].whole for ref in unit.refs)

    # -- what scoring asks

    def apart(self, a: Unit, b: Unit) -> bool:
        """Whether people have parted the two."""
        return self._parted(a.refs, b.refs)

    def others(self, kind: str, value: str, a: Unit, b: Unit) -> float:
        """How much of a value is others' (see `hub.identity.core.score.Others`)."""
        key = (kind, value)
        if key in self.crowds:
            return -1
        found = self._shown.get(key)
        if found is None:
            units = [self.pieces[ref].unit for ref in self.index.get(key, ()) if ref in self.pieces]
            away = [count for customer, count in self._beyond.get(key, _NOBODY).items() if customer not in self._loaded]
            found = self._shown[key] = shown(kind, units, away)
        return found.others(a, b)


_NONE: frozenset[str] = frozenset()
_NOBODY: Counter[str] = Counter()
_ANY = 1_000_000_000
