"""People: create them, change their roles and passwords, and how Flask-Security finds them.

``create_user`` needs no application, so that ``hub users`` and the first start can call it. There is no default password.
"""

from __future__ import annotations

import re
import secrets
from typing import Any
from uuid import uuid4

from argon2 import PasswordHasher
from flask import Flask
from flask_security import Security, UserDatastore, user_authenticated
from flask_security.mail_util import EmailValidateException, MailUtil
from sqlalchemy import func, select
from sqlmodel import Session, col

from hub.core import Hub
from hub.models import Role, RoleUser, User
from hub.people import links
from hub.security import audit

ROLES = {
    "viewer": "reads; personal data masked",
    "operator": "retries, replays, splits and merges",
    "admin": "accounts, users and settings",
}
SHORTEST = 10
HASHER = PasswordHasher()
"""argon2id with the costs that RFC 9106 recommends where memory is scarce: 64 MB, three rounds, four lanes."""


class UserFault(ValueError):
    """A user cannot be created or changed. key: the text that says why, params: its values."""

    def __init__(self, key: str, **params: Any) -> None:
        self.key, self.params = key, params
        super().__init__(f"{key} {params}" if params else key)


def generate_password() -> str:
    """A password nobody has to think of: 20 characters without look-alikes."""
    return "".join(secrets.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(20))


def _checked_email(email: str) -> str:
    plain = email.strip().lower()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", plain) or len(plain) > 254:
        raise UserFault("users.fault_email")
    return plain


def hashed(password: str) -> str:
    """The argon2id hash of a password. Raises UserFault when it is too short."""
    if len(password) < SHORTEST:
        raise UserFault("users.fault_short", n=SHORTEST)
    return HASHER.hash(password)


def _roles(session: Session, names: list[str]) -> list[Role]:
    unknown = [name for name in names if name not in ROLES]
    if unknown or not names:
        raise UserFault("users.fault_role", roles=", ".join(ROLES))
    found = {role.name: role for role in session.scalars(select(Role))}
    for name, description in ROLES.items():
        if name not in found:
            found[name] = Role(name=name, description=description)
            session.add(found[name])
    return [found[name] for name in names]


def create_user(hub: Hub, email: str, password: str, roles: list[str], *, language: str | None = None, by: str = "hub") -> int:
    """Save a new user; the id. Raises UserFault."""
    plain = _checked_email(email)
    digest = hashed(password)
    with hub.db.session() as session:
        if session.scalars(select(User).where(col(User.email) == plain)).first():
            raise UserFault("users.fault_taken", email=plain)
        user = User(
            email=plain,
            password=digest,
            fs_uniquifier=uuid4().hex,
            language=language or hub.settings.language,
            created_at=hub.now(),
            roles=_roles(session, roles),
        )
        session.add(user)
        session.flush()
        audit.record(session.connection(), by, "user.create", f"user:{user.id}", roles=sorted(roles))
        return int(user.id or 0)


def _loaded(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise UserFault("users.fault_gone")
    return user


def set_role(hub: Hub, user_id: int, role: str, *, by: str) -> None:
    """Give the user this role alone. Raises UserFault when nobody would be left who is admin."""
    with hub.db.session() as session:
        user = _loaded(session, user_id)
        if role != "admin":
            _not_last_admin(session, user)
        user.roles = _roles(session, [role])
        audit.record(session.connection(), by, "user.role", f"user:{user_id}", roles=[role])


def set_active(hub: Hub, user_id: int, active: bool, *, by: str) -> None:
    """Let the user in, or shut them out (their sessions end at once)."""
    with hub.db.session() as session:
        user = _loaded(session, user_id)
        if not active:
            _not_last_admin(session, user)
        user.active = active
        user.fs_uniquifier = uuid4().hex
        audit.record(session.connection(), by, "user.open" if active else "user.close", f"user:{user_id}")


def set_password(hub: Hub, user_id: int, password: str, *, by: str) -> None:
    """A new password; sessions with the old one end."""
    digest = hashed(password)
    with hub.db.session() as session:
        user = _loaded(session, user_id)
        user.password, user.fs_uniquifier = digest, uuid4().hex
        audit.record(session.connection(), by, "user.password", f"user:{user_id}")


def set_language(hub: Hub, user_id: int, language: str) -> None:
    """The language of the user's pages."""
    with hub.db.session() as session:
        _loaded(session, user_id).language = language


def _not_last_admin(session: Session, user: User) -> None:
    admins = select(col(RoleUser.user_id)).join(Role, col(Role.id) == col(RoleUser.role_id)).where(col(Role.name) == "admin")
    others = select(col(User.id)).where(col(User.id).in_(admins), col(User.active), col(User.id) != user.id)
    if any(role.name == "admin" for role in user.roles) and session.scalars(others).first() is None:
        raise UserFault("users.fault_last_admin")


# ---------------------------------------------------------------- Flask-Security


class People(UserDatastore):
    """Finds users in a short transaction and hands them out detached.

    A session kept for the length of a request (the ready-made datastore) would hold one more connection of the pool, and
    on SQLite would write through the reading engine.
    """

    def __init__(self, hub: Hub) -> None:
        super().__init__(User, Role)
        self._hub = hub

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> User | None:
        """The user with this value in this column (the address is stored in lower case)."""
        name, value = kwargs.popitem()
        column = getattr(User, name)
        match = func.lower(column) == str(value).lower() if case_insensitive else column == value
        with self._hub.db.read() as conn, Session(conn) as session:
            user = session.scalars(select(User).where(match)).first()
            session.expunge_all()
            return user

    def find_role(self, role: str) -> Role | None:
        """The role of that name."""
        with self._hub.db.read() as conn, Session(conn) as session:
            found = session.scalars(select(Role).where(col(Role.name) == role)).first()
            session.expunge_all()
            return found

    def put(self, model: Any) -> Any:
        """Save at once: there is no open transaction to wait for."""
        with self._hub.db.session() as session:
            session.merge(model)
        return model

    def delete(self, model: Any) -> None:
        """Users are shut out, never deleted: the audit log names them."""
        set_active(self._hub, model.id, False, by="hub")

    def commit(self) -> None:
        """``put`` has saved already."""


class Addresses(MailUtil):
    """Sign-in addresses as they are stored; intranet names (``ops@hub.local``) are fine."""

    def normalize(self, email: str) -> str:
        """Without blanks, in lower case. Raises ValueError for what is no address."""
        try:
            return _checked_email(email)
        except UserFault:
            raise EmailValidateException("not an address") from None

    def validate(self, email: str) -> str:
        """The same as ``normalize``."""
        return self.normalize(email)


def install(app: Flask, hub: Hub) -> None:
    """Sign-in, sign-out and change of password; nothing else of Flask-Security is switched on."""
    app.config.update(
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 - a scheme, no password
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_PASSWORD_SINGLE_HASH={"argon2"},
        SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS={
            "argon2__rounds": HASHER.time_cost, "argon2__memory_cost": HASHER.memory_cost,
            "argon2__parallelism": HASHER.parallelism,
        },
        SECURITY_PASSWORD_SALT=hub.ring.derived("password salt").hex(),
        SECURITY_PASSWORD_LENGTH_MIN=SHORTEST,
        SECURITY_REGISTERABLE=False,
        SECURITY_CHANGEABLE=True,
        SECURITY_SEND_PASSWORD_CHANGE_EMAIL=False,
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_POST_LOGIN_VIEW="/",
        SECURITY_POST_LOGOUT_VIEW="/login",
        SECURITY_POST_CHANGE_VIEW="/",
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_CHANGE_URL="/password",
        SECURITY_LOGIN_USER_TEMPLATE="signin.html",
        SECURITY_VERIFY_TEMPLATE="verify.html",
        SECURITY_CHANGE_PASSWORD_TEMPLATE="password.html",  # noqa: S106 - a file
        SECURITY_FLASH_MESSAGES=False,
    )  # fmt: skip
    security = Security(app, People(hub), mail_util_cls=Addresses)
    security.login_context_processor(lambda: {"doors": links.doors(hub)})
    user_authenticated.connect(_signed_in, app)


def _signed_in(app: Flask, user: User, **_: Any) -> None:
    hub: Hub = app.extensions["hub"]
    with hub.db.session() as session:
        _loaded(session, user.id or 0).seen_at = hub.now()
        audit.record(session.connection(), user.email, "user.sign_in", f"user:{user.id}")
