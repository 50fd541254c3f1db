"""Deciding ahead of writing comes to the same as writing each batch before the next is decided, however late it is written."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.identity.core.ahead import Ahead
from hub.identity.core.engine import Arrival
from hub.identity.core.memory import MemoryStore
from hub.identity.core.store import Change, Holder, Key, Profile, Saved
from tests.hub.identity.test_engine import engine
from tests.hub.identity.test_engine_properties import ROWS, WORLD, arrival, customers

PHONE, NAME = Key(b"p", "phone", "strong"), Key(b"n", "name", "block")


def state(store: MemoryStore) -> tuple[Any, ...]:
    """All that was decided, without the order in which it is kept."""
    rows = {digest: set(refs) for digest, refs in store.rows.items() if refs}
    counted = {kind: count for kind, count in store.counters.items() if count}
    return customers(store), rows, counted, set(store.reviews), set(store.relations), store.alias, set(store.queue)


@settings(max_examples=150, deadline=None)
@given(WORLD, st.lists(st.tuples(st.integers(0, 8), ROWS), max_size=3), st.data())
def test_it_does_not_matter_when_a_change_is_written(rows: Any, corrected: Any, data: st.DataObject) -> None:
    waiting = [arrival(number, row) for number, row in enumerate(rows)]
    waiting += [arrival(number % len(rows), row) for number, row in corrected]
    at_once, late, ahead = MemoryStore(), MemoryStore(), Ahead()
    one, other = engine(), engine()
    unwritten: deque[Change] = deque()
    shown = 0
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        batch, waiting = waiting[:size], waiting[size:]
        one.resolve(at_once, batch)
        unwritten.append(other.resolve(ahead.over(late), batch))
        if due := sorted(at_once.queue)[: data.draw(st.integers(0, 2))]:
            one.redo(at_once, due)
            unwritten.append(other.redo(ahead.over(late), due))
        for _ in range(data.draw(st.integers(0, len(unwritten)))):
            late.apply(unwritten.popleft())
            shown += 1
        ahead.written(data.draw(st.integers(0, shown)))
    while unwritten:
        late.apply(unwritten.popleft())
    assert state(late) == state(at_once)


def profile(ref: str, customer: str, *keys: Key, features: bytes | None = b"said") -> Saved:
    return Saved(ref, customer, features, keys, new=True)


def test_what_is_not_written_outranks_what_is() -> None:
    below, ahead = MemoryStore(), Ahead()
    below.apply(Change(saved=[profile("a", "c1", PHONE), profile("b", "c1", PHONE, NAME)], counts={("n", "person"): 2}))
    ahead.over(below)
    assert {item.ref for item in ahead.members(["c1"])} == {"a", "b"}
    ahead.apply(Change(saved=[profile("a", "c2", NAME), Saved("b", "c2", None, (), new=False)], counts={("n", "person"): -1}))
    assert set(ahead.holders([b"p"])) == {Holder(b"p", "b", "c2")}
    assert set(ahead.holders([b"n"])) == {Holder(b"n", "a", "c2"), Holder(b"n", "b", "c2")}
    assert list(ahead.members(["c1"])) == []
    assert set(ahead.members(["c2"])) == {Profile("a", "c2", b"said"), Profile("b", "c2", b"said")}
    assert ahead.counts()["n", "person"] == 1
    below.apply(Change(saved=[profile("a", "c2", NAME), Saved("b", "c2", None, (), new=False)]))
    assert {item.ref for item in ahead.members(["c2"])} == {"a", "b"}


def test_what_is_written_is_forgotten() -> None:
    below, ahead = MemoryStore(), Ahead()
    for ref in ("a", "b"):
        change = Change(saved=[profile(ref, "c" + ref, PHONE)])
        ahead.over(below).apply(change)
        below.apply(change)
    ahead.written(1)
    below.apply(Change(saved=[profile("a", "elsewhere", PHONE), profile("b", "elsewhere", PHONE)]))
    assert {(item.ref, item.customer) for item in ahead.holders([b"p"])} == {("a", "elsewhere"), ("b", "cb")}
    ahead.written(2)
    assert {item.customer for item in ahead.holders([b"p"])} == {"elsewhere"}
    assert set(ahead.known(["a", "b", "c"])) == {"a", "b"}


def test_an_arrival_of_before_is_known() -> None:
    below, ahead, deciding = MemoryStore(), Ahead(), engine()
    item: Arrival = arrival(0, {"name": "张晓伟", "phones": [], "ids": {}, "kind": "person", "source": "crm", "shop": "1"})
    assert len(deciding.resolve(ahead.over(below), [item]).born) == 1
    assert deciding.resolve(ahead.over(below), [item]) == Change()
