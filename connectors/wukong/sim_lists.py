"""The simulator's lists: filters, sorting, the page trap, visible columns, masks."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.wukong.sim_fields import DATE, DATETIME, DECIMAL, MOBILE, NUMBER, CrmObject
from connectors.wukong.sim_login import User
from connectors.wukong.sim_store import CONTRACT, Refusal, Row, Store

DEFAULT_LIMIT, LARGEST, DEEP = 15, 100, 100
CHAIN_LIFE = timedelta(hours=1)
Test = Callable[[str, dict[str, Any]], bool]


class Lists:
    """queryPageList of every object."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._chains: dict[int, tuple[int, datetime]] = {}

    def query(self, user: User, item: CrmObject, body: dict[str, Any]) -> dict[str, Any]:
        """One page."""
        limit = min(int(body.get("limit") or DEFAULT_LIMIT), LARGEST)
        number = self._reachable(user, max(int(body.get("page") or 1), 1))
        rows = self._sorted(self._matching(user, item, body), item, user, body)
        shown = rows[(number - 1) * limit : number * limit]
        pages = -(-len(rows) // limit)
        return {
            "list": [self.shown(user, item, row) for row in shown],
            "totalRow": len(rows),
            "totalPage": pages,
            "pageSize": limit,
            "pageNumber": number,
            "firstPage": number == 1,
            "lastPage": number >= pages,
            "extraData": {"money": self._sums(rows)} if item.label == CONTRACT else None,
        }

    def visible(self, user: User, row: Row) -> bool:
        """Whether the row is this user's business: a super administrator sees all, others their own."""
        return user.admin or row.detail.get("ownerUserId") == user.id

    def shown(self, user: User, item: CrmObject, row: Row) -> dict[str, Any]:
        """The row as the user's list shows it: visible columns, ids behind names, computed ones, nothing else."""
        hidden = user.hidden.get(item.label, set())
        found: dict[str, Any] = {item.key: row.id}
        for name, _, kind, _ in item.heads():
            if name in hidden:
                continue
            found[name] = self._value(user, name, kind, row.index.get(name))
            behind = item.link(name)
            if behind:
                found[behind] = blank(row.index.get(behind))
        found.update({name: blank(row.index.get(name)) for name in item.computed})
        return {**found, **row.extra}

    def _value(self, user: User, name: str, kind: int, value: Any) -> Any:
        return masked(kind, value) if name in user.masked and not user.admin and value else blank(value)

    def _matching(self, user: User, item: CrmObject, body: dict[str, Any]) -> list[Row]:
        tests = [_test(item, search) for search in body.get("searchList") or []]
        word, pool = str(body.get("search") or "").strip(), body.get("poolId")
        found = []
        for row in self.store.listed(item.label):
            if pool is not None:
                if int(pool) not in row.pools:
                    continue
            elif not row.index.get("ownerUserId") or not self.visible(user, row):
                continue
            if word and not any(word in str(row.index.get(name) or "") for name in item.searched):
                continue
            if all(test(str(row.id), row.index) for test in tests):
                found.append(row)
        return found

    def _sorted(self, rows: list[Row], item: CrmObject, user: User, body: dict[str, Any]) -> list[Row]:
        """By a visible column; anything else silently means updateTime descending. Ties: id descending."""
        heads = {name for name, *_ in item.heads()} - user.hidden.get(item.label, set())
        column = str(body.get("sortField") or "")
        descending = str(body.get("order") or 1) != "2"
        if column not in heads:
            column, descending = "updateTime", True
        rows.sort(key=lambda row: row.id, reverse=True)
        rows.sort(key=lambda row: str(row.index.get(column) or ""), reverse=descending)
        return rows

    def _reachable(self, user: User, number: int) -> int:
        """From page 101 on a page is only reached by reading all pages before it in turn; otherwise page 1 comes again."""
        now = self.store.now()
        last, since = self._chains.get(user.id, (0, now))
        if number < DEEP:
            return number
        if number == DEEP or (last + 1 >= number and now - since < CHAIN_LIFE):
            self._chains[user.id] = (number if number == DEEP else max(number, last), now)
            return number
        return 1

    def _sums(self, rows: list[Row]) -> dict[str, Any]:
        """Sums over approved contracts alone."""
        approved = [row.index for row in rows if row.index.get("checkStatus") == 1]
        names = {"contractMoney": "money", "receivedMoney": "receivedMoney", "unReceivedMoney": "unreceivedMoney"}
        return {
            name: sum((Decimal(str(one.get(column) or 0)) for one in approved), Decimal(0)) for name, column in names.items()
        }


def blank(value: Any) -> Any:
    """Lists show '' for what is missing, numbers and dates too."""
    return "" if value is None else value


def masked(kind: int, value: Any) -> str:
    """What a role sees of a masked field."""
    text = str(value)
    if kind in (NUMBER, DECIMAL):
        return "***"
    if kind == MOBILE:
        return f"{text[:3]}****{text[7:]}" if len(text) > 7 else text
    if "@" in text:
        name, _, domain = text.partition("@")
        return f"{name[:2]}{'*' * max(len(name) - 2, 1)}{domain}"
    return text[:1] + "*" * (len(text) - 1)


def camel(name: str) -> str:
    """A column's name as answers spell it: only an underscore before a letter goes."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _test(item: CrmObject, search: dict[str, Any]) -> Test:
    kind, form = int(search["type"]), str(search.get("formType") or "")
    values = [str(value) for value in search.get("values") or []]
    if kind == 11:
        ids = set(values)
        return lambda key, index: key in ids
    name = str(search["name"])
    if name in ("customerId", "contractId") and item.key != name:
        name = {"customerId": "customerName", "contractId": "contractNum"}[name]
    name = camel(name)
    column = (item.link(name) or name) if form == "user" else name
    kind = 1 if (form, kind) == ("user", 3) else kind
    if kind in (5, 6):
        return lambda key, index: (index.get(column) in (None, "")) == (kind == 5)
    if form in ("date", "datetime"):
        _check_dates(form, kind, values)
    if kind in _WORDS:
        return lambda key, index: _WORDS[kind](_text(index.get(column)), values)
    if kind in _ORDER:
        sort_of = item.type_of(column)
        bounds = [_comparable(sort_of, value) for value in values]
        if len(bounds) < (2 if kind == 14 else 1):
            raise Refusal(400, "参数错误")
        return lambda key, index: _in_order(kind, _comparable_or_none(sort_of, index.get(column)), bounds)
    raise Refusal(400, "参数错误")


def _text(value: Any) -> str:
    return "" if value is None else str(value)


_WORDS: dict[int, Callable[[str, list[str]], bool]] = {
    1: lambda text, values: text in values,
    2: lambda text, values: text not in values,
    3: lambda text, values: any(value in text for value in values),
    4: lambda text, values: not any(value in text for value in values),
    12: lambda text, values: any(text.startswith(value) for value in values),
    13: lambda text, values: any(text.endswith(value) for value in values),
}
_ORDER = (7, 8, 9, 10, 14)


def _in_order(kind: int, value: Any, bounds: list[Any]) -> bool:
    if value is None:
        return False
    if kind == 14:
        return bool(bounds[0] <= value <= bounds[1])
    if kind in (7, 8):
        return bool(value > bounds[0] or (kind == 8 and value == bounds[0]))
    return bool(value < bounds[0] or (kind == 10 and value == bounds[0]))


def _check_dates(form: str, kind: int, values: list[str]) -> None:
    if len(values) < (2 if kind == 14 else 1):
        raise Refusal(400, "参数错误")
    for value in values:
        datetime.strptime(value, "%Y-%m-%d %H:%M:%S" if form == "datetime" else "%Y-%m-%d")  # noqa: DTZ007


def _comparable(kind: int, value: Any) -> Any:
    if kind in (DATE, DATETIME):
        return str(value)
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return str(value)


def _comparable_or_none(kind: int, value: Any) -> Any:
    return None if value in (None, "") else _comparable(kind, value)
