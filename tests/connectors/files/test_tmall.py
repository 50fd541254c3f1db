"""The published order report of a real Tmall shop, reconciled to the cent through reader and mapping."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.files.connector import Files
from mappings.compile import CompiledMapping
from tests.yardstick import slower

DATA = Path(__file__).parents[4] / "shared" / "data" / "tmall_orders_2020-02.csv"
pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason=f"{DATA.name} is not here: it is published data that is never committed"
)


@pytest.fixture(scope="module")
def figures() -> Counter[str]:
    """What the file itself adds up to, in fen, by the csv module and exact decimals alone."""
    found: Counter[str] = Counter()
    with DATA.open(encoding="utf-8-sig", newline="") as source:
        for row in csv.DictReader(source):
            cells = {name.strip(): text.strip() for name, text in row.items()}
            total, left, refund = (int(Decimal(cells[n]) * 100) for n in ("总金额", "买家实际支付金额", "退款金额"))
            found.update(rows=1, total=total, left=left, refund=refund, paid=bool(cells["订单付款时间"]), refunds=refund > 0)
    return found


def test_the_totals_are_those_of_the_file(
    files: Files, mapping: Callable[[str], CompiledMapping], figures: Counter[str]
) -> None:
    compiled = mapping("orders_taobao")
    started = time.perf_counter()
    intake = files.take(DATA)
    found: Counter[str] = Counter()
    keys = set()
    for row in intake.rows():
        assert row.record is not None, (row.number, row.problems)
        mapped = compiled.apply(row.record)
        assert not mapped.unknown_fields
        assert not mapped.unknown_values
        keys.add(row.record["_key"])
        for record in mapped.records:
            fields = record["fields"]
            if record["kind"] == "order":
                found.update(rows=1, total=fields["total"], left=fields.get("paid", 0), paid="paid" in fields)
            else:
                found.update(refund=fields["amount"], left=-fields["amount"], refunds=1)
    took = time.perf_counter() - started
    assert found == figures
    assert (intake.stream, intake.unused, len(keys)) == ("orders_taobao", [], figures["rows"])
    assert took < 10 * slower(), f"read and mapped in {took:.1f} s"


def test_the_figures_are_the_published_ones(figures: Counter[str]) -> None:
    assert figures == {
        "rows": 28_010,
        "total": 299_576_061,
        "left": 190_248_715,
        "refund": 57_233_592,
        "paid": 24_087,
        "refunds": 5_646,
    }


def test_importing_it_again_from_gbk_and_semicolons_gives_the_same_records(files: Files, tmp_path: Path) -> None:
    again = tmp_path / "again.csv"
    lines = DATA.read_text("utf-8-sig").splitlines()[:2001]
    again.write_bytes("\r\n".join(line.replace(",", ";") for line in lines).encode("gbk"))
    first = [row.record for row, _ in zip(files.take(DATA).rows(), range(2000), strict=False)]
    assert [row.record for row in files.take(again).rows()] == first
