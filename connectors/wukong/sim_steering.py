"""How the contract suite steers the simulator."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from connectors.sandbox import Simulator
from connectors.wukong.sim_flow import APPROVED, DRAFT, IN_REVIEW, NO_FLOW
from connectors.wukong.sim_hands import LABELS, Hands
from connectors.wukong.sim_login import SUPER_USER
from connectors.wukong.sim_store import CONTACTS, CUSTOMER, INVOICE, RECEIVABLES

LONG_AGO = timedelta(days=400)
STATES = (NO_FLOW, APPROVED, IN_REVIEW, DRAFT)
LINES = (
    {"productId": 71, "productName": "年度服务", "price": 1000, "salesPrice": 900, "num": 1, "discount": 10, "subtotal": 900},
    {"productId": 72, "productName": "实施", "price": 300.5, "salesPrice": 300.5, "num": 1, "discount": 0, "subtotal": 300.5},
)


class Steering(Hands, Simulator):
    """The steering methods of ``connectors.sandbox.Simulator``."""

    _customer: int | None = None
    _sources: dict[tuple[str, int], dict[str, str]]

    def populate(self, stream: str, count: int, *, start: datetime, step: timedelta) -> list[str]:
        """Records created and modified at ``start``, ``start + step`` and so on."""
        with self.lock:
            return [str(getattr(self, f"_make_{stream}")(start + number * step, number)) for number in range(count)]

    def touch(self, stream: str, key: str) -> None:
        """Somebody edits the record now."""
        with self.lock:
            if stream == "staff":
                self.logins.users[int(key)].post = f"主管 {self.store.number()}"
                return
            self.store.change(LABELS[stream], self.row(stream, key), {"remark": f"跟进 {self.store.number()}"}, moved=True)

    def remove(self, stream: str, key: str) -> None:
        """Deleted: marked where the product marks, gone where it does not."""
        with self.lock:
            if stream == "staff":
                del self.logins.users[int(key)]
            elif LABELS[stream] in (CONTACTS, INVOICE):
                del self.store.tables[LABELS[stream]][int(key)]
            else:
                mark = {"status": 3} if LABELS[stream] == CUSTOMER else {"checkStatus": 7}
                self.store.change(LABELS[stream], self.row(stream, key), mark, moved=False)

    def spoil(self, stream: str, key: str) -> None:
        """A nameless user, a creation time that is none."""
        with self.lock:
            if stream == "staff":
                self.logins.users[int(key)].realname = ""
                return
            row = self.row(stream, key)
            row.detail["createTime"] = row.index["createTime"] = "昨天"

    def add_field(self, stream: str, key: str, name: str, value: Any) -> None:
        """A key in the answers that no version had before."""
        extra = self.logins.users[int(key)].extra if stream == "staff" else self.row(stream, key).extra
        extra[name] = value

    def kill_tokens(self) -> None:
        """The session store was emptied."""
        with self.lock:
            self.logins.end_all()

    def document_source(self, kind: str, number: int) -> dict[str, str]:
        """An approved contract for the sample document of that number."""
        with self.lock:
            if (kind, number) not in self._sources:
                customer = self.add_customer(f"样例客户{number:05d}")
                contract = self.add_contract(customer, f"HT-2026-{number:05d}", "13780.01", "2026-11-02", APPROVED)
                source = {"stream": "deal", "key": str(contract), "customer": str(customer)}
                if kind == "invoice_number":
                    invoice = self.add_invoice(contract, f"KP-2026-{number:05d}", "13780.01")
                    source |= {"stream": "invoice", "key": str(invoice), "deal": str(contract)}
                self._sources[kind, number] = source
            return self._sources[kind, number]

    def advance(self, number: str, what: str, minor: int = 0) -> str:
        """See ``Simulator.advance``: an administrator approves a receipt, or somebody deletes it."""
        with self.lock:
            row = next(row for row in self.store.tables[RECEIVABLES].values() if row.detail.get("number") == number)
            if what == "approve":
                self.flow.decide(RECEIVABLES, row.id, APPROVED)
            elif what == "remove":
                self.store.change(RECEIVABLES, row, {"checkStatus": 7}, moved=False)
                self.flow.recount(row.detail["contractId"])
            else:
                raise ValueError(f"nobody does {what!r} to a receipt")
        return ""

    def _make_staff(self, at: datetime, number: int) -> int:
        mobile = f"139{self.store.number() % 100_000_000:08d}"
        return self.add_user(mobile, "unused-Password1", f"员工{number}", email=f"staff{number}@example.com").id

    def _make_customer(self, at: datetime, number: int) -> int:
        options = {"email": f"c{number}@example.com", "address": "河南省,郑州市,金水区", "detailAddress": f"文化路{number}号"}
        tags = {"客户标签": "重点,续费" if number % 2 else "", "客户来源": "电话咨询"}
        return self.add_customer(f"郑州样例{number:05d}有限公司", mobile=f"138{number:08d}", at=at, **options, **tags)

    def _make_contact(self, at: datetime, number: int) -> int:
        owner = self._someone(at)
        return self.add_contact(owner, f"联系人{number}", mobile=f"137{number:08d}", at=at, post="采购经理", sex="女")

    def _make_deal(self, at: datetime, number: int) -> int:
        status, num = STATES[number % len(STATES)], f"HT-{self.store.number()}"
        return self.add_contract(
            self._someone(at), num, "1200.50", "2026-03-01", status, lines=LINES, at=at, startTime="2026-03-01"
        )

    def _make_invoice(self, at: datetime, number: int) -> int:
        contract = self.add_contract(self._someone(at), f"HT-{self.store.number()}", "1060.00", "2026-03-01", APPROVED, at=at)
        return self.add_invoice(contract, f"KP-{self.store.number()}", "1060.00", STATES[number % len(STATES)], at=at)

    def _someone(self, at: datetime) -> int:
        """One old customer that all of them belong to."""
        if self._customer is None:
            self._customer = self.add_customer(
                "郑州老客户有限公司", mobile="13600000000", at=at - LONG_AGO, ownerUserId=SUPER_USER
            )
        return self._customer
