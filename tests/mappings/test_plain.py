"""Both parsers of YAML read the product's files alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mappings import plain

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for package in ("config", "connectors", "hub", "mappings") for path in (ROOT / package).rglob("*.yaml"))


def test_libyaml_reads_what_the_slow_parser_reads() -> None:
    assert len(FILES) > 60
    for path in FILES:
        text = path.read_text("utf-8")
        assert plain.load(text) == yaml.safe_load(text), path


def test_what_is_no_plain_data_is_refused() -> None:
    with pytest.raises(yaml.YAMLError):
        plain.load("!!python/object/apply:os.getcwd []")
