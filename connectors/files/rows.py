"""Rows of a file as raw records, and what is wrong with those that are none."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from connectors.base import Record
from connectors.errors import ConfigError, MappingError
from connectors.files.cells import KINDS, lost_digits, several
from connectors.files.layout import KEY, LEADING, Column, Layout, folded, normal
from connectors.files.reader import Table, letter
from connectors.files.workbook import write_problems
from connectors.intake import Check, Intake, Problem, Row

TOTALS = frozenset({"合计", "总计", "小计", "总合计", "汇总", "total", "subtotal", "sum"})
_REASONS = {"time": "files.not_time", "date": "files.not_date", "number": "files.not_number", "yes/no": "files.not_flag"}
"""What a transform says is wrong -> the text that says so to the person with the file; the first that is in it."""


class FileIntake(Intake):
    """An opened file with its layout. Raises ConfigError when needed columns are missing."""

    def __init__(self, table: Table, layout: Layout, secret: bytes, texts: Mapping[str, Any]) -> None:
        self._table, self._layout, self._secret, self._texts = table, layout, secret, texts
        found = layout.match(table.headers)
        if found.missing:
            accepted = "; ".join(layout.accepted(group) for group in found.missing)
            raise ConfigError("files.missing_column", accepted=accepted, headers="、".join(filter(None, table.headers)))
        self._leading = {i for i, header in enumerate(table.headers) if header in LEADING}
        self._known = [(i, layout.columns[title], KINDS[layout.columns[title].kind]) for title, i in found.index.items()]
        taken = {*found.index.values(), *self._leading}
        self._extra = [
            (i, header.lstrip("_") or letter(i)) for i, header in enumerate(table.headers) if header and i not in taken
        ]
        self._header = {title: table.headers[i] for title, i in found.index.items()}
        self.stream, self.headers, self.unused = layout.stream, table.headers, found.unused
        self.sheet, self.other_sheets = table.sheet, table.other_sheets

    def workbook(self, rows: Iterable[Row], target: Path) -> int:
        """See ``Intake.workbook``."""
        shown = [i for i in range(len(self.headers)) if i not in self._leading]
        return write_problems(target, self.headers, shown, (row for row in rows if row.problems), self._texts)

    def rows(self, check: Check | None = None) -> Iterator[Row]:
        """See ``Intake.rows``. A row that says exactly the same as one above it is left out."""
        seen: dict[str, tuple[int, int]] = {}
        for number, found in self._table.rows():
            cells = [*found, *[""] * (len(self.headers) - len(found))]
            if not any(cell for i, cell in enumerate(cells) if i not in self._leading):
                continue
            problem = self._no_record(number, cells)
            if problem is not None:
                yield Row(number, tuple(cells), problems=(problem,))
                continue
            record, problems = self._record(cells)
            problems += self._unmappable(record, check, {c for p in problems for c in p.columns}) if check else []
            if not problems and KEY not in record:
                problems = [Problem("files.no_key", params={"columns": self._shown(self._layout.fingerprint)})]
            if not problems:
                said = hash(tuple(cell for i, cell in enumerate(cells) if i not in self._leading))
                first = seen.setdefault(record[KEY], (number, said))
                if first[0] != number and first[1] == said:
                    continue
                if first[0] != number:
                    problems = [Problem("files.same_key", self._headers(self._layout.key), {"row": str(first[0])})]
            yield Row(number, tuple(cells), None if problems else record, tuple(problems))

    # -- one row

    def _no_record(self, number: int, cells: list[str]) -> Problem | None:
        """Why the cells of a row cannot be told apart at all."""
        unnamed = [i for i, cell in enumerate(cells) if cell and (i >= len(self.headers) or not self.headers[i])]
        if unnamed:
            return Problem("files.more_cells", params={"columns": "、".join(map(letter, unnamed))})
        if (first := next((cell for i, cell in enumerate(cells) if cell and i not in self._leading))) and folded(
            first
        ) in TOTALS:
            return Problem("files.total_row")
        hidden = [column.title for i, column, _ in self._known if i in self._table.covered.get(number, ())]
        return Problem("files.merged_cells", self._headers(hidden)) if hidden else None

    def _record(self, cells: list[str]) -> tuple[Record, list[Problem]]:
        record: Record = {}
        problems: list[Problem] = []
        for i, column, read in self._known:
            text = cells[i]
            if not text:
                continue
            problem = self._bad_cell(column, text)
            if problem is None:
                try:
                    record[column.title] = read(text)
                    continue
                except ValueError:
                    problem = Problem("files.not_number", (self.headers[i],))
            problems.append(problem)
        self._layout.complete(record, self._secret)
        record.update({name: cells[i] for i, name in self._extra if cells[i] and name not in record})
        return record, problems

    def _bad_cell(self, column: Column, text: str) -> Problem | None:
        header = (self._header[column.title],)
        if any(map(lost_digits, several(text) if column.kind == "list" else [text])):
            return Problem("files.lost_digits", header)
        if column.only and normal(text) not in column.only:
            return Problem("files.only", header, {"words": "、".join(sorted(column.only))})
        return None

    def _unmappable(self, record: Record, check: Check, bad: set[str]) -> list[Problem]:
        """What the mapping finds wrong: it stops at the first bad value, which is then left out and the rest tried again."""
        trial = record
        problems: list[Problem] = []
        while True:
            try:
                check(trial)
                return problems
            except MappingError as error:
                named = _named(error)
                if not named:
                    return problems + self._missing(str(error.params["field"]), trial, bad)
                columns = self._layout.origins(named)
                headers = self._headers(columns)
                if not (headers and set(headers) <= bad):
                    problems.append(_told(error, headers))
                bad = bad | set(headers)
                smaller = {name: value for name, value in trial.items() if name not in named and name not in columns}
                if len(smaller) == len(trial):
                    return problems
                trial = smaller

    def _missing(self, field: str, record: Record, bad: set[str]) -> list[Problem]:
        """All that a canonical record lacks of what it must have; the mapping names but one, and any."""
        kind = field.partition(".")[0]
        groups = [columns for name, columns in self._layout.required.items() if name.startswith(f"{kind}.")]
        lacking = [columns for columns in groups if not any(record.get(name) for name in columns)]
        lacking = lacking or [self._layout.required.get(field, [])]
        problems: list[Problem] = []
        told: set[str] = set()
        for columns in sorted(lacking, key=len):
            headers = self._headers(columns)
            if not told & set(columns) and not (headers and set(headers) <= bad):
                problems.append(Problem("files.required", headers, {"columns": self._shown(columns) or field}))
            told |= set(columns)
        return problems

    def _headers(self, titles: Iterable[str]) -> tuple[str, ...]:
        return tuple(self._header[title] for title in titles if title in self._header)

    def _shown(self, titles: Iterable[str]) -> str:
        return "/".join(self._header.get(title, title) for title in titles)


def _named(error: MappingError) -> list[str]:
    """The columns at which a value was bad; none when the error is that something required is missing."""
    path = error.params.get("path", "")
    named: list[str] = ast.literal_eval(path) if path.startswith("[") else [path] if path else []
    return [name.removeprefix("-") for name in named]


def _told(error: MappingError, headers: tuple[str, ...]) -> Problem:
    reason = str(error.params.get("reason"))
    key = next((key for word, key in _REASONS.items() if word in reason), "files.bad_cell")
    return Problem(key, headers, {"reason": reason})
