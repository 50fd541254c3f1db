"""``hub notices``: what staff are told."""

from __future__ import annotations

import typer

from hub.cli.accounts import BY
from hub.cli.output import Json, emit, fail, opened, rows

notices = typer.Typer(no_args_is_help=True, help="员工通知 / notices to staff")


@notices.command("list")
def list_notices(state: str = "", json: Json = False) -> None:
    """Notices, newest first: what about, to whom, in which state."""
    from hub.people import notices as told

    with opened() as hub:
        found = told.list_(hub, state=state)
        for item in found:
            item["title"] = item.pop("content")["title"]
            item["error"] = (item["error"] or {}).get("key")
        emit({"notices": found}, json, rows(found, ("id", "title", "receivers", "missed", "state", "created_at", "error")))


@notices.command()
def retry(notice: str, json: Json = False) -> None:
    """Send one again, to those who have not got it."""
    from hub.admin.i18n import catalogue
    from hub.people import notices as told

    with opened() as hub:
        try:
            told.retry(hub, notice, by=BY)
        except told.NoticeFault as error:
            raise fail(" / ".join(catalogue()[error.key][lang] for lang in ("zh", "en"))) from None
        emit({"retried": notice}, json, f"已重新排队 / queued again: {notice}")
