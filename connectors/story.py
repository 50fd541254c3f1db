"""The demo's made-up people: the same story on every platform, as each platform would know them.

Nobody here exists; phone numbers are made of one digit pattern, credit codes carry a right check character.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def credit_code(number: int) -> str:
    """A well-formed unified social credit code for the number-th company of the story (GB 32100-2015)."""
    body = f"91330106MA2DEM0{number:02d}"
    total = sum(_CODE.index(char) * pow(3, i, 31) for i, char in enumerate(body))
    return body + _CODE[(31 - total % 31) % 31]


@dataclass(frozen=True, slots=True)
class Person:
    """One buyer. shop_id: the buyer's id in the shop (empty = does not buy there). crm: whether the CRM knows the company."""

    number: int
    name: str
    nickname: str
    phone: str
    company: str
    tax_id: str
    shop_id: str
    crm: bool


@dataclass(frozen=True, slots=True)
class Story:
    """What happens: who there is, and when it begins (orders are paid on the days before)."""

    people: tuple[Person, ...]
    now: datetime

    @property
    def hero(self) -> Person:
        """The one who is everywhere: contact in WeCom, buyer in the shop, customer with a contract in the CRM."""
        return self.people[0]


_PEOPLE = (
    ("林晓岚", "晓岚要早起", "杭州云杉软件有限公司", True, True),
    ("周启明", "启明星", "宁波北辰贸易有限公司", True, True),
    ("韩雪", "雪落无声", "", True, False),
    ("欧阳修远", "远方", "绍兴镜湖食品有限公司", False, True),
    ("赵一鸣", "一鸣", "", True, False),
    ("钱多多", "多多", "苏州同里文化有限公司", False, True),
    ("孙悦", "悦悦", "", True, False),
    ("李想", "想想", "嘉兴南湖电器有限公司", True, True),
    ("吴桐", "梧桐", "", True, False),
    ("郑好", "正好", "温州瓯江鞋业有限公司", False, True),
    ("王一诺", "一诺千金", "", True, False),
    ("冯唐", "唐唐", "湖州太湖丝绸有限公司", True, True),
)


def story(now: datetime) -> Story:
    """The story as of now."""
    people = []
    for number, (name, nickname, company, shops, crm) in enumerate(_PEOPLE):
        phone = f"139{55500000 + number * 11011:08d}"
        shop_id = f"AAStory{number:04d}buyer" if shops else ""
        people.append(Person(number, name, nickname, phone, company, credit_code(number) if company else "", shop_id, crm))
    return Story(tuple(people), now)
