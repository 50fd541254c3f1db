"""Tags of a customer, put on and taken off by a person, for accounts whose platform takes them."""

from __future__ import annotations

from typing import Any

from flask import request

from hub.admin.customers import loaded
from hub.admin.web import back, done, needs, page, the_hub, who
from hub.people import tags

pages = page("customer_tags", "/customers")


@pages.post("/<customer_id>/tags")
@needs("operator")
def change(customer_id: str) -> Any:
    """One wish about one profile of this customer."""
    found = loaded(customer_id)
    ref, _, tag = request.form.get("tag", "").partition(" ")
    try:
        if ref not in {profile["ref"] for profile in found["profiles"]}:
            raise tags.TagFault("tags.fault_gone")
        tags.ask(the_hub(), ref, tag, add=request.form.get("do") != "remove", by=who())
    except tags.TagFault as fault:
        done(fault.key, "bad")
    else:
        done("tags.asked")
    return back("customers.detail", customer_id=found["id"])
