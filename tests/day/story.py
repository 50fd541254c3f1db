"""Who there is in the made-up company's world, and what was agreed: sizes, people, names, amounts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta, timezone
from decimal import Decimal

BEIJING = timezone(timedelta(hours=8))
MARK = "霁"
"""Stands in every name of a person or company and in every chat: a log is searched for people by this one character."""
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎"
_GIVEN = "安博晨丹恩帆歌海佳凯岚梦宁沛琪然舒婷薇轩雅哲芷文宇远清雨航悦"
_TRADES = ("软件", "贸易", "食品", "电器", "丝绸", "鞋业", "文化", "机械", "建材", "医疗")
_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@dataclass(frozen=True)
class Size:
    """How big the company is. deals: signed by the end of the day. chatting: customers whose chats are archived."""

    customers: int
    orders: int
    deals: int
    staff: int
    chatting: int


SMALL = Size(customers=320, orders=200, deals=24, staff=12, chatting=30)
FULL = Size(customers=50_000, orders=30_000, deals=2_000, staff=200, chatting=1_500)


@dataclass
class Person:
    """A customer. on: the platforms that know him. crm: id of his company in the CRM, 0 = none."""

    number: int
    name: str
    phone: str
    on: tuple[str, ...]
    crm: int = 0

    @property
    def wecom(self) -> str:
        """His id in WeCom, and in its chat archive."""
        return f"wmDay{self.number:010d}"


_PLACES = (
    ("wecom", ("wecom",), 22), ("wecom and shop", ("wecom", "jd"), 6), ("jd", ("jd",), 12), ("taobao", ("taobao",), 28),
    ("dingtalk", ("dingtalk",), 12), ("both chats", ("wecom", "dingtalk"), 4), ("crm", ("wukong",), 12),
    ("company and its person", ("wukong", "wecom"), 4),
)  # fmt: skip
"""Share of customers (percent) by the platforms that know them. Phones join them, but the Taobao shop tells none."""


def _number(n: int) -> str:
    """His mobile number. Spread, as numbers are: of namesakes whose numbers are one figure apart, one is a slip."""
    return f"1397{n * 736_879 % 9_000_000:07d}"


def people(size: Size, dice: random.Random) -> list[Person]:
    """All customers, in the shares above."""
    places = [on for _, on, share in _PLACES for _ in range(share)]
    dice.shuffle(places)
    return [
        Person(n, f"{dice.choice(_SURNAMES)}{MARK}{dice.choice(_GIVEN)}", _number(n), places[n % len(places)])
        for n in range(size.customers)
    ]


def company_name(number: int) -> str:
    """The name of a company."""
    return f"{_TRADES[number % len(_TRADES)]}{MARK}{number:06d}有限公司"


def credit_code(number: int) -> str:
    """A well-formed unified social credit code (GB 32100-2015)."""
    body = f"91330106MB{number:07d}"
    total = sum(_CODE.index(char) * pow(3, i, 31) for i, char in enumerate(body))
    return body + _CODE[(31 - total % 31) % 31]


def amounts(dice: random.Random) -> Iterator[int]:
    """Odd amounts in fen, which only exact arithmetic adds up."""
    while True:
        yield dice.randrange(101, 99_999)


def yuan(fen: int) -> str:
    """Fen as platforms write them."""
    return f"{Decimal(fen) / 100:.2f}"


def fen(amount: str | Decimal) -> int:
    """And back."""
    return int(Decimal(amount) * 100)
