"""How JD's lists are read so that nothing is missed while they move: time windows, slices, pages from the last to the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Page, Record, Window
from connectors.errors import UnknownAnswer
from connectors.jd.answers import BEIJING

FORMAT = "%Y-%m-%d %H:%M:%S"
SECOND = timedelta(seconds=1)
WALKS = 3
"""How often one slice is walked at most when late rows keep coming into it."""
Ask = Callable[[str, Window, int], tuple[list[Record], int]]
"""(what the window is over, slice, page) -> the page's rows and the total."""
Known = Callable[[int, Record, Window], bool]
"""Whether a row of the listing of that number has been given by an earlier listing of the same window."""


@dataclass(frozen=True)
class Place:
    """Where a walk stands: which listing, which slice of the window, the next page (0: from the start), rows counted."""

    kind: str
    start: datetime
    end: datetime
    page: int = 0
    total: int = 0

    def text(self) -> str:
        """As a resume point."""
        return f"{self.kind}/{int(self.start.timestamp())}/{int(self.end.timestamp())}/{self.page}/{self.total}"

    @classmethod
    def read(cls, text: str) -> Place:
        """From a resume point."""
        kind, *numbers = text.split("/")
        start, end, page, total = map(int, numbers)
        return cls(kind, datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC), page, total)


class Walk:
    """One window over one or several listings. most: pages that the platform serves of one query (0: no cap)."""

    def __init__(self, ask: Ask, kinds: list[str], window: Window, size: int, most: int, key: str, known: Known) -> None:
        self._ask, self._kinds, self._size, self._most = ask, kinds, size, most
        self._key, self._known = key, known
        start = window.start.astimezone(UTC).replace(microsecond=0)
        end = (window.end.astimezone(UTC) + timedelta(microseconds=999_999)).replace(microsecond=0)
        self._window = Window(start, max(end, start + SECOND))

    def pages(self, resume: str | None) -> Iterator[Page]:
        """All pages from the resume point on."""
        place: Place | None = Place.read(resume) if resume else self._begin(0)
        if place is None or place.kind not in self._kinds:
            yield Page([], last=True)
            return
        while place is not None:
            last_of_slice: Place | None = place
            for rows, following in self._slice(place):
                last_of_slice = following
                number = self._kinds.index(place.kind)
                fresh = [row for row in rows if not self._known(number, row, self._window)]
                yield Page(fresh, resume=following.text() if following else None, last=following is None)
            place = last_of_slice

    def _slice(self, place: Place) -> Iterator[tuple[list[Record], Place | None]]:
        """The pages of one slice, each with the place after it.

        The lists are ordered by the time that they are asked by, and bounded by the window's end: a row that changes meanwhile
        leaves, and the rest move towards page 1. Read backwards they are met again, read forwards one would be missed. Rows
        that come late push the other way; when page 1 tells of more than were counted or met, the slice is walked again.
        """
        part = Window(place.start, place.end)
        rows, total = self._ask(place.kind, part, 1)
        if self._most and total > self._most * self._size and place.end - place.start > SECOND:
            # More than one query gives: take the first half, and the rest after it.
            middle = place.start + (place.end - place.start) / 2
            yield from self._slice(Place(place.kind, place.start, middle.replace(microsecond=0)))
            return
        if total <= self._size:
            yield rows, self._after(place)
            return
        yield from self._backwards(place, part, total)

    def _backwards(self, place: Place, part: Window, total: int) -> Iterator[tuple[list[Record], Place | None]]:
        last = -(-total // self._size)
        page = min(place.page, last) if place.page and total <= place.total else last
        whole, walks, met = page == last, 1, set[str]()
        while page:
            rows, now = self._ask(place.kind, part, page)
            met |= {str(row.get(self._key)) for row in rows}
            page -= 1
            if not page and walks < WALKS and (now > total or (whole and len(met) < now)):
                walks, total, whole = walks + 1, now, True
                page = -(-now // self._size)
                met.clear()
            yield rows, replace(place, page=page, total=total) if page else self._after(place)

    def _after(self, place: Place) -> Place | None:
        """The next slice of the window, or the next listing, or nothing."""
        if place.end < self._window.end:
            return Place(place.kind, place.end, self._window.end)
        return self._begin(self._kinds.index(place.kind) + 1)

    def _begin(self, number: int) -> Place | None:
        return Place(self._kinds[number], self._window.start, self._window.end) if number < len(self._kinds) else None


def text_of(moment: datetime) -> str:
    """As JD's filters want times: Beijing, without zone."""
    return moment.astimezone(BEIJING).strftime(FORMAT)


def counted(holder: Any, *names: str) -> int:
    """A total; numbers come as numbers or as text. Raises UnknownAnswer where there is none."""
    for name in names:
        value = holder.get(name) if isinstance(holder, Mapping) else None
        if value is not None and str(value).isdecimal():
            return int(value)
    raise UnknownAnswer("jd.odd_answer", name=names[0])


def listed(holder: Any, name: str, total: int) -> list[Record]:
    """The rows of an answer. Rows that are announced and not there are an error, never an empty page."""
    rows = holder.get(name) if isinstance(holder, Mapping) else None
    if rows is None and total == 0:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnknownAnswer("jd.odd_answer", name=name)
    return rows
