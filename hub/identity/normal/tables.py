"""The tables of words (tables.yaml), read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from mappings import plain


@cache
def _tables() -> dict[str, str]:
    text = files("hub.identity.normal").joinpath("tables.yaml").read_text("utf-8")
    return plain.load(text)  # type: ignore[no-any-return]


def words(name: str) -> list[str]:
    """A table's words in their order. KeyError: no such table."""
    return str(_tables()[name]).split()


def alternatives(*names: str) -> str:
    """Words of tables as a regular expression, the longest first."""
    return "|".join(sorted({word for name in names for word in words(name)}, key=len, reverse=True))
