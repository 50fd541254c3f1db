"""How a shop is read: windows by modification, what came late by the time it came, members and their tags page by page.

(docs: developer.alibaba.com apiId 128, 21470, 54, 52, 53; 57660, 57630 for applications of the CRM kind; 10836, 57604, 10833)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from connectors.base import Page, Record, Window
from connectors.errors import Gone, InvalidRecord, UnknownAnswer

BEIJING = timezone(timedelta(hours=8))
SPAN = timedelta(days=1)
"""The longest window that a list call takes. (docs: apiId 128)"""
WALKS = 3
"""How often one window is walked at most when late rows keep coming into it."""
LATE = timedelta(days=2)
"""Windows that end no longer ago are also asked for what entered the seller's database in them, whenever it was modified."""
MOST_PAGES = 1000
"""The last page of members that is served. (docs: apiId 10836)"""
MODIFIED, ENTERED = "modified", "create"


@dataclass(frozen=True)
class Listing:
    """How a stream is listed, and how one record of it is read. outer, inner: the doubly wrapped list in the answer.

    entered: the list by the time of entry, where there is one.
    """

    method: str
    one: str
    key: str
    outer: str
    inner: str
    fields: str
    entered: str = ""


# Types beyond the default ones are left out in silence unless they are named; guarantee_trade stands for fixed and
# auction. This is every value the platform lists. (docs: apiId 46, 128)
TYPES = (
    "guarantee_trade,fixed,auction,step,independent_simple_trade,independent_shop_trade,auto_delivery,ec,cod,game_equipment,"
    "shopex_trade,netcn_trade,external_trade,instant_trade,b2c_cod,hotel_trade,super_market_trade,super_market_cod_trade,"
    "taohua,waimai,o2o_offlinetrade,nopaid,eticket,tmall_i18n,insurance_plus,finance,pre_auth_type"
)
# Receiver name, phone and street are not asked for: they come masked, and the receiver need not be the buyer.
_TRADE = (
    "tid,status,type,created,pay_time,consign_time,end_time,modified,payment,total_fee,discount_fee,adjust_fee,post_fee,"
    "received_payment,step_trade_status,step_paid_fee,seller_nick,buyer_nick,buyer_open_uid,receiver_state,"
)
LISTINGS = {
    "order": Listing(
        "taobao.trades.sold.increment.get", "taobao.trade.fullinfo.get", "tid", "trades", "trade",
        _TRADE + "receiver_city,receiver_district,orders", "taobao.trades.sold.incrementv.get",
    ),
    "refund": Listing(
        "taobao.refunds.receive.get", "taobao.refund.get", "refund_id", "refunds", "refund",
        "refund_id,tid,oid,status,refund_fee,total_fee,payment,created,modified,order_status,good_status,has_good_return,"
        "reason,refund_phase,dispute_type,num,title,outer_id,sku,seller_nick,buyer_open_uid,ouid",
    ),
}  # fmt: skip
SIMPLE = Listing(
    "taobao.trades.simple.sold.increment.get", "taobao.trade.simple.get", "tid", "trades", "trade", _TRADE + "ouid,orders"
)
"""Orders as an application of the CRM kind sees them: no receiver but the province, and the buyer's id within the shop."""
MEMBERS, MEMBERS_CRM = "taobao.crm.members.search", "taobao.crm.members.search.privy"
TAGS = "taobao.crm.groups.get"
Call = Callable[[str, Mapping[str, str]], dict[str, Any]]


class Reader:
    """Reads one shop. kind: of the application. size: rows a page, by stream."""

    def __init__(self, call: Call, kind: str, size: Callable[[str], int], clock: Callable[[], datetime]) -> None:
        self._call, self._kind, self._size, self._clock = call, kind, size, clock

    def listing(self, stream: str) -> Listing:
        """How this kind of application lists the stream."""
        return SIMPLE if self._kind == "crm" and stream == "order" else LISTINGS[stream]

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """The stream's records: of the window, or all of them."""
        if stream in ("member", "tag"):
            yield from self._whole(stream, resume)
        elif self._kind == "crm" and stream == "refund":
            yield Page([], last=True)  # refunds are not open to this kind of application
        elif window is None:
            raise ValueError(f"stream {stream!r} is read by windows")
        else:
            yield from self._window(stream, window, resume)

    # -- windows

    def _window(self, stream: str, window: Window, resume: str | None) -> Iterator[Page]:
        """resume: 'part/page/total': which slice of the window, the next page, rows counted."""
        parts = self._parts(stream, window)
        done, page_no, total = (int(number) for number in resume.split("/")) if resume else (0, 0, 0)
        if done >= len(parts):
            yield Page([], last=True)
        for number in range(done, len(parts)):
            by, part = parts[number]
            for records, next_no, counted in self._walk(stream, by, part, page_no, total):
                mark = f"{number}/{next_no}/{counted}" if next_no else f"{number + 1}/0/0"
                fresh = records if by == MODIFIED else [row for row in records if not _within(row.get("modified"), window)]
                yield Page(fresh, resume=mark, last=not next_no and number == len(parts) - 1)
            page_no = total = 0

    def _parts(self, stream: str, window: Window) -> list[tuple[str, Window]]:
        """By modification, in slices that a call takes; then, of a recent window, by the time of entry.

        The database that is asked lags behind the shop, and a row that comes late bears a modification time of windows that
        have been read: its time of entry lies in one that has not. (docs: apiId 21470)
        """
        slices = list(_slices(window))
        parts = [(MODIFIED, part) for part in slices]
        if self.listing(stream).entered and window.end > self._clock() - LATE:
            parts += [(ENTERED, part) for part in slices]
        return parts

    def _walk(self, stream: str, by: str, part: Window, page_no: int, before: int) -> Iterator[tuple[list[Record], int, int]]:
        """Pages from the last to the first: (records, next page to read or 0, rows counted).

        The list is newest first and bounded by the window's end, so a row that changes meanwhile leaves it and the rest
        move towards page 1: reading backwards meets them again, reading forwards would miss one. (docs: apiId 128)
        Late rows push the other way, onto pages already read; page 1 is therefore read with the total, and when that
        has grown, the window is walked again.
        """
        size = self._size(stream)
        counted = self._list(stream, by, part, fields=self.listing(stream).key, page_size="1", use_has_next="false")
        total = count_of(counted, "total_results")
        last = -(-total // size)
        page_no = min(page_no, last) if page_no and total <= before else last
        if not last:
            yield [], 0, 0
        walks = 1
        while page_no:
            counting = str(page_no > 1).lower()
            answer = self._list(stream, by, part, page_no=str(page_no), page_size=str(size), use_has_next=counting)
            page_no -= 1
            if not page_no and walks < WALKS and (now := count_of(answer, "total_results")) > max(total, size):
                walks, total, page_no = walks + 1, now, -(-now // size)
            yield rows_of(answer, self.listing(stream).outer, self.listing(stream).inner), page_no, total

    def _list(self, stream: str, by: str, part: Window, **params: str) -> dict[str, Any]:
        how = self.listing(stream)
        bounds = {f"start_{by}": text_of(part.start), f"end_{by}": text_of(part.end)}
        method = how.entered if by == ENTERED else how.method
        return self._listed(method, {"fields": how.fields, "type": TYPES, **bounds, **params})

    def _listed(self, method: str, params: Mapping[str, str]) -> dict[str, Any]:
        try:
            return self._call(method, params)
        except InvalidRecord as error:
            # A refused list call is no matter of one record: the stream stops, and somebody looks.
            raise UnknownAnswer(error.key, code=error.code, request_id=error.request_id, name=method) from None

    def probe(self, stream: str) -> None:
        """The smallest call that needs the right to the stream."""
        now = self._clock()
        if stream == "member":
            self._members(1, 1)
        else:
            self._list(stream, MODIFIED, Window(now - timedelta(minutes=10), now), page_size="1")

    # -- members and tags

    def _whole(self, stream: str, resume: str | None) -> Iterator[Page]:
        """All of them, from the first page on. Beyond the last page the platform answers with an empty one."""
        size, page_no = self._size(stream), int(resume or 1)
        while True:
            answer = self._members(page_no, size) if stream == "member" else self._tags(page_no, size)
            rows = rows_of(answer, *(("members", "crm_member") if stream == "member" else ("groups", "group")))
            over = page_no * size >= count_of(answer, "total_result") or page_no >= MOST_PAGES
            page_no += 1
            yield Page(rows, resume=None if over else str(page_no), last=over)
            if over:
                return

    def _members(self, page_no: int, size: int, **more: str) -> dict[str, Any]:
        method = MEMBERS_CRM if self._kind == "crm" else MEMBERS
        return self._listed(method, {"current_page": str(page_no), "page_size": str(size), **more})

    def _tags(self, page_no: int, size: int) -> dict[str, Any]:
        return self._listed(TAGS, {"current_page": str(page_no), "page_size": str(size)})

    # -- one record

    def one(self, stream: str, key: str) -> Record | None:
        """The order (not older than three months), refund, member or tag as it is now."""
        if stream == "member":
            found = rows_of(self._members(1, 1, ouid=key), "members", "crm_member")
            return next((row for row in found if str(row.get("ouid")) == key), None)
        if stream == "tag":
            return next((row for page in self._whole("tag", None) for row in page.records if str(row["group_id"]) == key), None)
        if self._kind == "crm" and stream == "refund":
            return None
        how = self.listing(stream)
        try:
            answer: Record | None = self._call(how.one, {"fields": how.fields, how.key: key}).get(how.inner)
        except Gone:
            return None
        return answer


def text_of(moment: datetime) -> str:
    """A time as the platform wants it."""
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _slices(window: Window) -> Iterator[Window]:
    """The window in whole seconds, rounded outwards, cut into slices that a list call takes."""
    start = window.start.astimezone(UTC).replace(microsecond=0)
    end = (window.end.astimezone(UTC) + timedelta(microseconds=999_999)).replace(microsecond=0)
    end = max(end, start + timedelta(seconds=1))
    while start < end:
        yield Window(start, min(start + SPAN, end))
        start += SPAN


def _within(value: Any, window: Window) -> bool:
    """Whether a record's time lies inside the window: then the walk by modification has met it."""
    return text_of(window.start) <= str(value) <= text_of(window.end)


def count_of(answer: Mapping[str, Any], name: str) -> int:
    """A total. Raises UnknownAnswer where there is none."""
    try:
        return int(answer[name])
    except (KeyError, TypeError, ValueError):
        raise UnknownAnswer("taobao.odd_answer", name=name) from None


def rows_of(answer: Mapping[str, Any], outer: str, inner: str) -> list[Record]:
    """The records; an empty list is an absent key, and the simplified form lacks the inner one."""
    rows = answer.get(outer) or []
    return list(rows.get(inner) or [] if isinstance(rows, dict) else rows)
