"""In which order records are decided best: those who share keys side by side.

A batch then holds most of whom each of its records must be compared with, so that little of what is stored is read, and each
group is put together once instead of anew for each that comes. Everybody is joined with whom he shares a key, those of rare
keys first; whoever was joined early stands near. Keys are told apart by a few bits alone: two that meet by chance put
strangers side by side, which costs nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from zlib import crc32

from hub.identity.core.keying import Plain
from hub.identity.core.store import MOST_HOLDERS

SLOTS = 1 << 24
"""Values that are told apart; a table of them takes 16 or 64 MB while the order is made."""
_NOBODY = 0xFFFFFFFF
_MANY = 255


def slot(key: Plain) -> int:
    """What a key counts as."""
    return crc32(f"{key[0]}\x1f{key[1]}".encode()) % SLOTS


class Order:
    """Takes the slots of one record after the other, the first of which is its own; tells the order of all.

    Memory: some 4 bytes for each slot, 20 for each record, 150 MB besides while the order is made.
    """

    def __init__(self) -> None:
        self._slots, self._ends = array("I"), array("I", [0])
        self._count = bytearray(SLOTS)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, slots: Iterable[int]) -> None:
        """The next record."""
        count = self._count
        for place in slots:
            self._slots.append(place)
            if count[place] < _MANY:
                count[place] += 1
        self._ends.append(len(self._slots))

    def order(self) -> array[int]:
        """The numbers of the records, from 0. What has its own slot twice keeps its order."""
        line = _Line(len(self))
        for pairs in self._pairs():
            for one, other in zip(pairs[::2], pairs[1::2], strict=True):
                line.join(one, other)
        return line.whole()

    def _pairs(self) -> list[array[int]]:
        """Records that share a slot, one behind the other; first those of one record's own slot, then by how many share it."""
        found = [array("I") for _ in range(MOST_HOLDERS + 1)]
        count, slots, ends = self._count, self._slots, self._ends
        last = array("I", [_NOBODY]) * SLOTS
        for number in range(len(self)):
            own = ends[number]
            for place in range(own, ends[number + 1]):
                slot_ = slots[place]
                if 1 < count[slot_] <= MOST_HOLDERS or place == own:
                    before, last[slot_] = last[slot_], number
                    if before != _NOBODY:
                        found[0 if place == own else count[slot_]].extend((before, number))
        return found

    def elsewhere(self, order: Sequence[int], size: int) -> Elsewhere:
        """Which keys somebody in another batch of this size has as well."""
        slots, ends = self._slots, self._ends
        batch, parted = array("I", [_NOBODY]) * SLOTS, bytearray(SLOTS)
        for place, number in enumerate(order):
            home = place // size
            for slot_ in slots[ends[number] : ends[number + 1]]:
                if batch[slot_] == _NOBODY:
                    batch[slot_] = home
                elif batch[slot_] != home:
                    parted[slot_] = 1
        return Elsewhere(parted)


class Elsewhere:
    """Tells of a key whether somebody outside a record's own batch has it, or will have, where nothing is stored but these."""

    def __init__(self, parted: bytearray) -> None:
        self._parted = parted

    def __call__(self, key: Plain) -> bool:
        return bool(self._parted[slot(key)])

    def add(self, keys: Iterable[Plain]) -> None:
        """A group has come to keys that none of its records has alone."""
        for key in keys:
            self._parted[slot(key)] = 1


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
        """All rows, one behind the other, by their first member."""
        found = array("I")
        for number, parent in enumerate(self._parent):
            if number == parent:
                here, end = self._head[number], self._tail[number]
                found.append(here)
                while here != end:
                    here = self._next[here]
                    found.append(here)
        return found
