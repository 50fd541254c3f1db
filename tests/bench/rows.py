"""The rows of the benchmark: orders as the shop platform's list call gives them, two lines each, 60,000 buyers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

PAGE = 1000
BUYERS = 60_000


def order(number: int) -> dict[str, Any]:
    """The number-th order."""
    dice = random.Random(number)
    day, hour, minute, second = 1 + number // 4000 % 28, number // 160 % 24, number % 60, number // 7 % 60
    moment = f"2026-{1 + number // 112000 % 12:02d}-{day:02d} {hour:02d}:{minute:02d}:{second:02d}"
    lines = [dice.randrange(1000, 60000) for _ in range(2)]
    tid = 2_211_223_344_550_000_000 + number
    return {
        "tid": tid, "status": "WAIT_SELLER_SEND_GOODS", "type": "fixed", "payment": yuan(sum(lines)),
        "total_fee": yuan(sum(lines)), "post_fee": "0.00", "created": moment, "pay_time": moment, "modified": moment,
        "seller_nick": "示例旗舰店", "buyer_nick": "示**", "buyer_open_uid": f"AAbench{dice.randrange(BUYERS):010d}",
        "receiver_name": "李**", "receiver_mobile": "*******1234", "receiver_state": "浙江省", "receiver_city": "杭州市",
        "receiver_district": "西湖区", "receiver_address": "****", "oaid": f"1oaid{number:012d}",
        "orders": {"order": [
            {"oid": tid + i, "title": f"商品{i}", "num": 1, "num_iid": 600000000001 + i, "sku_id": f"48000000{i}",
             "status": "WAIT_SELLER_SEND_GOODS", "divide_order_fee": yuan(fee)}
            for i, fee in enumerate(lines)
        ]},
    }  # fmt: skip


def yuan(fen: int) -> str:
    """Two decimals, as the platform writes money."""
    return f"{fen // 100}.{fen % 100:02d}"


def pages(count: int) -> Iterator[list[dict[str, Any]]]:
    """The orders, page by page, each made only when it is asked for."""
    for start in range(0, count, PAGE):
        yield [order(number) for number in range(start, min(start + PAGE, count))]
