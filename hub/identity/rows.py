"""Rows of a file of customers as canonical records: the hub's own exchange format (one JSON object a line)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hub.identity.core.extract import extract
from hub.identity.core.features import Features

_ACCOUNT_IDS = ("unionid", "openid", "external_userid")
_BUYER_IDS = {"buyer_open_uid": "open_uid", "open_id": "open_uid", "open_uid": "open_uid", "ouid": "ouid", "omid": "ouid"}
_SAME = ("company", "title", "contact", "wechat", "province", "city", "district", "town", "address", "gender")


def record(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a canonical customer record. What kind of row it is follows from its identifiers, never from its source's name:

    a buyer's id makes it an order (name, phones and address are the receiver's), an id of a chat account makes its name a
    nickname, anything else is what somebody typed.
    """
    ids = row.get("ids") or {}
    source = str(row.get("source") or "")
    scope = f"{source}:{row.get('shop') or ''}"
    fields: dict[str, Any] = {name: row[name] for name in _SAME if row.get(name)}
    fields["kind"] = row.get("kind") or "unknown"
    if any(name in ids for name in _BUYER_IDS):
        fields |= {"receiver": row.get("name") or "", "receiver_phones": row.get("phones") or [], "nick": row.get("nick") or ""}
    else:
        name = "nick" if any(kind in ids for kind in _ACCOUNT_IDS) and "id" not in ids else "display_name"
        fields |= {name: row.get("name") or "", "phones": [*(row.get("phones") or ()), *(row.get("remark_mobiles") or ())]}
        fields |= {"receiver": row.get("receiver") or ""}
    fields["aliases"] = [row["remark"]] if row.get("remark") else []
    fields["company"] = fields.get("company") or row.get("remark_corp_name") or ""
    fields |= {"emails": row.get("emails") or [], "tax_id": row.get("credit_code") or "", "note": row.get("description") or ""}
    return {
        "kind": "customer",
        "id": row["rid"],
        "fields": {k: v for k, v in fields.items() if v},
        "keys": _keys(ids, source, scope),
    }


def _keys(ids: dict[str, str], source: str, scope: str) -> list[tuple[str, str, str]]:
    """Identifiers with their scope. The format does not name the app of a chat id; such ids are long and random."""
    found = [(kind, "", ids[kind]) for kind in _ACCOUNT_IDS if kind in ids]
    found += [(kind, source, ids[name]) for name, kind in _BUYER_IDS.items() if name in ids]
    return found + ([("platform_id", scope, ids["id"])] if "id" in ids else [])


def features(row: dict[str, Any]) -> Features:
    """Features of a row. Raises KeyError without rid and ValueError for a time that is none."""
    at = row.get("updated_at")
    seconds = int(datetime.fromisoformat(at).timestamp()) if at else 0
    return extract(record(row), seconds, f"{row.get('source') or ''}:{row.get('shop') or ''}")
