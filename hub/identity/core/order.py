"""In which order records are decided best: those who share keys side by side.

A batch then holds most of whom each of its records must be compared with, so that little of what is stored is read, and each
group is put together once instead of anew for each that comes. Everybody is put beside whom he shares a key with, those of
rare keys first: so whoever shares something rare stands near, and common things decide where whole rows stand.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from hub.identity.core.store import MOST_HOLDERS

MOST = 1 << 20
"""Records that are put in order together."""
_PARTS = 16
_MARKS = 44
"""Bits that tell one key from another; the others of 64 are for the record's number."""
_SLOTS = 1 << 24


def mark(digest: bytes) -> int:
    """What a key is known by here, from its blind index."""
    return int.from_bytes(digest[:8], "little") >> (64 - _MARKS)


class _Shared:
    """Which records share a mark, found by sorting some marks at a time. 8 bytes of memory for each mark of each record."""

    def __init__(self) -> None:
        self._parts = [array("Q") for _ in range(_PARTS)]

    def add(self, number: int, marks: Iterable[int]) -> None:
        """The marks of a record."""
        parts = self._parts
        for each in marks:
            parts[each % _PARTS].append(each << (64 - _MARKS) | number)

    def groups(self) -> Iterator[tuple[int, list[int]]]:
        """(mark, records) of each mark that several have, the records in their order."""
        shift, numbers = 64 - _MARKS, (1 << (64 - _MARKS)) - 1
        for part in self._parts:
            last, inside = -1, [0]
            for entry in sorted(part):
                if entry >> shift == last:
                    inside.append(entry & numbers)
                    continue
                if len(inside) > 1:
                    yield last, inside
                last, inside = entry >> shift, [entry & numbers]
            if len(inside) > 1:
                yield last, inside


class Order:
    """Takes one record after the other; tells the order of all."""

    def __init__(self) -> None:
        self._records, self._keys = _Shared(), _Shared()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, own: int, marks: Iterable[int]) -> None:
        """The next record. own: the mark of itself, which it has again when it comes twice; marks: of its keys."""
        self._records.add(self._size, (own,))
        self._keys.add(self._size, marks)
        self._size += 1

    def order(self) -> Sequence[int]:
        """The numbers of the records, from 0. Records that are the same one keep their order."""
        line = _Line(self._size)
        for _, numbers in self._records.groups():
            for one, other in pairwise(numbers):
                line.join(one, other)
        common = [array("I") for _ in range(MOST_HOLDERS + 1)]
        for _, numbers in self._keys.groups():
            if len(numbers) <= MOST_HOLDERS:
                common[len(numbers)].extend(numbers)
        for size, groups in enumerate(common):
            for place in range(0, len(groups), size or 1):
                for one, other in pairwise(groups[place : place + size]):
                    line.join(one, other)
        return line.whole()

    def elsewhere(self, order: Sequence[int], size: int) -> Elsewhere:
        """Which keys somebody in another batch of this size has as well."""
        batch = array("I", [0]) * self._size
        for place, number in enumerate(order):
            batch[number] = place // size
        found = Elsewhere()
        for each, numbers in self._keys.groups():
            if len({batch[number] for number in numbers}) > 1:
                found.note(each)
        return found


class Elsewhere:
    """Tells of a key, by its digest, whether somebody outside a record's own batch has it, or will have, in an empty store.

    It may say so of one that nobody else has, never the other way round.
    """

    def __init__(self) -> None:
        self._slots = bytearray(_SLOTS)

    def __call__(self, digest: bytes) -> bool:
        return bool(self._slots[mark(digest) % _SLOTS])

    def note(self, each: int) -> None:
        """Of a key, by its mark."""
        self._slots[each % _SLOTS] = 1

    def add(self, digests: Iterable[bytes]) -> None:
        """A group has come to keys that none of its records has alone."""
        for digest in digests:
            self.note(mark(digest))


class _Line:
    """Records in rows, each its own at first; rows are joined end to end, the shorter behind the longer."""

    def __init__(self, size: int) -> None:
        self._parent, self._head, self._tail = (array("I", range(size)) for _ in range(3))
        self._next, self._size = array("I", range(size)), array("I", [1]) * size

    def _root(self, number: int) -> int:
        parent = self._parent
        while (above := parent[number]) != number:
            parent[number] = parent[above]
            number = parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        """Put the rows of two records one behind the other."""
        a, b = self._root(one), self._root(other)
        if a == b:
            return
        if self._size[a] < self._size[b]:
            a, b = b, a
        self._parent[b] = a
        self._size[a] += self._size[b]
        self._next[self._tail[a]] = self._head[b]
        self._tail[a] = self._tail[b]

    def whole(self) -> array[int]:
        """All rows, one behind the other."""
        found = array("I")
        for number, parent in enumerate(self._parent):
            if number == parent:
                here, end = self._head[number], self._tail[number]
                found.append(here)
                while here != end:
                    here = self._next[here]
                    found.append(here)
        return found
