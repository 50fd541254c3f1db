"""What tests of connectors into finance share: an instant, connectors on a simulator, documents, the other side's ledger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors import registry
from connectors.base import Document, DocumentLine, Money, Party
from connectors.budgets import MemoryBudgets
from connectors.http import Runtime
from connectors.sandbox import Simulator

NOW = datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC)
MakeDocument = Callable[..., Document]


def connected(sim: Simulator, settings: dict[str, Any], **runtime: Any) -> Any:
    """The simulator's connector with the real door, no budgets, and sleeping that moves the clock."""

    def sleep(seconds: float) -> None:
        sim.offset += timedelta(seconds=seconds)

    kind = registry.get(sim.name).load()
    known: dict[str, Any] = {"clock": sim.now, "sleep": sleep, "budgets": MemoryBudgets([])}
    return kind(kind.Config(**settings), Runtime(**{**known, **runtime}))


def samples(number: str = "AR1", amount: int = 11_300, **party: str) -> MakeDocument:
    """``make(kind, number, fen, ...)``: a document with one line, or with a line for each of the amounts given in fen. number,
    amount: where none is given. party: more of the customer than code and name."""
    named = number

    def make(
        kind: str = "receivable", number: str = named, *fen: int, code: str = "C000000001", rate: str = "13",
        quantity: str = "1", item_code: str = "", **more: Any,
    ) -> Document:  # fmt: skip
        amounts = fen or (amount,)
        lines = tuple(DocumentLine(f"年度服务{i}", Money(each), quantity, rate, item_code) for i, each in enumerate(amounts, 1))
        known: dict[str, Any] = {
            "date": date(2026, 11, 2), "note": "deal 7001", "party": Party(code, "杭州云杉软件有限公司", **party),
        }  # fmt: skip
        return Document(kind, number, amount=Money(sum(amounts)), lines=lines, **{**known, **more})

    return make


def made(sim: Simulator, number: str | None = None) -> list[dict[str, Any]]:
    """What the simulator's own ledger holds under a number; all documents without one."""
    return [entry for entry in sim.ledger if number == entry["number"] or (number is None and entry["kind"] != "customer")]
