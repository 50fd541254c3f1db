"""The receiver: one route for all platforms. Raw bytes, verify, decrypt, store, answer — in that order.

A push is acknowledged only when it is durable. A wrong signature gets what the platform expects for it and leaves a
counter, not a row. Success is never answered from an exception handler.
"""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, request

from connectors.base import EventSource, Outcome, RawRequest, Reply
from connectors.errors import BadPush, BadSignature, ConnectorError
from hub import accounts
from hub.core import Hub
from hub.models import Account
from hub.sync.connect import connect
from webhooks.inbox import Busy, Inbox

log = structlog.get_logger("webhooks")
MAX_BODY = 1 << 20


def blueprint(hub: Hub) -> Blueprint:
    """The routes ``/webhooks/<account key>``. The inbox lives as long as the process."""
    routes = Blueprint("webhooks", __name__, url_prefix="/webhooks")
    inbox = Inbox(hub)

    @routes.route("/<account_key>", methods=["GET", "POST"])
    def receive(account_key: str) -> Response:
        """Take one push."""
        if (request.content_length or 0) > MAX_BODY:
            return Response(status=413)
        source, account = _source(hub, account_key)
        if source is None or account is None:
            return Response(status=404)
        raw = RawRequest(request.method, request.args.to_dict(), dict(request.headers), request.get_data(cache=False))
        return _take(inbox, source, account, raw)

    return routes


def _source(hub: Hub, key: str) -> tuple[EventSource | None, Account | None]:
    try:
        account = accounts.get(hub, key)
    except accounts.AccountFault:
        return None, None
    if account.state == "removed":
        return None, None
    connector = connect(hub, account, priority=1)
    return (connector, account) if isinstance(connector, EventSource) else (None, None)


def _take(inbox: Inbox, source: EventSource, account: Account, raw: RawRequest) -> Response:
    outcome: Outcome = "stored"
    ack: Reply | None = None
    try:
        opened = source.open(raw)
        if opened.answer is not None:
            return Response(opened.answer, status=200, content_type="text/plain; charset=utf-8")
        inbox.take(source, account, opened)
        ack = opened.ack
    except BadSignature as error:
        outcome = _refuse(inbox, account, "bad_signature", error)
    except BadPush as error:
        outcome = _refuse(inbox, account, "bad_push", error)
    except Busy:
        return Response(status=503, headers={"Retry-After": "2"})
    reply = ack or source.reply(outcome)
    return Response(reply.body, status=reply.status, content_type=reply.content_type)


def _refuse(inbox: Inbox, account: Account, reason: Outcome, error: ConnectorError) -> Outcome:
    inbox.count_refused(account.id or 0, reason)
    log.warning("push refused", account=account.key, reason=reason, key=error.key)
    return reason
