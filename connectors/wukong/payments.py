"""Money that finance has booked as received, as a receipt (回款) of the contract: crmReceivables/add.

Server source 11.3.3: the number is kept unique (2019), the contract must be in force (2018), and a receipt counts towards the
contract's received money only once it is in force itself: with the shipped flow, after an administrator has approved it.
What is ours is never changed or deleted afterwards, so money that finance takes back is for a person to take back in the CRM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from connectors import errors
from connectors.base import Document, Money, Receipt, Request, Status
from connectors.http import exact_json
from connectors.money import rounded
from connectors.wukong.invoices import contract_of
from connectors.wukong.lists import LARGEST
from connectors.wukong.records import SIGNED

Call = Callable[[Request], Any]
Detail = Callable[[str, str], Mapping[str, Any] | None]
OF_CONTRACT = "crmContract/qureyReceivablesListByContractId"
"""The misspelling is the path."""
STATES = {"0": "waiting", "1": "approved", "2": "refused", "3": "in_review", "4": "withdrawn", "5": "draft", "10": "in_force"}
NOT_COUNTED = {"2", "4", "7", "8"}
"""Refused, withdrawn, deleted, void."""


def find(call: Call, document: Document) -> Receipt | None:
    """The receipt with our number at the document's contract, with the amount that it has there."""
    row = _row(call, document)
    return _receipt(document, row) if row else None


def send(call: Call, detail: Detail, document: Document, customer: str, way: str) -> Receipt:
    """Write it. Raises Rejected where there is no contract in force, money is taken back, or the contract would be overpaid."""
    key = contract_of(document)
    contract = detail("crmContract", key) if key else None
    if contract is None or not customer:
        raise errors.Rejected("wukong.nothing_to_write_to")
    if document.amount.minor <= 0 or document.amount.currency != "CNY":
        raise errors.Rejected("wukong.payment_back", amount=str(document.amount))
    if str(contract.get("checkStatus")) not in SIGNED:
        raise errors.Rejected("wukong.payment_contract", state=str(contract.get("checkStatus")))
    rows = list(_rows(call, key))
    if mine := _of(rows, document.number):
        return _receipt(document, mine)
    _no_more_than(contract, rows, document)
    body = exact_json(_body(document, contract, customer, way))
    call(Request("POST", "crmReceivables/add", body=body, headers={"Content-Type": "application/json"}, write=True))
    return find(call, document) or Receipt(document.number, document.number, "written", complete=True, amount=document.amount)


def status(call: Call, document: Document) -> Status:
    """Whether it is approved; gone once it is deleted. A refusal is told as a problem, for then it does not count."""
    row = _row(call, document)
    if row is None:
        return Status("deleted", gone=True)
    state = str(row.get("checkStatus"))
    word, approved = STATES.get(state, state), state in SIGNED
    return Status(word, approved=approved, problem="审批未通过 / refused" if word == "refused" else "", final=approved)


def _no_more_than(contract: Mapping[str, Any], rows: list[Mapping[str, Any]], document: Document) -> None:
    """More than the contract's amount means that somebody has entered the same money by hand: a person decides."""
    there = sum(_fen(row.get("money")) for row in rows if str(row.get("checkStatus")) not in NOT_COUNTED)
    total = _fen(contract.get("money"))
    if there + document.amount.minor > total:
        raise errors.Rejected(
            "wukong.payment_over", there=str(Money(there)), amount=str(document.amount), total=str(Money(total))
        )


def _body(document: Document, contract: Mapping[str, Any], customer: str, way: str) -> dict[str, Any]:
    entity = {
        "number": document.number,
        "customerId": customer,
        "contractId": contract["contractId"],
        "returnTime": document.date.isoformat(),
        "returnType": way,
        "money": Decimal(document.amount.minor).scaleb(-2),
        "receivablesPlanId": None,
        "remark": document.note,
    }
    # Without an empty list of approvers an active flow answers 500.
    return {"entity": entity, "field": [], "examineFlowData": {"dataMap": {}, "optionalList": []}}


def _row(call: Call, document: Document) -> Mapping[str, Any] | None:
    key = contract_of(document)
    return _of(_rows(call, key), document.number) if key else None


def _of(rows: Any, number: str) -> Mapping[str, Any] | None:
    return next((row for row in rows if str(row.get("number") or "") == number), None)


def _rows(call: Call, contract: str) -> Iterator[Mapping[str, Any]]:
    """All receipts of a contract."""
    page = 1
    while True:
        body = {"contractId": contract, "page": page, "limit": LARGEST}
        data = call(Request("POST", OF_CONTRACT, json=body)).get("data")
        rows = (data.get("list") if isinstance(data, Mapping) else data) or []
        yield from rows
        if len(rows) < LARGEST:
            return
        page += 1


def _fen(value: Any) -> int:
    return rounded(Decimal(str(value)) * 100) if value not in (None, "") else 0


def _receipt(document: Document, row: Mapping[str, Any]) -> Receipt:
    state = STATES.get(str(row.get("checkStatus")), str(row.get("checkStatus")))
    amount = Money(_fen(row.get("money")))
    return Receipt(document.number, str(row.get("receivablesId") or document.number), state, complete=True, amount=amount)
