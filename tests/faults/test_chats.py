"""Killed while chats are read and tags are given: every message once, every tag once, no event twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from config.settings import Settings, TagRule
from connectors import registry
from connectors.sandbox import Served
from hub import accounts
from hub.core import Hub
from hub.jobs.cycle import drain

MESSAGES, KILLS = 1500, 5
ROOT = Path(__file__).parents[2]
RULE = TagRule(name="price", tag="询价", keywords=["报价"], enabled=True)
CHILD = """
import sys
from pathlib import Path
from config.settings import Settings, TagRule
from hub.core import Hub
from hub.jobs import cycle
from hub.sync import pull
pull.GATHER = 50
hub = Hub.open(Settings(data_dir=Path(sys.argv[1]), lease_seconds=2, tag_rules=[TagRule.model_validate_json(sys.argv[2])]))
print("ready", flush=True)
while True:
    cycle.drain(hub, seconds=5)
"""


@pytest.fixture
def archive() -> Iterator[tuple[Any, str]]:
    """A platform with chats of ten customers."""
    kind = registry.get("wecom_archive").simulator()
    assert kind is not None
    sim: Any = kind()
    sim.app.logger.disabled = True
    start = datetime.now(UTC) - timedelta(hours=2)
    sim.populate("message", MESSAGES, start=start, step=timedelta(seconds=1))
    served = Served(sim)
    yield sim, served.url
    served.close()


def rows(hub: Hub, sql: str) -> list[Any]:
    with hub.db.read() as conn:
        return list(conn.execute(text(sql)).scalars())


def test_killed_again_and_again_in_the_middle_of_chats(archive: tuple[Any, str], tmp_path: Path) -> None:
    sim, url = archive
    settings = Settings(data_dir=tmp_path, lease_seconds=2, tag_rules=[RULE])
    hub = Hub.open(settings)
    accounts.add(hub, "wecom_archive", "archive", "存档", sim.settings(url), by="test")
    stored = [0]
    for number in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), RULE.model_dump_json()], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        ends = time.monotonic() + 20
        while len(rows(hub, "SELECT ref FROM message")) <= stored[-1] and time.monotonic() < ends:
            time.sleep(0.02 * (number + 1))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        stored.append(len(rows(hub, "SELECT ref FROM message")))
        with hub.db.write() as conn:  # as if the lease had run out
            conn.execute(text("UPDATE account_stream SET lease_until = 0, next_run_at = 0"))
    assert 0 < stored[1] < MESSAGES, "it was killed too late to prove anything"
    assert drain(hub, seconds=60)
    assert len(rows(hub, "SELECT ref FROM message")) == MESSAGES
    assert rows(hub, "SELECT count(*) FROM source_record WHERE stream = 'message'") == [MESSAGES]
    asked = [item for item in sim.archive.said if "报价" in item.payload["text"]["content"]]
    people = {item.payload["from"] if item.payload["from"].startswith("wm") else item.payload["tolist"][0] for item in asked}
    sides = {item.payload["from"] for item in asked if item.payload["from"].startswith("wm")}
    assert len(rows(hub, "SELECT digest FROM chat_tag WHERE rule = 'price'")) == len(sides) and sides <= people
    hits = [item for item in asked if item.payload["from"].startswith("wm")]
    assert len(rows(hub, "SELECT ref FROM chat_hit")) == len(hits)
    hub.close()
