"""Whom a document is about, and where it came from."""

from __future__ import annotations

from typing import Any

from connectors.base import Party
from hub.events.facts import Facts, shop_party
from hub.events.notready import NotReady


def source_of(row: Any) -> dict[str, str]:
    """Where it came from: '<account id>|<stream>|<key>' and the buyer's id there."""
    _, stream, key = row.source_ref.split("|", 2)
    profile = getattr(row, "profile_ref", None) or ""
    return {"stream": stream, "key": key, "number": row.number, "customer": profile.partition("|")[2]}


def customer(facts: Facts, row: Any, destination: int) -> Party:
    """The customer as a party: no phone, and an address only of companies (a document needs no more)."""
    found = facts.customer(row.profile_ref)
    if found is None:
        raise NotReady("document.customer_missing", number=row.number)
    customer_id, values = found
    name = values.get("company") or values.get("display_name")
    if not name:
        raise NotReady("document.customer_name_missing", number=row.number)
    tax_id = values.get("tax_id") or ""
    company = bool(tax_id or values.get("company") or values.get("kind") == "company")
    address = str(values.get("address") or "") if company else ""
    return Party(facts.party_code(customer_id, destination), str(name), tax_id=str(tax_id), address=address)


def buyer(facts: Facts, order: Any, destination: int) -> Party:
    """The buyer of a shop order; the shop's collective customer where the platform tells no buyer or no name."""
    try:
        return customer(facts, order, destination)
    except NotReady as error:
        if order.profile_ref and error.key == "document.customer_missing":
            raise
        return shop_party(facts.accounts[order.account_id])
