"""Customers and contacts of 客户管理 as landed records, whichever way they were read.

(docs: obtain-a-single-batch-of-crm-customer-data, add-and-update-customer-field-format-description-v1)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connectors.base import Record

CUSTOM = re.compile(r"[A-Za-z]+-[A-Za-z0-9]+")
"""Names of an organisation's own fields: their type, and a suffix that is another one in each organisation."""
TAG_FIELD = "MultiTagField-"
KINDS = {"company": "crm_customer", "person": "crm_customer_personal", "contact": "crm_contact"}
PHONES = ("customer_phone", "contact_phone")
DROPPED = frozenset({"appUuid", "formCode", "providerCorpId"})
"""What one way of reading gives and the other does not."""
OPTION = re.compile(r"option_\w+")

Resolve = Callable[[str, str], str]
"""(field, option key) -> the option's label."""

_OLD_NAMES = {
    "instance_id": "instanceId", "object_type": "objectType", "gmt_create": "gmtCreate", "gmt_modified": "gmtModified",
    "creator_userid": "creatorUserId", "extend_data": "extendData",
}  # fmt: skip
_OWNERS = ("ownerStaffIds", "ownerUserIds", "owner_userid_list")
_CONTACT_LEFT = frozenset({"creatorNick", "procInstStatus", "procOutResult"})


def unfolded(value: Any) -> Any:
    """A value of ``data`` without its wrappings: texts that are JSON are read, and of {value, extendValue} the value.

    Which of these forms the new generation gives is not documented for sure, so all of them are taken.
    """
    if isinstance(value, str) and value[:1] in "[{":
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, Mapping) and "value" in value:
        return unfolded(value["value"])
    return value


def words(value: Any, field: str, resolve: Resolve) -> list[str]:
    """The labels of a select-like value. resolve is asked only for what looks like an option's key."""
    labels = _extended(value)
    if labels:
        return labels
    plain = unfolded(value)
    found = plain if isinstance(plain, list) else [plain]
    texts = [str(item) for item in found if item not in (None, "")]
    return [resolve(field, text) if OPTION.fullmatch(text) else text for text in texts]


def _extended(value: Any) -> list[str]:
    """The labels in the extendValue of a value, where it has one."""
    if isinstance(value, str) and value[:1] == "{":
        try:
            value = json.loads(value)
        except ValueError:
            return []
    extend = value.get("extendValue") if isinstance(value, Mapping) else None
    if isinstance(extend, str):
        try:
            extend = json.loads(extend)
        except ValueError:
            return []
    items = extend if isinstance(extend, list) else [extend]
    return [str(item["label"]) for item in items if isinstance(item, Mapping) and item.get("label")]


def tidy(row: Mapping[str, Any], resolve: Resolve) -> Record:
    """The row with preset fields read, the organisation's own under ``_custom``, tags under ``_tags``, phones with country
    code under ``_phones``, and the first owner under ``_owner``."""
    record = _one_spelling(row)
    given = record.get("data")
    data: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    plain: Record = {}
    custom: Record = {}
    tags: list[Record] = []
    for name, value in sorted(data.items()):
        if name.startswith(TAG_FIELD):
            tags += [{"key": f"{name}/{label}", "name": label} for label in words(value, name, resolve)]
        elif CUSTOM.fullmatch(name):
            custom[name] = value
        elif name == "customer_follow_up_status":
            plain[name] = ", ".join(words(value, name, resolve))
        else:
            plain[name] = _text(unfolded(value))
    owners = _owners(record)
    extend = record.get("extendData") or {}
    phones = [_with_country(plain[name], extend.get(name)) for name in PHONES if plain.get(name)]
    return {**record, "data": plain, "_custom": custom, "_tags": tags, "_phones": phones, "_owner": owners[0] if owners else ""}


def _one_spelling(row: Mapping[str, Any]) -> Record:
    """Names of the new generation; of contacts only what both ways of reading give."""
    record = {_OLD_NAMES.get(name, name): value for name, value in row.items() if name not in DROPPED}
    for name in ("data", "extendData"):
        if isinstance(record.get(name), str):
            record[name] = json.loads(record[name] or "{}")
    if record.get("objectType") == KINDS["contact"]:
        owners = _owners(record)
        record = {name: value for name, value in record.items() if name not in _CONTACT_LEFT}
        record["permission"] = {"ownerUserIds": owners}
    # A misspelling of the platform's own flows must not look like a change.
    if str(record.get("procInstStatus", "")).startswith("COMPL"):
        record["procInstStatus"] = "COMPLETED"
    return record


def _owners(record: Mapping[str, Any]) -> list[str]:
    permission = record.get("permission") or {}
    return next((list(found) for name in _OWNERS if (found := permission.get(name))), [])


def _text(value: Any) -> Any:
    return ", ".join(str(item) for item in value) if isinstance(value, list) else value


def _with_country(phone: Any, extend: Any) -> str:
    """The number with the country code that stands beside it, unless it has one."""
    number, beside = str(phone), unfolded(extend)
    code = str(beside.get("countryCode") or "") if isinstance(beside, Mapping) else ""
    return number if number.startswith("+") or not code else f"{code}{number}"


def options(form: Mapping[str, Any], kind: str) -> Iterator[Record]:
    """The tags of a form: each option of each field of type MultiTag, as a record of its own."""
    for field in form.get("fields") or []:
        if field.get("type") == "MultiTag":
            for option in field.get("selectOptions") or []:
                yield {"form": kind, "field": field.get("name"), "label": field.get("label"), "option": option}
