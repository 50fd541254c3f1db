"""What an order export says: counts, and exact sums in fen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """What the file says, in fen, computed from the file itself."""

    orders: int
    paid_orders: int
    refunds: int
    total: int
    net: int
    refunded: int
