"""A shop, a K/3 Cloud server and a hub between them that can be killed; and what must hold after every kill.

The simulators live in the test's process, so that they outlive the hub and can be asked what really happened.
"""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import text, update

from config.settings import Settings, load_settings
from connectors.kingdee.simulator import KingdeeSimulator
from connectors.sandbox import Served
from connectors.taobao.simulator import TaobaoSimulator
from hub import accounts
from hub.core import Hub
from hub.models import AccountStream
from hub.store.migrate import upgrade
from hub.sync.cursor import Cursor

HUB = Path(sys.executable).with_name("hub")
BEIJING = timezone(timedelta(hours=8))
HEADER = ("订单编号", "总金额", "买家实际支付金额", "收货地址 ", "订单创建时间", "订单付款时间 ", "退款金额")
RULES = [{"name": "shop-day", "event": "order.paid", "source": "shop", "to": "books", "make": "settlement", "per": "day"}]


def invented(path: Path, days: int, each: int, *, seed: int = 1) -> Path:
    """An export in the form of the published one: so many orders on each of so many days, some unpaid, some refunded."""
    dice = random.Random(seed)
    rows, first = [], datetime(2020, 2, 1, 0, 10)
    for number in range(1, days * each + 1):
        made = first + timedelta(days=(number - 1) // each, seconds=dice.randrange(70_000))
        total = Decimal(dice.randrange(100, 50_000)) / 100
        paid = made + timedelta(seconds=dice.randrange(5, 900)) if dice.random() < 0.85 else None
        refund = (
            (total if dice.random() < 0.5 else (total / 3).quantize(Decimal("0.01")))
            if paid and dice.random() < 0.25
            else Decimal(0)
        )
        left = total - refund if paid else Decimal(0)
        rows.append((number, total, left, "浙江省", made, paid or "", refund))
    return written(path, rows)


def written(path: Path, rows: list[Any]) -> Path:
    """A file of these rows."""
    with path.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows([HEADER, *rows])
    return path


@dataclass(frozen=True)
class Totals:
    """What a file adds up to, in fen."""

    orders: int = 0
    total: int = 0
    left: int = 0
    refunded: int = 0
    refunds: int = 0


def totals(path: Path) -> Totals:
    """By the csv module and exact decimals alone."""
    found: Counter[str] = Counter()
    with path.open(encoding="utf-8-sig", newline="") as source:
        for row in csv.DictReader(source):
            cells = {name.strip(): cell.strip() for name, cell in row.items()}
            total, left, refund = (int(Decimal(cells[n]) * 100) for n in ("总金额", "买家实际支付金额", "退款金额"))
            found.update(orders=1, total=total, left=left, refunded=refund, refunds=refund > 0)
    return Totals(**found)


@dataclass
class World:
    """Simulators, settings and database of one test. lead: hours that the clock stands after the newest row, so that all
    days have closed."""

    folder: Path
    seed: Path
    database: str = ""
    lead: float = 30.0
    rules: list[dict[str, Any]] = field(default_factory=lambda: [dict(rule) for rule in RULES])
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.taobao, self.kingdee = TaobaoSimulator(), KingdeeSimulator()
        self.totals = totals(self.seed)
        self.taobao.seed_file(self.seed)
        self.taobao.offset += timedelta(hours=self.lead)
        self._served = [Served(self.taobao), Served(self.kingdee)]
        self.offset = self.taobao.offset.total_seconds()
        distributed = self.database.startswith("postgres")
        known = {"lease_seconds": 2, "settle_seconds": 1.0, "threads": 4, "log_level": "warning", "rules": self.rules}
        known |= {"database_url": self.database, "engine": "distributed" if distributed else "embedded"} | self.settings
        (self.folder / "hub.yaml").write_text(yaml.safe_dump(known, allow_unicode=True), "utf-8")
        with self.opened() as hub:
            if distributed:
                from hub.jobs.distributed import install

                upgrade(hub.db)
                install(hub)
            pairs = zip(("shop", "books"), (self.taobao, self.kingdee), self._served, strict=True)
            for key, simulator, served in pairs:
                accounts.add(hub, simulator.name, key, key, simulator.settings(served.url), by="test")

    def close(self) -> None:
        """Stop serving."""
        for served in self._served:
            served.close()

    def environment(self, ahead: float = 0.0) -> dict[str, str]:
        """What a hub process needs. ahead: seconds by which its clock is further on (a lease runs out sooner)."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        own = {"HUB_CONFIG": str(self.folder / "hub.yaml"), "HUB_DATA_DIR": str(self.folder)}
        return kept | own | {"HUB_CLOCK_OFFSET": str(self.offset + ahead)}

    def loaded(self) -> Settings:
        """The settings as this process needs them."""
        return load_settings(self.folder / "hub.yaml", data_dir=self.folder, clock_offset=self.offset)

    @contextmanager
    def opened(self) -> Iterator[Hub]:
        """The hub in this process, to look at it (the killed ones are others)."""
        hub = Hub.open(self.loaded())
        try:
            yield hub
        finally:
            hub.close()

    def asked(self) -> int:
        """Calls that the simulators have had."""
        return self.taobao.calls.total() + self.kingdee.calls.total()

    def begin_at(self, start: datetime) -> None:
        """Let the streams begin there: reading the empty months before takes most of the time of a short test."""
        table, cursor = AccountStream.__table__, Cursor(done_to=start).dump()  # type: ignore[attr-defined]
        with self.opened() as hub, hub.db.write() as conn:
            conn.execute(update(table).where(table.c.task == "pull").values(cursor=cursor))


@dataclass
class Worker:
    """One hub process, started by the real command."""

    world: World
    name: str = "worker"
    process: subprocess.Popen[bytes] | None = None
    asked: int = 0
    born: float = 0.0

    def start(self, ahead: float = 0.0) -> None:
        """``hub worker``."""
        log = (self.world.folder / f"{self.name}.log").open("ab")
        self.asked, self.born = self.world.asked(), time.monotonic()
        self.process = subprocess.Popen(
            [str(HUB), "worker"], env=self.world.environment(ahead), cwd=self.world.folder, stdout=log, stderr=log
        )
        log.close()

    def kill(self) -> None:
        """SIGKILL: no handler, no farewell."""
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} had ended by itself: {self.log()[-2000:]}"
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, within: float = 10.0) -> float:
        """SIGTERM; the seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not stop within {within} s") from None
        return time.monotonic() - began

    def log(self) -> str:
        """What it has said."""
        return (self.world.folder / f"{self.name}.log").read_text("utf-8", "replace")


# ---------------------------------------------------------------- what must hold


def sound(world: World, hub: Hub) -> None:
    """What must hold at any instant, whatever was killed: page and cursor, change and event, item and document."""
    with hub.db.read() as conn:
        rows = {name: conn.execute(text(sql)).all() for name, sql in _FAULTS.items()}
        cursors = conn.execute(text("SELECT stream, cursor FROM account_stream WHERE task = 'pull'")).all()
        landed: dict[str, set[str]] = {"order": set(), "refund": set()}
        for stream, source_id in conn.execute(text("SELECT stream, source_id FROM source_record")):
            landed[stream].add(source_id)
    assert not any(rows.values()), {name: found[:3] for name, found in rows.items() if found}
    for stream, stored in cursors:
        cursor = Cursor.load(stored if isinstance(stored, dict) else yaml.safe_load(stored))
        if stream in landed and cursor.done_to is not None:
            wanted = _read_before(world, stream, cursor.done_to)
            assert wanted <= landed[stream], f"{stream}: the cursor says read, but {len(wanted - landed[stream])} never landed"


def _read_before(world: World, stream: str, done_to: datetime) -> set[str]:
    table = world.taobao.trades if stream == "order" else world.taobao.refunds
    limit, oldest = done_to.astimezone(BEIJING).replace(tzinfo=None), world.taobao.api.now() - timedelta(days=89)
    return {str(row.key) for row in list(table.rows.values()) if oldest < row.modified < limit}


_FAULTS = {
    "a record without its order": (
        "SELECT ref FROM source_record WHERE stream = 'order' AND NOT deleted EXCEPT SELECT source_ref FROM orders"
    ),
    "an order without its record": "SELECT source_ref FROM orders EXCEPT SELECT ref FROM source_record",
    "a refund without its record": "SELECT source_ref FROM refund EXCEPT SELECT ref FROM source_record",
    "a paid order without its event": (
        "SELECT ref FROM orders WHERE paid_at IS NOT NULL EXCEPT SELECT subject FROM event WHERE kind = 'order.paid'"
    ),
    "an event without its order": "SELECT subject FROM event WHERE kind = 'order.paid' EXCEPT SELECT ref FROM orders",
    "an event without its refund": "SELECT subject FROM event WHERE kind = 'refund.succeeded' EXCEPT SELECT ref FROM refund",
    "an order without its customer": (
        "SELECT profile_ref FROM orders WHERE profile_ref IS NOT NULL EXCEPT SELECT ref FROM profile"
    ),
    "a profile without customer": "SELECT customer_id FROM profile EXCEPT SELECT id FROM customer",
    "a handled event without its item": (
        "SELECT id FROM event WHERE kind IN ('order.paid', 'refund.succeeded') AND NOT pending "
        "EXCEPT SELECT event_id FROM settlement_item"
    ),
    "an item without its document": (
        "SELECT delivery_id FROM settlement_item WHERE delivery_id IS NOT NULL AND delivery_id <> '-' "
        "EXCEPT SELECT id FROM delivery"
    ),
    "a document that is not the sum of its items": (
        "SELECT d.id FROM delivery d JOIN settlement_item i ON i.delivery_id = d.id "
        "GROUP BY d.id, d.amount HAVING sum(i.amount) <> d.amount"
    ),
    "a number twice": "SELECT number FROM delivery GROUP BY number HAVING count(*) > 1",
    "something in quarantine": "SELECT ref FROM quarantined",
}


def finished(hub: Hub) -> bool:
    """Whether all has been read and everything that follows has gone out."""
    with hub.db.read() as conn:
        return not any(conn.execute(text(sql)).scalar_one() for sql in _OPEN)


_OPEN = (
    "SELECT count(*) FROM account_stream WHERE task = 'pull' AND (last_ok_at IS NULL OR run_id IS NOT NULL)",
    "SELECT count(*) FROM event WHERE pending",
    "SELECT count(*) FROM settlement_item WHERE delivery_id IS NULL",
    "SELECT count(*) FROM delivery WHERE state <> 'sent'",
)


def read_through(hub: Hub) -> bool:
    """Whether each stream has been read to its end once."""
    with hub.db.read() as conn:
        return not conn.execute(text(_OPEN[0])).scalar_one()


def agrees(world: World, hub: Hub) -> None:
    """The hub's tables, the documents and the ledger over there are those of the file, to the fen; each document once."""
    want = world.totals
    with hub.db.read() as conn:
        orders = conn.execute(text("SELECT count(*), sum(goods), coalesce(sum(paid), 0) FROM orders")).one()
        refunds = conn.execute(text("SELECT count(*), coalesce(sum(amount), 0) FROM refund WHERE state = 'succeeded'")).one()
        sent = {
            row.number: row.amount for row in conn.execute(text("SELECT number, amount FROM delivery WHERE state = 'sent'"))
        }
        days = {str(row.day): int(row.net) for row in conn.execute(text(_DAYS))}
        runs = conn.execute(text("SELECT sum(changed) FROM run")).scalar_one()
    assert (orders[0], orders[1], orders[2] - refunds[1]) == (want.orders, want.total, want.left)
    assert (refunds[0], refunds[1]) == (want.refunds, want.refunded)
    assert runs == want.orders + want.refunds, "a record was written more than once"
    assert sum(sent.values()) == want.left
    assert days == {day: net for day, net in expected_days(world).items() if net or day in days}
    ledger = [entry for entry in world.kingdee.ledger if entry["kind"] == "settlement"]
    assert Counter(entry["number"] for entry in ledger) == Counter(sent.keys()), "each number once on both sides"
    assert {entry["number"]: entry["amount"] for entry in ledger} == sent
    assert {(entry["creates"], entry["state"]) for entry in ledger} == {(1, "C")}, "each created once, and audited"
    assert not [line for line in world.kingdee.violations if "BD_Customer" not in line]


_DAYS = "SELECT day, sum(amount) AS net FROM settlement_item GROUP BY day"


def expected_days(world: World) -> dict[str, int]:
    """What each day must come to, from the shop's own rows: payments on the day of payment, refunds on that of success."""
    found: Counter[str] = Counter()
    for row in world.taobao.trades.rows.values():
        if "pay_time" in row.record:
            found[row.record["pay_time"][:10]] += _fen(row.record["payment"])
    for row in world.taobao.refunds.rows.values():
        found[row.record["modified"][:10]] -= _fen(row.record["refund_fee"])
    return dict(found)


def _fen(amount: str) -> int:
    return int(Decimal(amount) * 100)
