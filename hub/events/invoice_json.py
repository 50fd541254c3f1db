"""Invoice requests as delivery rows store them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from connectors.base import InvoiceRequest, Money
from connectors.invoices import InvoiceLine, RedLetter

_SUMS = ("amount", "net", "tax")


def invoice_json(request: InvoiceRequest) -> dict[str, Any]:
    """The request as JSON; amounts in fen."""
    known = {each.name: getattr(request, each.name) for each in fields(request) if each.name not in ("lines", "red")}
    return known | {"lines": [_line(line) for line in request.lines], "red": _red(request.red)}


def _line(line: InvoiceLine) -> dict[str, Any]:
    told = {each.name: getattr(line, each.name) for each in fields(line)}
    return told | {name: told[name].minor for name in _SUMS}


def _red(red: RedLetter | None) -> dict[str, Any] | None:
    if red is None:
        return None
    on = red.issued_on.isoformat() if red.issued_on else None
    return {"number": red.number, "reason": red.reason, "code": red.code, "issued_on": on}


def invoice_of(data: Mapping[str, Any]) -> InvoiceRequest:
    """The request of its JSON. Raises ValueError where it does not hold together."""
    lines = tuple(InvoiceLine(**{**line, **{name: Money(line[name]) for name in _SUMS}}) for line in data["lines"])
    red = data["red"] and RedLetter(**{**data["red"], "issued_on": _day(data["red"]["issued_on"])})
    return InvoiceRequest(**{**data, "lines": lines, "red": red})


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
