"""What the tests of the files connector share: a connector, compiled mappings, and small files of each kind."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from connectors.files.connector import Files
from connectors.http import Runtime
from connectors.intake import Row
from connectors.registry import get
from mappings.compile import CompiledMapping, load_mapping

Rows = Sequence[Sequence[Any]]


@pytest.fixture(scope="session")
def settings() -> dict[str, str]:
    return Files.fresh_settings()


@pytest.fixture
def files(settings: dict[str, str]) -> Files:
    kind = get("files").load()
    connector = kind(kind.Config(**settings), Runtime())
    assert isinstance(connector, Files)
    return connector


@pytest.fixture(scope="session")
def mapping() -> Callable[[str], CompiledMapping]:
    entry = get("files")

    def compiled(stream: str) -> CompiledMapping:
        zone = entry.manifest.streams[stream].cursor.zone
        return load_mapping(entry.mappings / f"{stream}.yaml", zone=zone, context={"account": "a"})

    return compiled


@pytest.fixture
def taken(files: Files, mapping: Callable[[str], CompiledMapping], tmp_path: Path) -> Callable[..., list[Row]]:
    """Write a file and take it in, the mapping checked."""

    def take(content: str | bytes, name: str = "x.csv", stream: str | None = None) -> list[Row]:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        intake = files.take(path, stream)
        return list(intake.rows(mapping(intake.stream).apply))

    return take


@pytest.fixture(scope="session")
def xlsx() -> Callable[..., bytes]:
    def make(rows: Rows, merge: Sequence[str] = (), more: Sequence[str] = (), hidden: str = "") -> bytes:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for row in rows:
            sheet.append(list(row))
        for area in merge:
            sheet.merge_cells(area)
        for name in more:
            book.create_sheet(name).append([name])
        if hidden:
            book.create_sheet(hidden, 0).append(["hidden"])
            book[hidden].sheet_state = "hidden"
        data = io.BytesIO()
        book.save(data)
        return data.getvalue()

    return make


@pytest.fixture(scope="session")
def xls() -> Callable[[Rows], bytes]:
    """A workbook as Excel 97 to 2003 wrote it, record by record (docs: MS-XLS, MS-CFB)."""
    return lambda rows: _compound_file(_biff8(rows))


@pytest.fixture(scope="session")
def locked() -> bytes:
    """An xlsx with a password is a compound file around an encrypted package (docs: MS-OFFCRYPTO)."""
    return _compound_file(b"\x5a" * 5000, "EncryptedPackage")


def _biff8(rows: Rows) -> bytes:
    def record(kind: int, data: bytes = b"") -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    def begin(kind: int) -> bytes:
        return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0, 0, 0, 0))

    def cell(row: int, column: int, value: Any) -> bytes:
        if not isinstance(value, str):
            return record(0x0203, struct.pack("<HHHd", row, column, 0, value))
        return record(0x0204, struct.pack("<HHHHB", row, column, 0, len(value), 1) + value.encode("utf-16-le"))

    def book(offset: int) -> bytes:
        name = "表".encode("utf-16-le")
        sheet = record(0x0085, struct.pack("<IBBBB", offset, 0, 0, 1, 1) + name)
        return begin(0x0005) + record(0x0042, struct.pack("<H", 1200)) + sheet + record(0x000A)

    cells = b"".join(cell(r, c, value) for r, row in enumerate(rows) for c, value in enumerate(row))
    size = record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, max(map(len, rows)), 0))
    return book(len(book(0))) + begin(0x0010) + size + cells + record(0x000A)


def _compound_file(stream: bytes, name: str = "Workbook") -> bytes:
    none, end, fat_sector = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
    chain = [fat_sector, end, *range(3, 2 + len(stream) // 512), end]
    fat = struct.pack("<128I", *chain, *[none] * (128 - len(chain)))
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<10I", 0, 1, 1, 0, 4096, end, 0, end, 0, 0) + b"\xff" * 432

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        text = (name + "\0").encode("utf-16-le")
        about = struct.pack("<HBBIII", len(text), kind, 1, none, none, child)
        return text.ljust(64, b"\0") + about + bytes(36) + struct.pack("<IQ", start, size)

    directory = entry("Root Entry", 5, 1, end, 0) + entry(name, 2, none, 2, len(stream))
    return head + fat + directory.ljust(512, b"\0") + stream
