"""Inbound: any system POSTs its records as JSON, signed after Standard Webhooks. The push itself is the truth."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.base import Config, EventSource, Finding, Opened, Outcome, PlatformEvent, RawRequest, Reply, setting
from connectors.errors import BadPush
from connectors.schemes import verify_webhook, webhook_key

TYPES = ("customer", "lead", "order", "deal", "invoice")
MOST = 500
"""Records in one push."""
LONGEST_ID = 128
_STATUS: dict[Outcome, int] = {"stored": 200, "bad_signature": 401, "bad_push": 400, "busy": 503}


class InboundConfig(Config):
    """What both sides know."""

    secret: str = setting(
        "签名密钥",
        "Signing secret",
        where_zh="自己生成：echo whsec_$(openssl rand -base64 32)，然后填到发送方系统里",
        where_en="Make one: echo whsec_$(openssl rand -base64 32), then give it to the sending system",
        secret=True,
    )
    old_secret: str = setting(
        "旧签名密钥（更换期间）",
        "Old signing secret (while it is being replaced)",
        where_zh="更换密钥时把原来的填在这里，发送方换好以后清空",
        where_en="When you replace the secret, put the one before here; empty it when the sender uses the new one",
        secret=True,
        default="",
    )


class Inbound(EventSource):
    """One sending system. (docs: Standard Webhooks 1.0; the shapes of the records are in README.md)"""

    Config = InboundConfig

    def check(self) -> list[Finding]:
        """Whether the secrets can be used. Nobody can be asked whether the sender has the same."""
        findings = [_secret_finding("签名密钥", "The signing secret", self.config.secret)]
        if self.config.old_secret:
            findings.append(_secret_finding("旧签名密钥", "The old signing secret", self.config.old_secret))
        return findings

    def open(self, request: RawRequest) -> Opened:
        """Verify over the raw bytes, then read the JSON. Raises BadSignature; BadPush with ``field`` and ``expected``."""
        message_id, timestamp = request.header("webhook-id"), request.header("webhook-timestamp")
        secrets = (self.config.secret, self.config.old_secret)
        verify_webhook(secrets, message_id, timestamp, request.header("webhook-signature"), request.body, self.clock())
        payload = {"sent_at": int(timestamp), "items": _items(request.body)}
        return Opened(plaintext=request.body, payload=payload, dedup_key=message_id)

    def events(self, opened: Opened) -> list[PlatformEvent]:
        """One event for each record; it carries the record."""
        sent = datetime.fromtimestamp(opened.payload["sent_at"], UTC)
        return [
            PlatformEvent(
                key=f"{opened.dedup_key}:{number}",
                stream=item["type"],
                record_key=str(item["data"]["id"]),
                kind="changed",
                time=sent,
                record=item["data"],
            )
            for number, item in enumerate(opened.payload["items"])
        ]

    def reply(self, outcome: Outcome) -> Reply:
        """JSON that says the outcome by name."""
        return Reply(_STATUS[outcome], json.dumps({"outcome": outcome}).encode(), "application/json")


def _secret_finding(zh: str, en: str, secret: str) -> Finding:
    try:
        webhook_key(secret)
    except ValueError:
        fix_zh = "密钥是 24 到 64 字节的 base64，可以带 whsec_ 前缀；用 echo whsec_$(openssl rand -base64 32) 生成一个"
        fix_en = "A secret is base64 of 24 to 64 bytes, with or without whsec_; make one: echo whsec_$(openssl rand -base64 32)"
        return Finding(f"{zh}不能用，所有推送都会被拒绝", f"{en} cannot be used: every push is refused", False, fix_zh, fix_en)
    return Finding(f"{zh}可以用", f"{en} can be used", True)


def _items(body: bytes) -> list[dict[str, Any]]:
    try:
        payload = json.loads(body.decode("utf-8"), parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadPush("inbound.not_json", field="(body)", expected="JSON, UTF-8") from None
    if not isinstance(payload, list):
        return [_item(payload, "")]
    if not 1 <= len(payload) <= MOST:
        raise BadPush("inbound.count", field="(body)", expected=f"1..{MOST}", count=len(payload))
    return [_item(item, f"[{number}].") for number, item in enumerate(payload)]


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _item(item: Any, where: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise BadPush("inbound.not_object", field=where.rstrip(".") or "(body)", expected='{"type": …, "data": {…}}')
    if item.get("type") not in TYPES:
        raise BadPush("inbound.unknown_type", field=f"{where}type", expected=" | ".join(TYPES))
    data = item.get("data")
    if not isinstance(data, dict):
        raise BadPush("inbound.not_object", field=f"{where}data", expected="{…}")
    own = data.get("id")
    if type(own) not in (str, int) or not str(own).strip() or len(str(own)) > LONGEST_ID:
        raise BadPush("inbound.no_id", field=f"{where}data.id", expected=f"text (1..{LONGEST_ID}) | integer")
    if data.get("currency", "CNY") != "CNY":
        raise BadPush("inbound.currency", field=f"{where}data.currency", expected="CNY")
    return {"type": item["type"], "data": data}
