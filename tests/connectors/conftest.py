"""Where a simulator is served, for folders whose own fixture ``sim`` makes one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from connectors.sandbox import Served, Simulator
from tests.connectors.finance import made


@pytest.fixture
def url(sim: Simulator) -> Iterator[str]:
    """The simulator's address."""
    served = Served(sim)
    sim.app.logger.disabled = True
    yield served.url
    served.close()


@pytest.fixture
def entries(sim: Simulator) -> Callable[..., list[dict[str, Any]]]:
    """``entries(number)``: what its ledger holds under a number (all documents without one)."""
    return partial(made, sim)
