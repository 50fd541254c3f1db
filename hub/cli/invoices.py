"""``hub invoices``: what is missing, filling it, what was issued and paid, reversals."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hub.cli.accounts import BY
from hub.cli.output import Json, emit, fail, opened, rows

invoices = typer.Typer(no_args_is_help=True, help="发票 / invoices")


@invoices.command("list")
def list_invoices(
    issued: Annotated[bool, typer.Option(help="what was issued and paid")] = False, limit: int = 100, json: Json = False
) -> None:
    """Invoices that lack something: what, and who can fill it; with --issued what became of documents."""
    from hub.invoices import queue

    with opened() as hub:
        if issued:
            found = queue.issued(hub, limit=limit)
            table = [{**row, "invoices": _numbers(row["invoices"])} for row in found]
            emit({"documents": found}, json, rows(table, ("number", "kind", "state", "amount", "received", "invoices")))
            return
        found = queue.waiting(hub, limit)
        table = [
            {**row, "who": ", ".join(row["who"]), "missing": "; ".join(each["words"] for each in row["missing"])}
            for row in found
        ]
        emit({"waiting": found, "count": queue.count(hub)}, json, rows(table, ("id", "about", "amount", "who", "missing")))


def _numbers(issued: list[dict[str, Any]]) -> str:
    return ", ".join(each["number"] for each in issued)


@invoices.command("fill")
def fill_invoice(
    delivery_id: str,
    value: Annotated[list[str], typer.Argument(help="field=value, for example buyer_tax_id=913100001234567883")],
    json: Json = False,
) -> None:
    """Fill what is missing; the invoice goes out when nothing is."""
    from hub.events import delivery
    from hub.invoices import queue

    values = dict(each.split("=", 1) for each in value if "=" in each)
    if len(values) != len(value):
        raise fail("写成 字段=值 / write field=value", 2)
    with opened() as hub:
        try:
            state = queue.fill(hub, delivery_id, values, by=BY)
        except delivery.DeliveryFault as error:
            raise fail(said(error)) from None
        still = [each["words"] for row in queue.waiting(hub) if row["id"] == delivery_id for each in row["missing"]]
        emit({"id": delivery_id, "state": state, "missing": still}, json, "\n".join([f"{delivery_id}: {state}", *still]))


def said(error: Any) -> str:
    """A fault in both languages, with what to do."""
    from connectors.messages import explain

    return "\n→ ".join(explain(error.error, "zh")) + "\n" + "\n→ ".join(explain(error.error, "en"))


@invoices.command("status")
def status_of(delivery_id: str, json: Json = False) -> None:
    """What became of a sent document: approval, invoices, payments, and when it is asked about next."""
    from hub.invoices import follow

    with opened() as hub:
        found = follow.shown(hub, delivery_id)
        if found is None:
            raise fail(f"{delivery_id}: 没有回传信息 / nothing is told of it")
        emit(found, json, rows([{"k": k, "v": v} for k, v in found.items()], ("k", "v")))


@invoices.command("reverse")
def reverse_document(
    delivery_id: str,
    reason: Annotated[str, typer.Option(help="wrong | returned | stopped | allowance")] = "returned",
    json: Json = False,
) -> None:
    """Make the document that takes a sent one back (a red-letter invoice, a red receivable)."""
    from hub.events import delivery

    with opened() as hub:
        try:
            made = delivery.reverse(hub, delivery_id, by=BY, reason=reason)
        except delivery.DeliveryFault as error:
            raise fail(said(error)) from None
        found = delivery.show(hub, made)
        emit({"id": made, "number": found["number"], "state": found["state"]}, json, f"{made}: {found['number']}")
