"""Paths into raw records, and which of a record's fields a mapping knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Getter = Callable[[Any], Any]


def first_getter(paths: list[str]) -> Getter | None:
    """The first that is filled of several one-step paths, in one call; None when a path has more steps."""
    if not all(paths) or any("." in path for path in paths):
        return None
    steps = tuple(paths)

    def first(record: Any) -> Any:
        if isinstance(record, dict):
            for step in steps:
                value = record.get(step)
                if value or (value is not None and value != "" and value != [] and value != {}):
                    return value
        return None

    return first


def join_getter(paths: list[str], glue: str) -> Getter | None:
    """Several one-step paths joined, in one call; None when a path has more steps."""
    if not all(paths) or any("." in path for path in paths):
        return None
    steps = tuple(paths)

    def join(record: Any) -> Any:
        if not isinstance(record, dict):
            return ""
        found = [v for step in steps if (v := record.get(step)) or (v is not None and v != "" and v != [] and v != {})]
        try:
            return glue.join(found)
        except TypeError:
            return glue.join(map(str, found))

    return join


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


Test = Callable[[Any], bool]


def is_filled(get: Getter) -> Test:
    """Whether a path holds something."""

    def test(record: Any) -> bool:
        value = get(record)
        return bool(value) or (value is not None and value != "" and value != [] and value != {})

    return test


def all_of(tests: list[Test]) -> Test:
    """Whether all tests hold."""

    def test(record: Any) -> bool:
        for part in tests:  # noqa: SIM110 - a generator for each record costs more than the tests
            if not part(record):
                return False
        return True

    return test


def remembered(test: Test) -> Test:
    """The test, asked once where the same record comes several times in a row."""
    last: tuple[Any, bool] = (object(), False)

    def ask(record: Any) -> bool:
        nonlocal last
        seen, answer = last
        if seen is not record:
            answer = test(record)
            last = record, answer
        return answer

    return ask


class Known:
    """The field names that a mapping knows, as a tree, to count those it does not. prefix: the path of the tree's root."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.children: dict[str, Known] = {}
        self._deep: list[tuple[str, Known]] | None = None

    def add(self, path: str) -> None:
        """Know the field at a dotted path."""
        node = self
        for step in path.split(".") if path else ():
            node = node.children.setdefault(step, Known(f"{node.prefix}{step}."))

    def unknown(self, record: Any, found: set[str]) -> None:
        """Add the paths of fields that are not known to ``found``; below a path known as a whole nothing is asked."""
        if self._deep is None:
            self._deep = [(name, child) for name, child in self.children.items() if child.children]
        known = self.children.keys()
        for item in record if isinstance(record, list) else (record,):
            if not isinstance(item, dict):
                continue
            if not item.keys() <= known:
                found.update(self.prefix + name for name in item.keys() - known)
            for name, child in self._deep:
                if name in item:
                    child.unknown(item[name], found)
