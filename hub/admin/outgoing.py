"""What goes out to people: notices to staff and tags written back, in which state each is, why, and a second try."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for

from hub.admin import overview
from hub.admin.web import back, done, needs, page, the_hub, who
from hub.admin.words import error_words
from hub.people import notices, tags

pages = page("outgoing", "/outgoing")
SHOWN = 100
NOTICE_STATES = ("pending", "sending", "sent", "in_doubt", "refused", "nobody")
TAG_STATES = ("pending", "sending", "written", "done", "refused", "superseded")


@pages.get("")
def index() -> str:
    """Both lists, newest first."""
    hub, what = the_hub(), request.args.get("what", "notices")
    what = what if what in ("notices", "tags") else "notices"
    found = notices.list_(hub, limit=SHOWN) if what == "notices" else tags.list_(hub, limit=SHOWN)
    with hub.db.read() as conn:
        names = overview.account_names(conn)
    for row in found:
        row["to"] = names.get(row["account_id"], {"title": "–", "platform": "", "key": ""})
        row["told"] = error_words(row["error"], row["to"]["platform"])
        row["again"] = _again(what, row)
        row["place"] = _place(row) if what == "notices" else ""
    return render_template("outgoing.html", found=found, what=what)


def _place(row: dict[str, Any]) -> str:
    """Where the fact is shown that a notice tells of, '' where nowhere."""
    kind, subject = row["kind"], row["subject"]
    if kind.startswith("delivery.") or kind == "invoice.issued":
        return url_for("deliveries.detail", delivery_id=subject)
    if kind.startswith("deal."):
        return url_for("sheet.fact", kind="deal", ref=subject)
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
