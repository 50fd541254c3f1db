"""How frequent a value is: shipped tables to begin with, the data's own counts as they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from math import log2
from zlib import crc32

from hub.identity.core.features import Features
from hub.identity.normal.forms import Name
from hub.identity.normal.name_tables import GIVEN_COMMON, SURNAMES
from hub.identity.normal.names import surname_sound
from hub.identity.normal.text import sound

Counter = tuple[str, str]
TRUST = 3000.0
"""Counts at which the data's own frequencies weigh as much as the shipped ones."""
_COMPANIES = 5
"""Persons to one company, where only the number of all is expected."""
_COMMON = 0.66 / len(GIVEN_COMMON)
_TWO, _ONE = 0.84, 0.16
"""Shares of given names with two characters and with one."""
_LUMP = 2.0
"""How much more often two characters make a name together than chance would have it."""


@cache
def _surname_sounds() -> dict[str, float]:
    found: dict[str, float] = {}
    for surname, share in SURNAMES.items():
        key = surname_sound(surname)
        found[key] = found.get(key, 0.0) + share
    return found


@cache
def _given_sounds() -> dict[str, float]:
    found: dict[str, float] = {}
    for char in GIVEN_COMMON:
        found[sound(char)] = found.get(sound(char), 0.0) + _COMMON
    return found


class Frequency:
    """Shares of surnames, given names, areas and phone prefixes; how many identities of each kind there are.

    counts: what is stored; more: what the batch adds; expected: identities that a bulk load will end with.
    """

    def __init__(
        self, counts: Mapping[Counter, int], least: float, *, more: Mapping[Counter, int] | None = None, expected: int = 0
    ) -> None:
        self.counts, self.more, self.least, self.expected = counts, more or {}, least, expected
        self._memo: dict[tuple[str, str], float] = {}

    def identities(self, kind: str) -> float:
        """Number of persons or companies, at least as many as the model assumes."""
        expected = self.expected / _COMPANIES if kind == "company" else self.expected
        return max(float(self._count(("n", kind))), expected, self.least)

    def _count(self, key: Counter) -> int:
        return self.counts.get(key, 0) + self.more.get(key, 0)

    def _share(self, table: str, value: str, shipped: float) -> float:
        total = self._count((table, ""))
        return (self._count((table, value)) + TRUST * shipped) / (total + TRUST)

    def borrowed(self) -> float:
        """How much more often than assumed orders go to somebody else than the account's holder: bits, bounded."""
        seen = self._count(("receivers", ""))
        share = (self._count(("receivers", "others")) + _PAIRS * _ELSEWHERE) / (seen + _PAIRS)
        return min(max(log2(_borrowed(share) / _borrowed(_ELSEWHERE)), -_BOUND), _BOUND)

    def surname(self, surname: str) -> float:
        """Share of people with the surname."""
        return self._share("surname", surname, SURNAMES.get(surname, 3e-5))

    def surname_sound(self, key: str) -> float:
        """Share of people whose surname sounds so."""
        return self._share("surname_sound", key, _surname_sounds().get(key, 3e-5))

    def given(self, given: str) -> float:
        """Share of people with the given name, from its characters."""
        share = 1.0
        for char in given:
            share *= self._share("given", char, _COMMON if char in GIVEN_COMMON else 2e-4)
        return max(_LUMP * _TWO * share if len(given) > 1 else _ONE * share, 1e-8)

    def name(self, name: Name) -> float:
        """Share of people of that name."""
        key = ("name", name.text)
        if (found := self._memo.get(key)) is None:
            found = self.surname(name.surname) * self.given(name.given) if name.surname else 2e-6
            if len(self._memo) > 200_000:
                self._memo.clear()
            self._memo[key] = found
        return found

    def name_sound(self, name: Name) -> float:
        """Share of people whose name sounds like this one in characters."""
        key = ("sound", name.text)
        if (found := self._memo.get(key)) is None:
            share = self.surname_sound(name.sounds[0][0]) if name.sounds else 2e-5
            for char in name.given:
                char_sound = sound(char)
                share *= self._share("given_sound", char_sound, _given_sounds().get(char_sound, 1e-3))
            self._memo[key] = found = max(share * (_LUMP * _TWO if len(name.given) > 1 else _ONE), 1e-8)
        return found

    def area(self, level: str, value: str) -> float:
        """Share of people in a province, city or district."""
        return self._share(level, value, {"province": 0.04, "city": 0.005, "district": 0.0006}[level])

    def seven(self, seven: str) -> float:
        """Share of mobile numbers that show these seven figures behind a mask."""
        return self._share("prefix", seven[:3], 0.02) * 1e-4

    def word(self, field: str, word: str) -> float:
        """Share of records whose field holds a word or value; words share a bounded number of counters."""
        total, count = self._count(("word " + field, "")), self._count(("word " + field, bucket(word)))
        return (max(count - 0.5, 0.5) + _FEW * 0.002) / (total + _FEW)


_FEW = 200.0
"""Records from which on a field's own counts outweigh the assumption that a value is one in five hundred."""


_PAIRS, _ELSEWHERE, _SECOND = 300.0, 0.17, 0.06
"""Assumed share of orders with another receiver's number than the account's other orders, and how many observations it counts
as; how many of all are to a second number of the holder's own."""
_BOUND = 2.0


def _borrowed(share: float) -> float:
    """Odds that the receiver is another person, where so many orders go to another number."""
    others = min(max(share - _SECOND, 0.005), 0.8)
    return others / (1 - others)


BUCKETS = 16384


def bucket(word: str) -> str:
    """The counter that a word shares with few others."""
    return str(crc32(word.encode()) % BUCKETS)


def _words(features: Features) -> Iterable[Counter]:
    for field, values in features.extra.items():
        yield ("word " + field, "")
        for word in {part for value in values for part in (value, *value.split())}:
            yield ("word " + field, bucket(word))


def counted(features: Features) -> Iterable[Counter]:
    """What a new record adds to the counters."""
    if features.extra:
        yield from _words(features)
    for named in features.names[:1]:
        name = named.name
        if name.kind == "full" and name.surname and named.role != "nick":
            yield from (("surname", ""), ("surname", name.surname), ("surname_sound", ""), ("surname_sound", name.sounds[0][0]))
            for char in name.given[:2]:
                yield from (("given", ""), ("given", char), ("given_sound", ""), ("given_sound", sound(char)))
    for place in features.places[:1]:
        for level, value in (("province", place.province), ("city", place.city), ("district", place.city + place.district)):
            if value:
                yield from ((level, ""), (level, value))
    for phone in features.phones[:1]:
        if phone.startswith("+86"):
            yield from (("prefix", ""), ("prefix", phone[3:6]))
