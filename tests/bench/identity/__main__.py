"""Identity over every set, beside a tuned splink.

``python -m tests.bench.identity --score dev_10k_b OUT.csv`` scores a file of rid,customer_id[,reviews] by hand.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

from tests.bench.identity import data, metrics, report


def by_hand(name: str, answer: Path) -> None:
    """Score a file that somebody already made."""
    with tempfile.TemporaryDirectory(prefix="lianshu-bench-") as folder:
        truth = data.load(name, Path(folder)).truth
    with answer.open(encoding="utf-8", newline="") as text:
        groups = metrics.clustering(truth, ((row["rid"], row["customer_id"]) for row in csv.DictReader(text)))
    print(report.HEAD)
    report.line(name, answer.name, metrics.score(truth, groups))
    report.every_slice(truth, groups)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--score", nargs=2, metavar=("SET", "OUT.csv"), required=True)
    asked = parser.parse_args()
    by_hand(asked.score[0], Path(asked.score[1]))


if __name__ == "__main__":
    main()
