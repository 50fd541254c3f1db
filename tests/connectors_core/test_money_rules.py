"""Tax, allocation and invoices to the fen: the fact sheet's table, and properties that hold for any amount."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import InvoiceRequest, Money
from connectors.invoices import LINE_TAIL, InvoiceLine, RedLetter
from connectors.money import add_tax, allocate, rounded, split_tax

RATES = ["13", "9", "6", "5", "3", "1.5", "1", "0"]
AMOUNTS = st.integers(min_value=-(10**13), max_value=10**13)
CODE = "3049900000000000000"


@pytest.mark.parametrize(
    ("amount", "rate", "net", "tax"),
    [
        (11300, "13", 10000, 1300), (10000, "13", 8850, 1150), (9999, "13", 8849, 1150), (1, "13", 1, 0),
        (100000, "6", 94340, 5660), (3333, "3", 3236, 97), (777, "9", 713, 64), (10000, "1", 9901, 99),
        (21600, "13", 19115, 2485), (22600, "13", 20000, 2600), (-1000, "13", -885, -115),
    ],
)  # fmt: skip
def test_the_sheets_table(amount: int, rate: str, net: int, tax: int) -> None:
    assert split_tax(amount, Decimal(rate)) == (net, tax)


@given(AMOUNTS, st.sampled_from(RATES))
def test_net_and_tax_add_up_and_the_tail_is_under_a_fen(amount: int, rate: str) -> None:
    net, tax = split_tax(amount, Decimal(rate))
    assert net + tax == amount
    assert abs(tax - net * Decimal(rate) / 100) <= Decimal(1)
    assert split_tax(-amount, Decimal(rate)) == (-net, -tax), "taking an invoice back gives the same split"


@given(AMOUNTS, st.sampled_from(RATES))
def test_a_net_amount_gets_its_tax(net: int, rate: str) -> None:
    tax, amount = add_tax(net, Decimal(rate))
    assert net + tax == amount and abs(tax - net * Decimal(rate) / 100) <= Decimal("0.5")


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (1000, [3333, 3333, 3334], [333, 333, 334]),
        (5, [1, 1, 1], [2, 2, 1]),
        (8800, [19900, 5990, 10], [6761, 2035, 4]),
        (-5, [1, 1, 1], [-2, -2, -1]),
        (7, [0, 0], [4, 3]),
    ],
)
def test_the_sheets_allocations(total: int, weights: list[int], parts: list[int]) -> None:
    assert allocate(total, weights) == parts


@given(AMOUNTS, st.lists(st.integers(min_value=0, max_value=10**12), min_size=1, max_size=30))
def test_parts_add_up_and_are_within_a_fen_of_their_share(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)
    assert sum(parts) == total and len(parts) == len(weights)
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        share = Decimal(total) * weight / whole if whole else Decimal(total) / len(weights)
        assert abs(part - share) < 1


def test_nothing_to_allocate_to_is_an_error() -> None:
    for weights in ([], [1, -1]):
        with pytest.raises(ValueError, match=r"allocate|negative"):
            allocate(1, weights)


def test_halves_go_away_from_zero() -> None:
    assert [rounded(Decimal(text)) for text in ("0.5", "1.5", "-0.5", "2.4999", "-2.5")] == [1, 2, -1, 2, -3]


# ---------------------------------------------------------------- an invoice that exists is complete


def line(amount: int, rate: str = "13", **more: object) -> InvoiceLine:
    net, tax = split_tax(amount, Decimal(rate))
    return InvoiceLine("服务", Money(amount), Money(net), Money(tax), rate, CODE, **more)  # type: ignore[arg-type]


def invoice(*amounts: int, **more: object) -> InvoiceRequest:
    given = {"kind": "digital_special", "buyer_title": "样例有限公司", "buyer_tax_id": "913100001234567883", **more}
    return InvoiceRequest(lines=tuple(map(line, amounts)), **given)  # type: ignore[arg-type]


POSITIVE = st.lists(st.integers(min_value=1, max_value=10**11), min_size=1, max_size=120)


@given(POSITIVE)
def test_the_sums_of_an_invoice_are_those_of_its_lines(amounts: list[int]) -> None:
    made = invoice(*amounts)
    assert made.amount.minor == sum(amounts) == made.net.minor + made.tax.minor


@given(POSITIVE)
def test_a_red_letter_takes_back_exactly_what_was_issued(amounts: list[int]) -> None:
    blue, red = invoice(*amounts), invoice(*(-a for a in amounts), red=RedLetter("26312000000000000001", "returned"))
    assert (blue.net.minor, blue.tax.minor) == (-red.net.minor, -red.tax.minor)


@given(st.integers(min_value=1, max_value=10**11), st.integers(min_value=int(LINE_TAIL) + 2, max_value=1000))
def test_a_tax_that_is_not_of_the_rate_is_refused(amount: int, off: int) -> None:
    good = line(amount)
    with pytest.raises(ValueError, match="rate"):
        dataclasses.replace(good, net=Money(good.net.minor - off), tax=Money(good.tax.minor + off))


@pytest.mark.parametrize(
    "wrong",
    [
        {"buyer_title": ""}, {"buyer_title": "长" * 101}, {"buyer_tax_id": ""}, {"kind": "unknown"}, {"buyer_is_person": True},
        {"lines": ()}, {"lines": (line(100), line(-100))}, {"lines": (line(-100),)},
        {"red": RedLetter("26312000000000000001", "wrong")},
    ],
)  # fmt: skip
def test_half_an_invoice_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="invoice"):
        dataclasses.replace(invoice(100), **wrong)  # type: ignore[arg-type]


def test_a_person_needs_no_tax_id_for_a_general_invoice() -> None:
    made = invoice(100, kind="digital_general", buyer_title="个人", buyer_is_person=True, buyer_tax_id="")
    assert not made.special and "个人" not in repr(made)


@pytest.mark.parametrize("wrong", [{"tax_code": "123"}, {"tax_rate": "x"}, {"tax_rate": "100"}, {"tax": Money(1)}])
def test_half_a_line_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="invoice line"):
        dataclasses.replace(line(11300), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [("", "wrong"), ("26312000000000000001", "because")])
def test_a_red_letter_says_what_and_why(wrong: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="red-letter"):
        RedLetter(*wrong)


def test_taxes_that_are_each_a_little_off_are_refused_together() -> None:
    off = tuple(dataclasses.replace(line(11300), net=Money(10005), tax=Money(1295)) for _ in range(30))
    with pytest.raises(ValueError, match="too far"):
        InvoiceRequest("digital_general", "样例有限公司", off, "913100001234567883")
