"""All orders, or all deals, of a customer, newest first: each leads to what was made of it."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template
from sqlalchemy import func, literal, select

from hub.admin import overview, paging
from hub.admin.customers import display_name, loaded
from hub.admin.web import back, page, rows, the_hub
from hub.identity.records import golden
from hub.models import Deal, Order
from hub.models.base import table
from hub.store.types import EPOCH, Instant

pages = page("customer_facts", "/customers")
TABLES = {"orders": table(Order), "deals": table(Deal)}


@pages.get("/<customer_id>/all/<what>")
def index(customer_id: str, what: str) -> Any:
    """One list. what: orders | deals."""
    source = TABLES.get(what)
    if source is None:
        abort(404)
    hub, found = the_hub(), loaded(customer_id)
    if found["id"] != customer_id:
        return back("customer_facts.index", customer_id=found["id"], what=what)
    refs = [profile["ref"] for profile in found["profiles"]]
    moment = func.coalesce(source.c.created_at, literal(EPOCH, Instant), type_=Instant)
    mine = select(source, moment.label("moment")).where(source.c.profile_ref.in_(refs))
    with hub.db.read() as conn:
        shown, older = paging.cut(rows(conn, paging.page_of(mine, moment, source.c.ref)), "moment", "ref")
        names = overview.account_names(conn)
    name = display_name(golden.values(found["fields"]), found["kind"])
    return render_template("customer_facts.html", customer=found, name=name, what=what, found=shown, older=older, names=names)
