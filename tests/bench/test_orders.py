"""The benchmark of orders runs, with its steps told apart, at a size that says nothing of speed."""

from __future__ import annotations

from tests.bench.orders import measure


def test_our_side_step_by_step() -> None:
    found = measure("lianshu", 200, "", profile=True)
    assert found["customers"] > 0 and found["events"] > 200
    names = {name for name, _, _ in found["steps"]}
    assert {"mapping", "identity", "write orders", "read source_record", "read profile"} <= names, names
