"""The simulated message service: a websocket on the simulator's own port, frames, what is waiting to be confirmed.

Written from the frames that two published clients exchange, with another hand than the connector.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import Request
from websockets.frames import Opcode
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

from connectors.taobao.sim_protocol import BEIJING

CLOCK_LIMIT = timedelta(minutes=10)
AGAIN_AFTER = timedelta(minutes=5)
"""After how long an unconfirmed message comes again; the platform's samples say five minutes, people say ten."""
DEFAULT = "default"


def counted(text: str) -> bytes:
    """A text with its length before it."""
    return len(text.encode()).to_bytes(4, "little") + text.encode()


def parse(data: bytes) -> tuple[int, str, dict[str, Any]]:
    """(type, token, custom headers) of a client's frame. Raises ValueError."""
    if data[:1] != b"\x02":
        raise ValueError("version")
    at, token, custom = 2, "", dict[str, Any]()

    def take(count: int) -> bytes:
        nonlocal at
        found = data[at : at + count]
        at += count
        if len(found) < count:
            raise ValueError("cut off")
        return found

    def text() -> str:
        return take(int.from_bytes(take(4), "little")).decode()

    while header := int.from_bytes(take(2), "little"):
        if header == 5:
            token = text()
        elif header == 1:
            name, form = text(), take(1)[0]
            sizes = {2: 1, 3: 2, 4: 4, 5: 8, 6: 8}
            custom[name] = text() if form == 1 else int.from_bytes(take(sizes[form]), "little", signed=True)
        else:
            raise ValueError("header")
    return data[1], token, custom


@dataclass
class Message:
    """A message of the queue. sent: how often; sent_at: when last, None when it is due at once."""

    id: int
    topic: str
    nick: str
    content: dict[str, Any]
    time: int
    group: str = DEFAULT
    sent: int = 0
    sent_at: datetime | None = None

    def due(self, group: str, now: datetime) -> bool:
        """Whether it goes out to that group now."""
        return self.group == group and (self.sent_at is None or now - self.sent_at >= AGAIN_AFTER)

    def published(self) -> str:
        """When, as the API says it: Beijing time without a zone."""
        return datetime.fromtimestamp(self.time / 1000, BEIJING).strftime("%Y-%m-%d %H:%M:%S")

    def frame(self, token: str) -> bytes:
        """As it goes out: numbers of 64 bits, the content as JSON text."""
        parts = [b"\x02\x02", b"\x05\x00", counted(token), b"\x01\x00", counted("__kind"), b"\x02\x03"]
        for name, number in (("id", self.id), ("time", self.time)):
            parts += [b"\x01\x00", counted(name), b"\x05" + number.to_bytes(8, "little", signed=True)]
        for name, value in (("topic", self.topic), ("nick", self.nick), ("content", json.dumps(self.content))):
            parts += [b"\x01\x00", counted(name), b"\x01", counted(value)]
        return b"".join([*parts, b"\x00\x00"])


@dataclass
class Line:
    """One open connection. pulled: whether it has asked for messages; before that none are sent."""

    protocol: ServerProtocol
    socket: Any
    token: str = ""
    group: str = DEFAULT
    pulled: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def flush(self) -> None:
        """Write what the protocol has to say."""
        for data in self.protocol.data_to_send():
            if data:
                self.socket.sendall(data)

    def send(self, data: bytes) -> None:
        """A binary frame."""
        with self.lock:
            self.protocol.send_binary(data)
            self.flush()


class Service:
    """The queue of one application. secrets: app key -> secret. log: ids as they were confirmed. groups: shop -> group.

    expired: shops whose permission for messages has run out.
    """

    def __init__(self, secrets: Callable[[], Mapping[str, str]], now: Callable[[], datetime]) -> None:
        self._secrets, self._now = secrets, now
        self.permitted: set[str] = set()
        self.expired: set[str] = set()
        self.groups: dict[str, str] = {}
        self.waiting: dict[int, Message] = {}
        self.lines: list[Line] = []
        self.log: list[int] = []
        self.refuse: tuple[int, str] | None = None
        self._changed = threading.Condition()
        self._number = 8_000_000_000_000_000_000

    # -- the connection

    def serve(self, request: Request) -> None:
        """Speak the protocol on the request's own socket until either side ends it."""
        protocol = ServerProtocol()
        line = Line(protocol, request.environ["werkzeug.socket"])
        lines = [f"GET {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items()), "", ""]
        protocol.receive_data("\r\n".join(lines).encode("latin-1"))
        (handshake,) = protocol.events_received()
        assert isinstance(handshake, Handshake)
        protocol.send_response(protocol.accept(handshake))
        line.flush()
        try:
            while protocol.state.name == "OPEN" and (data := line.socket.recv(65536)):
                with line.lock:
                    protocol.receive_data(data)
                    line.flush()
                for event in protocol.events_received():
                    if getattr(event, "opcode", None) == Opcode.BINARY:
                        self._heard(line, bytes(event.data))  # type: ignore[union-attr]
        except OSError:
            pass
        finally:
            with self._changed:
                if line in self.lines:
                    self.lines.remove(line)
                self._changed.notify_all()

    def _heard(self, line: Line, data: bytes) -> None:
        try:
            kind, token, custom = parse(data)
        except (ValueError, KeyError):
            return
        if kind == 0:
            line.send(self._connected(line, custom))
        elif kind == 2 and line.token and token == line.token:
            if custom.get("__kind") == 1:
                line.pulled = True
                self._deliver(line)
            elif custom.get("__kind") == 2:
                self.confirm([custom["id"]], line.group)

    def _connected(self, line: Line, said: Mapping[str, Any]) -> bytes:
        secret = self._secrets().get(str(said.get("app_key")), "")
        names = ("app_key", "group_name", "timestamp")
        plain = secret + "".join(f"{name}{said.get(name, '')}" for name in names) + secret
        digest = hashlib.md5(plain.encode(), usedforsecurity=False).hexdigest().upper()
        stamp = str(said.get("timestamp", ""))
        late = not stamp.isdecimal() or abs(int(stamp) / 1000 - self._now().timestamp()) > CLOCK_LIMIT.total_seconds()
        wrong = not secret or late or not hmac.compare_digest(digest.encode(), str(said.get("sign", "")).encode())
        group = str(said.get("group_name", ""))
        if wrong or self.refuse or not self.known(group):
            code, words = self.refuse or ((101, "sign is invalid") if wrong else (102, "group not found"))
            return b"\x02\x01" + b"\x02\x00" + code.to_bytes(4, "little") + b"\x03\x00" + counted(words) + b"\x00\x00"
        line.group = group
        line.token = f"tok-{len(self.log) + len(self.lines) + 1}"
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()
        return b"\x02\x01\x05\x00" + counted(line.token) + b"\x00\x00"

    # -- the queue

    def known(self, group: str) -> bool:
        """Whether there is such a group: one of the platform's own, or one that a shop was put into."""
        return group == DEFAULT or group in self.groups.values()

    def put(self, topic: str, nick: str, content: Mapping[str, Any]) -> int:
        """Queue a message of a shop that has been permitted; its id, 0 where the shop has not.

        It stays in the group that the shop is in now. (docs: taobao.tmc.group.add)
        """
        if nick not in self.permitted:
            return 0
        with self._changed:
            self._number += 1
            stamp = int(self._now().timestamp() * 1000)
            group = self.groups.get(nick, DEFAULT)
            self.waiting[self._number] = Message(self._number, topic, nick, dict(content), stamp, group)
        for line in list(self.lines):
            if line.pulled and line.group == group:
                self._deliver(line)
                break
        return self._number

    def take(self, group: str, most: int) -> list[Message]:
        """The next messages that are due in that group; unconfirmed, they come again later."""
        now = self._now()
        with self._changed:
            due = [message for message in self.waiting.values() if message.due(group, now)][:most]
            for message in due:
                message.sent, message.sent_at = message.sent + 1, now
        return due

    def confirm(self, numbers: list[int], group: str) -> None:
        """These need not come again. An id of another group, or of nothing, changes nothing."""
        with self._changed:
            for number in numbers:
                if (message := self.waiting.get(number)) and message.group == group:
                    self.log.append(self.waiting.pop(number).id)
            self._changed.notify_all()

    def _deliver(self, line: Line) -> None:
        for message in self.take(line.group, 1 << 31):
            line.send(message.frame(line.token))

    def again(self) -> None:
        """What was not confirmed comes again, some minutes later on the platform."""
        for message in list(self.waiting.values()):
            message.sent_at = None
        for line in [line for line in self.lines if line.pulled][:1]:
            self._deliver(line)

    def confirmed(self, number: int, seconds: float = 3.0) -> bool:
        """Whether that message is confirmed within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: number in self.log, timeout=seconds)

    def hang_up(self) -> None:
        """The platform closes every connection in good order."""
        for line in list(self.lines):
            with line.lock:
                line.protocol.send_close(1000)
                line.flush()
