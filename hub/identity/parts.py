"""What on the table is worth comparing: profiles that proofs or people join (atoms), and the atoms that share something."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from hub.identity.unit import Unit, join

Refs = Collection[str]


class Parts:
    """Union-find over refs; who is in it with nobody has no entry."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, ref: str) -> str:
        """The smallest ref of those joined with this one."""
        parent = self._parent
        above = parent.get(ref, ref)
        while above != ref:
            over = parent.get(above, above)
            parent[ref] = over
            ref, above = above, over
        return ref

    def join(self, one: str, other: str) -> str:
        """Make two one; the root."""
        a, b = self.root(one), self.root(other)
        if b < a:
            a, b = b, a
        if a != b:
            self._parent[b] = a
        return a

    def groups(self, refs: Iterable[str]) -> dict[str, list[str]]:
        """Those of the refs that are together, by their root."""
        found: dict[str, list[str]] = {}
        for ref in refs:
            found.setdefault(self.root(ref), []).append(ref)
        return found


def proven(wanted: Iterable[tuple[str, str, bool]], may: Callable[[Refs, Refs, bool], bool]) -> dict[str, list[str]]:
    """Refs that are joined, by the smallest of each group. wanted: two refs and whether a person said so, the surest first.

    may: whether two groups may be one.
    """
    parts, inside = Parts(), dict[str, list[str]]()
    for one, other, said in wanted:
        a, b = parts.root(one), parts.root(other)
        if a != b:
            mine, theirs = inside.get(a, [a]), inside.get(b, [b])
            if may(mine, theirs, said):
                inside[parts.join(a, b)] = mine + theirs
                inside.pop(max(a, b), None)
    return {root: sorted(refs) for root, refs in inside.items()}


def claims(holders: Iterable[list[str]]) -> Iterable[tuple[str, str, bool]]:
    """Pairs of the holders of a proof: each with the first that it may be joined with, because one that people parted from
    the first may belong to another."""
    for refs in sorted(sorted(refs) for refs in holders):
        for i in range(1, len(refs)):
            for j in range(i):
                yield refs[j], refs[i], False


class Atoms:
    """The units that proofs leave, by the smallest of their refs. made: units that were joined before, by their refs."""

    def __init__(
        self, joined: Mapping[str, list[str]], alone: Callable[[str], Unit], made: dict[tuple[str, ...], Unit]
    ) -> None:
        self._joined, self._alone, self._made = joined, alone, made
        self.head = {ref: root for root, refs in joined.items() for ref in refs}

    def heads(self, refs: Iterable[str]) -> set[str]:
        """The atoms that hold these refs."""
        head = self.head
        return {head.get(ref, ref) for ref in refs}

    def unit(self, root: str) -> Unit:
        """An atom."""
        refs = self._joined.get(root)
        if refs is None:
            return self._alone(root)
        key = tuple(refs)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = join([self._alone(ref) for ref in refs])
        return found
