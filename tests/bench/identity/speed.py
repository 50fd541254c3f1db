"""How fast: a bulk load, then records one by one against what is stored, each beside a plain insert loop of the same rows.

Two ways are measured: ``hub resolve --store`` (bulk, then ``--stream``), and the sync's own ``Lander.land`` (see ``landing``),
which nobody asks a million of.
The plain loop writes each row's JSON under its id into one table of the same database, one INSERT a row, a commit per 100.
"""

from __future__ import annotations

import gzip
import itertools
import json
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.identity import hub_side, targets
from tests.bench.identity.data import Dataset
from tests.bench.identity.hub_side import NotMeasured, Run, Said
from tests.bench.identity.metrics import Truth
from tests.bench.identity.targets import Board
from tests.bench.orders import wipe

TAIL = 5_000
"""Records that come one by one."""
COMMIT = 100
RESOLVE, LANDER = "hub resolve", "Lander.land"
Row = tuple[str, str]


class Took(NamedTuple):
    """Seconds by the clock, and of this process's processor time (a server's is not in it)."""

    clock: float
    processor: float


def parts(made: Dataset, folder: Path, tail: int) -> tuple[Path, Path]:
    """The set's file cut in two: what is stored first, and the records that come after."""
    head_path, tail_path = folder / "head.jsonl.gz", folder / "tail.jsonl.gz"
    with gzip.open(made.records, "rt", encoding="utf-8") as text:
        for path, lines in (
            (head_path, itertools.islice(text, len(made.truth.rids) - tail)),
            (tail_path, text),
        ):
            with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as out:
                out.writelines(lines)
    return head_path, tail_path


def rows(path: Path) -> Iterator[Row]:
    """Record id and JSON of each line."""
    with gzip.open(path, "rt", encoding="utf-8") as text:
        for line in text:
            yield json.loads(line)["rid"], line


def insert_loop(url: str, paths: Iterable[Path], folder: Path) -> list[Took]:
    """What plain inserts of each file's rows take, one after the other into the same table."""
    connection, statement = opened(url, folder)
    found = []
    for path in paths:
        ready = list(rows(path))
        began, used = time.perf_counter(), time.process_time()
        cursor = connection.cursor()
        for number, row in enumerate(ready, 1):
            cursor.execute(statement, row)
            if number % COMMIT == 0:
                connection.commit()
        connection.commit()
        found.append(Took(time.perf_counter() - began, time.process_time() - used))
    connection.close()
    return found


def opened(url: str, folder: Path) -> tuple[Any, str]:
    """A connection to an empty table, and the INSERT for it."""
    create = "CREATE TABLE plain_rows (rid text PRIMARY KEY, body text NOT NULL)"
    if not url:
        connection: Any = sqlite3.connect(folder / "plain.db")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(create)
        return connection, "INSERT INTO plain_rows VALUES (?, ?)"
    import psycopg

    connection = psycopg.connect(url.replace("postgresql+psycopg", "postgresql"))
    connection.execute("DROP TABLE IF EXISTS plain_rows")
    connection.execute(create)
    connection.commit()
    return connection, "INSERT INTO plain_rows VALUES (%s, %s)"


def compare(made: Dataset, url: str, folder: Path, board: Board, way: str, tail: int = TAIL) -> Run | None:
    """One database: bulk and one by one, with its ratio. Targets are judged on the million alone. What ``hub resolve`` found of
    all records, as one run; None of the other way, or where it failed."""
    name = "PostgreSQL" if url else "SQLite"
    folder = folder / f"{name} {made.name}"
    folder.mkdir()
    tail = min(tail, len(made.truth.rids) // 10)
    head_path, tail_path = parts(made, folder, tail)
    stored = len(made.truth.rids) - tail
    if url:
        wipe(url)
    plain_bulk, plain_tail = insert_loop(url, (head_path, tail_path), folder)
    print(
        f"\n{name}: {stored:,} rows plain inserts {plain_bulk.clock:.1f} s ({plain_bulk.processor:.1f} s of processor); "
        f"{tail:,} more {plain_tail.clock:.2f} s ({plain_tail.processor:.2f})",
        flush=True,
    )
    if url:
        wipe(url)
    run = None
    try:
        if way == LANDER:
            bulk, stream = by_lander(head_path, tail_path, url, folder)
        else:
            bulk, stream, run = by_command(head_path, tail_path, url, folder, made.truth)
    except NotMeasured as error:
        print(f"  {way:<12} NOT MEASURED: {error}", flush=True)
        bulk, stream, why = {}, {}, str(error)
    else:
        line(way, stored, bulk, plain_bulk, tail, stream, plain_tail)
        why = ""
    if way == RESOLVE:
        judged(board, f"{name} {way}", name, bulk, stream, why, stored)
    return run


def undone(name: str, url: str, folder: Path, board: Board) -> None:
    """How long taking back a merge in a group of fifty takes, on this database."""
    if url:
        wipe(url)
    asked = [sys.executable, "-m", "tests.bench.identity.undo", "--url", url or f"sqlite:///{folder / 'undo.db'}"]
    found, why = Said(), ""
    try:
        found = json.loads(hub_side.watched([*asked, "--folder", str(folder)], str(folder)).printed)
        print(
            f"  undo in a group of 50: median {found['median_ms']:.1f} ms ({found['processor_ms']:.1f} of processor), "
            f"worst {found['worst_ms']:.1f} ms",
            flush=True,
        )
    except NotMeasured as error:
        why = str(error)
        print(f"  undo NOT MEASURED: {why}", flush=True)
    board.add(f"{name}: undo in a group of 50, median", found.get("median_ms"), targets.UNDO, most=True, unit=" ms", why=why)


def line(way: str, stored: int, bulk: Said, plain_bulk: Took, tail: int, stream: Said, plain_tail: Took) -> None:
    """What one way took."""
    print(
        f"  {way:<12} bulk {bulk['seconds']:.1f} s, {stored / bulk['seconds']:,.0f}/s, {bulk['peak_mb']:,.0f} MB, "
        f"{bulk['seconds'] / plain_bulk.clock:.1f} × plain, {bulk['processor'] / plain_bulk.processor:.1f} × in processor time "
        f"({bulk['processor'] / stored * 1e6:,.0f} µs a row); one by one median {stream['median_ms']:.2f} ms, "
        f"p99 {stream['p99_ms']:.2f} ms, {stream['rate']:,.0f}/s with a commit per {COMMIT}, "
        f"{tail / stream['rate'] / plain_tail.clock:.1f} × plain, {stream['processor'] / plain_tail.processor:.1f} × in "
        f"processor time ({stream['processor'] / tail * 1e6:,.0f} µs a record)",
        flush=True,
    )


def judged(board: Board, way: str, name: str, bulk: Said, stream: Said, why: str, stored: int) -> None:
    """Beside the targets, which are for a million stored records."""
    if stored < 900_000:
        bulk, stream, why = {}, {}, why or f"only {stored:,} stored; --million judges"
    median, p99, rate = targets.SPEED[name]
    board.add(f"{way}: one record, median", stream.get("median_ms"), median, most=True, unit=" ms", why=why)
    board.add(f"{way}: one record, p99", stream.get("p99_ms"), p99, most=True, unit=" ms", why=why)
    board.add(f"{way}: one by one, records a second", stream.get("rate"), rate, why=why)
    board.add(f"{way}: bulk load of a million", bulk.get("seconds"), targets.BULK[0], most=True, unit=" s", why=why)
    board.add(f"{way}: bulk load, peak memory", bulk.get("peak_mb"), targets.BULK[1], most=True, unit=" MB", why=why)


def by_command(head_path: Path, tail_path: Path, url: str, folder: Path, truth: Truth) -> tuple[Said, Said, Run]:
    """``hub resolve`` into a store, then ``--stream`` against it; what both took, and all of the truth's records in the end.
    NotMeasured: it cannot do that."""
    store = url or f"sqlite:///{folder / 'store.db'}"
    first = hub_side.resolve(Truth(), head_path, "--store", store, groups=False, home=folder)
    then = hub_side.resolve(truth, tail_path, "--store", store, "--stream", home=folder)
    if missing := [key for key in ("median_ms", "p99_ms", "records_per_second") if key not in then.said]:
        raise NotMeasured(f"hub resolve --stream --json does not say {', '.join(missing)}")
    stream = {"median_ms": then.said["median_ms"], "p99_ms": then.said["p99_ms"], "rate": then.said["records_per_second"]}
    stream["processor"] = then.said.get("processor_seconds", then.processor)
    took = (first.seconds + then.seconds, max(first.peak_mb, then.peak_mb), first.processor + then.processor)
    whole = Run(then.groups, then.waiting, then.said, *took)
    return {"seconds": first.seconds, "peak_mb": first.peak_mb, "processor": first.processor}, stream, whole


def by_lander(head_path: Path, tail_path: Path, url: str, folder: Path) -> tuple[Said, Said]:
    """The sync's landing in a process of its own. NotMeasured: it failed."""
    asked = [sys.executable, "-m", "tests.bench.identity.landing", str(head_path), str(tail_path), "--url", url]
    printed = hub_side.watched(asked, str(folder)).printed
    said = json.loads(printed[printed.index("{") :])
    return said["bulk"], said["stream"]
