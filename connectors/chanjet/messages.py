"""What the platform pushes: AES-128-ECB with the message secret, and no signature. (docs: open.chanjet.com, 消息接收)

Whoever has the secret can push, and ECB does not notice blocks that were exchanged; so the application's key inside is
compared, old messages are refused, and a message is a trigger: a ticket is worth nothing by itself, a document is asked for.
"""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.base import DOCUMENTS, Credential, Opened, PlatformEvent, RawRequest, Reply
from connectors.chanjet import access
from connectors.chanjet.config import ChanjetConfig
from connectors.errors import BadPush, BadSignature

OLDEST = 26 * 3600.0
"""Seconds that a message may be old: it is sent again for a day. Ahead of our clock it may be five minutes."""
AHEAD = 300.0
KEPT = {"APP_TICKET": ("appTicket", access.TICKET), "TEMP_AUTH_CODE": ("tempAuthCode", access.TEMPORARY)}
"""Message type -> the key of its content, and the credential that it brings."""
ABOUT = ("SaleOrder_", "SaleDelivery_")
_BLOCK = 16


def opened(config: ChanjetConfig, request: RawRequest, now: datetime) -> Opened:
    """Decrypt and check. Raises BadSignature for what was not made with our secret, BadPush for what is not for us."""
    plain = _decrypted(config.message_secret.encode(), _encrypted(request.body))
    try:
        message = json.loads(plain)
    except ValueError:
        raise BadSignature from None
    if not isinstance(message, dict):
        raise BadSignature
    if not hmac.compare_digest(str(message.get("appKey", "")).encode(), config.app_key.encode()):
        raise BadPush("chanjet.other_app", field="app_key")
    at = _time(message.get("time"))
    if not -OLDEST <= (at - now).total_seconds() <= AHEAD:
        raise BadSignature("push.stale", seconds=int(OLDEST))
    kind = str(message.get("msgType") or "")
    content = message.get("bizContent")
    content = content if isinstance(content, dict) else {}
    key, name = KEPT.get(kind, ("", ""))
    keep = {name: Credential(str(content[key]), at)} if key and content.get(key) else {}
    return Opened(plain, message, dedup_key=str(message.get("id") or "") or None, keep=keep)


def platform_events(message: dict[str, Any], stream: str = DOCUMENTS) -> list[PlatformEvent]:
    """Orders and deliveries of ours that somebody has worked on."""
    kind, content = str(message.get("msgType") or ""), message.get("bizContent")
    if not kind.startswith(ABOUT) or not isinstance(content, dict) or not content.get("voucherCode"):
        return []
    number, at = str(content["voucherCode"]), _time(message.get("time"))
    return [PlatformEvent(str(message.get("id") or f"{kind}:{number}:{at.timestamp()}"), stream, number, "changed", at)]


def reply(outcome: str) -> Reply:
    """``success``, or anything else and the message comes again."""
    status = {"stored": 200, "bad_signature": 403, "bad_push": 400, "busy": 503}[outcome]
    word = "success" if outcome == "stored" else "fail"
    return Reply(status, json.dumps({"result": word}).encode(), "application/json")


def _encrypted(body: bytes) -> bytes:
    try:
        return base64.b64decode(json.loads(body)["encryptMsg"], validate=True)
    except (ValueError, KeyError, TypeError):
        raise BadSignature from None


def _decrypted(key: bytes, cipher: bytes) -> bytes:
    if not cipher or len(cipher) % _BLOCK:
        raise BadSignature
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305 - the platform's own choice
    plain = decryptor.update(cipher) + decryptor.finalize()
    pad = plain[-1]
    if not 1 <= pad <= _BLOCK or plain[-pad:] != bytes([pad]) * pad:
        raise BadSignature
    return plain[:-pad]


def _time(value: Any) -> datetime:
    text = str(value or "")
    if not text.isascii() or not text.isdigit() or len(text) > 14:
        raise BadPush(field="time")
    return datetime.fromtimestamp(int(text) / 1000, UTC)
