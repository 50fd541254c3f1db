"""Pushed events (事件订阅): verified, decrypted, and what they say has changed.

(docs: open.yonyoucloud.com, 事件推送; the official SDKs and demos)

Body: ``{"signature" | "msgSignature", "timestamp", "nonce", "encrypt"}``. Documentation, demos and SDKs give four rules for
the signature; which one the platform uses today is not known from outside, so each is tried and the one that fits is logged.
Key and layout of the cipher are those of ``CallbackCipher``, with a key that is derived from the App Secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from connectors.base import DOCUMENTS, Opened, Outcome, PlatformEvent, RawRequest, Reply
from connectors.errors import BadPush, BadSignature
from connectors.schemes import CallbackCipher
from connectors.yonyou.config import YonyouConfig

log = structlog.get_logger("connectors.yonyou")
LONGEST = 512 * 1024
"""Bytes of the longest body that is looked at."""
CUSTOMER_EVENTS = ("YXYBASEDOC_AA_MERCHANT_", "YXYBASEDOC_AA_MERCHANTLIST_")
ORDER_EVENTS = re.compile(r"SALE_[A-Z]*ORDER(_NOTIFY_SENT)?")
"""Sales orders saved, submitted, audited, closed, deleted … Two events are named for the audit; nobody says how they differ."""
_REFUSED = {"bad_signature": 403, "bad_push": 400, "busy": 503}


def cipher(config: YonyouConfig) -> CallbackCipher:
    """The cipher of this application: its secret without hyphens, cut or filled up with ``0`` to 43 characters."""
    try:
        return CallbackCipher(config.app_secret, config.app_secret.replace("-", "")[:43].ljust(43, "0"), config.app_key)
    except ValueError:
        raise BadPush("yonyou.event_key") from None


def signatures(secret: str, timestamp: str, nonce: str, encrypt: str) -> dict[str, str]:
    """The signature under each published rule."""
    three, four = sorted((timestamp, nonce, encrypt)), "".join(sorted((secret, timestamp, nonce, encrypt))).encode()
    return {
        "hmac": _hmac(secret, "".join(three)),  # official SDKs
        "hmac-by-name": _hmac(secret, timestamp + nonce + encrypt),  # text of the documentation, names in reverse order
        "sha1": hashlib.sha1(four, usedforsecurity=False).hexdigest(),  # corp-demo
        "sha256": hashlib.sha256(four).hexdigest(),  # README of corp-demo
    }


def opened(config: YonyouConfig, request: RawRequest, now: datetime) -> Opened:
    """The event inside; a test event (CHECK_URL) is answered at once. Raises BadSignature or BadPush."""
    envelope = _envelope(request.body)
    given = str(envelope.get("signature") or envelope.get("msgSignature") or "").encode(errors="replace")
    values = str(envelope.get("timestamp", "")), str(envelope.get("nonce", "")), str(envelope.get("encrypt", ""))
    expected = signatures(config.app_secret, *values)
    fits = [rule for rule, value in expected.items() if hmac.compare_digest(value.encode(), given)]
    if not fits:
        raise BadSignature
    log.debug("event signature", rule=fits[0])
    try:
        plain = cipher(config).unseal(values[2])
    except BadPush as error:
        raise BadPush(_UNUSABLE.get(str(error.params.get("field")), error.key)) from None
    event = _event(plain)
    if event.get("type") == "CHECK_URL":
        return Opened(plaintext=plain, payload=event, answer=success(config, now))
    return Opened(plaintext=plain, payload=event, dedup_key=str(event["eventId"]) if event.get("eventId") else None)


_UNUSABLE = {"aes_key": "yonyou.event_key", "receiver": "yonyou.event_app"}


def success(config: YonyouConfig, now: datetime) -> bytes:
    """What the platform takes for "received": the word in the envelope of an event, or plain."""
    if config.event_reply == "plain":
        return b"success"
    stamp, nonce = str(int(now.timestamp() * 1000)), secrets.token_hex(8)
    encrypt, _ = cipher(config).seal(b"success", stamp, nonce)
    signature = signatures(config.app_secret, stamp, nonce, encrypt)["hmac"]
    return json.dumps({"signature": signature, "timestamp": int(stamp), "nonce": nonce, "encrypt": encrypt}).encode()


def reply(config: YonyouConfig, outcome: Outcome, now: datetime) -> Reply:
    """Received, or a status at which the platform comes again: after 1 and 5 minutes, then hourly for a day."""
    if outcome != "stored":
        return Reply(_REFUSED[outcome])
    kind = "text/plain; charset=utf-8" if config.event_reply == "plain" else "application/json; charset=utf-8"
    return Reply(200, success(config, now), kind)


def platform_events(event: Mapping[str, Any]) -> list[PlatformEvent]:
    """Customers and sales orders that changed. Where they stand inside an event is not documented, so they are looked for."""
    kind, key = str(event.get("type") or ""), _identity(event)
    if kind.startswith(CUSTOMER_EVENTS):
        stream, name = "customer", "code"
    elif ORDER_EVENTS.fullmatch(kind):
        stream, name = DOCUMENTS, "billCode"  # our number, where the order is ours
    else:
        return []
    codes = dict.fromkeys(str(item[name]) for item in _objects(event, name))
    return [PlatformEvent(f"{key}/{code}", stream, code, kind, _time(event)) for code in codes]


def _identity(event: Mapping[str, Any]) -> str:
    return str(event.get("eventId") or hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest())


def _objects(node: Any, name: str, depth: int = 4) -> Iterator[Mapping[str, Any]]:
    """The outermost objects with that field: the event itself, or what is in ``content``, an object or its text."""
    if isinstance(node, str) and node[:1] in "{[" and depth:
        try:
            node = json.loads(node)
        except (ValueError, RecursionError):
            return
    if isinstance(node, Mapping):
        if node.get(name):
            yield node
            return
        node = list(node.values())
    if isinstance(node, list) and depth:
        for item in node:
            yield from _objects(item, name, depth - 1)


def _time(event: Mapping[str, Any]) -> datetime | None:
    stamp = str(event.get("timestamp") or "")
    return datetime.fromtimestamp(int(stamp) / 1000, UTC) if stamp.isdigit() and len(stamp) <= 14 else None


def _envelope(body: bytes) -> dict[str, Any]:
    """The envelope, whatever content type it was sent with."""
    if len(body) > LONGEST:
        raise BadPush("yonyou.event_body", reason="too long")
    found = _json(body)
    if not found.get("encrypt"):
        raise BadPush("yonyou.event_body", reason="nothing encrypted inside")
    return found


def _event(plain: bytes) -> dict[str, Any]:
    return _json(plain)


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadPush("yonyou.event_body", reason=type(error).__name__) from None
    if not isinstance(found, dict):
        raise BadPush("yonyou.event_body", reason="no object")
    return found


def _hmac(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(errors="replace"), "sha256")).decode()
