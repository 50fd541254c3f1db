"""``hub accounts``: list, add, check, pause, resume, remove."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.output import Json, emit, existing, fail, opened, rows

app = typer.Typer(no_args_is_help=True, help="连接的账号 / connected accounts")
Key = Annotated[str, typer.Argument(help="the account's key")]


def _user() -> str:
    """Who runs the command; a container may run as a number that has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(getattr(os, "getuid", lambda: "?")())


BY = f"cli:{_user()}"


@app.command("list")
def list_(json: Json = False) -> None:
    """All accounts and the state of each."""
    from hub import accounts

    with opened() as hub:
        found = [
            {"key": a.key, "platform": a.platform, "title": a.title, "state": a.state, "reason": a.state_reason}
            for a in accounts.all_accounts(hub)
        ]
        emit({"accounts": found}, json, rows(found, ("key", "platform", "title", "state", "reason")))


def _config(path: Path | None, pairs: list[str]) -> dict[str, Any]:
    import yaml

    try:
        config = (yaml.safe_load(existing(path).read_text("utf-8")) or {}) if path else {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # The text of the error shows the line, and secrets stand in such files.
        raise fail(f"{path}: 不是 YAML 或 JSON / is neither YAML nor JSON ({type(error).__name__})", 2) from None
    if not isinstance(config, dict):
        raise fail(f"{path}: 应当是“名称: 值” / names with values are expected", 2)
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise fail("--set: NAME=VALUE", 2)
        config[name] = value
    return dict(config)


@app.command()
def add(
    platform: Annotated[str, typer.Argument(help="the connector's name")],
    key: Key,
    title: Annotated[str, typer.Option(help="what people call it")] = "",
    config: Annotated[Path | None, typer.Option(help="YAML or JSON file with the configuration")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE, may be repeated")] = None,
    check: Annotated[bool, typer.Option(help="try the connection before saving")] = True,
    json: Json = False,
) -> None:
    """Connect an account: check, then save."""
    from hub import accounts

    values = _config(config, set_ or [])
    with opened() as hub:
        if check:
            findings = accounts.check(hub, platform, values)
            bad = [f for f in findings if not f.ok]
            if bad:
                lines = [f"✗ {f.what_zh} / {f.what_en}\n  → {f.fix_zh} / {f.fix_en}" for f in bad]
                raise fail("\n".join(lines))
        account_id = accounts.add(hub, platform, key, title or key, values, by=BY)
        emit({"id": account_id, "key": key}, json, f"账号已连接 / connected: {key}")


@app.command("check")
def check_(key: Key, json: Json = False) -> None:
    """Try the connection of a saved account."""
    from hub import accounts

    with opened() as hub:
        found = accounts.check_saved(hub, key)
        lines = [f"{'✓' if f.ok else '✗'} {f.what_zh} / {f.what_en}" + ("" if f.ok else f"\n  → {f.fix_zh}") for f in found]
        emit({"ok": all(f.ok for f in found), "findings": [vars_of(f) for f in found]}, json, "\n".join(lines))
        if not all(f.ok for f in found):
            raise typer.Exit(1)


def vars_of(finding: Any) -> dict[str, Any]:
    """A finding as JSON."""
    return {name: getattr(finding, name) for name in finding.__dataclass_fields__}


def _state(key: str, state: str, reason: str, json: bool) -> None:
    from hub import accounts

    with opened() as hub:
        accounts.set_state(hub, key, state, reason=reason, by=BY)
        emit({"key": key, "state": state, "reason": reason}, json, f"{key}: {state}")


@app.command()
def pause(key: Key, reason: Annotated[str, typer.Option(help="why; shown to everybody")], json: Json = False) -> None:
    """Stop pulling and delivering for an account."""
    _state(key, "paused", reason, json)


@app.command()
def resume(key: Key, reason: str = "", json: Json = False) -> None:
    """Go on."""
    _state(key, "active", reason, json)


@app.command()
def remove(key: Key, yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False, json: Json = False) -> None:
    """Disconnect: secrets are deleted, what was pulled stays."""
    from hub import accounts

    if not yes:
        typer.confirm(f"断开 {key} 并删除其密钥？/ disconnect {key} and delete its secrets?", abort=True)
    with opened() as hub:
        accounts.remove(hub, key, by=BY)
        emit({"key": key, "state": "removed"}, json, f"{key}: removed")
