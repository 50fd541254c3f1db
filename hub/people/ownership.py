"""Somebody says who owns a customer that several call theirs; the decision is kept and can be taken back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, update

from hub.core import Hub
from hub.identity import deciding
from hub.identity.desk.service import IdentityFault, current_id
from hub.identity.records import manual
from hub.people.owners import CONFLICT, of
from hub.security import audit
from hub.store.bulk import select_in


def decide(hub: Hub, customer_id: str, owner: str, *, by: str) -> dict[str, Any]:
    """The customer is this owner's ('<account id>|<member>', one of those in conflict), whatever sources say. Raises
    IdentityFault."""
    with hub.db.write() as conn:
        cid, row = _conflict(conn, customer_id)
        claim = next((item for item in row.owners if item["owner"] == owner), None)
        if claim is None:
            raise IdentityFault("请从冲突的负责人里选一个。", "choose one of the owners in conflict")
        mine = _profiles(conn, cid)
        account, _, member = owner.partition("|")
        home = claim["profile"] if claim["profile"] in mine and claim["profile"].startswith(account + "|") else None
        home = home or next((ref for ref in mine if ref.startswith(account + "|")), None)
        if home is None:
            raise IdentityFault("这个负责人的来源里没有这个客户的档案。", "this owner's source has no profile of the customer")
        manual.drop(conn, mine, "owner")
        manual.put(conn, hub.ring, home, "owner", member, by, hub.now_us())
        deciding.refresh(hub, conn, [cid], hub.now_us())
        change = update(CONFLICT).where(CONFLICT.c.customer_id == cid)
        conn.execute(change.values(state="decided", decided=owner, by=by, changed_at=hub.now()))
        audit.record(conn, by, "owner.decide", cid, account=int(account))
    found = of(hub, cid)
    return found or {}


def take_back(hub: Hub, customer_id: str, *, by: str) -> str:
    """The decision is no more: the conflict is open again. The customer's id. Raises IdentityFault."""
    with hub.db.write() as conn:
        cid, row = _conflict(conn, customer_id)
        if row.state != "decided":
            raise IdentityFault("没有可以收回的决定。", "there is no decision to take back")
        manual.drop(conn, _profiles(conn, cid), "owner")
        deciding.refresh(hub, conn, [cid], hub.now_us())
        change = update(CONFLICT).where(CONFLICT.c.customer_id == cid)
        conn.execute(change.values(state="open", decided=None, by=None, changed_at=hub.now()))
        audit.record(conn, by, "owner.take_back", cid)
    return cid


def _conflict(conn: Connection, customer_id: str) -> tuple[str, Any]:
    cid = current_id(conn, customer_id)
    row = conn.execute(select(CONFLICT).where(CONFLICT.c.customer_id == (cid or ""))).first()
    if cid is None or row is None:
        raise IdentityFault("这个客户没有归属冲突。", "this customer has no conflict of owners")
    return cid, row


def _profiles(conn: Connection, cid: str) -> list[str]:
    rows = select_in(conn, "profile", ("ref", "deleted"), "customer_id", [cid])
    return sorted(ref for ref, deleted in rows if not deleted)
