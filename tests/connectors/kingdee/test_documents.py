"""The models: money to the fen, tax that sums, key order, and what is refused before anything is sent."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import errors
from connectors.base import DocumentLine, Money
from connectors.http import exact_json
from connectors.kingdee import documents
from connectors.kingdee.config import KingdeeConfig
from connectors.kingdee.simulator import KingdeeSimulator
from connectors.money import fen, priced, split_tax, yuan

CONFIG = KingdeeConfig(**KingdeeSimulator().settings("http://127.0.0.1"))
AMOUNTS = st.integers(-(10**12), 10**12)


@given(AMOUNTS, st.sampled_from(["0", "1", "3", "6", "9", "13", "5.5"]))
def test_tax_and_bare_amount_add_up(minor: int, rate: str) -> None:
    bare, tax = split_tax(minor, Decimal(rate))
    assert bare + tax == minor
    exact = Decimal(minor) / (1 + Decimal(rate) / 100)
    assert abs(bare - exact) <= Decimal("0.5")
    assert split_tax(-minor, Decimal(rate)) == (-bare, -tax)


def test_tax_is_rounded_half_up() -> None:
    assert split_tax(1_130_000, Decimal(13)) == (1_000_000, 130_000)
    assert split_tax(201, Decimal(100)) == (101, 100)  # 100.5 fen
    assert split_tax(-201, Decimal(100)) == (-101, -100)


@given(AMOUNTS, st.decimals(0, 100000, places=3, allow_nan=False).map(str))
def test_quantity_times_price_is_the_amount(minor: int, quantity: str) -> None:
    pieces, price = priced(minor, Decimal(quantity))
    assert (pieces * price).quantize(Decimal("0.01"), ROUND_HALF_UP) == yuan(minor)
    assert price >= 0 and (minor >= 0 or pieces < 0)
    assert -price.as_tuple().exponent <= 6


def test_prices_are_as_short_as_they_can_be() -> None:
    assert priced(10_000, Decimal("4")) == (Decimal(4), Decimal("25.00"))
    assert priced(10_000, Decimal("3")) == (Decimal(3), Decimal("33.333"))
    assert priced(-10_000, Decimal("1")) == (Decimal(-1), Decimal("100.00"))
    assert priced(1, Decimal("70000")) == (Decimal(1), Decimal("0.01"))


@given(AMOUNTS)
def test_money_is_written_digit_for_digit(minor: int) -> None:
    text = exact_json({"a": yuan(minor)}).decode()
    assert text == f'{{"a":{Money(minor)}}}'
    assert fen(json.loads(text, parse_float=Decimal, parse_int=Decimal)["a"]) == minor


def test_what_is_no_decimal_is_not_encoded() -> None:
    with pytest.raises(TypeError):
        exact_json({"a": object()})


def test_a_receivable(document) -> None:
    model = documents.model(CONFIG, document("receivable", "AR1", 1_130_000, 50))
    keys = list(model)
    assert keys.index("FCUSTOMERID") < keys.index("FSETTLEORGID") < keys.index("FSALEDEPTID") < keys.index("FEntityDetail")
    assert model["FsubHeadSuppiler"]["FORDERID"] == {"FNumber": "C000000001"}
    line = model["FEntityDetail"][0]
    assert (line["FNoTaxAmountFor_D"], line["FTAXAMOUNTFOR_D"], line["FALLAMOUNTFOR_D"]) == (
        Decimal("10000.00"), Decimal("1300.00"), Decimal("11300.00"),
    )  # fmt: skip
    assert str(line["FEntryTaxRate"]) == "13.00"
    assert model["FEntityPlan"] == [{"FENDDATE": "2026-12-01", "FPAYRATE": 100, "FPAYAMOUNTFOR": Decimal("11300.50")}]
    assert model["FAR_Remark"] == "deal 7001"


def test_a_settlement_bears_its_mark_and_a_minus_on_the_quantity(document) -> None:
    model = documents.model(CONFIG, document("settlement", "ST1", 5_000, -8_000))
    assert model["FAR_Remark"] == "店铺日结 deal 7001"
    assert [line["FPriceQty"] for line in model["FEntityDetail"]] == [1, -1]
    assert [line["FTaxPrice"] for line in model["FEntityDetail"]] == [Decimal("50.00"), Decimal("80.00")]
    assert model["FEntityPlan"][0]["FPAYAMOUNTFOR"] == Decimal("-30.00")


def test_a_sales_order_names_its_organisation_before_its_customer(document) -> None:
    model = documents.model(CONFIG, document("sales_order", "SO1"))
    keys = list(model)
    assert keys.index("FSaleOrgId") < keys.index("FCustId") < keys.index("FSaleOrderEntry")
    assert model["FSaleOrderEntry"][0]["FDeliveryDate"] == "2026-12-01 00:00:00"


def test_personal_data_are_sent_only_when_asked_for(document) -> None:
    party = document().party
    quiet, open_ = (
        documents.customer(CONFIG, party),
        documents.customer(CONFIG.model_copy(update={"send_contact": True}), party),
    )
    assert "FTEL" not in quiet and "FADDRESS" not in quiet and quiet["FTAXREGISTERCODE"] == party.tax_id
    assert open_["FTEL"] == party.phone and open_["FADDRESS"] == party.address
    assert list(quiet)[:4] == ["FCUSTID", "FCreateOrgId", "FNumber", "FUseOrgId"]
    assert "FLinkPhone" not in documents.model(CONFIG, document("sales_order", "SO1"))


def test_item_codes_and_the_default_rate(document) -> None:
    line = DocumentLine("礼盒", Money(100), item_code="SVC-002")
    sample = document("receivable", "AR1", 100)
    sample = type(sample)(
        **{**{f: getattr(sample, f) for f in ("kind", "number", "date", "amount", "party")}, "lines": (line,)}
    )
    assert documents.model(CONFIG, sample)["FEntityDetail"][0]["FMATERIALID"] == {"FNumber": "SVC-001"}
    changed = CONFIG.model_copy(update={"use_item_codes": True, "tax_rate": "6"})
    row = documents.model(changed, sample)["FEntityDetail"][0]
    assert row["FMATERIALID"] == {"FNumber": "SVC-002"} and row["FEntryTaxRate"] == 6


def test_lines_of_nothing_are_left_out(document) -> None:
    assert len(documents.model(CONFIG, document("receivable", "AR1", 100, 0))["FEntityDetail"]) == 1


@pytest.mark.parametrize(
    ("kind", "fen", "more", "key"),
    [
        ("receivable", (0,), {}, "kingdee.nothing_to_book"),
        ("settlement", (0, 0), {}, "kingdee.nothing_to_book"),
        ("sales_order", (-100,), {}, "kingdee.order_amount"),
        ("receivable", (100,), {"rate": "ex"}, "kingdee.line"),
        ("receivable", (100,), {"rate": "NaN"}, "kingdee.line"),
        ("receivable", (100,), {"rate": "130"}, "kingdee.line"),
    ],
)
def test_refused_before_anything_is_sent(sim, connect, document, kind, fen, more, key) -> None:
    with pytest.raises(errors.Rejected) as refused:
        connect().send(document(kind, "X1", *fen, **more))
    assert refused.value.key == key
    assert not [entry for entry in sim.ledger if entry["number"] == "X1"]


def test_refused_for_the_account(sim, connect, document) -> None:
    with pytest.raises(errors.ConfigError, match=r"kingdee\.saler_missing"):
        connect(saler_code="").send(document("sales_order", "SO1"))
    with pytest.raises(errors.ConfigError, match=r"kingdee\.kind"):
        connect().send(document("voucher", "VO1"))
    sample = document()
    dollars = type(sample)(sample.kind, sample.number, sample.date, Money(100, "USD"), sample.party)
    with pytest.raises(errors.Rejected, match=r"kingdee\.currency"):
        connect().send(dollars)
    assert not sim.calls
