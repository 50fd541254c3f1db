"""Reconciling: what should exist, what was delivered, and what the destination holds, with every difference and its cause."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import abort, render_template, request

from connectors.messages import known
from hub.admin import overview
from hub.admin.account_form import open_draft, seal_draft
from hub.admin.i18n import both, catalogue, t
from hub.admin.web import audited, back, done, needs, page, the_hub, who
from hub.admin.words import error_words, manifest_of

pages = page("reconcile", "/reconcile")
AT_ONCE = 100
"""So many are looked up in one answer; the person goes on with a button."""
DAYS = (7, 31, 0)
SHOWN = 200


def _sinks() -> list[dict[str, Any]]:
    with the_hub().db.read() as conn:
        found = overview.accounts(conn)
    sinks = [(item, manifest) for item in found if (manifest := manifest_of(item["platform"])) and "sink" in manifest.roles]
    return [item for item, _ in sorted(sinks, key=lambda pair: pair[1].category != "finance")]


@pages.get("")
def index() -> str:
    """Choose a destination."""
    return _page(request.args.get("account", ""), 7)


@pages.post("")
@needs("operator")
def run() -> Any:
    """Compare now, or go on where the last answer stopped. fix: look up what is in doubt, as the hub would when due."""
    from hub.events.reconcile import reconcile

    hub, key, days = the_hub(), request.form.get("account", ""), request.form.get("days", "7")
    chosen = next((item for item in _sinks() if item["key"] == key), None)
    if chosen is None or days not in map(str, DAYS):
        abort(404)
    place, fix = f"{who()}|{key}|{days}", request.form.get("fix") == "1"
    earlier = request.form.get("resume", "")
    report = open_draft(hub.ring, place, earlier, hub.now_us()) if earlier else None
    if earlier and report is None:
        done("reconcile.draft_old", "warn")
        return back("reconcile.index", account=key)
    if report is None:
        audited("delivery.reconcile", f"account:{key}", days=int(days), fix=fix)
    since = (hub.now() - timedelta(days=int(days))).date() if int(days) else None
    result = reconcile(hub, key, since, fix=fix, by=who(), limit=AT_ONCE, resume=report)
    resume = seal_draft(hub.ring, place, result, hub.now_us()) if result["next"] else ""
    return _page(key, int(days), result, resume=resume, fix=fix, told=error_words(result["stopped"], chosen["platform"]))


def _page(account: str, days: int, result: dict[str, Any] | None = None, **more: Any) -> str:
    if result is not None:
        for item in result["differences"]:
            item["words"] = cause_words(item["cause"])
    return render_template(
        "reconcile.html", sinks=_sinks(), account=account, days=days, choices=DAYS, result=result, shown=SHOWN, **more
    )


def cause_words(cause: str) -> str:
    """Why the three differ, as words: one of our causes, else what an error of that key says."""
    if f"cause.{cause}" in catalogue():
        return t(f"cause.{cause}")
    message = known(cause)
    return both(message) if message else cause
