"""Raw bodies: the JSON of a landed record, and back, without losing a digit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson


_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def dump(record: Mapping[str, Any]) -> bytes:
    """A raw record as canonical JSON bytes (sorted keys; decimals keep their digits)."""
    try:
        return orjson.dumps(record, default=_exact, option=_OPTIONS)
    except TypeError:
        return orjson.dumps(_with_long_numbers(record), default=_exact, option=_OPTIONS)


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
