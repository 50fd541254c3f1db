"""``hub deliveries``, ``hub quarantine``, ``hub inbox``, ``hub audit``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.accounts import BY
from hub.cli.output import Json, emit, fail, opened, rows

deliveries = typer.Typer(no_args_is_help=True, help="交付给财务的单据 / documents delivered")
quarantine = typer.Typer(no_args_is_help=True, help="隔离的记录 / records that could not be used")
inbox = typer.Typer(no_args_is_help=True, help="收到的推送 / pushes received")
audit = typer.Typer(no_args_is_help=True, help="审计日志 / audit log")
Account = Annotated[str | None, typer.Option(help="only this account")]


def known(hub: Any, account: str | None) -> str | None:
    """The account's key, if there is such an account; else the command ends with the keys there are."""
    from hub import accounts

    return accounts.get(hub, account).key if account else None


@deliveries.command("list")
def list_deliveries(
    state: str | None = None, account: Account = None, limit: int = 50,
    to_do: Annotated[bool, typer.Option("--to-do", help="only those that wait for a person since something changed")] = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Deliveries, newest first."""
    from hub.events import delivery

    with opened() as hub:
        found = delivery.list_(hub, state=state, account=known(hub, account), limit=limit, to_do=to_do)
        marked = [{**row, "to_do": _to_do(row)} for row in found]
        table = rows(marked, ("id", "number", "kind", "state", "amount", "attempts", "created_at", "to_do"))
        emit({"deliveries": found, "counts": delivery.counts(hub)}, json, table)


def _to_do(row: dict[str, Any]) -> str:
    """What a person has to do about it since its deal changed."""
    return next((name for name in ("needs_reversal", "needs_amendment") if row[name]), "")


@deliveries.command("show")
def show_delivery(delivery_id: str, json: Json = False) -> None:
    """One delivery with its attempts and document."""
    from hub.events import delivery

    with opened() as hub:
        found = delivery.show(hub, delivery_id)
        if not found:
            raise fail(f"没有这个交付 / no delivery {delivery_id}")
        emit(found, json, rows([{"k": k, "v": v} for k, v in found.items()], ("k", "v")))


@deliveries.command()
def retry(delivery_id: str, json: Json = False) -> None:
    """Try again (looks at the destination first)."""
    from connectors.messages import explain
    from hub.events import delivery

    with opened() as hub:
        try:
            delivery.retry(hub, delivery_id, by=BY)
        except delivery.DeliveryFault as error:
            raise fail("\n→ ".join(explain(error.error, "zh")) + "\n" + "\n→ ".join(explain(error.error, "en"))) from None
        emit(delivery.show(hub, delivery_id), json, f"{delivery_id}: pending")


@deliveries.command()
def amend(delivery_id: list[str], json: Json = False) -> None:
    """Take back documents whose amount, buyer or customer changed, and issue each as things are now."""
    from hub.events import delivery

    _each(delivery_id, json, delivery.amend, "冲销并重开 / reversed and issued again")


@deliveries.command()
def settle(
    delivery_id: list[str], note: Annotated[str, typer.Option(help="how it was settled, for the audit log")], json: Json = False
) -> None:
    """Say that what changed about documents after their delivery was settled over there, or that they stay as they are."""
    from hub.events import delivery

    def settled(hub: Any, each: str, *, by: str) -> None:
        shown = delivery.show(hub, each)
        if shown.get("needs_reversal"):
            delivery.settle_reversal(hub, each, by=by, note=note)
        if shown.get("needs_amendment") or not shown.get("needs_reversal"):
            delivery.settle_amendment(hub, each, by=by, note=note)

    _each(delivery_id, json, settled, "已记下 / noted")


def _each(wanted: list[str], json: bool, act: Callable[..., None], told: str) -> None:
    """Do it to each delivery; those that it cannot be done to are told, after the others."""
    from connectors.messages import explain
    from hub.events import delivery

    done, failed = [], {}
    with opened() as hub:
        for each in dict.fromkeys(wanted):
            try:
                act(hub, each, by=BY)
            except delivery.DeliveryFault as error:
                failed[each] = error.error
            else:
                done.append(each)
    shown = [{"id": each, "error": error.as_dict()} for each, error in failed.items()]
    if done or json:
        emit({"done": done, "failed": shown}, json, "\n".join(f"{each}: {told}" for each in done))
    if failed:
        why = (f"{each}: " + "\n→ ".join(explain(error, lang)) for each, error in failed.items() for lang in ("zh", "en"))
        raise fail("\n".join(why))


@deliveries.command()
def reconcile(
    account: Account = None, fix: Annotated[bool, typer.Option(help="settle what is in doubt")] = False, json: Json = False
) -> None:
    """Compare hub and destination, document by document."""
    from hub.events import reconcile as three_way

    with opened() as hub:
        found = three_way.reconcile(hub, account, fix=fix)
        emit(found, json, rows([{"k": k, "v": v} for k, v in found.items() if not isinstance(v, list)], ("k", "v")))


@deliveries.command()
def sheet(
    source: Annotated[str | None, typer.Option(help="only what came from this account")] = None,
    look: Annotated[bool, typer.Option(help="ask each destination for its documents as well")] = False,
    out: Annotated[Path | None, typer.Option(help="every line as CSV, for Excel")] = None,
    json: Json = False,
) -> None:
    """Each signed deal, paid order and refund against the document it is booked in, with the cause of every difference."""
    from hub.events.sheet import sheet as made
    from hub.events.sheet_file import told, written

    with opened() as hub, written(out, hub.settings.language) as each:
        found = made(hub, known(hub, source), look=look, each=each)
        emit(found, json, told(found, hub.settings.language))
        if found["unexplained"]:
            raise typer.Exit(1)


@quarantine.command("list")
def list_quarantine(account: Account = None, limit: int = 50, json: Json = False) -> None:
    """Open records."""
    from hub.sync import quarantine as service

    with opened() as hub:
        found = service.list_(hub, account=account, limit=limit)
        emit(
            {"quarantine": found, "open": service.count(hub, account)},
            json,
            rows(found, ("ref", "account", "error", "last_at")),
        )


@quarantine.command("replay")
def replay_quarantine(
    ref: Annotated[list[str] | None, typer.Argument(help="refs; none = all open ones")] = None,
    account: Account = None,
    json: Json = False,
) -> None:
    """Land records again."""
    from hub.sync import quarantine as service

    with opened() as hub:
        result = service.replay(hub, ref or None, by=BY, account=account)
        emit(result, json, f"{result['landed']} 条已落地 / landed, {result['failed']} 条仍有问题 / still bad")
        if ref and result["tried"] < len(set(ref)):
            raise fail("有的编号不在隔离区 / some refs are not in quarantine")


@inbox.command("list")
def list_inbox(account: Account = None, state: str | None = None, limit: int = 50, json: Json = False) -> None:
    """Pushes, newest first."""
    from hub.sync import inbox as service

    with opened() as hub:
        found = service.list_(hub, account=known(hub, account), state=state, limit=limit)
        emit({"inbox": found}, json, rows(found, ("key", "account", "state", "times", "received_at")))


@inbox.command("replay")
def replay_inbox(key: list[str], json: Json = False) -> None:
    """Work on pushes again."""
    from hub.sync import inbox as service

    with opened() as hub:
        result = service.replay(hub, key, by=BY)
        emit(result, json, f"{result['replayed']} 条将重新处理 / will be worked on again")
        if result["replayed"] < len(set(key)):
            raise fail("有的推送不存在 / some pushes are not there")


@audit.command()
def verify(json: Json = False) -> None:
    """Check the chain of the audit log."""
    from hub.security import audit as chain

    with opened() as hub, hub.db.read() as conn:
        checked, broken = chain.verify(conn)
        emit({"checked": checked, "broken_at": broken}, json, f"{checked} ok" if broken is None else f"broken at {broken}")
        if broken is not None:
            raise typer.Exit(1)
