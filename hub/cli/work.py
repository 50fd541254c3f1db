"""``hub sync``, ``hub import``, ``hub new-connector``, ``hub connectors``, ``hub doctor``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from hub.cli.accounts import BY
from hub.cli.output import Json, emit, existing, fail, opened, rows


def moment(text: str | None) -> datetime | None:
    """'2026-03-01' or '2026-03-01 10:00:00' in Shanghai time, or with its own zone."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo("Asia/Shanghai"))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise fail(f"{text}: 时间写成 2026-03-01 或 2026-03-01 10:00:00 / a time is like 2026-03-01 10:00:00", 2) from None


def sync(
    account: Annotated[str, typer.Argument(help="the account's key")],
    stream: Annotated[list[str] | None, typer.Argument(help="streams; none = all")] = None,
    since: str | None = None,
    until: str | None = None,
    dry_run: Annotated[bool, typer.Option(help="read and map, write nothing")] = False,
    sample: int = 5,
    json: Json = False,
) -> None:
    """Pull an account now, until nothing is left."""
    from hub import accounts
    from hub.sync import foreground

    with opened() as hub:
        if dry_run:
            found = {
                name: foreground.preview(hub, account, name, since=moment(since), until=moment(until), sample=sample)
                for name in foreground.pulled_streams(accounts.get(hub, account), stream or ())
            }
            emit(found, json)
            return

        def progress(name: str, counts: object) -> None:
            if not json and sys.stderr.isatty():
                sys.stderr.write(f"\r{name}: {getattr(counts, 'fetched', 0)} ")

        found = foreground.sync(hub, account, stream or (), since=moment(since), until=moment(until), by=BY, progress=progress)
        columns = ("stream", "fetched", "changed", "unchanged", "quarantined", "events", "error")
        table = [{"stream": name, **counts, "error": counts["error"] and "✗"} for name, counts in found.items()]
        said = [f"\n{name}: {_said(hub, account, counts['error'])}" for name, counts in found.items() if counts["error"]]
        emit({"account": account, "streams": found}, json, rows(table, columns) + "".join(said))
        if any(v["error"] for v in found.values()):
            raise typer.Exit(1)


def _said(hub: Any, key: str, error: dict[str, Any]) -> str:
    from connectors import registry
    from connectors.messages import explain
    from hub import accounts

    manifest = registry.get(accounts.get(hub, key).platform).manifest
    return "\n  → ".join(explain(error, hub.settings.language, manifest))


def import_(
    file: Path,
    mapping: Annotated[str | None, typer.Option(help="a kind of file, or a YAML file with column names")] = None,
    account: Annotated[str | None, typer.Option(help="the files account; made when there is none")] = None,
    sheet: str | None = None,
    dry_run: Annotated[bool, typer.Option(help="check every row, land nothing")] = False,
    errors_to: Annotated[Path | None, typer.Option(help="where the workbook of bad rows goes")] = None,
    json: Json = False,
) -> None:
    """Excel or CSV in; bad rows come back as a workbook."""
    from connectors.errors import ConnectorError
    from connectors.messages import explain
    from hub import accounts
    from hub.sync.importing import import_file, importer_account

    with opened() as hub:
        try:
            result = import_file(
                hub, existing(file), by=BY, mapping=mapping, account=account, sheet=sheet, dry_run=dry_run, errors_to=errors_to
            )
        except ConnectorError as error:
            from connectors import registry

            manifest = registry.get(importer_account(hub, account, by=BY).platform).manifest
            zh, en = explain(error, "zh", manifest), explain(error, "en", manifest)
            raise fail(f"{zh[0]}\n→ {zh[1]}\n{en[0]}\n→ {en[1]}") from None
        except accounts.AccountFault as error:
            raise fail(str(error)) from None
        said = result.as_dict()
        text = f"{said['rows']} 行 / rows, {said['changed']} 条变更 / changed, {said['bad']} 行有问题 / bad"
        if said["workbook"]:
            text += f"\n有问题的行在 / bad rows are in: {said['workbook']}"
        emit(said, json, text)


def new_connector(
    name: str,
    title_zh: str = "",
    title_en: str = "",
    role: Annotated[
        list[str] | None, typer.Option(help="source | events | sink | tags | notices | sign_in; none = the first three")
    ] = None,
    into: Path = Path("."),
    json: Json = False,
) -> None:
    """Scaffold a connector that passes the contract suite, to be changed into yours."""
    from connectors import scaffold

    try:
        made = scaffold.new_connector(name, into, title_zh or name, title_en or name, role or ["source", "events", "sink"])
    except ValueError as error:
        raise fail(str(error), 2) from None
    emit({"files": [str(path) for path in made]}, json, "\n".join(map(str, made)))


def connectors(json: Json = False) -> None:
    """The connectors there are, what each can do, and how that was verified."""
    from connectors import registry

    found = []
    for entry in registry.entries().values():
        manifest = entry.manifest
        abilities = {name: c.level for name, c in manifest.capabilities.items()}
        found.append({
            "name": entry.name, "title": manifest.title.zh, "roles": manifest.roles, "streams": list(manifest.streams),
            "documents": list(manifest.documents), "capabilities": abilities, "verified": manifest.verified.how.zh,
        })  # fmt: skip
    emit({"connectors": found}, json, rows(found, ("name", "title", "roles", "streams", "documents", "verified")))


def doctor(json: Json = False) -> None:
    """Is this installation sound: settings, keys, database, migrations, rules, accounts."""
    from hub import accounts
    from hub.chats import rules as tag_rules
    from hub.events import rules
    from hub.store.migrate import versions

    with opened() as hub:
        present, newest = versions(hub.db)
        if present != newest:
            said = f"数据库版本是 {present}，需要 {newest}：运行 hub migrate / the database is at {present}: run hub migrate"
            emit({"ok": False, "problems": [said], "database": hub.db.dialect, "version": present}, json, said)
            raise typer.Exit(1)
        problems = [*rules.check(hub), *tag_rules.faults(hub.settings.tag_rules)]
        states = {a.key: a.state for a in accounts.all_accounts(hub)}
        problems += [f"账号 {key}: {state} / account {key} is {state}" for key, state in states.items() if state != "active"]
        data = {"ok": not problems, "problems": problems, "database": hub.db.dialect, "version": present, "accounts": states}
        emit(data, json, "\n".join(problems) or "一切正常 / all is well")
        if problems:
            raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(sync)
    app.command("import")(import_)
    app.command("new-connector")(new_connector)
    app.command()(connectors)
    app.command()(doctor)
