"""Rules about a platform that misbehaves: dead tokens, limits, 5xx answers, cut connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from connectors.base import Request
from connectors.contract.bench import ATTEMPTS, Bench, Pulled, evenly
from connectors.contract.reading import pages, told
from connectors.contract.scenario import scenario, skip
from connectors.errors import ConnectorError, ReauthNeeded, Throttled, Unavailable

MOST_CALLS = 8
"""Faults are tried on at most so many of a walk's calls, the first and the last among them."""


@scenario(each="stream", role="source")
def a_token_that_dies_in_mid_run_is_fetched_once(bench: Bench, name: str) -> None:
    """All tokens die after the first page: one new token, and every record arrives. Where none can be fetched: reauth."""
    keys = bench.populate(name, pages(bench, name, 2.5))
    if bench.tokenless:
        skip("this connector fetches no tokens, and its simulator has none to kill")
    fetched: list[int] = []
    asked: list[int] = []

    def kill(_: object) -> None:
        if not fetched:
            fetched.append(len(bench.tokens))
            asked.append(len(bench.calls))
            bench.steer("kill_tokens")

    source = bench.source()
    try:
        pulled = bench.walk(source, name, bench.window(name), between=kill)
        if len(bench.calls) == asked[0]:  # all came in one call: the next walk meets the dead token
            pulled = bench.walk(source, name, bench.window(name))
    except ReauthNeeded:
        values = [token.value for token in bench.tokens]
        assert len(set(values)) <= 1, "the platform gave a fresh token, and still the connector gave up"
        return
    assert set(pulled.keys) == set(keys), told(keys, pulled.keys)
    if bench.has_tokens and len(bench.calls) > asked[0]:
        assert len(bench.tokens) - fetched[0] == 1, f"{len(bench.tokens) - fetched[0]} tokens fetched after the death, not 1"


@scenario(each="stream", role="source")
def throttling_slows_and_loses_nothing(bench: Bench, name: str) -> None:
    """More limit answers than there are attempts: the walk waits as it is told, and every record arrives."""
    keys = bench.populate(name, pages(bench, name, 1.5))
    source, window = bench.source(), bench.window(name)
    source.fetch_one(name, keys[0])
    if not bench.calls:
        skip("this connector makes no calls")
    bench.sim.faults.throttle = Counter({"": ATTEMPTS + 2})
    before, got, resume = bench.slept, Pulled(), None
    for _ in range(ATTEMPTS + 3):
        try:
            for page in source.pages(name, window, resume):
                got.add(page, bench.stream(name).key)
                resume = page.resume
            break
        except Throttled as error:
            assert error.wait > 0, "a Throttled without a wait"
            bench.sleep(error.wait)
    assert bench.sim.faults.throttle[""] == 0, "the limit answers were not all met"
    assert set(got.keys) == set(keys), told(keys, got.keys)
    assert bench.slept > before, "nobody waited"


def calls_of_a_walk(bench: Bench, name: str) -> tuple[list[str], int]:
    """Three records, and how many calls one calm walk with a new token takes."""
    keys = bench.populate(name, 3)
    before = len(bench.calls)
    bench.pull(name)
    if len(bench.calls) == before:
        skip("this connector makes no calls")
    return keys, len(bench.calls) - before


def on_call(bench: Bench, number: int, do: Callable[[], None]) -> None:
    """Do it when the given call from now on goes out."""
    wanted = len(bench.calls) + number

    def arm(count: int, request: Request) -> None:
        if count == wanted:
            do()

    bench.arm = arm


def survives_on_each_call(bench: Bench, name: str, fault: Callable[[], None]) -> None:
    """The walk with the fault on its first call, its second, and so on: every record arrives each time."""
    keys, count = calls_of_a_walk(bench, name)
    for number in evenly(count, MOST_CALLS):
        bench.sim.faults.clear()
        on_call(bench, number, fault)
        before = len(bench.calls)
        pulled = bench.pull(name)
        assert set(pulled.keys) == set(keys), f"fault on call {number + 1} of {count}: {told(keys, pulled.keys)}"
        assert len(bench.calls) - before > count, f"call {number + 1} of {count} was not repeated"


@scenario(each="stream", role="source")
def a_5xx_on_each_call_is_repeated(bench: Bench, name: str) -> None:
    """A 502 with an HTML page instead of any one answer: repeated, nothing lost."""
    survives_on_each_call(bench, name, lambda: bench.sim.faults.error.update({"": [502]}))


@scenario(each="stream", role="source")
def a_page_of_html_instead_of_an_answer_is_repeated(bench: Bench, name: str) -> None:
    """A gateway's page with status 200 instead of any one answer: repeated, never taken for an empty list."""
    survives_on_each_call(bench, name, lambda: bench.sim.faults.error.update({"": [200]}))


@scenario(each="stream", role="source")
def a_connection_cut_before_each_answer_is_repeated(bench: Bench, name: str) -> None:
    """The connection breaks before the platform has done anything."""
    survives_on_each_call(bench, name, lambda: bench.sim.faults.cut_before.update({"": 1}))


@scenario(each="stream", role="source")
def a_connection_cut_after_each_call_is_repeated(bench: Bench, name: str) -> None:
    """The connection breaks after the platform has done its work, before the answer is out."""
    survives_on_each_call(bench, name, lambda: bench.sim.faults.cut_after.update({"": 1}))


@scenario(each="stream", role="source")
def a_platform_that_stays_down_is_unavailable(bench: Bench, name: str) -> None:
    """5xx answers without end, on each call: Unavailable after a bounded number of attempts."""
    _, count = calls_of_a_walk(bench, name)
    for number in evenly(count, 4):
        bench.sim.faults.clear()
        on_call(bench, number, lambda: bench.sim.faults.error.update({"": [503] * 200}))
        before = len(bench.calls)
        try:
            bench.pull(name)
        except Unavailable:
            asked = len(bench.calls) - before
            assert asked <= number + ATTEMPTS**2, f"asked {asked} times before giving up"
        except ConnectorError as error:
            raise AssertionError(f"expected Unavailable, got {type(error).__name__}: {error}") from error
        else:
            raise AssertionError(f"the walk ended as if nothing were wrong, with call {number + 1} always answered 503")
