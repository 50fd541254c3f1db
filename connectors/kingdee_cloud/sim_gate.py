"""The gateway of the simulated platform: signatures, secrets of the day, tokens, addresses of account sets, limits."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from flask import Response, jsonify, request

TOLERANCE, TOKEN_LIFE, TOKENS_A_MINUTE = 300, 86_400, 2
DOMAIN = "https://vip1-hz.jdy.com"


class Turned(Exception):
    """Turned away: HTTP status, errcode, words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        self.status, self.code = status, code
        super().__init__(message)

    def response(self) -> Response:
        """As the client sees it."""
        answer = jsonify({"errcode": self.code, "description": str(self), "data": None})
        answer.status_code = self.status
        return answer


class Gate:
    """tokens: token -> its end. accounts: what the company has authorised, without the secret, which changes each day."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.client_id, self.client_secret, self.instance = "212345", secrets.token_hex(16), "jdy-instance-7"
        self.seed = secrets.token_hex(8)
        self.domain = DOMAIN
        self.accounts: list[dict[str, Any]] = [self.account("8826001", "演示账套")]
        self.tokens: dict[str, datetime] = {}
        self.left, self.filled = float(TOKENS_A_MINUTE), datetime.fromtimestamp(0, UTC)
        self.turns = 0
        self.asked: list[str] = []

    def account(self, key: str, name: str) -> dict[str, Any]:
        """An authorised account set."""
        known = {"accountId": key, "accountName": name, "appKey": f"app-{key}", "domain": self.domain, "status": "1"}
        return {**known, "outerInstanceId": self.instance, "clientId": self.client_id, "serviceId": "s-1"}

    def secret(self, key: str) -> str:
        """The secret of the day behind an app key; ``turns`` makes it another one."""
        return hmac.digest(self.seed.encode(), f"{key}{self.now():%Y-%m-%d}{self.turns}".encode(), "sha256").hex()[:32]

    def signed(self) -> None:
        """Raises Turned unless the call is signed as it was sent, within five minutes."""
        headers = request.headers
        stamp, nonce = headers.get("X-Api-TimeStamp", ""), headers.get("X-Api-Nonce", "")
        if headers.get("X-Api-ClientID") != self.client_id or headers.get("X-Api-Auth-Version") != "2.0":
            raise Turned(401, 4010, "client_id错误")
        if headers.get("X-Api-SignHeaders", "").lower() != "x-api-timestamp,x-api-nonce":
            raise Turned(401, 4010, "签名头错误")
        if not stamp.isdigit() or len(stamp) != 13 or not nonce.isdigit() or int(nonce) <= 0:
            raise Turned(401, 4010, "时间戳或随机数错误")
        if abs(self.now().timestamp() - int(stamp) / 1000) > TOLERANCE:
            raise Turned(401, 4010, "请求已超时")
        text = "\n".join([request.method, encoded(request.path), canonical(request.query_string.decode()),
                          "x-api-nonce:" + nonce, "x-api-timestamp:" + stamp, ""])  # fmt: skip
        wanted = base64.b64encode(hmac.digest(self.client_secret.encode(), text.encode(), "sha256").hex().encode())
        if not hmac.compare_digest(wanted, headers.get("X-Api-Signature", "").encode()):
            raise Turned(401, 4010, "签名错误")

    def entered(self) -> None:
        """Raises Turned unless a call goes to where the account set lives, with a token that is alive."""
        if request.headers.get("X-GW-Router-Addr") != self.domain:
            raise Turned(404, 404, "No Route")
        end = self.tokens.get(request.headers.get("app-token", ""))
        if end is None or end <= self.now():
            raise Turned(401, 4011, "app-token已失效")

    def authorise(self) -> Any:
        """What the company has authorised, with the secrets of today."""
        self.asked.append("authorise")
        if request.get_json(force=True, silent=True) != {}:
            raise Turned(200, 1030001001, "请求体错误")
        if request.args.get("outerInstanceId") != self.instance:
            return []
        return [{**row, "domain": self.domain, "appSecret": self.secret(row["appKey"])} for row in self.accounts]

    def token(self) -> dict[str, str]:
        """A token for a key and what proves its secret; two a minute."""
        self.asked.append("token")
        seconds = (self.now() - self.filled).total_seconds()
        self.left, self.filled = min(TOKENS_A_MINUTE, self.left + seconds * TOKENS_A_MINUTE / 60), self.now()
        if self.left < 1:
            raise Turned(429, 429, "请求过于频繁")
        key = request.args.get("app_key", "")
        known = any(row["appKey"] == key and row["status"] == "1" for row in self.accounts)
        proof = base64.b64encode(hmac.digest(self.secret(key).encode(), key.encode(), "sha256").hex().encode()).decode()
        if not known or not hmac.compare_digest(proof, request.args.get("app_signature", "")):
            raise Turned(200, 1030002006, "授权key错误")
        self.left -= 1
        token = secrets.token_hex(24)
        self.tokens[token] = self.now() + timedelta(seconds=TOKEN_LIFE)
        return {"app-token": token}


def canonical(sent: str) -> str:
    """The query line of the signed text, made from the query as it came over the wire."""
    found = dict(pair.partition("=")[::2] for pair in sent.split("&") if pair)
    return "&".join(f"{name}={encoded(encoded(unquote(found[name])))}" for name in sorted(found))


def encoded(text: str) -> str:
    """Percent-encoded, slashes too."""
    return quote(text, safe="-_.~")
