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
_MASK = re.compile(r"(1[3-9]\d)[*xX＊]{4,5}(\d{4})")
_LAST = re.compile(r"[*xX]{3,}(\d{4})")
_LAND = re.compile(r"(0(?:10|2\d|[3-9]\d{2}))(\d{7,8})")
_SERVICE = re.compile(r"(400|800)(\d{7})")
_PRIVACY = re.compile(r"1[3-9]\d{9}\s*(?:[-#,，]|转|ext\.?)\s*\d{3,4}")
_LOST = re.compile(r"\d(?:\.\d+)?E\+?\d{1,2}", re.IGNORECASE)
_EXTENSION = re.compile(r"(?:转|ext\.?|分机|#|x)\s*(\d{1,6})$", re.IGNORECASE)
_BRACKETED = re.compile(r"[(（【\[]([^)）】\]]*)[)）】\]]")
_SPLIT = re.compile(r"[/、;；,，|\n]|或者?|\bor\b")
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
    if masked := _masked(text):
        return Phones((masked,), ())
    if _PRIVACY.fullmatch(text):
        return Phones((), ("privacy",))
    if _LOST.fullmatch(text):
        return Phones((), ("lost",))
    found: dict[Phone, None] = {}
    refused: list[str] = []
    for part in _SPLIT.split(text):
        one = _one(part)
        found.update(dict.fromkeys(one.found))
        refused += one.refused
    return Phones(tuple(found), tuple(refused))


def _mobile(digits: str) -> Phones:
    if digits in PLACEHOLDERS or len(set(digits[1:])) <= 1 or len(set(digits[3:])) == 1:
        return Phones((), ("placeholder",))
    return Phones((Phone("mobile", "+86" + digits),), ())


def _masked(text: str) -> Phone | None:
    compact = re.sub(r"[\s-]", "", text).removeprefix("+86").removeprefix("86-")
    if "*" not in compact and "x" not in compact.lower():
        return None
    if found := _MASK.fullmatch(compact):
        return Phone("mask", found[1] + found[2])
    if found := _LAST.fullmatch(compact):
        return Phone("last", found[1])
    return None


def _one(part: str) -> Phones:
    """A part of a cell that holds at most one number."""
    text = part.strip()
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


def _home(digits: str) -> str:
    """Without the country code and the trunk zero before a mobile number."""
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
