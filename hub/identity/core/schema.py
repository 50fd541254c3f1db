"""Files of general data: which columns mean what (``--schema FILE``), and their rows as features of the same core.

Chinese names, numbers, companies and addresses go the way of all others; anything else is compared as text by the rarity of
its words (`hub.identity.core.score_other`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hub.identity.core.extract import extract
from hub.identity.core.features import Features
from hub.identity.normal.phones import phones
from hub.identity.normal.text import HAN, width

FIELDS = frozenset(
    [
        *("name", "given_name", "surname", "company", "employer", "birth_date", "gender", "phone", "email", "id_number"),
        *("street", "house_number", "unit", "suburb", "city", "district", "state", "postcode", "country", "address"),
        *("title", "authors", "venue", "year", "category", "website", "text"),
    ]
)
SEVERAL = frozenset({"phone", "email", "id_number"})
"""Fields of which several columns give several values; other fields' columns are joined with a space."""
_KINDS = ("person", "company", "other")
_TOP = {"rid", "source", "kind", "one_record_per_entity", "columns"}
_CANONICAL = {"name": "display_name", "company": "display_name", "employer": "company", "address": "address"}
_WORD = re.compile(r"[^\W_]+", re.UNICODE)


class SchemaError(ValueError):
    """A schema file that says something unknown; the text names it."""


@dataclass(frozen=True)
class Schema:
    """What the columns of a file are. columns: column -> field. values: of the kind's column -> kind."""

    rid: str = "rid"
    source: str = ""
    kind: str = "person"
    kind_column: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    single_source: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)

    def features(self, row: Mapping[str, Any]) -> Features:
        """Features of a row. KeyError: it has no rid."""
        kind = self.values.get(str(row.get(self.kind_column, "")), "other") if self.kind_column else self.kind
        found: dict[str, list[str]] = {}
        for column, name in self.columns.items():
            if texts := _texts(row.get(column)):
                found.setdefault(name, []).extend(texts)
        for name in found.keys() - SEVERAL:
            found[name] = [" ".join(found[name])]
        chinese, extra = _divided(found, kind)
        fields = {
            "kind": kind,
            **chinese,
            "extra": {name: plain for name, values in extra.items() if (plain := _normal(name, values))},
        }
        record = {"kind": "customer", "id": str(row[self.rid]), "fields": fields, "keys": []}
        return extract(record, 0, str(row.get(self.source, "")) if self.source else "")


def load(path: Path) -> Schema:
    """A schema file. SchemaError: it has unknown entries or lacks columns."""
    data = yaml.safe_load(path.read_text("utf-8"))
    if not isinstance(data, dict) or not isinstance(data.get("columns"), dict):
        raise SchemaError(f"{path.name}: columns is missing")
    if bare := [str(column) for column in data["columns"] if not isinstance(column, str)]:
        raise SchemaError(f"{path.name}: a column's name needs quotes (YAML reads {', '.join(bare)} as something else)")
    unknown = sorted(data.keys() - _TOP) + sorted(set(map(str, data["columns"].values())) - FIELDS)
    if unknown:
        raise SchemaError(f"{path.name}: unknown {', '.join(unknown)}")
    kind = data.get("kind", "person")
    column, values = "", {}
    if isinstance(kind, dict):
        column, values, kind = str(kind["column"]), dict(kind["values"]), "other"
    if not {kind, *values.values()} <= set(_KINDS):
        raise SchemaError(f"{path.name}: kind is person, company or other")
    return Schema(
        rid=str(data.get("rid", "rid")),
        source=str(data.get("source", "")),
        kind=kind,
        kind_column=column,
        values=values,
        single_source=bool(data.get("one_record_per_entity", False)),
        columns=data["columns"],
    )


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    return [text for item in values if (text := width(str(item)))]


def _divided(found: Mapping[str, list[str]], kind: str) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Fields of a canonical record, and what is compared as general text."""
    chinese: dict[str, Any] = {}
    extra: dict[str, list[str]] = {}
    for name, values in sorted(found.items(), key=lambda item: item[0] != "phone"):
        han = any(HAN.search(value) for value in values) or (name == "name" and "phones" in chinese)
        if name == "phone" and all(phones(value).found for value in values):
            chinese["phones"] = values
        elif han and name in _CANONICAL and (name != "company" or kind == "company"):
            chinese[_CANONICAL[name]] = values[0]
        elif name == "gender":
            chinese["gender"] = values[0]
        else:
            extra[name] = values
    return chinese, extra


def _normal(name: str, values: Iterable[str]) -> list[str]:
    """Values as they are compared: lower case, words and figures alone, dates as YYYYMMDD."""
    found: dict[str, None] = {}
    for value in values:
        text = value.lower()
        if name == "birth_date":
            text = _date(text)
        elif name in ("phone", "postcode", "house_number"):
            text = re.sub(r"[^0-9a-z]", "", text)
        elif name == "website":
            text = text.removeprefix("https://").removeprefix("http://").removeprefix("www.").partition("/")[0]
        elif name not in ("email", "id_number"):
            text = " ".join(_WORD.findall(text.replace("'", "")))
        if text:
            found[text] = None
    return list(found)


def _date(text: str) -> str:
    """YYYYMMDD; a date of which day and month cannot be told apart as month and day, the comparison knows of both."""
    parts: list[str] = re.findall(r"\d+", text)
    if len(parts) == 1:
        return parts[0]
    if len(parts) >= 3 and len(parts[0]) == 4:
        return f"{parts[0]}{parts[1]:>02}{parts[2][:2]:>02}"
    if len(parts) >= 3:
        month, day = (parts[1], parts[0]) if int(parts[0]) > 12 else (parts[0], parts[1])
        year = parts[2] if len(parts[2]) == 4 else ("19" if int(parts[2]) > 25 else "20") + f"{parts[2]:>02}"
        return f"{year}{month:>02}{day:>02}"
    return "".join(parts)
