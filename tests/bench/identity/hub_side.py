"""``hub resolve`` over a file as a child process: its groups, its own figures, seconds and peak memory.

``HUB_BENCH_RESOLVE`` may name another command with the same arguments, for trying the benchmark itself.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import psutil

from tests.bench.identity.metrics import Groups, Truth, clustering

Said = dict[str, Any]


class NotMeasured(Exception):
    """A figure could not be had; the text says why."""


@dataclass(frozen=True)
class Run:
    """groups: customers as the truth's order of records. waiting: places of records with an open review."""

    groups: Groups
    waiting: list[int]
    said: Said
    seconds: float
    peak_mb: float
    processor: float


class Watched(NamedTuple):
    """What a command printed, seconds by the clock, peak memory in MB, seconds of processor time (its children's too)."""

    printed: str
    seconds: float
    peak_mb: float
    processor: float


def command() -> list[str]:
    """What resolves a file."""
    asked = os.environ.get("HUB_BENCH_RESOLVE")
    return shlex.split(asked) if asked else [sys.executable, "-c", "from hub.cli import main; main()", "resolve"]


def missing() -> str:
    """Why no file can be resolved here, '' when it can."""
    answer = subprocess.run([*command(), "--help"], capture_output=True, text=True, timeout=120, check=False)
    return "" if answer.returncode == 0 else f"{shlex.join(command())} does not run: {last_line(answer.stderr)}"


def last_line(text: str) -> str:
    """The line of an error output that says what is wrong."""
    told = [line.strip(" │╭╰─╯") for line in text.splitlines()]
    return next((line for line in reversed(told) if line), "no word on standard error")[:300]


def resolve(truth: Truth, records: Path, *arguments: str, groups: bool = True, home: Path | None = None) -> Run:
    """Run over a file. groups: whether the output is for exactly the records of the truth. home: where the keys of a store are
    that another run has made; with other keys nothing in it would be found again. NotMeasured: it failed."""
    with tempfile.TemporaryDirectory(prefix="lianshu-bench-") as folder:
        out = Path(folder) / "out.csv"
        asked = [*command(), str(records), "--out", str(out), "--json", *arguments]
        took = watched(asked, str(home or folder))
        try:
            said = json.loads(took.printed[took.printed.index("{") :])
            found = answer(out, truth) if groups else ([], [])
        except (ValueError, KeyError, OSError) as error:
            raise NotMeasured(f"the answer cannot be read: {error}") from error
    return Run(*found, said, took.seconds, took.peak_mb, took.processor)


def spent() -> float:
    """Seconds of processor time of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def watched(asked: list[str], folder: str) -> Watched:
    """Run a command to its end. NotMeasured: it failed."""
    environment = {**os.environ, "HUB_DATA_DIR": folder}
    began, before = time.perf_counter(), spent()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as wrong:
        child = subprocess.Popen(asked, stdout=out, stderr=wrong, env=environment)
        peak = peak_of(child)
        seconds = time.perf_counter() - began
        if child.returncode:
            raise NotMeasured(f"ended with {child.returncode}: {last_line(text_of(wrong))}")
        return Watched(text_of(out), seconds, peak, spent() - before)


def text_of(file: IO[str]) -> str:
    """All that was written to a file."""
    file.seek(0)
    return file.read()


def peak_of(child: subprocess.Popen[bytes]) -> float:
    """Wait for a child; the most memory that it and its children held at a moment, in MB, looked at 20 times a second.

    Not the kernel's figure for ended children: that one starts with the memory of the process that started them.
    """
    peak, process = 0, psutil.Process(child.pid)
    while True:
        try:
            child.wait(0.05)
            return peak / 1e6
        except subprocess.TimeoutExpired:
            peak = max(peak, held(process))


def held(process: psutil.Process) -> int:
    """Bytes that a process and its children hold now; 0 when it is gone."""
    try:
        return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def answer(out: Path, truth: Truth) -> tuple[Groups, list[int]]:
    """Groups and the records with open reviews from rid,customer_id,reviews."""
    waiting: list[int] = []

    def rows() -> Any:
        with out.open(encoding="utf-8", newline="") as text:
            for row in csv.DictReader(text):
                if (row.get("reviews") or "0") != "0":
                    waiting.append(truth.rids.get(row["rid"], -1))
                yield row["rid"], row["customer_id"]

    return clustering(truth, rows()), waiting
