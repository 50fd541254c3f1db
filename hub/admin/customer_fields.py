"""Fields of a customer that a person sets by hand, and takes back."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from hub.admin.i18n import pick
from hub.admin.web import back, done, needs, page, the_hub, who
from hub.identity.desk import setting
from hub.identity.desk.service import IdentityFault

pages = page("customer_fields", "/customers")


@pages.post("/<customer_id>/fields")
@needs("operator")
def change(customer_id: str) -> Response:
    """Set one field, or take it back (``do=take_back``)."""
    name, given = request.form.get("field", ""), request.form.get("value", "")
    undone = request.form.get("do") == "take_back"
    try:
        if undone:
            setting.take_back(the_hub(), customer_id, name, by=who())
        else:
            setting.put(the_hub(), customer_id, name, given, by=who())
    except IdentityFault as fault:
        done("customer.refused", "bad", why=pick(fault.zh, fault.en))
    else:
        done("customer.field_taken_back" if undone else "customer.field_set")
    return back("customers.detail", customer_id=customer_id)
