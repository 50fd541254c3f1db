"""YAML as plain data, read by libyaml where PyYAML was built with it: ten times as quick, and a hub has seventy such files."""

from __future__ import annotations

from typing import Any

import yaml

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:
    """What the text says: mappings, lists, texts, numbers, dates. Raises yaml.YAMLError."""
    return yaml.load(text, Loader)  # noqa: S506 - safe, only by another parser
