"""The DingTalk simulator's pusher, with its own writing of the callback cipher.

(docs: callback-event-message-body-encryption-and-decryption, configure-http-push)
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
import string
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LETTERS = string.ascii_letters + string.digits


def _cipher(aes_key: str) -> Cipher[modes.CBC]:
    key = base64.b64decode(f"{aes_key}=")
    return Cipher(algorithms.AES256(key), modes.CBC(key[:16]))


def seal(aes_key: str, message: str, owner: str, random: str = "") -> str:
    """A message encrypted for an owner key, base64."""
    body = message.encode()
    head = (random or "".join(secrets.choice(LETTERS) for _ in range(16))).encode() + struct.pack("!I", len(body))
    content = head + body + owner.encode()
    missing = 32 - len(content) % 32
    encryptor = _cipher(aes_key).encryptor()
    return base64.b64encode(encryptor.update(content + bytes([missing]) * missing) + encryptor.finalize()).decode()


def unseal(aes_key: str, encrypted: str) -> tuple[str, str]:
    """Message and owner key of a ciphertext."""
    decryptor = _cipher(aes_key).decryptor()
    content = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
    content = content[16 : len(content) - content[-1]]
    (length,) = struct.unpack("!I", content[:4])
    return content[4 : 4 + length].decode(), content[4 + length :].decode()


def sign(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """The signature of request and answer alike."""
    return hashlib.sha1("".join(sorted([token, timestamp, nonce, encrypted])).encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Attempt:
    """One POST. status: 0 when nothing came in time. accepted: whether the answer was what DingTalk wants."""

    status: int
    accepted: bool


class Sender:
    """Pushes to a callback address: an encrypted ``success`` within 2.5 s, else twice more; then the failed list keeps it.

    The platform waits 10 s and 30 s before it comes again; here it comes at once. owner: the app's client id, or the corp
    id (the documentation has both). old_style: the spelling of older pushes, without eventId. seconds: the timestamp in
    seconds, as some samples have it.
    """

    def __init__(self, corp_id: str, owner: str, token: str, aes_key: str, now: Callable[[], datetime]) -> None:
        self.corp_id, self.owner, self.token, self.aes_key, self._now = corp_id, owner, token, aes_key, now
        self.timeout, self.old_style, self.seconds = 2.5, False, False
        self.attempts: list[Attempt] = []
        self.failed: list[dict[str, Any]] = []

    @property
    def ms(self) -> int:
        """Now, in ms."""
        return int(self._now().timestamp() * 1000)

    def check_url(self, url: str) -> bool:
        """What saving the address in the console does: only a right answer saves it."""
        status = self._attempt(url, json.dumps({"EventType": "check_url"}), self.token)
        return status == 200 and self.attempts[-1].accepted

    def envelope(self, kind: str, fields: dict[str, Any], event_id: str) -> dict[str, Any]:
        """The plaintext of an event."""
        if self.old_style:
            return {"EventType": kind, "TimeStamp": str(self.ms), "corpId": self.corp_id, **fields}
        return {"EventType": kind, "EventTime": self.ms, "CorpId": self.corp_id, "BizId": "", "eventId": event_id, **fields}

    def send(self, url: str, event: dict[str, Any], *, forged: bool = False) -> int:
        """Push an event; the status of the last answer. forged: a stranger's push, signed with another token, sent once."""
        message, status = json.dumps(event, ensure_ascii=False), 0
        for _ in range(1 if forged else 3):
            status = self._attempt(url, message, "somebody" if forged else self.token)
            if self.attempts[-1].accepted:
                return status
        if not forged:
            self.failed.append(event)
        return status

    def request(self, message: str, token: str | None = None) -> tuple[dict[str, str], bytes]:
        """Query and body of a push; both names of the signature, as the platform sends them."""
        encrypted = seal(self.aes_key, message, self.owner)
        timestamp, nonce = str(self.ms // 1000 if self.seconds else self.ms), secrets.token_hex(4)
        signature = sign(token or self.token, timestamp, nonce, encrypted)
        query = {"msg_signature": signature, "signature": signature, "timestamp": timestamp, "nonce": nonce}
        return query, json.dumps({"encrypt": encrypted}).encode()

    def _attempt(self, url: str, message: str, token: str) -> int:
        query, body = self.request(message, token)
        try:
            status, answer = _post(url, query, body, self.timeout)
        except OSError:
            status, answer = 0, b""
        self.attempts.append(Attempt(status, status == 200 and self._accepts(answer)))
        return status

    def _accepts(self, answer: bytes) -> bool:
        """Whether the answer is ``success`` for the owner key that the push had; ``timeStamp`` with a capital S."""
        try:
            body = json.loads(answer)
            signature = sign(self.token, body["timeStamp"], body["nonce"], body["encrypt"])
            return bool(signature == body["msg_signature"] and unseal(self.aes_key, body["encrypt"]) == ("success", self.owner))
        except (ValueError, KeyError, TypeError, struct.error):
            return False


def _post(url: str, query: dict[str, str], body: bytes, timeout: float) -> tuple[int, bytes]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    existing = f"{parts.query}&" if parts.query else ""
    try:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        connection.request("POST", f"{parts.path or '/'}?{existing}{urlencode(query)}", body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(type(error).__name__) from None
    finally:
        connection.close()
