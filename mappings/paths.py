"""Which of a record's fields a mapping knows."""

from __future__ import annotations

from typing import Any

MOST_SHAPES = 64
"""So many different lists of field names are remembered for each place."""


class Known:
    """The field names that a mapping knows, as a tree, to count those it does not. prefix: the path of the tree's root."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.children: dict[str, Known] = {}
        self._deep: list[tuple[str, Known]] | None = None
        self._met: set[tuple[str, ...]] = set()

    def add(self, path: str) -> None:
        """Know the field at a dotted path."""
        node = self
        for step in path.split(".") if path else ():
            node = node.children.setdefault(step, Known(f"{node.prefix}{step}."))

    def unknown(self, record: Any, found: set[str]) -> None:
        """Add the paths of fields that are not known to ``found``; below a path known as a whole nothing is asked."""
        if self._deep is None:
            self._deep = [(name, child) for name, child in self.children.items() if child.children]
        for item in record if isinstance(record, list) else (record,):
            if not isinstance(item, dict):
                continue
            if (names := tuple(item)) not in self._met:
                self._look(names, found)
            for name, child in self._deep:
                if name in item:
                    child.unknown(item[name], found)

    def _look(self, names: tuple[str, ...], found: set[str]) -> None:
        """Records mostly have the same fields in the same order: those that are all known are not asked for again."""
        unknown = [self.prefix + name for name in names if name not in self.children]
        found.update(unknown)
        if not unknown and len(self._met) < MOST_SHAPES:
            self._met.add(names)
