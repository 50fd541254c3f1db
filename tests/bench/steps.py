"""Where the time of landing goes, step by step, without a profiler's weight on small functions.

Each step counts its own time and not that of the steps inside it. A step is entered once a page, so that measuring costs
next to nothing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import hub.identity.records.search
import hub.identity.records.stored
import hub.identity.tables.ledger
import hub.identity.tables.profiles
import hub.identity.tables.sql
import hub.store.bulk
import hub.sync.landing
import hub.sync.project
from hub.identity.resolve import Resolver
from hub.store.bulk import Upsert
from hub.sync.landing import Lander
from hub.sync.project import Projector
from hub.sync.ready import Reader

Name = str | Callable[..., str]
_STEPS: list[tuple[Any, str, Name]] = [
    (Reader, "read", "raw records to JSON; keys, versions, hashes"),
    (Reader, "_map", "mapping"),
    (Reader, "_seal", "compress and seal"),
    (Reader, "_made", "canonical rows and events"),
    (Lander, "_land", "rows of raw records, and forgetting the page"),
    (Lander, "land", "savepoint and lock"),
    (Lander, "_derive", "what is whose"),
    (Resolver, "resolve", "identity"),
    (Projector, "project", "rows by table"),
    (Upsert, "__call__", lambda upsert, *_: f"write {upsert.table}"),
    *[
        (module, asks, lambda conn, table, *_: f"read {table}")
        for asks, modules in (
            ("select_in", (hub.sync.landing, hub.sync.project, hub.identity.tables.profiles, hub.identity.tables.sql)),
            ("ask_in", (hub.identity.records.stored, hub.identity.records.search)),
        )
        for module in modules
    ],
]


class Steps:
    """Own wall time and processor time of each step, in seconds."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = defaultdict(float)
        self.cpu: dict[str, float] = defaultdict(float)
        self._inside: list[list[float]] = []

    def watch(self) -> None:
        """Put a clock around each step."""
        for owner, attribute, name in _STEPS:
            setattr(owner, attribute, self._clocked(getattr(owner, attribute), name))

    def _clocked(self, function: Callable[..., Any], name: Name) -> Callable[..., Any]:
        def clocked(*args: Any, **kwargs: Any) -> Any:
            with self.step(name if isinstance(name, str) else name(*args)):
                return function(*args, **kwargs)

        return clocked

    def step(self, name: str) -> _Clock:
        """A block that is a step of its own."""
        return _Clock(self, name)

    def enter(self) -> None:
        """A step begins."""
        self._inside.append([time.perf_counter(), time.process_time(), 0.0, 0.0])

    def leave(self, name: str) -> None:
        """It ends; what it took is not the outer step's."""
        wall, cpu, wall_inside, cpu_inside = self._inside.pop()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self.wall[name] += wall - wall_inside
        self.cpu[name] += cpu - cpu_inside
        if self._inside:
            self._inside[-1][2] += wall
            self._inside[-1][3] += cpu

    def table(self, count: int) -> list[tuple[str, float, float]]:
        """(step, wall µs, processor µs) for each of so many orders, the longest first."""
        rows = [(name, self.wall[name] / count * 1e6, self.cpu[name] / count * 1e6) for name in self.wall]
        return sorted(rows, key=lambda row: -row[1])


class _Clock:
    def __init__(self, steps: Steps, name: str) -> None:
        self._steps, self._name = steps, name

    def __enter__(self) -> None:
        self._steps.enter()

    def __exit__(self, *_: object) -> None:
        self._steps.leave(self._name)
