"""A record that was cleaned before comes with its features and keys as they would be made now, and is decided the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.identity.bulk.rows import features
from hub.identity.core import board, cluster
from hub.identity.core.arrival import Arrival, Packed, made, packed, unmade
from hub.identity.core.compare import compare
from hub.identity.core.keying import keys
from hub.identity.core.memory import MemoryStore
from hub.identity.core.unit import of_profile
from tests.hub.identity.test_engine import engine, row
from tests.hub.identity.test_engine_properties import WORLD, arrival, customers


def cleaned(item: Arrival) -> Packed:
    return packed(item.features, made(keys(of_profile(item.ref, item.features)), engine().blind))


@given(WORLD)
def test_features_and_keys_are_kept_whole(rows: Any) -> None:
    for number, cells in enumerate(rows):
        given_ = arrival(number, cells)
        found = cleaned(given_).arrival(given_.ref)
        own = keys(of_profile(found.ref, found.features))
        again, digests = unmade(found.made)
        assert found.features == given_.features and found.packed == given_.features.dump()
        assert [set(part) for part in again] == [set(part) for part in own]
        assert digests == {key: engine().blind(*key) for key in {*own.stored, *own.looked, *own.counted}}


@settings(max_examples=100, deadline=None)
@given(WORLD, st.integers(1, 12))
def test_it_is_decided_the_same(rows: Any, size: int) -> None:
    arrivals = [arrival(number, cells) for number, cells in enumerate(rows)]
    stores = []
    for batch in (arrivals, [cleaned(item).arrival(item.ref) for item in arrivals]):
        store, deciding = MemoryStore(), engine()
        for start in range(0, len(batch), size):
            deciding.resolve(store, batch[start : start + size])
        stores.append(store)
    one, other = stores
    assert customers(one) == customers(other) and one.rows == other.rows and one.profiles.keys() == other.profiles.keys()
    assert {ref: p.features for ref, p in one.profiles.items()} == {ref: p.features for ref, p in other.profiles.items()}


def test_keys_that_came_are_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    item = arrival(1, {"source": "crm", "shop": "1", "ids": {"id": "1"}, "name": "欧阳晓岚", "phones": ["13912345671"]})
    monkeypatch.setattr(board, "keys", lambda unit: pytest.fail("made again"))
    store = MemoryStore()
    engine().resolve(store, [cleaned(item).arrival(item.ref)])
    assert store.rows


@contextmanager
def handed_over() -> Iterator[list[int]]:
    """How many scores each whole procedure is given; each is what comparing says."""
    counts: list[int] = []
    run = cluster.Clustering.run

    def checked(self: Any, atoms: Any, pairs: Any) -> Any:
        counts.append(len(self.known))
        for (i, j), score in self.known.items():
            assert i < j and (self.apart(atoms[i], atoms[j]) or score == compare(atoms[i], atoms[j], self.context))
        return run(self, atoms, pairs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster.Clustering, "run", checked)
        yield counts


@settings(max_examples=100, deadline=None)
@given(WORLD)
def test_what_was_compared_in_vain_is_what_comparing_says(rows: Any) -> None:
    store, deciding = MemoryStore(), engine()
    arrivals = [arrival(number, cells) for number, cells in enumerate(rows)]
    with handed_over():
        for start in range(0, len(arrivals), 4):
            deciding.resolve(store, arrivals[start : start + 4])


def test_what_was_compared_in_vain_is_handed_over() -> None:
    rows = [row("a", "张晓伟", phones=["13812345679"]), row("b", "李晓伟", source="excel", ids={}, phones=["13812345679"])]
    with handed_over() as counts:
        engine().resolve(MemoryStore(), [Arrival(item["rid"], features(item)) for item in rows])
    assert counts == [1]
