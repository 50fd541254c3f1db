"""What a record becomes, and how its fields are read in one go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from connectors.errors import MappingError
from mappings import transforms
from mappings.canonical import Canonical


@dataclass(slots=True)
class Mapped:
    """What a record became. unknown_fields: paths nobody mapped or listed. unknown_values: 'field=value' of enums."""

    records: list[Canonical] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)
    unknown_values: set[str] = field(default_factory=set)
    is_open: bool = False


Reader = Callable[[Any, Mapped], Any]


class Fields:
    """The fields of a record, read in one go. Those that are a plain path and a transform take the short way."""

    def __init__(self) -> None:
        self._plain: list[tuple[str, str, transforms.Transform]] = []
        self._other: list[tuple[str, Reader]] = []
        self.names: set[str] = set()

    def add(self, name: str, reader: Reader, plain: tuple[str, transforms.Transform] | None) -> None:
        """One more field. plain: its only step and transform, when that is all there is to it."""
        self.names.add(name)
        if plain is None:
            self._other.append((name, reader))
        else:
            self._plain.append((name, *plain))

    def read(self, record: Any, mapped: Mapped) -> dict[str, Any]:
        """The canonical fields that the record fills."""
        found: dict[str, Any] = {}
        if not isinstance(record, dict):
            return found
        name = step = ""
        try:
            get = record.get
            for name, step, change in self._plain:
                raw = get(step)
                if raw is not None and raw != "":
                    result = change(raw)
                    if result or (result is not None and result != "" and result != []):
                        found[name] = result
        except ValueError as error:
            raise MappingError("mapping.value", field=name, path=step, reason=str(error)) from None
        for name, reader in self._other:
            result = reader(record, mapped)
            if result or (result is not None and result != "" and (result != [] or name == "tags")):
                found[name] = result
        return found
