"""Sign-in with a platform: a button for each account that can, the way there, the way back. For people not signed in yet."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_security import login_user
from sqlmodel import Session

from connectors.errors import ConnectorError
from connectors.messages import explain
from hub.admin.i18n import language, t
from hub.admin.web import the_hub
from hub.admin.words import manifest_of
from hub.models import User
from hub.people import links

pages = Blueprint("sign_in", __name__, url_prefix="/sign-in")
BOUND = "sign_in_state"


def _back(key: str) -> str:
    """The address to which the platform brings the browser back; by the public address where one is set."""
    base = the_hub().settings.public_url.rstrip("/")
    return base + url_for("sign_in.back", key=key) if base else url_for("sign_in.back", key=key, _external=True)


@pages.get("/<key>")
def begin(key: str) -> Any:
    """To the platform's page."""
    try:
        url, state = links.begin(the_hub(), key, _back(key), request.user_agent.string)
    except (ConnectorError, links.LinkFault) as error:
        return _refused(key, error)
    session[BOUND] = state
    return redirect(url, 303)


@pages.get("/<key>/back")
def back(key: str) -> Any:
    """Back from it: signed in, or a page that says why not."""
    try:
        user_id = links.finish(the_hub(), key, request.args.to_dict(), str(session.pop(BOUND, "")))
    except (ConnectorError, links.LinkFault) as error:
        return _refused(key, error)
    with the_hub().db.read() as conn, Session(conn) as opened:
        user = opened.get_one(User, user_id)
        opened.expunge_all()
    login_user(user, authn_via=[f"platform:{key}"])
    return redirect(url_for("dashboard.show"), 303)


def _refused(key: str, error: Exception) -> Any:
    """The person learns what to do next."""
    if isinstance(error, links.LinkFault):
        what, fix = t(error.key), t("sign_in.again")
    else:
        found = next((item for item in links.doors(the_hub()) if item["key"] == key), None)
        assert isinstance(error, ConnectorError)
        what, fix = explain(error, language(), manifest_of(found["platform"]) if found else None)
    return render_template("sign_in_refused.html", what=what, fix=fix), 403
