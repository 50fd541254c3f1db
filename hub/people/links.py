"""Users and the members of staff they are on the platforms; sign-in with a platform, begun here and ended here once.

The state of a sign-in is random, kept as a keyed hash, bound to the browser by its session, good for ten minutes and once.
Members are compared without regard to case, as platforms compare them.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete, insert, select

from connectors import errors, registry
from connectors.people import SignIn
from hub import accounts
from hub.accounts import AccountFault
from hub.core import Hub
from hub.models import Account, SignInState, Staff, User, UserLink
from hub.models.base import table
from hub.security import audit
from hub.sync.connect import connect

LINK, STATE, USER, STAFF, ACCOUNT = (table(model) for model in (UserLink, SignInState, User, Staff, Account))
LIFE = timedelta(minutes=10)


class LinkFault(ValueError):
    """A user cannot be linked. key: the text that says why."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


def can_sign_in(platform: str) -> bool:
    """Whether the platform says who of the staff is at the browser."""
    try:
        return "sign_in" in registry.get(platform).manifest.roles
    except (registry.UnknownConnector, ValueError):
        return False


def doors(hub: Hub) -> list[dict[str, Any]]:
    """The accounts in service by which somebody may sign in: those that a user is linked to."""
    linked = select(LINK.c.account_id).distinct()
    query = select(ACCOUNT.c.key, ACCOUNT.c.title, ACCOUNT.c.platform)
    with hub.db.read() as conn:
        found = conn.execute(query.where(ACCOUNT.c.state == "active", ACCOUNT.c.id.in_(linked)).order_by(ACCOUNT.c.title))
        return [dict(row._mapping) for row in found if can_sign_in(row.platform)]


# ---------------------------------------------------------------- linking


def link(hub: Hub, user_id: int, account_key: str, staff_id: str, *, by: str) -> None:
    """Let the user sign in as this member. Raises LinkFault; a member that another user has is refused."""
    try:
        account = accounts.get(hub, account_key)
    except AccountFault:
        raise LinkFault("links.fault_account") from None
    plain = staff_id.strip()
    if not can_sign_in(account.platform):
        raise LinkFault("links.fault_account")
    if not plain or len(plain) > 200:
        raise LinkFault("links.fault_member")
    values = {
        "user_id": user_id,
        "account_id": account.id,
        "member": plain.casefold(),
        "staff_id": plain,
        "by": by,
        "at": hub.now(),
    }
    with hub.db.write() as conn:
        if conn.execute(select(USER.c.id).where(USER.c.id == user_id)).first() is None:
            raise LinkFault("users.fault_gone")
        mine = (LINK.c.account_id == account.id, LINK.c.member == plain.casefold())
        holder = conn.execute(select(LINK.c.user_id).where(*mine)).scalar()
        if holder is not None:
            raise LinkFault("links.fault_taken")
        conn.execute(insert(LINK).values(**values))
        audit.record(conn, by, "user.link", f"user:{user_id}", account=account_key, member=plain)


def unlink(hub: Hub, number: int, *, by: str) -> None:
    """Take a link away. Raises LinkFault."""
    with hub.db.write() as conn:
        row = conn.execute(delete(LINK).where(LINK.c.id == number).returning(LINK.c.user_id, LINK.c.staff_id)).first()
        if row is None:
            raise LinkFault("links.fault_gone")
        audit.record(conn, by, "user.unlink", f"user:{row.user_id}", member=row.staff_id)


def links(hub: Hub) -> list[dict[str, Any]]:
    """All links, with the address of the user and the account's key and title."""
    query = select(LINK, USER.c.email, ACCOUNT.c.key.label("account"), ACCOUNT.c.title.label("account_title"))
    query = query.join(USER, USER.c.id == LINK.c.user_id).join(ACCOUNT, ACCOUNT.c.id == LINK.c.account_id)
    with hub.db.read() as conn:
        return [dict(row._mapping) for row in conn.execute(query.order_by(USER.c.email, LINK.c.id))]


def choices(hub: Hub, limit: int = 500) -> list[dict[str, Any]]:
    """Members of staff who may be linked: account key and title, id and name."""
    query = select(STAFF.c.ref, STAFF.c.data, ACCOUNT.c.key, ACCOUNT.c.title, ACCOUNT.c.platform)
    query = query.join(ACCOUNT, ACCOUNT.c.id == STAFF.c.account_id).where(~STAFF.c.deleted, STAFF.c.state != "left")
    with hub.db.read() as conn:
        found = conn.execute(query.order_by(ACCOUNT.c.key, STAFF.c.ref).limit(limit)).all()
    return [
        {"account": row.key, "title": row.title, "id": row.ref.split("|", 1)[1], "name": row.data.get("name", "")}
        for row in found
        if can_sign_in(row.platform)
    ]


# ---------------------------------------------------------------- signing in


def begin(hub: Hub, account_key: str, redirect: str, user_agent: str = "") -> tuple[str, str]:
    """The address to send the browser to, and the state to bind to it. Raises ConnectorError or LinkFault.

    user_agent: the browser's; a platform's own client may be sent another way, on which it asks nothing.
    """
    account = _account(hub, account_key)
    state = secrets.token_hex(32)  # letters and digits: some platforms take nothing else
    door = _door(hub, account)
    url = door.inside_url(redirect, state, user_agent) or door.sign_in_url(redirect, state)
    now = hub.now()
    with hub.db.write() as conn:
        conn.execute(delete(STATE).where(STATE.c.until <= now))
        values = {"digest": _digest(hub, account_key, state), "account_id": account.id, "until": now + LIFE}
        conn.execute(insert(STATE).values(**values))
    return url, state


def finish(hub: Hub, account_key: str, query: Mapping[str, str], bound: str) -> int:
    """The user whom the browser brings back. bound: the state that this browser's session holds.

    Raises SignInRefused: another browser's state, a second use, an outsider, a member who is no user or is shut out.
    """
    account = _account(hub, account_key)
    given = query.get("state", "")
    if not bound or not hmac.compare_digest(given.encode(), bound.encode()):
        raise errors.SignInRefused("sign_in.state")
    with hub.db.write() as conn:
        mine = (STATE.c.digest == _digest(hub, account_key, given), STATE.c.until > hub.now())
        if conn.execute(delete(STATE).where(*mine)).rowcount != 1:
            raise errors.SignInRefused("sign_in.state")
    member = _door(hub, account).signed_in(query)
    found = select(LINK.c.user_id, USER.c.active).join(USER, USER.c.id == LINK.c.user_id)
    with hub.db.write() as conn:
        row = conn.execute(found.where(LINK.c.account_id == account.id, LINK.c.member == member.casefold())).first()
        if row is None or not row.active:
            audit.record(conn, "hub", "user.sign_in_refused", f"account:{account_key}", member=member)
    if row is None:
        raise errors.SignInRefused("sign_in.unlinked")
    if not row.active:
        raise errors.SignInRefused("sign_in.closed")
    return int(row.user_id)


def _account(hub: Hub, key: str) -> Account:
    try:
        account = accounts.get(hub, key)
    except AccountFault:
        raise LinkFault("links.fault_account") from None
    if account.state != "active" or not can_sign_in(account.platform):
        raise LinkFault("links.fault_account")
    return account


def _door(hub: Hub, account: Account) -> SignIn:
    try:
        found = connect(hub, account, priority=0)
    except (ValidationError, registry.UnknownConnector):
        raise errors.ConfigError from None
    if not isinstance(found, SignIn):
        raise errors.ConfigError
    return found


def _digest(hub: Hub, account_key: str, state: str) -> bytes:
    return hub.ring.blind("sign-in", account_key, state)
