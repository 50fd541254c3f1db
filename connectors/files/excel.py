"""Reads an Excel file in a process of its own.

The library that reads them aborts on some damaged files, and allocates a table as wide and long as its farthest cell: a
file of a few kilobytes would end the hub. So it reads in a child with a limit on its memory, which hands back plain text.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from connectors.errors import ConfigError
from connectors.files.cells import cell_text

MOST_MEMORY = 2 * 1024 * 1024 * 1024
LONGEST = 120.0
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")
_ROOT = Path(__file__).resolve().parents[2]


def read_excel(data: bytes, sheet: str | None) -> dict[str, Any]:
    """The sheet of that name, else the first that a person sees and that holds something: ``rows`` (texts), ``areas``
    (merged cells, both corners from 0), ``sheet``, ``others``. Raises ConfigError."""
    command = [sys.executable, "-m", "connectors.files.excel", *([sheet] if sheet is not None else [])]
    # Not the whole environment: the keys of the hub are no business of who reads a stranger's file.
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"PYTHONPATH": str(_ROOT)}
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        done = subprocess.run(command, input=data, env=environment, timeout=LONGEST, check=False, **pipes)
    except subprocess.TimeoutExpired:
        raise ConfigError("files.not_excel") from None
    if done.returncode != 0:
        raise ConfigError("files.not_excel")
    found: dict[str, Any] = json.loads(done.stdout)
    if "fault" in found:
        raise ConfigError(**found["fault"])
    return found


# ---------------------------------------------------------------- in the child


def main() -> None:
    """The file from standard input, the sheet as JSON to standard output."""
    _limit_memory()
    try:
        found = _read(sys.stdin.buffer.read(), sys.argv[1] if len(sys.argv) > 1 else None)
    except ConfigError as error:
        found = {"fault": {"key": error.key, **error.params}}
    except CalamineError:
        found = {"fault": {"key": "files.not_excel"}}
    sys.stdout.write(json.dumps(found))


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(data: bytes, name: str | None) -> dict[str, Any]:
    with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
        sheets = _sheets(book)
        if not sheets:
            raise ConfigError("files.empty")
        chosen = next((sheet for sheet in sheets if name is None or sheet.name == name), None)
        if chosen is None:
            raise ConfigError("files.no_sheet", sheets="、".join(sheet.name for sheet in sheets))
        left = [""] * (chosen.start[1] if chosen.start else 0)
        rows = [left + [cell_text(value) for value in line] for line in chosen.iter_rows()]
        most = len(rows) - 1, max(map(len, rows)) - 1
        areas = [(a, (min(b[0], most[0]), min(b[1], most[1]))) for a, b in chosen.merged_cell_ranges or []]
    return {"rows": rows, "areas": areas, "sheet": chosen.name, "others": [s.name for s in sheets if s.name != chosen.name]}


def _sheets(book: CalamineWorkbook) -> list[CalamineSheet]:
    seen = [s.name for s in book.sheets_metadata if (s.typ, s.visible) == (SheetTypeEnum.WorkSheet, SheetVisibleEnum.Visible)]
    return [sheet for sheet in map(book.get_sheet_by_name, seen) if sheet.height]


if __name__ == "__main__":
    main()
