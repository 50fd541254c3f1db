"""Traps of the sheet that no other file tests: the two numbers of a receivable, the pages of lists, paths that are dead."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import connectors.yonyou


def calls_of(connector: Any) -> list[tuple[str, dict[str, Any]]]:
    """The bodies of the connector's calls from now on, by path."""
    calls, sign = [], connector.sign

    def noted(request: Any, token: Any) -> Any:
        body = request.json if request.json is not None else json.loads(request.body or b"{}")
        calls.append((request.path, body))
        return sign(request, token)

    vars(connector)["sign"] = noted
    return calls


def test_a_receivable_always_bears_both_numbers(connect, document) -> None:
    """``extVouchCode`` alone is silently not checked, and the platform would take a second one."""
    connector = connect()
    calls = calls_of(connector)
    connector.find(document())
    connector.send(document())
    saved = [body["data"] for path, body in calls if path.endswith("receivable/save")]
    asked = [body for path, body in calls if path.endswith("receivable/list")]
    assert saved and asked
    for body in (*saved, *asked):
        assert body["extSystemCode"] and body["extVouchCode"] == "ARTEST0001"


def test_the_number_alone_is_no_guard(sim, connect, document, entries) -> None:
    """What the trap costs: the simulator takes the second document, as the platform does."""
    connector = connect(finish="save")
    connector.send(document())
    [(_, body)] = [call for call in _sent(connect, document) if call[0].endswith("receivable/save")]
    for place in range(2):
        data = {name: value for name, value in body["data"].items() if name != "extSystemCode"}
        connector.write("/yonbip/EFI/receivable/save", {"data": {**data, "resubmitCheckKey": f"k{place}"}}, "receivable", "AR")
    assert len(sim.receivables.rows) >= 3


def _sent(connect: Any, document: Any) -> list[tuple[str, dict[str, Any]]]:
    connector = connect(finish="save")
    calls = calls_of(connector)
    connector.send(document("receivable", "ARTEST0002"))
    return calls


def test_lists_of_receivables_are_asked_for_heads_in_pages_that_are_texts(connect, document) -> None:
    """Without isSum one record comes for each line; page fields are texts there, and 500 is the most."""
    connector = connect()
    calls = calls_of(connector)
    made = document("receivable", "ARTEST0001", *([1_00] * 7))
    connector.send(made)
    assert connector.find(made).amount == made.amount
    [asked] = [body for path, body in calls if path.endswith("receivable/list")][-1:]
    assert asked["isSum"] is True and (asked["pageIndex"], asked["pageSize"]) == ("1", "500")


def test_paths_that_are_deprecated_are_never_called() -> None:
    """/digitalModel/taxrate/* is gone; a token path without base/v1 is the old one."""
    folder = Path(connectors.yonyou.__file__).parent
    source = "\n".join(path.read_text("utf-8") for path in folder.glob("*.py") if not path.name.startswith("sim"))
    assert "digitalModel/taxrate" not in source
    assert not re.search(r"selfAppAuth/getAccessToken", source)
