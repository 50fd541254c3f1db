"""The day, act by act: morning, noon, evening, night and the morning after. The same code for every size."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import text

from config.settings import load_settings
from connectors.dingtalk.sim_steering import approval
from connectors.taobao.simulator import SHOP
from hub import accounts
from hub.core import Hub
from hub.events import settle
from hub.events.book import Book
from tests.day.child import Process, until
from tests.day.company import BEFORE, Company
from tests.day.story import Person, Size
from tests.day.weather import Weather

RULES = [
    {"name": "deal-to-receivable", "event": "deal.signed", "to": "kingdee", "make": "receivable"},
    {"name": "deal-back", "event": "deal.reversed", "to": "kingdee", "make": "receivable"},
    {"name": "deal-again", "event": "deal.amended", "to": "kingdee", "make": "receivable"},
    {"name": "taobao-day", "event": "order.paid", "source": "taobao", "to": "yonyou", "make": "settlement", "per": "day"},
    {"name": "jd-day", "event": "order.paid", "source": "jd", "to": "kingdee", "make": "settlement", "per": "day"},
    {"name": "number-to-crm", "event": "delivery.sent", "source": "wukong", "to": "@origin", "make": "write_back"},
]  # fmt: skip
_OPEN = {
    "streams": "SELECT count(*) FROM account_stream s JOIN account a ON a.id = s.account_id WHERE s.enabled AND "
    "a.state = 'active' AND (s.next_run_at <= :now OR s.lease_until > :now OR s.run_id IS NOT NULL OR s.last_ok_at IS NULL)",
    "events": "SELECT count(*) FROM event WHERE pending",
    "pushes": "SELECT count(*) FROM inbox WHERE state = 'pending'",
    "deliveries": "SELECT count(*) FROM delivery WHERE state IN ('pending', 'sending', 'in_doubt')",
}
_ACTIVE = "FROM account_stream s JOIN account a ON a.id = s.account_id WHERE a.state = 'active' AND s.enabled "
_BUSY = f"SELECT count(*) {_ACTIVE} AND (s.lease_until > :now OR s.next_run_at <= :now)"
_NEXT = (
    f"SELECT min(s.next_run_at) {_ACTIVE} AND (s.error IS NOT NULL OR s.run_id IS NOT NULL OR s.last_ok_at IS NULL)",
    "SELECT min(next_at) FROM delivery WHERE state IN ('pending', 'in_doubt')",
)
"""When what is open is due again."""


ACTS = ("morning", "noon", "evening", "night", "after")


@dataclass
class Day:
    """A company, its hub in a process of its own, and what the acts came to. patience: seconds for the longest act. harsh: how
    many writes of each kind are cut at either end, in the morning and at noon. mild: fewer mishaps while
    reading, each of which costs a second or two. seconds: by act."""

    folder: Path
    size: Size
    patience: float
    harsh: tuple[int, int]
    mild: bool
    company: Company = field(init=False)
    seconds: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    void: int = 0
    withdrawn: list[Person] = field(default_factory=list)

    def __post_init__(self) -> None:
        with self.act("the company is made"):
            self.company = Company(self.size)
        known = {"rules": RULES, "log_level": "debug", "threads": 8, "settle_seconds": 0.5, "slice_seconds": 20}
        (self.folder / "hub.yaml").write_text(yaml.safe_dump(known), "utf-8")
        self.process = Process(self.folder, self.company.clock.offset, 0.1 if self.mild else 1.0)
        self.weather = Weather(self.company, self.mild)
        self.hub = Hub.open(load_settings(self.folder / "hub.yaml", data_dir=self.folder))
        self.hub.clock = self.company.clock.now

    def close(self) -> None:
        """End everything."""
        self.process.end()
        self.hub.close()
        self.company.close()

    @contextmanager
    def act(self, name: str) -> Iterator[None]:
        """Time it."""
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began
        if name in ACTS:
            self.process.measure()
            self.peaks[name] = self.process.peak

    def number(self, query: str, **values: Any) -> int:
        """A count of the hub's."""
        with self.hub.db.read() as conn:
            return int(conn.execute(text(query), values).scalar_one() or 0)

    # -- waiting

    def settled(self) -> None:
        """Until nothing is due, waits or is on its way. Where all that is left waits for a later moment, the clock goes on."""
        until(self._quiet, self.patience, lambda: f"{self._left()} {self._stuck()} {self.process.said()}", pause=0.1)

    def _left(self) -> dict[str, int]:
        now = self.hub.now_us()
        left = {name: self.number(query, **({"now": now} if ":now" in query else {})) for name, query in _OPEN.items()}
        return left | {"days": self._unclosed()}

    def _unclosed(self) -> int:
        """Days that are over and have no document yet: no table says so before the hub has looked at the clock."""
        rules = [rule for rule in Book.load(self.hub).usable if rule.per == "day"]
        with self.hub.db.read() as conn:
            return sum(len(settle._ready(conn, rule, *settle.last_closing(rule, self.hub.now()))) for rule in rules)

    def _quiet(self) -> bool:
        left = self._left()
        if not any(left.values()):
            return True
        now = self.hub.now_us()
        if not self.number(_BUSY, now=now):
            later = [moment for query in _NEXT if (moment := self.number(query)) > now]
            self.company.clock.forward(min(later, default=now) / 1e6 - now / 1e6)
        return False

    def _stuck(self) -> list[str]:
        queries = ("SELECT account_id, stream, task, error FROM account_stream WHERE failures > 0",
                   "SELECT number, state, error FROM delivery WHERE state NOT IN ('sent', 'cancelled') LIMIT 5")  # fmt: skip
        with self.hub.db.read() as conn:
            return [str(tuple(row)) for query in queries for row in conn.execute(text(query))]

    # -- the acts

    def play(self) -> None:
        """The whole day."""
        for name in ACTS:
            with self.act(name):
                getattr(self, name)()

    def morning(self) -> None:
        """Accounts are connected, everything is read for the first time, in bad weather; the deals so far are booked."""
        for simulator in self.company.simulators:
            config = simulator.settings(self.company.served[simulator.name].url)
            accounts.add(self.hub, simulator.name, simulator.name.replace("_", "-"), simulator.name, config, by="test")
        self.weather.begin()
        self.weather.spoil_writes(self.harsh[0])
        self.process.start()
        self.settled()
        self.weather.end()

    def noon(self) -> None:
        """Sales go on, contracts are approved, staff leave, consents are withdrawn; pushes come twice and in any order; the hub
        is killed in the middle of it."""
        since, now = self.company.clock.now(), self.company.today + timedelta(hours=13)
        self.company.clock.go_to(now)
        self.weather.spoil_writes(self.harsh[1])
        self._shops(since, now)
        self._approvals()
        self._staff_leave()
        self._consents()
        self._pushes()
        until(lambda: self.number(_OPEN["deliveries"]) > 0, self.patience, self.process.said)
        self.process.kill()
        self.company.clock.forward(120)
        self.process.start()
        self.settled()
        self.weather.end()

    def _shops(self, since: datetime, now: datetime) -> None:
        """Orders of the time between, which the hub has not read yet."""
        count, span = self.size.orders - int(self.size.orders * BEFORE) - 6, int((now - since).total_seconds()) - 60
        self.company.sell(count, lambda: since + timedelta(seconds=self.company.dice.randrange(span)))
        for number in self.company.sold["taobao"][-min(count // 2, 100) :]:
            self.company.taobao.tmc.put("taobao_trade_TradeBuyerPay", SHOP, {"tid": number, "seller_nick": SHOP})
        self.company.refund(max(count // 20, 3), now - timedelta(minutes=30))

    def _approvals(self) -> None:
        """The contracts in review are approved; a few of those in force become void, a few are over another amount now."""
        for key in self.company.reviewed:
            with self.company.wukong.lock:
                self.company.wukong.approve(key)
        signed = [row.id for row in self.company.wukong.store.tables[6].values() if row.id not in self.company.reviewed]
        self.void = max(self.size.deals // 100, 2)
        for key in signed[: self.void]:
            with self.company.wukong.lock:
                self.company.wukong.discard(key)
        for key in signed[self.void : 2 * self.void]:
            with self.company.wukong.lock:
                row = self.company.wukong.row("deal", key)
                self.company.wukong.store.change(6, row, {"money": row.detail["money"] + 100}, moved=True)
        for key in self.company.pending:
            with self.company.dingtalk.lock:
                self.company.dingtalk.flow.finish(key)

    def _staff_leave(self) -> None:
        for n in range(max(self.size.staff // 20, 1)):
            with self.company.wecom.lock:
                self.company.wecom.world.resign(f"wx{n:04d}")
            with self.company.dingtalk.lock:
                del self.company.dingtalk.people.staff[f"dd{n + 2:04d}"]
            self.gone += [f"wx{n:04d}", f"dd{n + 2:04d}"]

    def _consents(self) -> None:
        """Some who agreed think better of it; others say more."""
        agreed = [person for place, person in enumerate(self.company.chatting()) if place % 5 < 3]
        self.withdrawn = agreed[:: max(len(agreed) // 10, 2)]
        for person in self.withdrawn:
            with self.company.archive.lock:
                self.company.archive.archive.answer(self.company.member(person), person.wecom, "Disagree")
        for person in self.company.chatting():
            with self.company.archive.lock:
                self.company.say(person, "在吗")

    def _pushes(self) -> None:
        """WeCom tells of edited customers, DingTalk of approvals: each twice, in an order of its own."""
        pushes: list[Any] = []
        wecom, dingtalk, hooks = self.company.wecom, self.company.dingtalk, f"{self.process.url}/webhooks"
        present = [pair for pair in list(wecom.world.relations) if pair[0] not in self.gone]
        for userid, external in self.company.dice.sample(present, min(len(present), self.size.customers // 200 + 5)):
            with wecom.lock:
                event = wecom.world.edit(userid, external, tags=[self.company.dice.choice(self.company.tags)])
            pushes += [lambda event=event: wecom.push_event(f"{hooks}/wecom", event)] * 2
        for key in self.company.pending[:150]:
            told = approval(dingtalk, key)
            pushes += [lambda told=told: dingtalk.push_event(f"{hooks}/dingtalk", "bpms_instance_change", told)] * 2
        self.company.dice.shuffle(pushes)
        answers = [push() for push in pushes]
        assert set(answers) == {200}, f"pushes answered {set(answers)}"

    def evening(self) -> None:
        """Everything is read again."""
        self.company.clock.go_to(self.company.today + timedelta(hours=20))
        self.settled()

    def night(self) -> None:
        """The days close: one document for each shop and day, in bad weather."""
        self.weather.spoil_days()
        self.company.clock.go_to(self.company.today + timedelta(days=1, hours=2, minutes=30))
        self.settled()
        self.weather.end()

    def after(self) -> None:
        """Orders of yesterday that the shops learn of only now, refunds of today, three amounts that change after all; a day
        on, the supplements are booked."""
        morning = self.company.today + timedelta(days=1, hours=9)
        self.company.clock.go_to(morning)
        late = self.company.today + timedelta(hours=23, minutes=30)
        self.company.sell(6, lambda: late, seen=morning - timedelta(minutes=2))
        self.company.refund(5, morning - timedelta(minutes=3))
        for number in self.company.sold["taobao"][1:4]:
            self.company.taobao.change("order", str(number), payment="888.88")
        self.company.clock.forward(600)
        self.settled()
        self.company.clock.go_to(self.company.today + timedelta(days=2, hours=2, minutes=30))
        self.settled()
