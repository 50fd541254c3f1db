"""Rules about connections that platforms push over: taken once durable, asked for again otherwise, opened anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import cast

from connectors.base import Listener, Opened, Outcome, PlatformEvent
from connectors.contract.bench import Bench
from connectors.contract.pushed import truth_of
from connectors.contract.scenario import scenario

PATIENCE = 10.0


class Ear:
    """A thread that keeps the connection as the hub does. answers: what becomes of the next pushes; then all are stored."""

    def __init__(self, bench: Bench, answers: list[Outcome] | None = None) -> None:
        self._listener = cast(Listener, bench.connector())
        self.answers = answers or []
        self.opened: list[Opened] = []
        self.events: list[PlatformEvent] = []
        self.stood = threading.Event()
        self.connections = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Ear:
        self._thread.start()
        assert self.stood.wait(PATIENCE), "listen() gave no word in time"
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "listen() gave no word within ten seconds, so it could not be stopped"

    def _run(self) -> None:
        while not self._stop.is_set():
            self.connections += 1
            with closing(self._listener.listen()) as heard:
                item, outcome = next(heard, None), "stored"
                while not self._stop.is_set():
                    self.stood.set()
                    outcome = self._took(item) if item is not None else "stored"
                    try:
                        item = heard.send(cast(Outcome, outcome))
                    except StopIteration:
                        break

    def _took(self, item: Opened) -> str:
        self.opened.append(item)
        outcome = self.answers.pop(0) if self.answers else "stored"
        if outcome == "stored":
            self.events += self._listener.events(item)
        return outcome


def wait_for(what: Callable[[], bool]) -> bool:
    """Whether it comes true within ten seconds."""
    ends = time.monotonic() + PATIENCE
    while not what() and time.monotonic() < ends:
        time.sleep(0.02)
    return what()


def heard_of(bench: Bench) -> tuple[str, str]:
    """A stream about which the platform pushes over the connection, with the key of a record."""
    for name in bench.manifest.streams:
        key = bench.populate(name, 1)[0]
        with Ear(bench):
            try:
                bench.sim.deliver(name, key)
            except ValueError:
                continue
            return name, key
    raise AssertionError("role listener is declared, but the simulator delivers about no stream")


@scenario(role="listener")
def a_push_over_the_connection_names_a_record(bench: Bench) -> None:
    """A push over the kept connection gives an event with the record's stream and key, and is acknowledged."""
    name, key = heard_of(bench)
    with Ear(bench) as ear:
        assert bench.sim.deliver(name, key), "what was stored was not acknowledged"
    found = [event for event in ear.events if (event.stream, event.record_key) == (name, key)]
    assert found, f"no event for {name}/{key} among {[(e.stream, e.record_key) for e in ear.events]}"
    truth_of(bench, found[0])


@scenario(role="listener")
def what_was_not_stored_is_not_acknowledged(bench: Bench) -> None:
    """A push that the hub could not store is asked for again, and comes again under the same key."""
    name, key = heard_of(bench)
    with Ear(bench, ["busy"]) as ear:
        assert not bench.sim.deliver(name, key), "a push was acknowledged though it was not stored"
        assert bench.sim.deliver_again(), "a push that was stored the second time was not acknowledged"
    first, second = ear.opened[-2:]
    assert (first.dedup_key or first.plaintext) == (second.dedup_key or second.plaintext), "a repeated push has another key"


@scenario(role="listener")
def a_connection_that_the_platform_ends_is_opened_anew(bench: Bench) -> None:
    """When the platform hangs up, ``listen`` ends without an error, and the next one hears what comes then."""
    name, key = heard_of(bench)
    with Ear(bench) as ear:
        bench.sim.hang_up()
        assert wait_for(lambda: ear.connections == 2), "listen() did not end when the platform hung up"
        assert wait_for(lambda: bench.sim.deliver(name, key)), "nothing was heard over the second connection"
