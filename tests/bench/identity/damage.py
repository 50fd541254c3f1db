"""Damage that the generator does not know, as its plugin: cells as people and exports spoil them, with all that they said left
in them. A resolver that reads them as they are meant finds the same customers.

``python -m tests.bench.identity --damaged`` makes 10,000 records without and with it and prints both.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

RATE = 0.15
"""Share of the cells of each kind that are spoilt."""
Record = dict[str, Any]
NOTHING = ("NULL", "N/A", "-", "暂无", "未填写", "/", "0", "undefined", "无数据", "#REF!", "（无）")


def mutate(record: Record, kind: str, flags: Any, rng: random.Random, gen: Any) -> None:
    """What the generator calls for each record."""
    for cell, spoil in _CELLS.items():
        if value := record.get(cell):
            if isinstance(value, list):
                record[cell] = [spoil(text, rng) if rng.random() < RATE else text for text in value]
            elif rng.random() < RATE:
                record[cell] = spoil(value, rng)
    if rng.random() < RATE:
        record.setdefault(rng.choice(("company", "address", "contact", "remark")), rng.choice(NOTHING))
    if rng.random() < RATE:
        _types(record, rng)


def _phone(text: str, rng: random.Random) -> str:
    head, tail = text[:3], text[-4:]
    if "*" in text:
        hidden = rng.choice(("xxxx", "••••", "-****-", "＊＊＊＊", "***", "○○○○", "____", "......"))
        return rng.choice((f"{head}{hidden}{tail}", f"86-{text}", f"{text}转1234"))
    if len(text) != 11 or not text.isdigit():
        return text
    forms = [f"{head}.{text[3:7]}.{tail}", f"(86){text}", f"tel:+86{text}", f"{text}（微信同号）", f"M{text}", f"{text} 李经理"]
    forms += [f"086{text}", f"+86+{text}", text.replace("0", "O", 1), text.replace("1", "l", 1), f"{text} 0571-88886666"]
    return rng.choice(forms)


def _name(text: str, rng: random.Random) -> str:
    if "*" in text:
        rest = ("某", "某某", "xx", "○○", "××", "**先生", "…") if text.rstrip("*") == text[:1] else (text[1:],)
        return text[0] + rng.choice(rest)
    if len(text) > 5:
        return _organisation(text, rng)
    if not 2 <= len(text) <= 3 or not all("一" <= char <= "鿿" for char in text):
        return text
    forms = [
        f"{text} 收",
        f"{text}1",
        f"客户{text}",
        f"A{text}",
        f"VIP-{text}",
        f"{text}-采购",
        f"【{text}】",
        f"收货人：{text}",
    ]
    return rng.choice([*forms, f"{text}（勿电）", f"{text}本人", f"\u200b{text}", f"{text[0]}.{text[1:]}", f"{text}先生/女士"])


def _organisation(text: str, rng: random.Random) -> str:
    forms = [
        f"{text}采购部",
        f"{text}(总部)",
        f"{text}-A",
        f"{text}/财务",
        f"客户：{text}",
        f"★{text}",
        f"“{text}”",
        f"{text}。",
    ]
    return (
        rng.choice([*forms, text.replace("有限公司", "有限 公司"), text.replace("有限公司", "(有限公司)")])
        if len(text) > 4
        else text
    )


def _mail(text: str, rng: random.Random) -> str:
    forms = [
        f"邮箱：{text}",
        text.replace("@", "(at)"),
        text.replace("@", " @"),
        text.replace(".com", "。com"),
        f"<{text}>",
        f"{text}、",
    ]
    return rng.choice(forms)


def _code(text: str, rng: random.Random) -> str:
    forms = [f"税号：{text}", text.replace("0", "O", 1), text.replace("1", "I", 1), f"{text[:8]}-{text[8:]}", f"{text}。"]
    return rng.choice(forms)


def _address(text: str, rng: random.Random) -> str:
    return (
        text if "*" in text else rng.choice((f"地址：{text}", f"{text} 310000", f"{text}（放门卫）", text.replace("号", "#")))
    )


def _types(record: Record, rng: random.Random) -> None:
    """Numbers as numbers, single values without their list, several in one cell."""
    phones = record.get("phones") or []
    if len(phones) == 1 and str(phones[0]).isdigit() and str(phones[0]).isascii():
        record["phones"] = rng.choice((int(phones[0]), phones[0], [float(phones[0])]))
    elif len(phones) > 1:
        record["phones"] = [rng.choice((" ", "/", "&", "，")).join(phones)]


_CELLS: dict[str, Callable[[str, random.Random], str]] = {
    "phones": _phone, "name": _name, "receiver": _name, "company": _organisation,
    "emails": _mail, "credit_code": _code, "address": _address,
}  # fmt: skip
