"""Canonical records to rows: lines that share a key or have none, and what stands for what is absent."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from hub.security.keyring import KeyRing
from hub.sync.rows import Maker, columns

MAKER = Maker(KeyRing.new(), 7, frozenset({"order.paid"}))
NOON = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)


def order(lines: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    return {"kind": "order", "id": "1", "fields": {"number": "N1", **fields}, "lines": lines}


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (["a", "b"], ["a", "b"]),
        ([None, None], ["0", "1"]),
        (["a", "a", "a"], ["a", "a#1", "a#2"]),
        (["a", "a#2", "a"], ["a", "a#2", "a#2#2"]),
        (["1", None], ["1", "1#1"]),
        ([], []),
    ],
)
def test_no_line_of_a_record_is_lost_to_another_with_its_key(keys: list[str | None], told: list[str]) -> None:
    lines = [{"title": str(i)} if key is None else {"key": key, "title": str(i)} for i, key in enumerate(keys)]
    made = MAKER.make(order(lines), "7|order|1", 5)
    assert [row[:3] for row in made.lines] == [("7|1", key, str(i)) for i, key in enumerate(told)]


def test_a_row_has_refs_instants_and_words_that_stand_for_what_is_absent() -> None:
    made = MAKER.make(order([], customer="c9", paid=100, paid_at=NOON, state_raw="x" * 80), "7|order|1", 5)
    row = dict(zip(columns("order"), made.row, strict=True))
    assert (row["ref"], row["profile_ref"], row["source_ref"]) == ("7|1", "7|c9", "7|order|1")
    assert (row["currency"], row["state"], row["total"], row["created_at"]) == ("CNY", "unknown", None, None)
    assert row["paid_at"] == int(NOON.timestamp()) * 1_000_000
    assert row["state_raw"] == "x" * 60
    assert "region" not in row
    ((event, kind, _, subject, at, now, _, pending),) = made.events
    assert (event, kind, subject, at, now, pending) == ("7|1|order.paid", "order.paid", "7|1", row["paid_at"], 5, True)


def test_what_happened_without_a_time_happened_now() -> None:
    made = MAKER.make(order([], state="cancelled"), "7|order|1", 5)
    assert [(event[1], event[4], event[7]) for event in made.events] == [("order.cancelled", 5, False)]
