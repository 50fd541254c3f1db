"""Who may call the simulated gateway: applications, tokens of shops and their renewal, addresses, the daily quota."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.jd.sim_protocol import BEIJING, JdError

YEAR = timedelta(days=365)


@dataclass
class App:
    """An application. quota: calls a day (a test-state application has 500). inside: whether it runs in 云鼎."""

    secret: str
    quota: int = 1_000_000
    inside: bool = True
    allowed: set[str] | None = None
    forbidden: set[str] = field(default_factory=set)


@dataclass
class Grant:
    """One shop's authorisation. same_value: a renewal gives the same access token with a longer life."""

    value: str
    app_key: str
    vender: str
    ends: datetime
    refresh_token: str
    dead: bool = False


class Access:
    """The register. codes: single-use authorisation codes with the moment they end."""

    def __init__(self) -> None:
        self.apps: dict[str, App] = {}
        self.grants: dict[str, Grant] = {}
        self.codes: dict[str, tuple[str, str, datetime]] = {}
        self.same_value = False
        self._used: Counter[tuple[str, str]] = Counter()

    def authorise(self, app_key: str, vender: str, now: datetime, life: timedelta = YEAR) -> Grant:
        """The shop's owner consents."""
        grant = Grant(secrets.token_hex(16), app_key, vender, now + life, secrets.token_hex(16))
        self.grants[grant.value] = grant
        return grant

    def code(self, app_key: str, vender: str, now: datetime) -> str:
        """An authorisation code as it comes back to the callback: five minutes, one use."""
        made = secrets.token_hex(8)
        self.codes[made] = (app_key, vender, now + timedelta(minutes=5))
        return made

    def app(self, key: str) -> App:
        """Raises 20 or 21."""
        if not key:
            raise JdError(20)
        if key not in self.apps:
            raise JdError(21)
        return self.apps[key]

    def grant(self, app_key: str, value: str | None, now: datetime) -> Grant:
        """The living authorisation. Raises 18 or 19."""
        if not value:
            raise JdError(18)
        found = self.grants.get(value)
        if found is None or found.app_key != app_key or found.dead or now >= found.ends:
            raise JdError(19)
        return found

    def admit(self, app_key: str, method: str, address: str, now: datetime) -> None:
        """Address and quota. Raises 73, 80, 24 or 2."""
        app = self.apps[app_key]
        if not app.inside:
            raise JdError(73)
        if app.allowed is not None and address not in app.allowed:
            raise JdError(80)
        if method in app.forbidden:
            raise JdError(24)
        day = (app_key, now.astimezone(BEIJING).date().isoformat())
        if self._used[day] >= app.quota:
            raise JdError(2)
        self._used[day] += 1

    def token(self, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """``/oauth2/access_token``: a code against a token."""
        code = self.codes.pop(params.get("code", ""), None)
        fault = self._client(params, "authorization_code")
        if fault or code is None or code[0] != params["app_key"] or now >= code[2]:
            return fault or _failed(400, "code is invalid or used")
        return _told(self.authorise(code[0], code[1], now), now)

    def refresh(self, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """``/oauth2/refresh_token``. A dead or expired token is not renewed."""
        if fault := self._client(params, "refresh_token"):
            return fault
        wanted = params.get("refresh_token", "")
        old = next((g for g in self.grants.values() if secrets.compare_digest(g.refresh_token, wanted)), None)
        if old is None or old.app_key != params["app_key"]:
            return _failed(401, "refresh_token is invalid")
        if now >= old.ends:
            return _failed(402, "token has expired and cannot be refreshed")
        if self.same_value:
            old.ends, old.dead = now + YEAR, False
            return _told(old, now)
        old.dead, old.refresh_token = True, secrets.token_hex(16)
        return _told(self.authorise(old.app_key, old.vender, now), now)

    def _client(self, params: Mapping[str, str], grant_type: str) -> dict[str, Any] | None:
        app = self.apps.get(params.get("app_key", ""))
        if app is None or not secrets.compare_digest(app.secret.encode(), params.get("app_secret", "").encode()):
            return _failed(403, "app_key or app_secret is wrong")
        if params.get("grant_type") != grant_type:
            return _failed(400, "grant_type is wrong")
        return None


def _told(grant: Grant, now: datetime) -> dict[str, Any]:
    return {
        "access_token": grant.value, "expires_in": int((grant.ends - now).total_seconds()), "code": 0,
        "refresh_token": grant.refresh_token, "scope": "snsapi_base", "open_id": "oid-owner", "uid": "1",
        "xid": "xid-owner", "time": int(now.timestamp() * 1000), "token_type": "bearer",
    }  # fmt: skip


def _failed(code: int, words: str) -> dict[str, Any]:
    return {"code": code, "msg": words, "requestId": secrets.token_hex(8)}
