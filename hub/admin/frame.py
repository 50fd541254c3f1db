"""What surrounds every page: session, CSRF, security headers, rate limits, language, error pages."""

from __future__ import annotations

import logging
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from flask import Flask, Response, make_response, redirect, render_template, request, url_for
from flask_babel import Babel
from flask_bootstrap import Bootstrap5
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from hub.admin import i18n, show, users
from hub.admin.paging import same_page
from hub.admin.web import RANK, may
from hub.core import Hub

log = logging.getLogger("hub.admin")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
SESSION_HOURS = 12


def install(app: Flask, hub: Hub) -> None:
    """Put the frame around the application's pages."""
    https = hub.settings.public_url.startswith("https://")
    own = hub.ring.derived("cookies", 4).hex()  # browsers keep cookies by host, not by port: several hubs on one host
    app.config.update(
        SECRET_KEY=hub.ring.derived("session"),
        SESSION_COOKIE_NAME=f"hub_session_{own}",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        REMEMBER_COOKIE_NAME=f"hub_remember_{own}",
        REMEMBER_COOKIE_HTTPONLY=True,
        REMEMBER_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_SECURE=https,
        PERMANENT_SESSION_LIFETIME=SESSION_HOURS * 3600,
        WTF_CSRF_TIME_LIMIT=SESSION_HOURS * 3600,
        MAX_CONTENT_LENGTH=4 * 1024 * 1024,
        SEND_FILE_MAX_AGE_DEFAULT=86400,
        BOOTSTRAP_SERVE_LOCAL=True,
        RATELIMIT_STORAGE_URI="memory://",
    )
    app.jinja_options = {**app.jinja_options, "trim_blocks": True, "lstrip_blocks": True}
    Babel(app, locale_selector=i18n.locale, default_timezone="Asia/Shanghai")
    Bootstrap5(app)
    CSRFProtect(app)
    users.install(app, hub)
    _limit_sign_in(app)
    show.install(app)
    app.jinja_env.globals.update(may=may, roles=list(RANK), same_page=same_page, first_page=lambda: same_page(before=None))
    app.context_processor(_context)
    app.url_defaults(_versioned)
    app.after_request(lambda response: _headers(response, https))
    app.register_error_handler(Exception, _error_page)
    app.add_url_rule("/language", view_func=_language, methods=["POST"])
    if hub.settings.proxy_hops:
        n = hub.settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n)  # type: ignore[method-assign]


class Counter:
    """Numbers the questions of a page, so that each has an id of its own."""

    def __init__(self) -> None:
        self._count = 0

    def next(self) -> str:
        """The next id."""
        self._count += 1
        return f"ask-{self._count}"


def _context() -> dict[str, Any]:
    return {"here": (request.endpoint or "").partition(".")[0], "asked": Counter()}


def _versioned(endpoint: str, values: dict[str, Any]) -> None:
    """Static files of ours carry a mark of their content, so that a browser keeps them and still sees a new version."""
    if endpoint == "static":
        values["v"] = _mark(values["filename"])


@cache
def _mark(filename: str) -> str:
    return blake2b((Path(__file__).parent / "static" / filename).read_bytes(), digest_size=4).hexdigest()


def _limit_sign_in(app: Flask) -> None:
    """Ten tries a minute from one address, thirty an hour for one person, wherever they come from."""
    limiter = app.extensions["hub.limiter"] = Limiter(get_remote_address, app=app)
    view: Any = app.view_functions["security.login"]
    per_person = limiter.limit("30 per hour", key_func=_tried_email, methods=["POST"])(view)
    app.view_functions["security.login"] = limiter.limit("10 per minute", methods=["POST"])(per_person)


def limit(app: Flask, endpoint: str, rate: str) -> None:
    """At most so many requests of one address to a page that anybody may ask for."""
    limiter: Limiter = app.extensions["hub.limiter"]
    view: Any = app.view_functions[endpoint]
    app.view_functions[endpoint] = limiter.limit(rate)(view)


def _tried_email() -> str:
    return "email:" + request.form.get("email", "").strip().lower()


def _headers(response: Response, https: bool) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if https:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if not (request.endpoint or "").endswith("static"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _error_page(error: Exception) -> Any:
    if not isinstance(error, HTTPException):
        log.exception("page failed: %s", request.endpoint)
    code = error.code or 500 if isinstance(error, HTTPException) else 500
    if code < 400 and isinstance(error, HTTPException):
        return error
    known = {400, 403, 404, 405, 413, 429, 500}
    shown = "csrf" if isinstance(error, CSRFError) else str(code if code in known else 500 if code >= 500 else 400)
    return render_template("error.html", shown=shown, code=code), code


def _language() -> Any:
    chosen = request.form.get("language", "")
    target = request.form.get("next", "")
    # a path of our own only: a second slash or a backslash would lead a browser elsewhere
    local = target.startswith("/") and not target.startswith("//") and "\\" not in target
    response = make_response(redirect(target if local else url_for("dashboard.show"), 303))
    if chosen in i18n.LANGUAGES:
        secure = request.is_secure
        response.set_cookie(i18n.COOKIE, chosen, max_age=31536000, samesite="Lax", httponly=True, secure=secure)
        if current_user.is_authenticated:
            from hub.admin.web import the_hub

            users.set_language(the_hub(), current_user.id, chosen)
    return response
