"""Reading a file of customers: its rows as canonical records, and in both languages what is wrong with it."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import orjson

from hub.identity.bulk import rows
from hub.identity.core.schema import Schema

GZIP = b"\x1f\x8b"


class FileFault(ValueError):
    """The file cannot be read or resolved; the text says where, why and what to do, in both languages."""

    def __init__(self, place: object, zh: str, en: str) -> None:
        super().__init__(f"{place}: {zh}\n{place}: {en}")
        self._said = (str(place), zh, en)

    def __reduce__(self) -> tuple[type[FileFault], tuple[str, str, str]]:
        return FileFault, self._said  # also from another process


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The file as text, unpacked when it ends in .gz. Raises FileFault, also for what comes to light in reading."""
    try:
        with _open(path) as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error):
        zh = "不是完整的 gzip 压缩文件。没有压缩的文件名字不要以 .gz 结尾；传了一半的请重新取"
        en = "is no whole gzip file. A file that is not packed must not be named .gz; fetch one again that was cut off"
        raise FileFault(path, zh, en) from None
    except UnicodeDecodeError:
        raise _not_text(path) from None
    except csv.Error as error:
        raise FileFault(path, f"不是能读的 CSV：{error}", f"cannot be read as CSV: {error}") from None
    except OSError as error:
        raise _unreadable(path, error) from None


def _open(path: Path) -> TextIO:
    return gzip.open(path, "rt", encoding="utf-8-sig") if path.suffix == ".gz" else path.open(encoding="utf-8-sig", newline="")


def _not_text(path: Path) -> FileFault:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    if packed and path.suffix != ".gz":
        zh, en = "是压缩过的文件，名字却不以 .gz 结尾；请改名", "is packed by gzip and not named .gz; rename it"
        return FileFault(path, zh, en)
    return FileFault(path, "不是 UTF-8 文本；请另存为 UTF-8", "is not text in UTF-8; save it as UTF-8")


def _unreadable(path: Path, error: OSError) -> FileFault:
    if isinstance(error, FileNotFoundError):
        return FileFault(path, "没有这个文件；请核对路径", "there is no such file; look at the path")
    if isinstance(error, IsADirectoryError):
        return FileFault(path, "是文件夹，不是文件；请写出文件名", "is a folder and no file; name the file")
    if isinstance(error, PermissionError):
        return FileFault(path, "没有读取的权限；请让当前用户能读它", "may not be read; let the present user read it")
    said = error.strerror or type(error).__name__
    return FileFault(path, f"读不了：{said}", f"cannot be read: {said}")


class Row(NamedTuple):
    """A row as it stands in the file. line: from 1; cells: as text, where they are JSON."""

    line: int
    cells: Mapping[str, Any] | str


class Reader(NamedTuple):
    """A file of customers. schema: what its columns mean, None for the hub's own exchange format."""

    path: Path
    schema: Schema | None = None

    def rows(self) -> Iterator[Row]:
        """All rows. Raises FileFault."""
        with opened(self.path) as file:
            tabled = self.path.name.removesuffix(".gz").endswith(".csv")
            if tabled:
                yield from _tabled(self.path, file, self.schema)
            else:
                yield from (Row(number, line) for number, line in enumerate(file, 1) if line.strip())

    def record(self, row: Row) -> tuple[str, dict[str, Any], str]:
        """(list, canonical record, rid) of a row; with its ``at`` in seconds, or its ``features``. Raises FileFault."""
        place = f"{self.path}:{row.line}"
        cells = _object(place, row.cells) if isinstance(row.cells, str) else row.cells
        try:
            return _general(cells, self.schema) if self.schema else _own(cells)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            said = f"{type(error).__name__}: {error}"
            raise FileFault(place, f"这一行用不了：{said}", f"this line cannot be used: {said}") from None


def _tabled(path: Path, file: TextIO, schema: Schema | None) -> Iterator[Row]:
    if schema is None:
        zh = "CSV 要有 --schema，说明各列是什么"
        raise FileFault(path, zh, "a CSV file needs --schema, which says what its columns are")
    reader = csv.DictReader(file)
    named = [schema.rid, schema.source, schema.kind_column, *schema.columns]
    if missing := [name for name in named if name and name not in (reader.fieldnames or ())]:
        there = ", ".join(reader.fieldnames or ()) or "-"
        raise FileFault(path, f"没有列 {missing[0]!r}；有：{there}", f"has no column {missing[0]!r}; it has: {there}")
    return (Row(number, cells) for number, cells in enumerate(reader, 2))


def _general(row: Mapping[str, Any], schema: Schema) -> tuple[str, dict[str, Any], str]:
    """A row of general data."""
    source = str(row.get(schema.source) or "") if schema.source else ""
    rid = str(row[schema.rid])
    return source, {"kind": "customer", "id": rid, "fields": {}, "features": schema.features(row)}, rid


def _own(row: Mapping[str, Any]) -> tuple[str, dict[str, Any], str]:
    """A row of the hub's own exchange format."""
    moment = row.get("updated_at")
    at = int(datetime.fromisoformat(moment.replace("/", "-")).timestamp()) if moment else 0
    return f"{row.get('source') or ''}:{row.get('shop') or ''}", rows.record(dict(row)) | {"at": at}, str(row["rid"])


def _object(place: str, line: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise FileFault(place, "不是单独一行的 JSON 对象", "is not a JSON object on a line of its own") from None
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise FileFault(place, f"是 {kind}，不是对象", f"is {kind}, not an object")
    return found


def truth_of(path: Path) -> dict[str, str]:
    """rid -> entity of a file with these columns. Raises FileFault."""
    with opened(path) as file:
        reader = csv.DictReader(file)
        if not {"rid", "entity"} <= set(reader.fieldnames or ()):
            raise FileFault(path, "要有 rid 和 entity 两列", "the columns rid and entity are needed")
        return {row["rid"]: row["entity"] for row in reader}
