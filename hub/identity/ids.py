"""Customer ids: sortable by birth, unguessable, never reused."""

from __future__ import annotations

import os

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def _base32(number: int, length: int) -> str:
    chars = []
    for _ in range(length):
        chars.append(_ALPHABET[number & 31])
        number >>= 5
    return "".join(reversed(chars))


def new_id(now_us: int) -> str:
    """'c' + 9 characters of milliseconds + 16 random ones."""
    return "c" + _base32(now_us // 1000, 9) + _base32(int.from_bytes(os.urandom(10), "big"), 16)
