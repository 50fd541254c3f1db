"""What people do in the browser of the simulated CRM, for tests, demos and whole-product runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.wukong.sim_fields import FIXED
from connectors.wukong.sim_flow import APPROVED, IN_FORCE, IN_REVIEW, VOID, Flow
from connectors.wukong.sim_login import SUPER_USER, Logins, User
from connectors.wukong.sim_store import CONTACTS, CONTRACT, CUSTOMER, INVOICE, Row, Store
from connectors.wukong.sim_writes import Writes

LABELS = {"customer": CUSTOMER, "contact": CONTACTS, "deal": CONTRACT, "invoice": INVOICE}


class Hands:
    """Adds and decides without a login, as the people of the company would with theirs. at: when it happened."""

    store: Store
    flow: Flow
    logins: Logins
    writes: Writes

    def add_user(self, username: str, password: str, realname: str, **options: Any) -> User:
        """A person with a login (a salesman unless ``admin=True``)."""
        number = options.pop("id", None) or self.store.number()
        user = User(number, username, password, realname, mobile=username, created=self.store.stamp(), **options)
        self.logins.users[number] = user
        self.store.names[number] = realname
        return user

    def add_customer(self, name: str, *, mobile: str = "", at: datetime | None = None, **columns: Any) -> int:
        """A customer; columns by name, custom fields by title. Its id."""
        fields = {field.title: field for field in self.store.objects[CUSTOMER].fields if field.kind != FIXED}
        custom = {fields[title].name: columns.pop(title) for title in list(columns) if title in fields}
        owner = {"ownerUserId": SUPER_USER, "createUserId": SUPER_USER}
        fixed = {"customerName": name, "mobile": mobile, "status": 1, "dealStatus": 0, "isReceive": 1, **owner, **columns}
        return self.store.insert(CUSTOMER, fixed, custom, at=at).id

    def add_contact(self, customer_id: int, name: str, *, mobile: str = "", at: datetime | None = None, **columns: Any) -> int:
        """A contact of a customer. Its id."""
        owner = {"ownerUserId": SUPER_USER, "createUserId": SUPER_USER}
        fixed = {"customerId": customer_id, "name": name, "mobile": mobile, **owner, **columns}
        return self.store.insert(CONTACTS, fixed, {}, at=at).id

    def add_contract(
        self,
        customer_id: int,
        num: str,
        money: Decimal | str | int,
        order_date: str,
        check_status: int = IN_REVIEW,
        *,
        lines: Sequence[dict[str, Any]] = (),
        at: datetime | None = None,
        **columns: Any,
    ) -> int:
        """A contract in that state, with the approval log that leads there. Its id."""
        amount = Decimal(money).quantize(Decimal("0.01"))
        decided = [APPROVED] if check_status in (APPROVED, VOID) else []
        log = self.flow.open_log(*decided, at=at) if check_status in (APPROVED, VOID, IN_REVIEW) else None
        fixed = {
            "num": num, "name": num, "customerId": customer_id, "money": amount, "orderDate": order_date,
            "checkStatus": check_status, "examineRecordId": log, "receivedMoney": Decimal("0.00"), "unreceivedMoney": amount,
            "receivedProgress": Decimal(0), "discountRate": 0, "totalPrice": amount, "ownerUserId": SUPER_USER,
            "createUserId": SUPER_USER, **columns,
        }  # fmt: skip
        row = self.store.insert(CONTRACT, fixed, {"fliedXucqai": "直销合同"}, at=at)
        row.lines = [dict(line) for line in lines]
        if check_status in IN_FORCE:
            self.flow.took_force(CONTRACT, row)
        return row.id

    def add_invoice(
        self, contract_id: int, number: str, money: str, status: int = APPROVED, *, at: datetime | None = None, **columns: Any
    ) -> int:
        """An invoice asked for a contract, to its customer's title. Its id."""
        contract = self.store.tables[CONTRACT][contract_id]
        fixed = {
            "invoiceApplyNumber": number, "customerId": contract.detail["customerId"], "contractId": contract_id,
            "invoiceMoney": Decimal(money), "invoiceType": 1, "titleType": 1, "invoiceTitle": "郑州样例科技有限公司",
            "taxNumber": "92330106MABCDEF103", "depositBank": "样例银行郑州支行", "depositAccount": "6222000000000001",
            "depositAddress": "郑州市文化路 1 号", "telephone": "0371-88000000", "contactsMobile": "13800000009",
            "checkStatus": status, "invoiceStatus": 0, "ownerUserId": SUPER_USER, "createUserId": SUPER_USER, **columns,
        }  # fmt: skip
        return self.store.insert(INVOICE, fixed, {}, at=at).id

    def approve(self, contract_id: int) -> None:
        """The last approver says yes: the contract is signed, and its update time in the list stays what it was."""
        self.flow.decide(CONTRACT, int(contract_id), APPROVED)

    def discard(self, contract_id: int) -> None:
        """Make a contract in force void (作废)."""
        self.flow.discard(int(contract_id))

    def delete(self, stream: str, key: int | str) -> None:
        """Delete it as the browser does. Raises Refusal 2017 when other records hang on it."""
        user = self.logins.users[SUPER_USER]
        self.writes.delete(user, self.store.objects[LABELS[stream]], [key])

    def row(self, stream: str, key: int | str) -> Row:
        """The row with both its copies, for tests that ask what really stands there."""
        return self.store.tables[LABELS[stream]][int(key)]
