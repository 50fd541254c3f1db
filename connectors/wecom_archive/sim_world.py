"""The archive inside the simulator: who has a seat, what was said, who agreed; and the stand-in's own cipher.

The vendor's cipher is not published, and nothing here tries to be it: the stand-in has one of its own behind the same call.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

KEPT = timedelta(days=5)
"""How long the platform keeps messages."""
Payload = dict[str, Any]


@cache
def private_key(version: int) -> rsa.RSAPrivateKey:
    """The corp's key of that version; made once a process, since making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(version: int) -> str:
    """That key as a person would paste it."""
    key = private_key(version)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _stream(key: str, size: int) -> bytes:
    blocks = (hashlib.sha256(f"{key}|{number}".encode()).digest() for number in count())
    found = b""
    while len(found) < size:
        found += next(blocks)
    return found[:size]


def scramble(key: str, text: str) -> str:
    """The stand-in's cipher: a key stream and a tag."""
    plain = text.encode()
    body = bytes(a ^ b for a, b in zip(plain, _stream(key, len(plain)), strict=True))
    return base64.b64encode(hmac.digest(key.encode(), body, "sha256") + body).decode()


def unscramble(key: str, sealed: str) -> str | None:
    """And back; None where key and text do not belong together."""
    raw = base64.b64decode(sealed)
    tag, body = raw[:32], raw[32:]
    if not hmac.compare_digest(tag, hmac.digest(key.encode(), body, "sha256")):
        return None
    return bytes(a ^ b for a, b in zip(body, _stream(key, len(body)), strict=True)).decode()


@dataclass
class Said:
    """One entry of the archive. sealed: replaces the ciphertext, to play a broken one."""

    seq: int
    msgid: str
    at: datetime
    version: int
    payload: Payload
    sealed: str | None = None
    extra: Payload = field(default_factory=dict)


@dataclass
class Agreement:
    """What a customer has said, to a member of staff or in a room."""

    status: str
    changed: Any
    extra: Payload = field(default_factory=dict)


class Archive:
    """All that was said. now: the simulator's clock. version: the public key that new messages are sealed with.

    gap: every so many numbers one is left out, as numbers have gaps.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._numbers = now, count(1)
        self.seats: list[str] = []
        self.said: list[Said] = []
        self.pairs: dict[tuple[str, str], Agreement] = {}
        self.rooms: dict[str, dict[str, Agreement]] = {}
        self.files: dict[str, bytes] = {}
        self.version, self.gap = 1, 7

    def number(self) -> int:
        """A number never given before."""
        return next(self._numbers)

    def put(self, payload: Payload, *, at: datetime | None = None, msgid: str = "") -> Said:
        """Something is said; the entry. Its time is ``at``, or now."""
        at = at or self._now()
        seq = self.number()
        if self.gap and seq % self.gap == 0:
            seq = self.number()
        msgid = msgid or f"{10**18 + secrets.randbelow(10**18)}_{seq}_external"
        common = {"msgid": msgid, "action": "send", "msgtime": int(at.timestamp() * 1000)}
        found = Said(seq, msgid, at, self.version, {**common, **payload})
        self.said.append(found)
        return found

    def agree(self, staff: str, customer: str, status: str = "Agree", *, at: datetime | None = None) -> None:
        """A customer answers the question whether his chat with this member may be archived."""
        self.pairs[staff, customer] = Agreement(status, int((at or self._now()).timestamp()))

    def answer(self, staff: str, customer: str, status: str) -> Said:
        """He changes his mind in the chat: the archive has a message of it."""
        self.agree(staff, customer, status)
        kind = "disagree" if status == "Disagree" else "agree"
        what = {kind: {"userid": customer, f"{kind}_time": int(self._now().timestamp() * 1000)}}
        return self.put({"from": customer, "tolist": [staff], "roomid": "", "msgtype": kind, **what})

    def living(self, after: int, limit: int) -> Iterator[Said]:
        """Entries with a greater number that the platform still has."""
        oldest = self._now() - KEPT
        found = (item for item in self.said if item.seq > after and item.at > oldest)
        return (item for _, item in zip(range(limit), found, strict=False))

    @staticmethod
    def sealed(item: Said) -> Payload:
        """An entry as GetChatData gives it."""
        key = secrets.token_urlsafe(24)
        sealed_key = private_key(item.version).public_key().encrypt(key.encode(), padding.PKCS1v15())
        text = json.dumps({**item.payload, **item.extra}, ensure_ascii=False)
        body = scramble(key, text) if item.sealed is None else item.sealed
        row = {"seq": item.seq, "msgid": item.msgid, "publickey_ver": item.version}
        return {**row, "encrypt_random_key": base64.b64encode(sealed_key).decode(), "encrypt_chat_msg": body}
