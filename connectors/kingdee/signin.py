"""How a call proves who it is from: signed headers on each call, or a login and its session.

Both follow the official SDKs, release 8.2.0 for Python and Java (docs: openapi.open.kingdee.com/ApiDoc).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from connectors.base import Token
from connectors.errors import ReauthNeeded
from connectors.kingdee.config import KingdeeConfig

_MASK = b"0054f397c6234378b09ca7d3e5debce7"
"""The constant with which the SDKs veil the client secret inside an app id."""
LOGINS = {"app_secret": "LoginByAppSecret", "sign": "LoginBySign", "password": "ValidateUser"}


def client_secret(app_id: str) -> str:
    """The HMAC key hidden in an app id: its 24 bytes unveiled and written as Base64 text, which itself is the key."""
    veiled = base64.b64decode(app_id.partition("_")[2])
    return base64.b64encode(bytes(a ^ b for a, b in zip(veiled, _MASK, strict=False))).decode()


def app_data(config: KingdeeConfig) -> str:
    """``account set,user,language,organisation``."""
    return f"{config.acct_id},{config.user_name},{config.lcid},{config.org_num or 0}"


def signed_headers(config: KingdeeConfig, url: str, moment: datetime) -> dict[str, str]:
    """The headers of a signed call to this URL. The path is signed as it is sent, its case included.

    The nonce is the timestamp again, as both official SDKs send it.
    """
    stamp = str(int(moment.timestamp()))
    path = quote(urlsplit(url).path, safe="")
    text = f"POST\n{path}\n\nx-api-nonce:{stamp}\nx-api-timestamp:{stamp}\n"
    data = app_data(config)
    return {
        "X-Api-ClientID": config.app_id.partition("_")[0],
        "X-Api-Auth-Version": "2.0",
        "x-api-timestamp": stamp,
        "x-api-nonce": stamp,
        "x-api-signheaders": "x-api-timestamp,x-api-nonce",
        "X-Api-Signature": _hmac(client_secret(config.app_id), text),
        "X-Kd-Appkey": config.app_id,
        "X-Kd-Appdata": base64.b64encode(data.encode()).decode(),
        "X-Kd-Signature": _hmac(config.app_secret, config.app_id + data),
    }


def session_headers(token: Token) -> dict[str, str]:
    """The headers of a call within a session."""
    cookies = {"kdservice-sessionid": token.value, **token.extra}
    return {
        "kdservice-sessionid": token.value,
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
    }


def login_sign(config: KingdeeConfig, stamp: str) -> str:
    """The sign of LoginBySign: five texts in ordinal order (UTF-16 code units), joined, SHA-256 in lower-case hex."""
    parts = [config.acct_id, config.user_name, config.app_id, config.app_secret, stamp]
    return hashlib.sha256("".join(sorted(parts, key=lambda part: part.encode("utf-16-be"))).encode()).hexdigest()


def login_body(config: KingdeeConfig, moment: datetime) -> dict[str, Any]:
    """The body of the login call of this account's mode."""
    who = config.acct_id, config.user_name
    if config.auth_mode == "sign":
        stamp = int(moment.timestamp())
        return {"parameters": [*who, config.app_id, stamp, login_sign(config, str(stamp)), config.lcid]}
    if config.auth_mode == "app_secret":
        names = ("acctId", "username", "appId", "appSecret", "lcid")
        return dict(zip(names, (*who, config.app_id, config.app_secret, config.lcid), strict=True))
    return dict(zip(("acctid", "username", "password", "lcid"), (*who, config.password, config.lcid), strict=True))


def session(body: Mapping[str, Any]) -> Token:
    """The token of a login that succeeded. Its official life is unknown; clients in the field assume an hour."""
    context = body.get("Context") or {}
    extra = {"ASP.NET_SessionId": body["ASP.NET_SessionId"]} if body.get("ASP.NET_SessionId") else {}
    return Token(str(body.get("KDSVCSessionId") or context.get("SessionId") or ""), expires_in=3600, extra=extra)


class LoginGuard:
    """Stops after two refused logins: the platform locks the user for about 30 minutes after a few more.

    Counted per set of credentials and process, so that corrected credentials are tried at once.
    """

    LIMIT, PAUSE = 2, timedelta(minutes=30)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused: dict[bytes, list[datetime]] = {}

    def check(self, config: KingdeeConfig, now: datetime) -> None:
        """Raises ReauthNeeded while these credentials must not be tried."""
        with self._lock:
            recent = [at for at in self._refused.get(self._key(config), []) if at > now - self.PAUSE]
        if len(recent) >= self.LIMIT:
            raise ReauthNeeded("kingdee.login_paused", minutes=int(self.PAUSE.total_seconds() // 60))

    def refused(self, config: KingdeeConfig, now: datetime) -> None:
        """The platform refused these credentials."""
        with self._lock:
            self._refused.setdefault(self._key(config), []).append(now)

    def accepted(self, config: KingdeeConfig) -> None:
        """The platform let these credentials in."""
        with self._lock:
            self._refused.pop(self._key(config), None)

    @staticmethod
    def _key(config: KingdeeConfig) -> bytes:
        parts = (config.server_url, config.auth_mode, app_data(config), config.app_id, config.app_secret, config.password)
        return hashlib.sha256("\0".join(parts).encode()).digest()


GUARD = LoginGuard()


def _hmac(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest().encode()).decode()
