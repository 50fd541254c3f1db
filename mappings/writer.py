"""Writes Python: the straight-line function that a mapping file becomes.

What a mapping file says gets into the source as the ``repr`` of a text or as the name of a bound value, never as code.
``CompiledMapping.explain`` shows what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, NamedTuple

from connectors.errors import MappingError


class Place(NamedTuple):
    """The field that a line of the source reads, and the path that it is read from, for the error of a bad value."""

    field: str
    path: str


class Block:
    """Lines of source at one depth, in the order in which they were begun."""

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        self._parts: list[tuple[str, Place | None] | Block] = []

    def add(self, line: str, place: Place | None = None) -> None:
        """One more line. place: what is said when it raises ValueError."""
        self._parts.append((line, place))

    def under(self, line: str) -> Block:
        """The indented block under a line that ends in a colon."""
        self.add(line)
        return self._inner(self._depth + 1)

    def aside(self) -> Block:
        """A block that stands here and is filled later."""
        return self._inner(self._depth)

    def _inner(self, depth: int) -> Block:
        block = Block(depth)
        self._parts.append(block)
        return block

    def lines(self) -> Iterator[tuple[str, Place | None]]:
        """All lines, indented, each with its place."""
        for part in self._parts:
            if isinstance(part, Block):
                yield from part.lines()
            else:
                yield "    " * self._depth + part[0], part[1]


class Names:
    """The values that the source refers to by name, and fresh names for its variables."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)
        self._count: dict[str, int] = {}
        self._bound: dict[Any, str] = {}

    def fresh(self, word: str) -> str:
        """A name that nobody has used."""
        self._count[word] = number = self._count.get(word, 0) + 1
        return f"{word}{number}"

    def bind(self, word: str, value: Any) -> str:
        """The name under which the source finds the value; equal values have one."""
        key: Any = (word, type(value), value if isinstance(value, Hashable) else id(value))
        if key not in self._bound:
            self._bound[key] = name = self.fresh(word)
            self.values[name] = value
        return self._bound[key]


class Scope:
    """One record, or one item of a list in it. What is read from it and can never fail is read once, at its head.

    base: the path of the item in the record. same: expressions whose value a variable already holds.
    """

    def __init__(self, names: Names, item: str, head: Block, base: str = "") -> None:
        self.item, self.base = item, base
        self.same: dict[str, str] = {}
        self._names, self._head = names, head
        self._known: dict[str, str] = {}

    def once(self, word: str, source: str) -> str:
        """The variable that holds the value of an expression."""
        if source not in self._known:
            self._known[source] = name = self._names.fresh(word)
            self._head.add(f"{name} = {source}")
        return self._known[source]

    def path(self, path: str) -> str:
        """The variable with the value at a dotted path of nested mappings, or None; '' is the item itself."""
        at = self.item
        for depth, step in enumerate(path.split(".") if path else ()):
            if depth == 0:
                get = self.once("get", f"{at}.get if isinstance({at}, dict) else nothing")
                at = self.once("v", f"{get}({step!r})")
            else:
                at = self.once("v", f"{at}.get({step!r}) if isinstance({at}, dict) else None")
        return at


def function(name: str, body: Block, names: Names, file: str) -> tuple[Callable[..., Any], str]:
    """The function whose whole source is in the block, and that source.

    It raises what ``refused`` in its names makes of a ValueError: MappingError that names the field of the line.
    """
    lines = list(body.lines())
    places = {number: place for number, (_, place) in enumerate(lines, 1) if place is not None}

    def refused(error: ValueError) -> Exception:
        place = places.get(error.__traceback__.tb_lineno) if error.__traceback__ else None
        if place is None:
            return error
        return MappingError("mapping.value", field=place.field, path=place.path, reason=str(error))

    source = "".join(f"{line}\n" for line, _ in lines)
    names.values["refused"] = refused
    exec(compile(source, f"<{file}>", "exec"), names.values)  # noqa: S102 - written by us, see the module's docstring
    made: Callable[..., Any] = names.values[name]
    return made, source
