"""Rows as they are landed: what is dropped, what is named, and what a signed contract lacks in its list."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from connectors.base import Record
from connectors.wukong.lists import Listing

UNSTABLE = frozenset({"poolDay", "star"})
"""Days left before a customer falls into the pool, and the reading user's own star: they change without a change."""
NEVER_KEPT = frozenset({"batchId", "password", "salt"})
CUSTOM = re.compile(r"(?:field|flied)(?:_[0-9a-z]{6}|[A-Z][0-9a-zA-Z]{5})")
"""Names of custom fields: ``field_`` and six random characters, other ones in each installation, camel-cased when a
letter follows; the shipped 合同类型 is misspelt."""
HEAD = (
    "contractId", "invoiceMoney", "invoiceType", "titleType", "invoiceTitle", "taxNumber", "depositBank", "depositAccount",
    "depositAddress", "telephone", "contactsMobile", "invoiceNumber", "realInvoiceDate", "invoiceStatus",
)  # fmt: skip
"""What an invoice says, as the database's row has it; which of it a list shows depends on the reading user's columns."""
SIGNED, VOID = {"1", "10"}, {"8"}
NO_FLOW = "10"
LINES = 100


def tidy(row: Mapping[str, Any], listing: Listing, tag_field: str) -> Record:
    """The row with custom values under ``_custom`` by title, both phones as ``_phones``, the tag field's text as ``_tags``."""
    record: Record = {}
    custom: dict[str, Any] = {}
    for name, value in row.items():
        if name in UNSTABLE or name in NEVER_KEPT:
            continue
        plain = "" if value is None else value
        if CUSTOM.fullmatch(name):
            custom[listing.heads.get(name, name)] = plain
        else:
            record[name] = plain
    record["_custom"] = custom
    if "mobile" in row or "telephone" in row:
        record["_phones"] = [str(row[name]) for name in ("mobile", "telephone") if row.get(name)]
    if tag_field:
        record["_tags"] = row.get(tag_field) or ""
    return record


def invoice_state(record: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    """issued once somebody has entered its number; asked when it is approved; else the state of the approval."""
    if str(head.get("invoiceStatus")) == "1":
        return "issued"
    state = str(record.get("checkStatus"))
    return "asked" if state in SIGNED else state


def like_listed(detail: Mapping[str, Any], listing: Listing) -> Record:
    """A detail (queryById) cut to what the list would show, for a row that the list leaves out."""
    ids = {name.removesuffix("Name") + "Id" for name in listing.heads if name.endswith("Name")}
    ids |= {"ownerUserId", "createUserId", listing.table.key}
    return {name: value for name, value in detail.items() if name in listing.heads or name in ids}


class Contracts:
    """Adds to a signed or voided contract what its list does not tell: when it was signed, and its lines.

    The additions depend on the contract alone, so that reading it twice gives the same record. Three calls for an
    approved contract, one for a contract that needed no approval, none for all others.
    """

    def __init__(
        self,
        ask: Callable[[str, Mapping[str, Any]], Any],
        approvals: Callable[[str], Any],
        detail: Callable[[str], Mapping[str, Any] | None],
        with_lines: bool,
    ) -> None:
        self._ask, self._approvals, self._detail, self._with_lines = ask, approvals, detail, with_lines

    def complete(self, record: Record) -> Record:
        """The record with ``_signedTime`` and ``_products``; any other record unchanged."""
        state = str(record.get("checkStatus"))
        if state not in SIGNED | VOID:
            return record
        signed = self._signed_time(record, state)
        if signed:
            record["_signedTime"] = signed
        if self._with_lines:
            record["_products"] = list(self._lines(str(record["contractId"])))
        return record

    def _signed_time(self, record: Record, state: str) -> str:
        """The last approval in the approval log; the creation where no flow was asked (checkStatus 10, or no log)."""
        log_id = None if state == NO_FLOW else self._log_id(record)
        if not log_id:
            return str(record.get("createTime") or "")
        log = self._approvals(str(log_id)) or []
        times = [str(step.get("examineTime") or "") for step in log if str(step.get("examineStatus")) == "1"]
        return max(times, default="") or ("" if state in VOID else str(record.get("createTime") or ""))

    def _log_id(self, record: Record) -> Any:
        """The list shows the log's id only where the server has put it among the columns."""
        return record.get("examineRecordId") or (self._detail(str(record["contractId"])) or {}).get("examineRecordId")

    def _lines(self, key: str) -> Iterator[Record]:
        before: list[Record] = []
        for page in count(1):
            body = {"contractId": key, "page": page, "limit": LINES}
            rows = (self._ask("crmContract/queryProductListByContractId", body) or {}).get("list") or []
            if rows == before:
                return
            yield from rows
            if len(rows) != LINES:
                return
            before = rows
