"""Signatures and ciphers that several platforms share."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Iterable
from datetime import datetime

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.errors import BadPush, BadSignature

_BLOCK = 32
_RANDOM = 16


class CallbackCipher:
    """The cipher of pushes of WeCom, DingTalk and YonBIP: SHA-1 signature, AES-256-CBC, padded to multiples of 32 bytes.

    token and aes_key: as in the platform's console (the key is 43 characters). receiver: whom pushes must be meant for
    (WeCom: corp id; DingTalk: app key or corp id; YonBIP: app key). (docs: WeCom path/90968, DingTalk event subscription)
    """

    def __init__(self, token: str, aes_key: str, receiver: str) -> None:
        self._token, self._receiver = token, receiver.encode()
        try:
            # The 43rd character carries two spare bits that consoles fill at will, so a strictly canonical decoder is wrong.
            self._key = base64.b64decode(aes_key + "=")
        except ValueError:
            self._key = b""
        if len(aes_key) != 43 or len(self._key) != 32:
            raise ValueError("a callback AES key is 43 characters of base64")

    def signature(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """SHA-1 (hex) over the four values, sorted as text and joined without separator."""
        joined = "".join(sorted((self._token, timestamp, nonce, encrypted)))
        return hashlib.sha1(joined.encode(errors="replace")).hexdigest()

    def open(self, signature: str, timestamp: str, nonce: str, encrypted: str) -> bytes:
        """Verify, then decrypt. Raises BadSignature; or BadPush with ``field`` = ``aes_key`` or ``receiver``."""
        expected = self.signature(timestamp, nonce, encrypted)
        if not hmac.compare_digest(expected.encode(), signature.encode(errors="replace")):
            raise BadSignature
        return self.unseal(encrypted)

    def unseal(self, encrypted: str) -> bytes:
        """Decrypt what was verified by another rule than ``signature`` (Yonyou has several). Raises BadPush as ``open``."""
        message, receiver = self._decrypt(encrypted)
        if not hmac.compare_digest(receiver, self._receiver):
            raise BadPush(field="receiver")
        return message

    def seal(self, message: bytes, timestamp: str, nonce: str, random: bytes | None = None) -> tuple[str, str]:
        """Encrypt; the ciphertext (base64) and its signature. random: 16 bytes, given only by known-answer tests."""
        plain = (random or os.urandom(_RANDOM)) + len(message).to_bytes(4, "big") + message + self._receiver
        pad = _BLOCK - len(plain) % _BLOCK
        encryptor = self._aes().encryptor()
        cipher = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
        encrypted = base64.b64encode(cipher).decode()
        return encrypted, self.signature(timestamp, nonce, encrypted)

    def _aes(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))

    def _decrypt(self, encrypted: str) -> tuple[bytes, bytes]:
        """Message and receiver. The signature was right, so whatever fails here is a wrong key in our configuration."""
        try:
            cipher = base64.b64decode(encrypted, validate=True)
            decryptor = self._aes().decryptor()
            plain = decryptor.update(cipher) + decryptor.finalize()
        except ValueError:
            raise BadPush(field="aes_key") from None
        pad = plain[-1] if plain else 0
        body = plain[_RANDOM : len(plain) - pad]
        length = int.from_bytes(body[:4], "big")
        if not 1 <= pad <= _BLOCK or plain[-pad:] != bytes([pad]) * pad or len(body) < 4 + length:
            raise BadPush(field="aes_key")
        return body[4 : 4 + length], body[4 + length :]


# ---------------------------------------------------------------- Standard Webhooks

WEBHOOK_TOLERANCE = 300.0
"""Seconds that a webhook's timestamp may be away from our clock, either way."""
_MIN_KEY, _MAX_KEY = 24, 64


def webhook_key(secret: str) -> bytes:
    """The key in a secret as it is handed around: base64 of 24 to 64 bytes, with or without ``whsec_`` before it.

    Raises ValueError for anything else, so that a short or mistyped secret is noticed before it is used.
    (docs: Standard Webhooks 1.0, signature scheme)
    """
    try:
        key = base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
    except ValueError:
        raise ValueError("a webhook secret is base64, with or without whsec_ before it") from None
    if not _MIN_KEY <= len(key) <= _MAX_KEY:
        raise ValueError(f"a webhook secret holds {_MIN_KEY} to {_MAX_KEY} bytes, not {len(key)}")
    return key


def sign_webhook(secret: str, message_id: str, timestamp: int | str, body: bytes) -> str:
    """The ``v1,…`` signature of a message: HMAC-SHA256 over id, timestamp (Unix seconds) and raw body, joined by dots."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(webhook_key(secret), signed, "sha256")).decode()


def verify_webhook(
    secrets: Iterable[str], message_id: str, timestamp: str, signatures: str, body: bytes, now: datetime
) -> None:
    """Passes when one of the space-separated signatures was made with one of the secrets, and the time is right.

    Several of either are there while a secret is being replaced. A secret that is none counts as not given, and without
    any the message is refused. Raises BadSignature with ``reason``: headers, time, secret or signature.
    """
    # A dot in the id would let one signature stand for two messages (docs: Standard Webhooks 1.0, signature scheme).
    if not re.fullmatch(r"[!-\-/-~]{1,256}", message_id) or not re.fullmatch(r"[0-9]{1,12}", timestamp) or not signatures:
        raise BadSignature(reason="headers")
    if abs(now.timestamp() - int(timestamp)) > WEBHOOK_TOLERANCE:
        raise BadSignature(reason="time")
    expected = [sign_webhook(secret, message_id, timestamp, body).encode() for secret in secrets if _is_webhook_secret(secret)]
    if not expected:
        raise BadSignature(reason="secret")
    given = [signature.encode(errors="replace") for signature in signatures.split()]
    if not any(hmac.compare_digest(one, other) for one in expected for other in given):
        raise BadSignature(reason="signature")


def _is_webhook_secret(secret: str) -> bool:
    try:
        return bool(webhook_key(secret))
    except ValueError:
        return False
