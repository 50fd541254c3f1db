"""Reading: staff, customers, contacts and contracts as landed records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors import errors
from connectors.base import Page, Record, Source, Window
from connectors.wukong.account import WukongAccount
from connectors.wukong.lists import LARGEST, TABLES, Listing, walk
from connectors.wukong.records import HEAD, NEVER_KEPT, Contracts, invoice_state, like_listed, tidy

ALL_STAFF = 0


class WukongReader(WukongAccount, Source):
    """The objects of one installation as its super administrator sees them."""

    def whoami(self) -> Mapping[str, Any] | None:
        """The user behind the session, None when the server knows of none."""
        found: Mapping[str, Any] | None = self._form("adminUser/queryLoginUser")
        return found

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """Staff: all of them. Customers, contacts, deals: those whose list shows a modification time in the window."""
        limit = self.manifest.streams[stream].page_size
        if stream == "staff":
            yield from self._staff(int(resume or 0) + 1, limit)
            return
        listing = self._listing(stream)
        tag_field = self.tag_column(listing)
        for rows, point in walk(listing, window, resume, limit):
            records = [self._land(row, listing, tag_field) for row in rows]
            yield Page(records, resume=point.dump() if point else None, last=point is None)

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """The record as ``pages`` gives it; None when it is deleted."""
        return next(iter(self.fetch_many(stream, [key])))[1]

    def fetch_many(self, stream: str, keys: Sequence[str]) -> Iterator[tuple[str, Record | None]]:
        """100 records a call. A key missing from the list (in a pool, deleted) is asked for by itself."""
        if stream == "staff":
            everybody = {str(user["userId"]): user for page in self._staff(1, LARGEST) for user in page.records}
            yield from ((key, everybody.get(key)) for key in keys)
            return
        listing = self._listing(stream)
        tag_field = self.tag_column(listing)
        for start in range(0, len(keys), LARGEST):
            chunk = keys[start : start + LARGEST]
            rows = listing.by_ids(chunk)
            for key in chunk:
                row = rows.get(key) or self._unlisted(listing, key)
                yield key, self._land(row, listing, tag_field) if row else None

    def _staff(self, first: int, limit: int) -> Iterator[Page]:
        """All users but the service account, which is nobody's colleague."""
        number = first
        while True:
            data = self._json("adminUser/queryUserList", {"page": number, "limit": limit, "label": ALL_STAFF})
            users = [_without_secrets(user) for user in data["list"] if user.get("username") != self.config.username]
            if number * limit >= int(data["totalRow"]):
                yield Page(users, last=True)
                return
            yield Page(users, resume=str(number))
            number += 1

    def _listing(self, stream: str) -> Listing:
        """The list with its visible columns. Raises ConfigError naming those that are needed and hidden."""
        listing = self.heads(stream)
        if listing.missing:
            raise errors.ConfigError("wukong.columns", object=listing.table.path, missing=", ".join(listing.missing))
        return listing

    def heads(self, stream: str) -> Listing:
        """The list with its visible columns, whether they suffice or not."""
        table = TABLES[stream]
        heads = self._form(f"crmField/queryListHead/{table.label}", name="crmField/queryListHead")
        titles = {str(head["fieldName"]): str(head.get("name") or head["fieldName"]) for head in heads}
        return Listing(table, titles, self._json)

    def tag_column(self, listing: Listing) -> str:
        """The name of the configured tag column ('' for none). Raises ConfigError when the list does not show it."""
        wanted = self.config.tag_field
        if not wanted or listing.table is not TABLES["customer"]:
            return ""
        for name, title in listing.heads.items():
            if wanted in (name, title):
                return name
        raise errors.ConfigError("wukong.tag_field", field=wanted)

    def _land(self, row: Mapping[str, Any], listing: Listing, tag_field: str) -> Record:
        record = tidy(row, listing, tag_field)
        if listing.table is TABLES["invoice"]:
            return self._with_head(record)
        if listing.table is not TABLES["deal"]:
            return record
        contracts = Contracts(self._json, self._approvals, self._contract, self.config.with_lines)
        return contracts.complete(record)

    def _with_head(self, record: Record) -> Record:
        """The invoice with what its list may hide: whom it is for, as the database has it."""
        detail = self.detail("crmInvoice", str(record["invoiceId"])) or {}
        head = {name: "" if detail.get(name) is None else detail[name] for name in HEAD}
        return record | head | {"_state": invoice_state(record, head)}

    def _contract(self, key: str) -> Mapping[str, Any] | None:
        return self.detail("crmContract", key)

    def _approvals(self, log_id: str) -> Any:
        return self._form("examineRecord/queryExamineRecordLog", recordId=log_id)

    def _unlisted(self, listing: Listing, key: str) -> Record | None:
        detail = self.detail(listing.table.path, key)
        return like_listed(detail, listing) if detail else None

    def detail(self, path: str, key: str) -> Mapping[str, Any] | None:
        """The row as the database has it, None when it is deleted. Raises ScopeMissing when it is not for us to see."""
        try:
            data = self._form(f"{path}/queryById/{key}", name=f"{path}/queryById")
        except errors.Gone:
            return None
        if data and str(data.get("dataAuth")) == "0":
            raise errors.ScopeMissing("wukong.no_right")
        return data or None


def _without_secrets(user: Mapping[str, Any]) -> Record:
    return {name: value for name, value in user.items() if name not in NEVER_KEPT}
