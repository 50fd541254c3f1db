"""The list call (queryPageList) of one object, and a walk over what changed that loses nothing to its traps.

Server source 11.3.3: lists come from a search index; they show only the columns visible to the calling user, sort
only by such a column, and answer page 1 again, with code 0, for a page too deep.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors import errors
from connectors.base import Record, Window
from connectors.wukong.account import CST

FIRST, LAST = "1970-01-01 00:00:00", "2099-12-31 23:59:59"
DEEPEST_PAGE = 100
SAFE_PAGES = 90
"""A set that needs more pages than this is cut, because rows may come in while it is read."""
LARGEST = 100
"""A larger ``limit`` is cut to this without a word."""
AT_LEAST, LESS, AT_MOST, BY_ID = 8, 9, 10, 11
DESCENDING, ASCENDING = 1, 2

Filter = Mapping[str, Any]
JsonCall = Callable[[str, Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Table:
    """One CRM object. columns: what its list must show for us to work with it."""

    label: int
    path: str
    key: str
    columns: tuple[str, ...]


_ALWAYS = ("ownerUserName", "createTime", "updateTime")
TABLES = {
    "customer": Table(2, "crmCustomer", "customerId", ("customerName", "mobile", *_ALWAYS)),
    "contact": Table(3, "crmContacts", "contactsId", ("name", "mobile", "customerName", *_ALWAYS)),
    "invoice": Table(18, "crmInvoice", "invoiceId", ("invoiceApplyNumber", "customerName", "checkStatus", *_ALWAYS)),
    "deal": Table(6, "crmContract", "contractId", ("num", "customerName", "orderDate", "money", "checkStatus", *_ALWAYS)),
}


@dataclass(frozen=True)
class Listing:
    """An object's list as the calling user sees it. heads: the visible columns, field name -> title."""

    table: Table
    heads: Mapping[str, str]
    ask: JsonCall = field(repr=False)

    @property
    def missing(self) -> list[str]:
        """Columns we need that this user has hidden (the id of a link stands for its name and the other way round)."""
        shown = {name.removesuffix("Id").removesuffix("Name") for name in self.heads}
        return [name for name in self.table.columns if name.removesuffix("Id").removesuffix("Name") not in shown]

    def page(
        self, filters: Sequence[Filter], number: int, limit: int, sort: str = "updateTime", order: int = ASCENDING
    ) -> tuple[list[Record], int]:
        """A page of rows, oldest modification first unless told otherwise, and how many rows there are in all."""
        if number > DEEPEST_PAGE:
            raise errors.ConfigError("wukong.too_dense", object=self.table.path)
        body = {"page": number, "limit": limit, "type": self.table.label, "searchList": list(filters)}
        data = self.ask(f"{self.table.path}/queryPageList", {**body, "sortField": sort, "order": order})
        if int(data["pageNumber"]) != number:
            raise errors.Unavailable("wukong.page_slipped", object=self.table.path)
        return list(data["list"]), int(data["totalRow"])

    def by_ids(self, ids: Sequence[str]) -> dict[str, Record]:
        """Up to 100 rows by primary key; those that are not in the list (deleted, in a pool, hidden) are absent."""
        rows, _ = self.page([self.where(self.table.key, BY_ID, *ids)], 1, LARGEST)
        return {str(row[self.table.key]): row for row in rows}

    @staticmethod
    def where(name: str, kind: int, *values: str) -> Filter:
        """One condition of ``searchList``; conditions are combined with AND."""
        form = "text" if kind == BY_ID else "datetime"
        return {"name": name, "formType": form, "type": kind, "values": list(values)}


@dataclass(frozen=True)
class Point:
    """Where a walk stands: everything modified before ``low`` is read, and the rows ``seen`` of that very second.

    first, last, page: set while one second with more rows than a page holds is being read: the range of creation
    times and the number of the next page (counted down).
    """

    low: str
    seen: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    page: int = 0

    def dump(self) -> str:
        """As the opaque resume text."""
        return json.dumps({name: value for name, value in asdict(self).items() if value})

    @classmethod
    def load(cls, text: str) -> Point:
        """Back from the resume text."""
        found = json.loads(text)
        return cls(**{**found, "seen": tuple(found.get("seen", ()))})


Step = tuple[list[Record], Point | None]
"""Rows, and the point to go on from; None after the last."""


def walk(listing: Listing, window: Window | None, resume: str | None, limit: int) -> Iterator[Step]:
    """All rows modified in the window; each once, unless rows of its own second change while that second is read.

    Page numbers shift when a row changes while it is being read, so the walk never asks for page 2: it asks for page 1
    from the last modification time on. Only a second that fills a whole page is read by page numbers (``_crowded``).
    """
    since, until = _bounds(window)
    point: Point | None = Point.load(resume) if resume else Point(since)
    while point is not None:
        rows, point = _crowded(listing, point, limit) if point.first else _front(listing, point, until, limit)
        if rows or point is None:
            yield rows, point


def _front(listing: Listing, point: Point, until: str, limit: int) -> Step:
    """The oldest rows that are not read yet."""
    filters = [listing.where("updateTime", AT_LEAST, point.low), listing.where("updateTime", LESS, until)]
    rows, total = listing.page(filters, 1, limit)
    _check_order(listing, rows, point.low, total)
    fresh = _unseen(listing, rows, point)
    if total <= len(rows):
        return fresh, None
    top = str(rows[-1]["updateTime"])
    if top == point.low:
        return [], replace(point, first=FIRST)
    return fresh, Point(top, tuple(str(row[listing.table.key]) for row in rows if row["updateTime"] == top))


def _crowded(listing: Listing, point: Point, limit: int) -> tuple[list[Record], Point]:
    """The next page of one second with more rows than a page holds (a bulk import makes thousands).

    Its pages are read from the last to the first: a row that is changed meanwhile leaves the second, and moves others
    only onto pages that are still to come. More rows than the safe pages hold are cut by creation time.
    """
    rows: list[Record] = []
    if not point.page:
        last, total = _cut(listing, point, limit)
        point = replace(point, last=last, page=-(-total // limit))
    if point.page:
        rows, _ = listing.page(_same_second(listing, point), point.page, limit)
        rows, point = _unseen(listing, rows, point), replace(point, page=point.page - 1)
    if point.page:
        return rows, point
    behind = Point(_plus(point.low, 1))
    return rows, behind if point.last == LAST else replace(point, first=_plus(point.last, 1), last="")


def _same_second(listing: Listing, point: Point) -> list[Filter]:
    second = [listing.where("updateTime", AT_LEAST, point.low), listing.where("updateTime", AT_MOST, point.low)]
    if (point.first, point.last) == (FIRST, LAST):
        return second
    return [*second, listing.where("createTime", AT_LEAST, point.first), listing.where("createTime", AT_MOST, point.last)]


def _cut(listing: Listing, point: Point, limit: int) -> tuple[str, int]:
    """The largest end of a creation range from ``first`` on that the safe pages hold (by halving), and its rows."""

    def count(last: str) -> int:
        return listing.page(_same_second(listing, replace(point, last=last)), 1, 1)[1]

    total = count(LAST)
    if total <= SAFE_PAGES * limit:
        return LAST, total
    rest = _same_second(listing, replace(point, last=LAST))
    oldest, last = (_edge(listing, rest, order) for order in (ASCENDING, DESCENDING))
    while (total := count(last)) > SAFE_PAGES * limit:
        if last <= oldest:
            raise errors.ConfigError("wukong.too_dense", object=listing.table.path)
        last = _plus(oldest, int((_moment(last) - _moment(oldest)).total_seconds()) // 2)
    return last, total


def _edge(listing: Listing, filters: Sequence[Filter], order: int) -> str:
    """The first or last creation time."""
    rows, _ = listing.page(filters, 1, 1, "createTime", order)
    if not rows:
        raise errors.Unavailable("wukong.page_slipped", object=listing.table.path)
    return str(rows[0]["createTime"])


def _unseen(listing: Listing, rows: Sequence[Record], point: Point) -> list[Record]:
    seen = set(point.seen)
    return [row for row in rows if row["updateTime"] != point.low or str(row[listing.table.key]) not in seen]


def _check_order(listing: Listing, rows: Sequence[Record], low: str, total: int) -> None:
    """A sort column that the server does not accept is replaced by another without a word."""
    if total and not rows:
        raise errors.Unavailable("wukong.page_slipped", object=listing.table.path)
    times = [low, *(str(row["updateTime"]) for row in rows)]
    if times != sorted(times):
        raise errors.ConfigError("wukong.sort_ignored", object=listing.table.path)


def _bounds(window: Window | None) -> tuple[str, str]:
    """The window in whole seconds of the server's clock, which shows no fractions: never smaller than asked for."""
    if window is None:
        return FIRST, LAST
    end = window.end if not window.end.microsecond else window.end + timedelta(seconds=1)
    return _text(window.start), _text(end)


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(CST):%Y-%m-%d %H:%M:%S}"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _plus(text: str, seconds: int) -> str:
    return f"{_moment(text) + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
