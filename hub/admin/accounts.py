"""Accounts: the list, one account with its streams, pausing and resuming with who and why, changing the configuration."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template, request
from sqlalchemy import Connection, select

from connectors import registry
from connectors.base import Finding
from hub import accounts
from hub.admin import account_form, overview
from hub.admin.account_new import model_of, place
from hub.admin.health import health_of
from hub.admin.i18n import t
from hub.admin.web import back, done, needs, one, page, reason_given, rows, the_hub, who
from hub.admin.words import cursor_words, manifest_of, platform_title
from hub.models import Account
from hub.sync import alive

pages = page("accounts", "/accounts")


@pages.get("")
def index() -> str:
    """All accounts."""
    hub = the_hub()
    with hub.db.read() as conn:
        found, streams = overview.accounts(conn), overview.streams(conn)
    lines = [
        {
            **account,
            "platform_title": platform_title(account["platform"]),
            "health": health_of(account, streams.get(account["id"], ()), hub.now()),
        }
        for account in found
    ]
    return render_template("accounts.html", lines=lines)


@pages.get("/<key>")
def detail(key: str) -> str:
    """One account."""
    return _detail(key)


@pages.post("/<key>/check")
@needs("operator")
def check(key: str) -> str:
    """Try the saved configuration against the platform, and show what was found."""
    account = _existing(key)
    if account.state == "removed":
        abort(404)
    try:
        findings = accounts.check_saved(the_hub(), key)
    except accounts.AccountFault as fault:
        findings = [Finding(str(fault), str(fault), False, t("account.fill_in"), t("account.fill_in"))]
    return _detail(key, findings)


def _detail(key: str, findings: list[Finding] | None = None) -> str:
    hub = the_hub()
    with hub.db.read() as conn:
        account = _account(conn, key)
        streams = overview.streams(conn).get(account["id"], [])
        last = rows(
            conn,
            select(overview.RUN).where(overview.RUN.c.account_id == account["id"]).order_by(overview.RUN.c.id.desc()).limit(8),
        )
        refused = overview.refused(conn, hub.now()).get(account["id"], 0)
        quotas, line = overview.quotas(hub, conn, account), overview.listening(conn, account["id"])
        manifest = manifest_of(account["platform"])
        credentials = alive.shown(conn, manifest, account["id"]) if manifest else []
    health = health_of(account, streams, hub.now())
    words = {
        (item.stream, item.task): cursor_words(
            item.row["cursor"], manifest.streams.get(item.stream) if manifest else None, item.task, item.last_ok
        )
        for item in health
    }
    return render_template(
        "account.html", account=account, manifest=manifest, health=health, words=words, runs=last, refused=refused,
        push_url=_push_url(account) if manifest and "events" in manifest.roles else None, now=hub.now(), findings=findings,
        titles={item.stream: item.title for item in health}, quotas=quotas, line=line,
        credentials=credentials,
    )  # fmt: skip


def _account(conn: Connection, key: str) -> dict[str, Any]:
    return one(conn, select(*overview.ACCOUNT_COLUMNS).where(overview.ACCOUNT.c.key == key))


def _push_url(account: dict[str, Any]) -> str:
    base = the_hub().settings.public_url.rstrip("/") or request.host_url.rstrip("/")
    return f"{base}/webhooks/{account['key']}"


def _existing(key: str) -> Account:
    try:
        return accounts.get(the_hub(), key)
    except accounts.AccountFault:
        abort(404)


@pages.post("/<key>/pause")
@needs("operator")
def pause(key: str) -> Any:
    """Stop pulling, pushing and delivering, for a reason."""
    _existing(key)
    if reason := reason_given():
        accounts.set_state(the_hub(), key, "paused", reason=reason, by=who())
        done("account.paused")
    return back("accounts.detail", key=key)


@pages.post("/<key>/resume")
@needs("operator")
def resume(key: str) -> Any:
    """Go on where it stopped."""
    if _existing(key).state == "removed":
        abort(404)
    accounts.set_state(the_hub(), key, "active", reason="", by=who())
    done("account.resumed")
    return back("accounts.detail", key=key)


@pages.post("/<key>/sync")
@needs("operator")
def sync(key: str) -> Any:
    """Make streams due now."""
    account = _existing(key)
    if account.state != "active":
        done("account.not_active", "warn")
        return back("accounts.detail", key=key)
    wanted = request.form.getlist("stream")
    accounts.sync_soon(the_hub(), key, wanted or None, by=who())
    done("account.syncing")
    return back("accounts.detail", key=key)


@pages.post("/<key>/remove")
@needs("admin")
def remove(key: str) -> Any:
    """Take it out of service for good; its key must be typed again."""
    _existing(key)
    if request.form.get("again", "").strip() != key:
        done("account.type_key", "bad", key=key)
        return back("accounts.detail", key=key)
    accounts.remove(the_hub(), key, by=who())
    done("account.removed")
    return back("accounts.index")


@pages.get("/<key>/config")
@needs("admin")
def config(key: str) -> str:
    """The configuration; secrets are not shown."""
    account = _existing(key)
    return _form(account, dict(account.config), {}, None)


@pages.post("/<key>/config")
@needs("admin")
def change(key: str) -> Any:
    """Check the changed configuration, or save what was checked."""
    hub, account = the_hub(), _existing(key)
    model = model_of(account.platform)
    draft = account_form.open_draft(hub.ring, place(account.platform, key), request.form.get("draft", ""), hub.now_us())
    if request.form.get("do") in ("save", "save_paused"):
        if draft is None:
            done("account.draft_old", "warn")
            return back("accounts.config", key=key)
        accounts.change_config(hub, key, draft["config"], by=who())
        done("account.changed" if account.state != "paused" else "account.changed_paused")
        return back("accounts.detail", key=key)
    older = (draft or {}).get("config") or account.config
    values = account_form.with_secrets(model, account_form.read(model, request.form), older)
    found = account_form.problems(model, values)
    if found:
        return _form(account, values, found, None), 422
    return _form(account, values, {}, accounts.check(hub, account.platform, values))


def _form(account: Account, values: dict[str, Any], problems: dict[str, str], findings: list[Finding] | None) -> str:
    hub, model = the_hub(), model_of(account.platform)
    draft = {"key": account.key, "title": account.title, "config": values}
    return render_template(
        "account_form.html",
        manifest=registry.get(account.platform).manifest,
        fields=account_form.entries(model, values, kept=account_form.stored_secrets(model, values), problems=problems),
        problems=problems,
        findings=findings,
        passed=bool(findings) and all(item.ok for item in findings or ()),
        draft=account_form.seal_draft(hub.ring, place(account.platform, account.key), draft, hub.now_us()),
        own=None,
        account=account,
    )
