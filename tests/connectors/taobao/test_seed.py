"""An operator's own order export behind the simulated gateway: what it becomes, what is refused, and that no fen is lost."""

from __future__ import annotations

import csv
import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.base import Window
from connectors.taobao.simulator import TaobaoSimulator
from mappings.compile import load_mapping

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "data" / "tmall_orders_2020-02.csv"
HEADER = "订单编号,总金额,买家实际支付金额,收货地址 ,订单创建时间,订单付款时间 ,退款金额"
ROWS = (
    "1,178.8,0.0,上海,2020-02-21 00:00:00,,0.0",
    "2,21.0,21.0,内蒙古自治区,2020-02-20 23:59:54,2020-02-21 00:00:02,0.0",
    "3,37.0,0.0,安徽省,2020-02-18 23:59:35,,0.0",
    "4,157.5,0.0,湖南省,2020-02-20 10:58:34,2020-02-20 10:58:44,157.5",
    "5,64.8,60.0,江苏省,2020-02-20 11:57:34,2020-02-20 11:57:37,4.8",
)
DAY = dt.timedelta(days=1)


def seeded(tmp_path, *rows, header=HEADER, encoding="utf-8"):
    path = tmp_path / "orders.csv"
    path.write_bytes("\r\n".join((header, *rows)).encode(encoding))
    sim = TaobaoSimulator()
    sim.seed_file(path)
    return sim


def records(sim):
    return {key: row.record for key, row in sim.trades.rows.items()}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_every_row_becomes_a_trade_whatever_the_encoding(tmp_path, encoding):
    sim = seeded(tmp_path, *ROWS, encoding=encoding)
    found = records(sim)
    assert list(found) == [1, 2, 3, 4, 5]
    assert found[2]["receiver_state"] == "内蒙古自治区"
    assert sim.now().replace(microsecond=0) == dt.datetime(2020, 2, 20, 16, 10, 2, tzinfo=dt.UTC)


def test_what_the_amounts_mean(tmp_path):
    found = records(seeded(tmp_path, *ROWS))
    assert [found[n]["payment"] for n in (1, 2, 3, 4, 5)] == ["178.80", "21.00", "37.00", "157.50", "64.80"]
    assert [found[n]["total_fee"] for n in (1, 2, 3, 4, 5)] == ["178.80", "21.00", "37.00", "157.50", "64.80"]
    assert ["pay_time" in found[n] for n in (1, 2, 3, 4, 5)] == [False, True, False, True, True]


def test_states_that_the_file_does_not_say(tmp_path):
    found = records(seeded(tmp_path, *ROWS))
    assert [found[n]["status"] for n in (1, 2, 3, 4, 5)] == [
        "WAIT_BUYER_PAY",
        "WAIT_SELLER_SEND_GOODS",
        "TRADE_CLOSED_BY_TAOBAO",
        "TRADE_CLOSED",
        "WAIT_SELLER_SEND_GOODS",
    ]
    assert found[3]["end_time"] == "2020-02-19 23:59:35"


def test_refunds_succeed_after_payment_and_before_now(tmp_path):
    sim = seeded(tmp_path, *ROWS)
    rows = list(sim.refunds.rows.values())
    assert [(row.record["tid"], row.record["refund_fee"], row.record["status"]) for row in rows] == [
        (4, "157.50", "SUCCESS"),
        (5, "4.80", "SUCCESS"),
    ]
    assert [row.record["modified"] for row in rows] == ["2020-02-20 15:58:44", "2020-02-20 17:57:37"]
    assert sim.trades.rows[4].record["modified"] == "2020-02-20 15:58:44"
    again = seeded(tmp_path, *ROWS)
    assert [row.record for row in again.refunds.rows.values()] == [row.record for row in rows]


def test_an_export_with_amounts_before_refunds_is_read_as_such(tmp_path):
    found = records(seeded(tmp_path, "7,100.00,100.00,上海,2020-02-20 10:00:00,2020-02-20 10:01:00,30.00"))
    assert found[7]["payment"] == "100.00"
    assert found[7]["status"] == "WAIT_SELLER_SEND_GOODS"


def test_the_ordinary_columns_of_an_export(tmp_path):
    header = "订单编号,买家会员名,买家应付货款,总金额,买家实际支付金额,订单状态,收货地址,"
    header += "订单创建时间,订单付款时间,宝贝标题,宝贝总数量"
    row = '="2211223344556677889",晴天小店,200,210,210,"卖家已发货，等待买家确认",浙江省 杭州市 西湖区 某路1号,'
    row += "2020/2/20 10:00,2020/2/20 10:05,示例商品,4"
    sim = seeded(tmp_path, row, header=header)
    (found,) = records(sim).values()
    assert found["tid"] == 2211223344556677889
    assert (found["total_fee"], found["post_fee"], found["payment"]) == ("200.00", "10.00", "210.00")
    assert found["status"] == "WAIT_BUYER_CONFIRM_GOODS"
    assert found["buyer_nick"] == "晴**"
    assert [found[f"receiver_{part}"] for part in ("state", "city", "district")] == ["浙江省", "杭州市", "西湖区"]
    assert found["receiver_address"] == "****"
    (line,) = found["orders"]["order"]
    assert (line["title"], line["num"], line["price"], line["divide_order_fee"]) == ("示例商品", 4, "50.00", "200.00")


def test_the_same_buyer_is_one_customer_and_unnamed_ones_are_strangers(tmp_path):
    header = HEADER + ",买家会员名"
    names = ("甲", "乙", "甲", "", "")
    found = records(seeded(tmp_path, *(f"{row},{name}" for row, name in zip(ROWS, names, strict=True)), header=header))
    handles = [found[n]["buyer_open_uid"] for n in (1, 2, 3, 4, 5)]
    assert handles[0] == handles[2]
    assert len(set(handles)) == 4


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ("x,1,1,上海,2020-02-21 00:00:00,,0", "row 2, column 订单编号"),
        ("-4,1,0,上海,2020-02-21 00:00:00,,0", "row 2, column 订单编号"),
        ("1,one,0,上海,2020-02-21 00:00:00,,0", "row 2, column 总金额"),
        ("1,1.005,0,上海,2020-02-21 00:00:00,,0", "row 2, column 总金额"),
        ("1,-1,0,上海,2020-02-21 00:00:00,,0", "row 2, column 总金额"),
        ("1,1,0,上海,,,0", "row 2, column 订单创建时间"),
        ("1,1,0,上海,21 Feb,,0", "row 2, column 订单创建时间"),
        ("1,1,1,上海,2020-02-21 00:00:00,2020-02-20 00:00:00,0", "row 2, column 订单付款时间"),
        ("1,1,1,上海,2020-02-21 00:00:00,,0", "row 2, column 买家实际支付金额"),
        ("1,1,0,上海,2020-02-21 00:00:00,,1", "row 2, column 退款金额"),
        ("1,1,1,上海,2020-02-21 00:00:00,2020-02-21 00:00:01,2", "row 2, column 退款金额"),
    ],
)
def test_a_bad_row_is_named_with_its_column_and_without_its_value(tmp_path, row, place):
    with pytest.raises(ValueError, match=place) as caught:
        seeded(tmp_path, row)
    assert "one" not in str(caught.value).replace("none", "")
    assert "第 2 行" in str(caught.value)


def test_a_number_twice_names_both_rows(tmp_path):
    with pytest.raises(ValueError, match="row 4, column 订单编号: the same as in row 3"):
        seeded(tmp_path, ROWS[0], ROWS[1], ROWS[1])


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (HEADER, (), "no orders"),
        (HEADER.replace("总金额", "金额"), ROWS, "column 总金额 is missing"),
        (HEADER + ",订单状态", [row + ",未知" for row in ROWS], "row 2, column 订单状态"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, header, rows, said):
    with pytest.raises(ValueError, match=said):
        seeded(tmp_path, *rows, header=header)


def test_a_file_in_no_known_encoding_says_so(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_bytes(b"\xff\xff\xff")
    with pytest.raises(ValueError, match="UTF-8"):
        TaobaoSimulator().seed_file(path)


def mapping(stream):
    return load_mapping(
        ROOT / "mappings" / "taobao" / f"{stream}.yaml", zone="Asia/Shanghai", context={"app_key": "1", "shop": "s"}
    )


def pulled(shop, stream):
    """Canonical records of everything that the connector reads day by day, by id."""
    found, apply, connector = {}, mapping(stream).apply, shop.connector()
    end = shop.sim.now() - dt.timedelta(minutes=1)
    start = end - 35 * DAY
    while start < end:
        for page in connector.pages(stream, Window(start, start + DAY), None):
            for record in page.records:
                result = apply(record).records[-1]
                found[result["id"]] = result["fields"]
        start += DAY
    return found


@pytest.mark.skipif(not REAL.exists(), reason="needs the published export tmall_orders_2020-02.csv in ../shared/data")
def test_a_real_month_over_the_protocol_equals_the_file(shop):
    with REAL.open(encoding="utf-8-sig", newline="") as file:
        rows = [{name.strip(): cell for name, cell in row.items()} for row in csv.DictReader(file)]
    total, net, refunded = (sum(Decimal(row[name]) for row in rows) for name in ("总金额", "买家实际支付金额", "退款金额"))
    assert (len(rows), total, net, refunded) == (28_010, Decimal("2995760.61"), Decimal("1902487.15"), Decimal("572335.92"))
    assert shop.sim.seed_file(REAL) == len(rows)
    shop.settings = shop.sim.settings(shop.served.url)
    orders, refunds = pulled(shop, "order"), pulled(shop, "refund")
    assert set(orders) == {row["订单编号"] for row in rows}
    assert sum(order["goods"] for order in orders.values()) == total * 100
    assert sum("paid" in order for order in orders.values()) == sum(bool(row["订单付款时间"]) for row in rows) == 24_087
    succeeded = [refund["amount"] for refund in refunds.values() if refund["state"] == "succeeded"]
    assert (len(succeeded), sum(succeeded)) == (5_646, refunded * 100)
    assert sum(order.get("paid", 0) for order in orders.values()) - sum(succeeded) == net * 100
    assert {refund["order"] for refund in refunds.values()} <= set(orders)
