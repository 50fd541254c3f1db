"""Chinese names in Latin letters: which part is the surname when the order is unknown and spaces are missing."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from hub.identity.normal.name_tables import COMPOUND, READING, SURNAMES
from hub.identity.normal.tables import words
from hub.identity.normal.text import sound

_SYLLABLES = frozenset(words("pinyin"))
_ENGLISH = frozenset(words("english_names"))
_VARIANTS = (("lyu", "lv"), ("nyu", "nv"), ("lue", "lve"), ("nue", "nve"), ("lü", "lv"), ("nü", "nv"), ("ü", "v"))


@cache
def surname_sounds() -> frozenset[str]:
    """How the known surnames sound."""
    simple = {READING.get(name) or "".join(sound(char) for char in name) for name in SURNAMES}
    return frozenset(simple | {"".join(READING.get(char) or sound(char) for char in name) for name in COMPOUND})


@lru_cache(maxsize=8192)
def syllables(word: str) -> int:
    """How many syllables a word of letters has at least, 0 when it cannot be read as pinyin."""
    best = [0] + [99] * len(word)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - 6), end):
            if best[start] < 99 and word[start:end] in _SYLLABLES:
                best[end] = min(best[end], best[start] + 1)
    return best[-1] if best[-1] < 99 else 0


def latin(text: str) -> tuple[tuple[str, str], ...]:
    """Readings (surname, given name) of a name in letters: none for a word that is no pinyin, two when the order is open.

    A surname in capitals (ZHANG Wei) settles the order.
    """
    words = [word for word in re.split(r"[^A-Za-zü]+", text) if word]
    if not words or sum(map(len, words)) > 24:
        return ()
    low = [_variant(word.lower()) for word in words]
    if len(words) == 1:
        return () if low[0] in _ENGLISH else _split(low[0])
    if not all(map(syllables, low)) or len(low) > 4:
        return ()
    first, last = (low[0], "".join(low[1:])), (low[-1], "".join(low[:-1]))
    if words[0].isupper() != words[-1].isupper():
        options = [first if words[0].isupper() else last]
    else:
        options = [pair for pair in (first, last) if pair[0] in surname_sounds()]
    fitting = [pair for pair in options if pair[0] in surname_sounds() and 1 <= syllables(pair[1]) <= 2]
    return tuple(dict.fromkeys(fitting))


def _variant(word: str) -> str:
    for wrong, right in _VARIANTS:
        word = word.replace(wrong, right)
    return word


def _split(word: str) -> tuple[tuple[str, str], ...]:
    """zhangwei, weizhang: a surname at one end and one or two syllables at the other."""
    found = []
    for size in range(len(word) - 1, 0, -1):
        if word[:size] in surname_sounds() and 1 <= syllables(word[size:]) <= 2:
            found.append((word[:size], word[size:]))
            break
    for size in range(1, len(word)):
        if word[size:] in surname_sounds() and 1 <= syllables(word[:size]) <= 2 and len(word[size:]) > 1:
            found.append((word[size:], word[:size]))
            break
    return tuple(dict.fromkeys(found))
