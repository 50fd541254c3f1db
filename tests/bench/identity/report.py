"""What the identity benchmark prints: one line a run, slices, and whether each target was met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tests.bench.identity.metrics import Groups, Scores, Truth, by_flag, by_kind, by_sources

HEAD = f"{'set':<16}{'side':<22}{'P':>7}{'R':>7}{'F1':>7}{'Rr':>7}{'F1r':>7}{'B3':>7}{'largest':>8}"
HEAD += f"{'seconds':>9}{'cpu s':>9}{'rec/s':>8}{'MB':>7}"


class Took(Protocol):
    """What a run took: seconds by the clock and of processor time, peak memory."""

    @property
    def seconds(self) -> float:
        """By the clock."""

    @property
    def processor(self) -> float:
        """Of processor time."""

    @property
    def peak_mb(self) -> float:
        """MB at the most."""


def figures(scores: Scores) -> str:
    """Precision, recall, F1, recall inside reach, F1r, B-cubed F1, largest group."""
    values = (scores.precision, scores.recall, scores.f1, scores.reach_recall, scores.f1r, scores.b3)
    return "".join(f"{value:>7.4f}" for value in values) + f"{scores.largest:>8,}"


def line(dataset: str, side: str, scores: Scores, took: Took | None = None) -> None:
    """One run: how good, how fast, how large."""
    speed = ""
    if took is not None:
        speed = f"{took.seconds:>9.1f}{took.processor:>9.1f}{scores.records / took.seconds:>8,.0f}{took.peak_mb:>7,.0f}"
    print(f"{dataset:<16}{side:<22}{figures(scores)}{speed}", flush=True)


def slices(title: str, found: Mapping[str, Scores]) -> None:
    """Parts of a run: pairs that touch such records. wrong: pairs found that are none; missed: pairs inside reach not found."""
    if not found:
        return
    print(f"  {title:<26}{'records':>9}{'found':>10}{'wrong':>8}{'missed':>8}{'P':>8}{'Rr':>8}{'F1r':>8}")
    for name, part in found.items():
        counts = f"{part.records:>9,}{part.found:>10,}{part.found - part.hits:>8,}{part.reach_pairs - part.reach_hits:>8,}"
        print(f"  {name:<26}{counts}{part.precision:>8.4f}{part.reach_recall:>8.4f}{part.f1r:>8.4f}", flush=True)


def every_slice(truth: Truth, groups: Groups) -> None:
    """By what was done to the record, by kind of entity, by pair of sources."""
    slices("touching flag", by_flag(truth, groups))
    slices("touching kind", by_kind(truth, groups))
    if len(truth.names["source"]) > 1:
        slices("sources", by_sources(truth, groups))


def target(name: str, found: float | None, wanted: float, *, most: bool = False, unit: str = "", why: str = "") -> bool | None:
    """One target: met, missed, or not measured and why. most: the wanted value is the highest allowed."""
    sign = "≤" if most else "≥"
    if found is None:
        print(f"  {name:<58} {sign} {wanted:g}{unit:<6} NOT MEASURED: {why}", flush=True)
        return None
    met = found <= wanted if most else found >= wanted
    print(f"  {name:<58} {sign} {wanted:g}{unit:<6} {found:>10.4g}{unit:<6} {'met' if met else 'MISSED'}", flush=True)
    return met
