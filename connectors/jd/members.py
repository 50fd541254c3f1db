"""The shop's members: a scan whose place the platform keeps, checked by its own total. (docs: crm.member.scan, searchNew)"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connectors.base import Page, Record
from connectors.errors import UnknownAnswer
from connectors.jd.reading import MEMBERS, SCAN
from connectors.jd.walk import counted, listed

AGAIN = 2
"""How often a scan is begun anew at most when it gave fewer rows than it told."""
Ask = Callable[[str, Mapping[str, Any]], dict[str, Any]]
PLACES = ("xid_buyer", "open_id_buyer", "customer_pin")


def scan(ask: Ask, size: int, resume: str | None) -> Iterator[Page]:
    """All members. resume: 'walks/rows given/pages/scroll id'.

    The platform moves its place with each answer that it gives, heard or not: an answer that was lost is a page that is lost.
    When the end comes with fewer rows than were told, or the place is forgotten, the scan begins anew.
    """
    walks, given, pages, scroll = _place(resume)
    while True:
        try:
            rows, total, scroll = _batch(ask, size, scroll)
        except UnknownAnswer:
            if not scroll or walks >= AGAIN:
                raise
            walks, given, scroll = walks + 1, 0, ""
            continue
        given, pages = given + len(rows), pages + 1
        over = len(rows) < size or given >= total
        if over and given < total and walks < AGAIN:
            walks, given, scroll, over = walks + 1, 0, "", False
        yield Page(rows, resume=None if over else f"{walks}/{given}/{pages}/{scroll}", last=over)
        if over:
            return


def _place(resume: str | None) -> tuple[int, int, int, str]:
    if not resume:
        return 0, 0, 0, ""
    walks, given, pages, scroll = resume.split("/", 3)
    return int(walks), int(given), int(pages), scroll


def _batch(ask: Ask, size: int, scroll: str) -> tuple[list[Record], int, str]:
    answer = ask(SCAN, {"scroll_id": scroll} if scroll else {"page_size": size}).get("crm_member_scan_result")
    total = counted(answer, "total_result")
    rows = listed(answer, "crm_members", total)
    return rows, total, str(answer.get("scroll_id") or "") if isinstance(answer, dict) else ""


def one(ask: Ask, key: str) -> Record | None:
    """The member with that id, whichever of the three ids it is. customer_pin is a prefix there, so rows are compared."""
    for name in PLACES:
        answer = ask(MEMBERS, {"current_page": 1, "page_size": 100, name: key}).get("crm_member_result")
        rows = listed(answer, "crm_members", counted(answer, "total_result"))
        for row in rows:
            if str(row.get(name)) == key:
                return row
    return None
