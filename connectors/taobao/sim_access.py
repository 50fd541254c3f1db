"""Who may call what: applications, sessions per shop, their renewal, permission packages, and call limits."""

from __future__ import annotations

import math
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.taobao.sim_protocol import TopError

YEAR = timedelta(days=365)
KINDS = {
    "service_market": {"trade", "refund", "member", "message"},
    "back_office": {"trade", "refund", "member", "message"},
    "crm": {"simple", "member", "message"},
}
"""Kinds of application and their packages: one of the CRM kind gets another family of order calls. (docs: articleId 101617)"""


@dataclass
class App:
    """An application. kind: only ``service_market`` may renew its sessions. (docs: apiId 25387)"""

    secret: str
    kind: str = "service_market"
    packages: set[str] = field(default_factory=set)


@dataclass
class Session:
    """One shop's authorisation of one application. sensitive_until: how long the levels r2 and w2 last."""

    value: str
    app_key: str
    shop: str
    ends: datetime
    sensitive_until: datetime
    refresh_token: str
    refresh_ends: datetime
    dead: bool = False
    withdrawn: bool = False


class Access:
    """The register of applications and sessions."""

    def __init__(self) -> None:
        self.apps: dict[str, App] = {}
        self.sessions: dict[str, Session] = {}

    def add_app(self, key: str, secret: str, kind: str) -> None:
        """Register an application of this kind."""
        self.apps[key] = App(secret, kind, set(KINDS[kind]))

    def authorise(self, app_key: str, shop: str, now: datetime, life: timedelta | None = None) -> Session:
        """The shop's owner consents: a new session; an older one of the same shop and application is over."""
        self.withdraw(app_key, shop)
        return self._issue(app_key, shop, now, now + (life or YEAR))

    def withdraw(self, app_key: str, shop: str) -> None:
        """The owner takes the consent back, or changes the password."""
        for session in self.sessions.values():
            if (session.app_key, session.shop) == (app_key, shop):
                session.withdrawn = True

    def kill(self) -> None:
        """Every session value is dead from now on; the consents stay."""
        for session in self.sessions.values():
            session.dead = True

    def check(self, app_key: str, value: str, now: datetime, sensitive: bool) -> Session:
        """The living session of that value, else error 26 or 27; error 11 when its sensitive level is over."""
        if not value:
            raise TopError(26)
        session = self.sessions.get(value)
        if session is None or session.app_key != app_key or session.dead or session.withdrawn:
            raise TopError(27, "invalid-sessionkey", "SessionKey is invalid")
        if now >= session.ends:
            raise TopError(27, "session-expired", "Session has expired")
        if sensitive and now >= session.sensitive_until:
            raise TopError(12, "isv.r2-security-authorize-invalid", "security authorize is invalid")
        return session

    def refresh(self, app_key: str, refresh_token: str, now: datetime) -> dict[str, Any]:
        """A successor for a session, as the token JSON. The old refresh token is used up."""
        old = next((s for s in self.sessions.values() if secrets.compare_digest(s.refresh_token, refresh_token)), None)
        if self.apps[app_key].kind != "service_market":
            raise TopError(11, "isv.permission-api-package-limit", "this kind of application cannot refresh")
        if old is None or old.app_key != app_key or old.withdrawn or now >= old.refresh_ends:
            raise TopError(15, "isv.refresh-token-invalid", "refresh token is invalid")
        old.withdrawn = True
        return self._token_json(self._issue(app_key, old.shop, now, old.refresh_ends), now)

    def _issue(self, app_key: str, shop: str, now: datetime, ends: datetime) -> Session:
        value, refresh_token = f"6{secrets.token_hex(24)}", f"6{secrets.token_hex(24)}"
        session = Session(value, app_key, shop, ends, ends, refresh_token, ends)
        self.sessions[value] = session
        return session

    def _token_json(self, session: Session, now: datetime) -> dict[str, Any]:
        seconds = int((session.ends - now).total_seconds())
        levels = {f"{level}_expires_in": seconds for level in ("re", "r1", "r2", "w1", "w2")}
        return {
            "access_token": session.value,
            "token_type": "Bearer",
            "expires_in": seconds,
            "refresh_token": session.refresh_token,
            **levels,
            "expire_time": int(session.ends.timestamp() * 1000),
            "taobao_user_nick": session.shop,
        }


@dataclass
class _Bucket:
    tokens: float
    at: datetime
    banned_until: datetime | None = None


class Limits:
    """Token buckets per application and per application and API, and passing faults of the services behind the gateway.

    per_app, per_api: calls a second (None: no limit). ban: how long a limit answer bars the caller. fault_rate: share of
    calls answered with a remote time-out.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.per_app: float | None = 400.0
        self.per_api: float | None = 300.0
        self.ban = timedelta(seconds=1)
        self.fault_rate = 0.0
        self._now, self._buckets = now, dict[str, _Bucket]()
        self._random = random.Random(7)  # noqa: S311 (a simulator's dice)

    def take(self, app_key: str, method: str) -> None:
        """Count a call. Raises error 7 with the time left, or error 15 by chance."""
        self._take(app_key, self.per_app, "accesscontrol.limited-by-app-access-count")
        self._take(f"{app_key} {method}", self.per_api, "accesscontrol.limited-by-app-api-access-count")
        if self.fault_rate and self._random.random() < self.fault_rate:
            raise TopError(15, "isp.top-remote-connection-timeout", "remote connection timeout")

    def limited(self) -> TopError:
        """The answer to a caller over its limit, for tests that ask for one."""
        return self._ban("accesscontrol.limited-by-app-api-access-count", self.ban)

    def _take(self, key: str, rate: float | None, sub_code: str) -> None:
        if rate is None:
            return
        now = self._now()
        bucket = self._buckets.setdefault(key, _Bucket(rate, now))
        if bucket.banned_until and now < bucket.banned_until:
            raise self._ban(sub_code, bucket.banned_until - now)
        bucket.tokens = min(rate, bucket.tokens + max(0.0, (now - bucket.at).total_seconds()) * rate)
        bucket.at = now
        if bucket.tokens < 1:
            bucket.banned_until = now + self.ban
            raise self._ban(sub_code, self.ban)
        bucket.tokens -= 1

    def _ban(self, sub_code: str, left: timedelta) -> TopError:
        return TopError(7, sub_code, f"This ban will last for {math.ceil(left.total_seconds())} more seconds")
