"""What stands around a customer: others it is related to, group chats, messages, and who else calls it theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, text

from hub.admin.i18n import language, t
from hub.admin.web import the_hub
from hub.core import Hub
from hub.identity.desk import relations
from hub.identity.records import golden
from hub.people import owners
from hub.store.bulk import select_in
from hub.store.types import from_us

MOST_GROUPS = 30


Called = Callable[[Mapping[str, Any], str], str]
"""(fields, kind) -> what the reader may see of a customer's name."""


def of(found: Mapping[str, Any], name: str, names: Mapping[int, Mapping[str, Any]], called: Called) -> dict[str, Any]:
    """relations, groups, messages and the conflict of owners of a customer's page. names: accounts."""
    hub = the_hub()
    refs = [profile["ref"] for profile in found["profiles"]]
    with hub.db.read() as conn:
        digests = [bytes(row[0]) for row in select_in(conn, "identity_key", ("digest",), "profile_ref", refs)]
        around = {
            "relations": _relations(hub, conn, refs, name, called), "groups": _groups(hub, conn, digests, names),
            "messages": _messages(conn, digests),
        }  # fmt: skip
    return around | {"conflict": owners.of(hub, found["id"])}


def _relations(hub: Hub, conn: Connection, refs: list[str], name: str, call: Called) -> list[dict[str, Any]]:
    found = relations.of(conn, refs)
    others = select_in(conn, "customer", ("id", "kind", "data"), "id", {item.customer for item in found})
    called = {cid: call(golden.values(golden.read(hub.ring, cid, data)), kind) for cid, kind, data in others}
    shown = []
    for item in found:
        if item.customer in called:
            ends = (name, called[item.customer]) if item.forward else (called[item.customer], name)
            shown.append({
                "kind": item.kind, "customer": item.customer, "name": called[item.customer],
                "says": t(f"relation.{item.kind}", a=ends[0], b=ends[1]), "why": relations.reason(item, language()),
                "pair": item.refs[0],
            })  # fmt: skip
    return shown


def _groups(hub: Hub, conn: Connection, digests: list[bytes], names: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    members = select_in(conn, "group_member", ("group_ref", "joined_at"), "digest", digests)
    joined: dict[str, int | None] = {}
    for ref, at in members:
        joined[ref] = at if joined.get(ref) is None else joined[ref]
    columns = ("ref", "account_id", "name", "members", "state", "deleted")
    shown = []
    for ref, account, name, size, state, deleted in select_in(conn, "chat_group", columns, "ref", joined):
        called = orjson.loads(hub.ring.open(bytes(name), b"chat_group.name")) if name is not None else ""
        at = joined[ref]
        shown.append({
            "name": called or t("around.nameless_group"), "members": size, "since": from_us(at) if at else None,
            "account": names.get(account, {"title": "–"})["title"], "over": bool(deleted) or state == "dissolved",
        })  # fmt: skip
    return sorted(shown, key=lambda item: (item["over"], item["name"]))[:MOST_GROUPS]


def _messages(conn: Connection, digests: list[bytes]) -> dict[str, Any]:
    """How many messages of or to the customer are kept, and when the newest was written."""
    count, newest = 0, 0
    asked = text("SELECT count(*), max(at) FROM message WHERE digest = :digest AND NOT deleted AND NOT recalled")
    for digest in set(digests):
        n, at = conn.execute(asked, {"digest": digest}).one()
        count, newest = count + int(n), max(newest, int(at or 0))
    return {"count": count, "newest": from_us(newest) if newest else None}
