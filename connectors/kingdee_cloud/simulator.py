"""Kingdee's gateway with one account set of 云星辰 behind it, for tests, training and ``hub sandbox``."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import Flask, Response, request

from connectors.kingdee_cloud.sim_books import Books, Refused
from connectors.kingdee_cloud.sim_gate import Gate, Turned
from connectors.sandbox import Simulator

MARK = "店铺日结"


class KingdeeCloudSimulator(Simulator):
    """One company that has authorised one application for one account set."""

    name = "kingdee_cloud"

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.gate = Gate(self.now)
        self.books = Books(self._note)
        super().__init__(now)

    def settings(self, base_url: str) -> dict[str, Any]:
        """An application that audits what it saves."""
        return {
            "server_url": base_url, "client_id": self.gate.client_id, "client_secret": self.gate.client_secret,
            "outer_instance_id": self.gate.instance, "material_number": "SVC-001", "stock_number": "CK001",
            "customer_group": "G01", "dept_number": "D01", "emp_number": "P07", "settlement_mark": MARK, "finish": "audit",
        }  # fmt: skip

    def call_name(self) -> str:
        """Method and path: a list and a save share one."""
        return f"{request.method} {request.path}"

    def kill_tokens(self) -> None:
        """All tokens are dead."""
        self.gate.tokens.clear()

    def routes(self, app: Flask) -> None:
        """Authorisation, then the account set."""
        manage, gate = "/jdyconnector/app_management", self.gate
        app.add_url_rule(f"{manage}/push_app_authorize", "authorise", self._outside(gate.authorise), methods=["POST"])
        app.add_url_rule(f"{manage}/kingdee_auth_token", "token", self._outside(gate.token), methods=["GET"])
        app.add_url_rule("/jdy/v2/<area>/<name>", view_func=self._inside, methods=["GET", "POST"])

    def advance(self, number: str, what: str, minor: int = 0) -> str:
        """See Simulator: 'approve' audits, 'pay' settles a part, 'remove' deletes."""
        with self.lock:
            kind = next(kind for kind, held in self.books.bills.items() if number in held)
            held = self.books.bills[kind][number]
            if what == "approve":
                held["bill_status"] = "C"
            elif what == "pay":
                held["total_un_settle_amount"] -= Decimal(minor).scaleb(-2)
            elif what == "remove":
                del self.books.bills[kind][number]
            else:
                raise TypeError(f"{type(self).__name__} has no advance({what!r})")
        return ""

    # -- calls

    def _outside(self, call: Callable[[], Any]) -> Callable[[], Response]:
        def view() -> Response:
            with self.lock:
                try:
                    self.gate.signed()
                    return answered(call())
                except Turned as turned:
                    return turned.response()

        return view

    def _inside(self, area: str, name: str) -> Response:
        with self.lock:
            try:
                self.gate.signed()
                self.gate.entered()
                return answered(self._called(f"{area}/{name}"))
            except Turned as turned:
                return turned.response()
            except Refused as refusal:
                return answered(None, refusal.code, str(refusal))

    def _called(self, path: str) -> Any:
        area, _, name = path.partition("/")
        bare = name.removesuffix("_detail")
        if request.method == "POST":
            return self._saved(path, area, name)
        number = request.args.get("number", "")
        if path == "bd/customer_detail":
            return self.books.customer(number, request.args.get("id", ""))
        if path == "bd/material_detail":
            return self.books.material(number)
        if path == "bd/customer":
            return page(list(self.books.customers.values()))
        if area == "scm" and bare in self.books.bills:
            if bare == name:
                return page(self.books.rows(name, request.args.get("bill_no", "")))
            return self.books.held(bare, number)
        raise Turned(519, 519, "API Not Found")

    def _saved(self, path: str, area: str, name: str) -> Any:
        body = request.get_json(force=True, silent=True)
        if not isinstance(body, dict):
            raise Refused("请求体不是JSON")
        if path == "bd/customer":
            return self.books.save_customer(body)
        if path == "sys/common_operate":
            return self.books.operate(body)
        if area == "scm" and name in self.books.bills:
            return self.books.save(name, body)
        raise Turned(519, 519, "API Not Found")

    def _note(self, kind: str, held: dict[str, Any]) -> None:
        if kind == "customer":
            self.ledger.append({"kind": "customer", "number": held["number"]})
            return
        settlement = str(held.get("remark", "")).startswith(MARK)
        name = "sales_order" if kind == "sal_order" else "settlement" if settlement else "receivable"
        amount = int(held["total_amount"] * 100)
        self.ledger.append({"kind": name, "number": held["bill_no"], "amount": amount, "party_code": held["customer_number"]})


def page(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A list as it is answered."""
    size, number = int(request.args.get("page_size", "10")), int(request.args.get("page", "1"))
    if not 1 <= size <= 100:
        raise Refused("page_size超出范围")
    part = rows[(number - 1) * size : number * size]
    return {"count": len(rows), "page": number, "page_size": size, "total_page": -(-len(rows) // size), "rows": part}


def answered(data: Any, code: int = 0, words: str = "success") -> Response:
    """The envelope; amounts are JSON numbers."""
    body = {"errcode": code, "description": words, "description_cn": "成功" if code == 0 else words, "data": data}
    return Response(json.dumps(body, ensure_ascii=False, default=float), mimetype="application/json")
