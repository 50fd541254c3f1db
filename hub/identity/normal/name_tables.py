"""Surnames with the share of people who bear them, how surnames are read, titles, and what stands where a name should."""

from __future__ import annotations

from hub.identity.normal.tables import words

COMPOUND = frozenset(words("compound_surnames"))
READING: dict[str, str] = dict(entry.split(":") for entry in words("surname_readings"))
GENDER = dict.fromkeys(words("male"), "m") | dict.fromkeys(words("female"), "f")
MARKS = frozenset(words("marks"))
PLACEHOLDERS = frozenset(words("no_names"))
WORDS = frozenset(words("nick_words"))
GIVEN_COMMON = "".join(words("given_common"))
_KNOWN_COMPOUND = {"欧阳": 7e-4, "司马": 2e-4, "上官": 1e-4, "诸葛": 1e-4, "皇甫": 6e-5, "司徒": 6e-5}


def _shares() -> dict[str, float]:
    found = dict.fromkeys(words("rare_surnames"), 4e-5) | dict.fromkeys(COMPOUND, 2e-5) | _KNOWN_COMPOUND
    return found | {entry[0]: float(entry[1:]) / 100 for entry in words("surnames")}


SURNAMES: dict[str, float] = _shares()
"""Surname -> share of people who bear it."""
