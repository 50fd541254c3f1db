"""A folder into which another system puts its exports: ``<folder>/<stream>/*.csv|xlsx``, read whole at each walk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connectors.base import Page, Record
from connectors.errors import ConfigError
from connectors.files.layout import KEY
from connectors.files.reader import ENDINGS
from connectors.intake import Intake, Row

_SKIPPED = (".", "~$")
"""How names of hidden files and of Excel's lock files begin."""


@dataclass(frozen=True)
class Folder:
    """One stream's subfolder. settle: seconds that a file must have rested, so that none is read half written.

    When several files hold a record, the newest file (by its modification time) has the say.
    """

    place: Path
    settle: float
    clock: Callable[[], datetime]
    open: Callable[[Path], Intake]

    def files(self) -> list[Path]:
        """The files that can be read now, the newest first. Raises ConfigError when the folder cannot be listed."""
        try:
            found = [(path, path.stat().st_mtime) for path in self.place.iterdir() if _wanted(path)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError("files.folder", reason=type(error).__name__) from None
        now = self.clock().timestamp()
        rested = [(path, changed) for path, changed in found if not 0 <= now - changed < self.settle]
        return [path for path, _ in sorted(rested, key=lambda item: (-item[1], item[0].name))]

    def pages(self, size: int, resume: str | None) -> Iterator[Page]:
        """All records in pages. resume: the state of the folder and how many records were given; when the folder has
        changed since, everything is given again. Raises the ConfigError of a file that cannot be read after the others."""
        faults: list[ConfigError] = []
        state = self._state()
        done = _done(resume, state)
        page: list[Record] = []
        for count, record in enumerate(self.records(faults), 1):
            if count <= done:
                continue
            if len(page) == size:
                yield Page(page, f"{state}:{count - 1}")
                page = []
            page.append(record)
        yield Page(page, None, last=not faults)
        if faults:
            raise faults[0]

    def records(self, faults: list[ConfigError]) -> Iterator[Record]:
        """Each record as its newest file has it. faults: takes what is wrong with whole files."""
        seen: set[str] = set()
        for path in self.files():
            try:
                for row in self.open(path).rows():
                    record = row.record or _bare(row)
                    key = record.get(KEY)
                    if key is None or key not in seen:
                        yield record
                    if key is not None:
                        seen.add(key)
            except ConfigError as error:
                error.params["file"] = path.name
                faults.append(error)

    def _state(self) -> str:
        listed = [(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in self.files()]
        return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:16]


def _wanted(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(_SKIPPED) and path.is_file()


def _done(resume: str | None, state: str) -> int:
    before, _, count = (resume or "").partition(":")
    return int(count) if before == state else 0


def _bare(row: Row) -> Record:
    """A row that is no record goes on without key and columns: no mapping takes it, so that it ends in quarantine as it was."""
    return {"_problem": ", ".join(problem.key for problem in row.problems), "_row": row.number, "_cells": list(row.cells)}
