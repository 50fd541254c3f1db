"""Deliveries: the documents that go to the finance systems, in which state each is, why, and what a person may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import abort, render_template, request
from sqlalchemy import Connection, select

from connectors.invoices import RED_REASONS
from hub.admin import overview, paging, show
from hub.admin.web import audited, back, done, may, needs, page, reason_given, rows, the_hub, who
from hub.admin.words import document_title, error_words
from hub.events.outbox import AMENDING
from hub.models import Deal, InvoiceApplication, Order, Profile, Refund
from hub.models.base import table

pages = page("deliveries", "/deliveries")
DELIVERY = overview.DELIVERY
DEAL, ORDER, REFUND, REQUEST, PROFILE = (table(m) for m in (Deal, Order, Refund, InvoiceApplication, Profile))
STATES = ("pending", "sending", "incomplete", "rejected", "in_doubt", "sent", "cancelled")
TO_DO = "to_do"
"""Beside the states the list can be of what waits for a person since something changed after it had gone out."""
LISTED = [column for column in DELIVERY.c if column.name not in ("document", "receipt")]
RETRIED = ("incomplete", "rejected", "in_doubt", "cancelled")
CANCELLED = ("pending", "incomplete", "rejected")


@pages.get("")
def index() -> str:
    """The list, newest first; filters: state, account; search by number."""
    state, account = request.args.get("state", ""), request.args.get("account", "")
    number = request.args.get("number", "").strip()
    with the_hub().db.read() as conn:
        names = overview.account_names(conn)
        found, older = _list(conn, names, state, account, number)
    for row in found:
        _name(row, names)
        row["open_steps"] = (row["open_steps"] or "").split()
    sinks = [item for item in names.values() if item["state"] != "removed"]
    return render_template(
        "deliveries.html", deliveries=found, older=older, accounts=sinks, state=state, account=account, states=(*STATES, TO_DO),
        number=number,
    )  # fmt: skip


def _list(
    conn: Connection, names: dict[int, dict[str, Any]], state: str, account: str, number: str
) -> tuple[list[dict[str, Any]], str | None]:
    statement = select(*LISTED)
    if number:
        found = rows(conn, statement.where(DELIVERY.c.number == number).limit(paging.SIZE))
        return found, None
    if account:
        wanted = next((key for key, item in names.items() if item["key"] == account), None)
        statement = statement.where(paging.by_the_way(DELIVERY.c.account_id) == wanted)
    # in one state the index is (state, next_at); over all states it is created_at
    order = DELIVERY.c.next_at if state in STATES else DELIVERY.c.created_at
    if state == TO_DO:
        statement = statement.where(DELIVERY.c.open_steps.is_not(None))
    elif state in STATES:
        statement = statement.where(DELIVERY.c.state == state)
    return paging.cut(rows(conn, paging.page_of(statement, order, DELIVERY.c.id)), order.name, "id")


def _name(row: dict[str, Any], names: dict[int, dict[str, Any]]) -> None:
    nobody = {"key": "", "title": "–", "platform": ""}
    row["to"] = names.get(row["account_id"], nobody)
    row["source"] = names.get(row["source_account_id"], nobody)
    row["kind_title"] = document_title(row["to"]["platform"], row["kind"])
    row["told"] = error_words(row["error"], row["to"]["platform"])


@pages.get("/<delivery_id>")
def detail(delivery_id: str) -> str:
    """One delivery; personal values of its document are masked."""
    return _detail(delivery_id, plain=False)


@pages.post("/<delivery_id>/reveal")
@needs("operator")
def reveal(delivery_id: str) -> str:
    """The same with the document as it is; the audit log says who looked."""
    audited("delivery.reveal", f"delivery:{delivery_id}")
    return _detail(delivery_id, plain=True)


def _detail(delivery_id: str, *, plain: bool) -> str:
    found = loaded(delivery_id)
    with the_hub().db.read() as conn:
        _name(found, overview.account_names(conn))
        about = _about(conn, found["subject"])
    for step in found["steps"]:
        step["told"] = error_words(step["error"], found["to"]["platform"])
    return render_template(
        "delivery.html", delivery=found, document=_document(found["document"] or {}, plain=plain), plain=plain, about=about,
        can_retry=found["state"] in RETRIED, can_cancel=found["state"] in CANCELLED,
        can_reverse=found["state"] == "sent" and not (found["document"] or {}).get("reverses"), red_reasons=RED_REASONS,
        changed=[step for step in AMENDING if step in found["open_steps"]],
    )  # fmt: skip


def _about(conn: Connection, subject: str) -> dict[str, Any]:
    """What the delivery is about: the number of the deal, order (of a refund, its order) or request, and whose it is."""
    order_ref = conn.execute(select(REFUND.c.order_ref).where(REFUND.c.ref == subject)).scalar() or subject
    for kind, source, ref in (("deal", DEAL, subject), ("order", ORDER, order_ref), ("request", REQUEST, subject)):
        whose = source.outerjoin(PROFILE, PROFILE.c.ref == source.c.profile_ref)
        found = select(source.c.number, PROFILE.c.customer_id).select_from(whose).where(source.c.ref == ref)
        if row := conn.execute(found).first():
            return {"kind": kind, "number": row[0], "customer": row[1], "ref": ref}
    return {}


def loaded(delivery_id: str) -> dict[str, Any]:
    """The delivery with its document and steps, or a 404 page."""
    from hub.events import delivery

    found = delivery.show(the_hub(), delivery_id)
    if not found:
        abort(404)
    return found


def _document(stored: Mapping[str, Any], *, plain: bool) -> dict[str, Any]:
    """The document as the page shows it. party values are masked unless plain."""
    party = dict(stored.get("party") or {})
    names = plain or may("operator")
    masks = {"name": show.mask_name, "phone": show.mask_phone, "tax_id": show.mask_code, "address": show.mask_text}
    for name, mask in masks.items():
        if party.get(name) and not (plain or (name == "name" and names)):
            party[name] = mask(str(party[name]))
    lines = [{**line, "amount": show.minor(line.get("amount"))} for line in stored.get("lines") or ()]
    return {**stored, "party": party, "lines": lines, "note": _note(stored.get("note"), plain)}


def _note(note: Any, plain: bool) -> str:
    return str(note or "") if plain or not note else show.mask_text(str(note))


@pages.post("/<delivery_id>/retry")
@needs("operator")
def retry(delivery_id: str) -> Any:
    """Try again one that is rejected or cancelled, ask now about one in doubt, send a waiting one now."""
    from hub.events import delivery

    return do(delivery_id, lambda: delivery.retry(the_hub(), delivery_id, by=who()), "delivery.retried")


@pages.post("/<delivery_id>/cancel")
@needs("operator")
def cancel(delivery_id: str) -> Any:
    """Give it up, for a reason."""
    from hub.events import delivery

    reason = reason_given()
    if not reason:
        return back("deliveries.detail", delivery_id=delivery_id)
    doing = partial(delivery.cancel, the_hub(), delivery_id, by=who(), reason=reason)
    return do(delivery_id, doing, "delivery.cancelled")


@pages.post("/<delivery_id>/reversed")
@needs("operator")
def reversed_by_hand(delivery_id: str) -> Any:
    """A person has booked the reversal over there, and says how."""
    from hub.events import delivery

    note = reason_given()
    if not note:
        return back("deliveries.detail", delivery_id=delivery_id)
    doing = partial(delivery.settle_reversal, the_hub(), delivery_id, by=who(), note=note)
    return do(delivery_id, doing, "delivery.reversal_noted")


@pages.post("/<delivery_id>/amend")
@needs("operator")
def amend(delivery_id: str) -> Any:
    """The deal's amount has changed: take the document back and issue one over the new amount."""
    from hub.events import delivery

    return do(delivery_id, lambda: delivery.amend(the_hub(), delivery_id, by=who()), "delivery.amended")


@pages.post("/<delivery_id>/amended")
@needs("operator")
def amended_by_hand(delivery_id: str) -> Any:
    """A person has settled the changed amount over there, and says how."""
    from hub.events import delivery

    note = reason_given()
    if not note:
        return back("deliveries.detail", delivery_id=delivery_id)
    doing = partial(delivery.settle_amendment, the_hub(), delivery_id, by=who(), note=note)
    return do(delivery_id, doing, "delivery.amendment_noted")


def do(delivery_id: str, doing: Callable[[], Any], said: str) -> Any:
    """Do it, say how it went, and go back to the delivery's page."""
    from hub.events.delivery import DeliveryFault

    found = loaded(delivery_id)
    try:
        doing()
    except DeliveryFault as fault:
        with the_hub().db.read() as conn:
            _name(found, overview.account_names(conn))
        told = error_words(fault.error.as_dict(), found["to"]["platform"])
        done("delivery.refused", "bad", why=f"{told.what} {told.fix}" if told else str(fault))
    else:
        done(said)
    return back("deliveries.detail", delivery_id=delivery_id)
