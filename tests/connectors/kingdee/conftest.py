"""A K/3 Cloud account on its simulator, and documents to deliver to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest

from connectors.kingdee.simulator import KingdeeSimulator
from tests.connectors.finance import NOW, MakeDocument, connected, samples

BUYER = {"tax_id": "91330100MA2XXXXX0X", "phone": "0571-88000000", "address": "文三路1号"}


@pytest.fixture
def sim() -> KingdeeSimulator:
    """A server with an empty account set, and a clock that stands at a known instant until it is moved."""
    return KingdeeSimulator(now=lambda: NOW)


@pytest.fixture
def connect(sim: KingdeeSimulator, url: str) -> Callable[..., Any]:
    """``connect(mode, **changes)``: a connector that signs in in this way."""

    def make(mode: str = "signature", **changes: Any) -> Any:
        return connected(sim, {**sim.settings_for(mode, url), **changes})

    return make


@pytest.fixture
def document() -> MakeDocument:
    """``document(kind, number, fen, ...)``: a document with one line, or with the lines given as fen."""
    return partial(samples("ARTEST0001", 1_130_000, **BUYER), due=date(2026, 12, 1))
