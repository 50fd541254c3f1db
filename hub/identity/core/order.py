"""In which order records are decided best: those who share keys side by side.

A batch then holds most of whom each of its records must be compared with, so that little of what is stored is read, and each
group is put together once instead of anew for each that comes. Everybody is put beside whom he shares a key with, those of
rare keys first: so whoever shares something rare stands near, and common things decide where whole rows stand.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

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
        for place, part in enumerate(self._parts):
            ordered = sorted(part)
            self._parts[place] = array("Q", ordered)  # is sorted at once when it is asked for again
            last, inside = -1, [0]
            for entry in ordered:
                if entry >> shift == last:
                    inside.append(entry & numbers)
                    continue
                if len(inside) > 1:
                    yield last, inside
                last, inside = entry >> shift, [entry & numbers]
            if len(inside) > 1:
                yield last, inside


class Order:
    """Takes one record after the other; tells who is decided together."""

    def __init__(self) -> None:
        self._records, self._keys = _Shared(), _Shared()
        self._size = 0

    def add(self, own: int, marks: Iterable[int]) -> None:
        """The next record. own: the mark of itself, which it has again when it comes twice; marks: of its keys."""
        self._records.add(self._size, (own,))
        self._keys.add(self._size, marks)
        self._size += 1

    def batches(self, size: int) -> list[Sequence[int]]:
        """The numbers of the records, from 0, about so many together. Records that are the same one are never parted, and keep
        their order."""
        line, again = self._line()
        order, found, start = line.whole(), list[Sequence[int]](), 0
        while start < len(order):
            end = start + size
            while end < len(order) and order[end] in again:
                end += 1
            found.append(order[start:end])
            start = end
        return found

    def _line(self) -> tuple[_Line, set[int]]:
        """The records in a line, and those that are the same as one before them."""
        line, again = _Line(self._size), set[int]()
        for _, numbers in self._records.groups():
            again.update(numbers[1:])
            line.join(numbers)
        common = [array("I") for _ in range(MOST_HOLDERS + 1)]
        for _, numbers in self._keys.groups():
            if len(numbers) <= MOST_HOLDERS:
                common[len(numbers)].extend(numbers)
        for size, flat in enumerate(common):
            # Marks are another store's others: the records alone decide.
            for group in sorted(zip(*[iter(flat)] * size, strict=True)):
                line.join(group)
        return line, again

    def elsewhere(self, batches: Sequence[Sequence[int]]) -> Elsewhere:
        """Which keys somebody in another of these batches has as well."""
        home = array("I", [0]) * self._size
        for place, numbers in enumerate(batches):
            for number in numbers:
                home[number] = place
        found = Elsewhere()
        for each, numbers in self._keys.groups():
            if len({home[number] for number in numbers}) > 1:
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

    def join(self, numbers: Sequence[int]) -> None:
        """Put the rows of these records one behind the other."""
        a = self._root(numbers[0])
        for number in numbers[1:]:
            b = self._root(number)
            if a == b:
                continue
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
