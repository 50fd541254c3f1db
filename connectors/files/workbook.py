"""The workbook of problems: the bad rows in the file's own columns, each with what is wrong and how to put it right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from connectors.files.layout import LEADING
from connectors.intake import Problem, Row

_BAD = PatternFill("solid", start_color="FFFFC7CE")
_HEAD = PatternFill("solid", start_color="FFDDE6F0")
_WIDTHS = (9, 18, 42, 42)
_RISKY = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a text for a formula (docs: OWASP, CSV injection)."""


def write_problems(
    target: Path, headers: Sequence[str], shown: Sequence[int], rows: Iterable[Row], texts: Mapping[str, Any]
) -> int:
    """Write the rows to an .xlsx; how many. shown: places of the columns to repeat. texts: message key -> its zh, en,
    fix_zh and fix_en. No rows: no file."""
    left = iter(rows)
    first = next(left, None)
    if first is None:
        return 0
    book = Workbook(write_only=True)
    sheet = book.create_sheet("问题 problems")
    for i, width in enumerate([*_WIDTHS, *[16] * len(shown)], 1):
        sheet.column_dimensions[get_column_letter(i)].width = width
    sheet.freeze_panes = "A2"
    sheet.append([_cell(sheet, name, _HEAD, bold=True) for name in [*LEADING, *(headers[i] for i in shown)]])
    count = 0
    for row in chain([first], left):
        sheet.append(_line(sheet, row, headers, shown, texts))
        count += 1
    book.save(target)
    return count


def _line(
    sheet: WriteOnlyWorksheet, row: Row, headers: Sequence[str], shown: Sequence[int], texts: Mapping[str, Any]
) -> list[Cell]:
    bad = {name for problem in row.problems for name in problem.columns}
    said = [told(problem, texts) for problem in row.problems]
    lead = [str(row.number), "、".join(dict.fromkeys(n for p in row.problems for n in p.columns))]
    lead += ["\n".join(what for what, _ in said), "\n".join(dict.fromkeys(how for _, how in said))]
    own = [(row.cells[i], _BAD if headers[i] in bad else None) for i in shown]
    return [_cell(sheet, text, None) for text in lead] + [_cell(sheet, text, fill) for text, fill in own]


def told(problem: Problem, texts: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong, and how to put it right, each in both languages."""
    text = texts[problem.key]
    params = {"column": "、".join(problem.columns), **problem.params}
    return "\n".join(part.format(**params) for part in (text.zh, text.en)), "\n".join((text.fix_zh, text.fix_en))


def _cell(sheet: WriteOnlyWorksheet, text: str, fill: PatternFill | None, bold: bool = False) -> Cell:
    """A cell that is text and stays text when it is edited, so that no formula runs and no long number is rounded."""
    cell = WriteOnlyCell(sheet, None)
    if text:
        cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)
        cell.data_type = "s"
    cell.number_format = "@"
    cell.alignment = Alignment(wrap_text="\n" in text, vertical="top")
    if text.startswith(_RISKY):
        cell.quotePrefix = True
    if fill is not None:
        cell.fill = fill
    if bold:
        cell.font = Font(bold=True)
    return cell
