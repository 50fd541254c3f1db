"""The part of landing that asks no database: a raw record's body, key and version, its mapping and its sealed form.

A thread of its own for it does not pay: both sides hold Python's lock for most of their time (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

from connectors.base import Record, record_key
from connectors.errors import ConnectorError, MappingError
from connectors.manifest import Stream
from hub.security.keyring import KeyRing
from hub.store.types import to_us
from hub.sync.raw import storable
from mappings import transforms
from mappings.compile import CompiledMapping
from mappings.mapped import Mapped


class Bad(NamedTuple):
    """A record that cannot be used."""

    ref: str
    source_id: str
    body: bytes
    error: ConnectorError


@dataclass(slots=True)
class Item:
    """A record with its key. mapped and sealed, or error, are there when it is finished."""

    ref: str
    source_id: str
    record: Record
    version: int
    body: bytes
    hash: bytes
    mapped: Mapped | None = None
    sealed: bytes = b""
    error: ConnectorError | None = None


@dataclass(slots=True)
class Batch:
    """Records, the newest of each key, and those that have none."""

    records: Sequence[Record]
    items: dict[str, Item] = field(default_factory=dict)
    bad: list[Bad] = field(default_factory=list)


class Reader:
    """Reads the records of one stream of one account."""

    def __init__(self, ring: KeyRing, account_id: int, stream: str, spec: Stream, mapping: CompiledMapping) -> None:
        self._ring, self._spec, self._mapping = ring, spec, mapping
        self._prefix = f"{account_id}|{stream}|"
        self._time = transforms.time(spec.cursor.zone or "UTC")
        self._version_steps = spec.version.split(".") if spec.version else []

    def read(self, records: Sequence[Record]) -> Batch:
        """Body, key, version and hash of each record."""
        batch = Batch(records)
        for raw in records:
            record, body = storable(raw)
            source_id = ""
            try:
                source_id = record_key(record, self._spec.key)
                version = self._version(record)
            except (KeyError, MappingError) as error:
                if isinstance(error, KeyError):
                    error = MappingError("mapping.required", field="key", path=str(error.args[0]))
                source_id = source_id or nameless(body)
                batch.bad.append(Bad(self._prefix + source_id, source_id, body, error))
                continue
            ref = self._prefix + source_id
            old = batch.items.get(ref)
            if old is None or old.version <= version:
                batch.items[ref] = Item(ref, source_id, record, version, body, blake2b(body, digest_size=16).digest())
        return batch

    def finish(self, item: Item) -> None:
        """Map and seal the record."""
        try:
            item.mapped = self._mapping.apply(item.record)
            item.sealed = self._ring.pack(item.body, item.ref)
        except ConnectorError as error:
            item.error = error

    def _version(self, record: Record) -> int:
        value: Any = record if self._version_steps else None
        for step in self._version_steps:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None or value == "":
            return 0
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
