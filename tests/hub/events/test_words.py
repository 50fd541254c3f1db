"""Every error that deliveries and rules raise has words in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import hub.events
from connectors.messages import explain, texts
from hub.events.mint import KINDS

SOURCES = sorted(Path(hub.events.__file__).parent.glob("*.py"))
KEY = re.compile(r"\"((?:delivery|document|rule|settlement)\.[a-z_]+)\"")
EVENTS = {*KINDS, "delivery.retry", "delivery.cancel", "delivery.reverse", "delivery.amend", "delivery.amended", "rule.take_up"}
"""Names of events and audit entries, not of errors."""


def test_each_key_has_words() -> None:
    keys = {key for path in SOURCES for key in KEY.findall(path.read_text("utf-8"))} - EVENTS
    assert len(keys) > 25
    missing = sorted(keys - texts().messages.keys())
    assert missing == []


def test_words_take_their_parameters() -> None:
    told = {"type": "Rejected", "key": "delivery.conflict", "params": {"number": "AR1", "field": "amount", "ours": "1.00"}}
    assert "AR1" in explain(told, "en")[0] and "1.00" in explain(told, "zh")[0]
