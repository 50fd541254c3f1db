"""One invoice request: what the source asks for, about which deal or order, and which documents were made of it."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template, request
from sqlalchemy import Connection, select

from hub.admin import overview, show
from hub.admin.web import audited, needs, one, page, rows, the_hub
from hub.events.book import EVENT
from hub.events.facts import REQUEST, REQUEST_LINE
from hub.events.mint import event_id
from hub.models import Deal, Order, Profile
from hub.models.base import table

pages = page("invoice_request", "/invoices/request")
DEAL, ORDER, PROFILE = table(Deal), table(Order), table(Profile)
BUYER = {
    "buyer_title": show.mask_text, "buyer_tax_id": show.mask_code, "buyer_address": show.mask_text,
    "buyer_phone": show.mask_phone, "buyer_bank": show.mask_text, "buyer_account": show.mask_code, "email": show.mask_email,
    "mobile": show.mask_phone, "remark": show.mask_text,
}  # fmt: skip
"""Fields about the buyer, and how each is masked; a company's title is no secret."""


@pages.get("")
def detail() -> str:
    """``?ref=``: the request; what is private in it is masked."""
    return _detail(request.args.get("ref", ""), plain=False)


@pages.post("")
@needs("operator")
def reveal() -> str:
    """The same as it is; the audit log says who looked."""
    ref = request.form.get("ref", "")
    text = _detail(ref, plain=True)
    audited("invoice.reveal", f"request:{ref}")
    return text


def _detail(ref: str, *, plain: bool) -> str:
    with the_hub().db.read() as conn:
        found = one(conn, select(REQUEST).where(REQUEST.c.ref == ref))
        names = overview.account_names(conn)
        account = names.get(found["account_id"]) or abort(404)
        around = _around(conn, found, names)
    buyer = [(name, _said(found, name, plain=plain)) for name in BUYER if found[name]]
    return render_template("invoice_request.html", asked=found, account=account, buyer=buyer, plain=plain, **around)


def _said(found: dict[str, Any], name: str, *, plain: bool) -> str:
    text = str(found[name])
    if plain or (name == "buyer_title" and found["buyer_kind"] == "company"):
        return show.phone(text) if name in ("buyer_phone", "mobile") else text
    return BUYER[name](text)


def _around(conn: Connection, found: dict[str, Any], names: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """customer, about (the deal or order), lines, documents and events of a request."""
    ref, d, e = found["ref"], overview.DELIVERY.c, EVENT.c
    columns = (d.id, d.number, d.kind, d.state, d.amount, d.currency, d.rule, d.account_id, d.event_id)
    documents = rows(conn, select(*columns).where(d.subject == ref).order_by(d.created_at, d.number))
    for each in documents:
        each["to"] = names.get(each["account_id"], {"title": "–"})
    about = {"deal": (DEAL, found["deal_ref"]), "order": (ORDER, found["order_ref"])}
    facts = [
        {"kind": kind, "ref": other, "number": conn.execute(select(source.c.number).where(source.c.ref == other)).scalar()}
        for kind, (source, other) in about.items() if other
    ]  # fmt: skip
    ids = {event_id(kind, ref) for kind in ("invoice.requested", "invoice.withdrawn")} | {row["event_id"] for row in documents}
    return {
        "customer": conn.execute(select(PROFILE.c.customer_id).where(PROFILE.c.ref == found["profile_ref"])).scalar(),
        "facts": facts, "documents": documents,
        "lines": rows(conn, select(REQUEST_LINE).where(REQUEST_LINE.c.request_ref == ref).order_by(REQUEST_LINE.c.key)),
        "events": rows(conn, select(e.kind, e.at, e.data).where(e.id.in_(ids)).order_by(e.at)),
    }  # fmt: skip
