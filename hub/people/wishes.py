"""The wishes about tags that a batch of records meets while it lands (see ``hub.people.tags`` for the rule)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import Connection, select, text, update

from hub.models import TagWrite
from hub.models.base import table
from hub.models.people import OPEN as UNSETTLED
from hub.store.types import to_us

WRITE = table(TagWrite)
OPEN = ("pending", "sending")
SETTLE = timedelta(minutes=2)
"""How long after a write a reading that contradicts it is held for stale."""


class Wishes:
    """The unsettled wishes about profiles of one account. now_us: when the records land."""

    def __init__(self, conn: Connection, refs: Collection[str], now_us: int) -> None:
        self._conn = conn
        self._open: dict[tuple[str, str], tuple[int, bool]] = {}
        self._fresh: dict[tuple[str, str], bool] = {}
        if not refs:
            return
        c, wanted = WRITE.c, set(refs)
        account = int(next(iter(wanted)).split("|")[0])
        # In the very words of the partial index, whose rows are few.
        rows = select(WRITE).where(c.account_id == account, text(UNSETTLED))
        for row in conn.execute(rows):
            pair = (row.profile_ref, row.tag_ref)
            if row.profile_ref not in wanted:
                continue
            if row.state != "written":
                self._open[pair] = (row.id, row.add)
            elif to_us(row.written_at + SETTLE) > now_us:
                self._fresh[pair] = row.add

    def stale(self, profile_ref: str, tag_ref: str, *, added: bool) -> bool:
        """Whether a reading that says so was fetched before our write: it was written a moment ago, and says the opposite."""
        return self._fresh.get((profile_ref, tag_ref), added) != added

    def came_true(self, profile_ref: str, tag_ref: str, *, added: bool) -> None:
        """The platform shows it by itself: a wish for the same is fulfilled, and need not be written."""
        number, wanted = self._open.get((profile_ref, tag_ref), (0, added))
        if number and wanted == added:
            mine = update(WRITE).where(WRITE.c.id == number, WRITE.c.state == "pending")
            self._conn.execute(mine.values(state="done", error=None, fence=WRITE.c.fence + 1))
