"""Fields that a mapping keeps (``keep``): where a record lacks one, the source may not show it, and what is stored stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Record = dict[str, Any]


def lacking(records: Iterable[tuple[str, Record]]) -> dict[str, Record]:
    """Of records by ref, those that lack a field which their mapping keeps."""
    return {
        ref: record
        for ref, record in records
        if "keep" in record and any(name not in record["fields"] for name in record["keep"])
    }


def filled(record: Record, stored: Mapping[str, Any]) -> Record:
    """The record, and of the fields that it keeps and lacks what is stored. Features are of what it said before: they go."""
    kept = {name: stored[name] for name in record["keep"] if name in stored and name not in record["fields"]}
    if not kept:
        return record
    return {name: part for name, part in record.items() if name != "features"} | {"fields": {**record["fields"], **kept}}
