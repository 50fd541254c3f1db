"""Opens a CSV or Excel file as one table: encoding, separator, sheet and header row found, everything doubtful refused."""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from connectors.errors import ConfigError
from connectors.files.cells import plain
from connectors.files.excel import read_excel

MOST_BYTES = 200 * 1024 * 1024
MOST_UNPACKED = 1024 * 1024 * 1024
ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls")
_LOOK_AHEAD = 20
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

_SAID = re.compile(r"sep=(.)\r?\n")
"""A first line by which a CSV file tells Excel its separator; Excel does not count it as a row."""

Area = tuple[tuple[int, int], tuple[int, int]]
Line = tuple[int, list[str]]
"""A row's number as a spreadsheet counts, and its cells."""


@dataclass(frozen=True)
class Table:
    """One table. rows: what stands below the header row, blank rows left out; each call reads from the beginning.

    covered: rows that lie under a cell merged downwards, so that they lack its value, by number with the columns.
    """

    headers: list[str]
    rows: Callable[[], Iterator[Line]]
    sheet: str = ""
    other_sheets: list[str] = field(default_factory=list)
    covered: dict[int, set[int]] = field(default_factory=dict)


def open_table(source: Path | bytes, sheet: str | None = None) -> Table:
    """The table in a file. Raises ConfigError: what the file is, not what stands in it."""
    data = source if isinstance(source, bytes) else _read(source)
    if not data.strip():
        raise ConfigError("files.empty")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _open_excel(data, sheet)
    return _table(_csv_lines(_decode(data)))


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError("files.too_large", most=f"{MOST_BYTES // 1024 // 1024} MB")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError("files.unreadable", reason=type(error).__name__) from None


# ---------------------------------------------------------------- CSV


def _decode(data: bytes) -> str:
    """UTF-8 if it is that without a fault, else GB18030, of which GBK and GB2312 are parts."""
    declared = next((name for bom, name in _BOMS if data.startswith(bom)), None)
    for encoding in [declared] if declared else ["utf-8", "gb18030"]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        # Many Chinese systems export an HTML page under the name .xls.
        if text.lstrip()[:200].lower().startswith(("<html", "<!doctype", "<table", "<?xml", "<meta")):
            raise ConfigError("files.html")
        if "\0" not in text:
            return text
    raise ConfigError("files.encoding")


def _csv_lines(text: str) -> Callable[[], Iterator[Line]]:
    said = _SAID.match(text)
    text = text[said.end() :] if said else text
    separator = said[1] if said else _separator(text)

    def lines() -> Iterator[Line]:
        reader, number = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), 0
        try:
            for number, cells in enumerate(reader, 1):
                yield number, [plain(cell) for cell in cells]
        except csv.Error:
            raise ConfigError("files.quotes", row=number + 1) from None

    return lines


def _separator(text: str) -> str:
    """The one of comma, semicolon and tab that the first filled line has most of outside quotes."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = "".join(first.split('"')[::2])
    return max(",;\t", key=bare.count)


# ---------------------------------------------------------------- Excel


def _open_excel(data: bytes, name: str | None) -> Table:
    if data.startswith(b"PK"):
        _check_unpacked(data)
    elif "EncryptedPackage".encode("utf-16-le") in data:
        raise ConfigError("files.password")
    found = read_excel(data, name)
    table = _table(lambda: iter(enumerate(found["rows"], 1)), found["areas"])
    return replace(table, sheet=found["sheet"], other_sheets=found["others"])


def _check_unpacked(data: bytes) -> None:
    """A few kilobytes of zip can unpack to more than the machine has."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(item.file_size for item in archive.infolist())
    except zipfile.BadZipFile:
        raise ConfigError("files.not_excel") from None
    if size > MOST_UNPACKED:
        raise ConfigError("files.too_large", most=f"{MOST_UNPACKED // 1024 // 1024} MB")


# ---------------------------------------------------------------- both


def _table(lines: Callable[[], Iterator[Line]], areas: Sequence[Area] = ()) -> Table:
    top, headers, below = _head(lines)
    if sum(map(bool, headers)) == 1 and any(sum(map(bool, cells)) > 1 for _, cells in below[:3]):
        raise ConfigError("files.title_row", row=top)
    if any(first < top <= last + 1 for (first, _), (last, _) in areas):
        raise ConfigError("files.merged_header", row=top)
    beyond = Counter(i for _, cells in below for i, cell in enumerate(cells) if cell and not (headers[i : i + 1] or [""])[0])
    # In a few rows it is the rows that have shifted, which is told row by row.
    unnamed = sorted(i for i, count in beyond.items() if count * 2 > len(below))
    if unnamed:
        raise ConfigError("files.unnamed_columns", columns="、".join(map(letter, unnamed)), row=top)
    twice = [header for i, header in enumerate(headers) if header and header in headers[:i]]
    if twice:
        raise ConfigError("files.duplicate_header", headers="、".join(dict.fromkeys(twice)))

    def rows() -> Iterator[Line]:
        return ((number, cells) for number, cells in lines() if number > top and any(cells))

    return Table(headers, rows, covered=_covered(areas))


def _covered(areas: Sequence[Area]) -> dict[int, set[int]]:
    """A merge to the side over blank cells hides nothing; one downwards leaves the rows below its first without value."""
    covered: dict[int, set[int]] = {}
    for (top, left), (bottom, right) in areas:
        for row in range(top + 1, bottom + 1):
            covered.setdefault(row + 1, set()).update(range(left, right + 1))
    return covered


def _head(lines: Callable[[], Iterator[Line]]) -> tuple[int, list[str], list[Line]]:
    """The header row: the first that holds anything; and the first rows below it."""
    top = 0
    headers: list[str] = []
    below: list[Line] = []
    for number, cells in lines():
        if not any(cells):
            continue
        if not headers:
            top, headers = number, list(cells)
        else:
            below.append((number, cells))
        if len(below) == _LOOK_AHEAD:
            break
    if not headers:
        raise ConfigError("files.empty")
    while headers and not headers[-1]:
        headers.pop()
    return top, headers, below


def letter(column: int) -> str:
    """A column's letters in a spreadsheet: 0 is A, 26 is AA."""
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text
