"""The simulator's sender of events: its own writing of cipher and signatures, the five seconds, and the ladder of repeats.

(docs: open.yonyoucloud.com, 事件推送; official SDKs and demos)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import struct
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LADDER = (timedelta(minutes=1), timedelta(minutes=5), *[timedelta(hours=1)] * 24)
"""Waits before the second attempt, the third, and so on, until a day has gone."""
VARIANTS = ("hmac", "hmac-by-name", "sha1", "sha256")


def aes_key(secret: str) -> bytes:
    """32 bytes: the secret without hyphens as 43 characters of Base64."""
    text = (secret.replace("-", "") + "0" * 43)[:43]
    return base64.b64decode(text + "=")


def encrypt(secret: str, app_key: str, message: str, random: str = "") -> str:
    """The message between 16 characters with its length, and the application it is for."""
    body = message.encode()
    plain = (random or secrets.token_hex(8)).encode() + struct.pack(">I", len(body)) + body + app_key.encode()
    padder = padding.PKCS7(256).padder()
    key = aes_key(secret)
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()).decode()


def decrypt(secret: str, encrypted: str) -> tuple[str, str]:
    """Message and application."""
    key = aes_key(secret)
    decryptor = Cipher(algorithms.AES256(key), modes.CBC(key[:16])).decryptor()
    plain = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
    plain = plain[: -plain[-1]]
    (length,) = struct.unpack(">I", plain[16:20])
    return plain[20 : 20 + length].decode(), plain[20 + length :].decode()


def sign(variant: str, secret: str, stamp: str, nonce: str, encrypted: str) -> str:
    """The signature in one of the four published ways."""
    if variant.startswith("hmac"):
        parts = [stamp, nonce, encrypted] if variant == "hmac-by-name" else sorted([encrypted, nonce, stamp])
        return base64.b64encode(hmac.new(secret.encode(), "".join(parts).encode(), "sha256").digest()).decode()
    return hashlib.new(variant, "".join(sorted([secret, stamp, nonce, encrypted])).encode()).hexdigest()


@dataclass
class Waiting:
    """An event that was not received yet."""

    event: dict[str, Any]
    url: str
    attempts: int
    due: datetime


@dataclass
class Sender:
    """Pushes events of one application. variant: how it signs. older: ``msgSignature`` instead of ``signature``.

    strict: takes only the encrypted success, as the documentation says; else the plain word as well.
    """

    now: Callable[[], datetime]
    tenant: str
    app_key: str
    secret: str
    variant: str = "hmac"
    older: bool = False
    strict: bool = False
    timeout: float = 5.0
    waiting: list[Waiting] = field(default_factory=list)
    given_up: list[dict[str, Any]] = field(default_factory=list)

    def event(self, kind: str, **content: Any) -> dict[str, Any]:
        """A new event."""
        stamp = int(self.now().timestamp() * 1000)
        return {"type": kind, "eventId": str(uuid.uuid4()), "timestamp": stamp, "tenantId": self.tenant, **content}

    def envelope(self, event: dict[str, Any], *, secret: str = "", app_key: str = "") -> bytes:
        """The body of a push. secret, app_key: another sender's, for forged pushes."""
        secret, stamp, nonce = secret or self.secret, str(int(self.now().timestamp() * 1000)), secrets.token_urlsafe(12)
        encrypted = encrypt(secret, app_key or self.app_key, json.dumps(event, ensure_ascii=False))
        name = "msgSignature" if self.older else "signature"
        signature = sign(self.variant, secret, stamp, nonce, encrypted)
        return json.dumps({name: signature, "timestamp": int(stamp), "nonce": nonce, "encrypt": encrypted}).encode()

    def post(self, url: str, body: bytes) -> tuple[int, bool]:
        """The HTTP status, and whether the answer means "received"."""
        headers = {"Content-Type": "text/html"}  # as the official example sends it
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=self.timeout) as reply:  # noqa: S310
                return int(reply.status), self._received(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, False
        except OSError:
            return 0, False

    def _received(self, answer: bytes) -> bool:
        if answer == b"success":
            return not self.strict
        try:
            found = json.loads(answer)
            word, app_key = decrypt(self.secret, found["encrypt"])
        except (ValueError, KeyError, IndexError, struct.error):
            return False
        expected = sign("hmac", self.secret, str(found["timestamp"]), found["nonce"], found["encrypt"])
        return (word, app_key) == ("success", self.app_key) and hmac.compare_digest(expected, str(found["signature"]))

    def save_address(self, url: str) -> bool:
        """What saving the callback address does: a CHECK_URL event must be answered with success."""
        return self.post(url, self.envelope(self.event("CHECK_URL")))[1]

    def send(self, url: str, event: dict[str, Any]) -> int:
        """Push it; what is not received comes again on the ladder. Returns the HTTP status."""
        return self._attempt(Waiting(event, url, 0, self.now()))

    def run_due(self) -> int:
        """Push what is due again by now; how many were."""
        due = [item for item in self.waiting if item.due <= self.now()]
        self.waiting = [item for item in self.waiting if item.due > self.now()]
        for item in due:
            self._attempt(item)
        return len(due)

    def _attempt(self, item: Waiting) -> int:
        status, received = self.post(item.url, self.envelope(item.event))
        if not received and item.attempts < len(LADDER):
            item.due = self.now() + LADDER[item.attempts]
            item.attempts += 1
            self.waiting.append(item)
        elif not received:
            self.given_up.append(item.event)
        return status
