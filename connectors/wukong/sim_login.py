"""The simulator's users and sessions: slots, kicks, the sliding week, and the lock after three failures."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from connectors.wukong.sim_store import Refusal

BEIJING = timezone(timedelta(hours=8))
SUPER_USER, SUPER_ROLE, SALES_ROLE = 14773, 180162, 180163
LIFE = timedelta(seconds=604_800)
FAILURES, KEEP, LOCK = 3, timedelta(seconds=180), timedelta(seconds=120)


@dataclass
class User:
    """A person with a login. masked: field names shown with stars. denied: path beginnings the menu right lacks."""

    id: int
    username: str
    password: str = field(repr=False)
    realname: str = ""
    admin: bool = False
    status: int = 1
    mobile: str = ""
    email: str = ""
    post: str = ""
    created: str = ""
    masked: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    hidden: dict[int, set[str]] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def as_listed(self) -> dict[str, Any]:
        """As queryUserList shows it."""
        return {
            "userId": self.id,
            "realname": self.realname,
            "username": self.username,
            "sex": 1,
            "mobile": self.mobile,
            "email": self.email,
            "deptId": 14852,
            "deptName": "销售部",
            "post": self.post,
            "status": self.status,
            "parentId": SUPER_USER,
            "roleId": str(SUPER_ROLE if self.admin else SALES_ROLE),
            "roleName": "超级管理员" if self.admin else "销售员角色",
            "createTime": self.created,
            **self.extra,
        }

    def as_self(self) -> dict[str, Any]:
        """As queryLoginUser shows it."""
        return {
            "userId": self.id,
            "realname": self.realname,
            "username": self.username,
            "deptId": 14852,
            "isAdmin": self.admin,
            "roles": [SUPER_ROLE if self.admin else SALES_ROLE],
            "superUserId": SUPER_USER,
            "superRoleId": SUPER_ROLE,
        }


@dataclass
class _Session:
    user: User
    slot: int
    until: datetime


class Logins:
    """Who is logged in. life: how long an unused token lives; every call starts it again."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now, self.life = now, LIFE
        self.users: dict[int, User] = {}
        self._sessions: dict[str, _Session] = {}
        self._kicked: dict[str, str] = {}
        self._failures: dict[str, tuple[int, datetime]] = {}

    def login(self, body: Any) -> dict[str, str]:
        """A fresh token; another one of the same user and slot is kicked."""
        if not isinstance(body, dict) or body.get("username") is None:
            raise Refusal(500, "网络错误，请稍候再试！")
        username, password = str(body["username"]).strip(), str(body.get("password") or "").strip()
        if not username:
            raise Refusal(1002, "请输入用户名")
        if not password:
            raise Refusal(1003, "请输入密码")
        self._refuse_locked(username)
        user = next((one for one in self.users.values() if one.username == username), None)
        if user is None or not hmac.compare_digest(user.password.encode(), password.encode()):
            self._fail(username)
            raise Refusal(1004, "账号或密码错误")
        if user.status == 0:
            raise Refusal(1007, "账号被禁用")
        return {"adminToken": self._open(user, int(body.get("type") or 1))}

    def who(self, token: str) -> User:
        """The user behind a token. Raises 302, with the time of the kick where there was one."""
        if token in self._kicked:
            raise Refusal(302, "请先登录！", data={"extra": 1, "extraTime": self._kicked[token]})
        session = self._sessions.get(token)
        if session is None or session.until <= self.now():
            raise Refusal(302, "请先登录！")
        session.until = self.now() + self.life
        return session.user

    def logout(self, token: str) -> None:
        """End one session."""
        self._sessions.pop(token, None)

    def end_all(self) -> None:
        """All tokens are dead, as after the session store was emptied."""
        self._sessions.clear()
        self._kicked.clear()

    def _open(self, user: User, slot: int) -> str:
        for token, session in list(self._sessions.items()):
            if session.user is user and session.slot == slot:
                del self._sessions[token]
                self._kicked[token] = f"{self.now().astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
        token = uuid.uuid4().hex
        self._sessions[token] = _Session(user, slot, self.now() + self.life)
        return token

    def _fail(self, username: str) -> None:
        count, until = self._failures.get(username, (0, self.now()))
        count = count + 1 if until > self.now() else 1
        self._failures[username] = (count, self.now() + (LOCK if count >= FAILURES else KEEP))

    def _refuse_locked(self, username: str) -> None:
        count, until = self._failures.get(username, (0, self.now()))
        left = (until - self.now()).total_seconds()
        if count >= FAILURES and left > 0:
            raise Refusal(1010, f"密码错误次数过多，请{int(left)}秒后再试")
