"""Connected accounts: add, check, pause, resume; each change says who and why."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection
from sqlalchemy import select as sa_select
from sqlmodel import col, delete, insert, select, update

from connectors import registry
from connectors.base import Connector, Finding, secret_fields
from connectors.errors import ConnectorError
from connectors.manifest import Manifest
from hub.core import Hub
from hub.models import Account, AccountStream, AccountToken, Listening
from hub.models.base import table
from hub.security import audit
from hub.store.bulk import Upsert
from hub.store.types import to_us
from hub.sync.connect import connect, connect_with

KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""An account's key; it is part of the address that platforms push to."""


SAVED_FIRST = Finding(
    "填写完整。这个平台的授权一用就换，保存之后再检查",
    "Complete. This platform's authorisation changes with each use: save, then check",
    True,
)
HUB = "hub"
"""Who changes an account when no person does."""
_STREAM = ("account_id", "stream", "task", "enabled", "cursor", "next_run_at", "lease_until", "fence", "failures")
_insert_stream = Upsert("account_stream", _STREAM, _STREAM[:3])


class AccountFault(ValueError):
    """An account cannot be added or changed. problems: field (or '') -> what is wrong."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{name}: {why}" if name else why for name, why in problems.items()))


def get(hub: Hub, key: str) -> Account:
    """The account of that key. Raises AccountFault naming the keys there are."""
    with hub.db.read() as conn:
        row = conn.execute(sa_select(table(Account)).where(col(Account.key) == key)).first()
        if row is None:
            keys = conn.execute(select(Account.key).order_by(Account.key)).scalars().all()
            there = ", ".join(keys) or "–"
            raise AccountFault({"": f"没有账号 {key}，现有 / no account {key!r}, there are: {there}"})
        return Account(**row._asdict())


def by_id(hub: Hub, account_id: int) -> Account:
    """The account of that id."""
    with hub.db.read() as conn:
        return load(conn, account_id)


def load(conn: Connection, account_id: int) -> Account:
    """The account of that id, in the caller's transaction."""
    row = conn.execute(sa_select(table(Account)).where(col(Account.id) == account_id)).one()
    return Account(**row._asdict())


def all_accounts(hub: Hub) -> list[Account]:
    """All accounts, by key."""
    with hub.db.read() as conn:
        rows = conn.execute(sa_select(table(Account)).order_by(col(Account.key)))
        return [Account(**row._asdict()) for row in rows]


def validated(platform: str, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration as the connector wants it. Raises AccountFault by field."""
    try:
        return registry.get(platform).load().Config.model_validate(config).model_dump(mode="json")
    except ValidationError as error:
        raise AccountFault(
            {".".join(map(str, e["loc"])): e["msg"].removeprefix("Value error, ") for e in error.errors()}
        ) from None
    except registry.UnknownConnector as error:
        raise AccountFault({"platform": str(error)}) from None


def check(hub: Hub, platform: str, config: dict[str, Any]) -> list[Finding]:
    """Try the configuration against the platform without saving it.

    Where credentials change by being used, or come by push, trying would use up what was just entered: such an account is
    saved first and checked then.
    """
    clean = validated(platform, config)
    if registry.get(platform).manifest.credentials:
        return [SAVED_FIRST]
    return _findings(connect_with(hub, platform, clean, priority=0))


def check_saved(hub: Hub, key: str) -> list[Finding]:
    """Try a saved account, with the token that its workers use: a second login would throw them out on some platforms."""
    account = get(hub, key)
    validated(account.platform, account.config)
    return _findings(connect(hub, account, priority=0))


def _findings(connector: Connector) -> list[Finding]:
    try:
        return connector.check()
    except ConnectorError as error:
        from connectors.messages import explain

        zh, fix_zh = explain(error, "zh", connector.manifest)
        en, fix_en = explain(error, "en", connector.manifest)
        return [Finding(zh, en, False, fix_zh, fix_en, error.code)]


def add(hub: Hub, platform: str, key: str, title: str, config: dict[str, Any], *, by: str) -> int:
    """Save a new account and plan its streams; its id. Raises AccountFault."""
    if not KEY.fullmatch(key):
        raise AccountFault(
            {"key": "小写字母、数字、连字符，最多 40 个 / small letters, digits and dashes, at most 40, and no dash first"}
        )
    clean = validated(platform, config)
    now = hub.now()
    with hub.db.write() as conn:
        if conn.execute(select(Account.id).where(Account.key == key)).first():
            raise AccountFault({"key": f"已有账号 {key} / there is an account {key!r} already"})
        values = {"key": key, "platform": platform, "title": title, "config": clean, "state": "active", "created_at": now}
        account_id = conn.execute(insert(Account).values(**values).returning(col(Account.id))).scalar_one()
        _plan(conn, hub, int(account_id or 0), registry.get(platform).manifest)
        audit.record(conn, by, "account.add", f"account:{key}", platform=platform)
    return int(account_id or 0)


def _plan(conn: Connection, hub: Hub, account_id: int, manifest: Manifest) -> None:
    """Give each stream of the manifest its tasks; those that are there stay as they are, those that are no more are off."""
    wanted = []
    for name, stream in manifest.streams.items():
        if "source" in manifest.roles and stream.pulled:
            wanted.append((name, "pull"))
        if stream.rescan:
            wanted.append((name, "rescan"))
        if stream.deletes == "sweep" and stream.cursor.kind == "time":
            wanted.append((name, "sweep"))
    now = to_us(hub.now())
    _insert_stream(conn, [(account_id, name, task, True, "{}", now, 0, 0, 0) for name, task in wanted])
    mine = select(AccountStream.stream, AccountStream.task).where(AccountStream.account_id == account_id)
    for name, task in conn.execute(mine.where(col(AccountStream.enabled).is_(True))).all():
        if (name, task) not in wanted:
            gone = update(AccountStream).where(col(AccountStream.account_id) == account_id)
            conn.execute(gone.where(col(AccountStream.stream) == name, col(AccountStream.task) == task).values(enabled=False))


def plan_streams(hub: Hub) -> None:
    """Bring the streams of all accounts in line with their connectors (a newer one may have more of them, or fewer)."""
    for account in all_accounts(hub):
        entry = registry.entries().get(account.platform)
        if entry is not None and account.state != "removed":
            with hub.db.write() as conn:
                _plan(conn, hub, account.id or 0, entry.manifest)


def change_config(hub: Hub, key: str, config: dict[str, Any], *, by: str) -> None:
    """Replace the configuration. A secret left empty keeps its old value. Wakes an account that had failed or was removed."""
    account = get(hub, key)
    secrets = secret_fields(registry.get(account.platform).load().Config)
    kept = {name: account.config[name] for name in secrets if not config.get(name) and account.config.get(name)}
    clean = validated(account.platform, {**config, **kept})
    with hub.db.write() as conn:
        conn.execute(update(Account).where(col(Account.id) == account.id).values(config=clean))
        if account.state == "removed":
            conn.execute(update(Account).where(col(Account.id) == account.id).values(state="failed"))
            _plan(conn, hub, account.id or 0, registry.get(account.platform).manifest)
        audit.record(conn, by, "account.change", f"account:{key}", fields=sorted(clean))
    if account.state != "paused":  # what a person has paused stays so
        set_state(hub, key, "active", reason="", by=by)


def set_state(hub: Hub, key: str, state: str, *, reason: str, by: str) -> None:
    """Pause, resume or disable an account; who and why stay with it.

    The hub itself disables only what is active: what a person has paused meanwhile stays so. Raises AccountFault for an
    account that was removed.
    """
    account = get(hub, key)
    change = update(Account).where(col(Account.id) == account.id, col(Account.state) != "removed")
    if by == HUB:
        change = change.where(col(Account.state) == "active")
    with hub.db.write() as conn:
        values = {"state": state, "state_reason": reason, "state_by": by, "state_at": hub.now()}
        if not conn.execute(change.values(**values)).rowcount:
            if by == HUB:
                return
            zh, en = "已断开，重新填写配置即可连上", "was removed: its configuration connects it again"
            raise AccountFault({"": f"账号 {key} {zh} / account {key} {en}"})
        if state == "active":
            due = {"next_run_at": hub.now(), "failures": 0}
            conn.execute(update(AccountStream).where(col(AccountStream.account_id) == account.id).values(**due))
        audit.record(conn, by, f"account.{state}", f"account:{key}", reason=reason)


def wake(hub: Hub, key: str) -> None:
    """A new authorisation has come: an account that the hub itself took out of service for want of one goes on."""
    account = get(hub, key)
    mine = update(Account).where(col(Account.id) == account.id)
    asleep = mine.where(col(Account.state) == "needs_auth", col(Account.state_by) == HUB)
    with hub.db.write() as conn:
        values = {"state": "active", "state_reason": "", "state_by": HUB, "state_at": hub.now()}
        if conn.execute(asleep.values(**values)).rowcount:
            due = {"next_run_at": hub.now(), "failures": 0}
            conn.execute(update(AccountStream).where(col(AccountStream.account_id) == account.id).values(**due))
            audit.record(conn, HUB, "account.active", f"account:{key}", reason="credential")


def remove(hub: Hub, key: str, *, by: str) -> None:
    """Take an account out of service for good: it is paused, its secrets and token are deleted, its data stays."""
    account = get(hub, key)
    set_state(hub, key, "removed", reason="removed", by=by)
    with hub.db.write() as conn:
        secrets = secret_fields(registry.get(account.platform).load().Config)
        bare = {name: value for name, value in account.config.items() if name not in secrets}
        conn.execute(update(Account).where(col(Account.id) == account.id).values(config=bare))
        conn.execute(delete(AccountToken).where(col(AccountToken.account_id) == account.id))
        conn.execute(delete(AccountStream).where(col(AccountStream.account_id) == account.id))
        conn.execute(delete(Listening).where(col(Listening.account_id) == account.id))


def sync_soon(hub: Hub, key: str, streams: list[str] | None = None, *, by: str) -> None:
    """Make the account's streams due now."""
    account = get(hub, key)
    wanted = update(AccountStream).where(col(AccountStream.account_id) == account.id)
    if streams:
        wanted = wanted.where(col(AccountStream.stream).in_(streams))
    with hub.db.write() as conn:
        conn.execute(wanted.values(next_run_at=hub.now() - timedelta(seconds=1)))
        audit.record(conn, by, "account.sync", f"account:{key}", streams=streams or [])
