"""``hub tags``: the rules that give tags from chats."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.accounts import BY
from hub.cli.output import Json, emit, fail, opened, rows

tags = typer.Typer(no_args_is_help=True, help="聊天打标签的规则 / rules that give tags from chats")
Rule = Annotated[str, typer.Argument(help="name of a rule")]


@tags.command("rules")
def list_rules(json: Json = False) -> None:
    """The rules: state, version, how many customers have the tag."""
    from hub.chats import desk

    with opened() as hub:
        found = desk.rules(hub)
        emit({"rules": found}, json, rows(found, ("name", "tag", "state", "version", "customers", "waiting", "matches")))


@tags.command()
def preview(rule: Rule, json: Json = False) -> None:
    """What a rule would do with the stored messages, without doing it."""
    from hub.chats import desk

    with opened() as hub:
        try:
            found = desk.preview(hub, rule)
        except desk.RuleFault as error:
            raise fail(str(error)) from None
        emit(found, json, rows([{"k": k, "v": v} for k, v in found.items() if k != "samples"], ("k", "v")))


@tags.command()
def undo(rule: Rule, json: Json = False) -> None:
    """Take all tags of a rule away; it gives none until it is changed, or switched off and on again."""
    from hub.chats import desk

    with opened() as hub:
        try:
            found = desk.undo(hub, rule, by=BY)
        except desk.RuleFault as error:
            raise fail(str(error)) from None
        emit(found, json, f"{rule}: -{found['removed']}")


@tags.command()
def writes(state: str = "", json: Json = False) -> None:
    """Tags that go out to the platforms: what, in which state, and why."""
    from hub.people import tags as written

    with opened() as hub:
        found = written.list_(hub, state=state)
        for item in found:
            item["error"] = (item["error"] or {}).get("key")
        emit({"writes": found}, json, rows(found, ("id", "add", "tag", "key", "state", "by", "asked_at", "error")))


@tags.command()
def rewrite(number: Annotated[int, typer.Argument(help="id of hub tags writes")], json: Json = False) -> None:
    """Try a refused or superseded one again."""
    from hub.admin.i18n import catalogue
    from hub.people import tags as written

    with opened() as hub:
        try:
            written.retry(hub, number, by=BY)
        except written.TagFault as error:
            raise fail(" / ".join(catalogue()[error.key][lang] for lang in ("zh", "en"))) from None
        emit({"retried": number}, json, f"已重新排队 / queued again: {number}")
