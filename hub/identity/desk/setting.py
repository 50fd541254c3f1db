"""A person sets a customer's field by hand, and takes it back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from hub.core import Hub
from hub.identity import deciding
from hub.identity.desk.service import IdentityFault, current_id
from hub.identity.records import golden, manual
from hub.security import audit
from hub.store.bulk import select_in


def put(hub: Hub, customer_id: str, name: str, given: str, *, by: str) -> Any:
    """Set a field to what was typed; the value as it is kept. Raises IdentityFault."""
    try:
        value = manual.cleaned(name, given)
    except manual.ValueFault as fault:
        raise IdentityFault(fault.zh, fault.en) from None
    if name == "owner":
        raise IdentityFault(
            "负责人请在撞单里决定，或在来源系统里改。", "owners are decided among those in conflict, or in their source"
        )
    with hub.db.write() as conn:
        cid, refs, record = _customer(hub, conn, customer_id)
        first = record.get(name) or record.get("display_name") or {}
        home = first["from"] if first.get("from") in refs else refs[0]
        manual.drop(conn, refs, name)
        manual.put(conn, hub.ring, home, name, value, by, hub.now_us())
        deciding.refresh(hub, conn, [cid], hub.now_us())
        audit.record(conn, by, "customer.set", cid, field=name)
    return value


def take_back(hub: Hub, customer_id: str, name: str, *, by: str) -> None:
    """The sources say again what the field is. Raises IdentityFault when nobody had set it."""
    with hub.db.write() as conn:
        cid, refs, _ = _customer(hub, conn, customer_id)
        if name == "owner" or not manual.drop(conn, refs, name):
            raise IdentityFault("这个字段没有人工填写的值。", "nobody has set this field by hand")
        deciding.refresh(hub, conn, [cid], hub.now_us())
        audit.record(conn, by, "customer.unset", cid, field=name)


def _customer(hub: Hub, conn: Connection, customer_id: str) -> tuple[str, list[str], golden.Golden]:
    cid = current_id(conn, customer_id) or ""
    rows = select_in(conn, "customer", ("data", "state"), "id", [cid])
    refs = sorted(row[0] for row in select_in(conn, "profile", ("ref",), "customer_id", [cid]))
    if not rows or rows[0][1] != "active" or not refs:
        raise IdentityFault("没有这个客户。", "there is no such customer")
    return cid, refs, golden.read(hub.ring, cid, rows[0][0])
