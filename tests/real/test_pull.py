"""A real month of orders over the true protocol, and into the books: equal to the fen, and equal when it is done again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from config.settings import Rule, Settings
from connectors import registry
from connectors.budgets import MemoryBudgets
from connectors.sandbox import Served
from hub import accounts
from hub.core import Hub
from hub.jobs.cycle import drain
from hub.sync import connect
from hub.sync.foreground import sync
from tests.real.figures import Figures

HUB = Path(sys.executable).with_name("hub")
DAILY = {"name": "shop-day", "event": "order.paid", "source": "shop", "to": "books", "make": "settlement", "per": "day"}
SUMS = """
SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM orders WHERE paid_at IS NOT NULL),
       (SELECT sum(total) FROM orders), (SELECT coalesce(sum(paid), 0) FROM orders),
       (SELECT count(*) FROM refund WHERE state = 'succeeded'), (SELECT sum(amount) FROM refund WHERE state = 'succeeded')
"""


def totals(hub: Hub) -> Figures:
    """What the hub's own tables say."""
    with hub.db.read() as conn:
        orders, paid_orders, total, paid, refunds, refunded = conn.execute(text(SUMS)).one()
    return Figures(orders, paid_orders, refunds, total, paid - refunded, refunded)


class Rehearsal:
    """A hub on a seeded shop and an empty ledger, all on the shop's clock."""

    def __init__(self, folder: Path, seed: Path) -> None:
        self.served = {name: Served(self._made(name)) for name in ("taobao", "kingdee")}
        self.shop, self.books = (self.served[name].simulator for name in ("taobao", "kingdee"))
        self.shop.seed_file(seed)
        rules = [Rule.model_validate(DAILY)]
        self.hub = Hub.open(Settings(data_dir=folder, rules=rules, settle_seconds=0.1))
        self.hub.clock = self.shop.now
        for platform, key in (("taobao", "shop"), ("kingdee", "books")):
            settings = self.served[platform].simulator.settings(self.served[platform].url)
            accounts.add(self.hub, platform, key, key, settings, by="test")

    @staticmethod
    def _made(name: str) -> Any:
        kind = registry.get(name).simulator()
        assert kind is not None
        return kind()

    def pull(self) -> dict[str, Any]:
        """Sync, then everything that follows from it."""
        found = sync(self.hub, "shop", by="test")
        assert drain(self.hub, seconds=240)
        return found

    def settled(self) -> list[dict[str, Any]]:
        """The settlements that the books say they hold."""
        return [entry for entry in self.books.ledger if entry["kind"] == "settlement"]

    def close(self) -> None:
        """End everything."""
        self.hub.close()
        for served in self.served.values():
            served.close()


@pytest.fixture
def rehearsal(tmp_path: Path, orders_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    # The platforms' call budgets are tested elsewhere; here they would only make the month take longer.
    monkeypatch.setattr(connect, "budgets_of", lambda hub, account, kind: MemoryBudgets([]))
    made = Rehearsal(tmp_path / "var", orders_file)
    yield made
    made.close()


def test_a_real_month_arrives_and_is_booked_to_the_fen(rehearsal: Rehearsal, figures: Figures) -> None:
    pulled = rehearsal.pull()
    assert {name: stream["error"] for name, stream in pulled.items()} == dict.fromkeys(pulled)
    assert sum(stream["quarantined"] for stream in pulled.values()) == 0
    assert totals(rehearsal.hub) == figures

    rehearsal.shop.offset += timedelta(days=3)  # the last days close
    rehearsal.pull()
    settled = rehearsal.settled()
    assert sum(entry["amount"] for entry in settled) == figures.net
    numbers = [entry["number"] for entry in settled]
    assert len(set(numbers)) == len(numbers), "each document once"
    assert {entry.get("refused_duplicates", 0) for entry in settled} == {0}

    before = json.dumps(rehearsal.books.ledger, default=str, sort_keys=True)
    again = rehearsal.pull()
    assert {name: stream["changed"] for name, stream in again.items()} == dict.fromkeys(again, 0)
    assert json.dumps(rehearsal.books.ledger, default=str, sort_keys=True) == before, "a second run sends nothing"
    assert totals(rehearsal.hub) == figures


def command(folder: Path, *words: str, **environment: str) -> Any:
    """Run the hub's command as a person would; its JSON."""
    env = {**os.environ, "HUB_DATA_DIR": str(folder / "var"), "HUB_CONFIG": str(folder / "hub.yaml"), **environment}
    done = subprocess.run(
        [HUB, *words, "--json"], capture_output=True, text=True, cwd=folder, env=env, timeout=300, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stderr[-2000:]}"
    return json.loads(done.stdout)


def test_the_commands_of_the_readme(tmp_path: Path, orders_file: Path, figures: Figures) -> None:
    """Sandbox, account, sync: through the command line, budgets and all."""
    (tmp_path / "hub.yaml").write_text("language: zh\n", "utf-8")
    sandbox = subprocess.Popen(
        [HUB, "sandbox", "taobao", "--seed", str(orders_file), "--write", "conf", "--json"],
        stdout=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    try:
        assert sandbox.stdout is not None
        printed = ""
        while not printed.rstrip().endswith("}\n}".rstrip()) or printed.count("{") != printed.count("}"):
            line = sandbox.stdout.readline()
            assert line, "the sandbox ended by itself"
            printed += line
        shop = json.loads(printed)["taobao"]
        clock = {"HUB_CLOCK_OFFSET": str(shop["clock_offset"])}
        command(tmp_path, "init", **clock)
        command(tmp_path, "accounts", "add", "taobao", "shop", "--config", "conf/taobao.json", **clock)
        first = command(tmp_path, "sync", "shop", **clock)["streams"]
        assert (first["order"]["changed"], first["refund"]["changed"]) == (figures.orders, figures.refunds)
        again = command(tmp_path, "sync", "shop", **clock)["streams"]
        assert (again["order"]["changed"], again["refund"]["changed"]) == (0, 0)
    finally:
        sandbox.send_signal(signal.SIGINT)
        sandbox.wait(timeout=90)
    hub = Hub.open(Settings(data_dir=tmp_path / "var"))
    assert totals(hub) == figures
    hub.close()
