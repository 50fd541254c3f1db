"""The contract of taking in a file that a person hands over (``hub import FILE``), beside the roles in ``base``.

Which connector can do it is seen from its class: a subclass of ``Importer``. What it hands out are raw records of one
of its streams, which then go the way of every other record; what is wrong is told row by row and cell by cell.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.base import Record, Source

Check = Callable[[Record], Any]
"""Whether a record can be mapped: returns, or raises MappingError. ``CompiledMapping.apply`` is one."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong. key: a text under the manifest's ``messages``. columns: headers as the file has them, empty for the
    whole row. params: values for the text; never what stands in the cell."""

    key: str
    columns: tuple[str, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One row. number: as a spreadsheet counts. cells: the row's texts in the order of the headers. A row with problems
    has no record: it is not landed, it goes back in the workbook of problems."""

    number: int
    cells: tuple[str, ...] = field(repr=False)
    record: Record | None = field(default=None, repr=False)
    problems: tuple[Problem, ...] = ()


class Intake(ABC):
    """A file that was opened and understood.

    stream: which of the connector's streams its records belong to. headers: as in the file. unused: those of them that
    the mapping does not know. sheet: the sheet that is read; other_sheets: those that are not.
    """

    stream: str
    headers: list[str]
    unused: list[str]
    sheet: str
    other_sheets: list[str]

    @abstractmethod
    def rows(self, check: Check | None = None) -> Iterator[Row]:
        """All rows, each with its record or its problems; may be called again for a second pass."""

    @abstractmethod
    def workbook(self, rows: Iterable[Row], target: Path) -> int:
        """Write the rows that have problems as an Excel file which can be corrected and imported; how many there were.
        No file is written when there are none."""


class Importer(Source):
    """A source that also takes in files by hand."""

    @classmethod
    def fresh_settings(cls) -> dict[str, str]:
        """Settings for a new account of one's own, made up on the spot; to be stored, for they differ each time."""
        return {}

    def take(self, path: Path, mapping: str | None = None, sheet: str | None = None) -> Intake:
        """Open a file. mapping: a stream, or the path of a YAML file with other column names; by default the stream whose
        columns fit best. Raises ConfigError whose text under ``messages`` says what to do about the file."""
        raise TypeError(f"{type(self).__name__} has no take()")
