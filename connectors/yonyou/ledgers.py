"""Where each kind of document lives: how it is found again, written, and carried a step further.

A ledger answers with ``Held``, what the platform says of a document; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from connectors import errors
from connectors.base import Document, Money, Status
from connectors.money import fen
from connectors.yonyou import documents
from connectors.yonyou.calls import YonyouCalls

RECEIVABLE = "/yonbip/EFI/receivable/"
ORDER = "/yonbip/sd/voucherorder/"
RECEIVABLE_STATES = {"0": "open", "1": "in_approval", "2": "approved", "3": "stopped", "4": "turned_down"}
"""``verifyState``: 开立, 审批中, 已审批, 终止, 已驳回."""
ORDER_STATES = {"0": "open", "3": "in_approval", "1": "approved", "2": "closed"}
"""``status``: 开立, 审批中, 已审核, 已关闭."""


NEXT: dict[str, dict[str, str]] = {
    "save": {},
    "submit": {"open": "submit"},
    "audit": {"open": "submit", "in_approval": "audit"},
}
"""Goal -> state -> the step to take. A state that is not here has reached the goal."""


GOOD = ("open", "in_approval", "approved", "closed", "applied", "issued")
MOST_STEPS = 4


@dataclass(frozen=True)
class Held:
    """A document over there. customer: its id, code: its code where the answer says it. raw: the answer itself."""

    id: str
    state: str
    amount: int
    customer: str
    customer_code: str
    raw: dict[str, Any]


class Ledger(Protocol):
    """What the connector needs of a kind of document. steps: state -> the step to take; none at the goal."""

    steps: Mapping[str, str]

    def check(self, document: Document) -> None:
        """Raises what can be said of this kind before anything is sent."""

    def look(self, number: str) -> Held | None:
        """The document of this number, or None only if the platform says that there is none."""

    def save(self, document: Document, customer_code: str) -> None:
        """Write it."""

    def step(self, name: str, held: Held) -> None:
        """Take a step."""

    def status(self, document: Document, held: Held) -> Status:
        """What became of it."""


def advance(ledger: Ledger, number: str, held: Held) -> Held:
    """Step from state to state until the goal, reading the state after each. Raises Rejected when a step is refused."""
    for _ in range(MOST_STEPS):
        step = ledger.steps.get(held.state)
        if step is None:
            return held
        refusal = _step(ledger, held, step)
        now = ledger.look(number)
        if now is None:
            raise errors.Rejected("yonyou.vanished", number=number)
        # somebody else, or the approval flow, may have taken the step meanwhile
        if refusal is not None and now.state == held.state:
            params = {**refusal.params, "number": number, "state": held.state, "step": step}
            raise errors.Rejected("yonyou.step_refused", code=refusal.code, **params)
        held = now
    raise errors.InDoubt("yonyou.step_pending", number=number, state=held.state)


def _step(ledger: Ledger, held: Held, step: str) -> errors.ConnectorError | None:
    """Take the step; the refusal, if there was one. A document that somebody has just changed is read and tried again."""
    try:
        ledger.step(step, held)
    except errors.Rejected as refusal:
        return refusal
    except errors.Unavailable as error:
        if error.key != "yonyou.stale":
            raise
    return None


class Receivables:
    """应收结算清单, found by external system and number, which the platform checks together."""

    def __init__(self, calls: YonyouCalls) -> None:
        self._calls, self._config = calls, calls.config
        self.steps: Mapping[str, str] = NEXT[calls.config.finish]

    def check(self, document: Document) -> None:
        """Nothing more than ``documents.check`` says."""

    def look(self, number: str) -> Held | None:
        """The one of this number. The list says which, the detail what it is about."""
        only = {"extSystemCode": self._config.ext_system, "extVouchCode": number}
        # page fields are texts here; isSum: one record for each document instead of each row
        found = self._calls.ask(f"{RECEIVABLE}list", {"pageIndex": "1", "pageSize": "500", "isSum": True, **only})
        rows = records(found, f"{RECEIVABLE}list")
        ids = {str(row.get("id")) for row in rows if str(row.get("extVouchCode", number)) == number}
        if len(ids) > 1:
            raise errors.Rejected("yonyou.ambiguous", number=number)
        return self._detail(ids.pop()) if ids else None

    def _detail(self, id: str) -> Held:
        row = self._calls.ask_by_id(f"{RECEIVABLE}detail", id)
        if not isinstance(row, dict) or row.get("oriTaxIncludedAmount") is None:
            raise errors.UnknownAnswer("yonyou.unreadable", name=f"{RECEIVABLE}detail")
        state = RECEIVABLE_STATES.get(str(row.get("verifyState")), "unknown")
        amount = fen(row["oriTaxIncludedAmount"])
        return Held(id, state, amount, str(row.get("customer") or ""), str(row.get("customerCode") or ""), row)

    def save(self, document: Document, customer_code: str) -> None:
        """Written once: guarded by the key of the write and by our number."""
        body = {"data": documents.receivable(self._config, document, customer_code)}
        self._calls.write(f"{RECEIVABLE}save", body, document.kind, document.number)

    def step(self, name: str, held: Held) -> None:
        """submit or audit."""
        self._calls.write(f"{RECEIVABLE}{name}", {"data": {"id": held.id}})

    @staticmethod
    def status(document: Document, held: Held) -> Status:
        """Approved or not; whether it was posted to the ledger stands behind the state."""
        posted = {"1": "posting", "2": "posted", "3": "posting failed"}.get(str(held.raw.get("postStatus")))
        stuck = held.state if held.state in ("stopped", "turned_down") else ""
        state = f"{held.state}, {posted}" if posted else held.state
        return Status(state, approved=held.state == "approved", problem=stuck)


class Orders:
    """销售订单, found by its own code, which is our number."""

    def __init__(self, calls: YonyouCalls) -> None:
        self._calls, self._config = calls, calls.config
        self.steps: Mapping[str, str] = NEXT[calls.config.finish]

    def check(self, document: Document) -> None:
        """Nothing more than ``documents.check`` says."""

    def look(self, number: str) -> Held | None:
        """The one of this number."""
        found = self._calls.ask(f"{ORDER}list", {"pageIndex": 1, "pageSize": 10, "isSum": True, "code": number})
        rows = {str(row.get("id")): row for row in records(found, f"{ORDER}list") if str(row.get("code")) == number}
        if len(rows) > 1:
            raise errors.Rejected("yonyou.ambiguous", number=number)
        for id, row in rows.items():
            if row.get("payMoney") is None:
                raise errors.UnknownAnswer("yonyou.unreadable", name=f"{ORDER}list")
            state = ORDER_STATES.get(str(row.get("status")), "unknown")
            return Held(id, state, fen(row["payMoney"]), str(row.get("agentId") or ""), "", row)
        return None

    def save(self, document: Document, customer_code: str) -> None:
        """Written once: guarded by the key of the write and by the unique code. Raises Rejected when the code was replaced."""
        body = {"data": documents.order(self._config, document, customer_code)}
        data = self._calls.write(f"{ORDER}singleSave", body, document.kind, document.number)
        said = str(data.get("code") or "") if isinstance(data, dict) else ""
        if said and said != document.number:
            # the coding rule numbered the order itself: without our number it can never be found again
            raise errors.Rejected("yonyou.number_replaced", number=document.number, platform_number=said)

    def step(self, name: str, held: Held) -> None:
        """submit or audit: batch calls, of which failed rows are told with code 200."""
        id: Any = int(held.id) if held.id.isdigit() else held.id
        self._calls.write(f"{ORDER}batch{name}", {"data": [{"id": id}]})

    def status(self, document: Document, held: Held) -> Status:
        """Approved or not, and what was paid, as the detail says it."""
        row = self._calls.ask_by_id(f"{ORDER}detail", held.id)
        if not isinstance(row, dict):
            raise errors.UnknownAnswer("yonyou.unreadable", name=f"{ORDER}detail")
        received = _received(row, document.amount)
        approved = held.state in ("approved", "closed")
        return Status(held.state, approved=approved, received=received, final=approved and received == document.amount)


def _received(row: dict[str, Any], whole: Money) -> Money | None:
    """``confirmPrice`` (已支付金额), where the state of payment agrees with it; else it is not said."""
    state, paid = str(row.get("payStatusCode") or ""), row.get("confirmPrice")
    amount = fen(paid) if paid is not None else 0
    agrees = {
        "NOTPAYMENT": amount == 0,
        "PARTPAYMENT": 0 < amount < whole.minor,
        "CONFIRMPAYMENT": 0 < amount < whole.minor,
        "FINISHPAYMENT": amount == whole.minor,
    }
    return Money(amount) if agrees.get(state) else None


def records(data: Any, name: str) -> list[dict[str, Any]]:
    """The records of a list. A list without its ``recordList`` is no empty list."""
    found = data.get("recordList") if isinstance(data, dict) else None
    if found is None and isinstance(data, dict) and str(data.get("recordCount")) == "0":
        return []
    if not isinstance(found, list):
        raise errors.UnknownAnswer("yonyou.unreadable", name=name)
    return found
