"""The plain cases of a component, without the whole procedure: everybody who might be one clearly is, or clearly is not.

Stored customers are taken as they stand. As soon as anything is near the threshold, contested, or speaks against what is
stored, the answer is None, and `hub.identity.core.cluster` looks at all of it from the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from hub.identity.core.cluster import Apart, Joined, Outcome
from hub.identity.core.compare import compare
from hub.identity.core.score import Context, Score
from hub.identity.core.unit import Unit, join
from hub.identity.core.weights import Preset

ABOVE, BELOW = 2.0, 3.0
"""Bits above the threshold of merging, and below the one of review, that make a case clear."""


class Component(NamedTuple):
    """Atoms that might be one; the places of those that share a key or a customer; the customers that each is stored with, and
    whether something in it is new."""

    atoms: list[Unit]
    pairs: list[tuple[int, int]]
    owners: list[frozenset[str]]
    fresh: list[bool]


class Quick:
    """Settles one component, or says that it is not plain."""

    def __init__(self, component: Component, context: Context, preset: Preset, apart: Apart) -> None:
        self.component, self.context, self.apart = component, context, apart
        self.above, self.below = preset.merge + ABOVE, preset.review - BELOW
        self.units: list[Unit] = []
        self.members: list[list[int]] = []
        self.fresh: list[bool] = []
        self.scores: dict[tuple[int, int], Score] = {}

    def settle(self) -> Outcome | None:
        """The outcome, None when the case is not plain."""
        if len(self.component.atoms) == 1:
            return Outcome(units=list(self.component.atoms))
        place = self._stored()
        if place is None:
            return None
        for i, j in self.component.pairs:
            a, b = place[i], place[j]
            if a != b and (self.fresh[a] or self.fresh[b]) and not self._clear(a, b):
                return None
        return self._grouped()

    def known(self) -> dict[tuple[int, int], Score]:
        """What was compared atom by atom, by their places, the smaller first."""
        alone = {number: inside[0] for number, inside in enumerate(self.members) if len(inside) == 1}
        return {(alone[a], alone[b]): score for (a, b), score in self.scores.items() if a in alone and b in alone}

    def _stored(self) -> list[int] | None:
        """Each atom's unit: its customer's, or its own."""
        members = self.members
        homes: dict[str, int] = {}
        place: list[int] = []
        for i, owner in enumerate(self.component.owners):
            if len(owner) > 1:
                return None
            number = homes.setdefault(next(iter(owner)), len(members)) if owner else len(members)
            if number == len(members):
                members.append([])
            members[number].append(i)
            place.append(number)
        atoms, fresh = self.component.atoms, self.component.fresh
        for inside in members:
            if len(inside) > 1 and not self._holds(inside):
                return None
            self.units.append(join([atoms[i] for i in inside]) if len(inside) > 1 else atoms[inside[0]])
            self.fresh.append(any(fresh[i] for i in inside))
        return place

    def _holds(self, inside: list[int]) -> bool:
        """Whether a customer to whom something came by a proof is still plainly one."""
        atoms, fresh = self.component.atoms, self.component.fresh
        for i in inside:
            if fresh[i]:
                rest = join([atoms[j] for j in inside if j != i])
                if self.apart(atoms[i], rest) or compare(atoms[i], rest, self.context).bits < self.above:
                    return False
        return True

    def _score(self, a: int, b: int) -> Score:
        key = (a, b) if a < b else (b, a)
        if key not in self.scores:
            one, other = self.units[key[0]], self.units[key[1]]
            parted = self.apart(one, other)
            self.scores[key] = Score(-99.0, (), "person") if parted else compare(one, other, self.context)
        return self.scores[key]

    def _clear(self, a: int, b: int) -> bool:
        score = self._score(a, b)
        return score.bits >= self.above or (score.bits <= self.below and not score.conflict)

    def _grouped(self) -> Outcome | None:
        """Groups in which each is plainly one with each other."""
        home = list(range(len(self.units)))
        for (a, b), score in self.scores.items():
            if score.bits >= self.above and home[a] != home[b]:
                old, new = home[b], home[a]
                home = [new if number == old else number for number in home]
        groups: dict[int, list[int]] = {}
        for number, root in enumerate(home):
            groups.setdefault(root, []).append(number)
        outcome = Outcome()
        for group in groups.values():
            if any(self._score(a, b).bits < self.above for a, b in combinations(group, 2)):
                return None
            outcome.units.append(self._joined(group, outcome))
        outcome.compared = [(self.units[a], self.units[b], s) for (a, b), s in self.scores.items() if home[a] != home[b]]
        return outcome

    def _joined(self, group: Sequence[int], outcome: Outcome) -> Unit:
        """Everybody with the one he is likeliest one with."""
        if len(group) == 1:
            return self.units[group[0]]
        for b in group[1:]:
            a = max((other for other in group if other != b), key=lambda other: self._score(other, b).bits)
            outcome.joined.append(Joined(self.units[b], self.units[a], self._score(a, b)))
        return join([self.units[number] for number in group])
