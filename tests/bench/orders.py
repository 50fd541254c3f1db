"""From fetched pages to committed canonical rows, beside dlt's merge on the same rows, database and run.

``python -m tests.bench.orders [--count 100000] [--rounds 3] [--postgres URL] [--profile] [--million]`` prints orders per
second, the ratio (median of the rounds; the sides take turns) and the peak memory of each. Ours keeps the raw record
(compressed, encrypted), maps it, resolves the buyer by keys, writes canonical orders, lines and customers with blind
indexes, and the events; dlt loads orders and lines. What making the pages takes is measured apart and taken off both.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.rows import pages

Found = dict[str, Any]


class Watch:
    """Wall and processor time of a block, without what making the pages takes, which is measured on a part of them."""

    def __init__(self, count: int) -> None:
        part = min(count, 50_000)
        with self:
            for _ in pages(part):
                pass
        self._apart = [value * count / part for value in (self.seconds, self.cpu)]

    def __enter__(self) -> Watch:
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds, self.cpu = time.perf_counter() - self._began[0], time.process_time() - self._began[1]

    def found(self) -> Found:
        """The figures of the last block."""
        return {"seconds": self.seconds - self._apart[0], "cpu": self.cpu - self._apart[1]}


def ours(count: int, url: str, folder: Path, profile: bool) -> Found:
    """Our landing, one transaction a page; a second pass over the first tenth must change nothing."""
    from config.settings import Settings
    from hub import accounts
    from hub.core import Hub
    from hub.store.migrate import upgrade
    from hub.sync.landing import Counts, Lander
    from tests.bench.steps import Steps

    steps = Steps() if profile else None
    if steps:
        steps.watch()
    hub = Hub.open(Settings(data_dir=folder, database_url=url))
    upgrade(hub.db)
    config = {"app_key": "12345678", "app_secret": "not-a-secret", "shop": "示例旗舰店", "session": "not-a-session"}
    config["app_kind"] = "back_office"
    accounts.add(hub, "taobao", "shop", "shop", config, by="bench")
    lander, total, watch = Lander(hub, accounts.get(hub, "shop"), "order"), Counts(), Watch(count)
    with watch:
        for page in pages(count):
            with steps.step("begin and commit") if steps else nullcontext(), hub.db.write() as conn:
                total.add(lander.land(conn, page))
    table = steps.table(count) if steps else []
    again = Counts()
    for page in pages(count // 10):
        with hub.db.write() as conn:
            again.add(lander.land(conn, page))
    assert total.changed == count and total.quarantined == 0, total
    assert again.changed == 0 and again.events == 0, again
    return {**watch.found(), "customers": total.created, "events": total.events, "steps": table}


def whole(url: str) -> str:
    """The address with what libpq would fill in by itself and dlt asks for."""
    from sqlalchemy.engine import make_url

    found = make_url(url)
    found = found.set(
        drivername="postgresql", username=found.username or getpass.getuser(), password=found.password or "-",
        host=found.host or "127.0.0.1", port=found.port or 5432,
    )  # fmt: skip
    return found.render_as_string(hide_password=False)


def dlt_merge(count: int, url: str, folder: Path, profile: bool) -> Found:
    """dlt with merge disposition and primary keys, lines as a child table, one pipeline run."""
    os.environ["DLT_DATA_DIR"] = str(folder / "dlt")
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt

    @dlt.resource(name="orders", primary_key="tid", write_disposition="merge")
    def orders() -> Iterator[Any]:
        yield from pages(count)

    if url:
        destination = dlt.destinations.postgres(whole(url))
    else:
        destination = dlt.destinations.sqlalchemy(f"sqlite:///{folder / 'dlt.db'}")
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="bench", pipelines_dir=str(folder / "pipelines"))
    watch = Watch(count)
    with watch:
        pipeline.run(orders())
    return watch.found()


SIDES: dict[str, Callable[[int, str, Path, bool], Found]] = {"lianshu": ours, "dlt": dlt_merge}


def child(side: str, count: int, url: str, profile: bool) -> None:
    """One side in a process of its own; prints its figures as JSON."""
    folder = Path(tempfile.mkdtemp(prefix="lianshu-bench-"))
    try:
        found = SIDES[side](count, url, folder, profile)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def wipe(url: str) -> None:
    """Empty the database; only one that says by its name that it may be emptied."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    name = make_url(url).database or ""
    if "bench" not in name and "test" not in name:
        raise SystemExit(f"the benchmark empties its database: {name!r} must have 'bench' or 'test' in its name")
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        for schema in ("public", "bench", "bench_staging"):
            conn.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
        conn.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def measure(side: str, count: int, url: str, *, profile: bool = False) -> Found:
    """Run a side on an empty database."""
    if url:
        wipe(url)
    command = [sys.executable, "-m", "tests.bench.orders", "--side", side, "--count", str(count), "--url", url]
    command += ["--profile"] if profile else []
    answer = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
    if answer.returncode:
        raise SystemExit(f"{side}: {answer.stderr[-2000:]}")
    found: Found = json.loads(answer.stdout.strip().rsplit("\n", 1)[-1])
    return found | {"rate": count / found["seconds"]}


def compare(name: str, count: int, rounds: int, url: str) -> None:
    """Both sides in turn, so many rounds; the median of each, and of the ratios."""
    found: dict[str, list[Found]] = {side: [] for side in SIDES}
    for number in range(rounds):
        for side in list(SIDES)[:: 1 if number % 2 == 0 else -1]:
            found[side].append(measure(side, count, url))
    for side, runs in found.items():
        rate, peak = median(run["rate"] for run in runs), max(run["peak_mb"] for run in runs)
        cpu = median(run["cpu"] for run in runs) / count * 1e6
        print(
            f"{name:<11} {side:<8} {count:>9,} orders  {rate:>8,.0f} /s  {cpu:>6,.0f} µs of processor  peak {peak:>5,.0f} MB",
            flush=True,
        )
    last = found["lianshu"][-1]
    for what, of in (("wall", "seconds"), ("processor", "cpu")):
        ratios = sorted(theirs[of] / mine[of] for mine, theirs in zip(*found.values(), strict=True))
        print(f"{name:<11} {what:<9} {median(ratios):.2f} × dlt ({ratios[0]:.2f} to {ratios[-1]:.2f} in {rounds} rounds)")
    print(f"{name:<11} {last['customers']:,} customers, {last['events']:,} events, load average {os.getloadavg()[0]:.1f}")


def show_steps(name: str, count: int, url: str) -> None:
    """What an order costs us, step by step."""
    found = measure("lianshu", count, url, profile=True)
    print(f"{name}: µs an order        wall  processor")
    for step, wall, cpu in found["steps"]:
        print(f"  {step:<36} {wall:>6.1f} {cpu:>6.1f}")
    print(f"  {'sum':<36} {sum(row[1] for row in found['steps']):>6.1f} {sum(row[2] for row in found['steps']):>6.1f}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgres", default=os.environ.get("HUB_BENCH_POSTGRES") or os.environ.get("HUB_TEST_POSTGRES", ""))
    parser.add_argument("--profile", action="store_true", help="only where our time goes, step by step; dlt is not run")
    parser.add_argument("--million", action="store_true", help="also a million orders on SQLite, ours alone: is memory flat?")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        child(asked.side, asked.count, asked.url, asked.profile)
        return
    print(f"{asked.count:,} orders, {os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}", flush=True)
    for name, url in (("SQLite", ""), ("PostgreSQL", asked.postgres)):
        if name == "PostgreSQL" and not url:
            print("PostgreSQL  NOT MEASURED: HUB_BENCH_POSTGRES, HUB_TEST_POSTGRES or --postgres names a database to wipe")
        elif asked.profile:
            show_steps(name, asked.count, url)
        else:
            compare(name, asked.count, asked.rounds, url)
    if asked.million:
        found = measure("lianshu", 1_000_000, "")
        print(f"SQLite      lianshu  1,000,000 orders  {found['rate']:>8,.0f} /s  peak {found['peak_mb']:>5,.0f} MB")


if __name__ == "__main__":
    main()
