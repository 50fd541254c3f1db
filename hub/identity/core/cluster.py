"""Which of several units are one customer: best pairs first, whole groups compared again after each join, so that the outcome
depends on what is known and not on the order in which it came."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import log2
from typing import NamedTuple

from hub.identity.core.compare import compare
from hub.identity.core.score import Context, Score
from hub.identity.core.unit import Unit, join
from hub.identity.core.weights import Preset

Apart = Callable[[Unit, Unit], bool]
"""Whether people have said that something in the one is not the same as something in the other."""


class Joined(NamedTuple):
    """Two units that were joined: a profile of each, what spoke for it, and how many profiles each side had."""

    a: Unit
    b: Unit
    score: Score


class Open(NamedTuple):
    """Two units that stay apart though something speaks for them. reason: uncertain, conflict, ambiguous."""

    a: Unit
    b: Unit
    score: Score
    reason: str


@dataclass
class Outcome:
    """units: the final groups. joined: in the order of joining. related: pairs kept apart by evidence that shows a relation."""

    units: list[Unit] = field(default_factory=list)
    joined: list[Joined] = field(default_factory=list)
    open: list[Open] = field(default_factory=list)
    unsettled: list[Unit] = field(default_factory=list)
    compared: list[tuple[Unit, Unit, Score]] = field(default_factory=list)


class Clustering:
    """One component of the graph of candidates. known: scores of its atoms, by their places, the smaller first."""

    def __init__(
        self, context: Context, preset: Preset, apart: Apart, known: Mapping[tuple[int, int], Score] | None = None
    ) -> None:
        self.context, self.preset, self.apart, self.known = context, preset, apart, known or {}
        self.units: dict[int, Unit] = {}
        self.near: dict[int, set[int]] = {}
        self.scores: dict[tuple[int, int], Score] = {}
        self._heap: list[tuple[float, int, int]] = []
        self._ambiguous: dict[tuple[int, int], Score] = {}
        self._next = 0

    def run(self, atoms: list[Unit], pairs: Iterable[tuple[int, int]]) -> Outcome:
        """Group the atoms; pairs: places of those that share a key."""
        self.units = dict(enumerate(atoms))
        self.near = {i: set() for i in self.units}
        self._next = len(atoms)
        outcome = Outcome()
        for i, j in pairs:
            self._pair(i, j)
        while self._heap:
            bits, i, j = heapq.heappop(self._heap)
            if i not in self.units or j not in self.units or self.scores[i, j].bits != -bits:
                continue
            if self._contested(i, j) >= self.preset.merge:
                outcome.joined.append(Joined(self.units[i], self.units[j], self.scores[i, j]))
                self._join(i, j)
            else:
                self._ambiguous[i, j] = self.scores[i, j]
        outcome.units = list(self.units.values())
        self._remaining(outcome)
        return outcome

    def _pair(self, i: int, j: int) -> None:
        i, j = (i, j) if i < j else (j, i)
        if (i, j) in self.scores:
            return
        score = self._score(i, j)
        self.near[i].add(j)
        self.near[j].add(i)
        if score.bits >= self.preset.merge:
            heapq.heappush(self._heap, (-score.bits, i, j))

    def _score(self, i: int, j: int) -> Score:
        i, j = (i, j) if i < j else (j, i)
        if (i, j) not in self.scores:
            score = self.known.get((i, j))
            if score is None:
                a, b = self.units[i], self.units[j]
                score = Score(-99.0, (), "person") if self.apart(a, b) else compare(a, b, self.context)
            self.scores[i, j] = score
        return self.scores[i, j]

    def _contested(self, i: int, j: int) -> float:
        """Bits for joining when others claim one of the two as well and cannot all have it."""
        bits = self.scores[i, j].bits
        rival = -4.0
        for one, other in ((i, j), (j, i)):
            for k in self.near[one] - {other}:
                claim = self._score(one, k).bits
                if claim > bits - 12 and claim > rival and self._score(other, k).bits < -6:
                    rival = claim
        return bits - log2(1.0 + 2.0**rival)

    def _join(self, i: int, j: int) -> None:
        unit = join([self.units.pop(i), self.units.pop(j)])
        new, self._next = self._next, self._next + 1
        self.units[new] = unit
        neighbours = (self.near.pop(i) | self.near.pop(j)) - {i, j}
        self.near[new] = set()
        for k in neighbours:
            self.near[k] -= {i, j}
            self._pair(k, new)

    def _remaining(self, outcome: Outcome) -> None:
        for i, others in self.near.items():
            for j in others:
                if i > j:
                    continue
                a, b, score = self.units[i], self.units[j], self.scores[i, j]
                outcome.compared.append((a, b, score))
                if (i, j) in self._ambiguous:
                    outcome.open.append(Open(a, b, score, "ambiguous"))
                elif not score.forbidden and (score.bits >= self.preset.review or score.conflict):
                    outcome.open.append(Open(a, b, score, "conflict" if score.conflict else "uncertain"))
