"""A YonBIP tenant with its data centre, for tests, training and ``hub demo``.

Discovery, tokens and gateway share one address. Beside the protocol there is ``GET /_ledger`` for tests that run in another
process: the ledger as JSON. It exists in the sandbox only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flask import Flask, Response, request

from connectors.sandbox import Simulator
from connectors.story import Story
from connectors.yonyou import sim_story
from connectors.yonyou.sim_books import Books, local
from connectors.yonyou.sim_documents import Receivables, paged
from connectors.yonyou.sim_events import Sender
from connectors.yonyou.sim_gate import AUTH, GATEWAY, Gate, Refused, once_encoded
from connectors.yonyou.sim_invoices import Invoices
from connectors.yonyou.sim_mdd import Idempotency
from connectors.yonyou.sim_orders import Orders

CUSTOMER, ARCHIVE = "/yonbip/digitalModel/merchant", "/yonbip/digitalModel"
RECEIVABLE, ORDER = "/yonbip/EFI/receivable", "/yonbip/sd/voucherorder"
INVOICE = "/yonbip/tax/invoiceclient-web/api/invoice-will"
SETTLEMENT_MARK = "店铺日结"
STEPS = ("submit", "audit", "unaudit", "unsubmit", "delete")
Service = Callable[[dict[str, Any]], dict[str, Any]]


class YonyouSimulator(Simulator):
    """See the module. gate: who may call; books, receivables, orders: what is there; mdd: idempotency; events: pushes.

    faults: besides the shared ones, ``answers`` (part of a path -> queue of codes, each used once): a code alone before
    anything is done, ``after:`` with a code once it is done. violations: what a careful client never does.
    """

    name = "yonyou"

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.answers: dict[str, list[str]] = {}
        self.violations: list[str] = []
        self.apis: dict[str, tuple[str, Service]] = {}
        super().__init__(now)
        self.gate = Gate(self.now)
        self.books = Books(self.now, self._note)
        self.receivables, self.orders = Receivables(self.books), Orders(self.books)
        self.invoices = Invoices(self.books)
        self.mdd = Idempotency(self.now, self.violations)
        self.events = Sender(self.now, self.gate.tenant, self.gate.app_key, self.gate.app_secret)
        self._register()

    # -- what the contract suite steers

    def settings(self, base_url: str) -> dict[str, Any]:
        """An account of the one application."""
        gate = self.gate
        return {
            "tenant_id": gate.tenant, "app_key": gate.app_key, "app_secret": gate.app_secret, "discovery_url": base_url,
            "org_code": "1001", "material_code": "SVC-001", "unit_code": "CI", "order_type": "SO002", "staff_code": "009",
            "dept_code": "SS2", "tax_codes": "13=VAT13, 6=VAT6, 9=VAT9, 0=VAT0", "settlement_type": "ar_settle",
            "settlement_mark": SETTLEMENT_MARK, "invoice_station": "KP001",
        }  # fmt: skip

    def play(self, story: Story) -> None:
        """Some of the story's companies are customers already."""
        sim_story.fill(self.books, story)

    def kill_tokens(self) -> None:
        """All tokens are dead."""
        self.gate.tokens.clear()

    def throttled(self) -> Response:
        """The limit of the API."""
        return self._json({"code": "310046", "message": "API调用频率超限，请稍后再试"})

    def populate(self, stream: str, count: int, *, start: datetime, step: timedelta) -> list[str]:
        """Customers; every second one is a company."""
        made = []
        for place in range(count):
            number = len(self.books.customers) + 1
            company = number % 2 == 0
            more = {"creditCode": f"91330106MA2SIM{number:04d}"} if company else {}
            more |= {"contactTel": f"139{number:08d}", "email": f"c{number}@example.com", "address": "文三路1号"}
            name = f"样例{number}有限公司" if company else f"张样例{number}"
            row = self.books.add_customer(f"{number:06d}", name, 0 if company else 1, more, start + place * step)
            made.append(row["code"])
        return made

    def touch(self, stream: str, key: str) -> None:
        """Changed now."""
        self._customer(key).update(modifyTime=local(self.now()), pubts=local(self.now()))

    def remove(self, stream: str, key: str) -> None:
        """Deleted for good."""
        del self.books.customers[self._customer(key)["id"]]

    def spoil(self, stream: str, key: str) -> None:
        """A time that is none."""
        self._customer(key)["createTime"] = "二〇二六年"

    def add_field(self, stream: str, key: str, name: str, value: Any) -> None:
        """A field nobody knows."""
        self._customer(key)[name] = value

    def push(self, url: str, stream: str, key: str, *, forged: bool = False) -> int:
        """An event about a customer, which holds the customer as the documentation's example does."""
        row = self._customer(key)
        event = self.events.event("YXYBASEDOC_AA_MERCHANT_UPDATE", id=row["id"], code=row["code"])
        if forged:
            return self.events.post(url, self.events.envelope(event, secret="0" * 40))[0]
        return self.events.send(url, event)

    def advance(self, number: str, what: str, minor: int = 0) -> str:
        """Orders are approved and paid, receivables approved, invoices issued for applications; any may be removed."""
        kind, row = self._document(number)
        if what == "invoice" and kind == "invoice":
            return self.invoices.issue(row, Decimal(minor).scaleb(-2))
        if what == "pay" and kind == "sales_order":
            self.orders.pay(row, Decimal(minor).scaleb(-2))
        elif what == "approve" and kind == "receivable":
            row.update(verifyState=2, effectState="1", postStatus="2")
        elif what == "approve" and kind == "sales_order":
            row["status"] = 1
        elif what == "remove":
            books: dict[str, dict[Any, Any]] = {
                "receivable": self.receivables.rows, "sales_order": self.orders.rows, "invoice": self.invoices.rows,
            }  # fmt: skip
            del books[kind][row["djqqlsh"] if kind == "invoice" else row["id"]]
        else:
            raise ValueError(f"{what} of {kind}")
        return ""

    def _document(self, number: str) -> tuple[str, dict[str, Any]]:
        """The kind and the row of a document by our number."""
        if number in self.invoices.rows:
            return "invoice", self.invoices.rows[number]
        for row in self.orders.rows.values():
            if row["code"] == number:
                return "sales_order", row
        return "receivable", next(row for row in self.receivables.rows.values() if row["extVouchCode"] == number)

    def _customer(self, code: str) -> dict[str, Any]:
        return self.books.customers[self.books.customer_codes()[code]]

    # -- the protocol

    def routes(self, app: Flask) -> None:
        """Discovery, tokens, the gateway, and the ledger for tests."""
        app.add_url_rule("/open-auth/dataCenter/getGatewayAddress", view_func=self._discover)
        for path in ("selfAppAuth/base/v1/getAccessToken", "selfAppAuth/getAccessToken"):
            app.add_url_rule(f"{AUTH}/open-auth/{path}", path, self._token)
        app.add_url_rule(f"{GATEWAY}/<path:name>", view_func=self._call, methods=["GET", "POST"])
        app.add_url_rule("/_ledger", view_func=self._show_ledger, methods=["GET"])

    def _discover(self) -> Response:
        return self._json(self.gate.data_centre(request.args.get("tenantId", ""), request.host_url.rstrip("/")))

    def _token(self) -> Response:
        return self._json(self.gate.token(request.args.to_dict()))

    def _register(self) -> None:
        """Path -> method and service. MDD: the key is honoured; lists, steps and deletions have none."""
        receivables, orders, books = self.receivables, self.orders, self.books
        self.apis = {
            f"{CUSTOMER}/newlist": ("POST", books.list_customers),
            f"{CUSTOMER}/idempotent/newinsert": ("POST", self._idempotent(books.insert_customer)),
            f"{ARCHIVE}/orgunit/querytree": ("POST", self._organisations),
            f"{ARCHIVE}/product/listproductbycondition": ("POST", self._materials),
            f"{RECEIVABLE}/save": ("POST", self._idempotent(receivables.save)),
            f"{RECEIVABLE}/list": ("POST", receivables.listed),
            f"{RECEIVABLE}/detail": ("GET", lambda body: receivables.detail(body["id"])),
            f"{ORDER}/singleSave": ("POST", self._idempotent(orders.save)),
            f"{ORDER}/list": ("POST", orders.listed),
            f"{ORDER}/detail": ("GET", lambda body: orders.detail(body["id"])),
            f"{INVOICE}/save": ("POST", self.invoices.save),
            f"{INVOICE}/result": ("POST", self.invoices.result),
        }
        for step in STEPS:
            self.apis[f"{RECEIVABLE}/{step}"] = ("POST", _stepping(receivables.move, step, {}))
        for step in STEPS[:3]:
            self.apis[f"{ORDER}/batch{step}"] = ("POST", _stepping(orders.batch, step, []))

    def _idempotent(self, do: Callable[[dict[str, Any]], tuple[dict[str, Any], Any]]) -> Service:
        def service(body: dict[str, Any]) -> dict[str, Any]:
            data = body.get("data")
            if not isinstance(data, dict):
                raise Refused("310008", "参数校验失败，参数[data]是必填的")
            return self.mdd.run(request.path.removeprefix(GATEWAY), data, lambda: do(data))

        return service

    def _call(self, name: str) -> Response:
        path = f"/{name}"
        try:
            odd = self._odd(path)
            if odd and not odd.startswith("after:"):
                raise Refused(odd, f"演示错误{odd}")
            with self.lock:
                answer = self._answer(path)
            if odd:
                code = odd.removeprefix("after:")
                raise Refused(code, f"演示错误{code}")
        except Refused as refusal:
            if refusal.code == "310036" and path in self.gate.plain:
                return Response("310036 非法token", mimetype="text/plain")
            answer = {"code": refusal.code, "message": refusal.message, "data": None}
            return self._json(answer, refusal.status)
        return self._json(answer)

    def _answer(self, path: str) -> dict[str, Any]:
        token = request.args.get("access_token", "")
        methods = {known: method for known, (method, _) in self.apis.items()}
        self.gate.admit(request.method, path, methods, token)
        if not once_encoded(request.query_string.decode(), token):
            self.violations.append(f"{path}: the token is not encoded once")
        if request.method == "GET":
            return self.apis[path][1](request.args.to_dict())
        try:
            body = json.loads(request.get_data(), parse_float=Decimal)
        except ValueError:
            raise Refused("310002", "请求体不是合法的JSON") from None
        if not isinstance(body, dict):
            raise Refused("310002", "请求体不是合法的JSON")
        answer = self.apis[path][1](body)
        if path == f"{CUSTOMER}/newlist" and self.faults.after_page:
            self.faults.after_page("customer", int(body["pageIndex"]))
        return answer

    def _odd(self, path: str) -> str:
        return next((queue.pop(0) for match, queue in self.answers.items() if queue and match in path), "")

    def _organisations(self, body: dict[str, Any]) -> dict[str, Any]:
        """A tree: the group, and the units under it."""
        units = [
            {"id": str(id), "code": code, "children": []}
            for code, id in self.books.archives["org"].items()
            if body.get("code") in (None, code)
        ]
        return {"code": "200", "message": "操作成功", "data": [{"id": "666666", "code": "global00", "children": units}]}

    def _materials(self, body: dict[str, Any]) -> dict[str, Any]:
        wanted = body.get("productCode")
        rows = [{"id": id, "code": code} for code, id in self.books.archives["material"].items() if wanted in (None, code)]
        return paged(rows, int(body["pageIndex"]), int(body["pageSize"]))

    # -- the ledger

    def _note(self, kind: str, row: dict[str, Any]) -> None:
        """One entry for each document that was made; ``steps`` goes on growing with the document."""
        if kind == "customer":
            self.ledger.append({"kind": kind, "number": row["code"], "id": row["id"]})
            return
        if kind == "invoice":
            fen = {name: int(row[key] * 100) for name, key in (("amount", "jshj"), ("net", "je"), ("tax", "se"))}
            buyer = {"title": row["gmfMc"], "tax_id": row.get("gmfNsrsbh", ""), "reverses": row.get("yfpHm", "")}
            self.ledger.append({"kind": kind, "number": row["djqqlsh"], **fen, **buyer})
            return
        if kind == "receivable" and str(row["remarks"]).startswith(SETTLEMENT_MARK):
            kind = "settlement"
        amount = row["payMoney"] if kind == "sales_order" else row["oriTaxIncludedAmount"]
        number = row["code"] if kind == "sales_order" else row["extVouchCode"]
        party = row.get("customerCode") or self.books.code_of("customer", row["agentId"])
        self.ledger.append(
            {
                "kind": kind,
                "number": number,
                "id": row["id"],
                "amount": int(amount * 100),
                "party_code": party,
                "steps": row["steps"],
            }
        )

    def _show_ledger(self) -> Response:
        with self.lock:
            return self._json({"ledger": self.ledger, "violations": self.violations})

    @staticmethod
    def _json(body: Any, status: int = 200) -> Response:
        return Response(dumps(body), status=status, mimetype="application/json")


def _stepping(do: Callable[[str, Any], dict[str, Any]], step: str, nothing: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda body: do(step, body.get("data") or nothing)


def dumps(body: Any) -> str:
    """JSON with decimals digit for digit and 19-digit ids as numbers, as the server writes them."""
    if isinstance(body, Decimal):
        return format(body, "f")
    if isinstance(body, dict):
        return "{" + ",".join(f"{json.dumps(str(key))}:{dumps(value)}" for key, value in body.items()) + "}"
    if isinstance(body, list | tuple):
        return "[" + ",".join(map(dumps, body)) + "]"
    return json.dumps(body, ensure_ascii=False)
