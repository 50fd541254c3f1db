"""The demo's people as buyers of the simulated shop."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from connectors.story import Person, Story
from connectors.taobao.sim_data import Draft, Line, handle, refund, trade
from connectors.taobao.sim_protocol import BEIJING

if TYPE_CHECKING:
    from connectors.taobao.simulator import TaobaoSimulator

SHOP, APP_KEY = "示例旗舰店", "12345678"
FIRST, FIRST_REFUND = 4_100_000_000_000_000_117, 6_500_000_000_000_000_000


def _order(sim: TaobaoSimulator, person: Person, number: int, paid: datetime, status: str) -> int:
    created = paid - timedelta(minutes=3)
    price = 5900 + 1330 * (number % 9)
    tid = FIRST + number * 1000
    line = Line(tid, "龙井礼盒 250g", 1 + number % 2, price, price * (1 + number % 2), price * (1 + number % 2) - 300)
    draft = Draft(
        tid=tid, status=status, created=created, modified=paid, payment=line.paid + 800, goods=line.fee, post=800,
        lines=[line], buyer=person.shop_id, nick=person.nickname, pay_time=paid, region=("浙江省", "杭州市", "西湖区"),
    )  # fmt: skip
    row = trade(draft, SHOP, APP_KEY)
    row.record |= {"buyer_open_uid": person.shop_id, "ouid": handle("ou", SHOP, person.shop_id)}
    sim.trades.add([row])
    return tid


def play(sim: TaobaoSimulator, story: Story) -> None:
    """Three days of orders, the last of them yesterday, and one refund."""
    today = story.now.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    number = 0
    for days in (3, 2, 1):
        for person in story.people:
            if person.shop_id and (person.number + days) % 2 == 0:
                paid = today - timedelta(days=days) + timedelta(hours=9 + person.number % 12, minutes=7 * person.number)
                tid = _order(sim, person, number, paid, "WAIT_BUYER_CONFIRM_GOODS")
                number += 1
                if number == 4:
                    back, done = paid + timedelta(hours=1), paid + timedelta(hours=3)
                    sim.refunds.add([refund(FIRST_REFUND, sim.trades.rows[tid], 2000, "SUCCESS", back, done, APP_KEY)])


def live(sim: TaobaoSimulator, story: Story, url: str) -> None:
    """The hero orders once more: paid yesterday evening, but the seller's database learns of it only now."""
    today = story.now.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    paid = today - timedelta(hours=3)
    tid = _order(sim, story.hero, 900, paid, "WAIT_SELLER_SEND_GOODS")
    sim.trades.move(
        sim.trades.rows[tid], story.now.astimezone(BEIJING).replace(microsecond=0, tzinfo=None) - timedelta(seconds=90)
    )
