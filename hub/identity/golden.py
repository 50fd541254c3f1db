"""The golden record: for each field the value of the best source, and where it came from. Losing values stay in profiles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from hub.identity import normalise
from hub.security.keyring import KeyRing

LISTS = ("phones", "emails", "aliases")
Golden = dict[str, dict[str, Any]]


class View(NamedTuple):
    """A profile as the golden record needs it. rank: place of its source in the configured order, 0 = best."""

    ref: str
    rank: int
    version: int
    fields: dict[str, Any]


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


def build(views: Iterable[View]) -> Golden:
    """The golden record of several profiles: best source first, newest within a source, lists joined."""
    found = list(views)
    if len(found) == 1:
        return single(found[0])
    ordered = sorted(found, key=lambda view: (view.rank, -view.version, view.ref))
    golden: Golden = {}
    for view in ordered:
        for name, value in view.fields.items():
            if name == "tags":
                continue
            if name not in golden:
                golden[name] = {"value": list(value) if name in LISTS else value, "from": view.ref}
            elif name in LISTS:
                golden[name]["value"] += [item for item in value if item not in golden[name]["value"]]
            elif _better(name, value, golden[name]["value"]):
                golden[name] = {"value": value, "from": view.ref}
    return _with_kind(golden, ordered[0].ref)


def _better(field: str, value: Any, present: Any) -> bool:
    """A plain name beats a masked one or a placeholder, and any kind beats an unknown one, whatever the source."""
    if field == "kind":
        return bool(present == "unknown" and value != "unknown")
    return field == "display_name" and normalise.name(present) is None and normalise.name(value) is not None


def _with_kind(golden: Golden, ref: str) -> Golden:
    stated = golden.get("kind", {}).get("value", "unknown")
    if stated == "unknown":
        if "display_name" not in golden and "tax_id" not in golden:
            return golden
        name = golden.get("display_name", {}).get("value", "")
        if normalise.credit_code(golden.get("tax_id", {}).get("value", "")) or normalise.is_organisation(name):
            golden["kind"] = {"value": "company", "from": ref}
        elif normalise.is_person(name) or normalise.surname_of_titled(name):
            golden["kind"] = {"value": "person", "from": ref}
    return golden
