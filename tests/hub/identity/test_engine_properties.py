"""Whatever comes in whatever order: nobody is lost, people have the last word, and in the end the order does not matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.identity.bulk.rows import features
from hub.identity.core.engine import Arrival, Engine
from hub.identity.core.features import Features
from hub.identity.core.memory import MemoryStore
from hub.identity.core.store import Change, Decision
from tests.hub.identity.test_engine import engine

NAMES = ["张晓伟", "李秀英", "王建国", "Zhang Xiaowei", "张总", "微信用户", "杭州华美科技有限公司", "华美科技"]
PHONES = ["13812345679", "138****5679", "15899887766", "0571-88886666", "1.38E+10", ""]
CODES = ["", "", "", "91310000775785552L", "91330100799655058B"]
IDS: list[dict[str, str]] = [
    {},
    {"unionid": "u1"},
    {"unionid": "u2"},
    {"buyer_open_uid": "b1"},
    {"id": "7"},
    {"openid": "o1", "unionid": "u1"},
]

ROWS = st.builds(
    dict,
    name=st.sampled_from(NAMES),
    phones=st.lists(st.sampled_from(PHONES), max_size=2),
    credit_code=st.sampled_from(CODES),
    ids=st.sampled_from(IDS),
    kind=st.sampled_from(["person", "company", None]),
    company=st.sampled_from(["", "", "华美"]),
    source=st.sampled_from(["crm", "wecom"]),
    shop=st.just("1"),
)
WORLD = st.lists(ROWS, min_size=2, max_size=9)


def arrival(number: int, row: dict[str, Any]) -> Arrival:
    return Arrival(f"r{number}", features({"rid": f"r{number}", **row}))


def customers(store: MemoryStore) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for ref, profile in store.profiles.items():
        found.setdefault(profile.customer, set()).add(ref)
    return {customer: frozenset(refs) for customer, refs in found.items()}


def followed(change: Change, before: dict[str, frozenset[str]], store: MemoryStore) -> None:
    """What a change says is what has happened."""
    after = customers(store)
    assert set(change.born) <= after.keys()
    for merge in change.merges:
        assert merge.loser in before
        assert merge.loser not in after
        assert store.alias[merge.loser] == merge.survivor
        assert merge.survivor in after
    for split in change.splits:
        assert all(store.profiles[ref].customer == split.target for ref in split.refs)
    gone = before.keys() - after.keys()
    assert gone == {merge.loser for merge in change.merges}


def holds(store: MemoryStore, arrived: Sequence[Arrival]) -> None:
    """The invariants of a store."""
    assert store.profiles.keys() == {item.ref for item in arrived}
    groups = customers(store)
    for customer, refs in groups.items():
        assert set(store.members_of[customer]) == refs
        if any(d.verdict == "same" and {d.a, d.b} <= refs for d in store.decided.values()):
            continue  # a person may break the rules of the machine
        loaded = [Features.load(store.profiles[ref].features) for ref in refs]
        assert len({item.kind for item in loaded} - {""}) <= 1
        codes = {item.code for item in loaded} - {""}
        assert len(codes) <= 1
    for decision in store.decided.values():
        if decision.a in store.profiles and decision.b in store.profiles and decision.verdict == "different":
            assert store.profiles[decision.a].customer != store.profiles[decision.b].customer
    for digest, refs in store.rows.items():
        assert all(digest in store.keys_of[ref] for ref in refs)


def feed(deciding: Engine, store: MemoryStore, items: Sequence[Arrival]) -> None:
    before = customers(store)
    followed(deciding.resolve(store, items), before, store)


@settings(max_examples=120, deadline=None)
@given(WORLD, st.data())
def test_batches_decisions_and_late_records_in_any_order(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    store, deciding = MemoryStore(), engine()
    arrivals = [arrival(number, row) for number, row in enumerate(rows)]
    waiting = data.draw(st.permutations(arrivals))
    arrived: list[Arrival] = []
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        batch, waiting = waiting[:size], waiting[size:]
        feed(deciding, store, batch)
        arrived += batch
        holds(store, arrived)
        if len(arrived) > 1 and data.draw(st.booleans()):
            a, b = sorted(data.draw(st.lists(st.sampled_from(sorted(store.profiles)), min_size=2, max_size=2, unique=True)))
            store.decide(Decision(a, b, data.draw(st.sampled_from(["same", "different", "unsure"]))))
            before = customers(store)
            followed(deciding.redo(store, {store.profiles[a].customer, store.profiles[b].customer}), before, store)
            holds(store, arrived)


@settings(max_examples=60, deadline=None)
@given(WORLD)
def test_a_second_time_changes_nothing(rows: list[dict[str, Any]]) -> None:
    store, deciding = MemoryStore(), engine()
    arrivals = [arrival(number, row) for number, row in enumerate(rows)]
    deciding.resolve(store, arrivals)
    before = customers(store)
    change = deciding.resolve(store, arrivals)
    assert change == Change()
    assert customers(store) == before


@settings(max_examples=60, deadline=None)
@given(WORLD, st.data())
def test_a_corrected_record_finds_its_place(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    store, deciding = MemoryStore(), engine()
    arrivals = [arrival(number, row) for number, row in enumerate(rows)]
    deciding.resolve(store, arrivals)
    number = data.draw(st.integers(0, len(rows) - 1))
    arrivals[number] = arrival(number, data.draw(ROWS))
    before = customers(store)
    followed(deciding.resolve(store, [arrivals[number]]), before, store)
    holds(store, arrivals)


@settings(max_examples=60, deadline=None)
@given(WORLD, st.data())
def test_after_the_redo_queue_the_order_does_not_matter(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    found = []
    arrivals = [arrival(number, row) for number, row in enumerate(rows)]
    for order in (arrivals, data.draw(st.permutations(arrivals))):
        store, deciding = MemoryStore(), engine()
        for item in order:
            deciding.resolve(store, [item])
        deciding.redo(store, set(store.members_of))
        found.append(set(customers(store).values()))
    assert found[0] == found[1]
