"""Call budgets: several limits at once, matched by request name, shared by all workers of an account."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from fnmatch import fnmatchcase
from typing import Protocol

from pyrate_limiter import AbstractBucket, InMemoryBucket, Limiter, Rate, RateItem, SingleBucketFactory

from connectors.errors import Throttled
from connectors.manifest import Budget

DAY = 86_400_000
BACKGROUND = 2
"""Priorities from here on (incremental, backfill) leave a fifth of each budget to people and webhook fetches."""


class Budgets(Protocol):
    """The budgets of one connected account."""

    def hold(self, name: str, priority: int, sleep: Callable[[float], None]) -> AbstractContextManager[None]:
        """Wait for a place in every budget that matches, and keep its parallel slot while the call runs."""

    def slow(self, seconds: float) -> None:
        """The platform said 'too fast': everybody waits this long."""


def rates(budget: Budget, share: float = 1.0) -> list[Rate]:
    """The budget as rates of the limiter; share: the part of it that this caller may use."""
    parts = ((budget.per_second, 1000), (budget.per_minute, 60_000), (budget.per_day, DAY))
    return [Rate(max(1, int(limit * share)), span) for limit, span in parts if limit]


class _Sweeping(SingleBucketFactory):
    """Forgets old calls when a new one comes. By itself the library keeps a thread for each limiter, which never ends."""

    def __init__(self, bucket: AbstractBucket) -> None:
        super().__init__(bucket, schedule_leak=False)

    def get(self, item: RateItem) -> AbstractBucket:
        """The bucket without what is too old to count."""
        self.bucket.leak(item.timestamp)
        return self.bucket


class _Gate:
    def __init__(self, budget: Budget, bucket: Callable[[list[Rate], str], AbstractBucket], key: str) -> None:
        self.match = budget.match
        self.parallel = threading.BoundedSemaphore(budget.parallel) if budget.parallel else None
        self.all = Limiter(_Sweeping(bucket(rates(budget), key))) if rates(budget) else None
        self.background = Limiter(_Sweeping(bucket(rates(budget, 0.8), key + ":background"))) if rates(budget) else None


class MemoryBudgets:
    """Budgets of one process. longest: seconds to wait for a place before the caller is told to come back later."""

    def __init__(
        self,
        budgets: Sequence[Budget],
        *,
        bucket: Callable[[list[Rate], str], AbstractBucket] = lambda rates, key: InMemoryBucket(rates),
        key: str = "",
        longest: float = 20.0,
    ) -> None:
        self._gates = [_Gate(budget, bucket, f"{key}:{i}") for i, budget in enumerate(budgets)]
        self._longest = longest
        self._resume_at = 0.0

    @contextmanager
    def hold(self, name: str, priority: int, sleep: Callable[[float], None]) -> Iterator[None]:
        """See ``Budgets.hold``. Raises Throttled when no place comes free in time."""
        pause = self._resume_at - time.monotonic()
        if pause > 0:
            sleep(pause)
        with ExitStack() as held:
            for gate in self._gates:
                if not fnmatchcase(name, gate.match):
                    continue
                if gate.parallel:
                    held.enter_context(gate.parallel)
                for limiter in (gate.background if priority >= BACKGROUND else None, gate.all):
                    if limiter and not limiter.try_acquire(name, timeout=self._longest):
                        raise Throttled(60.0, "error.own_budget", name=name)
            yield

    def slow(self, seconds: float) -> None:
        """See ``Budgets.slow``."""
        self._resume_at = max(self._resume_at, time.monotonic() + seconds)
