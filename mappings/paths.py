"""Paths into raw records, and which of a record's fields a mapping knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Getter = Callable[[Any], Any]


def path_getter(path: str) -> Getter:
    """The value at a dotted path of nested mappings, or None; '' is the value itself."""
    steps = tuple(path.split(".")) if path else ()
    if not steps:
        return lambda record: record
    if len(steps) == 1:
        only = steps[0]
        return lambda record: record.get(only) if isinstance(record, dict) else None

    def get(record: Any) -> Any:
        for step in steps:
            if not isinstance(record, dict):
                return None
            record = record.get(step)
        return record

    return get


class Known:
    """The field names that a mapping knows, as a tree, to count those it does not."""

    def __init__(self) -> None:
        self.children: dict[str, Known] = {}

    def add(self, path: str) -> None:
        """Know the field at a dotted path."""
        node = self
        for step in path.split(".") if path else ():
            node = node.children.setdefault(step, Known())

    def unknown(self, record: Any, prefix: str = "") -> Iterable[str]:
        """Paths of the record's fields that are not known; below a path that is known as a whole nothing is asked."""
        if not self.children:
            return
        for item in record if isinstance(record, list) else (record,):
            if not isinstance(item, dict):
                continue
            for name in item.keys() - self.children.keys():
                yield prefix + name
            for name, child in self.children.items():
                if child.children and name in item:
                    yield from child.unknown(item[name], f"{prefix}{name}.")
