"""A person's rights: everything that is stored about a customer in one file, and its erasure.

Erasure reaches every table and says what stays and why. What must not come back leaves a mark without content: the record's
key with a version that no source outbids, so that the next read changes nothing. Orders, deals and documents stay, as the
books must; of their raw records, which name the buyer, the body goes. (Personal Information Protection Law, articles 45 and 47)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, text
from sqlalchemy import select as sa_select
from sqlmodel import col

from hub.core import Hub
from hub.identity.desk import service
from hub.identity.records import golden, manual
from hub.identity.tables import ledger, sql
from hub.models import Account, Consent, Deal, DealLine, InvoiceApplication, Message, Order, OrderLine, Refund, SourceRecord
from hub.models.base import Model, table
from hub.models.invoice import BUYER
from hub.people import handover
from hub.security import audit
from hub.store.bulk import delete_in, select_in
from hub.sync.forget import forget_customer
from hub.sync.raw import parse

NEVER = (1 << 63) - 1
"""A version that no record outbids: what has it is not written again."""
_BOOKS = ("会计档案管理办法要求保存", "accounting law demands that it is kept")
_IDS = ("只有编号，不含个人信息", "ids alone, nothing personal")
KEPT = (
    (("订单、退款与合同的编号、金额、时间", "numbers, amounts and times of orders, refunds and deals"), _BOOKS),
    (("已交给财务系统的单据（含购方名称）", "documents handed to the finance system, with the buyer's name"), _BOOKS),
    (("合并、拆分的记录，事件，审计日志", "merges and splits, events, the audit log"), _IDS),
    (
        ("对留存聊天的表态", "what was said about keeping chats"),
        ("没有它，聊天会再被存下", "without it chats would be stored again"),
    ),
    (("以前的备份", "backups of before"), ("删除只影响现在的数据库", "erasure changes the database of now")),
)
"""What stays after an erasure, and why (zh, en)."""


def export(hub: Hub, customer_id: str, *, by: str) -> dict[str, Any]:
    """All that is stored about a customer, in plain words. Raises IdentityFault when there is no such customer."""
    found = service.show(hub, customer_id)
    if found is None:
        raise service.IdentityFault("没有这个客户。", "there is no such customer")
    refs = [profile["ref"] for profile in found["profiles"]]
    with hub.db.write() as conn:
        audit.record(conn, by, "privacy.export", found["id"])
    with hub.db.read() as conn:
        orders, deals = _whole(conn, Order, "profile_ref", refs), _whole(conn, Deal, "profile_ref", refs)
        order_refs, deal_refs = [row["ref"] for row in orders], [row["ref"] for row in deals]
        refunds = _whole(conn, Refund, "order_ref", order_refs)
        requests = _requests(conn, refs, order_refs, deal_refs)
        sources = {row["source_ref"] for row in (*orders, *deals, *refunds, *requests)}
        sources |= {row[0] for row in select_in(conn, "profile", ("source_ref",), "ref", refs)}
        digests = _digests(conn, refs)
        return found | {
            "orders": orders, "order_lines": _whole(conn, OrderLine, "order_ref", order_refs), "refunds": refunds,
            "deals": deals, "deal_lines": _whole(conn, DealLine, "deal_ref", deal_refs), "invoice_requests": requests,
            "messages": [_words(hub, row) for row in _whole(conn, Message, "digest", digests)],
            "consents": _whole(conn, Consent, "digest", digests),
            "raw_records": [_raw(hub, row) for row in _whole(conn, SourceRecord, "ref", sources)],
            "documents": _documents(hub, conn, [*order_refs, *deal_refs, *(row["ref"] for row in refunds)]),
        }  # fmt: skip


def _whole(conn: Connection, model: type[Model], column: str, values: Iterable[Any]) -> list[dict[str, Any]]:
    each, wanted, rows = table(model), list(values), []
    for start in range(0, len(wanted), 500):
        found = conn.execute(sa_select(each).where(each.c[column].in_(wanted[start : start + 500]))).mappings()
        rows += [dict(row) for row in found]
    return rows


def _requests(conn: Connection, profiles: Sequence[str], orders: Sequence[str], deals: Sequence[str]) -> list[dict[str, Any]]:
    """Invoice requests of these profiles, or about these orders and deals."""
    named = {"profile_ref": profiles, "order_ref": orders, "deal_ref": deals}
    rows = [row for column, refs in named.items() for row in _whole(conn, InvoiceApplication, column, refs)]
    return list({row["ref"]: row for row in rows}.values())


def _digests(conn: Connection, refs: Sequence[str]) -> list[bytes]:
    return [bytes(row[0]) for row in select_in(conn, "identity_key", ("digest",), "profile_ref", refs)]


def _words(hub: Hub, row: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(hub.ring.unpack(row.pop("body"), row["ref"]))
    return {name: value for name, value in row.items() if not isinstance(value, bytes)} | body


def _raw(hub: Hub, row: dict[str, Any]) -> dict[str, Any]:
    record = parse(hub.ring.unpack(row["body"], row["ref"]))
    return {"ref": row["ref"], "changed_at": row["changed_at"], "record": record}


def _documents(hub: Hub, conn: Connection, subjects: Sequence[str]) -> list[dict[str, Any]]:
    events = [row[0] for row in select_in(conn, "event", ("id",), "subject", subjects)]
    columns = ("number", "kind", "state", "sent_at")
    return [dict(zip(columns, row, strict=True)) for row in select_in(conn, "delivery", columns, "event_id", events)]


def erase(hub: Hub, customer_id: str, *, reason: str, by: str) -> dict[str, Any]:
    """Erase what is stored about a customer; counts of what went, and what stays and why. Raises IdentityFault.

    reason goes into the audit log: name the request by its number, not the person.
    """
    with hub.db.write() as conn:
        ledger.lock(conn)
        cid = service.current_id(conn, customer_id)
        row = conn.execute(text("SELECT state FROM customer WHERE id = :id"), {"id": cid}).first() if cid else None
        if cid is None or row is None or row[0] == "erased":
            raise service.IdentityFault("没有这个客户，或已经删除。", "there is no such customer, or it is erased already")
        profiles = select_in(conn, "profile", ("ref", "source_ref"), "customer_id", [cid])
        refs = [ref for ref, _ in profiles]
        went = {"messages": forget_customer(conn, _digests(conn, refs)), "profiles": len(refs)}
        sales = _sources_of_sales(conn, refs)
        own = [source for _, source in profiles if source not in sales]
        went["raw_records"] = _empty_bodies(hub, conn, own, version=NEVER) + _empty_bodies(hub, conn, sales, version=None)
        went["pushes"] = _forget_pushes(conn, own)
        _blank_invoices(conn, refs)
        _forget_notices(conn, refs)
        handover.forget(conn, own)
        _erase_profiles(hub, conn, cid, refs)
        audit.record(conn, by, "privacy.erase", cid, reason=reason, profiles=len(refs))
        accounts = {int(ref.split("|")[0]) for ref in refs}
        named = conn.execute(sa_select(table(Account).c.title).where(col(Account.id).in_(accounts))).scalars().all()
    kept = [{"what": {"zh": what[0], "en": what[1]}, "why": {"zh": why[0], "en": why[1]}} for what, why in KEPT]
    return {"customer": cid, "erased": went, "kept": kept, "delete_also_at": list(named)}


def erase_again(hub: Hub, conn: Connection) -> int:
    """Empty the raw records of sales that have changed since their buyer was erased, and so named him again; how many."""
    asked = text("SELECT subject FROM audit_entry WHERE what = 'privacy.erase'")
    erased = [row[0] for row in conn.execute(asked)]
    done = 0
    for cid, at in select_in(conn, "customer", ("id", "changed_at"), "id", erased):
        refs = [row[0] for row in select_in(conn, "profile", ("ref",), "customer_id", [cid])]
        stored = select_in(conn, "source_record", ("ref", "changed_at"), "ref", _sources_of_sales(conn, refs))
        if changed := [ref for ref, moment in stored if moment > at]:
            done += _empty_bodies(hub, conn, changed, version=None)
            _blank_invoices(conn, refs)
            conn.execute(text("UPDATE customer SET changed_at = :now WHERE id = :id"), {"now": hub.now_us(), "id": cid})
    return done


def _sources_of_sales(conn: Connection, refs: Sequence[str]) -> list[str]:
    """The raw records of orders, deals and refunds: they may still change (``erase_again``)."""
    orders = select_in(conn, "orders", ("ref", "source_ref"), "profile_ref", refs)
    deals = select_in(conn, "deal", ("ref", "source_ref"), "profile_ref", refs)
    refunds = select_in(conn, "refund", ("ref", "source_ref"), "order_ref", [row[0] for row in orders])
    requests = _requests(conn, refs, [row[0] for row in orders], [row[0] for row in deals])
    return [row[1] for row in (*orders, *deals, *refunds)] + [row["source_ref"] for row in requests]


def _blank_invoices(conn: Connection, refs: Sequence[str]) -> None:
    """Whom the invoice was for goes; what was issued stands in the documents."""
    orders = [row[0] for row in select_in(conn, "orders", ("ref",), "profile_ref", refs)]
    deals = [row[0] for row in select_in(conn, "deal", ("ref",), "profile_ref", refs)]
    rows = [{"ref": row["ref"]} for row in _requests(conn, refs, orders, deals)]
    about = [*orders, *deals, *(row["ref"] for row in rows)]
    delete_in(conn, "invoice_fill", "delivery_id", [row[0] for row in select_in(conn, "delivery", ("id",), "subject", about)])
    if rows:
        blank = ", ".join(f"{name} = NULL" for name in BUYER)
        conn.execute(text(f"UPDATE invoice_request SET {blank} WHERE ref = :ref"), rows)  # noqa: S608 - constants


def _forget_notices(conn: Connection, refs: Sequence[str]) -> None:
    """What staff were told about these deals, orders and requests; the platform keeps what it has shown."""
    orders = [row[0] for row in select_in(conn, "orders", ("ref",), "profile_ref", refs)]
    deals = [row[0] for row in select_in(conn, "deal", ("ref",), "profile_ref", refs)]
    requests = [row["ref"] for row in _requests(conn, refs, orders, deals)]
    delete_in(conn, "staff_notice", "subject", [*orders, *deals, *requests])


def _empty_bodies(hub: Hub, conn: Connection, sources: Iterable[str], *, version: int | None) -> int:
    """Put nothing where the body was. version None: a later change of the record may come in."""
    change = "body = :body" if version is None else "body = :body, version = :version, deleted = false"
    rows = [{"ref": ref, "body": hub.ring.pack(b"{}", ref), "version": version} for ref in dict.fromkeys(sources)]
    if rows:
        conn.execute(text(f"UPDATE source_record SET {change} WHERE ref = :ref"), rows)  # noqa: S608 - constants
        delete_in(conn, "quarantined", "ref", [row["ref"] for row in rows])
    return len(rows)


def _forget_pushes(conn: Connection, sources: Iterable[str]) -> int:
    """Delete stored pushes about these records."""
    gone = 0
    for source in sources:
        account, _, key = source.split("|", 2)
        statement = text("SELECT key, summary FROM inbox WHERE account_id = :account AND summary IS NOT NULL")
        for place, summary in conn.execute(statement, {"account": int(account)}).all():
            about = orjson.loads(summary) if isinstance(summary, str) else summary
            if any(item.get("record_key") == key for item in about):
                conn.execute(text("DELETE FROM inbox WHERE key = :key"), {"key": place})
                gone += 1
    return gone


def _erase_profiles(hub: Hub, conn: Connection, cid: str, refs: Sequence[str]) -> None:
    rows = [{"ref": ref, "data": golden.seal_profile(hub.ring, ref, {}), "version": NEVER} for ref in refs]
    blank = (
        "UPDATE profile SET data = :data, hash = :data, version = :version, deleted = true, evidence = NULL WHERE ref = :ref"
    )
    conn.execute(text(blank), rows)
    sql.forget(conn, refs)
    manual.forget(conn, refs)
    delete_in(conn, "owner_conflict", "customer_id", [cid])
    delete_in(conn, "staff_notice", "subject", [cid])
    for name, column in (("identity_key", "profile_ref"), ("tag_assignment", "profile_ref"), ("tag_write", "profile_ref")):
        delete_in(conn, name, column, refs)
    conn.execute(text("UPDATE chat_tag SET profile_ref = NULL WHERE profile_ref = :ref"), [{"ref": ref} for ref in refs])
    delete_in(conn, "search_token", "customer_id", [cid])
    empty = {"id": cid, "data": golden.seal_customer(hub.ring, cid, {}), "now": hub.now_us()}
    change = "state = 'erased', data = :data, owner = NULL, stage = NULL, changed_at = :now"
    conn.execute(text(f"UPDATE customer SET {change} WHERE id = :id"), empty)  # noqa: S608 - constants
