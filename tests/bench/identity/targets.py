"""What issue 3 wants (targets) and what tuned libraries reach (references), as numbers in one place."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.bench.identity import report

QUALITY = {
    "dev_10k_a": (0.955, 0.95),
    "dev_100k": (0.955, 0.945),
    "million": (0.95, 0.93),
}
"""Precision and F1r of the default preset, at least."""
CAREFUL = ("dev_10k_a", 0.985, 0.75)
"""Precision and recall inside reach of the careful preset, at least."""
REVIEWED = ("dev_10k_a", 0.03, 0.965)
"""Share of records asked, at most; F1r, at least."""
PUBLIC_F1 = {"febrl3": 0.998, "febrl4": 0.998}
IN_REVIEW = 0.03
"""Share of records that a person is asked about, at most."""
UNDO = 50.0
"""Milliseconds until a merge in a group of fifty is taken back, at most."""
SHUFFLED = 0.995
"""Pairs the same when records come in another order, at least."""
SPEED = {"SQLite": (1.0, 8.0, 2000.0), "PostgreSQL": (2.0, 10.0, 1000.0)}
"""One record against a million stored: median and p99 in ms, at most; records a second one by one, at least."""
BULK = (300.0, 1024.0)
"""A million raw rows: seconds and MB, at most."""
REFERENCE = {"dev_10k_a": (0.841, 0.907, 0.873), "dev_100k": (0.874, 0.897, 0.885), "million": (0.896, None, 0.851)}
"""P, Rr and F1r of a splink tuned elsewhere, to see whether the one beside us is a fair one."""


@dataclass
class Board:
    """Every target with what was found, printed together at the end."""

    rows: list[tuple[str, float | None, float, bool, str, str]] = field(default_factory=list)

    def add(
        self, name: str, found: float | None, wanted: float, *, most: bool = False, unit: str = "", why: str = "not in this run"
    ) -> None:
        """A target. found None: not measured, and why."""
        self.rows.append((name, found, wanted, most, unit, why))

    def show(self) -> None:
        """All targets, met, missed or not measured."""
        print("\ntargets", flush=True)
        met = [
            report.target(name, found, wanted, most=most, unit=unit, why=why)
            for name, found, wanted, most, unit, why in self.rows
        ]
        print(f"  met {met.count(True)}, missed {met.count(False)}, not measured {met.count(None)}", flush=True)
