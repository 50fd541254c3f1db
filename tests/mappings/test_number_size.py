"""Numbers of a senseless size are bad values like any other, never another kind of error or a memory full of zeros."""

from __future__ import annotations

import pytest

from mappings.transforms import decimal, money, time


@pytest.mark.parametrize("value", ["1E+16", "1E+999999999", "9" * 17, 10**30, "1E-999999999", "0." + "1" * 40, "Infinity"])
@pytest.mark.parametrize("transform", [money(), money("fen"), decimal, time(None, "ms")])
def test_a_number_of_senseless_size_is_a_bad_value(transform: object, value: object) -> None:
    with pytest.raises(ValueError):
        transform(value)  # type: ignore[operator]


def test_the_largest_amount_still_fits_a_64_bit_column() -> None:
    assert money()("9999999999999999.99") < 2**63
