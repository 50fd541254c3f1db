"""What every page uses: the hub, who is asking, what they may do, and rows as dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from flask import Blueprint, abort, current_app, flash, redirect, request, url_for
from flask_login import current_user
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from hub.admin.i18n import t
from hub.core import Hub
from hub.security import audit

RANK = {"viewer": 1, "operator": 2, "admin": 3}
"""Each role may do what the ones before it may."""


def the_hub() -> Hub:
    """The hub this application serves."""
    return cast(Hub, current_app.extensions["hub"])


def page(name: str, prefix: str = "") -> Blueprint:
    """A blueprint whose pages are for people who have signed in with at least the role viewer."""
    blueprint = Blueprint(name, __name__, url_prefix=prefix)
    blueprint.before_request(_signed_in)
    return blueprint


def _signed_in() -> Response | None:
    if not current_user.is_authenticated:
        here = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("security.login", next=here if here != "/" else None))
    if not may("viewer"):
        abort(403)
    return None


def may(role: str) -> bool:
    """Whether the person may do what this role may."""
    held = [RANK.get(item.name, 0) for item in getattr(current_user, "roles", [])]
    return max(held, default=0) >= RANK[role]


def needs(role: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """For a view: only people with this role (or a higher one)."""

    def wrap(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not may(role):
                abort(403)
            return view(*args, **kwargs)

        return guarded

    return wrap


def who() -> str:
    """The person, as the audit log names them."""
    return str(current_user.email)


def audited(what: str, subject: str, **detail: Any) -> None:
    """Write an audit entry of its own (services that change something write theirs themselves)."""
    with the_hub().db.write() as conn:
        audit.record(conn, who(), what, subject, **detail)


def rows(conn: Connection, statement: Any) -> list[dict[str, Any]]:
    """All rows as dictionaries."""
    return [dict(row._mapping) for row in conn.execute(statement)]


def one(conn: Connection, statement: Any) -> dict[str, Any]:
    """The row as a dictionary, or a 404 page."""
    row = conn.execute(statement).first()
    if row is None:
        abort(404)
    return dict(row._mapping)


def done(key: str, kind: str = "ok", /, **params: Any) -> None:
    """Tell the person, on the next page, what has happened. kind: ok | warn | bad."""
    flash(t(key, **params), kind)


def back(endpoint: str, **values: Any) -> Response:
    """Redirect (see other) after a post."""
    return redirect(url_for(endpoint, **values), 303)


def reason_given() -> str:
    """The reason in the form, or '' after telling the person that it is needed."""
    reason = request.form.get("reason", "").strip()[:500]
    if not reason:
        done("say.reason_needed", "bad")
    return reason
