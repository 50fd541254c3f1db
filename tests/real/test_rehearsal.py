"""The whole rehearsal by the real commands: shop and books in processes of their own, 28,010 orders in, one document a day
out, to the fen; then all of it again, which changes nothing and sends nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from sqlalchemy import text

from config.settings import load_settings
from hub.core import Hub
from tests.real.figures import Figures
from tests.real.test_pull import totals

COMMAND = Path(sys.executable).with_name("hub")
RULES = [{"name": "shop-day", "event": "order.paid", "source": "shop", "to": "books", "make": "settlement", "per": "day"}]


@dataclass
class Desk:
    """A folder with settings and data, and the commands typed in it."""

    folder: Path
    offset: float = 0.0
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        return kept | {"HUB_CLOCK_OFFSET": str(self.offset), "HUB_SETTLE_SECONDS": "1"}

    def run(self, *words: str) -> Any:
        """``hub …  --json``; what it printed."""
        done = subprocess.run(
            [str(COMMAND), *words, "--json"],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return json.loads(done.stdout)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """A command that goes on running."""
        log = (self.folder / f"{words[0]}-{len(self.running)}.log").open("wb")
        made = subprocess.Popen(
            [str(COMMAND), *words], cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, stderr=log
        )
        log.close()
        self.running.append(made)
        return made

    def sandbox(self, platform: str, *more: str) -> dict[str, Any]:
        """``hub sandbox``: what it prints before it serves."""
        process, printed = self.begin("sandbox", platform, *more, "--write", "sandbox", "--json"), ""
        assert process.stdout is not None
        while not printed.endswith("\n}\n"):
            line = process.stdout.readline().decode()
            assert line, f"hub sandbox {platform} ended"
            printed += line
        found: dict[str, Any] = json.loads(printed)[platform]
        return found

    def opened(self) -> Hub:
        """The hub of this folder, to look at its tables."""
        return Hub.open(load_settings(self.folder / "hub.yaml", data_dir=self.folder / "var"))

    def amounts(self) -> Figures:
        """What the hub's own tables add up to."""
        hub = self.opened()
        try:
            return totals(hub)
        finally:
            hub.close()

    def end(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "hub.yaml").write_text(yaml.safe_dump({"rules": RULES}), "utf-8")
    made = Desk(tmp_path)
    yield made
    made.end()


def until(done: Callable[[], bool], seconds: float, why: str) -> None:
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends, why
        time.sleep(0.5)


def ledger_of(url: str) -> list[dict[str, Any]]:
    """The settlements in the books of the simulated server, which runs in another process."""
    with urlopen(f"{url}/_ledger", timeout=10) as answer:
        found = json.load(answer)
    assert found["violations"] == []
    return [entry for entry in found["ledger"] if entry["kind"] == "settlement"]


@pytest.mark.slow
def test_the_whole_file_through_shop_hub_and_books(desk: Desk, orders_file: Path, figures: Figures) -> None:
    shop, books = desk.sandbox("taobao", "--seed", str(orders_file)), desk.sandbox("kingdee")
    desk.offset = shop["clock_offset"]
    desk.run("init")
    desk.run("accounts", "add", "taobao", "shop", "--config", "sandbox/taobao.json")
    desk.run("accounts", "add", "kingdee", "books", "--config", "sandbox/kingdee.json")

    first = desk.run("sync", "shop")["streams"]
    assert [first[name]["changed"] for name in ("order", "refund")] == [figures.orders, figures.refunds]
    assert not any(stream["quarantined"] or stream["error"] or stream["unknown"] for stream in first.values())
    assert desk.amounts() == figures

    worker = desk.begin("worker")
    counts: dict[str, int] = {}

    def all_sent() -> bool:
        counts.update(desk.run("deliveries", "list", "--limit", "1")["counts"])
        return counts["sent"] > 0 and not any(counts[state] for state in ("pending", "sending", "in_doubt", "rejected"))

    until(all_sent, 120, f"not all sent: {counts}")
    worker.terminate()
    assert worker.wait(10) == 0

    ledger = ledger_of(books["url"])
    assert sum(entry["amount"] for entry in ledger) == figures.net, "the books hold what the file says, to the fen"
    assert Counter((entry["creates"], entry["state"]) for entry in ledger) == {(1, "C"): len(ledger)}
    assert len({entry["number"] for entry in ledger}) == len(ledger) == counts["sent"]
    assert {entry["number"][2:10]: entry["amount"] for entry in ledger} == _days(desk)

    again = desk.run("sync", "shop")["streams"]
    assert [again[name][what] for name in ("order", "refund") for what in ("changed", "events")] == [0, 0, 0, 0]
    assert desk.amounts() == figures
    assert ledger_of(books["url"]) == ledger
    assert desk.run("deliveries", "list", "--limit", "1")["counts"] == counts
    found = desk.run("deliveries", "reconcile")
    assert (found["differences"], found["ok"]) == ([], len(ledger))
    assert set(found["totals"]["CNY"].values()) == {figures.net}


def _days(desk: Desk) -> dict[str, int]:
    """The net of each day by the hub's own orders and refunds (not by what it put into documents)."""
    hub = desk.opened()
    try:
        with hub.db.read() as conn:
            paid = conn.execute(text("SELECT paid_at AS at, paid AS amount FROM orders WHERE paid_at IS NOT NULL")).all()
            back = conn.execute(
                text("SELECT succeeded_at AS at, -amount AS amount FROM refund WHERE state = 'succeeded'")
            ).all()
    finally:
        hub.close()
    found: Counter[str] = Counter()
    for at, amount in [*paid, *back]:
        found[time.strftime("%Y%m%d", time.gmtime(at / 1e6 + 8 * 3600))] += amount
    return dict(found)
