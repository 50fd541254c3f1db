"""Quarantine: records that could not be used, why, and a button to try again."""

from __future__ import annotations

import json
from typing import Any

from flask import abort, render_template, request
from sqlalchemy import Connection, func, select

from connectors import registry
from hub.admin import overview, paging
from hub.admin.web import audited, back, done, needs, one, page, reason_given, rows, the_hub, who
from hub.admin.words import error_words, stream_title

pages = page("quarantine", "/quarantine")
Q = overview.QUARANTINED
LISTED = [column for column in Q.c if column.name != "body"]
STATES = ("open", "dismissed")
BATCH = 500
"""Replaying all takes so many at a time, so that the answer comes in seconds."""


@pages.get("")
def index() -> str:
    """The list; filters: account, state."""
    account, state = request.args.get("account", ""), request.args.get("state", "open")
    state = state if state in STATES else "open"
    with the_hub().db.read() as conn:
        names = overview.account_names(conn)
        statement = select(*LISTED).where(Q.c.state == state)
        if account:
            statement = statement.where(Q.c.account_id == _number(names, account))
        found, older = paging.cut(rows(conn, paging.page_of(statement, Q.c.last_at, Q.c.ref)), "last_at", "ref")
    for row in found:
        _name(row, names)
    return render_template(
        "quarantine.html", records=found, older=older, accounts=names, account=account, state=state, states=STATES
    )


def _number(names: dict[int, dict[str, Any]], key: str) -> int | None:
    return next((number for number, item in names.items() if item["key"] == key), None)


def _name(row: dict[str, Any], names: dict[int, dict[str, Any]]) -> None:
    row["account"] = names.get(row["account_id"]) or {"key": "", "title": "–", "platform": ""}
    row["stream_title"] = stream_title(row["account"]["platform"], row["stream"])
    row["told"] = error_words(row["error"], row["account"]["platform"])


def _loaded(conn: Connection, ref: str) -> dict[str, Any]:
    row = one(conn, select(*LISTED).where(Q.c.ref == ref))
    _name(row, overview.account_names(conn))
    return row


@pages.get("/record")
def detail() -> str:
    """One record: ``?ref=``. Its body is not opened."""
    with the_hub().db.read() as conn:
        record = _loaded(conn, request.args.get("ref", ""))
    return render_template("quarantined.html", record=record, body=None)


@pages.post("/record/body")
@needs("operator")
def body() -> str:
    """The record with its raw body; the audit log says who looked."""
    from hub.sync import quarantine

    ref = request.form.get("ref", "")
    with the_hub().db.read() as conn:
        record = _loaded(conn, ref)
    found = quarantine.show(the_hub(), ref)
    if found is None:
        abort(404)
    audited("quarantine.reveal", f"quarantine:{ref}")
    text = json.dumps(found["body"], ensure_ascii=False, indent=2, default=str)
    return render_template("quarantined.html", record=record, body=text)


@pages.post("/record/replay")
@needs("operator")
def replay() -> Any:
    """Try one record again."""
    ref = request.form.get("ref", "")
    _replay([ref])
    with the_hub().db.read() as conn:
        stays = conn.execute(select(Q.c.ref).where(Q.c.ref == ref)).first()
    return back("quarantine.detail", ref=ref) if stays else back("quarantine.index")


@pages.post("/record/dismiss")
@needs("operator")
def dismiss() -> Any:
    """Take it off the list, for a reason."""
    from hub.sync import quarantine

    ref = request.form.get("ref", "")
    with the_hub().db.read() as conn:
        _loaded(conn, ref)
    if reason := reason_given():
        quarantine.dismiss(the_hub(), ref, by=who(), reason=reason)
        done("quarantine.dismissed")
    return back("quarantine.detail", ref=ref)


@pages.get("/replay")
@needs("operator")
def count() -> str:
    """How many would be tried again, before anything is done; filter: account."""
    account = request.args.get("account", "")
    with the_hub().db.read() as conn:
        names = overview.account_names(conn)
        open_ones = _open(_number(names, account) if account else None)
        number = conn.execute(select(func.count()).select_from(open_ones.limit(overview.CAP).subquery())).scalar_one()
    title = next((item["title"] for item in names.values() if item["key"] == account), "")
    return render_template(
        "quarantine_replay.html", number=number, account=account, title=title, cap=overview.CAP, batch=min(BATCH, number)
    )


def _open(account_id: int | None) -> Any:
    statement = select(Q.c.ref).where(Q.c.state == "open")
    return statement.where(Q.c.account_id == account_id) if account_id is not None else statement


@pages.post("/replay")
@needs("operator")
def replay_all() -> Any:
    """Try the open ones again, a batch at a time."""
    account = request.form.get("account", "")
    with the_hub().db.read() as conn:
        number = _number(overview.account_names(conn), account) if account else None
        if account and number is None:
            abort(404)
        refs = list(conn.execute(_open(number).limit(BATCH)).scalars())
    _replay(refs)
    return back("quarantine.index", account=account or None)


def _replay(refs: list[str]) -> None:
    from hub.sync import quarantine

    try:
        counts = quarantine.replay(the_hub(), refs, by=who())
    except registry.UnknownConnector:
        done("quarantine.no_connector", "bad")
        return
    done("quarantine.replayed", "warn" if counts["failed"] else "ok", landed=counts["landed"], failed=counts["failed"])
