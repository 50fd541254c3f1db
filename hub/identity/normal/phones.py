"""Telephone numbers: whose they are, in one form, and what stands where a number should."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers

from hub.identity.normal.tables import words
from hub.identity.normal.text import width

MOBILE = re.compile(r"1[3-9]\d{9}")
PLACEHOLDERS = frozenset(words("no_phones"))
"""Numbers that people write where they have none. Numbers of all equal figures are refused by rule; the others that a
company's own data is full of turn generic by their frequency."""
_STARS = "*xX•●○◯×█■_#~"
_HIDES = re.compile(rf"[{_STARS}]{{2}}|\*|\.\.")
_MASK = re.compile(rf"(1[3-9]\d)\d{{0,3}}(?:[{_STARS}]{{2,8}}|\.{{2,8}}|\*)(\d{{4}})")
"""Three figures at least and the last four; how many stars stand between differs by platform."""
_LAST = re.compile(rf"[{_STARS}]{{3,}}(\d{{4}})")
_COUNTRY = re.compile(r"^(?:\+|00|0)?\(?86\)?\+?(?=1)")
_HAN_DIGITS = str.maketrans("零〇一二三四五六七八九", "00123456789")
_WRITTEN_OUT = re.compile(r"[零〇一二三四五六七八九\s-]{11,16}")
_LOOKALIKE = str.maketrans("OolI|", "00111")
_TYPED = re.compile(r"[\dOolI|\s+-]{11,16}")
_LAND = re.compile(r"(0(?:10|2\d|[3-9]\d{2}))(\d{7,8})")
_SERVICE = re.compile(r"(400|800)(\d{7})")
_PRIVACY = re.compile(r"1[3-9]\d{9}\s*(?:[-#,，]|转|ext\.?)\s*\d{3,4}")
_LOST = re.compile(r"\d(?:\.\d+)?E\+?\d{1,2}", re.IGNORECASE)
_EXTENSION = re.compile(r"(?:转|ext\.?|分机|#|x)\s*(\d{1,6})$", re.IGNORECASE)
_BRACKETED = re.compile(r"[(（【\[]([^)）】\]]*)[)）】\]]")
_SPLIT = re.compile(r"[/、;；,，|&\n]|或者?|\bor\b")
_NOT_DIGIT = re.compile(r"[^\d+]")
_TAIL = re.compile(r"\.0+$")


class Phone(NamedTuple):
    """A number. kind: mobile (E.164), landline (area-number), service (400 and 800), mask ('138****1234'), last ('1234').

    extension: of a switchboard, kept apart.
    """

    kind: str
    value: str
    extension: str = ""


class Phones(NamedTuple):
    """What a cell holds. refused: why something in it is no number (lost, privacy, placeholder, unreadable)."""

    found: tuple[Phone, ...]
    refused: tuple[str, ...]


@lru_cache(maxsize=4096)
def phones(value: str) -> Phones:
    """All numbers of a cell, in the order they stand, and the reasons for what was refused."""
    if len(value) == 11 and value.isascii() and value.isdigit() and value[0] == "1" and value[1] > "2":
        return _mobile(value)
    text = _TAIL.sub("", width(value).strip("'\"` "))
    if not text:
        return Phones((), ())
    if _PRIVACY.fullmatch(text):
        return Phones((), ("privacy",))
    if _LOST.fullmatch(text):
        return Phones((), ("lost",))
    found: dict[Phone, None] = {}
    refused: list[str] = []
    for part in _SPLIT.split(text):
        if masked := _masked(part):
            found[masked] = None
            continue
        one = _one(part)
        if one.refused == ("unreadable",):
            one = _apart(part) or one
        found.update(dict.fromkeys(one.found))
        refused += one.refused
    return Phones(tuple(found), tuple(refused))


def _apart(part: str) -> Phones | None:
    """Several numbers with nothing but spaces between; None where something with figures is none (an extension, say)."""
    found: list[Phone] = []
    for word in part.split():
        masked = _masked(word)
        one = Phones((masked,), ()) if masked else _one(word)
        if not one.found and re.search(r"\d", word):
            return None
        found += one.found
    return Phones(tuple(found), ()) if len(found) > 1 else None


def _mobile(digits: str) -> Phones:
    if digits in PLACEHOLDERS or len(set(digits[1:])) <= 1 or len(set(digits[3:])) == 1:
        return Phones((), ("placeholder",))
    return Phones((Phone("mobile", "+86" + digits),), ())


def _masked(text: str) -> Phone | None:
    if not _HIDES.search(text):
        return None
    compact = _COUNTRY.sub("", re.sub(r"[\s-]", "", text)).partition("转")[0]
    if found := _MASK.fullmatch(compact):
        return Phone("mask", found[1] + found[2])
    if found := _LAST.fullmatch(compact):
        return Phone("last", found[1])
    return None


def _one(part: str) -> Phones:
    """A part of a cell that holds at most one number."""
    text = part.strip()
    if _WRITTEN_OUT.fullmatch(text):
        text = text.translate(_HAN_DIGITS)
    elif not text.isdigit() and _TYPED.fullmatch(text) and MOBILE.fullmatch(_COUNTRY.sub("", _typed(text))):
        text = _typed(text)
    inner = _BRACKETED.search(text)
    if inner and not re.search(r"\d", inner[1]):
        text = _BRACKETED.sub("", text)
    extension = ""
    if found := _EXTENSION.search(text):
        extension, text = found[1], text[: found.start()]
    digits = _NOT_DIGIT.sub("", text)
    if not digits.strip("+"):
        return Phones((), ("unreadable",) if text and "*" in text else ())
    home = _home(digits)
    if MOBILE.fullmatch(home):
        return Phones((), ("privacy",)) if extension else _mobile(home)
    if land := _landline(home, text, extension):
        return Phones((land,), ())
    if found := _SERVICE.fullmatch(home):
        return Phones((Phone("service", home, extension),), ())
    if foreign := _foreign(digits):
        return Phones((foreign,), ())
    junk = len(home) >= 7 and (len(set(home)) == 1 or home in PLACEHOLDERS)
    return Phones((), ("placeholder" if junk else "unreadable",))


def _typed(text: str) -> str:
    """With the figures that letters were typed for."""
    return re.sub(r"[\s-]", "", text).translate(_LOOKALIKE)


def _home(digits: str) -> str:
    """Without the country code and the trunk zero before a mobile number."""
    if (bare := _COUNTRY.sub("", digits)) != digits and MOBILE.fullmatch(bare):
        return bare
    if digits.startswith("+86"):
        digits = digits[3:]
    elif digits.startswith("0086"):
        digits = digits[4:]
    elif digits.startswith("86") and (digits[2:3] == "0" or MOBILE.fullmatch(digits[2:])):
        digits = digits[2:]
    if digits.startswith("+"):
        return ""
    return digits[1:] if len(digits) == 12 and digits[0] == "0" and MOBILE.fullmatch(digits[1:]) else digits


def _landline(home: str, text: str, extension: str) -> Phone | None:
    """An area code and a number of seven or eight figures; +86 10 … has lost its zero."""
    tries = [home]
    if home and home[0] != "0" and ("+86" in text or "0086" in text):
        tries.append("0" + home)
    for digits in tries:
        if found := _LAND.fullmatch(digits):
            return Phone("landline", f"{found[1]}-{found[2]}", extension)
        split = re.fullmatch(r"(0\d{2,3}-\d{7,8})-(\d{1,6})", text.replace(" ", ""))
        if split and (found := _LAND.fullmatch(split[1].replace("-", ""))):
            return Phone("landline", f"{found[1]}-{found[2]}", split[2])
    return None


def _foreign(digits: str) -> Phone | None:
    if not digits.startswith("+") or digits.startswith("+86"):
        return None
    try:
        number = phonenumbers.parse(digits)
    except phonenumbers.NumberParseException:
        return None
    kind = phonenumbers.number_type(number)
    value = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    own = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if kind in own:
        return Phone("mobile", value)
    return Phone("landline", value) if kind == phonenumbers.PhoneNumberType.FIXED_LINE else None


def seven(value: str) -> str:
    """The seven figures of a Chinese mobile number (E.164) that a mask shows, '' for another."""
    return value[3:6] + value[-4:] if value.startswith("+86") and len(value) == 14 else ""
