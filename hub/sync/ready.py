"""The part of landing that asks no database: a raw record's body, key and version, its mapping and its sealed form.

A thread of its own for it does not pay: both sides hold Python's lock for most of their time (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from config.logging import clean
from connectors.base import Record, record_key
from connectors.errors import ConnectorError, MappingError
from connectors.manifest import Stream
from hub.store.types import to_us
from hub.sync.raw import storable
from hub.sync.rows import TABLES, Landing, Maker
from mappings import transforms
from mappings.compile import CompiledMapping
from mappings.mapped import Mapped

PART = 25
"""So many records are mapped, sealed and made into rows at a time, while the processor still has them at hand."""


class Bad(NamedTuple):
    """A record that cannot be used."""

    ref: str
    source_id: str
    body: bytes
    error: ConnectorError


class Item(NamedTuple):
    """A record with its key, version, body and hash."""

    ref: str
    source_id: str
    record: Record
    version: int
    body: bytes
    hash: bytes


@dataclass(slots=True)
class Batch:
    """Records, the newest of each key, and those that have none."""

    records: Sequence[Record]
    items: dict[str, Item] = field(default_factory=dict)
    bad: list[Bad] = field(default_factory=list)


class Reader:
    """Reads the records of one stream of one account."""

    def __init__(self, maker: Maker, stream: str, spec: Stream, mapping: CompiledMapping) -> None:
        self._maker, self._ring, self._spec, self._mapping = maker, maker.ring, spec, mapping
        self._prefix = f"{maker.account_id}|{stream}|"
        self._time = transforms.time(spec.cursor.zone or "UTC")
        self._version_steps = spec.version.split(".") if spec.version else []
        # Records of a page often have one and the same time.
        self._text_version = lru_cache(maxsize=4096)(self._number)

    def read(self, records: Sequence[Record]) -> Batch:
        """Body, key, version and hash of each record."""
        batch = Batch(records)
        prefix, key, items, new = self._prefix, self._spec.key, batch.items, Item._make
        for raw in records:
            record, body = storable(raw)
            source_id = ""
            try:
                source_id = record_key(record, key)
                version = self._version(record)
            except (KeyError, MappingError) as error:
                batch.bad.append(self._bad(source_id or nameless(body), body, error))
                continue
            ref = prefix + source_id
            old = items.get(ref)
            if old is None or old.version <= version:
                items[ref] = new((ref, source_id, record, version, body, blake2b(body, digest_size=16).digest()))
        return batch

    def _bad(self, source_id: str, body: bytes, error: KeyError | MappingError) -> Bad:
        if isinstance(error, KeyError):
            error = MappingError("mapping.required", field="key", path=str(error.args[0]))
        return Bad(self._prefix + source_id, source_id, body, error)

    def finish(self, items: Sequence[Item], now: int) -> tuple[list[Landing], list[Bad]]:
        """Map and seal the records and make their rows; and those that cannot be mapped."""
        landings: list[Landing] = []
        bad: list[Bad] = []
        for start in range(0, len(items), PART):
            mapped, unmapped = self._map(items[start : start + PART])
            landings += self._made(mapped, self._seal(mapped), now)
            bad += unmapped
        return landings, bad

    def _map(self, items: Iterable[Item]) -> tuple[list[tuple[Item, Mapped]], list[Bad]]:
        done, bad, apply = [], [], self._mapping.apply
        for item in items:
            try:
                done.append((item, apply(item.record)))
            except ConnectorError as error:
                bad.append(Bad(item.ref, item.source_id, item.body, error))
        return done, bad

    def _seal(self, mapped: Iterable[tuple[Item, Mapped]]) -> list[bytes]:
        pack = self._ring.packer()
        return [pack(item.body, item.ref) for item, _ in mapped]

    def _made(self, mapped: Iterable[tuple[Item, Mapped]], bodies: Iterable[bytes], now: int) -> list[Landing]:
        account_id, make, landings = self._maker.account_id, self._maker.make, []
        for (item, found), sealed in zip(mapped, bodies, strict=True):
            ref, source_id, _, version, _, digest = item
            made = [make(record, ref, now) for record in found.records if record["kind"] in TABLES]
            rest = [record for record in found.records if record["kind"] not in TABLES]
            # In a column that has slipped stands anything.
            unknown = [*found.unknown_fields, *map(clean, found.unknown_values)]
            landings.append(Landing(ref, source_id, account_id, version, digest, sealed, found.is_open, rest, made, unknown))
        return landings

    def _version(self, record: Record) -> int:
        value: Any = record if self._version_steps else None
        for step in self._version_steps:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None or value == "":
            return 0
        return self._text_version(value) if type(value) is str else self._number(value)

    def _number(self, value: Any) -> int:
        try:
            if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
                number = int(value)
                number.to_bytes(8, "big", signed=True)
                return number
            return to_us(self._time(value))
        except (ValueError, OverflowError):
            reason = "is not a time or a number of 64 bits"
            raise MappingError("mapping.value", field="version", path=self._spec.version, reason=reason) from None


def nameless(body: bytes) -> str:
    """What a record without a key is called in quarantine."""
    return "?" + blake2b(body, digest_size=8).hexdigest()
