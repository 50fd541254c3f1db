"""Text as it is compared: one width, simplified characters, one space, and how characters sound."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import opencc

# Single characters need no phrase dictionary, which costs 50 MB and half a second.
os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
from pypinyin import Style, pinyin

HAN = re.compile(r"[㐀-鿿豈-﫿〇]")
_HIDDEN = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff\u00ad]")
_SPACE = re.compile(r"\s+")
_PLAIN = re.compile(r"[\u4e00-\u9fffA-Za-z0-9]*")
"""What is as it should be, and most cells are: no width, no space, nothing hidden."""


@cache
def _traditional() -> frozenset[str]:
    """Characters that may be written otherwise in simplified script."""
    lines = (Path(opencc.__file__).parent / "dictionary" / "TSCharacters.txt").read_text("utf-8").splitlines()
    pairs = (line.split("\t") for line in lines if "\t" in line)
    return frozenset(source for source, target in pairs if target.split(" ")[0] != source)


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def simplified(value: str) -> str:
    """Traditional characters as simplified ones, with phrases (乾坤 stays, 乾淨 becomes 干净)."""
    if value.isascii() or _traditional().isdisjoint(value):
        return value
    return str(_converter().convert(value))


def width(value: str) -> str:
    """Full-width forms as ordinary ones, hidden characters gone, spaces single and none at the ends."""
    if _PLAIN.fullmatch(value):
        return value
    if value.isascii():
        return _SPACE.sub(" ", value).strip()
    # Hidden characters first: one may stand between two that belong together (ｶ and ﾞ).
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", _HIDDEN.sub("", value))).strip()


def plain(value: str) -> str:
    """``width`` in simplified characters."""
    return simplified(width(value))


def tight(value: str) -> str:
    """``plain`` without any space."""
    return plain(value).replace(" ", "")


@lru_cache(maxsize=32768)
def sound(char: str) -> str:
    """How a character sounds, without tone; ü is v. A Latin letter or digit sounds as itself, in lower case."""
    if char.isascii():
        return char.lower()
    return str(pinyin(char, style=Style.NORMAL, errors="default")[0][0]).replace("ü", "v").lower()


def sounds(value: str) -> str:
    """How a text sounds, in one word."""
    return "".join(map(sound, value))


def is_han(value: str) -> bool:
    """Whether every character is Chinese."""
    return bool(value) and all("㐀" <= char <= "鿿" or char == "〇" for char in value)
