"""The number of an issued invoice at the invoice request that asked for it (crmInvoice/updateInvoiceStatus).

Server source 11.3.3: the call is a plain overwrite that asks neither for the approval nor for rights, so both are looked at
here first, and a number that is there already is never replaced by another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors import errors
from connectors.base import Document, Receipt, Request
from connectors.wukong.records import SIGNED

Detail = Callable[[str, str], Mapping[str, Any] | None]
PATH = "crmInvoice"


def number_of(document: Document) -> str:
    """The invoice's number."""
    return document.extra.get("invoice") or document.number


def contract_of(document: Document) -> str:
    """The key of the contract that a document is about."""
    if document.source.get("stream") == "invoice":
        return document.source.get("deal", "")
    return document.source.get("key", "")


def find(detail: Detail, document: Document) -> Receipt | None:
    """Whether the request holds the number. It is read from the database: no index delay."""
    row = _row(detail, document)
    held = row is not None and str(row.get("invoiceNumber") or "") == number_of(document)
    return _receipt(document) if held else None


def send(detail: Detail, call: Callable[[Request], Any], document: Document) -> Receipt:
    """Write number and date. Raises Rejected where the request is gone, not approved, or bears another number."""
    row = _row(detail, document)
    if row is None:
        raise errors.Rejected("wukong.nothing_to_write_to")
    held = str(row.get("invoiceNumber") or "")
    if held == number_of(document):
        return _receipt(document)
    if held or str(row.get("checkStatus")) not in SIGNED:
        raise errors.Rejected("wukong.invoice_closed", state=str(row.get("checkStatus")))
    body = {"invoiceId": row["invoiceId"], "invoiceNumber": number_of(document), "logisticsNumber": ""}
    body |= {"realInvoiceDate": document.date.isoformat()}
    call(Request("POST", f"{PATH}/updateInvoiceStatus", json=body, write=True))
    return _receipt(document)


def _row(detail: Detail, document: Document) -> Mapping[str, Any] | None:
    source = document.source
    return detail(PATH, source["key"]) if source.get("stream") == "invoice" and source.get("key") else None


def _receipt(document: Document) -> Receipt:
    return Receipt(document.number, platform_id=document.source.get("key", ""), state="written", complete=True)
