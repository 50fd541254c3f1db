"""The real order export, where it is there: 28,010 orders of one shop in February 2020, published, without personal data."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from tests.real.figures import Figures

ORDERS = Path(__file__).parents[2].parent / "shared" / "data" / "tmall_orders_2020-02.csv"


@pytest.fixture(scope="session")
def orders_file() -> Path:
    """The file. Skips where it is absent."""
    if not ORDERS.is_file():
        pytest.skip("the real order export (../shared/data/tmall_orders_2020-02.csv) is not here")
    return ORDERS


@pytest.fixture(scope="session")
def figures(orders_file: Path) -> Figures:
    """Counts and exact sums of the file."""

    def fen(text: str) -> int:
        value = Decimal(text) * 100
        assert value == int(value)
        return int(value)

    with orders_file.open(encoding="utf-8-sig", newline="") as file:
        rows = [{name.strip(): cell.strip() for name, cell in row.items()} for row in csv.DictReader(file)]
    refunds = [fen(row["退款金额"]) for row in rows]
    return Figures(
        orders=len({row["订单编号"] for row in rows}),
        paid_orders=sum(1 for row in rows if row["订单付款时间"]),
        refunds=sum(1 for amount in refunds if amount > 0),
        total=sum(fen(row["总金额"]) for row in rows),
        net=sum(fen(row["买家实际支付金额"]) for row in rows),
        refunded=sum(refunds),
    )
