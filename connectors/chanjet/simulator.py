"""The open platform of 畅捷通 with one company's T+ behind it, for tests, training and ``hub sandbox``."""

from __future__ import annotations

import base64
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from flask import Flask, Response, jsonify, request

from connectors.chanjet.sim_auth import Authorisation, Denied
from connectors.chanjet.sim_books import Books, Refused, code, total
from connectors.sandbox import Simulator

MARK = "店铺日结"
SERVICES = {"SaleOrderOpenApi": "saleOrder", "SaleDeliveryOpenApi": "saleDelivery"}
EVENTS = {"saleOrder": "SaleOrder", "saleDelivery": "SaleDelivery"}


class ChanjetSimulator(Simulator):
    """exhausted: the month's calls are used up. silent: a creation answers the literal ``null``, as it often does."""

    name = "chanjet"

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.auth = Authorisation(self.now)
        self.message_secret = "testchaotestchao"  # noqa: S105 - the one of the published example
        self.exhausted, self.silent = False, True
        self.books = Books(self._note)
        super().__init__(now)

    def settings(self, base_url: str) -> dict[str, Any]:
        """A store application just authorised by the company's administrator, that audits what it saves."""
        return {
            "server_url": base_url, "app_type": "store", "app_key": self.auth.app_key, "app_secret": self.auth.app_secret,
            "message_secret": self.message_secret, "authorization_code": self.auth.new_code(),
            "redirect_uri": self.auth.redirect_uri, "customer_class": "001", "inventory_code": "SVC-001", "unit_name": "次",
            "warehouse_code": "01", "department_code": "D01", "clerk_code": "P07", "settlement_mark": MARK, "finish": "audit",
        }  # fmt: skip

    def self_built_settings(self, base_url: str) -> dict[str, Any]:
        """The same company with an application of its own."""
        own = {"app_type": "self_built", "certificate": self.auth.certificate}
        return {**self.settings(base_url), **own, "authorization_code": "", "redirect_uri": ""}

    def credentials(self) -> dict[str, str]:
        """The ticket and the company's temporary code, as they were pushed a moment ago."""
        return {"app_ticket": self.auth.new_ticket(), "temp_auth_code": self.auth.new_temporary()}

    def kill_tokens(self) -> None:
        """All tokens are dead; what refreshes them is not."""
        self.auth.tokens.clear()

    def throttled(self) -> Response:
        """HTTP 409 with a word."""
        return Response(json.dumps({"error": "too many requests"}), status=409, mimetype="application/json")

    def routes(self, app: Flask) -> None:
        """Authorisation, then T+."""
        auth = self.auth
        gets = {"getToken": auth.by_code, "v2/getToken": auth.by_code, "refreshToken": auth.by_refresh,
                "v2/refreshToken": auth.by_refresh}  # fmt: skip
        posts = {
            "appAuth/getAppAccessToken": auth.app_access, "orgAuth/getPermanentAuthCode": auth.permanent_code,
            "orgAuth/getOrgAccessToken": auth.org_access, "token/getTokenByPermanentCode": auth.by_permanent_code,
            "appTicket/resend": self._resend,
        }  # fmt: skip
        for method, calls in (("GET", gets), ("POST", posts)):
            for path, call in calls.items():
                app.add_url_rule(f"/auth/{path}", path, self._locked(call), methods=[method])
        app.add_url_rule("/v1/common/auth/selfBuiltApp/generateToken", view_func=self._self_built, methods=["POST"])
        app.add_url_rule("/user/v2/authorize", view_func=self._authorize)
        app.add_url_rule("/tplus/api/v2/<service>/<operation>", view_func=self._tplus, methods=["POST"])

    # -- getting in

    def _locked(self, call: Callable[[], Any]) -> Callable[[], Response]:
        def view() -> Response:
            with self.lock:
                return self.auth.answer(call)

        return view

    def _self_built(self) -> Response:
        with self.lock:
            return self.auth.self_built()

    def _resend(self) -> dict[str, Any]:
        self.auth.resent += 1
        return {}

    def _authorize(self) -> Response:
        """The company's administrator agrees; the browser goes back with a code."""
        if request.args.get("appKey") != self.auth.app_key:
            return Response("应用不存在", status=404)
        return Response(status=302, headers={"Location": f"{self.auth.redirect_uri}?code={self.auth.new_code()}"})

    # -- T+

    def _tplus(self, service: str, operation: str) -> Response:
        with self.lock:
            if self.exhausted:
                return refused(401, "50112", "本月调用次数已用完")
            try:
                self.auth.application()
            except Denied as denial:
                return refused(403, "50000", str(denial))
            if not self.auth.allowed():
                return refused(401, "50000", "openToken无效或已过期")
            body = request.get_json(force=True, silent=True)
            if not isinstance(body, dict):
                return jsonify({"code": "14002", "message": "请求体不是JSON", "data": None})
            try:
                return self._called(service, operation, body)
            except Refused as refusal:
                return jsonify({"code": refusal.code, "message": str(refusal), "data": None})

    def _called(self, service: str, operation: str, body: dict[str, Any]) -> Response:
        dto, param = body.get("dto"), body.get("param")
        if operation == "Query" and service in ("partner", "inventory", "warehouse"):
            return jsonify(self.books.query(service, param if isinstance(param, dict) else {}))
        if operation == "Create" and service == "partner" and isinstance(dto, dict):
            self.books.create_partner(dto)
            return null()
        if operation == "Create" and service in self.books.vouchers and isinstance(dto, dict):
            held = self.books.create(service, dto)
            made = {"ID": held["ID"], "Code": held["Code"]}
            return null() if self.silent else jsonify({"code": "0", "message": "", "data": made})
        if service in SERVICES and isinstance(param, dict):
            kind, number = SERVICES[service], str(param.get("voucherCode") or "")
            if operation == "GetVoucherDTO":
                return jsonify({"code": "0", "message": "", "data": self.books.held(kind, number)})
            if operation == "Audit":
                self.books.audit(kind, number)
                return jsonify({"code": "0", "message": "", "data": None})
        return refused(404, "50000", "接口不存在")

    # -- messages

    def issue(self, url: str, name: str, *, forged: bool = False) -> int:
        """See Simulator."""
        if name == "app_ticket":
            return self.message(url, "APP_TICKET", {"appTicket": self.auth.new_ticket()}, forged=forged)
        return self.message(url, "TEMP_AUTH_CODE", {"tempAuthCode": self.auth.new_temporary()}, forged=forged)

    def told_of(self, url: str, number: str, what: str = "Audit") -> int:
        """A message about a voucher that somebody has worked on."""
        kind = next(kind for kind, held in self.books.vouchers.items() if number in held)
        held = self.books.vouchers[kind][number]
        content = {"externalCode": held["ExternalCode"], "voucherID": held["ID"], "voucherCode": number,
                   "voucherDate": "2026/11/2 0:00:00"}  # fmt: skip
        return self.message(url, f"{EVENTS[kind]}_{what}", content)

    def message(self, url: str, kind: str, content: dict[str, Any], *, forged: bool = False) -> int:
        """Push a message; the HTTP status of the answer."""
        plain = {
            "id": secrets.token_hex(16).upper(), "appKey": self.auth.app_key, "appId": "58", "orgId": "90015999132",
            "msgType": kind, "time": str(int(self.now().timestamp() * 1000)), "bizContent": content,
        }  # fmt: skip
        secret = "anothersecret000" if forged else self.message_secret
        body = json.dumps({"encryptMsg": sealed(secret, json.dumps(plain, ensure_ascii=False))}).encode()
        sent = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
        try:
            with urllib.request.urlopen(sent, timeout=10) as reply:  # noqa: S310
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code

    # -- the ledger

    def _note(self, kind: str, held: dict[str, Any]) -> None:
        if kind == "partner":
            self.ledger.append({"kind": "customer", "number": held["Code"]})
            return
        settlement = str(held.get("Memo", "")).startswith(MARK)
        name = "sales_order" if kind == "saleOrder" else "settlement" if settlement else "receivable"
        amount, party = total(kind, held), code(held["Customer"])
        self.ledger.append({"kind": name, "number": held["ExternalCode"], "amount": amount, "party_code": party})

    def advance(self, number: str, what: str, minor: int = 0) -> str:
        """See Simulator: 'approve' audits, 'remove' deletes."""
        kind = next(kind for kind, held in self.books.vouchers.items() if number in held)
        if what == "approve":
            if self.books.vouchers[kind][number]["VoucherState"]["Name"] == "未审":
                self.books.audit(kind, number)
        elif what == "remove":
            del self.books.vouchers[kind][number]
        else:
            raise TypeError(f"{type(self).__name__} has no advance({what!r})")
        return ""


def sealed(secret: str, plain: str) -> str:
    """AES-128-ECB with PKCS#5, as base64."""
    padder = padding.PKCS7(128).padder()
    filled = padder.update(plain.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(secret.encode()), modes.ECB()).encryptor()  # noqa: S305 - the platform's own choice
    return base64.b64encode(encryptor.update(filled) + encryptor.finalize()).decode()


def null() -> Response:
    """A creation that went well."""
    return Response("null", mimetype="application/json")


def refused(status: int, code: str, message: str) -> Response:
    """The gateway says no."""
    return Response(
        json.dumps({"code": code, "message": message}, ensure_ascii=False), status=status, mimetype="application/json"
    )
