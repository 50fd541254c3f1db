"""Paging by key: the next page begins after the last row shown, so that no page is slower than the first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request, url_for
from sqlalchemy import Column, ColumnElement, Select, and_, not_, true

from hub.store.types import from_us, to_us

SIZE = 50


def after(order: ColumnElement[Any], key: Column[Any]) -> ColumnElement[bool]:
    """The rows behind the one that ``?before=`` names, for an order newest first (then by key, highest first).

    Written as a range with an exception, not as an OR, so that the index on the order is used.
    """
    mark, _, name = request.args.get("before", "").partition("~")
    if not mark:
        return true()
    try:
        moment = from_us(int(mark))
    except (ValueError, OverflowError):
        return true()
    return and_(order <= moment, not_(and_(order == moment, key >= name)))


def by_the_way(column: Column[Any]) -> ColumnElement[Any]:
    """A column to be compared while walking along the order's index: an index of its own would mean sorting all its rows."""
    return column + 0


def page_of(statement: Select[Any], order: ColumnElement[Any], key: Column[Any]) -> Select[Any]:
    """One page and one row more, which tells whether there is a next."""
    return statement.where(after(order, key)).order_by(order.desc(), key.desc()).limit(SIZE + 1)


def below(column: Column[Any]) -> ColumnElement[bool]:
    """The rows behind the one whose number ``?before=`` is, for an order by number, highest first."""
    mark = request.args.get("before", "")
    return column < int(mark) if mark.isdecimal() and len(mark) < 19 else true()


def cut_at(found: list[dict[str, Any]], key: str) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of this page in an order by number, and the address of the next."""
    if len(found) <= SIZE:
        return found, None
    return found[:SIZE], same_page(before=found[SIZE - 1][key])


def cut(found: list[dict[str, Any]], order: str, key: str) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of this page, and the address of the next."""
    if len(found) <= SIZE:
        return found, None
    last = found[SIZE - 1]
    moment: datetime = last[order]
    return found[:SIZE], same_page(before=f"{to_us(moment)}~{last[key]}")


def same_page(**changes: Any) -> str:
    """This page's address with some arguments changed."""
    values = {**(request.view_args or {}), **request.args.to_dict(), **changes}
    return url_for(request.endpoint or "dashboard.show", **{name: value for name, value in values.items() if value})
