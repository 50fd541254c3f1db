"""A walk over CRM records by modification time that loses nothing to the ways of its list.

The page token looks like an offset, and rows move while pages are read. So the walk never asks for page 2: it asks for
page 1 again, from the last modification time on. Only a second with more rows than a page is read by tokens.
(docs: inner-query-dsl-description)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from connectors import errors
from connectors.base import Record, Window
from connectors.dingtalk.calls import CST

PAGE = 100
SECOND = 1000
MOST_PASSES = 3
"""How often a second is read again in which rows went missing; what has left it has a newer time, and comes with that."""


class Answer(NamedTuple):
    """A page of a list. total: rows in all, where the list says so; token: of the next page, '' after the last."""

    rows: Sequence[Mapping[str, Any]]
    token: str
    total: int | None


Ask = Callable[[int, int, str], Answer]
"""(first ms, last ms, token) -> a page, oldest modification first, both ends included."""


def dsl(first: int, last: int) -> str:
    """The query for rows modified from ``first`` to ``last`` (ms), oldest first."""
    condition = {"fieldId": "gmt_modified", "filterType": "BETWEEN", "value": [str(first), str(last)]}
    groups = [{"logicType": "AND", "queryObjectList": [condition]}]
    return json.dumps({"queryGroupList": groups, "order": "ASC", "orderFieldId": "gmt_modified"})


@dataclass(frozen=True)
class Point:
    """Where a walk stands: all before ``low`` (ms, a whole second) is read, and the rows ``seen`` of that second.

    page: a token, set while one second is read by tokens; got: rows of this pass so far; want: rows that it should have
    (-1 = not known yet); tries: passes that came out wrong.
    """

    low: int
    seen: tuple[str, ...] = ()
    page: str = ""
    got: int = 0
    want: int = -1
    tries: int = 0

    def dump(self) -> str:
        """As the opaque resume text."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Point:
        """Back from the resume text."""
        found = json.loads(text)
        return cls(**{**found, "seen": tuple(found["seen"])})


Step = tuple[list[Mapping[str, Any]], Point | None]


def walk(ask: Ask, window: Window, resume: str | None) -> Iterator[Step]:
    """All rows modified in the window, with the point to go on from; None after the last."""
    until = -(-int(window.end.timestamp() * SECOND) // SECOND) * SECOND - 1
    point: Point | None = Point.load(resume) if resume else Point(int(window.start.timestamp()) * SECOND)
    while point is not None:
        rows, point = _crowded(ask, point) if point.page else _front(ask, point, until)
        if point is not None and point.low > until:
            point = None
        if rows or point is None:
            yield rows, point


def _front(ask: Ask, point: Point, until: int) -> Step:
    """The oldest rows that are not read yet."""
    answer = ask(point.low, until, "0")
    _check_order(answer.rows, point.low)
    fresh = _unseen(answer.rows, point)
    if not answer.token or not answer.rows:
        return fresh, None
    top = modified(answer.rows[-1])
    if top <= point.low:
        return [], replace(point, page="0")
    return fresh, Point(top, tuple(str(row.get("instanceId")) for row in answer.rows if modified(row) == top))


def _crowded(ask: Ask, point: Point) -> Step:
    """The next page of one second with more rows than a page holds (a bulk import makes thousands).

    A row that is edited meanwhile leaves the second, and the one behind it slips past the token unseen. Then a pass brings
    fewer rows than there were, and the second is read once more. Where no total is told, two passes must agree.
    """
    answer = ask(point.low, point.low + SECOND - 1, point.page)
    rows, got = _unseen(answer.rows, point), point.got + len(answer.rows)
    want = answer.total if point.page == "0" and answer.total is not None else point.want
    if answer.token:
        return rows, replace(point, page=answer.token, got=got, want=want)
    if got == want or point.tries >= MOST_PASSES:
        return rows, Point(point.low + SECOND)
    return rows, replace(point, page="0", got=0, want=got, tries=point.tries + 1)


def _unseen(rows: Sequence[Mapping[str, Any]], point: Point) -> list[Mapping[str, Any]]:
    seen = set(point.seen)
    return [row for row in rows if modified(row) > point.low or str(row.get("instanceId")) not in seen]


def modified(row: Mapping[str, Any]) -> int:
    """The row's modification time in ms, whole seconds; the list writes it without zone, as in Shanghai."""
    try:
        return int(datetime.fromisoformat(str(row.get("gmtModified"))).replace(tzinfo=CST).timestamp()) * SECOND
    except ValueError:
        raise errors.ConfigError("dingtalk.order_ignored") from None


def _check_order(rows: Sequence[Mapping[str, Any]], low: int) -> None:
    """An order that the list does not keep would make us skip rows."""
    times = [low, *(modified(row) for row in rows)]
    if times != sorted(times):
        raise errors.ConfigError("dingtalk.order_ignored")


def records(steps: Iterator[Step], tidy: Callable[[Mapping[str, Any]], Record]) -> Iterator[tuple[list[Record], str | None]]:
    """Steps as landed records and resume texts; None after the last."""
    for rows, point in steps:
        yield [tidy(row) for row in rows], point.dump() if point else None
