"""The receiver over HTTP: durable before answered, stored once, refused pushes only counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from werkzeug.serving import make_server

from config.settings import Settings
from connectors import registry
from hub import accounts
from hub.app import create_app
from hub.core import Hub
from hub.sync import inbox
from hub.sync.quarantine import count as quarantined
from webhooks.inbox import Busy, Inbox

START = datetime(2026, 3, 1, tzinfo=UTC)


class Receiving:
    """A hub that serves its receiver, and a system that pushes to it."""

    def __init__(self, folder: Path) -> None:
        self.hub = Hub.open(Settings(data_dir=folder))
        kind = registry.get("inbound").simulator()
        assert kind is not None
        self.sender: Any = kind()
        accounts.add(self.hub, "inbound", "form", "form", self.sender.settings(""), by="test")
        self.app = create_app(self.hub)
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/form"

    def rows(self, query: str) -> list[Any]:
        """Rows of a query."""
        with self.hub.db.read() as conn:
            return [tuple(row) for row in conn.execute(text(query))]

    def made(self, count: int) -> list[str]:
        """Records that the sender can push."""
        keys: list[str] = self.sender.populate("customer", count, start=START, step=timedelta(minutes=1))
        return keys

    def close(self) -> None:
        """End everything."""
        self.server.shutdown()
        self.server.server_close()
        self.hub.close()


@pytest.fixture
def receiving(tmp_path: Path) -> Iterator[Receiving]:
    made = Receiving(tmp_path / "var")
    yield made
    made.close()


def test_a_push_is_durable_when_it_is_answered(receiving: Receiving, tmp_path: Path) -> None:
    """Another process that opens the file afterwards finds it, though this one never closed it."""
    (key,) = receiving.made(1)
    assert receiving.sender.push(receiving.url, "customer", key) == 200
    import sqlite3

    with sqlite3.connect(f"file:{tmp_path / 'var' / 'hub.db'}?mode=ro", uri=True) as other:
        assert other.execute("SELECT state, times FROM inbox").fetchall() == [("pending", 1)]
    assert b"phones" not in (tmp_path / "var" / "hub.db").read_bytes() + (tmp_path / "var" / "hub.db-wal").read_bytes()


def test_a_repeated_push_is_stored_once_and_counted(receiving: Receiving) -> None:
    (key,) = receiving.made(1)
    assert [receiving.sender.push(receiving.url, "customer", key) for _ in range(3)] == [200, 200, 200]
    assert receiving.rows("SELECT times, state FROM inbox") == [(3, "pending")]
    (account,) = inbox.due_accounts(receiving.hub)
    assert inbox.process(receiving.hub, account) == 1
    assert receiving.rows("SELECT state FROM inbox") == [("done",)]
    assert receiving.rows("SELECT count(*) FROM customer") == [(1,)]
    assert receiving.sender.push(receiving.url, "customer", key) == 200
    assert inbox.due_accounts(receiving.hub) == [], "a late repeat of what is done makes no work"


def test_a_forged_push_leaves_a_counter_and_no_row(receiving: Receiving) -> None:
    (key,) = receiving.made(1)
    assert receiving.sender.push(receiving.url, "customer", key, forged=True) == 401
    assert receiving.sender.push(receiving.url, "customer", key, forged=True) == 401
    assert receiving.rows("SELECT count(*) FROM inbox") == [(0,)]
    assert receiving.rows("SELECT reason, count FROM push_counter") == [("bad_signature", 2)]


def test_nobody_is_told_which_accounts_there_are(receiving: Receiving) -> None:
    (key,) = receiving.made(1)
    assert receiving.sender.push(receiving.url.replace("/form", "/nobody"), "customer", key) == 404
    accounts.remove(receiving.hub, "form", by="test")
    assert receiving.sender.push(receiving.url, "customer", key) == 404
    assert receiving.rows("SELECT count(*) FROM inbox") == [(0,)]


def test_a_genuine_push_that_cannot_be_used_is_refused_by_name(receiving: Receiving) -> None:
    assert receiving.sender.post(receiving.url, "msg_1", b'{"type": "shoe", "data": {"id": "1"}}') == 400
    assert receiving.rows("SELECT reason, count FROM push_counter") == [("bad_push", 1)]


def test_a_bad_record_goes_to_quarantine_and_the_others_land(receiving: Receiving) -> None:
    keys = receiving.made(3)
    receiving.sender.spoil("customer", keys[1])
    assert {receiving.sender.push(receiving.url, "customer", key) for key in keys} == {200}
    (account,) = inbox.due_accounts(receiving.hub)
    assert inbox.process(receiving.hub, account) == 3
    assert receiving.rows("SELECT count(*) FROM customer") == [(2,)]
    assert quarantined(receiving.hub) == 1


def test_many_pushes_at_once_share_commits_and_none_is_lost(receiving: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, batches = receiving.made(300), []
    write = Inbox._write
    monkeypatch.setattr(Inbox, "_write", lambda self, conn, pushes: (batches.append(len(pushes)), write(self, conn, pushes))[1])
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda key: receiving.sender.push(receiving.url, "customer", key), keys))
    assert set(answers) == {200}
    assert receiving.rows("SELECT count(*), sum(times) FROM inbox") == [(300, 300)]
    assert sum(batches) == 300 and len(batches) < 300, "group commit"


def test_a_store_that_refuses_is_never_answered_with_success(receiving: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    (key,) = receiving.made(1)

    def broken(self: Inbox, conn: Any, pushes: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(Inbox, "_write", broken)
        assert receiving.sender.push(receiving.url, "customer", key) == 503
    assert receiving.rows("SELECT count(*) FROM inbox") == [(0,)]
    assert receiving.sender.push(receiving.url, "customer", key) == 200, "the sender comes again and is served"


def test_too_many_that_wait_are_sent_away(receiving: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    (key,) = receiving.made(1)

    def full(self: Inbox, push: Any) -> None:
        raise Busy

    monkeypatch.setattr(Inbox, "store", full)
    assert receiving.sender.push(receiving.url, "customer", key) == 503


def test_an_enormous_push_is_not_read(receiving: Receiving) -> None:
    assert receiving.sender.post(receiving.url, "msg_1", b"x" * (1 << 20 | 1)) == 413
