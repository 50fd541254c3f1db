"""A K/3 Cloud server of one account set, for tests, training and ``hub demo``.

It speaks the platform's Web API under ``/k3cloud/`` (any case). Beside the protocol there is ``GET /_ledger`` for
tests that run in another process: the ledger as JSON. It exists in the sandbox only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import Flask, Response, request

from connectors.kingdee.sim_auth import LOGINS, Gate, WrongAccountSet
from connectors.kingdee.sim_books import Bill, Books, Refused, kind_of, total_of
from connectors.kingdee.sim_forms import ORDER, RECEIVABLE
from connectors.kingdee.sim_query import Query
from connectors.kingdee.sim_services import LOST, Services, UnknownService, failure, unwrap
from connectors.sandbox import Simulator

SUFFIX = ".common.kdsvc"
SETTLEMENT_MARK = "店铺日结"
BEFORE = ("response_error", "html", "msg:")
HTML = "<!DOCTYPE html><html><head><title>金蝶云星空</title></head><body>登录</body></html>"


class KingdeeSimulator(Simulator):
    """See the module. gate: who may call; books: the bills; services: rights and asynchronous tasks.

    faults: besides the shared ones, ``answers`` (service -> queue of odd answers, each used once): ``response_error``,
    ``html`` and ``msg:N`` before anything is done; ``after:`` with one of these, or ``after:502``, once it is done;
    ``206`` for that status. violations: what a careful client never does (a number created twice, secrets in a URL).
    """

    name = "kingdee"

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.gate = Gate()
        self.answers: dict[str, list[str]] = {}
        self.violations: list[str] = []
        super().__init__(now)
        self.books = Books(self.now, self._note)
        self.services = Services(self.books, Query(self.books))
        self._entries: dict[tuple[str, int], dict[str, Any]] = {}

    # -- what the contract suite steers

    def settings(self, base_url: str) -> dict[str, Any]:
        """An account that signs each call."""
        return self.settings_for("signature", base_url)

    def session_settings(self, base_url: str) -> dict[str, Any]:
        """An account that signs in with a password."""
        return self.settings_for("password", base_url)

    def settings_for(self, mode: str, base_url: str) -> dict[str, Any]:
        """An account that signs in this way: signature, app_secret, sign or password."""
        gate = self.gate
        secrets = {"password": gate.password} if mode == "password" else {"app_id": gate.app_id, "app_secret": gate.app_secret}
        return {
            "server_url": base_url.rstrip("/") + "/k3cloud/", "acct_id": gate.acct_id, "user_name": gate.user,
            "auth_mode": mode, **secrets, "org_num": "100", "material_code": "SVC-001", "unit_code": "Pcs",
            "saler_code": "S007", "dept_code": "D01", "pay_condition": "SKTJ01", "settlement_mark": SETTLEMENT_MARK,
        }  # fmt: skip

    def advance(self, number: str, what: str, minor: int = 0) -> str:
        """See Simulator: finance audits, receives money on a receivable, or cancels the bill."""
        with self.lock:
            bill = next(b for form in (ORDER, RECEIVABLE) if (b := self.books.by_number(form, number)))
            if what == "approve":
                for operation in {"A": ("Submit", "Audit"), "D": ("Submit", "Audit"), "B": ("Audit",)}.get(bill.state, ()):
                    self.books.move(bill, operation)
            elif what == "pay":
                paid = bill.values.get("FRelateHadPayAmount", Decimal(0)) + Decimal(minor).scaleb(-2)
                bill.values["FRelateHadPayAmount"] = paid
                bill.values["FWRITTENOFFSTATUS"] = "C" if paid == total_of(bill) else "B"
                return f"SKD{bill.id}-{int(paid * 100)}"
            elif what == "remove":
                bill.values["FCancelStatus"] = "B"
            else:
                raise ValueError(what)
        return ""

    def kill_tokens(self) -> None:
        """All sessions are lost."""
        self.gate.sessions.clear()

    def throttled(self) -> Response:
        """MsgCode 14 in the shape of the service that was called."""
        service = _service(request.path)
        return self._json(failure(service, [Refused(14, "调用次数已达上限")]))

    def routes(self, app: Flask) -> None:
        """One route for all services, whatever the case of the base path."""
        app.add_url_rule("/<base>/<path:name>", view_func=self._call, methods=["POST"])
        app.add_url_rule("/_ledger", view_func=self._show_ledger, methods=["GET"])

    # -- a call

    def _call(self, base: str, name: str) -> Response:
        if base.lower() != "k3cloud" or not name.endswith(SUFFIX):
            return Response("<html>404</html>", status=404, mimetype="text/html")
        self._watch_url()
        service, odd = _service(request.path), self._odd(name)
        if odd.startswith(BEFORE):
            return self._oddly(odd, service)
        with self.lock:
            answer = self._answer(service)
        if odd.startswith("after:"):
            return self._oddly(odd.removeprefix("after:"), service)
        if odd == "206":
            answer.status_code = 206
        return answer

    def _answer(self, service: str) -> Response:
        if service in LOGINS:
            return self._login(service)
        try:
            if not self.gate.admits(request.headers, request.cookies, request.path, self.now()):
                return self._json(failure(service, [Refused(1, LOST)]))
            body = json.loads(request.get_data() or b"{}", parse_float=Decimal)
            answer = self._json(self.services.answer(unwrap(service, body)))
        except WrongAccountSet:
            return Response("Fail to verify thirty passport", status=500, mimetype="text/plain")
        except Refused as refusal:
            return self._json(failure(service, [refusal]))
        except UnknownService:
            return _exception(f"找不到服务 {service}")
        except ValueError:
            return _exception("请求数据包不是有效的JSON")
        if "X-Kd-Appkey" in request.headers and "kdservice-sessionid" not in request.cookies:
            self._give_session(answer, self.gate.open_session(self.now()))
        return answer

    def _login(self, method: str) -> Response:
        answer = self.gate.login(method, json.loads(request.get_data() or b"{}"), self.now())
        response = self._json(answer)
        if answer["KDSVCSessionId"]:
            self._give_session(response, answer["KDSVCSessionId"])
        return response

    @staticmethod
    def _give_session(response: Response, session: str) -> None:
        response.set_cookie("kdservice-sessionid", session, path="/")
        response.set_cookie("ASP.NET_SessionId", session[::-1], path="/", httponly=True)

    # -- misbehaviour

    def _odd(self, name: str) -> str:
        for match, queue in self.answers.items():
            if queue and (f".{match}." in f".{name}"):
                return queue.pop(0)
        return ""

    def _oddly(self, odd: str, service: str) -> Response:
        if odd == "response_error":
            return _exception("未将对象引用设置到对象的实例。")
        if odd == "html":
            return Response(HTML, mimetype="text/html")
        if odd.startswith("msg:"):
            code = int(odd.removeprefix("msg:"))
            return self._json(failure(service, [Refused(code, _SAID.get(code, f"演示错误{code}"))]))
        return Response("<html>502 Bad Gateway</html>", status=int(odd), mimetype="text/html")

    def _watch_url(self) -> None:
        if request.query_string:
            self.violations.append(f"{_service(request.path)}: the URL has a query string")

    # -- the ledger

    def _note(self, what: str, bill: Bill) -> None:
        """Keep the ledger: one entry for each created bill, with its state now and how often its number was tried."""
        key = bill.form.name, bill.id
        if what == "create":
            counts = {"creates": 1, "refused_duplicates": 0}
            self._entries[key] = {"kind": kind_of(bill, SETTLEMENT_MARK), "number": bill.number, **counts, "steps": ["Save"]}
            self.ledger.append(self._entries[key])
        known = self._entries.get(key)
        if known is None:
            return
        if what == "duplicate":
            known["creates"] += 1
            known["refused_duplicates"] += 1
            self.violations.append(f"{bill.form.name} {bill.number}: created twice")
        elif what == "undo":
            self.ledger.remove(known)
        elif what in ("Submit", "Audit", "UnAudit"):
            known["steps"].append(what)
        total = total_of(bill)
        party = bill.values.get("FCUSTOMERID", bill.values.get("FCustId"))
        known["state"] = "deleted" if what == "delete" else bill.state
        known["amount"] = int(total * 100) if total is not None else None
        known["party_code"] = str(party) if party else bill.number

    def _show_ledger(self) -> Response:
        with self.lock:
            return self._json({"ledger": self.ledger, "violations": self.violations})

    @staticmethod
    def _json(body: Any) -> Response:
        return Response(dumps(body), mimetype="application/json")


_SAID = {2: "您没有该单据的权限", 7: "许可不足", 13: "单据正在被其他用户编辑，网络控制冲突", 14: "调用次数已达上限"}


def dumps(body: Any) -> str:
    """JSON with decimals digit for digit, as the server writes them."""
    if isinstance(body, Decimal):
        return format(body, "f")
    if isinstance(body, dict):
        return "{" + ",".join(f"{json.dumps(str(key))}:{dumps(value)}" for key, value in body.items()) + "}"
    if isinstance(body, list | tuple):
        return "[" + ",".join(map(dumps, body)) + "]"
    return json.dumps(body, ensure_ascii=False)


def _service(path: str) -> str:
    return path.removesuffix(SUFFIX).rpartition(".")[2]


def _exception(text: str) -> Response:
    return Response(f"response_error: {text}", mimetype="text/plain")
