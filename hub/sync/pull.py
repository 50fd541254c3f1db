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
from sqlalchemy import Connection
from sqlmodel import col, delete, select

from connectors.base import Record, Source
from connectors.errors import AuthError, ConfigError, ConnectorError, Retryable, Stop, Throttled
from hub import accounts
from hub.core import Hub
from hub.models import SourceRecord, WalkSeen
from hub.store.bulk import Upsert
from hub.sync import runs
from hub.sync.claims import Claim, LeaseLost, advance, claim, release
from hub.sync.connect import connect
from hub.sync.cursor import Cursor
from hub.sync.landing import Counts, Lander

log = structlog.get_logger("hub.sync")
SWEEP_BATCH = 100
BACKOFF = (5, 15, 60, 300, 900)
_insert_seen = Upsert("walk_seen", ("ref", "account_id", "stream", "walk"), ("ref",), update=("walk",))


class Step(NamedTuple):
    """One unit that commits: records to land, keys that are gone, and the cursor after it."""

    records: list[Record]
    gone: list[str]
    cursor: Cursor


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
        if self.held.task == "rescan":
            yield from self._rescan()
        elif self.spec.cursor.kind == "time":
            yield from self._windows()
        elif self.spec.cursor.kind == "none":
            yield from self._walk()
        else:
            for page in self.connector.pages(self.held.stream, None, self.cursor.resume):
                yield Step(list(page.records), [], self.cursor.after_page(page.resume, last=page.last))

    def _windows(self) -> Iterator[Step]:
        now = self.hub.now()
        while (planned := self.cursor.next_window(self.spec.cursor, now)) is not None:
            self.cursor, last = planned, False
            for page in self.connector.pages(self.held.stream, planned.window, planned.resume):
                last = page.last
                yield Step(list(page.records), [], self.cursor.after_page(page.resume, last=last))
            if not last:
                yield Step([], [], self.cursor.after_page(None, last=True))

    def _walk(self) -> Iterator[Step]:
        if self.cursor.sweep is None:
            if self.cursor.resume is None:
                self.cursor = replace(self.cursor, walk=self.cursor.walk + 1)
            ends = replace(self.cursor, resume=None, sweep="" if self.spec.deletes == "sweep" else None)
            last = False
            for page in self.connector.pages(self.held.stream, None, self.cursor.resume):
                last = page.last
                yield Step(list(page.records), [], ends if last else replace(self.cursor, resume=page.resume))
            if not last:
                yield Step([], [], ends)
        while self.cursor.sweep is not None:
            missing = self._missing(self.cursor.sweep)
            yield self._ask(missing, replace(self.cursor, sweep=missing[-1] if missing else None))

    def _missing(self, after: str) -> list[str]:
        seen = select(WalkSeen.ref).where(WalkSeen.walk == self.cursor.walk, WalkSeen.account_id == self.held.account_id)
        return self._ids(after, col(SourceRecord.ref).not_in(seen))

    def _rescan(self) -> Iterator[Step]:
        while keys := self._ids(self.cursor.after or "", col(SourceRecord.is_open).is_(True)):
            yield self._ask(keys, replace(self.cursor, after=keys[-1]))
        yield Step([], [], replace(self.cursor, after=None))

    def _ids(self, after: str, condition: Any) -> list[str]:
        statement = (
            select(SourceRecord.source_id)
            .where(SourceRecord.account_id == self.held.account_id, SourceRecord.stream == self.held.stream)
            .where(col(SourceRecord.deleted).is_(False), condition)
            .where(col(SourceRecord.source_id) > after)
            .order_by(col(SourceRecord.source_id))
            .limit(SWEEP_BATCH)
        )
        with self.hub.db.read() as conn:
            return list(conn.execute(statement).scalars())

    def _ask(self, keys: list[str], cursor: Cursor) -> Step:
        found = list(self.connector.fetch_many(self.held.stream, keys))
        return Step([r for _, r in found if r is not None], [k for k, r in found if r is None], cursor)

    # -- doing it

    def run(self, seconds: float) -> bool:
        """Work through the steps for so long; whether some are left."""
        ends = time.monotonic() + seconds
        for step in self.steps():
            self._commit(step)
            if self.hub.stopping():
                raise Stop
            if time.monotonic() >= ends:
                return not self._finished(step)
        return False

    def _finished(self, step: Step) -> bool:
        if self.spec.cursor.kind == "time" and self.held.task == "pull":
            return step.cursor.next_window(self.spec.cursor, self.hub.now()) is None
        return False

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
        if self.spec.deletes != "sweep" or self.held.task != "pull":
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
    except Stop:
        release(hub, held, hub.now())
        raise
    except Exception as error:
        return _failed(hub, held, work, error)
    _ended(hub, held, work, more)
    return Outcome(work.total, more)


def _ended(hub: Hub, held: Claim, work: _Pull, more: bool) -> None:
    every = work.spec.rescan if held.task == "rescan" else work.spec.every
    now = hub.now()
    values: dict[str, Any] = {"failures": 0, "error": None, "last_ok_at": now}
    if not more:
        values |= {"run_id": None, "cursor": replace(work.cursor, until=None).dump()}
        if work.run_id is not None:
            runs.finish(hub, work.run_id)
    release(hub, held, now if more else now + (every or timedelta(minutes=5)), **values)


def _failed(hub: Hub, held: Claim, work: _Pull | None, error: Exception) -> Outcome:
    """What an error means for the stream and its account: later, or a person first. Nothing read so far is lost."""
    if not isinstance(error, ConnectorError):
        log.exception("pull failed", account=held.account_id, stream=held.stream)
        error = ConnectorError("error.internal", reason=type(error).__name__)
    counts = work.total if work else Counts()
    failures = held.failures + (not isinstance(error, Throttled))
    wait = error.wait if isinstance(error, Throttled) else BACKOFF[min(failures, len(BACKOFF)) - 1]
    release(hub, held, hub.now() + timedelta(seconds=wait), failures=failures, error=error.as_dict(), run_id=None)
    if work and work.run_id is not None:
        runs.finish(hub, work.run_id, "stopped" if isinstance(error, Retryable) else "failed", error.as_dict())
    if isinstance(error, AuthError | ConfigError):
        state = "needs_auth" if isinstance(error, AuthError) else "failed"
        accounts.set_state(hub, accounts.by_id(hub, held.account_id).key, state, reason=error.key, by="hub")
    return Outcome(counts, more=False, error=error)
