"""A served simulator and real connectors on it; waiting moves the simulator's clock instead of passing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import registry
from connectors.base import Page, RawRequest, record_key
from connectors.http import Runtime
from connectors.sandbox import Served
from connectors.tokens import MemoryTokens
from connectors.wecom.connector import WeCom
from connectors.wecom.simulator import WeComSimulator

KEY = ["follow_info.userid", "external_contact.external_userid"]
NOW = datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)


@dataclass
class Corp:
    """The simulator, where it is served, and connectors for it. slept: seconds that the door has waited.

    bodies: of requests by path, where a test notes them.
    """

    sim: WeComSimulator
    url: str
    slept: list[float] = field(default_factory=list)
    bodies: dict[str, list[bytes]] = field(default_factory=dict)

    def connector(self, **changes: Any) -> WeCom:
        """A connector as after a restart: with no token."""
        kind = registry.get("wecom").load()
        config = kind.Config(**{**self.sim.settings(self.url), **changes})
        runtime = Runtime(clock=self.sim.now, sleep=self.sleep, tokens=MemoryTokens(self.sim.now))
        return kind(config, runtime)  # type: ignore[return-value]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.sim.offset += timedelta(seconds=seconds)

    def populate(self, stream: str, count: int) -> list[str]:
        return self.sim.populate(stream, count, start=NOW - timedelta(hours=1), step=timedelta(seconds=1))

    def calls(self, path: str) -> int:
        return self.sim.calls[f"/cgi-bin/{path}"]

    def push(self, message: str, **options: Any) -> RawRequest:
        """What the simulator's sender would POST for this plaintext."""
        sender = self.sim.sender
        from connectors.wecom.sim_callback import seal, sign

        encrypted = seal(sender.aes_key, message, options.pop("receiver", sender.corp_id))
        query = {"timestamp": "1767225600", "nonce": options.pop("nonce", "n1")}
        query["msg_signature"] = sign(options.pop("token", sender.token), query["timestamp"], query["nonce"], encrypted)
        return RawRequest("POST", query, {}, sender.envelope(encrypted))


def keys(pages: list[Page] | Iterator[Page], paths: list[str] = KEY) -> list[str]:
    """Record keys of pages, in order."""
    return [record_key(record, paths) for page in pages for record in page.records]


@pytest.fixture
def corp() -> Iterator[Corp]:
    sim = WeComSimulator(now=lambda: NOW)
    sim.app.logger.disabled = True
    served = Served(sim)
    yield Corp(sim, served.url)
    served.close()


@pytest.fixture(name="keys")
def keys_fixture() -> Any:
    return keys
