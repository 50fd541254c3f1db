"""Customer ids: sortable by birth, unguessable, never reused."""

from __future__ import annotations

import os

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


def _base32(number: int, length: int) -> str:
    pairs = [_PAIRS[number >> shift & 1023] for shift in range(10 * (length // 2 - 1), -1, -10)]
    return "".join(pairs)


def new_id(now_us: int) -> str:
    """'c' + 10 characters of milliseconds + 16 random ones."""
    return "c" + _base32(now_us // 1000, 10) + _base32(int.from_bytes(os.urandom(10), "big"), 16)
