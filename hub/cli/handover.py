"""``hub handover``: customers of members who left (or of one who is still here) go to others."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hub.cli.accounts import BY
from hub.cli.output import Json, emit, fail, opened, rows

handover = typer.Typer(no_args_is_help=True, help="客户交接 / customers go to another member of staff")
COLUMNS = ("id", "account", "stream", "key", "staff", "to", "state", "effective_at", "by", "asked_at", "error")
Account = Annotated[str, typer.Argument(help="key of hub accounts list")]


def _refused(key: str) -> typer.Exit:
    from hub.admin.i18n import catalogue

    return fail(" / ".join(catalogue()[key][lang] for lang in ("zh", "en")))


@handover.command()
def waiting(refresh: Annotated[bool, typer.Option(help="ask the platforms now")] = False, json: Json = False) -> None:
    """Members who have left and whose customers wait for a new owner."""
    from hub.people import orphans

    with opened() as hub:
        for look in orphans.looks(hub) if refresh else ():
            orphans.look(hub, look["id"])
        found, looks = orphans.summary(hub), orphans.looks(hub)
        for item in found:
            item["waiting"] = " ".join(f"{stream}: {count}" for stream, count in item["counts"].items())
        for look in looks:
            look["error"] = (look["error"] or {}).get("key")
        text = (
            rows(found, ("account", "staff", "left_at", "waiting", "late"))
            + "\n"
            + rows(looks, ("account", "looked_at", "error"))
        )
        emit({"waiting": found, "read": looks}, json, text)


@handover.command()
def start(
    account: Account,
    staff: Annotated[str, typer.Argument(help="whose customers")],
    to: Annotated[str, typer.Argument(help="who takes them")],
    stream: Annotated[str, typer.Option(help="customer | group")] = "customer",
    active: Annotated[bool, typer.Option("--active", help="STAFF is still here")] = False,
    key: Annotated[list[str] | None, typer.Option(help="record keys; none = all")] = None,
    message: Annotated[str, typer.Option(help="what customers are told; only with --active")] = "",
    json: Json = False,
) -> None:
    """Order a hand-over; a running hub carries it out."""
    from hub.people import handover as giving

    with opened() as hub:
        try:
            done = giving.order(
                hub, account, staff, to, stream=stream, left=not active, keys=key or None, message=message, by=BY
            )
        except giving.HandoverFault as error:
            raise _refused(error.key) from None
        skipped = "  ".join(f"{why}: {count}" for why, count in done["skipped"].items())
        emit(done, json, f"已排队 / queued: {len(done['queued'])}" + (f"   跳过 / skipped: {skipped}" if skipped else ""))


@handover.command("list")
def list_handovers(state: str = "", limit: int = 100, json: Json = False) -> None:
    """Hand-overs, newest first: whose, to whom, in which state, and why."""
    from hub.people import handover as giving

    if state and state not in giving.STATES:
        raise fail(f"--state: {' | '.join(giving.STATES)}", 2)
    with opened() as hub:
        emit_rows(hub, giving.list_(hub, state=state, limit=limit), json)


def emit_rows(hub: Any, found: list[dict[str, Any]], json: bool) -> None:
    """Hand-overs with their account's key and the error's."""
    from hub import accounts

    keys = {account.id: account.key for account in accounts.all_accounts(hub)}
    for item in found:
        item["account"], item["error"] = keys.get(item.pop("account_id")), (item["error"] or {}).get("key")
        item.pop("message")
    emit({"handovers": found}, json, rows(found, COLUMNS))


@handover.command()
def result(account: Account, json: Json = False) -> None:
    """Ask the platform now what became of those that have begun, and send what waits."""
    from hub import accounts
    from hub.people import handing
    from hub.people import handover as giving

    with opened() as hub:
        number = accounts.get(hub, account).id or 0
        giving.ask_now(hub, number)
        handing.work(hub, number, seconds=hub.settings.slice_seconds)
        emit_rows(hub, giving.list_(hub, account_id=number), json)


@handover.command()
def retry(number: Annotated[int, typer.Argument(help="id of hub handover list")], json: Json = False) -> None:
    """Try one again that failed, was refused, or was taken back."""
    from hub.people import handover as giving

    with opened() as hub:
        try:
            giving.retry(hub, number, by=BY)
        except giving.HandoverFault as error:
            raise _refused(error.key) from None
        emit({"retried": number}, json, f"已重新排队 / queued again: {number}")


@handover.command()
def withdraw(numbers: Annotated[list[int], typer.Argument(help="ids of hub handover list")], json: Json = False) -> None:
    """Take back those that have not been sent yet."""
    from hub.people import handover as giving

    with opened() as hub:
        try:
            done = giving.withdraw(hub, numbers, by=BY)
        except giving.HandoverFault as error:
            raise _refused(error.key) from None
        emit({"withdrawn": done}, json, f"已撤回 / taken back: {done}")
