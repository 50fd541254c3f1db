"""Identity over every set, beside a tuned splink on the same records: how good, how fast, and whether each target is met.

``python -m tests.bench.identity [--sets dev_10k_a …] [--quick] [--million] [--no-splink] [--no-speed] [--postgres URL]``
``python -m tests.bench.identity --damaged`` spoils cells in ways that the sets do not know.
``python -m tests.bench.identity --score dev_10k_b OUT.csv`` scores a file of rid,customer_id[,reviews] by hand.
P, R, F1 are over pairs of the final groups; Rr is recall inside reach, F1r of P and Rr, B3 the F1 of B-cubed. What could not
be run is printed as NOT MEASURED with the reason.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from pathlib import Path

from tests.bench.identity import damage, data, hub_side, metrics, quality, report, speed
from tests.bench.identity.data import Absent, Dataset
from tests.bench.identity.targets import Board

SETS = ("dev_10k_a", "dev_100k", *data.PUBLIC)
MILLION = "million"
QUICK = ("dev_1k", "restaurants", "senzing")


def by_hand(name: str, answer: Path) -> None:
    """Score a file that somebody already made."""
    with tempfile.TemporaryDirectory(prefix="lianshu-bench-") as folder:
        truth = data.load(name, Path(folder)).truth
    with answer.open(encoding="utf-8", newline="") as text:
        groups = metrics.clustering(truth, ((row["rid"], row["customer_id"]) for row in csv.DictReader(text)))
    print(report.HEAD)
    report.line(name, answer.name, metrics.score(truth, groups))
    report.every_slice(truth, groups)


def one_set(made: Dataset, folder: Path, board: Board, asked: argparse.Namespace) -> None:
    """A set: presets, splink, and for the generated ones slices, review and shuffled arrival. The million is loaded once, where
    speed is measured, which tells as well how good it is."""
    generated, small = made.name in data.CN, len(made.truth.rids) <= 20_000
    if made.name == MILLION and not asked.no_speed:
        if not asked.no_splink:
            quality.splink(made, folder)
        return
    groups = quality.presets(made, board, careful=generated and made.name != MILLION)
    if not asked.no_splink:
        quality.splink(made, folder)
    if groups is None or not generated:
        quality.left_out(board, made.name)
        return
    quality.slices(made.name, made.truth, groups)
    if small:
        quality.shuffled(made, groups, folder, board)
        quality.reviewed(made, folder, board)
    print(flush=True)


def every_set(asked: argparse.Namespace, board: Board) -> None:
    """All sets that were asked for."""
    names = asked.sets or (QUICK if asked.quick else SETS)
    print(report.HEAD, flush=True)
    for name in [*names, *([MILLION] if asked.million and MILLION not in names else [])]:
        with tempfile.TemporaryDirectory(prefix="lianshu-bench-") as folder:
            try:
                made = data.load(name, Path(folder))
            except Absent as error:
                print(f"{name:<16}NOT MEASURED: {error}", flush=True)
                continue
            one_set(made, Path(folder), board, asked)


def damaged() -> None:
    """The same 10,000 records without and with damage that the generator does not know: all of it can be read."""
    print(report.HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="lianshu-bench-") as folder:
        try:
            for name, options in (("undamaged", ()), ("damaged", ("--plugin", damage.__file__))):
                made = data.generated(Path(folder) / name, *options)
                report.line(name, "lianshu default", metrics.score(made.truth, quality.hub(made).groups))
        except Absent as error:
            print(f"damage: NOT MEASURED: {error}")


def how_fast(asked: argparse.Namespace, board: Board) -> None:
    """The speed part: files on the million or on a smaller set, the sync's own path on a smaller set, undo."""
    small = "dev_10k_a" if asked.quick else "dev_100k"
    urls = ["", asked.postgres] if asked.postgres else [""]
    if not asked.postgres:
        print("PostgreSQL: NOT MEASURED: HUB_BENCH_POSTGRES, HUB_TEST_POSTGRES or --postgres names a database to wipe")
    for way, name in ((speed.LANDER, small), (speed.RESOLVE, MILLION if asked.million else small)):
        with tempfile.TemporaryDirectory(prefix="lianshu-bench-") as folder:
            try:
                made = data.load(name, Path(folder))
            except Absent as error:
                print(f"{way}: NOT MEASURED: {error}", flush=True)
                continue
            for url in urls:
                run = speed.compare(made, url, Path(folder), board, way)
                if run is not None and name == MILLION:
                    print(report.HEAD)
                    quality.scored(made, Board() if url else board, "default", run)
                    if not url:
                        quality.slices(name, made.truth, run.groups)
    with tempfile.TemporaryDirectory(prefix="lianshu-bench-") as folder:
        for url in urls:
            speed.undone("PostgreSQL" if url else "SQLite", url, Path(folder), board)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=(*data.CN, *data.PUBLIC), metavar="SET")
    parser.add_argument("--quick", action="store_true", help="small sets alone")
    parser.add_argument("--million", action="store_true", help="also the generated million, and speed against it")
    parser.add_argument("--damaged", action="store_true", help="what further damage to the cells costs, and end")
    parser.add_argument("--no-splink", action="store_true")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--postgres", default=os.environ.get("HUB_BENCH_POSTGRES") or os.environ.get("HUB_TEST_POSTGRES", ""))
    parser.add_argument("--score", nargs=2, metavar=("SET", "OUT.csv"), help="score a file and end")
    return parser.parse_args()


def main() -> None:
    """Command line."""
    asked, board = options(), Board()
    if asked.score:
        by_hand(asked.score[0], Path(asked.score[1]))
        return
    if asked.damaged:
        damaged()
        return
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}", flush=True)
    if os.environ.get("HUB_BENCH_RESOLVE"):
        print(f"the side called lianshu is another command: {' '.join(hub_side.command())}", flush=True)
    if why := hub_side.missing():
        print(f"lianshu: NOT MEASURED: {why}", flush=True)
    every_set(asked, board)
    if not asked.no_speed:
        how_fast(asked, board)
    board.show()


if __name__ == "__main__":
    main()
