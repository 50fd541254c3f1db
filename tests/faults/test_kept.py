"""Death of a hub that keeps connections over which platforms push: what it had not acknowledged comes again, what it had
stored is worked on by the next one, and nothing happens twice. DingTalk Stream and Taobao's TMC at the same time."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.dingtalk.simulator import DingTalkSimulator
from connectors.taobao.simulator import SHOP, TaobaoSimulator
from tests.faults.child import LEASE, serves, works
from tests.faults.side import Side

POINTS = [
    ("hub.jobs.listeners:Listeners._claim", 2, "after"),
    ("hub.jobs.listeners:_Connection._keep_lease", 3, "after"),
    ("webhooks.inbox:Inbox.store", 1, "before"),
    ("webhooks.inbox:Inbox._write", 1, "after"),
    ("webhooks.inbox:Inbox.store", 1, "after"),
    ("webhooks.inbox:Inbox.store", 3, "after"),
    ("hub.sync.inbox:_claim", 1, "after"),
    ("hub.sync.landing:Lander.land", 1, "after"),
    ("hub.sync.inbox:_done", 1, "after"),
]
COMPANIES, ORDERS = 3, 3


class Shop:
    """DingTalk and Taobao, and a hub that hears both over connections of its own."""

    def __init__(self, folder: Path) -> None:
        self.ding, self.taobao = DingTalkSimulator(), TaobaoSimulator()
        self.ding.stream.patience = 0.3
        stream = {"event_mode": "stream", "callback_token": "", "callback_aes_key": ""}
        self.side = Side(folder, self.ding, self.taobao, more={"dingtalk": stream})
        self.process: Any = None
        self.ahead, self.said, self.sold = 0.0, list[str](), list[str]()
        self.taobao.tmc.permitted.add(SHOP)  # by an earlier life of the hub
        works(self.side)  # the first reading is over, and the next is far away: what comes now comes over the connections

    def start(self, point: str = "", **options: Any) -> None:
        """Another life of the hub, after the leases of the one before have run out."""
        self.ahead += 2 * LEASE
        self.process = serves(self.side, point, ahead=self.ahead, **options)

    def connected(self) -> bool:
        return bool(self.ding.stream.lines) and any(line.pulled for line in self.taobao.tmc.lines)

    def speak(self) -> tuple[list[str], list[str]]:
        """Companies are entered in DingTalk, orders are paid in the shop; both platforms say so, each thing twice. The keys."""
        companies = [self.ding.crm.add("crm_customer", {"customer_name": f"远山{n}科技有限公司"}).id for n in range(COMPANIES)]
        orders = self.taobao.populate("order", ORDERS, start=self.taobao.now() - timedelta(seconds=30), step=timedelta(0))
        for key in companies:
            self.said.append(f"1|event-{key}")
            fields = {"DataId": key, "DataType": "master", "ObjectType": "crm_customer", "FormCode": "PROC-FORM-CRM"}
            for _ in range(2):
                self.ding.stream.push("ding_paas_object_data_update", fields, event_id=f"event-{key}")
        self.sold += orders
        for key in orders:
            for _ in range(2):
                self.taobao.tmc.put("taobao_trade_TradeChanged", SHOP, {"tid": int(key), "seller_nick": SHOP})
        return companies, orders

    def again(self) -> bool:
        """The platforms say once more what nobody has acknowledged; whether all of it is now."""
        self.ding.stream.again()
        self.taobao.tmc.again()
        time.sleep(0.2)
        return not self.ding.stream.waiting and not self.taobao.tmc.waiting

    def done(self) -> bool:
        """Whether every push that was stored has been worked on."""
        return self.side.rows("SELECT count(*) FROM inbox WHERE state <> 'done'") == [(0,)]

    def close(self) -> None:
        if self.process is not None and self.process.exitcode is None:
            self.process.kill()
            self.process.join(10)
        self.ding.stream.close()
        self.side.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One for all deaths: the first reading takes longest, and what was before has to stay as it was."""
    made = Shop(tmp_path_factory.mktemp("kept"))
    yield made
    made.close()


@pytest.fixture
def shop(whole: Shop) -> Iterator[Shop]:
    yield whole
    if whole.process.exitcode is None:
        whole.process.kill()
        whole.process.join(10)


def until(done: Callable[[], bool], seconds: float, why: str) -> None:
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends, why
        time.sleep(0.05)


@pytest.mark.parametrize(("point", "nth", "when"), POINTS)
def test_death_of_a_listener(shop: Shop, point: str, nth: int, when: str) -> None:
    shop.start(point, nth=nth, after=when == "after")
    until(lambda: shop.connected() or shop.process.exitcode is not None, 40, "no connection")
    companies, orders = shop.speak()
    ends = time.monotonic() + 40
    while shop.process.exitcode is None and time.monotonic() < ends:
        with suppress(OSError):  # its connection is torn while the platform speaks
            shop.again()
    assert shop.process.exitcode == -signal.SIGKILL, f"never died at {point}: {shop.process.exitcode}"

    shop.start()
    until(shop.connected, 40, "the next hub opens no connection")
    until(shop.again, 30, f"not acknowledged: {shop.ding.stream.waiting} {shop.taobao.tmc.waiting}")
    until(shop.done, 30, str(shop.side.rows("SELECT key, state, error FROM inbox")))
    shop.process.terminate()
    shop.process.join(20)
    assert shop.process.exitcode == 0, "asked to stop, it closes its connections and ends"
    _all_once(shop, companies, orders)


def _all_once(shop: Shop, companies: list[str], orders: list[str]) -> None:
    """Each thing that was said is here once, with its event once; leases are given back."""
    side = shop.side
    known = {(stream, key) for stream, key in side.rows("SELECT stream, source_id FROM source_record")}
    assert {("company", key) for key in companies} | {("order", key) for key in orders} <= known
    pushes = [key for (key,) in side.rows("SELECT key FROM inbox")]
    assert sorted(key for key in pushes if key.startswith("1|")) == sorted(shop.said), "one row for each event of DingTalk"
    assert len(pushes) == len(shop.said) + 2 * len(shop.sold), "and for each message of Taobao"
    assert side.rows("SELECT count(*) FROM profile WHERE account_id = 1") == [(len(shop.said),)]
    assert side.rows("SELECT count(*) FROM orders") == [(len(shop.sold),)]
    doubled = (
        "SELECT subject FROM event WHERE kind IN ('order.paid', 'customer.created') GROUP BY subject, kind HAVING count(*) > 1"
    )
    assert side.rows(doubled) == []
    paid = side.rows("SELECT ref FROM orders WHERE paid_at IS NOT NULL AND paid IS NOT NULL")
    assert sorted(side.rows("SELECT subject FROM event WHERE kind = 'order.paid'")) == sorted(paid)
    assert side.rows("SELECT count(*) FROM listening WHERE lease_until > 0") == [(0,)]
    assert side.rows("SELECT count(*) FROM quarantined") == [(0,)]
