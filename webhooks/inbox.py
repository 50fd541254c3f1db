"""The inbox's front: stores pushes durably, once however often they come.

On SQLite one writer thread commits what has gathered (group commit: one fsync for many pushes); PostgreSQL groups commits
itself, so each push is inserted by its own request.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, text

from connectors.base import EventSource, Opened, PlatformEvent
from connectors.errors import BadPush
from hub.core import Hub
from hub.models import Account
from hub.store.bulk import Upsert
from hub.sync.alive import received
from hub.sync.raw import storable

MOST = 512
WAITING = 2000
_insert = Upsert(
    "inbox", ("key", "account_id", "body", "state", "attempts", "times", "next_at", "received_at", "error"), ("key",)
)


class Busy(Exception):
    """Too many pushes wait, or the store did not take them."""


class Push(NamedTuple):
    """One push to be stored. body: JSON bytes; error: why it is unusable, though genuine."""

    key: str
    account_id: int
    body: bytes
    error: dict[str, object] | None


class Inbox:
    """Stores pushes. ``store`` returns only when the push is durable."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._queue: queue.SimpleQueue[tuple[Push, Future[None]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    def take(self, source: EventSource, account: Account, opened: Opened) -> None:
        """Store what was pushed: a push, or the credentials that it brings and nothing else. Raises Busy."""
        if opened.keep:
            received(self._hub, account, opened.keep)
        else:
            self.store(push_of(source, account, opened))

    def store(self, push: Push) -> None:
        """Store a push; a repeated one only counts. Raises Busy."""
        if self._hub.db.dialect != "sqlite":
            with self._hub.db.write() as conn:
                self._write(conn, [push])
            return
        if self._queue.qsize() > WAITING:
            raise Busy
        self._start()
        done: Future[None] = Future()
        self._queue.put((push, done))
        try:
            done.result(timeout=15)
        except Exception as error:
            raise Busy from error

    def count_refused(self, account_id: int, reason: str) -> None:
        """Count a refused push by account, reason and day."""
        now = self._hub.now()
        statement = text(
            "INSERT INTO push_counter (account_id, reason, day, count, last_at) VALUES (:a, :r, :d, 1, :t) "
            "ON CONFLICT (account_id, reason, day) DO UPDATE SET count = push_counter.count + 1, last_at = excluded.last_at"
        )
        with self._hub.db.write() as conn:
            conn.execute(statement, {"a": account_id, "r": reason, "d": f"{now:%Y-%m-%d}", "t": self._hub.now_us()})

    def _start(self) -> None:
        with self._lock:
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._loop, name="inbox", daemon=True)
                self._writer.start()

    def _loop(self) -> None:
        while True:
            batch = [self._queue.get()]
            while len(batch) < MOST:
                try:
                    batch.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            try:
                with self._hub.db.write() as conn:
                    self._write(conn, [push for push, _ in batch])
            except Exception as error:
                for _, done in batch:
                    done.set_exception(error)
            else:
                for _, done in batch:
                    done.set_result(None)

    def _write(self, conn: Connection, pushes: Sequence[Push]) -> None:
        now = self._hub.now_us()
        rows = []
        for push in pushes:
            state = "failed" if push.error else "pending"
            error = orjson.dumps(push.error).decode() if push.error else None
            sealed = self._hub.ring.pack(push.body, push.key)
            rows.append((push.key, push.account_id, sealed, state, 0, 0, now, now, error))
        _insert(conn, rows)
        counted = text("UPDATE inbox SET times = times + 1 WHERE key = :key")
        conn.execute(counted, [{"key": push.key} for push in pushes])


def push_of(source: EventSource, account: Account, opened: Opened) -> Push:
    """An opened push as it is stored, with the events in it; one that is genuine but unusable keeps its reason."""
    business = opened.dedup_key or sha256(opened.plaintext).hexdigest()
    try:
        events, error = [_as_json(event) for event in source.events(opened)], None
    except BadPush as fault:
        events, error = [], fault.as_dict()
    body = {"events": events, "plaintext": opened.plaintext.decode("utf-8", "replace")}
    return Push(f"{account.id}|{business}", account.id or 0, storable(body)[1], error)


def _as_json(event: PlatformEvent) -> dict[str, Any]:
    return {
        "key": event.key, "stream": event.stream, "record_key": event.record_key, "kind": event.kind,
        "time": event.time.isoformat() if event.time else None, "record": event.record,
    }  # fmt: skip
