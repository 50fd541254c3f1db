"""The rules about kept connections: a platform that speaks over a queue passes; each fails a connector that breaks it."""

from __future__ import annotations

import dataclasses
import queue
from collections.abc import Generator
from typing import Any, ClassVar

import pytest

from connectors._template.connector import DemoCrm
from connectors._template.simulator import DemoCrmSimulator, local
from connectors.base import Listener, Opened, Outcome
from connectors.contract import Scenario, contract_tests
from connectors.manifest import load_manifest
from tests.contract.test_suite_bites import FOLDER, named, variant

MANIFEST = load_manifest(FOLDER / "manifest.yaml")
SAID = MANIFEST.model_copy(update={"roles": [*MANIFEST.roles, "listener"]})
HANG_UP: dict[str, Any] = {"hang": "up"}
Line = tuple["queue.Queue[dict[str, Any]]", "queue.Queue[bool]"]


class SpeakingSimulator(DemoCrmSimulator):
    """A platform whose connection is a pair of queues: what it says, and whether that was taken."""

    lines: ClassVar[list[Line]] = []

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.lines.clear()
        self.unheard: list[dict[str, Any]] = []

    def deliver(self, stream: str, key: str) -> bool:
        self.pushed += 1
        push = {"event_id": f"evt{self.pushed:08d}", "type": "customer.updated", "id": key, "time": local(self.now())}
        return self._say(push)

    def _say(self, push: dict[str, Any]) -> bool:
        if not self.lines:
            return False
        said, taken = self.lines[-1]
        said.put(push)
        try:
            done = taken.get(timeout=0.5)
        except queue.Empty:
            done = False
        if not done:
            self.unheard.append(push)
        return done

    def deliver_again(self) -> bool:
        waiting, self.unheard = self.unheard, []
        return bool(waiting) and {self._say(push) for push in waiting} == {True}

    def hang_up(self) -> None:
        for said, _ in list(self.lines):
            said.put(HANG_UP)


class ListeningCrm(DemoCrm, Listener):
    """Listens as it should."""

    def listen(self) -> Generator[Opened | None, Outcome, None]:
        line: Line = (queue.Queue(), queue.Queue())
        SpeakingSimulator.lines.append(line)
        said, taken = line
        try:
            while True:
                try:
                    push = said.get(timeout=0.05)
                except queue.Empty:
                    yield None
                    continue
                if push is HANG_UP:
                    return
                outcome = yield self.heard(push)
                taken.put(self.takes(outcome))
        finally:
            if line in SpeakingSimulator.lines:
                SpeakingSimulator.lines.remove(line)

    def heard(self, push: dict[str, Any]) -> Opened:
        return Opened(repr(push).encode(), push, dedup_key=push["event_id"])

    def takes(self, outcome: Outcome) -> bool:
        return outcome == "stored"


def listening(kind: type[Any] = ListeningCrm) -> Any:
    return variant(kind, sim=SpeakingSimulator, said=SAID)


RULES = [scenario for scenario in contract_tests(listening()) if scenario.rule.role == "listener"]


@pytest.mark.parametrize("scenario", RULES, ids=str)
def test_a_platform_that_is_listened_to_passes(scenario: Scenario) -> None:
    scenario.run()


class TakesEverything(ListeningCrm):
    def takes(self, outcome: Outcome) -> bool:
        return True


class NumbersPushesAnew(ListeningCrm):
    count = 0

    def heard(self, push: dict[str, Any]) -> Opened:
        self.count += 1
        return dataclasses.replace(super().heard(push), dedup_key=f"{self.count}")


class HearsOfNobody(ListeningCrm):
    def heard(self, push: dict[str, Any]) -> Opened:
        return super().heard({**push, "type": "something.else"})


class NeverHangsUp(ListeningCrm):
    def listen(self) -> Generator[Opened | None, Outcome, None]:
        while True:
            yield from super().listen()


BROKEN = [
    (TakesEverything, "what_was_not_stored_is_not_acknowledged"),
    (NumbersPushesAnew, "what_was_not_stored_is_not_acknowledged"),
    (HearsOfNobody, "a_push_over_the_connection_names_a_record"),
    (NeverHangsUp, "a_connection_that_the_platform_ends_is_opened_anew"),
]


@pytest.mark.parametrize(("kind", "name"), BROKEN, ids=[f"{kind.__name__}-{name}" for kind, name in BROKEN])
def test_a_broken_connector_fails(kind: type[Any], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.contract import listening as rules

    monkeypatch.setattr(rules, "PATIENCE", 1.0)
    with pytest.raises(AssertionError):
        named(listening(kind), name).run()
