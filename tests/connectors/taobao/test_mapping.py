"""Trades and refunds as canonical records: money, states, buyers, and what stays absent."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.errors import MappingError
from mappings.compile import load_mapping

FOLDER = Path(__file__).parents[3] / "mappings" / "taobao"
TRADE = """{"tid":2211223344556677889,"status":"WAIT_SELLER_SEND_GOODS","type":"fixed","payment":"208.07","total_fee":"228.00",
"discount_fee":"29.93","post_fee":"10.00","adjust_fee":"0.00","received_payment":"0.00","created":"2026-03-01 10:00:00",
"pay_time":"2026-03-01 10:01:12","modified":"2026-03-01 10:01:12","seller_nick":"示例旗舰店","buyer_nick":"示**",
"buyer_open_uid":"AAExampleOpenUid01","receiver_name":"李**","receiver_mobile":"*******1234","receiver_state":"浙江省",
"receiver_city":"杭州市","receiver_district":"西湖区","receiver_address":"****","oaid":"1ExampleOaid","orders":{"order":[
{"oid":2211223344557677889,"status":"WAIT_SELLER_SEND_GOODS","num_iid":600000000001,"sku_id":"4800000000001",
"outer_sku_id":"SKU-A","num":2,"price":"64.00","total_fee":"128.00","payment":"128.00","divide_order_fee":"111.20",
"part_mjz_discount":"16.80","discount_fee":"0.00","adjust_fee":"0.00","refund_status":"NO_REFUND"},
{"oid":2211223344558677889,"status":"WAIT_SELLER_SEND_GOODS","num_iid":600000000002,"num":1,"price":"100.00",
"total_fee":"100.00","payment":"100.00","divide_order_fee":"86.87","part_mjz_discount":"13.13","discount_fee":"0.00",
"adjust_fee":"0.00","refund_status":"NO_REFUND"}]}}"""
REFUND = {
    "refund_id": "6000000000000000123",
    "tid": 2211223344556677889,
    "oid": 2211223344557677889,
    "status": "SUCCESS",
    "refund_fee": "50.05",
    "created": "2026-03-02 09:00:00",
    "modified": "2026-03-03 10:30:00",
    "reason": "不想要了",
    "ouid": "AAou",
}


def trade(**changes):
    record = json.loads(TRADE, parse_float=Decimal) | changes
    return {name: value for name, value in record.items() if value is not None}


def mapped(record, stream="order"):
    context = {"app_key": "12345678", "shop": "示例旗舰店", "account": "a"}
    return load_mapping(FOLDER / f"{stream}.yaml", zone="Asia/Shanghai", context=context).apply(record)


def order(**changes):
    return mapped(trade(**changes)).records[-1]["fields"]


def test_a_trade_becomes_a_buyer_and_an_order():
    result = mapped(trade())
    customer, found = result.records
    assert customer == {
        "kind": "customer",
        "id": "AAExampleOpenUid01",
        "fields": {"aliases": ["示**"], "region": "浙江省 杭州市 西湖区", "source": "示例旗舰店"},
        "keys": [("open_uid", "taobao:12345678", "AAExampleOpenUid01")],
    }
    assert found["id"] == "2211223344556677889"
    assert found["fields"] == {
        "number": "2211223344556677889",
        "customer": "AAExampleOpenUid01",
        "state": "paid",
        "state_raw": "WAIT_SELLER_SEND_GOODS",
        "currency": "CNY",
        "total": 20807,
        "paid": 20807,
        "goods": 22800,
        "shipping": 1000,
        "discount": 2993,
        "region": "浙江省 杭州市 西湖区",
        "created_at": dt.datetime(2026, 3, 1, 2, 0, tzinfo=dt.UTC),
        "paid_at": dt.datetime(2026, 3, 1, 2, 1, 12, tzinfo=dt.UTC),
        "changed_at": dt.datetime(2026, 3, 1, 2, 1, 12, tzinfo=dt.UTC),
    }
    assert [(line["key"], line["quantity"], line["amount"]) for line in found["lines"]] == [
        ("2211223344557677889", "2", 11120),
        ("2211223344558677889", "1", 8687),
    ]
    assert [line["sku_code"] for line in found["lines"] if "sku_code" in line] == ["SKU-A"]
    assert result.unknown_fields == set()
    assert result.unknown_values == set()
    assert not result.is_open


def test_amounts_agree_with_each_other():
    found = order()
    assert found["goods"] + found["shipping"] - found["discount"] == found["total"]
    raised = order(payment="300.00", adjust_fee="62.00")
    assert raised["discount"] == -6200


@pytest.mark.parametrize(
    ("status", "pay_time", "paid"),
    [
        ("WAIT_SELLER_SEND_GOODS", "2026-03-01 10:01:12", True),
        ("TRADE_FINISHED", "2026-03-01 10:01:12", True),
        ("TRADE_CLOSED", "2026-03-01 10:01:12", True),
        ("WAIT_BUYER_PAY", None, False),
        ("TRADE_CLOSED_BY_TAOBAO", None, False),
        ("WAIT_BUYER_PAY", "2026-03-01 10:01:12", False),  # a deposit is paid, the balance is due
        ("WAIT_SELLER_SEND_GOODS", None, False),  # cash on delivery
    ],
)
def test_payment_is_what_was_paid_only_once_it_was(status, pay_time, paid):
    found = order(status=status, pay_time=pay_time)
    assert found.get("paid") == (20807 if paid else None)
    assert ("paid_at" in found) == paid
    assert found["total"] == 20807


def test_unpaid_orders_are_looked_at_again():
    assert mapped(trade(status="WAIT_BUYER_PAY", pay_time=None)).is_open
    assert not mapped(trade(status="TRADE_CLOSED_BY_TAOBAO", pay_time=None)).is_open


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("TRADE_NO_CREATE_PAY", "pending_payment"),
        ("WAIT_BUYER_PAY", "pending_payment"),
        ("PAY_PENDING", "pending_payment"),
        ("WAIT_PRE_AUTH_CONFIRM", "pending_payment"),
        ("WAIT_SELLER_SEND_GOODS", "paid"),
        ("PAID_FORBID_CONSIGN", "paid"),
        ("SELLER_CONSIGNED_PART", "paid"),
        ("WAIT_BUYER_CONFIRM_GOODS", "shipped"),
        ("TRADE_BUYER_SIGNED", "shipped"),
        ("TRADE_FINISHED", "completed"),
        ("TRADE_CLOSED", "refunded_closed"),
        ("TRADE_CLOSED_BY_TAOBAO", "cancelled"),
    ],
)
def test_states(status, state):
    assert order(status=status)["state"] == state


def test_a_new_state_is_counted_and_kept_raw():
    result = mapped(trade(status="WAIT_FOR_THE_MOON"))
    assert result.unknown_values == {"state=WAIT_FOR_THE_MOON"}
    assert result.records[-1]["fields"]["state_raw"] == "WAIT_FOR_THE_MOON"


@pytest.mark.parametrize("mobile", ["*******1234", "13800000000", "18877771111-123"])
def test_the_receiver_is_never_taken_for_the_buyer(mobile):
    customer = mapped(trade(receiver_mobile=mobile, receiver_name="李小明")).records[0]
    assert "phones" not in customer["fields"]
    assert "display_name" not in customer["fields"]
    assert [kind for kind, _, _ in customer["keys"]] == ["open_uid"]


def test_an_ouid_is_a_key_of_the_shop_when_it_comes():
    keys = mapped(trade(ouid="AAou")).records[0]["keys"]
    assert ("ouid", "taobao:示例旗舰店", "AAou") in keys


def test_without_open_uid_there_is_an_order_and_no_customer():
    (found,) = mapped(trade(buyer_open_uid=None)).records
    assert found["kind"] == "order"
    assert "customer" not in found["fields"]


def test_a_county_without_city_keeps_its_region():
    assert order(receiver_city=None, receiver_district="济源市", receiver_state="河南省")["region"] == "河南省 济源市"


def test_a_trade_without_amount_or_with_a_broken_one_is_refused_without_showing_it():
    for changes in ({"payment": None}, {"payment": "12.x"}):
        with pytest.raises(MappingError) as caught:
            mapped(trade(**changes))
        assert "12.x" not in str(caught.value)


def test_a_successful_refund():
    (found,) = mapped(REFUND, "refund").records
    assert found == {
        "kind": "refund",
        "id": "6000000000000000123",
        "fields": {
            "number": "6000000000000000123",
            "order": "2211223344556677889",
            "line": "2211223344557677889",
            "state": "succeeded",
            "state_raw": "SUCCESS",
            "currency": "CNY",
            "amount": 5005,
            "reason": "不想要了",
            "created_at": dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC),
            "succeeded_at": dt.datetime(2026, 3, 3, 2, 30, tzinfo=dt.UTC),
            "changed_at": dt.datetime(2026, 3, 3, 2, 30, tzinfo=dt.UTC),
        },
    }


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("WAIT_SELLER_AGREE", "open"),
        ("WAIT_BUYER_RETURN_GOODS", "open"),
        ("WAIT_SELLER_CONFIRM_GOODS", "open"),
        ("SELLER_REFUSE_BUYER", "open"),
        ("EXCHANGE_TRANSFORM_TO_REFUND", "open"),
        ("CLOSED", "closed"),
    ],
)
def test_a_refund_that_did_not_succeed_has_no_time_of_success(status, state):
    fields = mapped(REFUND | {"status": status}, "refund").records[0]["fields"]
    assert fields["state"] == state
    assert "succeeded_at" not in fields
