"""The Stream gateway of the DingTalk simulator: tickets, frames, redelivery. (docs: developerpedia learn/stream/protocol)"""

from __future__ import annotations

import json
import random
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from connectors.dingtalk.sim_gate import Refusal

TICKET = timedelta(seconds=90)


@dataclass
class Line:
    """One open connection. answers: messageId -> answer, filled by its reader."""

    socket: ServerConnection
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    came: threading.Condition = field(default_factory=threading.Condition)


class Gateway:
    """tickets: those not used yet, with their end. patience: the 3 s within which an event wants its answer, shorter in tests.

    How often and after what time an event comes again after LATER, or no answer, is not documented; here it waits in
    ``waiting`` until it is sent again. log: (event id, status) of each answer.
    """

    def __init__(self, client_id: str, secret: str, corp_id: str, now: Callable[[], datetime]) -> None:
        self._client, self._corp, self._now = (client_id, secret), corp_id, now
        self.tickets: dict[str, datetime] = {}
        self.lines: list[Line] = []
        self.patience = 3.0
        self.waiting: list[dict[str, Any]] = []
        self.log: list[tuple[str, str]] = []
        self._server: Server | None = None
        self._lock = threading.RLock()

    def open(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST /v1.0/gateway/connections/open."""
        if (body.get("clientId"), body.get("clientSecret")) != self._client:
            raise Refusal("invalidClientIdOrSecret", 400)
        wanted = body.get("subscriptions")
        if not isinstance(wanted, list) or not any(item.get("type") in ("EVENT", "CALLBACK") for item in wanted):
            raise Refusal("invalidParameter", 400)
        ticket = secrets.token_hex(24)
        with self._lock:
            self._start()
            self.tickets[ticket] = self._now() + TICKET
            assert self._server is not None
            port = self._server.socket.getsockname()[1]
        return {"endpoint": f"ws://127.0.0.1:{port}/connect", "ticket": ticket}

    def _start(self) -> None:
        if self._server is None:
            self._server = serve(self._serve, "127.0.0.1", 0)
            threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving; every connection ends."""
        if self._server is not None:
            for line in list(self.lines):
                line.socket.close()
            self._server.shutdown()

    def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        ticket = parse_qs(urlsplit(connection.request.path).query).get("ticket", [""])[0]
        with self._lock:
            until = self.tickets.pop(ticket, None)
            if until is None or until < self._now():
                connection.close(1008, "ticket")
                return
            line = Line(connection)
            self.lines.append(line)
        try:
            for text in connection:
                answer = json.loads(text)
                with line.came:
                    line.answers[str(answer["headers"]["messageId"])] = answer
                    line.came.notify_all()
        except ConnectionClosed:
            pass
        finally:
            self.lines.remove(line)

    # -- what it sends

    def push(self, kind: str, fields: Mapping[str, Any], event_id: str = "") -> str:
        """Send an event to one of the connections; the status of its answer, '' for none. Without SUCCESS it waits."""
        event = {"kind": kind, "fields": dict(fields), "id": event_id or secrets.token_hex(16)}
        return self._deliver(event)

    def again(self) -> list[str]:
        """Send once more what was not acknowledged; the statuses."""
        waiting, self.waiting = self.waiting, []
        return [self._deliver(event) for event in waiting]

    def _deliver(self, event: dict[str, Any]) -> str:
        born = str(int(self._now().timestamp() * 1000))
        headers = {"eventType": event["kind"], "eventId": event["id"], "eventCorpId": self._corp, "eventBornTime": born}
        answer = self.send("EVENT", "*", json.dumps(event["fields"], ensure_ascii=False), headers)
        # The platform's own Python library answers with the event itself, and with code 500 where it failed.
        status = str(json.loads(answer["data"]).get("status", "SUCCESS")) if answer and answer.get("code") == 200 else ""
        self.log.append((event["id"], status))
        if status != "SUCCESS":
            self.waiting.append(event)
        return status

    def send(self, kind: str, topic: str, data: str, more: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """A frame on one of the connections, at random; its answer, or None."""
        if not self.lines:
            return None
        line = random.choice(self.lines)  # noqa: S311
        number = self._sent(line, kind, topic, data, more or {})
        with line.came:
            line.came.wait_for(lambda: number in line.answers, timeout=self.patience if number else 0)
            return line.answers.pop(number, None)

    @staticmethod
    def _sent(line: Line, kind: str, topic: str, data: str, more: Mapping[str, str]) -> str:
        """Send a frame; its messageId, '' when the connection is gone."""
        number = secrets.token_hex(8)
        headers = {"topic": topic, "messageId": number, "contentType": "application/json", "time": "0", **more}
        frame = {"specVersion": "1.0", "type": kind, "headers": headers, "data": data}
        try:
            line.socket.send(json.dumps(frame, ensure_ascii=False))
        except ConnectionClosed:
            return ""
        return number

    def disconnect(self) -> None:
        """Ask every connection to make way for a new one; no answer is needed."""
        for line in list(self.lines):
            self._sent(line, "SYSTEM", "disconnect", json.dumps({"reason": "connection is expired"}), {})

    def cut(self) -> None:
        """The network breaks."""
        for line in list(self.lines):
            line.socket.socket.shutdown(socket.SHUT_RDWR)
