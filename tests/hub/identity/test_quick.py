"""A case that is not plain goes through the whole procedure, which takes over what was compared already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings

from hub.identity.bulk.rows import features
from hub.identity.core import cluster
from hub.identity.core.compare import compare
from hub.identity.core.engine import Arrival
from hub.identity.core.memory import MemoryStore
from tests.hub.identity.test_engine import engine, row
from tests.hub.identity.test_engine_properties import WORLD, arrival


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
