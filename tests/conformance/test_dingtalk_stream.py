"""dingtalk-stream 0.24.3, the platform's own library, listens to the simulator's gateway."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from datetime import UTC, datetime

import pytest

pytest.importorskip("dingtalk_stream", reason="dingtalk-stream is a development dependency")

import dingtalk_stream

from connectors.dingtalk.simulator import CLIENT_ID, SECRET, DingTalkSimulator
from connectors.sandbox import Served

NOW = datetime(2026, 1, 20, 4, tzinfo=UTC)
QUIET = logging.getLogger("tests.dingtalk_stream")


class Handler(dingtalk_stream.EventHandler):
    """Notes what comes. broken: it fails, as a program does whose database is away."""

    def __init__(self):
        super().__init__()
        self.got, self.broken = [], False

    async def process(self, event):
        if self.broken:
            return dingtalk_stream.AckMessage.STATUS_SYSTEM_EXCEPTION, "down"
        self.got.append((event.headers.event_type, event.headers.event_id, event.headers.event_corp_id, event.data))
        return dingtalk_stream.AckMessage.STATUS_OK, "OK"


@pytest.fixture
def sim(monkeypatch):
    made = DingTalkSimulator(now=lambda: NOW)
    made.app.logger.disabled = True
    server = Served(made)
    api = f"{server.url}/v1.0/gateway/connections/open"
    monkeypatch.setattr(dingtalk_stream.DingTalkStreamClient, "OPEN_CONNECTION_API", api)
    yield made
    made.stream.close()
    server.close()


@pytest.fixture
def handler(sim):
    client = dingtalk_stream.DingTalkStreamClient(dingtalk_stream.Credential(CLIENT_ID, SECRET), QUIET)
    made, loop = Handler(), asyncio.new_event_loop()
    client.register_all_event_handler(made)
    running = loop.create_task(client.start())
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([running])), daemon=True)
    thread.start()
    until(lambda: sim.stream.lines)
    yield made
    # The library takes a cancellation for a broken network and waits ten seconds: the second one ends that wait.
    for _ in range(20):
        loop.call_soon_threadsafe(running.cancel)
        thread.join(0.1)
        if not thread.is_alive():
            break
    assert not thread.is_alive()
    loop.close()


def until(condition, seconds=30):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it never happened"
        time.sleep(0.01)


def test_it_hears_events_and_its_answer_is_taken(sim, handler):
    assert sim.stream.push("bpms_instance_change", {"processInstanceId": "pi1", "title": "合同😀"}, "e1") == "SUCCESS"
    assert handler.got == [
        ("bpms_instance_change", "e1", "ding0a1b2c3d4e5f6a7b", {"processInstanceId": "pi1", "title": "合同😀"})
    ]


def test_what_it_could_not_take_comes_again(sim, handler):
    handler.broken = True
    assert sim.stream.push("x", {}, "e1") != "SUCCESS"
    handler.broken = False
    assert sim.stream.again() == ["SUCCESS"] and [item[1] for item in handler.got] == ["e1"]


def test_it_answers_a_ping(sim, handler):
    answer = sim.stream.send("SYSTEM", "ping", '{"opaque":"x"}')
    assert answer and answer["code"] == 200


def test_it_comes_back_after_a_disconnect(sim, handler):
    (first,) = sim.stream.lines
    sim.stream.disconnect()
    until(lambda: sim.stream.lines and first not in sim.stream.lines)
    assert sim.stream.push("x", {}, "e2") == "SUCCESS"
