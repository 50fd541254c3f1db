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
