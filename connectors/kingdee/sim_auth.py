"""Who may call: signed headers checked on each call, three logins with sessions, and the lock after too many failures.

Written from the recorded wire format of the official SDKs 8.2.0, independently of the connector.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import cycle
from typing import Any
from urllib.parse import quote_plus

VEIL = "0054f397c6234378b09ca7d3e5debce7"
LOCK_TEXT = "登录失败次数超限，账号已被锁定，请30分钟后再试"


class WrongAccountSet(Exception):
    """The account set does not exist: the real server answers this outside its usual envelope."""


def unveil(app_id: str) -> str:
    """The key text hidden behind the underscore of an app id."""
    hidden = bytearray(b64decode(app_id.split("_", 1)[1]))
    for position, mask in zip(range(len(hidden)), cycle(VEIL.encode("ascii")), strict=False):
        hidden[position] ^= mask
    return b64encode(bytes(hidden)).decode("ascii")


def digest(key: str, text: str) -> str:
    """Base64 over the hex characters of an HMAC-SHA256."""
    return b64encode(hmac.digest(key.encode(), text.encode(), sha256).hex().encode()).decode()


def same(expected: str, given: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(expected.encode(), given.encode())


@dataclass
class Gate:
    """The one account set and its integration user.

    on_premise: check only the X-Kd-* headers, as servers in the field seem to. failures_allowed: logins that may fail
    before the lock of 30 minutes. session_life: since the last call.
    """

    acct_id: str = "6400000000demo"
    user: str = "演示用户"
    password: str = "Demo-Pass-7"  # noqa: S105
    app_id: str = "300001_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY"
    app_secret: str = "0123456789abcdef0123456789abcdef"  # noqa: S105
    languages: tuple[str, ...] = ("2052", "1033")
    on_premise: bool = False
    failures_allowed: int = 5
    session_life: timedelta = timedelta(hours=1)
    sessions: dict[str, datetime] = field(default_factory=dict)
    failures: int = 0
    locked_until: datetime | None = None

    def admits(self, headers: Any, cookies: Mapping[str, str], path: str, now: datetime) -> bool:
        """Whether this call may pass. Signed calls are always checked, with a session or without.

        headers: looked up whatever their case.
        """
        if headers.get("X-Kd-Appkey"):
            return self._signed(headers) and (self.on_premise or self._gateway_signed(headers, path))
        return self._in_session(headers.get("kdservice-sessionid") or cookies.get("kdservice-sessionid") or "", now)

    def _signed(self, headers: Any) -> bool:
        try:
            data = b64decode(headers.get("X-Kd-Appdata", ""), validate=True).decode("utf-8")
        except ValueError:
            return False
        parts = data.split(",")
        if len(parts) != 4:
            return False
        if parts[0] != self.acct_id:
            raise WrongAccountSet
        expected = digest(self.app_secret, self.app_id + data)
        return (
            same(expected, headers.get("X-Kd-Signature", ""))
            and headers["X-Kd-Appkey"] == self.app_id
            and parts[1] == self.user
            and parts[2] in self.languages
        )

    def _gateway_signed(self, headers: Any, path: str) -> bool:
        stamp, nonce = headers.get("x-api-timestamp", ""), headers.get("x-api-nonce", "")
        named = headers.get("x-api-signheaders", "").lower()
        # seconds (Python SDK) and milliseconds (Java SDK); no window is known, and a nonce may come again
        if not (stamp.isdigit() and len(stamp) in (10, 13) and nonce) or named != "x-api-timestamp,x-api-nonce":
            return False
        lines = ["POST", quote_plus(path), "", f"x-api-nonce:{nonce}", f"x-api-timestamp:{stamp}", ""]
        return (
            headers.get("X-Api-ClientID") == self.app_id.split("_", 1)[0]
            and headers.get("X-Api-Auth-Version") == "2.0"
            and same(digest(unveil(self.app_id), "\n".join(lines)), headers.get("X-Api-Signature", ""))
        )

    def _in_session(self, session: str, now: datetime) -> bool:
        seen = self.sessions.get(session)
        if seen is None or now - seen > self.session_life:
            self.sessions.pop(session, None)
            return False
        self.sessions[session] = now
        return True

    def open_session(self, now: datetime) -> str:
        """A new session id."""
        session = secrets.token_hex(12)
        self.sessions[session] = now
        return session

    def login(self, method: str, body: Any, now: datetime) -> dict[str, Any]:
        """The answer of a login; ``LoginResultType`` 1 is success."""
        if self.locked_until and now < self.locked_until:
            return self._refusal(LOCK_TEXT, -1)
        given = _arguments(method, body)
        fault = self._login_fault(method, given)
        if fault:
            self.failures += 1
            if self.failures >= self.failures_allowed:
                self.locked_until, self.failures = now + timedelta(minutes=30), 0
            return self._refusal(*fault)
        self.failures, self.locked_until = 0, None
        session = self.open_session(now)
        context = {"SessionId": session, "UserId": 100001, "UserName": self.user, "DataCenterName": "演示账套"}
        return {
            "Message": None, "MessageCode": "CheckPasswordPolicy", "LoginResultType": 1, "Context": context,
            "KDSVCSessionId": session, "FormId": None, "Lcid": 2052, "IsSuccessByAPI": True,
        }  # fmt: skip

    def _login_fault(self, method: str, given: dict[str, str]) -> tuple[str, int, str] | tuple[str, int] | None:
        if given.get("acctid") != self.acct_id:
            return "数据中心不存在", -1
        if given.get("username") != self.user or given.get("lcid", "2052") not in self.languages:
            return "用户名或密码错误", 0
        if method == "ValidateUser":
            return None if same(self.password, given.get("password", "")) else ("密码错误", 0)
        if given.get("appid") != self.app_id:
            return "应用未授权", 0
        if method == "LoginByAppSecret":
            return None if same(self.app_secret, given.get("appsecret", "")) else ("应用密钥错误", 0)
        five = [self.acct_id, self.user, self.app_id, self.app_secret, given.get("timestamp", "")]
        text = "".join(sorted(five, key=lambda part: [ord(unit) for unit in part]))
        genuine = given.get("timestamp", "").isdigit() and same(sha256(text.encode()).hexdigest(), given.get("sign", ""))
        return None if genuine else ("签名验证失败", -1, "002005000003016")

    @staticmethod
    def _refusal(message: str, result: int, code: str = "CheckPasswordPolicy") -> dict[str, Any]:
        return {
            "Message": message, "MessageCode": code, "LoginResultType": result, "Context": None,
            "KDSVCSessionId": None, "FormId": None, "Lcid": 2052, "IsSuccessByAPI": False,
        }  # fmt: skip


_POSITIONS = {
    "ValidateUser": ("acctid", "username", "password", "lcid"),
    "LoginByAppSecret": ("acctid", "username", "appid", "appsecret", "lcid"),
    "LoginBySign": ("acctid", "username", "appid", "timestamp", "sign", "lcid"),
}
LOGINS = tuple(_POSITIONS)


def _arguments(method: str, body: Any) -> dict[str, str]:
    """Named or positional arguments by lower-case name, as text."""
    if isinstance(body, dict) and isinstance(body.get("parameters"), list):
        return {name: str(value) for name, value in zip(_POSITIONS[method], body["parameters"], strict=False)}
    named = body if isinstance(body, dict) and method != "LoginBySign" else {}
    return {str(name).lower(): str(value) for name, value in named.items()}
