"""What all simulators share: faults on demand, a clock that can be moved, a port that is given back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from flask import Flask, Response

from connectors.sandbox import Faults, Served, Simulator, serving


class Shop(Simulator):
    name = "shop"

    def __init__(self) -> None:
        self.done = 0
        super().__init__(lambda: datetime(2026, 11, 2, tzinfo=UTC))

    def routes(self, app: Flask) -> None:
        app.add_url_rule("/orders", view_func=self.order, methods=["GET", "POST"])
        app.add_url_rule("/orders/lines", endpoint="lines", view_func=self.order)
        app.add_url_rule("/users", endpoint="users", view_func=self.order)

    def order(self) -> str:
        self.done += 1
        return "done"


@pytest.fixture
def shop() -> Iterator[Shop]:
    simulator = Shop()
    simulator.app.logger.disabled = True
    with serving(simulator) as url:
        simulator.url = url  # type: ignore[attr-defined]
        yield simulator


def get(shop: Any, path: str) -> requests.Response:
    return requests.get(shop.url + path, timeout=5)


def test_calls_are_counted(shop: Shop) -> None:
    for path in ("/orders", "/orders", "/users"):
        assert get(shop, path).text == "done"
    assert shop.calls == {"/orders": 2, "/users": 1}


def test_a_connection_cut_before_leaves_nothing_done(shop: Shop) -> None:
    shop.faults.cut_before["orders"] = 1
    with pytest.raises(requests.ConnectionError):
        get(shop, "/orders")
    assert shop.done == 0
    assert get(shop, "/orders").text == "done"


def test_a_connection_cut_after_leaves_the_work_done(shop: Shop) -> None:
    shop.faults.cut_after["orders"] = 1
    with pytest.raises(requests.ConnectionError):
        get(shop, "/orders")
    assert shop.done == 1
    assert get(shop, "/orders").text == "done"


def test_a_cut_is_seen_on_a_kept_connection_too(shop: Shop) -> None:
    with requests.Session() as session:
        session.post(shop.url + "/orders", timeout=5)  # type: ignore[attr-defined]
        shop.faults.cut_after[""] = 1
        with pytest.raises(requests.ConnectionError):
            session.post(shop.url + "/orders", timeout=5)  # type: ignore[attr-defined]
    assert shop.done == 2


def test_errors_come_in_their_order_for_what_matches(shop: Shop) -> None:
    shop.faults.error = {"orders": [500, 502]}
    assert [get(shop, path).status_code for path in ("/users", "/orders", "/orders/lines", "/orders")] == [200, 500, 502, 200]
    assert shop.done == 2


def test_a_limit_answer_is_the_platforms_own(shop: Shop) -> None:
    shop.faults.throttle["users"] = 1
    answer = get(shop, "/users")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert get(shop, "/users").status_code == 200


def test_latency(shop: Shop) -> None:
    shop.faults.delay = 0.1
    started = time.monotonic()
    get(shop, "/users")
    assert time.monotonic() - started >= 0.1


def test_faults_count_down_and_can_be_cleared() -> None:
    faults = Faults(cut_before=Counter({"a": 2}), error={"b": [500]}, delay=1)
    assert [faults.take("cut_before", call) for call in ("/a", "/b", "/ab", "/a")] == [True, False, True, False]
    assert faults.status("/a") is None
    assert (faults.status("/b"), faults.status("/b")) == (500, None)
    faults.throttle["x"] = 3
    faults.clear()
    assert faults == Faults()


def test_the_clock_is_the_given_one_plus_what_it_was_moved() -> None:
    shop = Shop()
    shop.offset += timedelta(hours=2)
    assert shop.now() == datetime(2026, 11, 2, 2, tzinfo=UTC)
    assert Simulator.now(type("Real", (Shop,), {"__init__": Simulator.__init__})()).tzinfo is UTC


def test_the_port_is_free_again_afterwards() -> None:
    served = Served(Shop())
    port = served.server.server_port
    served.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/users", timeout=2)
    Served(Shop(), port).close()


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("settings", ("http://x",)),
        ("touch", ("s", "k")),
        ("remove", ("s", "k")),
        ("spoil", ("s", "k")),
        ("add_field", ("s", "k", "n", 1)),
        ("kill_tokens", ()),
        ("push", ("http://x", "s", "k")),
    ],
)
def test_what_a_simulator_does_not_have_is_told_by_name(method: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match=rf"Shop has no {method}\(\)"):
        getattr(Shop(), method)(*arguments)


def test_a_simulator_without_routes_is_told() -> None:
    with pytest.raises(TypeError, match=r"Empty has no routes\(\)"):
        type("Empty", (Simulator,), {})()


def test_a_simulator_that_takes_no_file_says_so(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="takes no seed file"):
        Shop().seed_file(tmp_path / "x.csv")


def test_the_sandbox_does_not_log_queries(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        get(shop, "/users?token=s3cret")
    assert "/users" in caplog.text
    assert "s3cret" not in caplog.text


def test_an_answer_of_its_own_for_limits() -> None:
    assert isinstance(Shop().throttled(), Response)
