"""What people do with customers: find, look at, merge, split, undo. Each change is a ledger entry and says who."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy import select as sa_select
from sqlmodel import col, select, update

from hub.core import Hub
from hub.events.mint import insert_events, mint
from hub.events.rules import wanted_kinds
from hub.identity import deciding
from hub.identity.desk import explain
from hub.identity.records import golden, search
from hub.identity.tables import decisions, ledger
from hub.identity.tables.digests import digest_of
from hub.identity.tables.ids import new_id
from hub.models import Account, Customer, CustomerAlias, Deal, LedgerEntry, Order, Profile, Tag, TagAssignment
from hub.models.base import table
from hub.security import audit
from hub.store.bulk import select_in


class IdentityFault(ValueError):
    """What was asked for cannot be done; zh and en say why."""

    def __init__(self, zh: str, en: str) -> None:
        self.zh, self.en = zh, en
        super().__init__(en)


def current_id(conn: Connection, customer_id: str) -> str | None:
    """The id of today of a customer that may have been merged; None when there is none."""
    row = conn.execute(select(Customer.state, Customer.merged_into).where(Customer.id == customer_id)).first()
    if row is None:
        return None
    if row[0] != "merged":
        return customer_id
    alias = conn.execute(select(CustomerAlias.customer_id).where(CustomerAlias.id == customer_id)).scalar()
    return str(alias or row[1])


# ---------------------------------------------------------------- finding


def find(hub: Hub, query: str, limit: int = 50) -> list[dict[str, Any]]:
    """Customers by id, order or deal number, exact phone, mailbox or source id, else by name pieces."""
    query = query.strip()
    if not query:
        return newest(hub, limit)
    with hub.db.read() as conn:
        ids = _by_number(conn, query) or _by_key(hub, conn, query) or _by_tokens(hub, conn, query, limit * 4)
        rows = select_in(conn, "customer", ("id", "kind", "state", "data", "profiles", "changed_at"), "id", ids)
    found = [_summary(hub, row) for row in rows if row[2] == "active"]
    plain = search.plain_name(query)
    found.sort(key=lambda item: (plain not in search.plain_name(item["display_name"] or ""), -item["changed_us"]))
    return found[:limit]


def _summary(hub: Hub, row: Any) -> dict[str, Any]:
    cid, kind, state, data, profiles, changed = row
    record = golden.read(hub.ring, cid, data)
    fields, said = golden.values(record), record.get("owner")
    shown = {name: fields.get(name) for name in ("display_name", "company", "phones", "emails", "region", "aliases")}
    name = shown.pop("display_name") or (shown["aliases"] or [None])[0]
    return {
        "id": cid, "kind": kind, "state": state, "display_name": name, **shown,
        "profiles": profiles, "owner": f"{said['from'].split('|')[0]}|{said['value']}" if said else None,
        "changed_us": int(changed),
    }  # fmt: skip


def newest(hub: Hub, limit: int = 50, before: int | None = None) -> list[dict[str, Any]]:
    """The customers changed last. before: ``changed_us`` of the last one shown."""
    condition = "AND changed_at < :before" if before else ""
    statement = text(
        "SELECT id, kind, state, data, profiles, changed_at FROM customer WHERE state = 'active' "  # noqa: S608
        f"{condition} ORDER BY changed_at DESC LIMIT :limit"
    )
    with hub.db.read() as conn:
        rows = conn.execute(statement, {"limit": limit, **({"before": before} if before else {})}).all()
    return [_summary(hub, row) for row in rows]


def _by_number(conn: Connection, query: str) -> list[str]:
    if cid := current_id(conn, query):
        return [cid]
    found: list[str] = []
    for model in (Order, Deal):
        joined = select(Profile.customer_id).join(model, col(model.profile_ref) == col(Profile.ref))
        found += conn.execute(joined.where(col(model.number) == query)).scalars().all()
    return list(dict.fromkeys(found))


def _by_key(hub: Hub, conn: Connection, query: str) -> list[str]:
    asked = (digest_of(hub.ring, kind, "", query) for kind in ("phone", "email", "credit_code"))
    digests = [digest for digest in asked if digest is not None]
    found = [row[0] for row in select_in(conn, "identity_key", ("customer_id",), "digest", digests)]
    if not found:
        accounts = conn.execute(select(Account.id)).scalars().all()
        found = [row[0] for row in select_in(conn, "profile", ("customer_id",), "ref", [f"{a}|{query}" for a in accounts])]
    return list(dict.fromkeys(found))


def _by_tokens(hub: Hub, conn: Connection, query: str, limit: int) -> list[str]:
    for wanted in search.queries(hub.ring, query):
        values = {f"d{i}": digest for i, digest in enumerate(wanted[:6])}
        joins = " ".join(f"JOIN search_token t{i} ON t{i}.customer_id = t0.customer_id" for i in range(1, len(values)))
        where = " AND ".join(f"t{i}.digest = :d{i}" for i in range(len(values)))
        statement = text(f"SELECT t0.customer_id FROM search_token t0 {joins} WHERE {where} LIMIT :n")  # noqa: S608 - constants
        if found := [row[0] for row in conn.execute(statement, {**values, "n": limit})]:
            return found
    return []


# ---------------------------------------------------------------- looking


def show(hub: Hub, customer_id: str) -> dict[str, Any] | None:
    """One customer: golden fields with sources, profiles with the reason of each, tags, orders, deals, ledger."""
    with hub.db.read() as conn:
        cid = current_id(conn, customer_id)
        if cid is None:
            return None
        row = conn.execute(sa_select(table(Customer)).where(col(Customer.id) == cid)).one()._asdict()
        accounts = {a: (key, title) for a, key, title in conn.execute(select(Account.id, Account.key, Account.title))}
        profiles = [r._asdict() for r in conn.execute(sa_select(table(Profile)).where(col(Profile.customer_id) == cid))]
        refs = [profile["ref"] for profile in profiles]
        return {
            "id": cid, "kind": row["kind"], "created_at": row["created_at"], "changed_at": row["changed_at"],
            "fields": golden.read(hub.ring, cid, row["data"]),
            "profiles": [_profile(hub, profile, profiles, accounts) for profile in profiles],
            "tags": _tags(conn, refs), "orders": _rows(conn, Order, refs), "deals": _rows(conn, Deal, refs),
            "ledger": _ledger(conn, cid), "accounts": {a: title for a, (_, title) in accounts.items()},
            "aliases": list(conn.execute(select(CustomerAlias.id).where(CustomerAlias.customer_id == cid)).scalars()),
        }  # fmt: skip


def _profile(hub: Hub, profile: dict[str, Any], every: list[dict[str, Any]], accounts: dict[int, Any]) -> dict[str, Any]:
    def called(ref: str) -> str:
        return str(accounts.get(int(ref.split("|")[0]), ("?", "?"))[1]) + " " + ref.split("|", 1)[1]

    other = (profile["evidence"] or {}).get("with", "")
    shown = called(other) if other else "?"
    return {
        "ref": profile["ref"], "account": accounts.get(profile["account_id"], ("?", "?"))[0],
        "account_title": accounts.get(profile["account_id"], ("?", "?"))[1],
        "source_id": profile["ref"].split("|", 1)[1], "rule": profile["rule"], "evidence": profile["evidence"],
        "linked_at": profile["linked_at"], "deleted": profile["deleted"],
        "fields": golden.read_profile(hub.ring, profile["ref"], profile["data"]),
        "reason": {lang: explain.link(profile["rule"], profile["evidence"], shown, lang) for lang in ("zh", "en")},
    }  # fmt: skip


def _tags(conn: Connection, refs: Sequence[str]) -> list[dict[str, Any]]:
    statement = (
        sa_select(table(TagAssignment), col(Tag.name).label("list_name"), col(Tag.group).label("list_group"))
        .join(Tag, col(Tag.ref) == col(TagAssignment.tag_ref), isouter=True)
        .where(col(TagAssignment.profile_ref).in_(list(refs)))
    )
    tags = []
    for row in conn.execute(statement).mappings():
        name = row["list_name"] or row["name"] or row["tag_ref"].split("|", 1)[1]
        tags.append({
            "tag_ref": row["tag_ref"], "name": name, "group": row["list_group"] or row["group"],
            "by": row["by"], "since": row["since"], "profile_ref": row["profile_ref"], "rule": row["rule"],
        })  # fmt: skip
    return tags


def _rows(conn: Connection, model: type[Order] | type[Deal], refs: Sequence[str]) -> list[dict[str, Any]]:
    statement = sa_select(table(model)).where(col(model.profile_ref).in_(list(refs)))
    return [dict(row) for row in conn.execute(statement.order_by(col(model.created_at).desc()).limit(50)).mappings()]


def _ledger(conn: Connection, cid: str) -> list[dict[str, Any]]:
    mine = (col(LedgerEntry.customer_id) == cid) | (col(LedgerEntry.other_id) == cid)
    rows = conn.execute(sa_select(table(LedgerEntry)).where(mine).order_by(col(LedgerEntry.id).desc())).mappings()
    says = ("zh", "en")
    return [
        {**r, "sentence": {lang: explain.entry(r["kind"], r["rule"], r["by"], r["evidence"], lang) for lang in says}}
        for r in rows
    ]


# ---------------------------------------------------------------- deciding


def merge(hub: Hub, a: str, b: str, *, by: str) -> str:
    """Put two customers together on a person's word; the survivor's id."""
    with hub.db.write() as conn:
        ledger.lock(conn)
        one, two = current_id(conn, a), current_id(conn, b)
        if one is None or two is None or one == two:
            raise IdentityFault("两个编号必须是两个不同的客户。", "the two ids must be two different customers")
        target = ledger.survivor(conn, [one, two])
        loser = two if target == one else one
        sides = [[row[0] for row in select_in(conn, "profile", ("ref",), "customer_id", [cid])] for cid in (one, two)]
        now = hub.now_us()
        decisions.join(conn, sides[0], sides[1], by, now)
        moved = sides[1] if loser == two else sides[0]
        ledger.move(conn, [(ref, target) for ref in moved])
        booked = [ledger.Booked(target, loser, moved, "person", {}, by)]
        events = ledger.book_merges(conn, booked, now, wanted_kinds(hub.settings))
        deciding.refresh(hub, conn, [target], now)
        insert_events(conn, events)
        audit.record(conn, by, "customer.merge", target, other=loser)
    return target


def split(hub: Hub, customer_id: str, profile_refs: Sequence[str], *, by: str) -> str:
    """Take profiles out of a customer into a new one; the two are never merged again by the machine. The new id."""
    with hub.db.write() as conn:
        ledger.lock(conn)
        cid = current_id(conn, customer_id) or ""
        mine = [row[0] for row in select_in(conn, "profile", ("ref",), "customer_id", [cid])]
        moved = [ref for ref in mine if ref in set(profile_refs)]
        rest = [ref for ref in mine if ref not in moved]
        if not moved or not rest or len(moved) != len(set(profile_refs)):
            raise IdentityFault(
                "请选择这个客户的一部分档案：至少拆出一份，至少留下一份。",
                "choose some of this customer's profiles: at least one to take out, at least one to stay",
            )
        now = hub.now_us()
        conn.execute(update(Profile).where(col(Profile.ref).in_(moved)).values(rule="person", evidence={"from": cid}))
        fresh = _separate(conn, hub, cid, moved, rest, new_id(now), by, now)
        audit.record(conn, by, "customer.split", cid, new=fresh, profiles=len(moved))
    return fresh


def _separate(
    conn: Connection, hub: Hub, cid: str, moved: Sequence[str], rest: Sequence[str], target: str, by: str, now: int
) -> str:
    ledger.move(conn, [(ref, target) for ref in moved])
    decisions.part(conn, moved, rest, by, now)
    entry = ledger.write(conn, "split", cid, target, moved, "person", {"stay": len(rest)}, by, now)
    deciding.refresh(hub, conn, [cid, target], now)
    pending = "customer.split" in wanted_kinds(hub.settings)
    account = int(moved[0].split("|")[0])
    insert_events(conn, [mint("customer.split", account, cid, now, now, {"other": target}, fact=str(entry), pending=pending)])
    return target


def undo(hub: Hub, ledger_id: int, *, by: str) -> str:
    """Take a merge back: the losing customer returns under its own id with the profiles it had; its id."""
    with hub.db.write() as conn:
        ledger.lock(conn)
        entry = ledger.entry(conn, ledger_id)
        if entry is None or entry.kind != "merge" or entry.undone_by is not None:
            raise IdentityFault("只能撤销尚未撤销的合并。", "only a merge that still stands can be undone")
        now = hub.now_us()
        cid = current_id(conn, entry.customer_id) or ""
        there = {row[0] for row in select_in(conn, "profile", ("ref",), "customer_id", [cid])}
        moved = [ref for ref in entry.profiles if ref in there]
        rest = [ref for ref in there if ref not in moved]
        if not moved or not rest:
            raise IdentityFault("合并后的档案已经不在这个客户里。", "the merged profiles are no longer with this customer")
        conn.execute(text("DELETE FROM customer_alias WHERE id = :id"), {"id": entry.other_id})
        conn.execute(text("UPDATE customer SET merged_into = NULL WHERE id = :id"), {"id": entry.other_id})
        ledger.settle_aliases(conn, cid)
        _separate(conn, hub, cid, moved, rest, entry.other_id, by, now)
        newest_entry = conn.execute(text("SELECT max(id) FROM ledger_entry")).scalar_one()
        conn.execute(update(LedgerEntry).where(col(LedgerEntry.id) == ledger_id).values(undone_by=newest_entry))
        audit.record(conn, by, "customer.undo", entry.other_id, entry=ledger_id)
    return entry.other_id
