"""The WeCom simulator's callback sender, with its own writing of the cipher. (docs: path/90930, path/90968)"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.wecom.sim_world import Event


def seal(aes_key: str, message: str, receiver: str, random: bytes = b"") -> str:
    """A message encrypted for a receiver, base64."""
    key = base64.b64decode(f"{aes_key}=")
    body = message.encode()
    content = (random or secrets.token_bytes(16)) + struct.pack("!I", len(body)) + body + receiver.encode()
    missing = 32 - len(content) % 32
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(content + struct.pack("B", missing) * missing) + encryptor.finalize()).decode()


def sign(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """msg_signature."""
    digest = hashlib.sha1(usedforsecurity=False)
    for part in sorted([token, timestamp, nonce, encrypted]):
        digest.update(part.encode())
    return digest.hexdigest()


def event_xml(corp_id: str, event: Event, pretty: bool = False) -> str:
    """The plaintext of an event: numbers bare, texts in CDATA. pretty: a line break between elements, as also seen."""
    fields: Event = {
        "ToUserName": corp_id,
        "FromUserName": "sys",
        "CreateTime": event["CreateTime"],
    }
    fields |= {"MsgType": "event", **event}
    elements = [f"<{name}>{_content(value)}</{name}>" for name, value in fields.items()]
    glue = "\n" if pretty else ""
    return glue.join(["<xml>", *elements, "</xml>"])


def _content(value: str | int | tuple[str, ...] | dict[str, str | int]) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_content(part)}</{name}>" for name, part in value.items())
    if isinstance(value, tuple):
        return "".join(f"<Item>{_content(item)}</Item>" for item in value)
    if isinstance(value, int):
        return str(value)
    return "<![CDATA[" + value.replace("]]>", "]]]]><![CDATA[>") + "]]>"


@dataclass(frozen=True)
class Attempt:
    """One POST to a receiver. status: 0 when there was no answer in time."""

    nonce: str
    signature: str
    status: int


class Sender:
    """Pushes to a callback URL as WeCom does: an answer of 200 within 5 s, else again, at most three times.

    form: xml, or the json envelope. drop: so many of the next events are lost on the way, as WeCom warns.
    How far apart attempts are is not documented; here they follow at once. timeout: the 5 s, shorter in tests.
    """

    def __init__(self, corp_id: str, token: str, aes_key: str, now: Callable[[], datetime]) -> None:
        self.corp_id, self.token, self.aes_key, self._now = corp_id, token, aes_key, now
        self.agent_id = 1000002
        self.timeout, self.handshake_timeout = 5.0, 1.0
        self.attempts: list[Attempt] = []
        self.form = "xml"
        self.drop = 0

    def handshake(self, url: str) -> bool:
        """What saving the callback settings does: does the URL answer the decrypted echostr exactly, within 1 s?"""
        text = str(secrets.randbelow(10**19))
        query, _ = self._query(seal(self.aes_key, text, self.corp_id), "echostr")
        try:
            status, body = _exchange("GET", url, query, None, "", self.handshake_timeout)
        except OSError:
            return False
        return status == 200 and body == text.encode()

    def send(self, url: str, message: str, *, receiver: str | None = None, forged: bool = False) -> int:
        """Push a plaintext; the status of the last answer. Each attempt is encrypted and signed anew.

        receiver: another receiveid than the corp's. forged: a stranger's push, signed with another token, sent once.
        """
        if self.drop:
            self.drop -= 1
            return 0
        status = 0
        for _ in range(1 if forged else 3):
            status = self._attempt(url, message, self.corp_id if receiver is None else receiver, forged)
            if status == 200:
                break
        return status

    def _attempt(self, url: str, message: str, receiver: str, forged: bool) -> int:
        encrypted = seal(self.aes_key, message, receiver)
        query, nonce = self._query(encrypted, "", "somebody" if forged else self.token)
        try:
            status, _ = _exchange("POST", url, query, self.envelope(encrypted), self._content_type, self.timeout)
        except OSError:
            status = 0
        self.attempts.append(Attempt(nonce, query["msg_signature"], status))
        return status

    @property
    def _content_type(self) -> str:
        return "text/xml" if self.form == "xml" else "application/json"

    def envelope(self, encrypted: str) -> bytes:
        """The body of a push."""
        if self.form == "json":
            body = {"tousername": self.corp_id, "encrypt": encrypted, "agentid": str(self.agent_id)}
            return json.dumps(body).encode()
        head = f"<xml><ToUserName><![CDATA[{self.corp_id}]]></ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt>"
        return f"{head}<AgentID><![CDATA[{self.agent_id}]]></AgentID></xml>".encode()

    def _query(self, encrypted: str, echo: str, token: str | None = None) -> tuple[dict[str, str], str]:
        timestamp, nonce = str(int(self._now().timestamp())), str(secrets.randbelow(10**10))
        query = {
            "msg_signature": sign(token or self.token, timestamp, nonce, encrypted),
            "timestamp": timestamp,
            "nonce": nonce,
        }
        return ({**query, echo: encrypted} if echo else query), nonce


def _exchange(
    method: str, url: str, query: Mapping[str, str], body: bytes | None, content_type: str, timeout: float
) -> tuple[int, bytes]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    existing = f"{parts.query}&" if parts.query else ""
    try:
        headers = {"Content-Type": content_type} if content_type else {}
        connection.request(method, f"{parts.path or '/'}?{existing}{urlencode(query)}", body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(type(error).__name__) from None
    finally:
        connection.close()
