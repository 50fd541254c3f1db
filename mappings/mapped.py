"""What a record becomes."""

from __future__ import annotations

from dataclasses import dataclass, field

from mappings.canonical import Canonical


@dataclass(slots=True)
class Mapped:
    """What a record became. unknown_fields: paths nobody mapped or listed. unknown_values: 'field=value' of enums."""

    records: list[Canonical] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)
    unknown_values: set[str] = field(default_factory=set)
    is_open: bool = False
