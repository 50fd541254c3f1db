"""A YonBIP account on its simulator, and documents to deliver to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest

from connectors.yonyou.simulator import YonyouSimulator
from tests.connectors.finance import NOW, MakeDocument, connected, samples


@pytest.fixture
def sim() -> YonyouSimulator:
    """A tenant without customers, and a clock that stands at a known instant until it is moved."""
    return YonyouSimulator(now=lambda: NOW)


@pytest.fixture
def connect(sim: YonyouSimulator, url: str) -> Callable[..., Any]:
    """``connect(**changes)``: a connector with these settings."""

    def make(**changes: Any) -> Any:
        return connected(sim, {**sim.settings(url), **changes})

    return make


@pytest.fixture
def document() -> MakeDocument:
    """``document(kind, number, fen, ...)``: a document with one line, or with the lines given as fen."""
    make = samples("ARTEST0001", 1_130_000, tax_id="91330100MA2XXXXX0X", phone="0571-88000000")
    return partial(make, due=date(2026, 12, 1))
