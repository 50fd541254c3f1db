"""What on the table is worth comparing: profiles that proofs or people join (atoms), and the atoms that share something.

Both are kept while more comes to the table, so that only what is touched by it is put together anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

from hub.identity.core.unit import Unit, join

Refs = Collection[str]
May = Callable[[Refs, Refs, bool], bool]
"""Whether two groups may be one; and whether a person said so."""


MANY = 24
"""Atoms of which each is compared with each."""


class Tie(NamedTuple):
    """Refs that share something, and how many atoms of them are a crowd. The refs may become more."""

    refs: Refs
    bound: int


class Parts:
    """Union-find over refs; who is in it with nobody has no members."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self.members: dict[str, list[str]] = {}

    def root(self, ref: str) -> str:
        """The smallest ref of those joined with this one."""
        parent = self._parent
        above = parent.get(ref, ref)
        while above != ref:
            over = parent.get(above, above)
            parent[ref] = over
            ref, above = above, over
        return ref

    def join(self, one: str, other: str) -> tuple[str, str]:
        """Make two one; the root, and the root that is none any more ('' when they were one before)."""
        a, b = self.root(one), self.root(other)
        if a == b:
            return a, ""
        if b < a:
            a, b = b, a
        self._parent[b] = a
        self.members[a] = self.members.get(a) or [a]
        self.members[a] += self.members.pop(b, [b])
        return a, b


class Ties:
    """Who is one by proof, and who shares something with whom."""

    def __init__(self, alone: Mapping[str, Unit]) -> None:
        self._alone = alone
        self._atoms, self._near = Parts(), Parts()
        self._ties: dict[str, dict[int, Tie]] = {}
        self._made: dict[tuple[str, ...], Unit] = {}
        self.touched: set[str] = set()
        self.gone: set[str] = set()

    def prove(self, wanted: Iterable[tuple[str, str, bool]], may: May) -> None:
        """Join what proofs or people join: two refs and whether a person said so, the surest first."""
        atoms = self._atoms
        for one, other, said in wanted:
            a, b = atoms.root(one), atoms.root(other)
            if a != b and may(atoms.members.get(a) or [a], atoms.members.get(b) or [b], said):
                atoms.join(a, b)
                self._meet(a, b)

    def tie(self, tie: Tie) -> None:
        """Refs share something; again when they have become more."""
        heads = {self._atoms.root(ref) for ref in tie.refs if ref in self._alone}
        if not 1 < len(heads) <= tie.bound:
            return
        first, *others = heads
        for head in others:
            self._meet(first, head)
        root = self._near.root(first)
        self._ties.setdefault(root, {})[id(tie.refs)] = tie
        self.touched.add(root)

    def _meet(self, one: str, other: str) -> None:
        root, lost = self._near.join(one, other)
        if lost:
            if moved := self._ties.pop(lost, None):
                self._ties.setdefault(root, {}).update(moved)
            self.touched.discard(lost)
            self.gone.add(lost)
        self.touched.add(root)

    def proven(self, refs: Iterable[str]) -> Iterator[Unit]:
        """Atoms of several profiles, one of these among them."""
        heads = {self._atoms.root(ref) for ref in refs}
        return (self._unit(head) for head in sorted(heads & self._atoms.members.keys()))

    def alone(self) -> Iterator[Unit]:
        """Units with which nothing else shares anything."""
        grouped = {ref for refs in self._near.members.values() for ref in refs}
        return (unit for ref, unit in self._alone.items() if ref not in grouped)

    def component(self, root: str) -> tuple[list[Unit], list[tuple[int, int]]]:
        """The atoms of a group, and the places of those that share something."""
        atoms = self._atoms
        heads = sorted({atoms.root(ref) for ref in self._near.members[root]})
        place = {head: i for i, head in enumerate(heads)}
        pairs: set[tuple[int, int]] = set()
        for tie in self._ties.get(root, {}).values():
            found = sorted({place[atoms.root(ref)] for ref in tie.refs if ref in self._alone})
            if 1 < len(found) <= tie.bound:
                pairs.update(compared(found))
        return [self._unit(head) for head in heads], sorted(pairs)

    def _unit(self, head: str) -> Unit:
        refs = self._atoms.members.get(head)
        if refs is None:
            return self._alone[head]
        key = tuple(sorted(refs))
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = join([self._alone[ref] for ref in key])
        return found


def compared(places: Sequence[int]) -> Iterable[tuple[int, int]]:
    """The pairs that are compared among ascending atoms: each with each; of many, the first with all and neighbours."""
    if len(places) <= MANY:
        return combinations(places, 2)
    return ((places[0], places[1]), *((places[0], other) for other in places[2:]), *pairwise(places[1:]))


def claims(holders: Iterable[list[str]]) -> Iterable[tuple[str, str, bool]]:
    """Pairs of the holders of a proof: each with the first that it may be joined with, because one that people parted from
    the first may belong to another."""
    for refs in sorted(sorted(refs) for refs in holders):
        for i in range(1, len(refs)):
            for j in range(i):
                yield refs[j], refs[i], False
