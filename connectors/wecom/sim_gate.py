"""Who may call the WeCom simulator: tokens, rights of each app, trusted addresses, frequency limits, and refusals."""

from __future__ import annotations

import secrets
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TEXTS: dict[int, str] = {
    40001: "invalid credential",
    40003: "invalid userid",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40029: "invalid code",
    40035: "invalid parameter",
    40050: "invalid group id",
    40058: "invalid argument",
    40063: "some parameters are empty",
    40068: "invalid tagid",
    40096: "invalid external userid",
    40097: "user is not resigned",
    40098: "user has not verified the name",
    40099: "external contacts of the user reach the limit",
    40100: "external contact is in transfer",
    40128: "customer transfer too frequently",
    40129: "customer is in transfer",
    40130: "handover and takeover are the same user",
    40131: "handover user is not the follower",
    41001: "access_token missing",
    41002: "corpid missing",
    41004: "corpsecret missing",
    42001: "access_token expired",
    45035: "concurrent write conflict",
    50001: "redirect_url domain unauthorized",
    45009: "api freq out of limit",
    45033: "api concurrent out of limit",
    48002: "api forbidden",
    48009: "api forbidden for contacts sync secret",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    81013: "user & party & tag all invalid",
    82001: "the range of receivers is empty",
    301025: "invalid approval param",
    301055: "approval api forbidden",
    301112: "time span too long",
    301002: "agentid not match",
    81017: "owner filter needed, too many visible users",
    84061: "not external contact",
    84074: "no external contact permission",
    90500: "the owner of this chat is not resigned",
    90501: "chat is not external group chat",
    90507: "chat is being inherited",
    90508: "chat has been inherited",
    701008: "no licensed user",
}
BARE = {41001, 84061, 84074, 40068}
"""Codes whose text comes without hint, address and link, as some do."""


class Refusal(Exception):
    """The call is refused with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def refusal_text(code: int, number: int, address: str) -> str:
    """The errmsg of a refusal, with the trace hint, the caller's address and a link where WeCom adds them."""
    if code in BARE:
        return TEXTS[code]
    link = f"more info at https://open.work.weixin.qq.com/devtool/query?e={code}"
    return f"{TEXTS[code]}, hint: [1767225600_{number}_0123456789abcdef], from ip: {address}, {link}"


@dataclass
class App:
    """What one secret may do. agent: the app's number. visible: userids inside the app's visible range, None = everybody.

    customer_contact: the app is listed under 客户联系 → 可调用接口的应用. trusted: source addresses, None = not required.
    """

    secret: str
    agent: int = 0
    kind: Literal["self_built", "contacts_sync", "archive"] = "self_built"
    customer_contact: bool = True
    trusted: set[str] | None = None
    visible: set[str] | None = None

    def sees(self, userid: str) -> bool:
        """Whether the member is inside the visible range."""
        return self.visible is None or userid in self.visible


@dataclass
class _Issued:
    app: App
    until: datetime
    revoked: bool = False


@dataclass
class Limits:
    """Frequency rules, per API. per_minute: calls before 45009, which then stands for a minute. parallel: before 45033."""

    now: Callable[[], datetime]
    per_minute: int = 10_000
    parallel: int = 100
    _seen: dict[str, deque[datetime]] = field(default_factory=lambda: defaultdict(deque))
    _shut: dict[str, datetime] = field(default_factory=dict)
    _running: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Count a call to the API while it runs. Raises Refusal 45009 or 45033."""
        with self._lock:
            self._count(name)
            if self._running[name] >= self.parallel:
                raise Refusal(45033)
            self._running[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[name] -= 1

    def _count(self, name: str) -> None:
        now, seen = self.now(), self._seen[name]
        if self._shut.get(name, now) > now:
            raise Refusal(45009)
        while seen and seen[0] <= now - MINUTE:
            seen.popleft()
        if len(seen) >= self.per_minute:
            self._shut[name] = now + MINUTE
            raise Refusal(45009)
        seen.append(now)


class Gate:
    """Tokens and apps of the corp. (docs: path/91039)

    same_token: gettoken repeats the living token, as the older text promises; else each call gives a new one and the
    old ones stay valid. wrong_secrets: how many of them from one address within an hour shut it out for an hour.
    """

    def __init__(self, corp_id: str, now: Callable[[], datetime]) -> None:
        self.corp_id, self._now = corp_id, now
        self.apps: dict[str, App] = {}
        self.same_token = True
        self.life = 7200
        self.wrong_secrets = 2000
        self._issued: dict[str, _Issued] = {}
        self._wrong: dict[str, list[datetime]] = defaultdict(list)
        self._shut: dict[str, datetime] = {}

    def add(self, app: App) -> App:
        """A further app with its own secret."""
        self.apps[app.secret] = app
        return app

    def issue(self, query: Mapping[str, str], address: str) -> dict[str, Any]:
        """gettoken. Order of the checks as observed: secret missing, corp unknown, secret wrong."""
        now = self._now()
        if self._shut.get(address, now) > now:
            raise Refusal(45009)
        if not query.get("corpsecret"):
            raise Refusal(41004)
        if not query.get("corpid"):
            raise Refusal(41002)
        if query["corpid"] != self.corp_id:
            raise self._wrong_secret(address, 40013)
        app = self.apps.get(query["corpsecret"])
        if app is None:
            raise self._wrong_secret(address, 40001)
        token, left = self._token(app, now)
        return {"access_token": token, "expires_in": left}

    def _wrong_secret(self, address: str, code: int) -> Refusal:
        now = self._now()
        recent = [moment for moment in self._wrong[address] if moment > now - HOUR] + [now]
        self._wrong[address] = recent
        if len(recent) >= self.wrong_secrets:
            self._shut[address] = now + HOUR
        return Refusal(code)

    def _token(self, app: App, now: datetime) -> tuple[str, int]:
        for token, issued in self._issued.items():
            if self.same_token and issued.app is app and not issued.revoked and issued.until > now:
                return token, int((issued.until - now).total_seconds())
        token = secrets.token_urlsafe(160)
        self._issued[token] = _Issued(app, now + timedelta(seconds=self.life))
        return token, self.life

    def admit(self, token: str, address: str) -> App:
        """The app that the token belongs to. Raises Refusal 41001, 40014, 42001 or 60020."""
        if not token:
            raise Refusal(41001)
        issued = self._issued.get(token)
        if issued is None or issued.revoked:
            raise Refusal(40014)
        if issued.until <= self._now():
            raise Refusal(42001)
        if issued.app.trusted is not None and address not in issued.app.trusted:
            raise Refusal(60020)
        return issued.app

    def revoke_all(self) -> None:
        """Early revocation: 40014 from now on."""
        for issued in self._issued.values():
            issued.revoked = True

    def expire_all(self) -> None:
        """The tokens' time is over: 42001 from now on."""
        for issued in self._issued.values():
            issued.until = self._now()
