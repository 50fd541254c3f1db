"""The walk over all customers: staff in chunks, each chunk by cursor, and a place to go on from after a kill."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import structlog

from connectors import errors
from connectors.base import Page
from connectors.wecom import shape

log = structlog.get_logger("connectors.wecom")
CHUNK = 100
"""Staff in one batch call; more are refused with 40058. (docs: path/96316)"""
UNLICENSED = "701008"

Ask = Callable[[Sequence[str], str], dict[str, Any]]
"""One batch call: userids and cursor -> the answer."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a walk got. after: the last userid that is done. cursor, bound: of the chunk being read, and a digest of
    the staff that the cursor was issued for. sizes: of the next chunks, where a refused one was halved."""

    after: str = ""
    cursor: str = ""
    bound: str = ""
    sizes: Sequence[int] = ()

    @classmethod
    def read(cls, resume: str | None) -> Place:
        """The place that ``text`` wrote, or the beginning."""
        return cls(**json.loads(resume)) if resume else cls()

    @property
    def size(self) -> int:
        """How many staff the next chunk has."""
        return self.sizes[0] if self.sizes else CHUNK

    def text(self) -> str:
        """The place as the resume point of a page."""
        return json.dumps(asdict(self))

    def at(self, chunk: Sequence[str]) -> Place:
        """The place for this chunk: a cursor that was issued for other staff is worthless and is dropped."""
        bound = hashlib.sha256("\n".join(chunk).encode()).hexdigest()[:16]
        return self if bound == self.bound else replace(self, cursor="", bound=bound)

    def done(self, chunk: Sequence[str]) -> Place:
        """The place after this chunk."""
        return Place(after=chunk[-1], sizes=self.sizes[1:])

    def halved(self, chunk: Sequence[str]) -> Place:
        """The same place with the chunk in two."""
        half = len(chunk) // 2
        return replace(self, sizes=[len(chunk) - half, half, *self.sizes[1:]])


class CustomerWalk:
    """All staff-customer pairs of these staff. ask: the batch call."""

    def __init__(self, ask: Ask, staff: Sequence[str], resume: str | None) -> None:
        self._ask, self._place = ask, Place.read(resume)
        self._left = [userid for userid in sorted(staff) if userid > self._place.after]
        self._restarted = ""
        self._answered = bool(resume)
        self._unlicensed: errors.ScopeMissing | None = None

    def pages(self) -> Iterator[Page]:
        """The pages; a cursor that died, a staff member that vanished or lacks a licence cost only their own chunk."""
        while self._left:
            chunk = self._left[: self._place.size]
            self._place = self._place.at(chunk)
            try:
                body = self._ask(chunk, self._place.cursor)
            except errors.ConnectorError as refusal:
                self._give_way(chunk, refusal)
                continue
            yield self._page(chunk, body)
            if not self._left:
                return
        if self._unlicensed and not self._answered:
            raise self._unlicensed
        yield Page((), self._place.text(), last=True)

    def _page(self, chunk: Sequence[str], body: dict[str, Any]) -> Page:
        self._answered = True
        unlicensed = (body.get("fail_info") or {}).get("unlicensed_userid_list") or []
        if unlicensed:
            log.warning("staff without interface licence are not read", count=len(unlicensed))
        cursor = body.get("next_cursor") or ""
        if cursor and cursor == self._place.cursor:
            raise errors.UnknownAnswer("wecom.cursor_stuck")
        # A short or empty page with a cursor is not the end. (docs: path/96316)
        self._place = replace(self._place, cursor=cursor) if cursor else self._finish(chunk)
        records = [shape.pair(item) for item in body.get("external_contact_list") or []]
        return Page(records, self._place.text(), last=not self._left)

    def _finish(self, chunk: Sequence[str]) -> Place:
        self._left = self._left[len(chunk) :]
        return self._place.done(chunk)

    def _give_way(self, chunk: Sequence[str], refusal: errors.ConnectorError) -> None:
        """Go on after a refused call, or raise the refusal when there is no way around it."""
        if isinstance(refusal, errors.ScopeMissing) and refusal.code == UNLICENSED:
            log.warning("staff without interface licence are not read", count=len(chunk))
            self._unlicensed, self._place = refusal, self._finish(chunk)
        elif self._place.cursor and self._place.bound != self._restarted and _about_the_request(refusal):
            # How long a cursor lives is not documented, nor which code a dead one gets: read the chunk again, once.
            self._restarted, self._place = self._place.bound, replace(self._place, cursor="")
        elif self._place.cursor or not isinstance(refusal, (errors.Gone, errors.InvalidRecord)):
            raise refusal
        elif len(chunk) > 1:
            # One staff member without customers or out of sight may refuse a whole chunk: halve it until he stands alone.
            self._place = self._place.halved(chunk)
        else:
            self._place = self._finish(chunk)


def _about_the_request(refusal: errors.ConnectorError) -> bool:
    return isinstance(refusal, (errors.RecordError, errors.UnknownAnswer))
