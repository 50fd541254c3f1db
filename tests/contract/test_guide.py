"""The guide tells the truth: its example passes the suite, its quotations are the example's, its table is the suite's."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from connectors import sandbox
from connectors.contract import Scenario, contract_tests
from connectors.contract.scenario import RULES
from connectors.registry import Entry

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs" / "add-a-connector.md").read_text("utf-8")
EXAMPLES = ROOT / "docs" / "examples"
sys.path.append(str(EXAMPLES))
EXAMPLE = Entry("bingding", "bingding", EXAMPLES / "bingding")


@pytest.mark.parametrize("scenario", contract_tests(EXAMPLE), ids=str)
def test_the_example_passes(scenario: Scenario) -> None:
    scenario.run()


QUOTES = re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", GUIDE, re.S)


@pytest.mark.parametrize(("file", "quote"), QUOTES, ids=[f"{file}-{i}" for i, (file, _) in enumerate(QUOTES)])
def test_quotations_are_in_the_file_that_they_name(file: str, quote: str) -> None:
    assert quote in (ROOT / file).read_text("utf-8")


def test_every_scenario_is_in_the_guide_with_its_rule() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", GUIDE, re.M))
    for rule in RULES:
        assert told.get(rule.check.__name__) == " ".join((rule.check.__doc__ or "").split()), rule.check.__name__


def test_every_steering_method_is_in_the_guide() -> None:
    steering = "settings populate touch remove spoil add_field kill_tokens push document_source throttled deliver hang_up"
    for method in steering.split():
        assert hasattr(sandbox.Simulator, method)
        assert f"`{method}" in GUIDE, method


def test_paths_in_the_guide_exist() -> None:
    for path in set(re.findall(r"`((?:connectors|docs|mappings|tests)/[\w./-]+)`", GUIDE)):
        assert "bingding/" in path or (ROOT / path).exists(), path


def test_the_figures_of_the_guide_are_the_examples() -> None:
    lines = len((EXAMPLE.folder / "connector.py").read_text("utf-8").splitlines())
    assert f"the connector has {lines} lines" in GUIDE
