"""From fetched pages to committed canonical rows, beside dlt's merge on the same rows, database and run.

``python -m tests.bench.orders [--count 100000] [--postgres URL] [--million]`` prints orders per second, the ratio and
the peak memory of each. Ours keeps the raw record (compressed, encrypted), maps it, resolves the buyer by keys, writes
canonical orders, lines and customers with blind indexes, and the events; dlt loads orders and lines.
The time in which the pages are made is measured apart and taken off both.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.bench.rows import pages


class Pages:
    """The pages, counting the time that making them takes."""

    def __init__(self, count: int) -> None:
        self.count, self.making = count, 0.0

    def __iter__(self) -> Iterator[list[dict[str, Any]]]:
        source = pages(self.count)
        while True:
            began = time.perf_counter()
            page = next(source, None)
            self.making += time.perf_counter() - began
            if page is None:
                return
            yield page


def ours(count: int, url: str, folder: Path) -> dict[str, Any]:
    """Our landing, one transaction a page; a second pass over the first tenth must change nothing."""
    from config.settings import Settings
    from hub import accounts
    from hub.core import Hub
    from hub.store.migrate import upgrade
    from hub.sync.landing import Counts, Lander

    hub = Hub.open(Settings(data_dir=folder, database_url=url))
    upgrade(hub.db)
    config = {"app_key": "12345678", "app_secret": "not-a-secret", "shop": "示例旗舰店", "session": "not-a-session"}
    config["app_kind"] = "back_office"
    accounts.add(hub, "taobao", "shop", "shop", config, by="bench")
    lander, total, source = Lander(hub, accounts.get(hub, "shop"), "order"), Counts(), Pages(count)
    began = time.perf_counter()
    for page in source:
        with hub.db.write() as conn:
            total.add(lander.land(conn, page))
    seconds = time.perf_counter() - began - source.making
    again = Counts()
    for page in pages(count // 10):
        with hub.db.write() as conn:
            again.add(lander.land(conn, page))
    assert total.changed == count and total.quarantined == 0, total
    assert again.changed == 0 and again.events == 0, again
    return {"seconds": seconds, "customers": total.created, "events": total.events}


def dlt_merge(count: int, url: str, folder: Path) -> dict[str, Any]:
    """dlt with merge disposition and primary keys, lines as a child table, one pipeline run."""
    os.environ["DLT_DATA_DIR"] = str(folder / "dlt")
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt

    source = Pages(count)

    @dlt.resource(name="orders", primary_key="tid", write_disposition="merge")
    def orders() -> Iterator[Any]:
        yield from source

    if url:
        destination = dlt.destinations.postgres(url.replace("postgresql+psycopg", "postgresql"))
    else:
        destination = dlt.destinations.sqlalchemy(f"sqlite:///{folder / 'dlt.db'}")
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="bench", pipelines_dir=str(folder / "pipelines"))
    began = time.perf_counter()
    pipeline.run(orders())
    return {"seconds": time.perf_counter() - began - source.making}


SIDES: dict[str, Callable[[int, str, Path], dict[str, Any]]] = {"lianshu": ours, "dlt": dlt_merge}


def child(side: str, count: int, url: str) -> None:
    """One side in a process of its own; prints its figures as JSON."""
    folder = Path(tempfile.mkdtemp(prefix="lianshu-bench-"))
    try:
        found = SIDES[side](count, url, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def measure(side: str, count: int, url: str) -> dict[str, Any]:
    """Run a side on an empty database."""
    if url:
        from sqlalchemy import create_engine, text

        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), isolation_level="AUTOCOMMIT")
        with engine.connect() as conn:
            for schema in ("public", "bench", "bench_staging"):
                conn.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
            conn.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    command = [sys.executable, "-m", "tests.bench.orders", "--side", side, "--count", str(count), "--url", url]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
    if answer.returncode:
        raise SystemExit(f"{side}: {answer.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(answer.stdout.strip().rsplit("\n", 1)[-1])
    return found | {"rate": count / found["seconds"]}


def compare(name: str, count: int, url: str) -> None:
    """Both sides in turn, and the ratio."""
    mine, theirs = measure("lianshu", count, url), measure("dlt", count, url)
    for side, found in (("lianshu", mine), ("dlt merge", theirs)):
        print(f"{name:<11} {side:<10} {count:>9,} orders  {found['rate']:>8,.0f} /s  peak {found['peak_mb']:>5,.0f} MB")
    print(
        f"{name:<11} ratio      {mine['rate'] / theirs['rate']:.2f} × dlt  ({mine['customers']:,} customers, {mine['events']:,} events)"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--postgres", default=os.environ.get("HUB_BENCH_POSTGRES", ""))
    parser.add_argument("--million", action="store_true", help="also a million orders on SQLite, ours alone: is memory flat?")
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--url", default="")
    asked = parser.parse_args()
    if asked.side:
        child(asked.side, asked.count, asked.url)
        return
    compare("SQLite", asked.count, "")
    if asked.postgres:
        compare("PostgreSQL", asked.count, asked.postgres)
    else:
        print("PostgreSQL  not measured: --postgres URL (or HUB_BENCH_POSTGRES) names an empty database")
    if asked.million:
        found = measure("lianshu", 1_000_000, "")
        print(f"SQLite      lianshu    1,000,000 orders  {found['rate']:>8,.0f} /s  peak {found['peak_mb']:>5,.0f} MB")


if __name__ == "__main__":
    main()
