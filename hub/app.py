"""Wires everything that answers HTTP: admin pages, health, and the receiver of pushes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from flask import Flask, Response

from hub.core import Hub

PAGES = (
    "dashboard", "accounts", "account_new", "connectors", "runs", "customers", "customer_change", "deliveries", "invoices",
    "reconcile", "sheet", "tag_rules", "quarantine", "inbox", "users_page", "about", "outgoing", "customer_tags", "sign_in",
    "reviews", "handover", "conflicts", "customer_messages", "customer_fields",
    "customer_facts", "invoice_request", "audit",
)  # fmt: skip
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def create_app(hub: Hub) -> Flask:
    """The application of one hub: admin pages with sessions, ``/healthz`` without, pushes without and apart."""
    from hub.admin import frame

    app = Flask("hub.admin")
    app.extensions["hub"] = hub
    frame.install(app, hub)
    for name in PAGES:
        app.register_blueprint(import_module(f"hub.admin.{name}").pages)
    frame.limit(app, "sign_in.begin", "20 per minute")
    app.add_url_rule("/healthz", "healthz", lambda: _health(hub))
    _mount_receiver(app, hub)
    return app


def _health(hub: Hub) -> Response:
    """Is the database there? No sign-in, and no word on what is inside."""
    from sqlalchemy import text

    try:
        with hub.db.read() as conn:
            conn.execute(text("SELECT 1"))
    except Exception:
        return Response('{"status":"unavailable"}\n', 503, mimetype="application/json")
    return Response('{"status":"ok"}\n', mimetype="application/json")


def _mount_receiver(app: Flask, hub: Hub) -> None:
    """Pushes go to an application of their own beside the pages: no session, no CSRF, no sign-in, less work each."""
    from webhooks.receiver import blueprint

    receiver = Flask("webhooks", static_folder=None)
    receiver.extensions["hub"] = hub
    receiver.register_blueprint(blueprint(hub))
    app.extensions["receiver"] = receiver
    heads = tuple({"/" + rule.rule.split("/")[1] + "/" for rule in receiver.url_map.iter_rules()})
    app.wsgi_app = Beside(app.wsgi_app, receiver.wsgi_app, heads)  # type: ignore[method-assign]


class Beside:
    """Sends paths with certain beginnings to another application."""

    def __init__(self, pages: Wsgi, other: Wsgi, heads: tuple[str, ...]) -> None:
        self._pages, self._other, self._heads = pages, other, heads

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """One request."""
        app = self._other if environ.get("PATH_INFO", "").startswith(self._heads) else self._pages
        return app(environ, start_response)
