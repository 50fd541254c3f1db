"""Sums of several paths: exact, and quick where all parts are amounts written as platforms nearly always write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mappings import transforms
from mappings.paths import Getter

Term = tuple[Getter, int]
"""Where a part stands, and 1 to add or -1 to subtract it."""


def exact_sum(terms: Sequence[Term]) -> Getter:
    """The sum as a decimal; absent parts count nothing, and no part at all is no sum."""

    def total(record: Any) -> Any:
        result = None
        for get, sign in terms:
            value = get(record)
            if not transforms.is_empty(value):
                part = transforms.exact(value)
                result = (part if sign > 0 else -part) if result is None else result + part if sign > 0 else result - part
        return result

    return total


def money_sum(terms: Sequence[Term], to_minor: transforms.Transform) -> Getter:
    """The sum of amounts in yuan as integer minor units."""
    exact = exact_sum(terms)

    def total(record: Any) -> Any:
        units = 0
        for get, sign in terms:
            part = transforms.cents(get(record))
            if part is None:
                whole = exact(record)
                return None if whole is None else to_minor(whole)
            units += sign * part
        return units

    return total
