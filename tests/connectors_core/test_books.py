"""What finance sinks share after a save: look, take the one step that is lacking, touch nothing that differs."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from connectors import books, errors, registry
from connectors.base import Document, Money, Party, Receipt

DOCUMENT = Document("receivable", "AR1", date(2026, 11, 2), Money(100), Party("C1", "x"))
OPEN = Receipt("AR1", "7", "open", False, Money(100), "C1")
DONE = replace(OPEN, state="audited", complete=True)


class Ledger:
    """A sink that answers each look with what was laid out for it; an error is raised."""

    manifest = SimpleNamespace(name="u8")

    def __init__(self, *looks: Any, step: Exception | None = None) -> None:
        self.looks, self.fault, self.steps = list(looks), step, 0

    def find(self, document: Document) -> Receipt | None:
        look: Receipt | Exception | None = self.looks.pop(0)
        if isinstance(look, Exception):
            raise look
        return look

    def finish(self, document: Document, receipt: Receipt) -> Receipt:
        return books.finished(self, document, self.step)  # type: ignore[arg-type]

    def step(self, held: Receipt) -> None:
        self.steps += 1
        if self.fault:
            raise self.fault


def saved(ledger: Ledger) -> Receipt:
    return books.saved(ledger, DOCUMENT)  # type: ignore[arg-type]


def test_the_step_is_taken_once_and_only_where_it_is_lacking() -> None:
    ledger = Ledger(OPEN, OPEN, DONE)
    assert saved(ledger) == DONE and ledger.steps == 1
    assert saved(done := Ledger(DONE)) == DONE and done.steps == 0
    assert saved(meanwhile := Ledger(OPEN, DONE)) == DONE and meanwhile.steps == 0


@pytest.mark.parametrize("fault", [errors.Unavailable("x"), errors.Throttled(9.0), errors.Stop()])
@pytest.mark.parametrize("looks", [(), (OPEN,), (OPEN, OPEN)])
def test_what_fails_after_the_save_is_in_doubt(looks: tuple[Receipt, ...], fault: Exception) -> None:
    with pytest.raises(errors.InDoubt, match=r"u8\.unseen"):
        saved(Ledger(*looks, fault))


def test_a_document_that_is_not_seen_is_in_doubt() -> None:
    with pytest.raises(errors.InDoubt, match=r"u8\.unseen"):
        saved(Ledger(None))


@pytest.mark.parametrize("other", [replace(OPEN, amount=Money(99)), replace(OPEN, party_code="C2")])
def test_nothing_that_differs_is_touched(other: Receipt) -> None:
    ledger = Ledger(OPEN, other)
    with pytest.raises(errors.Rejected, match=r"u8\.conflict"):
        saved(ledger)
    assert ledger.steps == 0


def test_a_refusal_counts_only_where_the_step_was_not_taken() -> None:
    refusal = errors.Rejected("u8.refused", code="12", message="no right")
    assert saved(Ledger(OPEN, OPEN, DONE, step=refusal)) == DONE
    with pytest.raises(errors.Rejected, match=r"u8\.step_refused") as caught:
        saved(Ledger(OPEN, OPEN, OPEN, step=refusal))
    assert caught.value.code == "12" and caught.value.params["message"] == "no right"


def test_a_step_without_effect_is_in_doubt_and_a_vanished_document_is_said() -> None:
    with pytest.raises(errors.InDoubt, match=r"u8\.step_pending"):
        saved(Ledger(OPEN, OPEN, OPEN))
    with pytest.raises(errors.Rejected, match=r"u8\.vanished"):
        saved(Ledger(OPEN, None))


def test_who_calls_them_has_the_words() -> None:
    users = []
    for name, entry in registry.entries().items():
        called = {
            node.func.attr
            for path in entry.folder.glob("*.py")
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name) and node.func.value.id == "books"
        }  # fmt: skip
        if called & {"saved", "finished"}:
            users.append(name)
            assert {f"{name}.{word}" for word in books.STEP_WORDS} <= set(entry.manifest.messages), name
    assert {"u8", "chanjet", "kingdee_cloud"} <= set(users)
