"""kill -9 at random moments of reading and delivering, again and again: nothing is lost, nothing happens twice.

The hub is the real command (``hub worker``): one process on SQLite, two on PostgreSQL. The moments are random with a fixed
seed, which a failure prints; ``HUB_TEST_SEED`` sets another.
"""

from __future__ import annotations

import csv
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from hub.core import Hub
from tests.faults.conftest import Make
from tests.faults.world import Worker, World, agrees, finished, invented, read_through, sound, written

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "tmall_orders_2020-02.csv"
SEED = int(os.environ.get("HUB_TEST_SEED", "20260311"))
LEASE = 2.0
STARTS = 1.5
"""Seconds that a worker takes to begin on a busy machine, about."""


def sample(folder: Path) -> Path:
    """Every fourth order of the last two weeks of the published file; an invented one where it is not there."""
    if not REAL.exists():
        return invented(folder / "orders.csv", days=13, each=450)
    with REAL.open(encoding="utf-8-sig", newline="") as source:
        rows = [row for row in list(csv.reader(source))[1:] if row[4] >= "2020-02-17"]
    return written(folder / "orders.csv", rows[::4])


class Siege:
    """Starts hub processes and kills them in turn, each some time after it has begun to do something."""

    def __init__(self, world: World, hub: Hub, workers: int) -> None:
        self.world, self.hub, self.dice = world, hub, random.Random(SEED)
        self.workers = [Worker(world, f"worker{number}") for number in range(workers)]
        self.kills: Counter[str] = Counter()

    def kill_some(self, phase: str, count: int, longest: float) -> None:
        """So many kills, fewer only if the phase's work is done before."""
        done = read_through if phase == "read" else finished
        for _ in range(count):
            worker = self.workers[self.kills.total() % len(self.workers)]
            self._until_busy(worker)
            time.sleep(self.dice.uniform(0.0, longest))
            worker.kill()
            sound(self.world, self.hub)
            self.kills[phase] += 1
            worker.start(ahead=LEASE * self.kills.total())
            if done(self.hub):
                return

    def _until_busy(self, worker: Worker) -> None:
        """Until the hub has called a platform since this process began; among several, until it can have been this one."""
        grown = worker.born + (STARTS if len(self.workers) > 1 else 0.0)
        until = time.monotonic() + 6
        while (self.world.asked() == worker.asked or time.monotonic() < grown) and time.monotonic() < until:
            time.sleep(0.02)

    def run(self, reading: int, delivering: int, *, patience: float, longest: float = 0.8) -> None:
        """The whole siege; at the end the hub is left in peace. longest: seconds that it may be at work before a kill."""
        began = time.monotonic()
        for worker in self.workers:
            worker.start()
        try:
            self.kill_some("read", reading, longest)
            self._wait(read_through, patience)
            self.kill_some("deliver", delivering, longest * 0.75)
            self._wait(finished, patience)
            took = time.monotonic() - began
            stopped = [worker.stop() for worker in self.workers]
        finally:
            for worker in self.workers:
                if worker.process is not None and worker.process.poll() is None:
                    worker.kill()
        print(f"{dict(self.kills)} kills in {took:.0f} s, seed {SEED}; stopped in {stopped}")

    def _wait(self, done: object, patience: float) -> None:
        until = time.monotonic() + patience
        while not done(self.hub):  # type: ignore[operator]
            assert time.monotonic() < until, f"not done after {patience} s; {self.workers[0].log()[-3000:]}"
            time.sleep(0.2)


def test_a_killed_hub_loses_nothing_and_does_nothing_twice(world_of: Make, tmp_path: Path, database: str) -> None:
    world = world_of(sample(tmp_path), database=database)
    with world.opened() as hub:
        siege = Siege(world, hub, workers=2 if database else 1)
        siege.run(16, 16, patience=60)
        assert siege.kills["read"] >= 10
        assert siege.kills["deliver"] >= 10
        assert siege.kills.total() >= 30
        sound(world, hub)
        agrees(world, hub)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL.name} is not here: it is published data that is never committed")
def test_the_whole_file_under_a_hundred_kills(world_of: Make, database: str) -> None:
    world = world_of(REAL, database=database)
    with world.opened() as hub:
        siege = Siege(world, hub, workers=2 if database else 1)
        siege.run(80, 60, patience=300, longest=0.5)
        assert siege.kills.total() >= 100
        sound(world, hub)
        agrees(world, hub)
