"""The U8 cloud gateway with one company's account set behind it, for tests, training and ``hub demo``."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, jsonify, request

from connectors.sandbox import Simulator
from connectors.u8.sim_books import PARTY, Books, Refused, total

MARK = "店铺日结"
LIFE = 7200


class U8Simulator(Simulator):
    """offline: the client proxy does not answer. asynchronous: writes are only accepted, and done when their address is asked
    for the ``polls``-th time. biz_ids and trades: what a write was made under, and its answer."""

    name = "u8"

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.from_account, self.to_account = "dev_lianshu", "demo_company"
        self.app_key, self.app_secret = "opa0123456789abcdef", "b2c3d4e5f60718293a4b5c6d7e8f9012"
        self.tokens: dict[str, datetime] = {}
        self.trades: dict[str, dict[str, Any] | None] = {}
        self.biz_ids: dict[str, dict[str, Any]] = {}
        self.offline, self.asynchronous, self.polls = False, False, 1
        self.accepted: dict[str, tuple[int, Callable[[], dict[str, Any]]]] = {}
        self.books = Books(self._note)
        super().__init__(now)

    def settings(self, base_url: str) -> dict[str, Any]:
        """An account that verifies what it saves."""
        return {
            "server_url": base_url, "from_account": self.from_account, "to_account": self.to_account, "app_key": self.app_key,
            "app_secret": self.app_secret, "customer_class": "01", "inventory_code": "SVC-001", "sale_type": "01",
            "unit_code": "01", "dept_code": "D01", "person_code": "P07", "settlement_mark": MARK, "finish": "verify",
        }  # fmt: skip

    def kill_tokens(self) -> None:
        """All tokens are dead."""
        self.tokens.clear()

    def throttled(self) -> Response:
        """In words, as everything."""
        return failed("调用频率超过限制")

    def routes(self, app: Flask) -> None:
        """Tokens, trade ids, objects, and the addresses of accepted writes."""
        app.add_url_rule("/system/token", view_func=self._token)
        app.add_url_rule("/system/tradeid", view_func=self._trade)
        app.add_url_rule("/api/<name>/<operation>", view_func=self._call, methods=["GET", "POST"])
        app.add_url_rule("/result/<key>", view_func=self._result)

    # -- getting in

    def _token(self) -> Response:
        query = request.args
        good = (query.get("from_account"), query.get("app_key")) == (self.from_account, self.app_key)
        if not good or not hmac.compare_digest(self.app_secret.encode(), query.get("app_secret", "").encode()):
            return failed("应用不存在或密钥错误")
        token = secrets.token_hex(16)
        self.tokens[token] = self.now() + timedelta(seconds=LIFE)
        return jsonify(errcode="0", errmsg="", token={"id": token, "appKey": self.app_key, "expiresIn": LIFE})

    def _let_in(self, query: Mapping[str, str]) -> None:
        if self.tokens.get(query.get("token", ""), self.now()) <= self.now():
            raise Refused("token已失效，请重新获取")
        if (query.get("from_account"), query.get("app_key")) != (self.from_account, self.app_key):
            raise Refused("应用不存在")

    def _trade(self) -> Response:
        try:
            self._let_in(request.args)
        except Refused as refusal:
            return failed(str(refusal))
        trade = secrets.token_hex(12)
        self.trades[trade] = None
        return jsonify(errcode="0", errmsg="", trade={"id": trade})

    # -- objects

    def _call(self, name: str, operation: str) -> Response:
        try:
            with self.lock:
                self._let_in(request.args)
                if request.args.get("to_account") != self.to_account or not request.args.get("ds_sequence", "1").isdigit():
                    raise Refused("提供方账号不存在")
                if self.offline:
                    raise Refused("客户端代理离线")
                known = name.removesuffix("list") if name.endswith("list") and operation == "batch_get" else name
                if known not in self.books.objects or operation not in ("add", "verify", "get", "batch_get"):
                    raise Refused(f"接口{name}/{operation}不存在")
                writing = operation in ("add", "verify")
                if (request.method == "POST") != writing:
                    raise Refused("请求方法错误")
                return jsonify(self._written(name, operation) if writing else self._read(name, known, operation))
        except Refused as refusal:
            return failed(str(refusal))

    def _read(self, name: str, known: str, operation: str) -> dict[str, Any]:
        if operation == "get":
            row = self.books.objects[known].get(request.args.get("id", ""))
            if row is None:
                raise Refused("单据不存在")
            return {"errcode": "0", "errmsg": "", known: row}
        rows = self.books.listed(known, request.args.get("code_begin", ""), request.args.get("code_end", ""))
        index, size = int(request.args.get("page_index", 1)), int(request.args.get("rows_per_page", 20))
        shown = rows[(index - 1) * size : index * size]
        return {"errcode": "0", "errmsg": "", "row_count": str(len(rows)), "page_index": str(index), name: shown}

    def _written(self, name: str, operation: str) -> dict[str, Any]:
        """Exactly one of tradeid and biz_id; the same one again gets the first answer, and makes nothing."""
        trade, biz = request.args.get("tradeid"), request.args.get("biz_id")
        if bool(trade) == bool(biz):
            raise Refused("tradeid与biz_id须传且只传一个")
        if trade and trade not in self.trades:
            raise Refused("交易号不存在")
        before = self.trades.get(trade) if trade else self.biz_ids.get(str(biz))
        if before is not None:
            return before
        body = request.get_json(force=True, silent=True)
        given = body.get(name) if isinstance(body, dict) else None
        if not isinstance(given, dict):
            raise Refused(f"请求体缺少{name}")

        def do() -> dict[str, Any]:
            add = operation == "add"
            id = self.books.add(name, given) if add else self.books.verify(name, str(given.get("voucher_code")))
            answer = {"errcode": "0", "errmsg": "", "id": id, "tradeid": trade or ""}
            self._remember(trade, biz, answer)
            return answer

        if request.args.get("sync") == "1" and not self.asynchronous:
            return do()
        key = secrets.token_hex(8)
        self.accepted[key] = (self.polls, do)
        answer = {"errcode": "0", "errmsg": "", "url": f"{request.host_url}result/{key}"}
        self._remember(trade, biz, answer)
        return answer

    def _remember(self, trade: str | None, biz: str | None, answer: dict[str, Any]) -> None:
        if trade:
            self.trades[trade] = answer
        else:
            self.biz_ids[str(biz)] = answer

    def _result(self, key: str) -> Response:
        """The outcome of an accepted write: nothing yet, then done or refused."""
        left, do = self.accepted.get(key, (0, None))
        if do is None:
            return failed("结果不存在")
        if left > 1:
            self.accepted[key] = (left - 1, do)
            return jsonify(errcode="0", errmsg="处理中")
        try:
            with self.lock:
                return jsonify(do())
        except Refused as refusal:
            return failed(str(refusal))

    # -- the ledger

    def _note(self, name: str, row: dict[str, Any]) -> None:
        if name == "customer":
            self.ledger.append({"kind": "customer", "number": row["code"]})
            return
        settlement = name == "oughtreceive" and str(row.get("digest", "")).startswith(MARK)
        kind = "settlement" if settlement else {"oughtreceive": "receivable", "saleorder": "sales_order"}[name]
        self.ledger.append({"kind": kind, "number": row["code"], "amount": total(row), "party_code": row[PARTY[name]]})


def failed(words: str) -> Response:
    """A refusal: HTTP 200, and a code that nobody publishes."""
    return Response(json.dumps({"errcode": "10001", "errmsg": words}, ensure_ascii=False), mimetype="application/json")
