"""Inbox: what platforms pushed, what became of it, and working on it again."""

from __future__ import annotations

import json
from typing import Any

from flask import abort, render_template, request
from sqlalchemy import select

from hub.admin import overview, paging
from hub.admin.web import audited, back, done, needs, one, page, rows, the_hub, who
from hub.admin.words import error_words, stream_title

pages = page("inbox", "/inbox")
INBOX = overview.INBOX
LISTED = [column for column in INBOX.c if column.name != "body"]
STATES = ("pending", "done", "failed", "stuck")


@pages.get("")
def index() -> str:
    """The list, newest first; filters: account, state (stuck: unusable, or tried more than once)."""
    account, state = request.args.get("account", ""), request.args.get("state", "")
    with the_hub().db.read() as conn:
        names = overview.account_names(conn)
        statement = select(*LISTED)
        if account:
            wanted = next((number for number, item in names.items() if item["key"] == account), None)
            statement = statement.where(paging.by_the_way(INBOX.c.account_id) == wanted)
        order = INBOX.c.received_at
        if state == "stuck":
            tried = (INBOX.c.state == "pending") & (INBOX.c.attempts > 1)
            statement = statement.where((INBOX.c.state == "failed") | tried)
        elif state in STATES:
            order = INBOX.c.next_at
            statement = statement.where(INBOX.c.state == state)
        found, older = paging.cut(rows(conn, paging.page_of(statement, order, INBOX.c.key)), order.name, "key")
    for row in found:
        _name(row, names)
    return render_template("inbox.html", pushes=found, older=older, accounts=names, account=account, state=state, states=STATES)


def _name(row: dict[str, Any], names: dict[int, dict[str, Any]]) -> None:
    row["account"] = names.get(row["account_id"]) or {"key": "", "title": "–", "platform": ""}
    row["told"] = error_words(row["error"], row["account"]["platform"])
    row["about"] = [
        {**item, "stream_title": stream_title(row["account"]["platform"], item.get("stream", ""))}
        for item in row["summary"] or ()
    ]


def _loaded(key: str) -> dict[str, Any]:
    with the_hub().db.read() as conn:
        row = one(conn, select(*LISTED).where(INBOX.c.key == key))
        _name(row, overview.account_names(conn))
    return row


@pages.get("/push")
def detail() -> str:
    """One push: ``?key=``. Its body is not opened."""
    return render_template("push.html", push=_loaded(request.args.get("key", "")), body=None)


@pages.post("/push/body")
@needs("operator")
def body() -> str:
    """The push with its plain text; the audit log says who looked."""
    from hub.sync import inbox

    key = request.form.get("key", "")
    push, found = _loaded(key), inbox.show(the_hub(), key)
    if found is None:
        abort(404)
    audited("inbox.reveal", f"inbox:{key}")
    text = json.dumps(found["body"], ensure_ascii=False, indent=2, default=str)
    return render_template("push.html", push=push, body=text)


@pages.post("/push/replay")
@needs("operator")
def replay() -> Any:
    """Work on it again."""
    from hub.sync import inbox

    key = request.form.get("key", "")
    _loaded(key)
    counts = inbox.replay(the_hub(), [key], by=who())
    done("inbox.replayed", n=counts["replayed"])
    return back("inbox.detail", key=key)
