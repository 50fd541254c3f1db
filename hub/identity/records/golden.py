"""The golden record: for each field the value of the best source, and where it came from. Losing values stay in profiles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from hub.identity.normal import codes, names, orgs
from hub.identity.records.survivorship import LISTS, Rules
from hub.identity.records.survivorship import View as View
from hub.security.keyring import KeyRing

Golden = dict[str, dict[str, Any]]
PLAIN = Rules()


def seal_customer(ring: KeyRing, customer_id: str, golden: Golden) -> bytes:
    """The golden record as the customer row stores it."""
    return ring.pack(orjson.dumps(golden), "customer|" + customer_id)


def read(ring: KeyRing, customer_id: str, data: bytes) -> Golden:
    """field -> {"value", "from": profile ref} of a stored customer."""
    return orjson.loads(ring.unpack(data, "customer|" + customer_id))  # type: ignore[no-any-return]


def values(golden: Golden) -> dict[str, Any]:
    """field -> value."""
    return {name: entry["value"] for name, entry in golden.items()}


def seal_profile(ring: KeyRing, ref: str, fields: dict[str, Any]) -> bytes:
    """A profile's fields as its row stores them."""
    return ring.pack(orjson.dumps({"fields": fields}), "profile|" + ref)


def read_profile(ring: KeyRing, ref: str, data: bytes) -> dict[str, Any]:
    """The fields of a stored profile."""
    return orjson.loads(ring.unpack(data, "profile|" + ref))["fields"]  # type: ignore[no-any-return]


def single(view: View) -> Golden:
    """The golden record of a customer with one profile."""
    golden = {name: {"value": value, "from": view.ref} for name, value in view.fields.items() if name != "tags"}
    return _with_kind(golden, view.ref)


def build(views: Iterable[View], rules: Rules = PLAIN) -> Golden:
    """The golden record of several profiles: for each field the best value by the rules, lists joined.

    An entry whose value a person has set says so: ``by``.
    """
    found = sorted(views, key=lambda view: (view.rank, -view.version, view.ref))
    if len(found) == 1 and not found[0].by:
        return single(found[0])
    golden: Golden = {}
    for name in dict.fromkeys(name for view in found for name in view.fields if name != "tags"):
        if ordered := rules.ordered(name, found):
            golden[name] = _entry(name, ordered)
    return _with_kind(golden, found[0].ref)


def _entry(name: str, ordered: list[View]) -> dict[str, Any]:
    first = ordered[0]
    value = first.fields[name]
    if first.by:
        return {"value": value, "from": first.ref, "by": first.by}
    if name in LISTS:
        value = list(dict.fromkeys(item for view in ordered for item in view.fields[name]))
    return {"value": value, "from": first.ref}


def _with_kind(golden: Golden, ref: str) -> Golden:
    stated = golden.get("kind", {}).get("value", "unknown")
    if stated == "unknown":
        if "display_name" not in golden and "tax_id" not in golden:
            return golden
        name = golden.get("display_name", {}).get("value", "")
        if codes.credit_code(golden.get("tax_id", {}).get("value", "")) or orgs.is_organisation(name):
            golden["kind"] = {"value": "company", "from": ref}
        elif (told := names.name(name)) is not None and told.kind in ("full", "title"):
            golden["kind"] = {"value": "person", "from": ref}
    return golden
