"""Rows of a file of customers as canonical records: the hub's own exchange format (one JSON object a line)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hub.identity.core.extract import extract
from hub.identity.core.features import Features

_ACCOUNT_IDS = ("unionid", "openid", "external_userid")
_BUYER_IDS = {"buyer_open_uid": "open_uid", "open_id": "open_uid", "open_uid": "open_uid", "ouid": "ouid", "omid": "ouid"}
_BUYERS, _ACCOUNTS = frozenset(_BUYER_IDS), frozenset(_ACCOUNT_IDS)
_OTHERWISE = (("remark_corp_name", "company"), ("credit_code", "tax_id"), ("description", "note"))
"""Columns of another name than the field that they fill, where nothing else does."""
_NESTED = (list, dict)
_SAME = ("company", "title", "contact", "wechat", "province", "city", "district", "town", "address", "gender")


def record(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a canonical customer record. What kind of row it is follows from its identifiers, never from its source's name:

    a buyer's id makes it an order (name, phones and address are the receiver's), an id of a chat account makes its name a
    nickname, anything else is what somebody typed.
    """
    ids = {kind: text for kind, value in (row.get("ids") or {}).items() if (text := _text(value))}
    cell = {
        name: text
        for name, value in row.items()
        if not isinstance(value, _NESTED) and (text := value if type(value) is str else _text(value))
    }
    source = cell.get("source", "")
    name, phones = cell.get("name", ""), _texts(row.get("phones"))
    fields: dict[str, Any] = {kept: cell[kept] for kept in _SAME if kept in cell}
    fields["kind"] = cell.get("kind") or "unknown"
    if not _BUYERS.isdisjoint(ids):
        fields["receiver"], fields["receiver_phones"], fields["nick"] = name, phones, cell.get("nick", "")
    else:
        chosen = "id" not in ids and not _ACCOUNTS.isdisjoint(ids)
        fields["nick" if chosen else "display_name"] = name
        fields["phones"] = phones + _texts(row.get("remark_mobiles"))
        fields["receiver"] = cell.get("receiver", "")
    fields["aliases"], fields["emails"] = _texts(row.get("remark")), _texts(row.get("emails"))
    for column, field in _OTHERWISE:
        if column in cell and not fields.get(field):
            fields[field] = cell[column]
    return {
        "kind": "customer",
        "id": row["rid"],
        "fields": {k: v for k, v in fields.items() if v},
        "keys": _keys(ids, source, f"{source}:{cell.get('shop', '')}"),
    }


def _text(value: Any) -> str:
    """A cell as text, '' for none; a number without a fraction that only its type has given it. TypeError: a list or object."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, _NESTED):
        raise TypeError(f"a {type(value).__name__} stands where a text should")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _texts(value: Any) -> list[str]:
    """Cells as texts; a single one may stand without a list."""
    if value is None:
        return []
    return [text for item in (value if isinstance(value, list) else [value]) if (text := _text(item))]


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
