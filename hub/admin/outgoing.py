"""What goes out to people: notices to staff and tags written back, in which state each is, why, and a second try."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for

from hub.admin import overview, paging
from hub.admin.web import back, done, needs, page, the_hub, who
from hub.admin.words import error_words
from hub.core import Hub
from hub.people import notices, tags
from hub.people.wishes import WRITE

pages = page("outgoing", "/outgoing")
NOTICE_STATES = ("pending", "sending", "sent", "in_doubt", "refused", "nobody")
TAG_STATES = ("pending", "sending", "written", "done", "refused", "superseded")


@pages.get("")
def index() -> str:
    """Both lists, newest first; filters: state, number (one notice alone)."""
    hub, what, number = the_hub(), request.args.get("what", "notices"), request.args.get("number", "")
    what = what if what in ("notices", "tags") else "notices"
    states = NOTICE_STATES if what == "notices" else TAG_STATES
    state = request.args.get("state", "")
    state = state if state in states else ""
    found, older = _notices(hub, state, number) if what == "notices" else _wishes(hub, state)
    with hub.db.read() as conn:
        names = overview.account_names(conn)
    for row in found:
        row["to"] = names.get(row["account_id"], {"title": "–", "platform": "", "key": ""})
        row["told"] = error_words(row["error"], row["to"]["platform"])
        row["again"] = _again(what, row)
        row["place"] = _place(row) if what == "notices" else ""
    return render_template("outgoing.html", found=found, older=older, what=what, state=state, states=states, number=number)


def _notices(hub: Hub, state: str, number: str) -> tuple[list[dict[str, Any]], str | None]:
    c = notices.NOTICE.c
    if number:
        return notices.list_(hub, c.id == number), None
    found = notices.list_(hub, paging.after(c.created_at, c.id), state=state, limit=paging.SIZE + 1)
    return paging.cut(found, "created_at", "id")


def _wishes(hub: Hub, state: str) -> tuple[list[dict[str, Any]], str | None]:
    return paging.cut_at(tags.list_(hub, paging.below(WRITE.c.id), state=state, limit=paging.SIZE + 1), "id")


def _place(row: dict[str, Any]) -> str:
    """Where the fact is shown that a notice tells of, '' where nowhere."""
    kind, subject = row["kind"], row["subject"]
    if kind.startswith("delivery.") or kind == "invoice.issued":
        return url_for("deliveries.detail", delivery_id=subject)
    if kind.startswith("deal."):
        return url_for("sheet.fact", kind="deal", ref=subject)
    if kind in ("invoice.requested", "invoice.withdrawn"):
        return url_for("invoice_request.detail", ref=subject)
    return url_for("customers.detail", customer_id=subject) if kind == "owner.conflict" else ""


def _again(what: str, row: dict[str, Any]) -> bool:
    if what == "tags":
        return row["state"] in tags.RETRIED
    return bool(row["state"] in notices.RETRIED and row["receivers"] and (row["state"] != "sent" or row["missed"]))


@pages.post("/notices/<number>")
@needs("operator")
def send_again(number: str) -> Any:
    """A notice once more."""
    try:
        notices.retry(the_hub(), number, by=who())
    except notices.NoticeFault as fault:
        done(fault.key, "bad")
    else:
        done("outgoing.again")
    return back("outgoing.index")


@pages.post("/tags/<int:number>")
@needs("operator")
def write_again(number: int) -> Any:
    """A tag once more."""
    try:
        tags.retry(the_hub(), number, by=who())
    except tags.TagFault as fault:
        done(fault.key, "bad")
    else:
        done("outgoing.again")
    return back("outgoing.index", what="tags")
