"""A YonBIP account on its simulator, and documents to deliver to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connectors import registry
from connectors.base import Document, DocumentLine, Money, Party
from connectors.budgets import MemoryBudgets
from connectors.http import Runtime
from connectors.sandbox import Served
from connectors.yonyou.simulator import YonyouSimulator

Connect = Callable[..., Any]
MakeDocument = Callable[..., Document]


@pytest.fixture
def sim() -> YonyouSimulator:
    """A tenant without customers, and a clock that stands at a known instant until it is moved."""
    return YonyouSimulator(now=lambda: datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC))


@pytest.fixture
def url(sim: YonyouSimulator) -> Iterator[str]:
    """Where it is served."""
    served = Served(sim)
    sim.app.logger.disabled = True
    yield served.url
    served.close()


@pytest.fixture
def connect(sim: YonyouSimulator, url: str) -> Connect:
    """``connect(**changes)``: a connector with the real door, no budgets, and sleeping that moves the clock."""

    def make(**changes: Any) -> Any:
        kind = registry.get("yonyou").load()

        def sleep(seconds: float) -> None:
            sim.offset += timedelta(seconds=seconds)

        runtime = Runtime(clock=sim.now, sleep=sleep, budgets=MemoryBudgets([]))
        return kind(kind.Config(**{**sim.settings(url), **changes}), runtime)

    return make


@pytest.fixture
def document() -> MakeDocument:
    """``document(kind, number, fen, ...)``: a document with one line, or with the lines given as fen."""

    def make(
        kind: str = "receivable", number: str = "ARTEST0001", *fen: int, code: str = "C000000001", rate: str = "13", **more: Any
    ) -> Document:
        amounts = fen or (1_130_000,)
        lines = tuple(DocumentLine(f"年度服务{i}", Money(amount), tax_rate=rate) for i, amount in enumerate(amounts, 1))
        party = more.pop("party", Party(code, "杭州云杉软件有限公司", tax_id="91330100MA2XXXXX0X", phone="0571-88000000"))
        defaults: dict[str, Any] = {"date": date(2026, 11, 2), "due": date(2026, 12, 1), "note": "deal 7001"}
        return Document(kind, number, amount=Money(sum(amounts)), party=party, lines=lines, **{**defaults, **more})

    return make


@pytest.fixture
def entries(sim: YonyouSimulator) -> Callable[..., list[dict[str, Any]]]:
    """``entries(number)``: what the simulator's own ledger holds under a number (all documents without one)."""

    def find(number: str | None = None) -> list[dict[str, Any]]:
        wanted = [entry for entry in sim.ledger if entry["kind"] != "customer"] if number is None else sim.ledger
        return [entry for entry in wanted if number in (None, entry["number"])]

    return find
