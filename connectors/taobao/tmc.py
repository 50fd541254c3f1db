"""The message service TMC over its websocket: frames, and a connection from its opening to its end.

(frames as the published clients npm taobao-sdk and tmc.js write them, byte for byte; docs: articleId 101663, apiId 21986)
"""

from __future__ import annotations

import hashlib
import json
import struct
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.base import Opened, Outcome, PlatformEvent
from connectors.errors import ConfigError, Unavailable
from connectors.sockets import Socket
from connectors.taobao.reading import BEIJING

CONNECT, CONNECTED, SEND = 0, 1, 2
PULL, CONFIRM, DATA = 1, 2, 3
KIND = "__kind"
_END, _CUSTOM, _STATUS, _PHRASE, _FLAG, _TOKEN = 0, 1, 2, 3, 4, 5
_VOID, _TEXT, _BYTE, _INT16, _INT32, _INT64, _DATE, _BYTES = range(8)
_NUMBERS = {_BYTE: "<b", _INT16: "<h", _INT32: "<i", _INT64: "<q", _DATE: "<q"}
EVERY = 5.0
"""Seconds between requests for messages, as the published clients ask."""
LOOK = 0.5
PATIENCE = 10.0
"""Seconds for the answer to a connect."""
SILENT = 120.0
NAME = "tmc"


@dataclass(frozen=True)
class Frame:
    """One message of the protocol. status: None or 0 is good."""

    type: int
    custom: Mapping[str, Any] = field(default_factory=dict)
    token: str = ""
    status: int | None = None
    phrase: str = ""


class BadFrame(ValueError):
    """Bytes that are no frame."""


def encoded(frame: Frame) -> bytes:
    """A frame as bytes: version 2, type, headers until a zero; little-endian throughout."""
    parts = [struct.pack("<BB", 2, frame.type)]
    if frame.status is not None:
        parts.append(struct.pack("<hi", _STATUS, frame.status))
    if frame.phrase:
        parts.append(struct.pack("<h", _PHRASE) + _counted(frame.phrase))
    if frame.token:
        parts.append(struct.pack("<h", _TOKEN) + _counted(frame.token))
    for name, value in frame.custom.items():
        parts.append(struct.pack("<h", _CUSTOM) + _counted(name) + _value(name, value))
    return b"".join(parts) + struct.pack("<h", _END)


def _counted(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<i", len(data)) + data


def _value(name: str, value: Any) -> bytes:
    if name == KIND:
        return struct.pack("<Bb", _BYTE, value)
    if isinstance(value, int):
        return struct.pack("<Bq", _INT64, value)
    return struct.pack("<B", _TEXT) + _counted(value)


def decoded(data: bytes) -> Frame:
    """The frame in the bytes. Raises BadFrame."""
    try:
        return _Cursor(data).frame()
    except (struct.error, UnicodeDecodeError, IndexError):
        raise BadFrame("a frame is cut off or of another protocol") from None


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def frame(self) -> Frame:
        """Everything up to the end mark."""
        version, kind = self._take("<B"), self._take("<B")
        if version != 2:
            raise BadFrame("an unknown version of the protocol")
        custom: dict[str, Any] = {}
        found: dict[str, Any] = {}
        while (header := self._take("<h")) != _END:
            if header == _CUSTOM:
                name = self._text()
                custom[name] = self._any()
            elif header in (_STATUS, _FLAG):
                found["status" if header == _STATUS else "flag"] = self._take("<i")
            elif header in (_PHRASE, _TOKEN):
                found["phrase" if header == _PHRASE else "token"] = self._text()
            else:
                raise BadFrame("an unknown header")
        found.pop("flag", None)
        return Frame(kind, custom, **found)

    def _take(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return int(value)

    def _bytes(self) -> bytes:
        length = self._take("<i")
        if not 0 <= length <= len(self._data) - self._at:
            raise BadFrame("a text longer than its frame")
        found = self._data[self._at : self._at + length]
        self._at += length
        return found

    def _text(self) -> str:
        return self._bytes().decode()

    def _any(self) -> Any:
        form = self._take("<B")
        if form in _NUMBERS:
            return self._take(_NUMBERS[form])
        if form == _TEXT:
            return self._text()
        if form == _BYTES:
            return self._bytes()
        if form == _VOID:
            return None
        raise BadFrame("an unknown form of value")


def signature(app_key: str, secret: str, group: str, timestamp: str) -> str:
    """Of a connect: upper-case MD5 over secret, the three parameters with their names, and secret."""
    plain = f"{secret}app_key{app_key}group_name{group}timestamp{timestamp}{secret}"
    return hashlib.md5(plain.encode(), usedforsecurity=False).hexdigest().upper()


class Channel:
    """One connection. Raises ConfigError where the platform refuses it, Unavailable where it breaks."""

    def __init__(self, socket: Socket, clock: Callable[[], datetime]) -> None:
        self._socket, self._clock, self._token = socket, clock, ""

    def connect(self, app_key: str, secret: str, group: str) -> None:
        """Say who we are; wait for the token that all other frames bear."""
        stamp = str(int(self._clock().timestamp() * 1000))
        said = {"app_key": app_key, "group_name": group, "timestamp": stamp, "sdk": "lianshu", "intranet_ip": "127.0.0.1"}
        self._send(Frame(CONNECT, {**said, "sign": signature(app_key, secret, group, stamp)}))
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            data = self._socket.receive_bytes(LOOK)
            if data is None or (frame := _read(data)).type != CONNECTED:
                continue
            if frame.status or not frame.token:
                raise ConfigError("taobao.tmc_refused", code=str(frame.status), message=frame.phrase[:100])
            self._token = frame.token
            return
        raise Unavailable(name=NAME, reason="no answer")

    def hear(self) -> Generator[Opened | None, Outcome, None]:
        """What comes in, until the platform ends it. Only what was stored is confirmed; the rest comes again by itself."""
        asked, quiet = 0.0, 0.0
        while True:
            if time.monotonic() - asked >= EVERY:
                asked = time.monotonic()
                self._send(Frame(SEND, {KIND: PULL}, self._token))
            try:
                data = self._socket.receive_bytes(LOOK)
            except Unavailable as error:
                if error.params.get("reason") == "ConnectionClosedOK":
                    return
                raise
            if data is None:
                quiet += LOOK
                if quiet >= SILENT:
                    return  # the platform does not say whether silence is quiet or death: a new connection tells
                yield None
                continue
            quiet, frame = 0.0, _read(data)
            if frame.type != SEND or frame.custom.get(KIND) != DATA:
                continue
            outcome = yield opened(frame)
            if outcome == "stored":
                self._send(Frame(SEND, {KIND: CONFIRM, "id": frame.custom["id"]}, self._token))

    def _send(self, frame: Frame) -> None:
        self._socket.send_bytes(encoded(frame))


def _read(data: bytes) -> Frame:
    """A frame; one that is none counts as nothing, for there is nobody to answer."""
    try:
        return decoded(data)
    except BadFrame:
        return Frame(-1)


def opened(frame: Frame) -> Opened:
    """A message as the hub keeps it."""
    custom = frame.custom
    return kept(custom.get("id"), custom.get("topic"), custom.get("nick"), custom.get("time"), custom.get("content"))


def kept(number: Any, topic: Any, nick: Any, moment: Any, content: Any) -> Opened:
    """A message, whichever way it came. It has an id of its own, which a repetition bears too. moment: in ms."""
    try:
        read = json.loads(str(content or "{}"))
    except ValueError:
        read = {}
    key = str(number or "")
    payload = {"id": key, "topic": str(topic or ""), "nick": str(nick or ""), "time": moment, "content": read}
    plain = json.dumps(payload, ensure_ascii=False, sort_keys=True, default=str).encode()
    return Opened(plaintext=plain, payload=payload, dedup_key=key or hashlib.sha256(plain).hexdigest())


def events(payload: Mapping[str, Any], shop: str) -> list[PlatformEvent]:
    """What a message is about: a hint to read that order, refund or member again. Those of other shops are not ours."""
    topic, content = str(payload.get("topic")), payload.get("content")
    if not isinstance(content, dict) or payload.get("nick") not in (None, "", shop):
        return []
    found: list[tuple[str, Any]] = []
    if topic.startswith("taobao_refund_"):
        found = [("refund", content.get("refund_id")), ("order", content.get("tid"))]
    elif topic.startswith("taobao_trade_"):
        found = [("order", content.get("tid"))]
    elif topic == "taobao_modifyaddress_ResultNotify":
        found = [("order", content.get("biz_order_id"))]
    elif topic.startswith("taobao_opencrm_Member"):
        found = [("member", content.get("ouid"))]
    when, number = payload.get("time"), str(payload.get("id"))
    moment = datetime.fromtimestamp(when / 1000, BEIJING) if isinstance(when, int) and 0 < when < 1 << 42 else None
    kind = topic.rpartition("_")[2]
    return [PlatformEvent(f"{number}/{stream}", stream, str(key), kind, moment) for stream, key in found if key]
