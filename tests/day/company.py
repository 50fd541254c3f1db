"""The made-up company on eight platforms: who is known where, what they bought, what was signed, who said what.

Everything is served by the simulators on loopback and ruled by one clock, which the hub's process shares. Orders are paid
on the two days before and in the course of the day.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from multiprocessing import get_context
from typing import Any

from connectors.dingtalk.simulator import DingTalkSimulator
from connectors.jd import sim_data as jd_data
from connectors.jd.simulator import JdSimulator
from connectors.kingdee.simulator import KingdeeSimulator
from connectors.sandbox import Served, Simulator
from connectors.taobao import sim_data as taobao_data
from connectors.taobao.simulator import APP_KEY, SHOP, TaobaoSimulator
from connectors.wecom.simulator import WeComSimulator
from connectors.wecom_archive.simulator import WeComArchiveSimulator
from connectors.wukong.sim_flow import APPROVED, IN_REVIEW
from connectors.wukong.simulator import WukongSimulator
from connectors.yonyou.simulator import YonyouSimulator
from tests.day.story import BEIJING, MARK, Person, Size, amounts, company_name, credit_code, people, yuan

TAOBAO_FIRST, JD_FIRST = 4_300_000_000_000_000_000, 320_000_000_000
REFUNDS_FIRST = {"taobao": 6_700_000_000_000_000_000, "jd": 81_000_000}
BEFORE = 0.8
"""Part of the orders and deals that are there before the day begins."""


class Clock:
    """One clock for all processes: the real one, moved forward."""

    def __init__(self) -> None:
        self.offset: Any = get_context("forkserver").Value("d", 0.0)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.offset.value)

    def forward(self, seconds: float) -> None:
        with self.offset.get_lock():
            self.offset.value += max(seconds, 0.0)

    def go_to(self, moment: datetime) -> None:
        self.forward((moment - self.now()).total_seconds())


class Company:
    """The platforms with all that is on them. orders: number -> platform; refunds, deals: likewise."""

    def __init__(self, size: Size, seed: int = 20261129) -> None:
        self.size, self.dice, self.clock = size, random.Random(seed), Clock()
        midnight = self.clock.now().astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
        self.today = midnight + timedelta(days=1)
        self.clock.go_to(self.today + timedelta(hours=9))
        now: Callable[[], datetime] = self.clock.now
        self.wecom, self.dingtalk, self.taobao = WeComSimulator(now), DingTalkSimulator(now), TaobaoSimulator(now)
        self.jd, self.wukong, self.archive = JdSimulator(now), WukongSimulator(now), WeComArchiveSimulator(now)
        self.kingdee, self.yonyou = KingdeeSimulator(now), YonyouSimulator(now)
        self.simulators: tuple[Simulator, ...] = (
            self.wecom, self.dingtalk, self.taobao, self.jd, self.wukong, self.archive, self.kingdee, self.yonyou,
        )  # fmt: skip
        self._amounts = amounts(self.dice)
        self.people = people(size, self.dice)
        self.buyers = {name: cycle([person for person in self.people if name in person.on]) for name in ("taobao", "jd")}
        self.sold: dict[str, list[int]] = {"taobao": [], "jd": []}
        self.refunded: dict[str, list[int]] = {"taobao": [], "jd": []}
        self.reviewed: list[int] = []
        self.pending: list[str] = []
        self._begin()
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        for simulator in self.simulators:
            simulator.app.logger.disabled = True  # cut connections are no news, and there are many
        self.served = {simulator.name: Served(simulator) for simulator in self.simulators}

    def close(self) -> None:
        """End everything."""
        for served in self.served.values():
            served.close()
        self.dingtalk.stream.close()

    # -- before the day

    def _begin(self) -> None:
        for n in range(self.size.staff):
            self.wecom.world.add_staff(f"wx{n:04d}", f"顾{MARK}{n}")
            self.dingtalk.people.add_staff(f"dd{n:04d}", f"陆{MARK}{n}", [1])
        self.tags = [self.wecom.world.add_tag("意向", f"意向{n}").id for n in range(12)]
        self.labels = [self.dingtalk.people.add_label("类型", f"类型{n}") for n in range(6)]
        for person in self.people:
            for platform in person.on:
                if put := getattr(self, f"_put_{platform}", None):
                    put(person)
        before = [self.today - timedelta(days=days) for days in (2, 1)]
        self.sell(int(self.size.orders * BEFORE), lambda: self.dice.choice(before) + timedelta(seconds=self._moment(86_000)))
        self.refund(int(self.size.orders * BEFORE * 0.02), self.today - timedelta(hours=3))
        self._deals()
        self._chats()

    def _moment(self, seconds: int) -> int:
        return self.dice.randrange(seconds)

    def member(self, person: Person) -> str:
        """The member of staff who serves him in WeCom."""
        return f"wx{person.number % self.size.staff:04d}"

    def _put_wecom(self, person: Person) -> None:
        contact = {"external_userid": person.wecom, "name": person.name, "type": 1, "gender": 0, "avatar": ""}
        created = int((self.today - timedelta(days=2 + person.number % 300)).timestamp())
        tags = [self.tags[person.number % len(self.tags)]] if person.number % 3 == 0 else []
        more: dict[str, Any] = {"remark": person.name, "mobiles": [person.phone], "created": created, "tags": tags}
        self.wecom.world.add_customer(self.member(person), contact, **more)

    def _put_dingtalk(self, person: Person) -> None:
        labels = [self.labels[person.number % len(self.labels)]] if person.number % 2 else []
        more = {"label_ids": labels, "follower_user_id": f"dd{person.number % self.size.staff:04d}"}
        self.dingtalk.people.add_contact(person.name, person.phone, userid=f"ext{person.number:08d}", **more)

    def _put_wukong(self, person: Person) -> None:
        at = self.today - timedelta(days=3 + person.number % 200, seconds=person.number % 3600)
        person.crm = self.wukong.add_customer(company_name(person.number), mobile=person.phone, at=at)

    # -- shops

    def sell(self, count: int, when: Callable[[], datetime], *, seen: datetime | None = None) -> None:
        """So many orders, two thirds of them on Taobao, each paid at a moment of its own. seen: when the shops learn of it."""
        trades, late = [], _local(seen) if seen else None
        for n in range(count):
            paid, at = next(self._amounts), _local(when())
            if n % 3 < 2:
                trades.append(self._trade(paid, at, late or at))
            else:
                self._jd_order(paid, at, late or at)
        with self.taobao.lock:
            self.taobao.trades.add(trades)

    def _trade(self, paid: int, at: datetime, modified: datetime) -> Any:
        person, number = next(self.buyers["taobao"]), TAOBAO_FIRST + len(self.sold["taobao"]) * 1000
        line = taobao_data.Line(number, "龙井礼盒 250g", 1, paid + 300, paid + 300, paid)
        draft = taobao_data.Draft(
            tid=number, status="WAIT_SELLER_SEND_GOODS", created=at - timedelta(minutes=4), modified=modified, payment=paid,
            goods=paid + 300, post=0, lines=[line], buyer=f"buyer {person.number}", nick=person.name, pay_time=at,
            region=("浙江省", "杭州市", "西湖区"),
        )  # fmt: skip
        self.sold["taobao"].append(number)
        return taobao_data.trade(draft, SHOP, APP_KEY)

    def _jd_order(self, paid: int, at: datetime, modified: datetime) -> None:
        person, number = next(self.buyers["jd"]), JD_FIRST + len(self.sold["jd"])
        receiver = jd_data.Person(person.name, person.phone, f"{MARK}园路 {person.number} 号", masked=False)
        sale = jd_data.Sale(
            number=number, buyer=f"buyer {person.number}", person=receiver, created=at - timedelta(minutes=4),
            modified=modified, goods=paid + 500, paid=paid, paid_at=at,
        )  # fmt: skip
        self.sold["jd"].append(number)
        with self.jd.lock:
            self.jd.shop.add("order", jd_data.order(sale, self.jd.shop.vault, self.jd.shop.vender))

    def refund(self, count: int, at: datetime) -> None:
        """Refunds of orders that have none yet, two thirds on Taobao, all through at that moment."""
        done = _local(at)
        for n in range(count):
            platform = "taobao" if n % 3 < 2 else "jd"
            place = len(self.refunded[platform])
            number, order = REFUNDS_FIRST[platform] + place, self.sold[platform][place * 7]
            self.refunded[platform].append(number)
            if platform == "taobao":
                with self.taobao.lock:
                    row = self.taobao.trades.rows[order]
                    part = min(101 + self._moment(900), _fen(row.record["payment"]))
                    asked = done - timedelta(hours=1)
                    self.taobao.refunds.add([taobao_data.refund(number, row, part, "SUCCESS", asked, done, APP_KEY)])
            else:
                with self.jd.lock:
                    row = self.jd.shop.rows["order"][str(order)]
                    part = min(101 + self._moment(900), _fen(row.record["orderPayment"]))
                    applied = done - timedelta(hours=1)
                    self.jd.shop.add("refund", jd_data.refund(number, str(order), part, 3, applied, done, row.buyer))

    # -- deals

    def _deals(self) -> None:
        """Two thirds of the contracts are in the CRM, the others in DingTalk; those of the day are still in review."""
        firms = cycle([person for person in self.people if person.crm])
        for n in range(self.size.deals):
            signed = n < self.size.deals * BEFORE
            at = self.today - timedelta(days=1 + n % 25, seconds=n)
            if n % 3 < 2:
                person, status = next(firms), APPROVED if signed else IN_REVIEW
                money = yuan(next(self._amounts) * 13)
                key = self.wukong.add_contract(person.crm, f"HT-{n:06d}", money, f"{at:%Y-%m-%d}", status, at=at)
                self.reviewed += [] if signed else [key]
            else:
                self._approval(n, at, signed=signed)

    def _approval(self, n: int, at: datetime, *, signed: bool) -> None:
        amount, ms = yuan(next(self._amounts) * 13), int(at.timestamp() * 1000)
        more = {"phone": f"1397{9_000_000 + n}", "tax_id": credit_code(n), "number": f"DD-{n:06d}", "originator": "dd0001"}
        made = self.dingtalk.flow.start(amount, company_name(900_000 + n), at=ms, **more)
        if signed:
            self.dingtalk.flow.finish(made.id, at=ms + 600_000)
        else:
            self.pending.append(made.id)

    # -- chats

    def chatting(self) -> Iterator[Person]:
        """Customers with archived chats."""
        known = [person for person in self.people if "wecom" in person.on]
        yield from known[: self.size.chatting]

    def _chats(self) -> None:
        """Each has been asked: three in five agreed, one refused, one has not answered. Each has said two things."""
        self.archive.archive.seats = [f"wx{n:04d}" for n in range(self.size.staff)]
        for place, person in enumerate(self.chatting()):
            asked = self.today - timedelta(days=1, seconds=place)
            if place % 5 != 4:
                self.archive.archive.agree(
                    self.member(person), person.wecom, "Disagree" if place % 5 == 3 else "Agree", at=asked
                )
            for word in ("请问报价", "谢谢"):
                self.say(person, word, at=asked + timedelta(hours=1))

    def say(self, person: Person, words: str, at: datetime | None = None) -> None:
        """The customer writes to the member who serves him."""
        text = {"msgtype": "text", "text": {"content": f"{MARK}{words}"}}
        message = {"from": person.wecom, "tolist": [self.member(person)], "roomid": "", **text}
        self.archive.archive.put(message, at=at)


def _local(moment: datetime) -> datetime:
    """As the shops write times."""
    return moment.astimezone(BEIJING).replace(tzinfo=None, microsecond=0)


def _fen(amount: str) -> int:
    return int(amount.replace(".", ""))
