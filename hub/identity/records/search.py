"""Blind search: an operator finds a customer by name, phone or id in milliseconds, and a stolen disk shows none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from hub.identity.normal.name_tables import PLACEHOLDERS
from hub.identity.normal.text import tight
from hub.security.keyring import KeyRing
from hub.store.bulk import Row, Upsert, ask_in, many

insert_tokens = Upsert("search_token", ("digest", "customer_id"), ("digest", "customer_id"))
_FORGET = "DELETE FROM search_token WHERE digest = {0} AND customer_id = {0}"
SIZE = 8
SURNAMES = {
    "单": "s", "曾": "z", "仇": "q", "区": "o", "查": "z", "解": "x", "翟": "z", "盖": "g", "乐": "y", "尉": "y",
    "覃": "q", "员": "y", "种": "c", "缪": "m", "折": "s", "繁": "p", "召": "s", "朴": "p",
}  # fmt: skip
"""Surnames that sound otherwise than the word: the initial that people type."""


@lru_cache(maxsize=32768)
def initial(char: str) -> str:
    """The pinyin initial of a character, or the character itself."""
    # Single characters need no phrase dictionary, which costs 50 MB and half a second (pypinyin: PYPINYIN_NO_PHRASES).
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    from pypinyin import Style, pinyin

    return pinyin(char, style=Style.FIRST_LETTER, errors="default")[0][0].lower()


@lru_cache(maxsize=65536)
def plain_name(value: str) -> str:
    """A name as it is searched for: one width, simplified, no spaces, lower case; '' for masks and placeholders."""
    plain = tight(value).lower()
    return "" if "*" in plain or (len(plain) > 1 and plain in PLACEHOLDERS) else plain


def _of_name(value: str) -> set[str]:
    plain = plain_name(value)
    if not plain:
        return set()
    pairs = {plain[i : i + 2] for i in range(len(plain) - 1)} or {plain}
    if len(plain) > 6:
        return pairs
    letters = "".join(map(initial, plain))
    return pairs | {"py:" + letters, "py:" + SURNAMES.get(plain[0], letters[0]) + letters[1:]}


def tokens(ring: KeyRing, fields: dict[str, Any]) -> set[bytes]:
    """The blind tokens of a customer's fields: name pairs, pinyin initials, the last four digits of phones."""
    words: set[str] = set()
    for value in (fields.get("display_name"), fields.get("company"), *fields.get("aliases", ())):
        if value:
            words |= _of_name(value)
    words |= {"tel:" + value[-4:] for value in fields.get("phones", ()) if len(value) >= 7 and value[-4:].isdigit()}
    return {ring.blind("search", word, size=SIZE) for word in words}


def queries(ring: KeyRing, text: str) -> list[list[bytes]]:
    """Sets of tokens that a customer must all have to match the text; the first that finds somebody counts."""
    plain = plain_name(text)
    pieces = {plain[i : i + 2] for i in range(len(plain) - 1)} or ({plain} if plain else set())
    asked = [pieces]
    if plain.isascii() and plain.isalpha() and len(plain) <= 6:
        asked = [{"py:" + plain}, pieces]
    elif plain.isdigit():
        asked = [{"tel:" + plain[-4:]}]
    return [[ring.blind("search", word, size=SIZE) for word in words] for words in asked if words]


def ask_present(conn: Connection, customers: Iterable[str]) -> Callable[[], list[Row]]:
    """Ask for the tokens (digest, customer) that customers have."""
    return ask_in(conn, "search_token", ("digest", "customer_id"), "customer_id", customers)


def reindex(conn: Connection, ring: KeyRing, golden: dict[str, dict[str, Any]], stored: Iterable[Row]) -> None:
    """Write the tokens of customers (id -> fields). stored: the tokens that they have."""
    present: dict[str, set[bytes]] = {cid: set() for cid in golden}
    for digest, cid in stored:
        if cid in present:
            present[cid].add(bytes(digest))
    wanted = {cid: tokens(ring, fields) for cid, fields in golden.items()}
    # Most of a changed customer's tokens stay, and each that is written is a page of its own.
    many(conn, _FORGET, sorted((digest, cid) for cid, found in present.items() for digest in found - wanted[cid]))
    insert_tokens(conn, sorted((digest, cid) for cid, found in wanted.items() for digest in found - present[cid]))
