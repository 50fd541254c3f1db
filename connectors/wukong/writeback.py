"""The document number as it stands in a customer's custom text field: one entry ``contract number:document number`` each.

A contract's own fields are closed once it is approved (codes 2014, 2015, 2085), so the customer is written instead,
through updateInformation: the only write that leaves all other values alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors import errors

TEXT, TEXTAREA = 1, 2
CUSTOM, EDITABLE = 0, 3

Field = Mapping[str, Any]


def find_field(fields: Sequence[Field], wanted: str) -> Field:
    """The custom text field of that title or name. Raises ConfigError when there is none or it cannot be written."""
    if not wanted:
        raise errors.ConfigError("wukong.no_field")
    found = next((field for field in fields if wanted in (field.get("name"), field.get("fieldName"))), None)
    if found is None:
        raise errors.ConfigError("wukong.field_missing", field=wanted)
    free_text = found.get("fieldType") == CUSTOM and found.get("type") in (TEXT, TEXTAREA) and found.get("isUnique") != 1
    if not free_text or found.get("authLevel") not in (None, EDITABLE):
        raise errors.ConfigError("wukong.field_unusable", field=wanted)
    return found


def holds(field: Field, number: str) -> bool:
    """Whether the field's value has an entry with this document number."""
    return re.search(rf":{re.escape(number)}(?![A-Za-z0-9-])", str(field.get("value") or "")) is not None


def with_entry(field: Field, contract: str, number: str, note: str) -> str:
    """The field's value with the entry added, the note behind it where there is room.

    Raises Rejected when the field is full: what stands in it belongs to people and is never cut.
    """
    old = str(field.get("value") or "").rstrip()
    glue = "\n" if field.get("type") == TEXTAREA else "; "
    entry = f"{contract}:{number}"
    short = f"{old}{glue}{entry}" if old else entry
    remark = " ".join(note.replace(";", ",").split())
    room = int(field.get("maxLength") or 0)
    for value in (f"{short} {remark}" if remark else short, short):
        if not room or len(value) <= room:
            return value
    raise errors.Rejected("wukong.field_full", field=str(field.get("name")), room=room)


def change(field: Field, value: str) -> dict[str, Any]:
    """The field as updateInformation takes it."""
    return {name: field.get(name) for name in ("fieldId", "fieldName", "fieldType", "name", "type")} | {"value": value}
