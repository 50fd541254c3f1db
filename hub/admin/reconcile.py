"""Reconciling: compares what was delivered with what the destination holds, and shows each difference."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template, request

from connectors.errors import ConnectorError
from hub.admin import overview
from hub.admin.web import audited, needs, page, the_hub
from hub.admin.words import error_words, manifest_of

pages = page("reconcile", "/reconcile")


def _sinks() -> list[dict[str, Any]]:
    with the_hub().db.read() as conn:
        found = overview.accounts(conn)
    return [item for item in found if (manifest := manifest_of(item["platform"])) and "sink" in manifest.roles]


@pages.get("")
def index() -> str:
    """Choose a destination."""
    return render_template("reconcile.html", sinks=_sinks(), account=request.args.get("account", ""), result=None)


@pages.post("")
@needs("operator")
def run() -> Any:
    """Compare now; fix: settle what the answer settles (documents in doubt)."""
    from hub.events import reconcile

    hub, key = the_hub(), request.form.get("account", "")
    chosen = next((item for item in _sinks() if item["key"] == key), None)
    if chosen is None:
        abort(404)
    fix = request.form.get("fix") == "1"
    audited("delivery.reconcile", f"account:{key}", fix=fix)
    try:
        result, told = reconcile.reconcile(hub, key, fix=fix), None
    except ConnectorError as error:
        result, told = None, error_words(error.as_dict(), chosen["platform"])
    return render_template("reconcile.html", sinks=_sinks(), account=key, result=result, told=told, fixed=fix)
