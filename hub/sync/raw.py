"""Raw bodies: the JSON of a landed record, and back, without losing a digit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson

from connectors.base import Record

_UNUSABLE = re.compile("[\x00\ud800-\udfff]")
_ANY_KEYS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
_BACKSLASH = ord("\\")


def dump(record: Mapping[str, Any]) -> bytes:
    """A raw record as canonical JSON bytes (sorted keys; decimals keep their digits)."""
    try:
        return orjson.dumps(record, default=_exact, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return orjson.dumps(_with_long_numbers(record), default=_exact, option=_ANY_KEYS)


def storable(record: Record) -> tuple[Record, bytes]:
    """The record with its body. Halves of characters and NULs, which no store takes, become U+FFFD.

    Platforms cut texts by length and leave half an emoji at the end; an order must not be lost for its buyer's nick.
    """
    try:
        body = dump(record)
        if _BACKSLASH not in body or b"\\u0000" not in body:
            return record, body
    except TypeError:
        pass
    clean: Record = _clean(record)
    return clean, dump(clean)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _UNUSABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list | tuple) else value


def _with_long_numbers(value: Any) -> Any:
    """The value with integers of more than 64 bits as they are written (orjson knows none)."""
    if isinstance(value, dict):
        return {name: _with_long_numbers(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_long_numbers(item) for item in value]
    return orjson.Fragment(str(value)) if isinstance(value, int) and abs(value) >= 1 << 63 else value


def _exact(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"a raw record cannot hold {type(value).__name__}")


def parse(body: bytes) -> Any:
    """A stored body as the connector had given it."""
    return json.loads(body, parse_float=Decimal, strict=False)
