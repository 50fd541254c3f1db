"""The demo's people as buyers of the simulated JD shop."""

from __future__ import annotations

from datetime import datetime, timedelta

from connectors.jd import sim_data
from connectors.jd.sim_data import Person as Receiver
from connectors.jd.sim_data import Sale
from connectors.jd.sim_protocol import BEIJING
from connectors.jd.sim_shop import Shop
from connectors.story import Person, Story

FIRST, FIRST_REFUND = 310_000_000_001, 71_000_001


def _buys(person: Person) -> bool:
    """Who buys at JD too: the hero, and every third."""
    return person.number % 3 == 0


def _sell(shop: Shop, person: Person, number: int, paid_at: datetime, modified: datetime, state: str) -> str:
    goods = 12_900 + 1_750 * (number % 7)
    company = bool(person.company)
    sale = Sale(
        number=FIRST + number, buyer=person.nickname, person=Receiver(person.name, person.phone, masked=False),
        created=paid_at - timedelta(minutes=2), modified=modified, goods=goods, paid=goods - 500, paid_at=paid_at, state=state,
        invoice=3 if company else 0, title=person.company, code=person.tax_id,
    )  # fmt: skip
    return shop.add("order", sim_data.order(sale, shop.vault, shop.vender))


def _midnight(story: Story) -> datetime:
    return story.now.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)


def play(shop: Shop, story: Story) -> None:
    """Two days of orders with their receivers' own phones, members with grades, one refund."""
    number, orders = 0, []
    for days in (2, 1):
        for person in filter(_buys, story.people):
            paid = _midnight(story) - timedelta(days=days) + timedelta(hours=10 + person.number % 9, minutes=11 * person.number)
            orders.append((_sell(shop, person, number, paid, paid, "WAIT_GOODS_RECEIVE_CONFIRM"), person.nickname, paid))
            number += 1
    order_id, buyer, paid = orders[1]
    back = paid + timedelta(hours=2)
    shop.add("refund", sim_data.refund(FIRST_REFUND, order_id, 3_000, 3, paid + timedelta(hours=1), back, buyer))
    for person in filter(_buys, story.people):
        shop.add("member", sim_data.member(person.number, orders[-1][2], person.nickname, 1 + person.number % 5, shop.app_key))


def live(shop: Shop, story: Story) -> None:
    """The hero orders again: paid yesterday evening, in the list only now."""
    now = story.now.astimezone(BEIJING).replace(microsecond=0, tzinfo=None)
    paid = _midnight(story) - timedelta(hours=2)
    _sell(shop, story.hero, 900, paid, now - timedelta(seconds=90), "WAIT_SELLER_STOCK_OUT")
