"""Money: from what platforms write to minor units and back, to the last fen, whatever it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.base import Money
from hub.models import Event, Order, OrderLine
from hub.sync.raw import dump, parse
from mappings import transforms

Site = Any
yuan, fen = transforms.money("yuan"), transforms.money("fen")
amounts = st.integers(-(10**14), 10**14)


def written(minor: int) -> str:
    """Minor units as platforms write yuan."""
    sign, whole, rest = "-" if minor < 0 else "", abs(minor) // 100, abs(minor) % 100
    return f"{sign}{whole}.{rest:02d}"


@given(amounts)
@example(-1)
@example(-99)
@example(5)
def test_yuan_with_two_places_are_exact_in_every_form(minor: int) -> None:
    text = written(minor)
    assert yuan(text) == yuan(Decimal(text)) == yuan(f" {text} ") == yuan(text + "000") == minor
    assert yuan(f"{abs(minor) // 100:,}.{abs(minor) % 100:02d}") == abs(minor)
    assert str(Money(minor)) == text and type(yuan(text)) is int


@given(amounts)
def test_fen_are_taken_as_they_are(minor: int) -> None:
    assert fen(minor) == fen(str(minor)) == fen(Decimal(minor)) == minor


@given(st.integers(-(10**12), 10**12))
def test_whole_yuan(whole: int) -> None:
    assert yuan(whole) == yuan(str(whole)) == yuan(Decimal(whole)) == whole * 100


@given(st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=6))
def test_more_places_are_rounded_half_away_from_zero(value: Decimal) -> None:
    minor = yuan(format(value, "f"))
    assert abs(Decimal(minor) / 100 - value) <= Decimal("0.005")
    assert yuan(format(-value, "f")) == -minor, "a refund is the amount with a minus"


@given(st.text("0123456789.-+eE, _", max_size=25))
@example(".5")
@example("5.")
@example("1_000.00")
@example("--1")
@example("1e2")
@example("0E-31")
@example("١٢.٥٠")
def test_what_is_no_amount_is_refused_and_what_is_one_agrees_with_decimal(text: str) -> None:
    try:
        expected = Decimal(text.strip().replace(",", ""))
        fits = expected.is_finite() and expected.adjusted() <= 15 and int(expected.as_tuple().exponent) >= -30
    except ArithmeticError:
        fits = False
    if fits:
        assert abs(Decimal(yuan(text)) - expected * 100) <= Decimal("0.5")
    else:
        with pytest.raises(ValueError, match="is not"):
            yuan(text)


@pytest.mark.parametrize(
    "value", [1.5, 0.1 + 0.2, float("nan"), True, None, [], {}, "NaN", "Infinity", "1e999999", "", "壹佰", b"1"]
)
def test_floats_and_what_is_no_number_are_refused(value: Any) -> None:
    for transform in (yuan, fen):
        with pytest.raises((ValueError, TypeError)):
            transform(value)


@pytest.mark.parametrize("value", [1.0, Decimal(1), "1", True, None])
def test_an_amount_is_an_integer(value: Any) -> None:
    with pytest.raises(TypeError, match="integer minor units"):
        Money(value)


@given(st.lists(amounts, max_size=8))
def test_sums_are_exact(parts: list[int]) -> None:
    from mappings.compile import CompiledMapping

    names = [f"p{i}" for i in range(len(parts))] or ["none"]
    mapping = {"stream": "o", "emits": [{"kind": "order", "id": "id", "fields": {"total": {"sum": names, "as": "money"}}}]}
    compiled = CompiledMapping(mapping, zone=None, context={}, place="test")
    record = {"id": "1", **{name: written(minor) for name, minor in zip(names, parts, strict=False)}}
    fields = compiled.apply(record).records[0]["fields"]
    assert fields == ({"total": sum(parts)} if parts else {})


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_raw_body_keeps_every_digit(value: Decimal) -> None:
    body = dump({"total": value, "text": str(value)})
    again = parse(body)
    assert Decimal(str(again["total"])) == value and again["text"] == str(value) and dump(again) == body


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**13), st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=5))
def test_an_amount_reaches_the_tables_and_the_event_unharmed(small: Site, paid: int, lines: list[int]) -> None:
    own = f"o{len(small.rows(Order))}"
    small.land(
        {
            "id": own,
            "state": "paid",
            "total": written(paid),
            "paid": Decimal(written(paid)),
            "created_at": "2026-11-22 09:00:00",
            "paid_at": "2026-11-22 09:00:00",
            "updated_at": "2026-11-22 09:00:00",
            "lines": [{"key": str(i), "amount": written(line)} for i, line in enumerate(lines)],
        },
        stream="order",
    )
    row = small.one(Order, number=own)
    assert (row.total, row.paid) == (paid, paid)
    assert sorted(line.amount for line in small.rows(OrderLine, order_ref=row.ref)) == sorted(lines)
    assert small.one(Event, subject=row.ref, kind="order.paid").data["amount"] == paid
