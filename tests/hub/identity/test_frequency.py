"""How often what, from the shipped tables and from what a company's own data shows."""

from __future__ import annotations

import pytest

from hub.identity.core.frequency import Frequency


def borrowed(others: int, orders: int) -> float:
    return Frequency({("receivers", "others"): others, ("receivers", ""): orders}, 1000).borrowed()


def test_where_parcels_often_go_to_others_a_shared_number_says_less() -> None:
    assert borrowed(0, 0) == 0
    assert borrowed(170, 1000) == pytest.approx(0)
    assert borrowed(280, 1000) == pytest.approx(0.97, abs=0.01)
    assert borrowed(900, 1000) == 2.0


def test_a_second_number_of_ones_own_is_no_other_person() -> None:
    """Six in a hundred are the holder's own: near that, hardly a parcel goes to anybody else."""
    assert borrowed(700, 10_000) == -2.0
    assert borrowed(100, 1000) == pytest.approx(-1.05, abs=0.01)


def test_a_few_orders_change_little() -> None:
    assert 0 < borrowed(3, 5) < 0.15
