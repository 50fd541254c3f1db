"""Who may call: data centre, token, and what the gateway asks before a call reaches an application.

Written from the published rules, independently of the connector.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

GATEWAY = "/iuap-api-gateway"
AUTH = "/iuap-api-auth"
MINUTE = timedelta(minutes=1)


class Refused(Exception):
    """A refusal: the platform's code, what it says, and the HTTP status (200 nearly always)."""

    def __init__(self, code: str | int, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass
class Gate:
    """One tenant and one application.

    limits: pattern of a path -> calls a minute. denied: paths that are not granted to the application. plain: paths that
    say of a dead token in plain text. blocked: the caller's address is not on the allow-list. token_life: seconds.
    """

    now: Callable[[], datetime]
    tenant: str = "t0demo01"
    app_key: str = "41832a3d2df94989b500da6a22268747"
    app_secret: str = "0123456789abcdef0123456789abcdef01234567"  # noqa: S105
    token_life: int = 7200
    limits: dict[str, int] = field(default_factory=lambda: {"/yonbip/sd/voucherorder/*": 60})
    denied: set[str] = field(default_factory=set)
    plain: set[str] = field(default_factory=lambda: {"/yonbip/digitalModel/orgunit/querytree"})
    blocked: bool = False
    moved: bool = False
    tokens: dict[str, datetime] = field(default_factory=dict)
    _seen: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))

    def data_centre(self, tenant: str, base: str) -> dict[str, Any]:
        """The answer of the discovery: where gateway and tokens of a tenant are. HTTP 200 for an unknown one too."""
        if tenant != self.tenant:
            return {"code": "500", "message": f"租户{tenant}不存在", "data": None}
        data = {"gatewayUrl": base + GATEWAY, "tokenUrl": base + AUTH}
        return {"code": "00000", "message": "成功！", "data": data}

    def token(self, query: Mapping[str, str]) -> dict[str, Any]:
        """A token for a right signature over names and values in order."""
        text = "".join(f"{key}{value}" for key, value in sorted(query.items()) if key != "signature")
        expected = base64.b64encode(hmac.new(self.app_secret.encode(), text.encode(), hashlib.sha256).digest())
        good = query.get("appKey") == self.app_key and set(query) == {"appKey", "timestamp", "signature"}
        good = good and len(query["timestamp"]) == 13 and query["timestamp"].isdigit()
        if not good or not hmac.compare_digest(expected, query.get("signature", "").encode()):
            return {"code": "10018", "message": "获取token失败，应用不存在或appKey已停用", "data": None}
        # holds every character that a careless client does not encode
        token = f"YT+{secrets.token_hex(16)}/{secrets.token_hex(8)}="
        self.tokens[token] = self.now() + timedelta(seconds=self.token_life)
        return {"code": "00000", "message": "成功！", "data": {"access_token": token, "expire": self.token_life}}

    def admit(self, method: str, path: str, apis: Mapping[str, str], token: str) -> None:
        """The gateway's checks in its order: path, method, token, address, grant, limit. Raises Refused."""
        if path not in apis or self.moved:
            raise Refused("310404", f"网关上没有注册此API[{path}]，请检查", 404)
        if apis[path] != method:
            raise Refused("310405", f"请求方法{method}不被允许")
        if not token:
            raise Refused("310001", "access_token不能为空")
        if self.tokens.get(token, self.now()) <= self.now():
            raise Refused("310036", "非法token")
        if self.blocked:
            raise Refused("310047", "IP不在白名单内")
        if path in self.denied:
            raise Refused("310037", f"API未被授权：APPKEY[***]未获得要调用的API[{path}]的授权")
        self._count(path)

    def _count(self, path: str) -> None:
        limit = next((most for pattern, most in self.limits.items() if fnmatchcase(path, pattern)), None)
        recent = [at for at in self._seen[path] if at > self.now() - MINUTE]
        if limit is not None and len(recent) >= limit:
            raise Refused("310046", "API调用频率超限，请稍后再试")
        self._seen[path] = [*recent, self.now()]


def once_encoded(raw_query: str, token: str) -> bool:
    """Whether the token stands in the URL encoded exactly once."""
    return f"access_token={quote(token, safe='')}" in raw_query
