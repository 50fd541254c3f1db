"""Values that a person has set by hand: they outrank every source until they are taken back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection

from config.settings import CUSTOMER_FIELDS
from hub.identity.normal import codes, phones
from hub.identity.records.survivorship import LISTS, View
from hub.security.keyring import KeyRing
from hub.store.bulk import Upsert, ask, delete_in, select_in

FIELDS = tuple(name for name in CUSTOMER_FIELDS if name not in ("created_at", "last_contact_at", "source"))
"""Fields that a person may set."""
KINDS, GENDERS = ("person", "company"), ("male", "female", "unknown")
MOST_TEXT, MOST_ITEMS = 500, 20
_RANK = -1
_COLUMNS = ("ref", "profile_ref", "field", "data", "by", "at")
_upsert = Upsert("manual_value", _COLUMNS, ("ref",), update=("data", "by", "at"))


class ValueFault(ValueError):
    """The value cannot be set; zh and en say why."""

    def __init__(self, zh: str, en: str) -> None:
        self.zh, self.en = zh, en
        super().__init__(en)


def cleaned(name: str, given: str) -> Any:
    """What a person typed, as the field holds it (lists one item a line). Raises ValueFault."""
    if name not in FIELDS:
        raise ValueFault(f"这个字段不能人工填写：{name}。", f"the field {name!r} cannot be set by hand")
    items = [item for line in given.replace("；", "\n").replace(";", "\n").splitlines() if (item := line.strip())]
    if not items:
        raise ValueFault("请填写一个值；要恢复来源的值，请收回。", "give a value; to go back to the sources' take it back")
    if name in LISTS:
        if len(items) > MOST_ITEMS:
            raise ValueFault(f"最多 {MOST_ITEMS} 项。", f"at most {MOST_ITEMS} items")
        return list(dict.fromkeys(_item(name, item) for item in items))
    return _item(name, " ".join(items))


def _item(name: str, text: str) -> str:
    if len(text) > MOST_TEXT:
        raise ValueFault(f"最多 {MOST_TEXT} 个字。", f"at most {MOST_TEXT} characters")
    if name == "phones":
        found = phones.phones(text).found
        if len(found) != 1 or found[0].kind == "mask":
            raise ValueFault("电话要一行一个，写完整的号码。", "write one whole number a line")
        return found[0].value
    if name == "emails" and codes.mail(text) is None:
        raise ValueFault("这不是邮箱地址。", "this is no mail address")
    if name == "tax_id" and not codes.credit_code(text):
        raise ValueFault("统一社会信用代码的校验位不对。", "the credit code's check character does not hold")
    if (name == "kind" and text not in KINDS) or (name == "gender" and text not in GENDERS):
        raise ValueFault("请从给出的选项里选。", "choose one of the options")
    return codes.credit_code(text) if name == "tax_id" else text


def put(conn: Connection, ring: KeyRing, profile_ref: str, name: str, value: Any, by: str, now: int) -> None:
    """Set a field; it stands with the profile."""
    ref = f"{profile_ref}#{name}"
    _upsert(conn, [(ref, profile_ref, name, ring.pack(orjson.dumps(value), "manual|" + ref), by, now)])


def drop(conn: Connection, profile_refs: Collection[str], name: str) -> bool:
    """Take a field's value back, with whichever of these profiles it stands; whether there was one."""
    wanted = [f"{ref}#{name}" for ref in profile_refs]
    there = [row[0] for row in select_in(conn, "manual_value", ("ref",), "ref", wanted)]
    delete_in(conn, "manual_value", "ref", there)
    return bool(there)


def forget(conn: Connection, profile_refs: Collection[str]) -> None:
    """Everything that was set of these profiles' customer."""
    delete_in(conn, "manual_value", "profile_ref", profile_refs)


def ask_any(conn: Connection) -> Callable[[], bool]:
    """Ask whether anything was ever set: mostly nothing was."""
    answer = ask(conn, "SELECT 1 FROM manual_value LIMIT 1")
    return lambda: bool(answer())


def views(conn: Connection, ring: KeyRing, profile_refs: Sequence[str]) -> list[View]:
    """What was set, as views that come before those of sources; the newest where profiles brought two."""
    rows = select_in(conn, "manual_value", _COLUMNS, "profile_ref", profile_refs)
    return [
        View(profile, _RANK, at, {name: orjson.loads(ring.unpack(data, "manual|" + ref))}, by)
        for ref, profile, name, data, by, at in sorted(rows)
    ]
