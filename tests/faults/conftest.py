"""Worlds to be broken: see ``world``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.world import World

Make = Callable[..., World]


@pytest.fixture
def world_of(tmp_path: Path) -> Iterator[Make]:
    """Makes a world over a seed file; it is closed at the end of the test."""
    made: list[World] = []

    def make(seed: Path, **more: Any) -> World:
        made.append(World(tmp_path, seed, **more))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of each kind; '' is SQLite in the data directory."""
    if request.param == "sqlite":
        return ""
    url: str = request.getfixturevalue("postgres_schema")
    return url
