"""What the function of a mapping calls where a value takes more than one step to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

from connectors.errors import MappingError
from mappings import transforms
from mappings.canonical import KEY_KINDS


def nothing(step: str) -> None:
    """``get`` of what is no mapping."""


def walk(value: Any, steps: Iterable[str]) -> Any:
    """The value so many steps into nested mappings, or None."""
    for step in steps:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def many(value: Any) -> list[Any]:
    """A list as it is, one value as a list of it, and none where there is nothing."""
    return value if isinstance(value, list) else [] if transforms.is_empty(value) else [value]


def joined(glue: str, parts: Sequence[Any]) -> str:
    """The parts that are filled, as one text."""
    found = parts if all(parts) else [part for part in parts if not transforms.is_empty(part)]
    try:
        return glue.join(found)
    except TypeError:
        return glue.join(map(str, found))


def picker(path: str) -> Callable[[Any], list[Any]]:
    """What stands at a path of each item of a list, where something stands there."""
    steps = path.split(".") if path else []
    return lambda items: [value for item in many(items) if not transforms.is_empty(value := walk(item, steps))]


def summing(change: transforms.Transform) -> Callable[[Sequence[tuple[Any, int]]], Any]:
    """The exact sum of (value, 1 to add or -1 to subtract), transformed; absent parts count nothing, and no part is no sum."""

    def total(terms: Sequence[tuple[Any, int]]) -> Any:
        parts = [(transforms.exact(value), sign) for value, sign in terms if not transforms.is_empty(value)]
        return change(reduce(add, (part if sign > 0 else -part for part, sign in parts))) if parts else None

    return total


def unlisted(field: str, raw: Any, unknown_values: set[str]) -> str:
    """A word that the mapping's table does not list: counted, and ``unknown``."""
    unknown_values.add(f"{field}={str(raw)[:40]}")
    return "unknown"


def given_key(item: Any) -> tuple[str, str, str]:
    """An identity key that the record itself names: {kind, scope, value}."""
    if not isinstance(item, dict) or item.get("kind") not in KEY_KINDS or not item.get("value"):
        reason = f"an identifier has kind (one of {', '.join(KEY_KINDS)}), scope and value"
        raise MappingError("mapping.value", field="keys", path="identifiers", reason=reason)
    return item["kind"], str(item.get("scope", "")), str(item["value"])


def absent(field: str) -> MappingError:
    """The error of a record without its id or a required field."""
    return MappingError("mapping.required", field=field)


def tagger(paths: Mapping[str, str], separator: str | None) -> Callable[..., list[dict[str, str]]]:
    """A reader of tags. paths: where key, name and group stand in an item. separator: of tags that come as one text."""
    steps = {part: path.split(".") if path else [] for part, path in paths.items()}

    def tags(found: Any, by: str | None = None) -> list[dict[str, str]]:
        found = found or []
        found = found.split(separator) if separator and isinstance(found, str) else found
        said = []
        for item in found if isinstance(found, list) else [found]:
            tag = {part: str(v).strip() for part, way in steps.items() if not transforms.is_empty(v := walk(item, way))}
            if by is not None:
                tag["by"] = by
            if tag.get("key") or tag.get("name"):
                said.append({"key": tag.get("name", ""), **tag})
        return said

    return tags
