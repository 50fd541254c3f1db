"""Adding an account: choose a platform, fill in its form, check it against the platform, save."""

from __future__ import annotations

import re
from typing import Any

from flask import abort, render_template, request
from flask_login import current_user

from connectors import registry
from connectors.base import Config, Finding
from hub import accounts
from hub.admin import account_form
from hub.admin.connectors import known
from hub.admin.i18n import both, t
from hub.admin.web import back, done, needs, page, the_hub, who

pages = page("account_new", "/accounts/new")
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def model_of(platform: str) -> type[Config]:
    """The platform's configuration model, or a 404 page."""
    try:
        return registry.get(platform).load().Config
    except registry.UnknownConnector:
        abort(404)


def place(platform: str, key: str = "") -> str:
    """What a draft is tied to."""
    return f"{current_user.id}|{platform}|{key}"


@pages.get("")
@needs("admin")
def choose() -> str:
    """All platforms, to choose one."""
    return render_template("account_choose.html", found=known())


@pages.get("/<platform>")
@needs("admin")
def form(platform: str) -> str:
    """The empty form."""
    model = model_of(platform)
    manifest = registry.get(platform).manifest
    taken = {account.key for account in accounts.all_accounts(the_hub())}
    base = platform.replace("_", "-")
    key = next(name for number in range(1, 1000) if (name := base if number == 1 else f"{base}-{number}") not in taken)
    return _form(platform, model, key, both(manifest.title), {}, {})


@pages.post("/<platform>")
@needs("admin")
def submit(platform: str) -> Any:
    """Check what was filled in, or save what was checked."""
    hub, model = the_hub(), model_of(platform)
    draft = account_form.open_draft(hub.ring, place(platform), request.form.get("draft", ""), hub.now_us())
    if request.form.get("do") in ("save", "save_paused"):
        if draft is None:
            done("account.draft_old", "warn")
            return back("account_new.form", platform=platform)
        return _save(platform, draft, paused=request.form["do"] == "save_paused")
    key, title = request.form.get("key", "").strip(), request.form.get("title", "").strip()
    values = account_form.with_secrets(model, account_form.read(model, request.form), (draft or {}).get("config", {}))
    found = account_form.problems(model, values) | _own_problems(key, title)
    if found:
        return _form(platform, model, key, title, values, found), 422
    findings = accounts.check(hub, platform, values)
    return _form(platform, model, key, title, values, {}, findings)


def _own_problems(key: str, title: str) -> dict[str, str]:
    found = {}
    if not KEY.fullmatch(key):
        found["key"] = t("form.key")
    elif any(account.key == key for account in accounts.all_accounts(the_hub())):
        found["key"] = t("form.key_taken")
    if not title:
        found["title"] = t("form.missing")
    return found


def _form(
    platform: str, model: type[Config], key: str, title: str, values: dict[str, Any], problems: dict[str, str],
    findings: list[Finding] | None = None,
) -> str:  # fmt: skip
    hub, manifest = the_hub(), registry.get(platform).manifest
    draft = {"key": key, "title": title, "config": values}
    return render_template(
        "account_form.html",
        manifest=manifest,
        fields=account_form.entries(model, values, kept=account_form.stored_secrets(model, values), problems=problems),
        problems=problems,
        findings=findings,
        passed=bool(findings) and all(item.ok for item in findings or ()),
        draft=account_form.seal_draft(hub.ring, place(platform), draft, hub.now_us()) if values else "",
        own={"key": key, "title": title},
        account=None,
    )


def _save(platform: str, draft: dict[str, Any], *, paused: bool) -> Any:
    hub = the_hub()
    try:
        accounts.add(hub, platform, draft["key"], draft["title"], draft["config"], by=who())
    except accounts.AccountFault as fault:
        done("account.refused_save", "bad", why=str(fault))
        return back("account_new.form", platform=platform)
    if paused:
        accounts.set_state(hub, draft["key"], "paused", reason=t("account.unchecked"), by=who())
    done("account.added", title=draft["title"])
    return back("accounts.detail", key=draft["key"])
