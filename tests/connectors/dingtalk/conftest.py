"""A served simulator and real connectors on it; waiting moves the simulator's clock instead of passing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import registry
from connectors.base import RawRequest, Window
from connectors.dingtalk.connector import DingTalk
from connectors.dingtalk.simulator import DingTalkSimulator
from connectors.http import Runtime
from connectors.sandbox import Served
from connectors.tokens import MemoryTokens
from mappings.compile import load_mapping

NOW = datetime(2026, 1, 20, 4, 0, 0, tzinfo=UTC)


@dataclass
class Org:
    """The simulator, where it is served, and connectors for it. slept: seconds that the door has waited."""

    sim: DingTalkSimulator
    url: str
    slept: list[float] = field(default_factory=list)

    def connector(self, **changes: Any) -> DingTalk:
        """A connector as after a restart: with no token."""
        kind = registry.get("dingtalk").load()
        config = kind.Config(**{**self.sim.settings(self.url), **changes})
        runtime = Runtime(clock=self.sim.now, sleep=self.sleep, tokens=MemoryTokens(self.sim.now))
        return kind(config, runtime)  # type: ignore[return-value]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.sim.offset += timedelta(seconds=seconds)

    def ms(self, **before: float) -> int:
        """So long before now, in ms."""
        return int((self.sim.now() - timedelta(**before)).timestamp() * 1000)

    def window(self, **length: float) -> Window:
        """The window of that length that ends with what is made now."""
        return Window(self.sim.now() - timedelta(**length), self.sim.now() + timedelta(seconds=1))

    def read(self, stream: str, window: Window | None = None, **changes: Any) -> list[dict[str, Any]]:
        """All records of a walk."""
        return [r for page in self.connector(**changes).pages(stream, window, None) for r in page.records]

    def mapped(self, stream: str, record: dict[str, Any]) -> list[dict[str, Any]]:
        """What a record becomes; nothing in it may be unknown."""
        entry = registry.get("dingtalk")
        zone = entry.manifest.streams[stream].cursor.zone
        context = {**{k: str(v) for k, v in self.sim.settings(self.url).items()}, "account": "ding"}
        found = load_mapping(entry.mappings / f"{stream}.yaml", zone=zone, context=context).apply(record)
        assert not found.unknown_fields and not found.unknown_values
        return found.records

    def pushed(self, message: str, **changes: Any) -> RawRequest:
        """What the simulator's sender would POST for this plaintext."""
        query, body = self.sim.sender.request(message, changes.pop("token", None))
        return RawRequest("POST", {**query, **changes}, {}, body)


@pytest.fixture
def org() -> Iterator[Org]:
    sim = DingTalkSimulator(now=lambda: NOW)
    sim.app.logger.disabled = True
    served = Served(sim)
    yield Org(sim, served.url)
    served.close()
