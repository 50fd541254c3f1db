"""The authorisation service of the simulated platform: codes good for once, tokens that rotate, tickets that are pushed."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Response, jsonify, request

LIFE, REFRESH_LIFE, CODE_LIFE, TICKET_LIFE, SHORT = 6 * 86400, 29 * 86400, 600, 1800, 7200
PER_DAY = 1000
SPACES = {ord(each): None for each in " \t\n\r\f\v"}


class Denied(Exception):
    """The service says no: its code and its words."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Authorisation:
    """tokens: open token -> its end; refreshing: refresh token -> its end; codes: code -> (end, used).

    tickets: the valid ones with their ends, newest last. used_today: tokens by permanent code, by day.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.app_key, self.app_secret = "A1demo88", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
        self.certificate, self.redirect_uri = "cert-" + secrets.token_hex(16), "https://hub.example.com/oauth/chanjet"
        self.sign_key = ""
        self.tokens: dict[str, datetime] = {}
        self.refreshing: dict[str, datetime] = {}
        self.codes: dict[str, datetime] = {}
        self.temporary: dict[str, datetime] = {}
        self.tickets: dict[str, datetime] = {}
        self.short: dict[str, datetime] = {}
        self.company, self.user = "org-" + secrets.token_hex(12), "user-" + secrets.token_hex(12)
        self.used_today: dict[str, int] = {}
        self.resent = 0

    # -- what is handed out

    def new_code(self) -> str:
        """A code in the callback address, after an administrator agreed: ten minutes, once."""
        code = "code-" + secrets.token_hex(12)
        self.codes[code] = self.now() + timedelta(seconds=CODE_LIFE)
        return code

    def new_ticket(self) -> str:
        """A ticket, as it is pushed every ten minutes; those before it live on for half an hour."""
        ticket = "t-" + secrets.token_hex(12)
        self.tickets[ticket] = self.now() + timedelta(seconds=TICKET_LIFE)
        return ticket

    def new_temporary(self) -> str:
        """A company's temporary code, as it is pushed when the company opens the application: good once."""
        code = "temp-" + secrets.token_hex(12)
        self.temporary[code] = self.now() + timedelta(seconds=CODE_LIFE)
        return code

    # -- calls

    def answer(self, call: Callable[[], Any]) -> Response:
        """The envelope of this service."""
        try:
            self.application()
            return jsonify({"code": "200", "message": "success", "result": call()})
        except Denied as denial:
            return jsonify({"code": denial.code, "message": str(denial), "result": None})

    def application(self) -> None:
        """Key and secret in headers; the signature where the application wants one."""
        key, secret = request.headers.get("appKey", ""), request.headers.get("appSecret", "")
        good = hmac.compare_digest(key.encode(), self.app_key.encode())
        if not good or not hmac.compare_digest(secret.encode(), self.app_secret.encode()):
            raise Denied("4001", "appKey或appSecret错误")
        if self.sign_key:
            stamp, body = request.headers.get("timestamp", ""), request.get_data().decode()
            text = f"appKey={key}"
            if body.strip():
                text += "&bizContent=" + body.translate(SPACES)
            text += f"&timestamp={stamp}{self.sign_key}"
            wanted = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
            if not hmac.compare_digest(request.headers.get("sign", "").encode(), wanted.encode()):
                raise Denied("4002", "签名错误")

    def by_code(self) -> dict[str, Any]:
        """Exchange a code: ten minutes, once, with the address that stands in the application."""
        self._grant("authorization_code")
        if request.args.get("redirectUri") != self.redirect_uri:
            raise Denied("4002", "redirectUri与应用不一致")
        end = self.codes.pop(request.args.get("code", ""), None)
        if end is None or end <= self.now():
            raise Denied("4003", "授权码无效或已过期")
        return {**self._pair(), "user_auth_permanent_code": self.user}

    def by_refresh(self) -> dict[str, Any]:
        """Exchange a refresh token: it and every token before are dead at once."""
        self._grant("refresh_token")
        end = self.refreshing.pop(request.args.get("refreshToken", ""), None)
        if end is None or end <= self.now():
            raise Denied("4003", "refreshToken无效或已过期")
        self.tokens.clear()
        self.refreshing.clear()
        return self._pair()

    def by_permanent_code(self) -> dict[str, Any]:
        """A token by the two codes that do not end; a thousand a day."""
        body = request.get_json(force=True)
        self._alive(self.short, str(body.get("orgAccessToken", "")), "orgAccessToken")
        if body.get("userAuthPermanentCode") != self.user:
            raise Denied("4003", "用户永久授权码无效")
        day = f"{self.now():%Y-%m-%d}"
        if self.used_today.get(day, 0) >= PER_DAY:
            raise Denied("4008", "永久授权码当日获取token次数超限")
        self.used_today[day] = self.used_today.get(day, 0) + 1
        return self._pair()

    def app_access(self) -> dict[str, Any]:
        """The application's own token, for a ticket that is still good."""
        self._alive(self.tickets, str(request.get_json(force=True).get("appTicket", "")), "appTicket")
        return {"appAccessToken": self._short(), "expireTime": SHORT}

    def permanent_code(self) -> dict[str, Any]:
        """The company's permanent code for its temporary one, which is good once."""
        body = request.get_json(force=True)
        self._alive(self.short, str(body.get("appAccessToken", "")), "appAccessToken")
        end = self.temporary.pop(str(body.get("tempAuthCode", "")), None)
        if end is None or end <= self.now():
            raise Denied("4003", "临时授权码无效或已使用")
        return {"permanentAuthCode": self.company, "orgId": "90015999132"}

    def org_access(self) -> dict[str, Any]:
        """The company's token for its permanent code."""
        body = request.get_json(force=True)
        self._alive(self.short, str(body.get("appAccessToken", "")), "appAccessToken")
        if body.get("permanentAuthCode") != self.company:
            raise Denied("4003", "企业永久授权码无效")
        return {"orgAccessToken": self._short(), "orgId": "90015999132", "expireTime": SHORT}

    def self_built(self) -> Response:
        """A self-built application's token; another envelope."""
        try:
            self.application()
            body = request.get_json(force=True)
            self._alive(self.tickets, str(body.get("appTicket", "")), "appTicket")
            if body.get("certificate") != self.certificate:
                raise Denied("4003", "企业授权证书无效")
        except Denied as denial:
            error = {"code": denial.code, "msg": str(denial), "hint": "请检查授权"}
            return jsonify({"result": False, "error": error, "traceId": secrets.token_hex(8)})
        pair = self._pair()
        value = {"accessToken": pair["access_token"], "refreshToken": pair["refresh_token"], "expiresIn": LIFE}
        return jsonify({"result": True, "value": {**value, "orgId": "90015999132"}, "traceId": secrets.token_hex(8)})

    def allowed(self) -> bool:
        """Whether the call carries a token that is alive."""
        end = self.tokens.get(request.headers.get("openToken", ""))
        return end is not None and end > self.now()

    def _grant(self, wanted: str) -> None:
        if request.args.get("grantType") != wanted or request.args.get("appKey") != self.app_key:
            raise Denied("4002", "参数grantType或appKey错误")

    def _alive(self, held: dict[str, datetime], value: str, name: str) -> None:
        if held.get(value, self.now()) <= self.now():
            raise Denied("4003", f"{name}无效或已过期")

    def _short(self) -> str:
        token = secrets.token_hex(16)
        self.short[token] = self.now() + timedelta(seconds=SHORT)
        return token

    def _pair(self) -> dict[str, Any]:
        access, refresh = secrets.token_urlsafe(40) + "+/=", secrets.token_hex(16)
        self.tokens[access] = self.now() + timedelta(seconds=LIFE)
        self.refreshing[refresh] = self.now() + timedelta(seconds=REFRESH_LIFE)
        return {
            "access_token": access, "refresh_token": refresh, "expires_in": str(LIFE), "refresh_expires_in": str(REFRESH_LIFE),
            "user_id": "60013457788", "org_id": "90015999132", "app_name": "tcloud", "scope": "auth_all",
            "sid": secrets.token_hex(8),
        }  # fmt: skip
