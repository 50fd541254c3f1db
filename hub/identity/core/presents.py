"""For whom an account orders: a receiver of its orders who is not its holder, and is somebody else whom the hub knows."""

from __future__ import annotations

from hub.identity.core.unit import Unit


def orders_for(account: Unit, other: Unit) -> bool:
    """Whether a parcel of the account went to the other: the same number as far as it is shown, and a name that fits.

    The usual receiver is the holder himself, and of what shows his number nothing follows.
    """
    if not account.orders or other.kind == "company" or not other.sevens:
        return False
    called = {sound for name in (*other.full.values(), *other.latin.values()) for sound, _ in name.sounds} | other.surnames
    theirs = (order for order in account.orders if order.sound and order.sound in called)
    return any(not other.sevens.isdisjoint(order.sevens) and account.sevens.isdisjoint(order.sevens) for order in theirs)
