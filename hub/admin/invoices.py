"""Invoices: those that lack something, with who can fill it and a form to do so; and what became of documents."""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from connectors.invoices import INVOICE_KINDS
from hub.admin import paging
from hub.admin.deliveries import do, loaded
from hub.admin.i18n import language
from hub.admin.web import back, done, needs, page, the_hub, who
from hub.admin.words import error_words
from hub.core import Hub
from hub.invoices.fault import WHO, Fault, field_label, words

pages = page("invoices", "/invoices")
VIEWS = ("waiting", "issued")
CHOICES = {"invoice_kind": INVOICE_KINDS, "buyer_kind": ("company", "person")}
SHOWN = 50


@pages.get("")
def index() -> str:
    """The queue (view waiting), or what was issued and paid (view issued)."""
    from hub.invoices import queue

    view = request.args.get("view", "waiting")
    view = view if view in VIEWS else "waiting"
    hub, place = the_hub(), 0 if language() == "zh" else 1
    waiting = queue.waiting(hub, SHOWN, request.args.get("after")) if view == "waiting" else []
    for row in waiting:
        row["missing"] = [_fault(Fault(each["field"], each["reason"], each["who"]), place) for each in row["missing"]]
    documents, older = _issued(hub) if view == "issued" else ([], None)
    following = waiting[-1]["id"] if len(waiting) == SHOWN else None
    return render_template(
        "invoices.html", waiting=waiting, documents=documents, view=view, views=VIEWS, choices=CHOICES, after=following,
        older=older,
    )  # fmt: skip


def _issued(hub: Hub) -> tuple[list[dict[str, Any]], str | None]:
    from hub.invoices import queue, status

    c = status.STATUS.c
    found = queue.issued(hub, paging.after(c.changed_at, c.delivery_id), limit=paging.SIZE + 1)
    return paging.cut(found, "changed_at", "id")


def _fault(fault: Fault, place: int) -> dict[str, str]:
    said = {"words": words(fault, language()), "who": WHO[fault.who][place], "label": field_label(fault.field, language())}
    return {"field": fault.field, **said}


@pages.post("/<delivery_id>/fill")
@needs("operator")
def fill(delivery_id: str) -> Any:
    """Fill what is missing; what was left empty is left as it is."""
    from hub.events.delivery import DeliveryFault
    from hub.invoices import queue

    values = {name[2:]: text for name, text in request.form.items() if name.startswith("f:") and text.strip()}
    if not values:
        done("invoice.nothing_filled", "warn")
        return back("invoices.index")
    try:
        state = queue.fill(the_hub(), delivery_id, values, by=who())
    except DeliveryFault as fault:
        told = error_words(fault.error.as_dict(), "")
        done("invoice.refused", "bad", why=f"{told.what} {told.fix}" if told else str(fault))
    else:
        done("invoice.filled" if state == "pending" else "invoice.still_missing", "ok" if state == "pending" else "warn")
    return back("invoices.index")


@pages.post("/<delivery_id>/reverse")
@needs("operator")
def reverse(delivery_id: str) -> Any:
    """Make the document that takes a sent one back."""
    from hub.events import delivery

    reason = request.form.get("reason", "")
    found = loaded(delivery_id)
    return do(found["id"], lambda: delivery.reverse(the_hub(), delivery_id, by=who(), reason=reason), "delivery.reversal_made")
