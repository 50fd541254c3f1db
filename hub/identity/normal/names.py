"""Names of persons: what is a name, its surname, how it sounds, and what is only a title, a mask, a nickname or nothing."""

from __future__ import annotations

import re
from functools import lru_cache

from hub.identity.normal.forms import Name
from hub.identity.normal.name_tables import COMPOUND, GENDER, GIVEN_COMMON, MARKS, PLACEHOLDERS, READING, SURNAMES, WORDS
from hub.identity.normal.syllables import latin
from hub.identity.normal.tables import alternatives
from hub.identity.normal.text import is_han, plain, sound, sounds

_USUAL = 0.001
"""Share of people from which on a surname is a usual one."""
_TITLE = re.compile(f"(?:{alternatives('titles', 'male', 'female')})$")
_BRACKETS = re.compile(r"[(（【\[<「][^)）】\]>」]*[)）】\]>」]?")
_NOISE = re.compile(r"[^\w\s·•・.'-]|_", re.UNICODE)
_HIDDEN = re.compile(
    rf"([㐀-鿿]{{1,2}}?)(?:[*xX×○●◯•■█_#]{{1,4}}|[.。-]{{2,4}}|某{{1,2}})({alternatives('titles', 'male', 'female')})?"
)
"""What platforms put for the rest of a name: 张**, 张某, 张○○, 张xx先生."""
_TRIMMED = re.compile(r"(?:[a-z]{1,12}|\d{1,3})?([㐀-鿿]{2,5})(?:[a-z]{1,12}|\d{1,3})?")
_MASKED = re.compile(r"([^*＊]*)[*＊]+([^*＊]*)")
_DOTS = re.compile(r"[·•・.]")


@lru_cache(maxsize=32768)
def name(value: str) -> Name | None:
    """What a cell with a name says; None when it says nothing."""
    text = plain(value)
    if text.lower() in PLACEHOLDERS:
        return None
    if hidden := _hidden(text.replace(" ", "")):
        return hidden
    if "*" in text:
        return _mask(text)
    text = _NOISE.sub("", _BRACKETS.sub(" ", text).strip() or text).strip(" -.'")
    compact = text.replace(" ", "").lower()
    if not compact or compact in PLACEHOLDERS:
        return None
    if is_han(compact):
        return _chinese(compact)
    if _DOTS.search(compact) and is_han(joined := _DOTS.sub("", compact)):
        own = full(joined) if _DOTS.split(compact)[0] in SURNAMES else None
        return own or Name("full", joined, "", joined, ((sounds(joined), ""),))
    if text.isascii():
        return _letters(text)
    trimmed = _TRIMMED.fullmatch(compact)
    return (trimmed and full(_without_mark(trimmed[1]))) or Name("nick", compact)


def full(compact: str) -> Name | None:
    """A whole Chinese name of a known surname, else None."""
    surname = surname_of(compact)
    if not surname or compact in WORDS:
        return None
    given = compact[len(surname) :]
    if not 1 <= len(given) <= 2:
        married = len(compact) == 4 and min(SURNAMES.get(char, 0.0) for char in compact[:2]) > _USUAL
        if not married:
            return None
    return Name("full", compact, surname, given, ((surname_sound(surname), sounds(given)),))


def usual(found: Name) -> bool:
    """Whether a name reads like a real one: a usual surname, and a given name of usual characters."""
    return SURNAMES.get(found.surname, 0.0) > _USUAL and all(char in GIVEN_COMMON for char in found.given)


def surname_of(compact: str) -> str:
    """The surname a text begins with: a compound one when a given name follows, '' when there is none."""
    if compact[:2] in COMPOUND and len(compact) > 2:
        return compact[:2]
    return compact[0] if compact[:1] in SURNAMES and len(compact) > 1 else ""


@lru_cache(maxsize=4096)
def surname_sound(surname: str) -> str:
    """How a surname is read (单 shan, 尉迟 yuchi)."""
    return READING.get(surname) or "".join(READING.get(char) or sound(char) for char in surname)


def _chinese(compact: str) -> Name:
    stem, gender, title = strip_title(compact)
    if title:
        if stem in SURNAMES:
            return Name("title", compact, stem, "", ((surname_sound(stem), ""),), gender)
        if found := full(stem):
            return found._replace(gender=gender)
    stem = _without_mark(compact)
    return full(stem) or full(compact) or full(_after_mark(compact)) or Name("nick", compact)


def strip_title(compact: str) -> tuple[str, str, str]:
    """What stands before a title, the gender it tells, the title."""
    found = _TITLE.search(compact)
    if not found or not found.start():
        return compact, "", ""
    return compact[: found.start()], GENDER.get(found[0], ""), found[0]


def _without_mark(compact: str) -> str:
    for size in (4, 3, 2):
        if len(compact) - size >= 2 and compact[-size:] in MARKS:
            return compact[:-size]
    return compact


def _after_mark(compact: str) -> str:
    """客户张伟, 老张伟国, 张伟国收: a mark of one character only beside a name of three."""
    for size in (4, 3, 2):
        if 2 <= len(compact) - size <= 4 and compact[:size] in MARKS:
            return compact[size:]
    if len(compact) == 4:
        return compact[1:] if compact[0] in MARKS else compact[:-1] if compact[-1] == "收" else ""
    return ""


def _hidden(compact: str) -> Name | None:
    found = _HIDDEN.fullmatch(compact)
    if not found or found[1] not in SURNAMES:
        return None
    surname = found[1]
    stars = min(len(compact) - len(surname) - len(found[2] or ""), 3)
    return Name("mask", surname + "*" * stars, surname, "", ((surname_sound(surname), ""),), GENDER.get(found[2] or "", ""))


def _mask(text: str) -> Name | None:
    found = _MASKED.fullmatch(text.replace(" ", ""))
    if not found or not (found[1] or found[2]):
        return None
    first, last = found[1], found[2]
    stars = text.count("*")
    shape = first + "*" * min(stars, 3) + last
    if first in SURNAMES:
        return Name("mask", shape, first, last, ((surname_sound(first), sounds(last) if is_han(last) else ""),))
    return Name("mask", shape, "", last)


def _letters(text: str) -> Name | None:
    options = latin(text)
    compact = re.sub(r"[^a-z0-9]", "", text.lower())
    if not compact or compact.isdigit():
        return None
    return Name("latin", compact, "", "", options) if options else Name("nick", compact)
