"""What goes out, field by field. Traps of the fact sheet, sections 4.1 and 4.2."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import errors
from connectors.base import DocumentLine, Money, Party
from connectors.http import exact_json
from connectors.money import fen, priced, split_tax
from connectors.yonyou import documents


@pytest.fixture
def config(connect):
    return connect().config


def test_a_receivable(config, document) -> None:
    body = documents.receivable(config, document(), "HUBC000123")
    assert body["extSystemCode"] == "LIANSHU" and body["extVouchCode"] == "ARTEST0001"  # either alone is no guard
    assert (body["direction"], body["billDate"], body["_status"]) == ("1", "2026-11-02 00:00:00", "Insert")
    row = body["bodyItem"][0]
    assert row["taxRate"] == 13  # percent here, a fraction on an invoice application
    amounts = [row[f"oriTax{part}Amount"] for part in ("Excluded", "", "Included")]
    assert amounts == [Decimal("10000.00"), Decimal("1300.00"), Decimal("11300.00")]
    assert row["grandsonItem"][0]["expireDate"] == "2026-12-01 00:00:00"
    assert "code" not in body  # numbered over there; ours is the external one


def test_a_sales_order_has_flat_keys_with_exclamation_marks(config, document) -> None:
    body = documents.order(config, document("sales_order", "SO1", 1_130_000, 33_33), "HUBC000123")
    assert body["orderPrices!currency"] == "CNY" and "orderPrices" not in body
    assert body["payMoney"] == sum(line["oriSum"] for line in body["orderDetails"])
    line = body["orderDetails"][0]
    assert line["orderDetailPrices!oriMoney"] + line["orderDetailPrices!oriTax"] == line["oriSum"]
    assert line["taxId"] == "VAT13" and line["masterUnitId"] == line["iProductUnitId"] == line["iProductAuxUnitId"] == "CI"


def test_nothing_is_null_and_nothing_is_a_float(config, document) -> None:
    """null is handed through since 2025-03-15 and erases what is there."""
    for kind, make in (("receivable", documents.receivable), ("sales_order", documents.order)):
        sent = exact_json(make(config, document(kind, "X1", 10), "C1"))
        assert b"null" not in sent and b"0.1," in sent.replace(b"0.10", b"0.1")
    person = Party("C1", "张三", phone="13800000000")
    assert b"null" not in exact_json(documents.customer(config, person))


def test_a_customer(config, connect) -> None:
    company = documents.customer(config, Party("C1", "杭州云杉", tax_id="91330100MA2XXXXX0X", phone="0571"))
    assert (company["enterpriseNature"], company["enterpriseName"]) == (0, "杭州云杉")
    assert company["creditCode"] == "91330100MA2XXXXX0X"
    assert company["name"] == {"simplifiedName": "杭州云杉"} and "contactTel" not in company
    other = documents.customer(connect(send_contact=True).config, Party("C2", "张三", phone="13800000000"))
    assert (other["enterpriseNature"], other["orgName"], other["contactTel"]) == (2, "张三", "13800000000")
    assert "creditCode" not in other and "merchantAgentInvoiceInfos" not in other


def test_a_red_receivable(config, document) -> None:
    body = documents.receivable(config, document("settlement", "ST1", -5650), "C1")
    assert body["direction"] == "-1" and body["bodyItem"][0]["oriTaxIncludedAmount"] == Decimal("-56.50")
    assert body["remarks"].startswith("店铺日结 ") and body["bustypeCode"] == "ar_settle"


@pytest.mark.parametrize(
    ("changes", "kind", "more", "key"),
    [
        ({}, "voucher", {}, "yonyou.kind"),
        ({"order_type": ""}, "sales_order", {}, "yonyou.order_codes"),
        ({"unit_code": ""}, "sales_order", {}, "yonyou.order_codes"),
        ({"tax_codes": "6=VAT6"}, "sales_order", {}, "yonyou.tax_code"),
        ({}, "sales_order", {"fen": -1}, "yonyou.order_amount"),
        ({}, "receivable", {"fen": 0}, "yonyou.nothing_to_book"),
        ({}, "receivable", {"rate": "abc"}, "yonyou.line"),
        ({}, "receivable", {"rate": "100"}, "yonyou.line"),
    ],
)
def test_what_stops_before_anything_is_sent(connect, document, changes, kind, more, key) -> None:
    with pytest.raises((errors.Rejected, errors.ConfigError)) as stop:
        connect(**changes).send(document(kind, "X1", more.get("fen", 100), rate=more.get("rate", "13")))
    assert stop.value.key == key


def test_other_currencies_are_for_people(connect, document) -> None:
    dollars = document()
    object.__setattr__(dollars, "amount", Money(100, "USD"))
    with pytest.raises(errors.Rejected, match=r"yonyou\.currency"):
        connect().find(dollars)


def test_item_codes_only_where_both_sides_agree(connect, document) -> None:
    line = DocumentLine("x", Money(100), item_code="SHOP-001")
    assert documents.material(connect().config, line) == "SVC-001"
    assert documents.material(connect(use_item_codes=True).config, line) == "SHOP-001"


@given(st.integers(-(10**12), 10**12), st.sampled_from(["0", "1", "3", "6", "9", "13", "13.5"]))
def test_net_and_tax_always_add_up(minor: int, rate: str) -> None:
    bare, tax = split_tax(minor, Decimal(rate))
    assert bare + tax == minor


@given(st.integers(-(10**9), 10**9).filter(bool), st.decimals(min_value="0.001", max_value=9999, places=3))
def test_quantity_times_price_is_the_amount(minor: int, quantity: Decimal) -> None:
    pieces, price = priced(minor, quantity)
    assert fen((pieces * price).quantize(Decimal("0.01"), "ROUND_HALF_UP")) == minor and price > 0


@pytest.mark.parametrize(
    ("given_yuan", "minor"), [("11300", 1_130_000), ("6863.305", 686_331), (Decimal("0.00500000"), 1), (-0, 0)]
)
def test_amounts_of_the_platform(given_yuan, minor: int) -> None:
    """Two to eight decimals, rounded half up."""
    assert fen(given_yuan) == minor
