"""Where it is known which keys come again in another batch, the others are not looked for, and all is decided as without it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.identity.bulk.rows import features
from hub.identity.core.engine import Arrival, Engine
from hub.identity.core.keying import keys
from hub.identity.core.memory import MemoryStore
from hub.identity.core.order import Elsewhere, Order, mark
from hub.identity.core.store import MOST_HOLDERS, Holder
from hub.identity.core.unit import of_profile
from tests.hub.identity.test_engine import engine, row
from tests.hub.identity.test_engine_properties import WORLD, arrival, customers


class Asked(MemoryStore):
    """Counts the keys that it is asked for."""

    asked = 0

    def holders(self, digests: Collection[bytes], most: int = MOST_HOLDERS) -> Iterable[Holder]:
        """See the protocol."""
        self.asked += len(digests)
        return super().holders(digests, most)


def known(deciding: Engine, arrivals: list[Arrival], size: int) -> Elsewhere:
    """Which keys come in several batches of the size."""
    order = Order()
    for item in arrivals:
        found = keys(of_profile(item.ref, item.features))
        marks = [mark(deciding.blind(*key)) for key in {*found.stored, *found.looked, *found.counted}]
        order.add(mark(deciding.blind("record", item.ref)), marks)
    places = range(len(arrivals))
    return order.elsewhere([places[start : start + size] for start in range(0, len(arrivals), size)])


def resolved(arrivals: list[Arrival], size: int, *, told: bool) -> Asked:
    store, deciding = Asked(), engine()
    deciding.elsewhere = known(deciding, arrivals, size) if told else None
    for start in range(0, len(arrivals), size):
        deciding.resolve(store, arrivals[start : start + size])
    return store


@settings(max_examples=200, deadline=None)
@given(WORLD, st.integers(1, 12))
def test_all_is_decided_as_without_it(rows: Any, size: int) -> None:
    arrivals = [arrival(number, row) for number, row in enumerate(rows)]
    plain, told = resolved(arrivals, size, told=False), resolved(arrivals, size, told=True)
    assert customers(told) == customers(plain)
    assert set(told.reviews) == set(plain.reviews) and set(told.relations) == set(plain.relations)
    assert {digest: set(refs) for digest, refs in told.rows.items()} == {d: set(refs) for d, refs in plain.rows.items()}
    assert told.asked <= plain.asked
    homes = {ref: profile.customer for ref, profile in plain.profiles.items()}
    named = {profile.customer: homes[ref] for ref, profile in told.profiles.items()}
    assert {named[customer] for customer in told.queue if customer in named} <= set(plain.queue)


def test_what_is_together_is_neither_looked_for_nor_looked_at_again() -> None:
    rows = [row("a", "张晓伟", phones=["13812345679"]), row("b", "张**", source="excel", ids={}, phones=["138****5679"])]
    arrivals = [Arrival(item["rid"], features(item)) for item in rows]
    plain, told = resolved(arrivals, 2, told=False), resolved(arrivals, 2, told=True)
    assert len(set(customers(told))) == len(set(customers(plain))) == 1
    assert plain.asked and plain.queue, "a weak join, which others might contest"
    assert (told.asked, set(told.queue)) == (0, set())
    parted = resolved(arrivals, 1, told=True)
    assert parted.asked and customers(parted) == customers(plain)
