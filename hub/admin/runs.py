"""Runs: what was read when, how it ended, and a running one as it goes."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, make_response, render_template, request
from sqlalchemy import Connection, select

from hub.admin import overview, paging
from hub.admin.web import one, page, rows, the_hub
from hub.admin.words import error_words, stream_title

pages = page("runs", "/runs")
RUN = overview.RUN
STATES = ("running", "ok", "partial", "failed", "stopped")
COUNTS = ("pages", "fetched", "changed", "unchanged", "older", "quarantined", "withheld", "events")


@pages.get("")
def index() -> str:
    """The list, newest first; filters: account, state."""
    account, state = request.args.get("account", ""), request.args.get("state", "")
    with the_hub().db.read() as conn:
        names = overview.account_names(conn)
        found, older = paging.cut_at(rows(conn, _list(names, account, state)), "id")
    for row in found:
        _name(row, names)
    return render_template("runs.html", runs=found, older=older, accounts=names, account=account, state=state, states=STATES)


def _list(names: dict[int, dict[str, Any]], account: str, state: str) -> Any:
    columns = [column for column in RUN.c if column.name != "unknown"]
    statement = select(*columns).where(paging.below(RUN.c.id)).order_by(RUN.c.id.desc()).limit(paging.SIZE + 1)
    if account:
        wanted = next((number for number, item in names.items() if item["key"] == account), None)
        statement = statement.where(RUN.c.account_id == wanted)
    if state in STATES:
        statement = statement.where(RUN.c.state == state)
    return statement


def _name(row: dict[str, Any], names: dict[int, dict[str, Any]]) -> None:
    account = names.get(row["account_id"]) or {"key": "", "title": "–", "platform": ""}
    row["account"] = account
    row["stream_title"] = stream_title(account["platform"], row["stream"])
    row["told"] = error_words(row["error"], account["platform"])


def _loaded(conn: Connection, run_id: int) -> dict[str, Any]:
    row = one(conn, select(RUN).where(RUN.c.id == run_id))
    _name(row, overview.account_names(conn))
    row["share"] = _share(row)
    return row


def _share(run: dict[str, Any]) -> int | None:
    """How much of the work is done, in percent, where that can be known."""
    if run["state"] != "running":
        return None
    if run["total"]:
        return min(99, 100 * int(run["fetched"]) // int(run["total"]))
    start, end, at = run["window_start"], run["window_end"], run["done_to"]
    if start and end and at and end > start:
        return max(0, min(99, int(100 * ((at - start) / (end - start)))))
    return None


@pages.get("/<int:run_id>")
def detail(run_id: int) -> str:
    """One run."""
    with the_hub().db.read() as conn:
        run = _loaded(conn, run_id)
    return render_template("run.html", run=run, counts=COUNTS)


@pages.get("/<int:run_id>/progress")
def progress(run_id: int) -> Response:
    """The part of the page that changes while the run is running; the header says when to stop asking."""
    with the_hub().db.read() as conn:
        run = _loaded(conn, run_id)
    response = make_response(render_template("run_progress.html", run=run, counts=COUNTS))
    if run["state"] != "running":
        response.headers["X-Poll"] = "stop"
    return response


def account_or_404(names: dict[int, dict[str, Any]], key: str) -> int:
    """The id of the account of that key."""
    found = next((number for number, item in names.items() if item["key"] == key), None)
    if found is None:
        abort(404)
    return found
