"""Stream mode: the same events over a websocket that we open. (docs: developerpedia learn/stream/protocol)"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping
from typing import Any
from urllib.parse import quote_plus

from connectors.base import Opened, Outcome, Request
from connectors.errors import Unavailable
from connectors.sockets import Socket

GATEWAY = "v1.0/gateway/connections/open"
LOOK = 0.5
"""Seconds after which the runtime gets a word while nothing comes."""
SILENT = 120.0
"""Seconds without any frame after which a connection counts as dead; the platform pings more often than that."""
EVENT, SYSTEM = "EVENT", "SYSTEM"


def asking(client_id: str, client_secret: str) -> Request:
    """The call that gives an address and a ticket (90 s, for one connection). It needs no token."""
    body = {
        "clientId": client_id,
        "clientSecret": client_secret,
        "subscriptions": [{"type": EVENT, "topic": "*"}],
        "ua": "lianshu",
    }
    return Request("POST", GATEWAY, json=body, auth=False)


def opened(answer: Mapping[str, Any], *, plain: bool) -> Socket:
    """The connection that an answer of the gateway allows."""
    return Socket(f"{answer['endpoint']}?ticket={quote_plus(str(answer['ticket']))}", name=GATEWAY, plain=plain)


def hear(socket: Socket) -> Generator[Opened | None, Outcome, None]:
    """What comes in, until the platform wants a new connection. An event that was not stored is asked for again."""
    quiet = 0.0
    while True:
        text = socket.receive(LOOK)
        if text is None:
            quiet += LOOK
            if quiet >= SILENT:
                raise Unavailable("dingtalk.stream_silent")
            yield None
            continue
        quiet, frame = 0.0, _frame(text)
        kind, topic = frame.get("type"), _headers(frame).get("topic")
        if kind == SYSTEM and topic == "disconnect":
            return
        if kind == EVENT:
            outcome = yield event(frame)
            status = "SUCCESS" if outcome == "stored" else "LATER"
            socket.send(reply(frame, 200, json.dumps({"status": status, "message": outcome})))
        elif kind == SYSTEM:
            socket.send(reply(frame, 200, frame.get("data")))
        elif frame:
            socket.send(reply(frame, 404, "{}"))


def _frame(text: str) -> Mapping[str, Any]:
    """A frame, or an empty one for what is none: there is nobody to answer."""
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _headers(frame: Mapping[str, Any]) -> Mapping[str, Any]:
    headers = frame.get("headers")
    return headers if isinstance(headers, dict) else {}


def reply(frame: Mapping[str, Any], code: int, data: Any) -> str:
    """The answer to a frame: it bears the frame's id."""
    headers = {"messageId": _headers(frame).get("messageId"), "contentType": "application/json"}
    return json.dumps({"code": code, "headers": headers, "message": "OK" if code == 200 else "no such topic", "data": data})


def event(frame: Mapping[str, Any]) -> Opened:
    """An event as an HTTP push would have brought it: kind, id, time and organisation stand in the frame's headers here."""
    headers = _headers(frame)
    try:
        data = json.loads(str(frame.get("data") or "{}"))
    except ValueError:
        data = None
    fields = {name.lower(): value for name, value in data.items()} if isinstance(data, dict) else {}
    names = {"eventtype": "eventType", "eventid": "eventId", "eventtime": "eventBornTime", "corpid": "eventCorpId"}
    payload = {**fields, **{name: headers.get(header) for name, header in names.items()}}
    plain = json.dumps(payload, ensure_ascii=False, sort_keys=True).encode()
    return Opened(plaintext=plain, payload=payload, dedup_key=str(headers.get("eventId") or hashlib.sha256(plain).hexdigest()))
