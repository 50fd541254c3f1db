"""Pushes whose platform fails: each holds only itself back, nobody is asked on and on, and a dead worker leaves none behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.serving import make_server

from config.settings import Settings
from connectors import errors
from connectors.budgets import MemoryBudgets
from connectors.sandbox import Served
from connectors.wecom.simulator import WeComSimulator
from hub import accounts
from hub.core import Hub
from hub.sync import connect, inbox
from hub.sync.quarantine import count as quarantined
from tests.faults.child import CONTEXT
from tests.faults.test_pull_faults import HALF_AN_EMOJI
from webhooks.inbox import Inbox
from webhooks.receiver import blueprint

START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Corp:
    """A corp with customers, and a hub that its pushes go to."""

    hub: Hub
    sim: WeComSimulator
    url: str
    account: int
    keys: list[str]

    def push_all(self) -> None:
        for key in self.keys:
            assert self.sim.push(self.url, "customer", key) == 200

    def rows(self) -> list[Any]:
        """State, attempts and error key of each push, in the order of the customers."""
        with self.hub.db.read() as conn:
            found = conn.execute(text("SELECT state, attempts, error, next_at FROM inbox ORDER BY received_at, key")).all()
        return [(row.state, row.attempts, row.error or "", row.next_at) for row in found]

    def landed(self) -> set[str]:
        with self.hub.db.read() as conn:
            return set(conn.execute(text("SELECT source_id FROM source_record WHERE NOT deleted")).scalars())

    def work(self) -> None:
        """Once, some time later."""
        self.forward(7200)
        inbox.process(self.hub, self.account)

    def forward(self, seconds: float) -> None:
        self.sim.offset += timedelta(seconds=seconds)


@pytest.fixture
def corp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Corp]:
    """See Corp: six customers."""
    monkeypatch.setattr(connect, "budgets_of", lambda hub, account, connector: MemoryBudgets(()))
    hub, sim = Hub.open(Settings(data_dir=tmp_path)), WeComSimulator()
    hub.clock = sim.now
    app = Flask("receiver")
    app.register_blueprint(blueprint(hub))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    platform = Served(sim)
    account = accounts.add(hub, "wecom", "wecom", "wecom", sim.settings(platform.url), by="test")
    keys = sim.populate("customer", 6, start=START, step=timedelta(minutes=1))
    found = Corp(hub, sim, f"http://127.0.0.1:{server.server_port}/webhooks/wecom", account, keys)
    hub.sleep = found.forward
    yield found
    platform.close()
    server.shutdown()
    server.server_close()
    hub.close()


def test_the_handshake_is_answered_and_a_strangers_is_not(corp: Corp) -> None:
    assert corp.sim.sender.handshake(corp.url)
    corp.sim.sender.token = "another"
    assert not corp.sim.sender.handshake(corp.url)
    assert corp.rows() == [], "a handshake is stored nowhere"


def test_a_record_that_the_platform_refuses_to_give_holds_only_itself_back(corp: Corp, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.wecom.connector import WeCom

    fetch = WeCom.fetch_one

    def refuse_third(self: Any, stream: str, key: str) -> Any:
        if key == corp.keys[2]:
            raise errors.InvalidRecord("error.invalid_record", code="isv")
        return fetch(self, stream, key)

    monkeypatch.setattr(WeCom, "fetch_one", refuse_third)
    corp.push_all()
    corp.work()
    assert corp.landed() == set(corp.keys) - {corp.keys[2]}
    assert [row[0] for row in corp.rows()].count("done") == 5
    waits = []
    for _ in range(5):
        (open_row,) = [row for row in corp.rows() if row[0] == "pending"]
        waits.append(open_row[3])
        corp.work()
    (given_up,) = [row for row in corp.rows() if row[0] != "done"]
    assert given_up[0] == "failed", "after the last wait a person looks at it"
    assert "error.invalid_record" in given_up[2]
    assert waits == sorted(set(waits))
    monkeypatch.undo()
    (failed,) = inbox.list_(corp.hub, state="failed")
    inbox.replay(corp.hub, [failed["key"]], by="test")
    corp.work()
    assert corp.landed() == set(corp.keys)


def test_a_platform_that_is_down_is_not_asked_for_each_push(corp: Corp) -> None:
    corp.push_all()
    corp.sim.faults.error[""] = [503] * 500
    before = corp.sim.calls.total()
    corp.work()
    assert corp.sim.calls.total() - before < 30
    assert [row[:2] for row in corp.rows()] == [("pending", 1)] * 6
    corp.sim.faults.clear()
    corp.work()
    assert {row[0] for row in corp.rows()} == {"done"}
    assert corp.landed() == set(corp.keys)


def test_a_stream_that_nobody_knows_harms_no_other_push(corp: Corp, monkeypatch: pytest.MonkeyPatch) -> None:
    corp.push_all()
    with corp.hub.db.read() as conn:
        key, body = conn.execute(text("SELECT key, body FROM inbox LIMIT 1")).one()
    plain = corp.hub.ring.unpack(body, key).replace(b'"stream":"customer"', b'"stream":"moment"')
    with corp.hub.db.write() as conn:
        conn.execute(text("UPDATE inbox SET body = :b WHERE key = :k"), {"b": corp.hub.ring.pack(plain, key), "k": key})
    corp.work()
    states = [row[0] for row in corp.rows()]
    assert (states.count("done"), states.count("pending")) == (5, 1)


def test_a_record_that_cannot_be_mapped_goes_to_quarantine_and_its_push_is_done(corp: Corp) -> None:
    corp.sim.spoil("customer", corp.keys[3])
    corp.push_all()
    corp.work()
    assert {row[0] for row in corp.rows()} == {"done"}
    assert quarantined(corp.hub) == 1
    assert corp.landed() == set(corp.keys) - {corp.keys[3]}


def test_a_removed_record_is_marked_and_its_push_is_done(corp: Corp) -> None:
    corp.push_all()
    corp.work()
    corp.sim.remove("customer", corp.keys[0])
    assert corp.sim.push(corp.url, "customer", corp.keys[0]) == 200
    corp.work()
    assert {row[0] for row in corp.rows()} == {"done"}
    assert corp.landed() == set(corp.keys[1:])


def test_a_worker_killed_with_pushes_in_its_hands_leaves_them_to_the_next(corp: Corp, tmp_path: Path) -> None:
    corp.push_all()
    offset = corp.sim.offset.total_seconds()
    worker = CONTEXT.Process(target=_die_before_landing, args=(str(tmp_path), offset, corp.account))
    worker.start()
    worker.join(30)
    assert worker.exitcode == -signal.SIGKILL
    assert corp.landed() == set()
    assert inbox.process(corp.hub, corp.account) == 0, "its lease still holds"
    assert {row[0] for row in corp.rows()} == {"pending"}
    corp.work()
    assert {row[0] for row in corp.rows()} == {"done"}
    assert corp.landed() == set(corp.keys)


def _die_before_landing(folder: str, offset: float, account: int) -> None:
    from hub.sync.landing import Lander

    Lander.land = lambda *args: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign,assignment]
    hub = Hub.open(Settings(data_dir=Path(folder), clock_offset=offset))
    inbox.process(hub, account)


def test_a_push_with_half_a_character_is_stored(corp: Corp) -> None:
    from connectors.base import Opened, PlatformEvent
    from webhooks.inbox import push_of

    class Source:
        def events(self, opened: Opened) -> list[PlatformEvent]:
            return [PlatformEvent("e1", "tag", "t1", "changed", None, {"id": "t1", "name": HALF_AN_EMOJI})]

    account = accounts.by_id(corp.hub, corp.account)
    Inbox(corp.hub).store(push_of(Source(), account, Opened(plaintext=b"{}", dedup_key="d1")))  # type: ignore[arg-type]
    assert [row[0] for row in corp.rows()] == ["pending"]
