"""The demo's invoices: one that is asked for whole, issued and told back, and one that waits for somebody to fill a field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from connectors.sandbox import Simulator
from hub.core import Hub
from hub.events.facts import DEAL, REQUEST
from hub.events.outbox import ACCOUNT
from hub.invoices import queue, status
from hub.invoices.fault import WHO, Fault, words
from hub.people import notices


def issue(hub: Hub, simulators: Mapping[str, Simulator]) -> int:
    """Finance issues every invoice that it was asked for; how many. The hub asks at once what became of them, and not only
    some minutes later."""
    numbers = []
    for simulator in simulators.values():
        for entry in [entry for entry in simulator.ledger if entry["kind"] == "invoice"]:
            simulator.advance(entry["number"], "invoice", entry["amount"])
            numbers.append(entry["number"])
    with hub.db.write() as conn:
        for account in conn.execute(select(ACCOUNT.c.id)).scalars().all():
            status.ring(conn, account, numbers, hub.now())
    return len(numbers)


def shown(hub: Hub, simulators: Mapping[str, Simulator]) -> dict[str, Any]:
    """What is to be told: invoices issued, whether their numbers are at the source and who was told; and those that wait."""
    entries = [entry for simulator in simulators.values() for entry in simulator.ledger]
    written = {str(entry["number"]) for entry in entries if entry["kind"] == "invoice_number"}
    told = {row["subject"]: row["receivers"] for row in notices.list_(hub, state="sent") if row["kind"] == "invoice.issued"}
    issued = []
    for row in queue.issued(hub):
        for invoice in row["invoices"]:
            known = {"deal": _deal(hub, row["subject"]), "document": row["number"], "amount": row["amount"]}
            seen = _seen(simulators, told.get(row["id"], []))
            issued.append(known | {"invoice": invoice["number"], "written_back": invoice["number"] in written, "told": seen})
    waiting = [
        {"deal": _deal(hub, row["subject"]), "number": row["about"], "faults": row["missing"]} for row in queue.waiting(hub)
    ]
    return {"issued": issued, "waiting": waiting}


def _deal(hub: Hub, request: str) -> str:
    """The number of the deal that an invoice request is about."""
    query = select(DEAL.c.number).join(REQUEST, REQUEST.c.deal_ref == DEAL.c.ref).where(REQUEST.c.ref == request)
    with hub.db.read() as conn:
        return str(conn.execute(query).scalar() or "")


def _seen(simulators: Mapping[str, Simulator], members: list[str]) -> list[str]:
    """Those of the members who have a message on their screen, on whatever platform."""
    found = []
    for simulator in simulators.values():
        if type(simulator).told is not Simulator.told:
            found += [member for member in members if simulator.told(member)]
    return found


def lines(found: Mapping[str, Any]) -> list[str]:
    """In words."""
    said = []
    for one in found["issued"]:
        said.append(f"  发票 invoice {one['deal']}: {one['document']} → {one['invoice']}")
        said.append(f"    {_mark(one['written_back'])} 号码写回 CRM / number in the CRM")
        said.append(f"    {_mark(bool(one['told']))} 已通知 / told: {', '.join(one['told'])}")
    for one in found["waiting"]:
        for fault in one["faults"]:
            kept, (zh, en) = Fault(fault["field"], fault["reason"], fault["who"]), WHO[fault["who"]]
            missing = f"{words(kept, 'zh')} / {words(kept, 'en')}"
            said.append(f"  发票等待补全 invoice waits {one['deal']}: {missing} → 由{zh}补 / {en} can fill it")
    return said


def _mark(good: bool) -> str:
    return "✓" if good else "✗"
