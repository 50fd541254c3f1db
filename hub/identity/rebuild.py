"""Work over all customers after a change of rules: golden records by new settings, features and keys by a new normalisation.

In chunks, each a transaction of its own with its bookmark, so that work that was cut off goes on where it was. What comes out
the same is not written; customers whose features have changed are looked at again by the redo queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, select, text

from hub.core import Hub
from hub.identity import deciding
from hub.identity.core.extract import extract
from hub.identity.core.features import Features
from hub.identity.core.frequency import counted
from hub.identity.core.keying import Plain, keys, role
from hub.identity.core.unit import join, of_profile
from hub.identity.records import golden
from hub.identity.records.composing import composed
from hub.identity.records.survivorship import rules_of
from hub.identity.tables import ledger
from hub.identity.tables.digests import BLOCK, JOINING, blind_of
from hub.identity.tables.profiles import open_features, seal_features
from hub.identity.tables.sql import delete_blocks, insert_blocks, insert_keys, insert_redo
from hub.identity.tables.statistics import COUNT
from hub.models import Bookmark
from hub.models.base import table
from hub.security import audit
from hub.store.bulk import Upsert, delete_in, many, select_in

BOOKMARK = table(Bookmark)
CHUNK = 500
"""Customers in one transaction."""
Progress = Callable[[dict[str, int]], None]
_mark = Upsert("bookmark", ("name", "position", "detail", "at"), ("name",), update=("position", "detail", "at"))
_WRITE = "UPDATE profile SET features = {0}, blocks_digest = {0} WHERE ref = {0}"


def records(hub: Hub, *, by: str, progress: Progress | None = None, again: bool = False) -> dict[str, int]:
    """Golden records by the settings of now. again: from the beginning, though an earlier run was cut off.

    How many customers were looked at and changed.
    """
    return _walk(hub, "golden", _records, by, progress, again)


def features(hub: Hub, *, by: str, progress: Progress | None = None, again: bool = False) -> dict[str, int]:
    """Features, keys and counters by the normalisation of now, from what profiles say.

    How many customers were looked at, changed and queued, and how many profiles were written.
    """
    return _walk(hub, "features", _Features(hub), by, progress, again)


def _walk(
    hub: Hub, name: str, work: Callable[[Hub, Connection, Sequence[str]], Counter[str]], by: str, progress: Progress | None,
    again: bool,
) -> dict[str, int]:  # fmt: skip
    """All active customers in the order of their ids; the bookmark goes when the end is reached."""
    last, done = ("", Counter[str]()) if again else _begun(hub, name)
    while not hub.stopping():
        with hub.db.write() as conn:
            ledger.lock(conn)
            statement = text("SELECT id FROM customer WHERE state = 'active' AND id > :last ORDER BY id LIMIT :n")
            ids = list(conn.execute(statement, {"last": last, "n": CHUNK}).scalars())
            if not ids:
                conn.execute(BOOKMARK.delete().where(BOOKMARK.c.name == f"rebuild.{name}"))
                audit.record(conn, by, f"identity.rebuild.{name}", "all", **done)
                break
            done += work(hub, conn, ids) + Counter(looked=len(ids))
            last = ids[-1]
            _mark(conn, [(f"rebuild.{name}", last, orjson.dumps(done).decode(), hub.now_us())])
        if progress:
            progress(dict(done))
    return {"looked": 0, "changed": 0, **done}


def _begun(hub: Hub, name: str) -> tuple[str, Counter[str]]:
    with hub.db.read() as conn:
        found = conn.execute(select(BOOKMARK).where(BOOKMARK.c.name == f"rebuild.{name}")).first()
    return (found.position, Counter(found.detail)) if found else ("", Counter())


# ---------------------------------------------------------------- golden records


def _records(hub: Hub, conn: Connection, customers: Sequence[str]) -> Counter[str]:
    made = composed(conn, hub.ring, deciding.records(hub).views(conn, customers), rules_of(hub))
    stored = select_in(conn, "customer", ("id", "data"), "id", customers)
    differ = [cid for cid, data in stored if cid in made and golden.read(hub.ring, cid, data) != made[cid]]
    deciding.refresh(hub, conn, differ, hub.now_us())
    return Counter(changed=len(differ))


# ---------------------------------------------------------------- features


class _Row(NamedTuple):
    """A stored profile. new: its features as they are made today. blocks, keys: digests of its keys."""

    ref: str
    nr: int
    old: Features
    new: Features
    blocks: frozenset[bytes]
    keys: frozenset[bytes]


class _Features:
    """Makes the features of whole customers anew: some keys are only those of all of a customer's profiles together."""

    def __init__(self, hub: Hub) -> None:
        self._ring, self._blind = hub.ring, blind_of(hub.ring)

    def __call__(self, hub: Hub, conn: Connection, customers: Sequence[str]) -> Counter[str]:
        """One chunk."""
        changed = Counter[str]()
        for cid, rows in self._read(conn, customers).items():
            own = {row.ref: self._digests(keys(of_profile(row.ref, row.new)).stored) for row in rows}
            whole = self._digests(keys(join([of_profile(row.ref, row.new) for row in rows])).stored) if len(rows) > 1 else {}
            if all(self._stands(row, own[row.ref].keys(), whole.keys()) for row in rows):
                continue
            last = max(row.ref for row in rows)
            have = {digest for found in own.values() for digest in found}
            own[last] |= {digest: key for digest, key in whole.items() if digest not in have}
            self._write(conn, cid, rows, own)
            insert_redo(conn, [(cid, "features", hub.now_us())])
            changed.update(changed=1, queued=1, profiles=len(rows))
        return changed

    def _read(self, conn: Connection, customers: Sequence[str]) -> dict[str, list[_Row]]:
        columns = ("ref", "customer_id", "nr", "data", "features", "blocks_digest")
        stored = [row for row in select_in(conn, "profile", columns, "customer_id", customers) if row[4] is not None]
        joining: dict[str, set[bytes]] = {}
        for ref, digest in select_in(
            conn, "identity_key", ("profile_ref", "digest"), "profile_ref", [row[0] for row in stored]
        ):
            joining.setdefault(ref, set()).add(bytes(digest))
        found: dict[str, list[_Row]] = {}
        for ref, cid, nr, data, sealed, blocks in sorted(stored):
            old, text_ = Features.load(open_features(self._ring, ref, sealed)), bytes(blocks or b"")
            cut = frozenset(text_[place : place + BLOCK] for place in range(0, len(text_), BLOCK))
            row = _Row(ref, nr, old, self._made(ref, data, old), cut, frozenset(joining.get(ref, ())))
            found.setdefault(cid, []).append(row)
        return found

    def _made(self, ref: str, data: bytes, old: Features) -> Features:
        """The features that the profile's fields make today. Identifiers stand in the old ones alone: they have no normal form
        that could change; and so does general data (``hub resolve --schema``)."""
        if old.extra:
            return old
        return extract({"fields": golden.read_profile(self._ring, ref, data), "keys": old.proofs}, old.at, old.source)

    def _digests(self, plain: Iterable[Plain]) -> dict[bytes, Plain]:
        return {self._blind(*key): key for key in plain}

    @staticmethod
    def _stands(row: _Row, own: Collection[bytes], whole: Collection[bytes]) -> bool:
        """Whether a profile is stored as it would be made today. Keys of the whole customer stand with any of its profiles."""
        present = row.blocks | row.keys
        return row.new.dump() == row.old.dump() and present.issuperset(own) and (present - set(own)).issubset(whole)

    def _write(self, conn: Connection, cid: str, rows: Sequence[_Row], wanted: Mapping[str, Mapping[bytes, Plain]]) -> None:
        counts: Counter[tuple[str, str]] = Counter()
        written, joining, come, gone = [], [], [], []
        for row in rows:
            counts.update(counted(row.new))
            counts.subtract(counted(row.old))
            blocks = {digest for digest, key in wanted[row.ref].items() if role(key[0]) == "block"}
            joining += [
                (digest, row.ref, JOINING.get(kind, kind.lstrip("=")), cid)
                for digest, (kind, _) in wanted[row.ref].items() if digest not in blocks
            ]  # fmt: skip
            come += [(digest, row.nr) for digest in blocks - row.blocks]
            gone += [(digest, row.nr) for digest in row.blocks - blocks]
            written.append((seal_features(self._ring, row.ref, row.new.dump()), b"".join(sorted(blocks)), row.ref))
        many(conn, _WRITE, written)
        delete_in(conn, "identity_key", "profile_ref", [row.ref for row in rows])
        delete_blocks(conn, gone)
        insert_keys(conn, sorted(joining))
        insert_blocks(conn, sorted(come))
        many(conn, COUNT, [(*key, step) for key, step in sorted(counts.items()) if step])
