"""What is pushed to us, and what is answered: the values between a platform that pushes, its connector and the inbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connectors.credentials import Credential


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A pushed request, byte for byte."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """The header's value whatever its case, or ''."""
        return next((v for k, v in self.headers.items() if k.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True)
class Opened:
    """A verified and decrypted push. answer: a handshake's reply, sent at once and stored nowhere.

    ack: what the platform wants to hear when the push is stored, where that depends on the push; None: ``reply`` says it.
    keep: credentials that the push brings, by the names of the manifest; they are stored sealed with the account, and such a
    push is about nothing else.
    """

    plaintext: bytes = b""
    payload: Any = None
    answer: bytes | None = None
    dedup_key: str | None = None
    ack: Reply | None = None
    keep: Mapping[str, Credential] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PlatformEvent:
    """Something changed over there. ``fetch_one(stream, record_key)`` is the truth, except where ``record`` is given
    (systems that push the record itself and cannot be asked), and where record_key is '': the push says only that the stream
    has something new, and the hub reads the stream at once."""

    key: str
    stream: str
    record_key: str
    kind: str
    time: datetime | None = None
    record: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The bytes the platform wants as the answer to its push."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


Outcome = Literal["stored", "bad_signature", "bad_push", "busy"]
