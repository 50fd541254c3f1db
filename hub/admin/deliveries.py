"""Deliveries: the documents that go to the finance systems, in which state each is, why, and what a person may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template, request
from sqlalchemy import Connection, select

from hub.admin import overview, paging, show
from hub.admin.web import audited, back, done, may, needs, one, page, reason_given, rows, the_hub, who
from hub.admin.words import document_title, error_words
from hub.models import DeliveryAttempt
from hub.models.base import table

pages = page("deliveries", "/deliveries")
DELIVERY, ATTEMPT = overview.DELIVERY, table(DeliveryAttempt)
STATES = ("pending", "sending", "rejected", "in_doubt", "sent", "cancelled")
LISTED = [column for column in DELIVERY.c if column.name not in ("document", "receipt")]
RETRIED = ("rejected", "in_doubt")
CANCELLED = ("pending", "rejected", "in_doubt")


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
    sinks = [item for item in names.values() if item["state"] != "removed"]
    return render_template(
        "deliveries.html", deliveries=found, older=older, accounts=sinks, state=state, account=account, states=STATES,
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
        statement = statement.where(DELIVERY.c.account_id == wanted)
    # in one state the index is (state, next_at); over all states it is created_at
    order = DELIVERY.c.next_at if state in STATES else DELIVERY.c.created_at
    if state in STATES:
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
    with the_hub().db.read() as conn:
        row = one(conn, select(DELIVERY).where(DELIVERY.c.id == delivery_id))
        attempts = rows(conn, select(ATTEMPT).where(ATTEMPT.c.delivery_id == delivery_id).order_by(ATTEMPT.c.id).limit(200))
        _name(row, overview.account_names(conn))
    for attempt in attempts:
        attempt["told"] = error_words(attempt["error"], row["to"]["platform"])
    return render_template(
        "delivery.html", delivery=row, attempts=attempts, document=_document(row["document"], plain=plain), plain=plain,
        can_retry=row["state"] in RETRIED, can_cancel=row["state"] in CANCELLED,
    )  # fmt: skip


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
    """Try a rejected one again, or ask now about one in doubt."""
    from hub.events import delivery

    try:
        delivery.retry(the_hub(), delivery_id, by=who())
    except (ValueError, LookupError) as fault:
        done("delivery.refused", "bad", why=str(fault))
    else:
        done("delivery.retried")
    return back("deliveries.detail", delivery_id=delivery_id)


@pages.post("/<delivery_id>/cancel")
@needs("operator")
def cancel(delivery_id: str) -> Any:
    """Give it up, for a reason."""
    from hub.events import delivery

    if reason := reason_given():
        try:
            delivery.cancel(the_hub(), delivery_id, by=who(), reason=reason)
        except (ValueError, LookupError) as fault:
            done("delivery.refused", "bad", why=str(fault))
        else:
            done("delivery.cancelled")
    return back("deliveries.detail", delivery_id=delivery_id)
