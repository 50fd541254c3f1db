"""Pull: claims a stream, reads pages, commits each with its cursor under the fence, and gives the stream back.

A pull works for one slice of time and is due again at once when there is more; a kill at any point leaves the last
committed page and its cursor, and the next worker goes on from there when the lease has run out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, exists, true
from sqlmodel import col, delete, select

from connectors.base import Record, Source
from connectors.errors import AuthError, ConfigError, ConnectorError, Retryable, Stop, Throttled
from hub import accounts
from hub.core import Hub
from hub.models import SourceRecord, WalkSeen
from hub.store.bulk import Upsert
from hub.store.database import refused
from hub.sync import runs
from hub.sync.claims import Claim, LeaseLost, advance, claim, release
from hub.sync.connect import connect
from hub.sync.cursor import Cursor
from hub.sync.landing import Counts, Lander

log = structlog.get_logger("hub.sync")
SWEEP_BATCH = 100
GATHER = 1000
"""Pages are gathered to about so many records a commit."""
GATHER_SECONDS = 1.0
BACKOFF = (5, 15, 60, 300, 900)
_insert_seen = Upsert("walk_seen", ("ref", "account_id", "stream", "walk"), ("ref",), update=("walk",))


class Step(NamedTuple):
    """One unit that commits: records to land, keys that are gone, and the cursor after it. final: nothing comes after it."""

    records: list[Record]
    gone: list[str]
    cursor: Cursor
    final: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a slice ended. more: due again at once. error: what stopped it."""

    counts: Counts
    more: bool
    error: ConnectorError | None = None


class _Pull:
    """One slice of one stream."""

    def __init__(self, hub: Hub, held: Claim, by: str) -> None:
        self.hub, self.held, self.by = hub, held, by
        self.account = accounts.by_id(hub, held.account_id)
        self.cursor = Cursor.load(held.cursor)
        self.lander = Lander(hub, self.account, held.stream)
        self.spec = self.lander.spec
        backfill = self.spec.cursor.kind == "time" and self.cursor.done_to is None
        connector = connect(hub, self.account, priority=3 if backfill else 2)
        assert isinstance(connector, Source)
        self.connector = connector
        self.total = Counts()
        self.run_id = held.run_id

    # -- what is to be done, step by step

    def steps(self) -> Iterator[Step]:
        """All steps that are left, each following the committed one before it."""
        if self.held.task != "pull":
            yield from self._again()
        elif self.spec.cursor.kind == "time":
            yield from self._windows()
        elif self.spec.cursor.kind == "none":
            yield from self._walk()
        else:
            start = self.cursor
            for page in self.connector.pages(self.held.stream, None, start.resume):
                yield Step(list(page.records), [], start.after_page(page.resume, last=page.last), page.last)

    def _windows(self) -> Iterator[Step]:
        now, cursor = self.hub.now(), self.cursor
        while (planned := cursor.next_window(self.spec.cursor, now)) is not None:
            cursor, last = planned, False
            for page in self.connector.pages(self.held.stream, planned.window, planned.resume):
                last = page.last
                cursor = planned.after_page(page.resume, last=last)
                yield Step(list(page.records), [], cursor)
            if not last:
                cursor = planned.after_page(None, last=True)
                yield Step([], [], cursor)

    def _walk(self) -> Iterator[Step]:
        cursor = self.cursor
        if cursor.sweep is None:
            if cursor.resume is None:
                self.cursor = cursor = replace(cursor, walk=cursor.walk + 1)
            ends = replace(cursor, resume=None, sweep="" if self.spec.deletes == "sweep" else None)
            last = False
            for page in self.connector.pages(self.held.stream, None, cursor.resume):
                last = page.last
                after = ends if last else replace(cursor, resume=page.resume)
                yield Step(list(page.records), [], after, last and ends.sweep is None)
            if not last:
                yield Step([], [], ends, ends.sweep is None)
            cursor = ends
        while cursor.sweep is not None:
            missing = self._missing(cursor.sweep)
            cursor = replace(cursor, sweep=missing[-1] if missing else None)
            yield self._ask(missing, cursor, final=not missing)

    def _missing(self, after: str) -> list[str]:
        seen = exists().where(col(WalkSeen.ref) == col(SourceRecord.ref), col(WalkSeen.walk) == self.cursor.walk)
        return self._ids(after, ~seen)

    def _again(self) -> Iterator[Step]:
        """Known records by key: the open ones (rescan), or all (sweep)."""
        condition = col(SourceRecord.is_open).is_(True) if self.held.task == "rescan" else true()
        cursor = self.cursor
        while keys := self._ids(cursor.after or "", condition):
            cursor = replace(cursor, after=keys[-1])
            yield self._ask(keys, cursor)
        yield Step([], [], replace(cursor, after=None), True)

    def _ids(self, after: str, condition: Any) -> list[str]:
        """Keys of known records behind one of them, in the order of their refs: each row is passed once in a sweep."""
        statement = (
            select(SourceRecord.source_id)
            .where(SourceRecord.account_id == self.held.account_id, SourceRecord.stream == self.held.stream)
            .where(col(SourceRecord.deleted).is_(False), condition)
            .where(col(SourceRecord.ref) > f"{self.held.account_id}|{self.held.stream}|{after}")
            .order_by(col(SourceRecord.ref))
            .limit(SWEEP_BATCH)
        )
        with self.hub.db.read() as conn:
            return list(conn.execute(statement).scalars())

    def _ask(self, keys: list[str], cursor: Cursor, *, final: bool = False) -> Step:
        found = list(self.connector.fetch_many(self.held.stream, keys)) if keys else []
        return Step([r for _, r in found if r is not None], [k for k, r in found if r is None], cursor, final)

    # -- doing it

    def run(self, seconds: float) -> bool:
        """Work through the steps for so long; whether some are left."""
        ends = time.monotonic() + seconds
        for step in self._gathered():
            self._commit(step)
            if self.hub.stopping():
                raise Stop
            if time.monotonic() >= ends:
                return not self._finished(step)
        return False

    def _gathered(self) -> Iterator[Step]:
        """Steps with the small pages of a long read put together: one commit and one fsync for all of them.

        What was gathered when a read fails is committed before the error goes on: a limit that comes as early in each
        slice would otherwise let nothing through for ever.
        """
        records: list[Record] = []
        began = time.monotonic()
        waiting: Step | None = None
        failed: Exception | None = None
        steps = self.steps()
        while True:
            try:
                step = next(steps)
            except StopIteration:
                break
            except Exception as error:
                failed = error
                break
            records += step.records
            waiting = step._replace(records=records)
            full = len(records) >= GATHER or time.monotonic() - began >= GATHER_SECONDS
            if full or step.gone or self._turns(step):
                yield waiting
                records, began, waiting = [], time.monotonic(), None
        if waiting is not None:
            yield waiting
        if failed is not None:
            raise failed

    def _turns(self, step: Step) -> bool:
        """Whether the step ends a walk or belongs to a sweep: those look at what has been committed."""
        return step.cursor.sweep is not None or self.cursor.sweep is not None

    def _finished(self, step: Step) -> bool:
        """Whether the step was the last one. A walk that is taken for unfinished begins anew, and may never end."""
        if self.spec.cursor.kind == "time" and self.held.task == "pull":
            return step.cursor.next_window(self.spec.cursor, self.hub.now()) is None
        return step.final

    def _commit(self, step: Step) -> None:
        with self.hub.db.write() as conn:
            if self.run_id is None:
                self.run_id = runs.start(conn, self.hub, self.held.account_id, self.held.stream, self.held.task, self.by)
            counts = self.lander.land(conn, step.records, self.run_id)
            counts.changed += self.lander.gone(conn, step.gone)
            self._remember(conn, step)
            advance(conn, self.hub, self.held, cursor=step.cursor.dump(), run_id=self.run_id)
            window = step.cursor.window or self.cursor.window
            bounds = {"window_start": window.start, "window_end": step.cursor.until} if window else {}
            runs.count(conn, self.run_id, counts, self.hub.now(), done_to=step.cursor.done_to, **bounds)
        self.cursor = step.cursor
        self.total.add(counts)

    def _remember(self, conn: Connection, step: Step) -> None:
        if self.spec.deletes != "sweep" or self.held.task != "pull" or self.spec.cursor.kind != "none":
            return
        if step.cursor.sweep is None and self.cursor.sweep is not None:
            done = delete(WalkSeen).where(col(WalkSeen.account_id) == self.held.account_id)
            conn.execute(done.where(col(WalkSeen.stream) == self.held.stream))
        elif self.cursor.sweep is None:
            key = self.lander.source_id
            refs = [f"{self.held.account_id}|{self.held.stream}|{key(record)}" for record in step.records]
            _insert_seen(conn, [(ref, self.held.account_id, self.held.stream, self.cursor.walk) for ref in refs])


def pull(
    hub: Hub, account_id: int, stream: str, *, task: str = "pull", seconds: float | None = None, by: str = "hub"
) -> Outcome | None:
    """Work on a due stream for one slice. None when somebody else has it, or it is not due."""
    held = claim(hub, account_id, stream, task)
    if held is None:
        return None
    work: _Pull | None = None
    try:
        work = _Pull(hub, held, by)
        more = work.run(hub.settings.slice_seconds if seconds is None else seconds)
    except LeaseLost:
        log.info("lease lost", account=account_id, stream=stream)
        return Outcome(work.total if work else Counts(), more=False)
    except (Stop, KeyboardInterrupt):
        release(hub, held, hub.now())
        raise
    except Exception as error:
        return _failed(hub, held, work, error)
    _ended(hub, held, work, more)
    return Outcome(work.total, more)


def _ended(hub: Hub, held: Claim, work: _Pull, more: bool) -> None:
    every = {"rescan": work.spec.rescan, "sweep": work.spec.sweep_every}.get(held.task, work.spec.every)
    now = hub.now()
    values: dict[str, Any] = {"failures": 0, "error": None, "last_ok_at": now}
    if not more:
        values |= {"run_id": None, "cursor": work.cursor.ended().dump()}
        if work.run_id is not None:
            runs.finish(hub, work.run_id)
    release(hub, held, now if more else now + (every or timedelta(minutes=5)), **values)


def _failed(hub: Hub, held: Claim, work: _Pull | None, error: Exception) -> Outcome:
    """What an error means for the stream and its account: later, or a person first. Nothing read so far is lost."""
    uncounted = isinstance(error, Throttled) or refused(error)
    if not isinstance(error, ConnectorError):
        log.exception("pull failed", account=held.account_id, stream=held.stream)
        error = ConnectorError("error.internal", reason=type(error).__name__)
    counts = work.total if work else Counts()
    failures = held.failures + (not uncounted)
    wait = error.wait if isinstance(error, Throttled) else BACKOFF[min(max(failures, 1), len(BACKOFF)) - 1]
    release(hub, held, hub.now() + timedelta(seconds=wait), failures=failures, error=error.as_dict(), run_id=None)
    if work and work.run_id is not None:
        runs.finish(hub, work.run_id, "stopped" if isinstance(error, Retryable) else "failed", error.as_dict())
    if isinstance(error, AuthError | ConfigError):
        state = "needs_auth" if isinstance(error, AuthError) else "failed"
        accounts.set_state(hub, accounts.by_id(hub, held.account_id).key, state, reason=error.key, by="hub")
    return Outcome(counts, more=False, error=error)
