"""Kept connections: acknowledged once durable, opened anew, one worker each, given up when nobody wants them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from sqlalchemy import text

from connectors.dingtalk.simulator import DingTalkSimulator
from connectors.errors import Throttled, Unavailable
from connectors.sandbox import Served
from hub import accounts
from hub.jobs import listeners as module
from hub.jobs.embedded import EmbeddedRunner
from hub.jobs.listeners import Listeners, pause, shown
from hub.models import Account, Inbox, SourceRecord
from hub.sync import inbox

Site = Any
KIND = "ding_paas_object_data_create"


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it never happened"
        time.sleep(0.01)


@pytest.fixture
def sim(site: Site) -> Iterator[DingTalkSimulator]:
    made = DingTalkSimulator(now=lambda: site.now)
    made.app.logger.disabled = True
    made.stream.patience = 5.0
    served = Served(made)
    settings = made.settings(served.url) | {"event_mode": "stream", "callback_token": "", "callback_aes_key": ""}
    accounts.add(site.hub, "dingtalk", "ding", "钉钉", settings, by="test")
    yield made
    made.stream.close()
    served.close()


@pytest.fixture
def keeper(site: Site, sim: DingTalkSimulator) -> Iterator[Listeners]:
    """Has one connection open. Tests plan by hand."""
    made = Listeners(site.hub)
    made.plan()
    until(lambda: sim.stream.lines and shown(site.hub, 1)["opened_at"])
    yield made
    made.stop()


def push(sim: DingTalkSimulator, key: str = "INST-1", event_id: str = "") -> str:
    return sim.stream.push(KIND, {"dataId": key, "dataType": "master", "objectType": "crm_customer"}, event_id)


def test_what_is_acknowledged_is_durable(site: Site, sim: DingTalkSimulator, keeper: Listeners) -> None:
    assert push(sim, event_id="e1") == "SUCCESS"
    row = site.one(Inbox)
    assert row.key == "1|e1" and row.state == "pending"
    assert shown(site.hub, 1)["heard_at"] is None or shown(site.hub, 1)["opened_at"]


def test_what_could_not_be_stored_comes_again(
    site: Site, sim: DingTalkSimulator, keeper: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any, conn: Any, pushes: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(module.Inbox, "_write", full)
        status = push(sim, event_id="e1")
        assert status != "SUCCESS" and site.rows(Inbox) == []
    until(lambda: sim.stream.lines or keeper.plan() or site.forward(2))
    assert sim.stream.again() == ["SUCCESS"] and site.one(Inbox).key == "1|e1"


def test_a_push_that_comes_twice_is_one_row(site: Site, sim: DingTalkSimulator, keeper: Listeners) -> None:
    assert [push(sim, event_id="e1"), push(sim, event_id="e1")] == ["SUCCESS", "SUCCESS"]
    assert site.one(Inbox).times == 2


def test_what_was_pushed_is_fetched_and_landed(site: Site, sim: DingTalkSimulator, keeper: Listeners) -> None:
    row = sim.crm.add("crm_customer", {"customer_name": "远山科技有限公司"})
    assert push(sim, row.id) == "SUCCESS"
    assert inbox.process(site.hub, 1) == 1
    assert site.one(SourceRecord).source_id == row.id and site.one(Inbox).state == "done"


def test_the_platform_ends_a_connection_and_gets_another(site: Site, sim: DingTalkSimulator, keeper: Listeners) -> None:
    (first,) = sim.stream.lines
    sim.hang_up()
    until(lambda: first not in sim.stream.lines)
    until(lambda: keeper.plan() or sim.stream.lines)
    assert push(sim) == "SUCCESS" and shown(site.hub, 1)["error"] is None


def test_a_network_that_breaks_is_tried_again_after_a_pause(site: Site, sim: DingTalkSimulator, keeper: Listeners) -> None:
    sim.stream.cut()
    until(lambda: keeper.state() == [] and not sim.stream.lines)
    found = shown(site.hub, 1)
    assert found["error"]["type"] == "Unavailable" and found["opened_at"] is None and found["next_at"] > site.now
    keeper.plan()
    assert keeper.state() == [], "not before its time"
    site.forward(2)
    until(lambda: keeper.plan() or sim.stream.lines)
    assert push(sim) == "SUCCESS"
    assert shown(site.hub, 1)["error"] is None


def test_a_ping_is_answered_with_what_it_said(sim: DingTalkSimulator, keeper: Listeners) -> None:
    answer = sim.stream.send("SYSTEM", "ping", '{"opaque":"x1"}')
    assert answer and (answer["code"], answer["data"]) == (200, '{"opaque":"x1"}')
    answer = sim.stream.send("CALLBACK", "/v1.0/im/bot/messages/get", "{}")
    assert answer and answer["code"] == 404


def test_one_worker_keeps_a_connection_and_another_takes_over(site: Site, sim: DingTalkSimulator, keeper: Listeners) -> None:
    other = Listeners(site.hub)
    other.plan()
    assert (keeper.state(), other.state()) == ([1], [])
    (first,) = sim.stream.lines
    keeper.stop()
    until(lambda: first not in sim.stream.lines)
    until(lambda: other.plan() or sim.stream.lines)
    assert push(sim) == "SUCCESS"
    other.stop()
    until(lambda: not sim.stream.lines)


def test_a_killed_workers_lease_runs_out(site: Site, sim: DingTalkSimulator) -> None:
    dead = Listeners(site.hub)
    account = accounts.get(site.hub, "ding")
    assert dead._claim(account) and dead._claim(account) is None
    other = Listeners(site.hub)
    other.plan()
    assert other.state() == []
    site.forward(site.hub.settings.lease_seconds + 1)
    other.plan()
    until(lambda: sim.stream.lines)
    other.stop()


def test_a_worker_that_lost_its_lease_lets_go(site: Site, sim: DingTalkSimulator, keeper: Listeners) -> None:
    with site.hub.db.write() as conn:
        conn.execute(text("UPDATE listening SET fence = fence + 1"))
    site.forward(10)
    until(lambda: keeper.state() == [])
    until(lambda: not sim.stream.lines)


@pytest.mark.parametrize("change", ["pause", "settings"])
def test_a_connection_that_nobody_wants_is_closed(site: Site, sim: DingTalkSimulator, keeper: Listeners, change: str) -> None:
    if change == "pause":
        accounts.set_state(site.hub, "ding", "paused", reason="x", by="t")
    else:
        accounts.change_config(site.hub, "ding", {**accounts.get(site.hub, "ding").config, "event_mode": "http"}, by="t")
    site.forward(10)
    until(lambda: keeper.state() == [] and not sim.stream.lines)
    keeper.plan()
    assert keeper.state() == []


def test_a_wrong_secret_stops_the_account_with_its_reason(site: Site, sim: DingTalkSimulator) -> None:
    config = accounts.get(site.hub, "ding").config
    accounts.change_config(site.hub, "ding", {**config, "client_secret": "wrong-secret-wrong"}, by="t")
    keeper = Listeners(site.hub)
    keeper.plan()
    until(lambda: keeper.state() == [])
    found = site.one(Account)
    assert (found.state, found.state_reason) == ("failed", "dingtalk.credentials")
    keeper.stop()


def test_a_ticket_opens_one_connection(sim: DingTalkSimulator, site: Site) -> None:
    from connectors.dingtalk.simulator import CLIENT_ID, SECRET
    from connectors.sockets import Socket

    wanted = {"clientId": CLIENT_ID, "clientSecret": SECRET, "subscriptions": [{"type": "EVENT", "topic": "*"}]}
    answer = sim.stream.open(wanted)
    url = f"{answer['endpoint']}?ticket={answer['ticket']}"
    first = Socket(url, name="x", plain=True)
    until(lambda: not sim.stream.tickets)  # the other side has seen it: else the second may be the one that it lets in
    with pytest.raises(Unavailable):
        Socket(url, name="x", plain=True).receive(20.0)
    with pytest.raises(Unavailable, match="not encrypted"):
        Socket(url, name="x")
    first.close()


def test_the_runner_keeps_connections_by_itself(site: Site, sim: DingTalkSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.jobs.plan import Planner

    monkeypatch.setattr(Planner, "due", lambda self: iter(()))
    runner = EmbeddedRunner(site.hub)
    runner.start()
    until(lambda: runner.state()["listening"] == [1] and sim.stream.lines)
    assert push(sim) == "SUCCESS"
    runner.stop()
    until(lambda: not sim.stream.lines)
    assert runner.state()["listening"] == []


def test_pauses_grow_to_a_minute_and_a_limit_says_its_own() -> None:
    assert all(0.75 <= pause(1, Unavailable()) <= 1.25 for _ in range(20))
    assert all(45 <= pause(30, Unavailable()) <= 75 for _ in range(20))
    assert pause(1, Throttled(300.0)) == 300.0


def test_so_does_a_distributed_worker(site: Site, sim: DingTalkSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its engine is beside the point here: the connection does not wait for it, nor end with it before the process does."""
    from hub.jobs.distributed import DistributedRunner

    class Engine:
        def open(self) -> Any:
            return nullcontext()

    async def idle(self: Any) -> None:
        while not self._stop.is_set():
            await asyncio.sleep(0.02)

    monkeypatch.setattr(DistributedRunner, "app", Engine())
    monkeypatch.setattr(DistributedRunner, "_work", idle)
    runner = DistributedRunner(site.hub)
    thread = threading.Thread(target=runner.run_forever)
    thread.start()
    until(lambda: sim.stream.lines)
    assert push(sim) == "SUCCESS"
    runner._stop.set()
    thread.join(20)
    assert not thread.is_alive()
    until(lambda: not sim.stream.lines)
