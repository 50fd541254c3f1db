"""A custom robot that repeats notices in a group. (docs: custom-robot-access, customize-robot-security-settings)"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from connectors.people import Notice

MOST_AT = 50


def signature(secret: str, timestamp: int) -> str:
    """HMAC-SHA256 over time (ms) and secret, under the secret, which keeps its prefix ``SEC``; base64."""
    return base64.b64encode(hmac.digest(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256)).decode()


def message(notice: Notice) -> dict[str, Any]:
    """The message: plain text, since the other forms read markup. msgUuid: the same one again is shown once."""
    lines = [notice.title, notice.text, notice.url]
    at = {"atUserIds": list(notice.to[:MOST_AT]), "isAtAll": False}
    return {"msgtype": "text", "text": {"content": "\n".join(filter(None, lines))}, "at": at, "msgUuid": notice.key}
