"""Import by hand: a file's good rows are landed like any page, its bad ones come back as a workbook to correct."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from connectors import registry
from connectors.base import Record
from connectors.intake import Importer, Intake, Row
from hub import accounts
from hub.core import Hub
from hub.models import Account
from hub.sync import runs
from hub.sync.connect import connect
from hub.sync.landing import Counts, Lander

BATCH = 500
SHOWN = 50


@dataclass
class Imported:
    """What came of an import. problems: the first bad rows, as {row, column, problem}."""

    stream: str
    rows: int = 0
    bad: int = 0
    counts: Counts = field(default_factory=Counts)
    problems: list[dict[str, Any]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    workbook: str | None = None
    run_id: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        counts = self.counts
        return {
            "stream": self.stream, "rows": self.rows, "bad": self.bad, "changed": counts.changed,
            "unchanged": counts.unchanged, "older": counts.older, "quarantined": counts.quarantined, "events": counts.events,
            "customers": counts.created,
            "unused_columns": self.unused, "problems": self.problems, "workbook": self.workbook, "run": self.run_id,
        }  # fmt: skip


def importer_account(hub: Hub, key: str | None, *, by: str) -> Account:
    """The account that imports go to: the named one, the first there is, or a fresh one. Raises AccountFault."""
    if key:
        named = accounts.get(hub, key)
        if named.state == "removed":
            raise accounts.AccountFault({"account": f"{key} 已断开 / was removed"})
        return named
    entry = next(e for e in registry.entries().values() if issubclass(e.load(), Importer))
    found = [account for account in accounts.all_accounts(hub) if account.platform == entry.name]
    living = [account for account in found if account.state != "removed"]
    if living:
        return living[0]
    kind = entry.load()
    assert issubclass(kind, Importer)
    if found:
        accounts.change_config(hub, found[0].key, kind.fresh_settings(), by=by)
        return accounts.get(hub, found[0].key)
    accounts.add(hub, entry.name, entry.name, entry.manifest.title.get(hub.settings.language), kind.fresh_settings(), by=by)
    return accounts.get(hub, entry.name)


def import_file(
    hub: Hub, path: Path, *, by: str, mapping: str | None = None, account: str | None = None, sheet: str | None = None,
    dry_run: bool = False, errors_to: Path | None = None, progress: Callable[[int], None] = lambda done: None,
) -> Imported:  # fmt: skip
    """Take a file in. dry_run: check every row and write the workbook, land nothing. Raises ConfigError for the file."""
    target = importer_account(hub, account, by=by)
    connector = connect(hub, target, priority=0)
    if not isinstance(connector, Importer):
        raise accounts.AccountFault({"account": f"{target.key} 不收文件 / takes no files"})
    intake = connector.take(path, mapping, sheet)
    lander = Lander(hub, target, intake.stream)
    result = Imported(intake.stream, unused=list(intake.unused))
    rows = iter(intake.rows(lander.mapping.apply))
    bad: list[Row] = []
    while batch := list(islice(rows, BATCH)):
        good = [row.record for row in batch if row.record is not None]
        bad += [row for row in batch if row.problems]
        result.rows += len(batch)
        if not dry_run:
            _land(hub, target, lander, good, result, by)
        progress(result.rows)
    _problems(intake, bad, result, errors_to or path.with_name(path.stem + ".problems.xlsx"))
    if result.run_id is not None:
        runs.finish(hub, result.run_id, "partial" if bad else "ok")
    return result


def _land(hub: Hub, account: Account, lander: Lander, records: list[Record], result: Imported, by: str) -> None:
    with hub.db.write() as conn:
        if result.run_id is None:
            result.run_id = runs.start(conn, hub, account.id or 0, lander.stream, "import", by)
        counts = lander.land(conn, records, result.run_id)
        runs.count(conn, result.run_id, counts, hub.now())
    result.counts.add(counts)


def _problems(intake: Intake, bad: list[Row], result: Imported, target: Path) -> None:
    result.bad = len(bad)
    for row in bad[:SHOWN]:
        for problem in row.problems:
            columns = "、".join(problem.columns)
            result.problems.append({"row": row.number, "columns": columns, "problem": problem.key, **problem.params})
    if bad and intake.workbook(bad, target):
        result.workbook = str(target)
