"""Reading stored profiles, and who holds a key: each question asked once for a whole batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from sqlalchemy import Connection

from hub.identity.tables.digests import BLOCK
from hub.security.keyring import KeyRing
from hub.store.bulk import Row, ask, driver, select_in

_HOLDERS = {
    "key": "SELECT k.digest, k.profile_ref, p.customer_id FROM identity_key k JOIN profile p ON p.ref = k.profile_ref",
    "block": "SELECT k.digest, p.ref, p.customer_id FROM block_key k JOIN profile p ON p.nr = k.nr",
}
_HELD = " UNION ALL ".join(
    "SELECT found.* FROM unnest(%s::bytea[]) AS wanted(digest) CROSS JOIN LATERAL "  # noqa: S608 - constants
    f"({select} WHERE k.digest = wanted.digest LIMIT %s) AS found"
    for select in _HOLDERS.values()
)


class Stored(NamedTuple):
    """A profile as it stands. features is sealed. hash, version, source_ref: what it was last made of, where that was read."""

    customer: str
    nr: int
    features: bytes | None
    blocks: bytes
    deleted: bool = False
    hash: bytes = b""
    version: int = 0
    source_ref: str = ""


class Standing(NamedTuple):
    """last: the number of the newest profile. decided: whether people have ever decided anything (mostly not)."""

    last: int
    decided: bool


_STANDING = "SELECT (SELECT coalesce(max(nr), 0) FROM profile), EXISTS (SELECT 1 FROM identity_decision)"


def ask_standing(conn: Connection) -> Callable[[], Standing]:
    """Ask how things stand; the answer is read later, and once."""
    answer = ask(conn, _STANDING)

    @cache
    def standing() -> Standing:
        ((last, decided),) = answer()
        return Standing(last, bool(decided))

    return standing


def load(conn: Connection, refs: Iterable[str]) -> dict[str, Stored]:
    """Stored profiles by ref."""
    columns = ("ref", "customer_id", "nr", "features", "blocks_digest", "deleted", "hash", "version", "source_ref")
    return {
        row[0]: Stored(row[1], row[2], row[3], bytes(row[4] or b""), bool(row[5]), bytes(row[6]), row[7], row[8])
        for row in select_in(conn, "profile", columns, "ref", refs)
    }


def seal_features(ring: KeyRing, ref: str, features: bytes) -> bytes:
    """Features as a profile's row stores them."""
    return ring.pack(features, place_of(ref))


def open_features(ring: KeyRing, ref: str, sealed: bytes) -> bytes:
    """The features of a stored profile."""
    return ring.unpack(sealed, place_of(ref))


def place_of(ref: str) -> str:
    """What sealed features are bound to."""
    return "features|" + ref


def held(conn: Connection, wanted: Mapping[str, list[bytes]], most: int) -> Iterable[Row]:
    """Rows (digest, ref, customer) of keys and blocks, at most so many of each digest.

    SQLite is asked key by key (a seek each); PostgreSQL once for all, with a limit on each.
    """
    cursor = driver(conn).cursor()
    try:
        if conn.dialect.name == "sqlite":
            statements = [
                (f"{_HOLDERS[kind]} WHERE k.digest = ? LIMIT ?", digest) for kind in wanted for digest in wanted[kind]
            ]
            return [row for statement, digest in statements for row in cursor.execute(statement, (digest, most)).fetchall()]
        return list(cursor.execute(_HELD, (wanted["key"], most, wanted["block"], most)).fetchall())
    finally:
        cursor.close()


def cut(blocks: bytes) -> Iterator[bytes]:
    """The block digests that a profile's row keeps in one."""
    return (blocks[place : place + BLOCK] for place in range(0, len(blocks), BLOCK))
