"""Owners in conflict (撞单): the list, and who says whose the customer is."""

from __future__ import annotations

from flask import render_template, request
from werkzeug.wrappers import Response

from hub.admin import overview, paging
from hub.admin.customers import display_name
from hub.admin.i18n import pick
from hub.admin.web import back, done, needs, page, the_hub, who
from hub.identity.desk.service import IdentityFault
from hub.people import owners, ownership

pages = page("conflicts", "/conflicts")


@pages.get("")
def index() -> str:
    """All of one state, changed last first."""
    hub, state = the_hub(), request.args.get("state", "open")
    state = state if state in owners.STATES else "open"
    c = owners.CONFLICT.c
    found = owners.list_(hub, paging.after(c.changed_at, c.customer_id), state=state, limit=paging.SIZE + 1)
    found, older = paging.cut(found, "changed_at", "customer")
    with hub.db.read() as conn:
        names = overview.account_names(conn)
    for item in found:
        item["name"] = display_name(item["fields"], item["kind"])
    return render_template(
        "conflicts.html", found=found, older=older, state=state, states=owners.STATES, names=names, counts=owners.counts(hub)
    )


@pages.post("/<customer_id>/decide")
@needs("operator")
def decide(customer_id: str) -> Response:
    """The customer is one owner's."""
    try:
        ownership.decide(the_hub(), customer_id, request.form.get("owner", ""), by=who())
    except IdentityFault as fault:
        done("customer.refused", "bad", why=pick(fault.zh, fault.en))
    else:
        done("conflict.was_decided")
    return _back(customer_id)


@pages.post("/<customer_id>/take-back")
@needs("operator")
def take_back(customer_id: str) -> Response:
    """The decision is no more."""
    try:
        ownership.take_back(the_hub(), customer_id, by=who())
    except IdentityFault as fault:
        done("customer.refused", "bad", why=pick(fault.zh, fault.en))
    else:
        done("conflict.taken_back")
    return _back(customer_id)


def _back(customer_id: str) -> Response:
    if request.form.get("from") == "list":
        return back("conflicts.index")
    return back("customers.detail", customer_id=customer_id)
