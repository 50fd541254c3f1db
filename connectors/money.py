"""Money: integer minor units, and the exact ways to split them. No float comes near an amount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any


@dataclass(frozen=True, slots=True)
class Money:
    """Integer minor units with a currency (ISO 4217)."""

    minor: int
    currency: str = "CNY"

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"money is integer minor units, not {type(self.minor).__name__}")

    def __str__(self) -> str:
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{abs(self.minor) // 100}.{abs(self.minor) % 100:02d}"


def rounded(value: Decimal) -> int:
    """To a whole number, halves away from zero, as Chinese accounts round."""
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))


def split_tax(amount: int, rate: Decimal) -> tuple[int, int]:
    """An amount with tax as (without tax, tax), in fen: the first is rounded, the tax is what is left.

    rate: percent. The two always add up to the amount; an amount below zero splits as its positive one does.
    """
    with localcontext() as exact:
        exact.prec = 60
        net = rounded(Decimal(amount) * 100 / (100 + rate))
    return net, amount - net


def add_tax(net: int, rate: Decimal) -> tuple[int, int]:
    """An amount without tax as (tax, amount with tax), in fen: the tax is rounded, for sources that say net amounts."""
    with localcontext() as exact:
        exact.prec = 60
        tax = rounded(Decimal(net) * rate / 100)
    return tax, net + tax


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """A sum over lines in proportion to their weights, to the fen: largest remainders first, ties in line order.

    The parts always add up to the total. Weights are not negative; all of them zero counts as all equal.
    """
    if not weights:
        raise ValueError("nothing to allocate to")
    if min(weights) < 0:
        raise ValueError("weights are not negative")
    shares = list(weights) if sum(weights) else [1] * len(weights)
    whole, sign = sum(shares), -1 if total < 0 else 1
    parts = [divmod(abs(total) * share, whole) for share in shares]
    left = abs(total) - sum(part for part, _ in parts)
    first = sorted(range(len(parts)), key=lambda place: (-parts[place][1], place))[:left]
    return [sign * (part + (place in first)) for place, (part, _) in enumerate(parts)]


# ---------------------------------------------------------------- as finance systems write amounts

_FEN = Decimal("0.01")
_PRICE_DECIMALS = 6


def yuan(minor: int) -> Decimal:
    """Fen as yuan with two decimals."""
    return Decimal(minor).scaleb(-2)


def fen(value: Any) -> int:
    """Yuan as a platform writes them (a JSON number of any decimals, or text) as fen, halves away from zero."""
    return rounded(Decimal(str(value)) * 100)


def priced(minor: int, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """Quantity and tax-included price whose product, rounded to the fen, is the amount.

    The sign is on the quantity, so that what is given back has a price above zero. Where no price of six decimals gives the
    amount, it becomes one piece at the whole of it.
    """
    sign = -1 if minor < 0 else 1
    total, wanted = yuan(abs(minor)), abs(quantity)
    for places in range(2, _PRICE_DECIMALS + 1) if wanted else ():
        price = (total / wanted).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        if (price * wanted).quantize(_FEN, ROUND_HALF_UP) == total:
            return sign * wanted, price
    return Decimal(sign), total
