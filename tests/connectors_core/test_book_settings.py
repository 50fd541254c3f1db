"""Settings that finance connectors share: each rule refuses what is wrong in every connector that has the field."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors import registry

FINANCE = sorted(name for name, entry in registry.entries().items() if entry.manifest.category == "finance")
WRONG = {
    "server_url": ["", "erp.example.com", "https://", "ftp://h", "https://u@h", "https://h?q=1", "https://h#f"],
    "discovery_url": ["", "erp.example.com", "https://", "ftp://h", "https://u@h", "https://h?q=1", "https://h#f"],
    "tax_rate": ["", "x", "13%", "100", "-1", "NaN", "Infinity"],
    "materials": ["A", "=B", "A=", "A=B\n\nC"],
    "customers": ["A", "=B", "A=", "A=B\n\nC"],
    "finish": ["", "everything"],
    "settlement_mark": ["", "长" * 21],
}
CASES = [
    (name, field, value)
    for name in FINANCE
    for field, values in WRONG.items()
    if field in registry.get(name).load().Config.model_fields
    for value in values
]


def problems(name: str, **values: Any) -> dict[str, str]:
    """What is said about each field. (That others are missing is said too.)"""
    try:
        registry.get(name).load().Config(**values)
    except ValidationError as error:
        return {str(item["loc"][0]): item["msg"] for item in error.errors() if item["loc"]}
    return {}


@pytest.mark.parametrize(("name", "field", "value"), CASES)
def test_a_wrong_value_is_told_at_its_field(name: str, field: str, value: str) -> None:
    assert field in problems(name, **{field: value})


def test_a_wrong_line_of_a_table_is_named() -> None:
    assert "line 3 must be left=right" in problems("chanjet", materials="A=B\n\nC")["materials"]


@pytest.mark.parametrize("name", FINANCE)
def test_what_is_right_is_taken(name: str) -> None:
    right = {"server_url": "https://h/", "discovery_url": "http://h:1", "tax_rate": "6.5", "materials": "A*=B\n\n c = d "}
    server = {"server_url": "https://h/k3cloud"} if name == "kingdee" else {}
    known = {
        field: value for field, value in {**right, **server}.items() if field in registry.get(name).load().Config.model_fields
    }
    assert known and not problems(name, **known).keys() & known.keys()


def test_an_address_is_kept_without_its_last_slash() -> None:
    kind, sim = registry.get("u8").load(), registry.get("u8").simulator()
    assert sim and kind.Config(**sim().settings("https://h/")).server_url == "https://h"  # type: ignore[attr-defined]
