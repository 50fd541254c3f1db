"""How good: each set with each preset, splink beside it, the review queue answered from the truth, and shuffled arrival."""

from __future__ import annotations

import csv
import gzip
import random
import sys
from pathlib import Path

from tests.bench.identity import hub_side, metrics, report, targets
from tests.bench.identity.data import CN, Dataset
from tests.bench.identity.hub_side import NotMeasured, Run
from tests.bench.identity.metrics import Groups, Truth
from tests.bench.identity.targets import Board

ASKED = (0.0, 0.005, 0.01, 0.02, 0.03)
"""Shares of records asked about, for the curve."""


def hub(made: Dataset, *arguments: str) -> Run:
    """Our side over a set."""
    schema = ("--schema", str(made.schema)) if made.schema else ()
    return hub_side.resolve(made.truth, made.records, *schema, *arguments)


def presets(made: Dataset, board: Board, *, careful: bool) -> Groups | None:
    """The presets over a set; the groups of the default one. None: it could not run."""
    groups = None
    for preset in ("default", "careful") if careful else ("default",):
        try:
            run = hub(made, "--preset", preset)
        except NotMeasured as error:
            print(f"{made.name:<16}{'lianshu ' + preset:<22} NOT MEASURED: {error}", flush=True)
            judged(board, made.name, preset, None, str(error))
            continue
        scored(made, board, preset, run)
        if preset == "default":
            groups = run.groups
    return groups


def scored(made: Dataset, board: Board, preset: str, run: Run) -> None:
    """How good a run was."""
    scores = metrics.score(made.truth, run.groups)
    report.line(made.name, f"lianshu {preset}", scores, run)
    outside = metrics.outside_review(made.truth, run.groups, run.waiting)
    share = metrics.share(len(run.waiting), scores.records)
    asked = run.said.get("reviews", "?")
    print(f"{'':<16}{asked} open questions, in review {share:.2%} of records; ", end="")
    print(f"pairs outside review: P {outside.precision:.4f}", flush=True)
    if preset == "default" and made.name in targets.QUALITY:
        board.add(f"{made.name} {preset}: share of records in review", share, targets.IN_REVIEW, most=True)
    judged(board, made.name, preset, scores)


def judged(board: Board, name: str, preset: str, scores: metrics.Scores | None, why: str = "") -> None:
    """Put the scores beside the targets. scores None: not measured, and why."""

    def add(what: str, found: str, wanted: float) -> None:
        board.add(f"{name} {preset}: {what}", getattr(scores, found) if scores else None, wanted, why=why)

    if preset == "default" and name in targets.QUALITY:
        add("precision", "precision", targets.QUALITY[name][0])
        add("F1r", "f1r", targets.QUALITY[name][1])
    if preset == "default" and name in targets.PUBLIC_F1:
        add("F1", "f1", targets.PUBLIC_F1[name])
    if preset == "careful" and name == targets.CAREFUL[0]:
        add("precision", "precision", targets.CAREFUL[1])
        add("recall inside reach", "reach_recall", targets.CAREFUL[2])


def splink(made: Dataset, folder: Path) -> None:
    """splink in a process of its own, on the same records."""
    out = folder / "splink.csv"
    asked = [sys.executable, "-m", "tests.bench.identity.splink_side", str(made.records), "--out", str(out)]
    if made.name not in CN:
        asked += ["--schema", str(made.schema)]
    try:
        took = hub_side.watched(asked, str(folder))
    except NotMeasured as error:
        print(f"{made.name:<16}{'splink 4':<22} NOT MEASURED: {error}", flush=True)
        return
    groups, _ = hub_side.answer(out, made.truth)
    report.line(made.name, "splink 4", metrics.score(made.truth, groups), took)
    if made.name in targets.REFERENCE:
        shown = " / ".join("-" if value is None else f"{value:.3f}" for value in targets.REFERENCE[made.name])
        print(f"{'':<16}(splink tuned elsewhere: P / Rr / F1r {shown})", flush=True)


def reviewed(made: Dataset, folder: Path, board: Board) -> None:
    """The curve: precision and F1r against the share of records that people were asked about, answers from the truth."""
    answers = folder / "answers.csv"
    names = list(made.truth.names["entity"])
    with answers.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(("rid", "entity"))
        writer.writerows((rid, names[made.truth.entity[place]]) for rid, place in made.truth.rids.items())
    print(
        f"\n{made.name}: review answered from the truth\n  {'asked':>8}{'questions':>11}{'P':>8}{'Rr':>8}{'F1r':>8}", flush=True
    )
    share = f1r = None
    why = "not in this run"
    for limit in ASKED:
        try:
            run = hub(made, "--answers", str(answers), "--ask", str(limit))
            share = float(run.said["asked"]) / len(made.truth.rids)
        except (NotMeasured, KeyError) as error:
            why = f"--answers: {error}"
            print(f"  {limit:>8.1%} NOT MEASURED: {why}", flush=True)
            break
        scores = metrics.score(made.truth, run.groups)
        f1r = scores.f1r
        figures = f"{scores.precision:>8.4f}{scores.reach_recall:>8.4f}{f1r:>8.4f}"
        print(f"  {share:>8.2%}{run.said.get('answers', '?'):>11}{figures}", flush=True)
    if made.name == targets.REVIEWED[0]:
        board.add(f"{made.name} reviewed: share of records asked", share, targets.REVIEWED[1], most=True, why=why)
        board.add(f"{made.name} reviewed: F1r", f1r if share is not None else None, targets.REVIEWED[2], why=why)


def shuffled(made: Dataset, groups: Groups, folder: Path, board: Board) -> None:
    """The same records in another order; how many pairs stay the same."""
    with gzip.open(made.records, "rt", encoding="utf-8") as text:
        lines = text.readlines()
    random.Random(5).shuffle(lines)
    other = folder / "shuffled.jsonl.gz"
    with gzip.open(other, "wt", encoding="utf-8", compresslevel=1) as text:
        text.writelines(lines)
    name, why = f"{made.name} shuffled arrival: pairs the same", ""
    try:
        same = metrics.agreement(groups, hub_side.resolve(made.truth, other).groups)
        print(f"{made.name:<16}shuffled arrival: {same:.4%} of pairs the same", flush=True)
    except NotMeasured as error:
        same, why = None, str(error)
    board.add(name, same, targets.SHUFFLED, why=why)


def left_out(board: Board, name: str) -> None:
    """The targets that need the default preset's groups, when there are none."""
    if name == targets.REVIEWED[0]:
        why = "the default preset did not run"
        board.add(f"{name} shuffled arrival: pairs the same", None, targets.SHUFFLED, why=why)
        board.add(f"{name} reviewed: share of records asked", None, targets.REVIEWED[1], most=True, why=why)
        board.add(f"{name} reviewed: F1r", None, targets.REVIEWED[2], why=why)


def slices(name: str, truth: Truth, groups: Groups) -> None:
    """Where the errors are: by flag, kind and pair of sources."""
    print(f"\n{name}: lianshu default by slice", flush=True)
    report.every_slice(truth, groups)
