"""用友 U8 / U8+: finds, saves and verifies other receivables and sales orders through the cloud gateway.

The gateway hands each call to a client proxy in the customer's house; when that machine is off, every call fails.
(docs: open.yonyoucloud.com U8 开放平台; yonyouup.apifox.cn)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from connectors import books, errors
from connectors.base import Document, Finding, Money, Party, Receipt, Request, Sink, Token, Verdict
from connectors.checks import next_step
from connectors.http import Response, Runtime, exact_json, interpret_status, judge
from connectors.money import fen
from connectors.u8 import documents
from connectors.u8.config import U8Config

STATES = {"开立": "open", "审核": "verified", "已审核": "verified", "关闭": "closed", "已关闭": "closed"}
PARTY, LINES = {"oughtreceive": "cust_vendor_code", "saleorder": "custcode"}, {"saleorder": "sum"}
"""Object -> where its customer stands; where the amount of a line stands when the head has none."""
_SIGNS = (
    (("token",), "token"),
    (("离线",), "offline"),
    (("不在线",), "offline"),
    (("超时",), "offline"),
    (("频率",), "limit"),
    (("已存在",), "duplicate"),
    (("重复",), "duplicate"),
)
"""Words of ``errmsg`` and the sub-code they stand for: the codes of the gateway are not published."""
POLLS, POLL_WAIT = 3, 4.0
_JSON = {"Content-Type": "application/json; charset=utf-8"}


class U8(Sink):
    """One account set. Our number is the document's ``code``; ``biz_id`` keeps a repeated write from making a second one."""

    Config = U8Config
    config: U8Config

    def __init__(self, config: U8Config, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.base_url = config.server_url + "/"

    def check(self) -> list[Finding]:
        """Let in, the proxy is online, and each object may be read."""
        found = []
        for zh, en, name in (("登录并读取客户", "Let in, customers can be read", "customer"),
                             ("读取应收单", "Receivables can be read", "oughtreceivelist"),
                             ("读取销售订单", "Sales orders can be read", "saleorderlist")):  # fmt: skip
            try:
                self._rows(name, "0")
            except errors.ConnectorError as error:
                found.append(Finding(zh, en, False, *next_step(error, self.manifest), error.code))
                return found
            found.append(Finding(zh, en, True))
        return found

    # -- calling

    def fetch_token(self) -> Token:
        """A token of 7200 s. The secret goes in the query, as the platform wants it: such a URL is never logged."""
        query = {"from_account": self.config.from_account, "app_key": self.config.app_key, "app_secret": self.config.app_secret}
        body = self.http.call(Request("GET", "system/token", query=query, auth=False, name="token"))
        token = body.get("token") or {}
        if not token.get("id"):
            raise errors.UnknownAnswer("u8.unreadable")
        return Token(str(token["id"]), float(token.get("expiresIn") or 7200))

    def sign(self, request: Request, token: Token | None) -> Request:
        """Both accounts, the application, the data source and the token in the query."""
        if token is None:
            return request
        mine = {
            "from_account": self.config.from_account, "to_account": self.config.to_account, "app_key": self.config.app_key,
            "ds_sequence": self.config.ds_sequence, "token": token.value,
        }  # fmt: skip
        return replace(request, query={**request.query, **mine})

    def interpret(self, request: Request, response: Response) -> Verdict:
        """Only errcode "0" is good; what else there is stands in words."""
        body = response.json
        if not isinstance(body, dict) or "errcode" not in body:
            return interpret_status(response) or Verdict("retry", code="no errcode", hint="u8.unreadable")
        code, message = str(body["errcode"]), str(body.get("errmsg") or "")
        if code == "0":
            return Verdict("ok", body=body, code=code)
        if request.name == "token":
            return Verdict("reauth", code=code, hint="u8.application")
        sub = next((sub for words, sub in _SIGNS if all(word in message.lower() for word in words)), "")
        return judge(self.manifest, code, sub, message=message, body=body)

    # -- documents

    def find(self, document: Document) -> Receipt | None:
        """The document of this code: open, verified or closed. The list says whether it is there, the object what it holds."""
        documents.check(self.config, document)
        name = documents.OBJECTS[document.kind]
        if not self._rows(f"{name}list", document.number):
            return None
        body = self._read(f"{name}/get", {"id": document.number})
        held = body.get(name)
        if not isinstance(held, dict):
            raise errors.UnknownAnswer("u8.unreadable")
        return self._receipt(document, name, held)

    def send(self, document: Document) -> Receipt:
        """Ensure the customer, save, verify. What goes wrong after the save leaves it in doubt."""
        documents.check(self.config, document)
        self._ensure_customer(document.party)
        name = documents.OBJECTS[document.kind]
        self._write(f"{name}/add", {name: documents.model(self.config, document)}, document.number)
        return books.saved(self, document)

    def finish(self, document: Document, receipt: Receipt) -> Receipt:
        """Verify it, unless it is; nothing that differs is verified."""
        name = documents.OBJECTS[document.kind]
        body = {name: {"voucher_code": document.number}}
        return books.finished(self, document, lambda held: self._write(f"{name}/verify", body, document.number))

    def _receipt(self, document: Document, name: str, held: Mapping[str, Any]) -> Receipt:
        if str(held.get("code")) != document.number:
            raise errors.UnknownAnswer("u8.unreadable")
        word = str(held.get("state") or "")
        state = STATES.get(word, word or "open")
        rows = held.get("entry") or []
        minor = sum(fen(row[LINES[name]]) for row in rows) if name in LINES else fen(held.get("amount"))
        done = state in ("verified", "closed") if self.config.finish == "verify" else True
        return Receipt(document.number, document.number, state, done, Money(minor), str(held.get(PARTY[name]) or "") or None)

    def _ensure_customer(self, party: Party) -> None:
        """The customer of this code; one that somebody else has just made is adopted."""
        if self._rows("customer", party.code):
            return
        try:
            self._write("customer/add", {"customer": documents.customer(self.config, party)}, party.code)
        except errors.Rejected:
            if not self._rows("customer", party.code):
                raise

    # -- calls

    def _rows(self, name: str, code: str) -> list[Mapping[str, Any]]:
        """Rows of a list whose code is exactly this."""
        only = {"code_begin": code, "code_end": code, "page_index": "1", "rows_per_page": "20"}
        body = self._read(f"{name}/batch_get", only)
        rows = body.get(name)
        if rows is None and str(body.get("row_count")) == "0":
            return []
        if not isinstance(rows, list):
            raise errors.UnknownAnswer("u8.unreadable")
        return [row for row in rows if str(row.get("code")) == code]

    def _read(self, path: str, query: dict[str, str]) -> Any:
        return self.http.call(Request("GET", f"api/{path}", query=query, name=path, timeout=60.0))

    def _write(self, path: str, body: dict[str, Any], number: str) -> Any:
        """A write under a ``biz_id`` of its facts: the same one never makes a second document, however often it comes."""
        sent = exact_json(body)
        key = hashlib.sha256(b"\n".join((self.config.to_account.encode(), path.encode(), number.encode(), sent))).hexdigest()[
            :32
        ]
        query = {"biz_id": key, "sync": "1"}
        request = Request("POST", f"api/{path}", query=query, body=sent, headers=_JSON, write=True, name=path, timeout=60.0)
        answer = self.http.call(request)
        return self._outcome(str(answer["url"]), number) if answer.get("url") and not answer.get("id") else answer

    def _outcome(self, url: str, number: str) -> Any:
        """What became of a write that was only accepted: asked for at the address that the gateway gave."""
        if urlsplit(url).netloc != urlsplit(self.base_url).netloc:
            raise errors.InDoubt("u8.accepted", number=number)
        for _ in range(POLLS):
            self.http.runtime.sleep(POLL_WAIT)
            try:
                answer = self.http.call(Request("GET", url, auth=False, name="result"))
            except errors.Retryable:
                continue
            if answer.get("id"):
                return answer
        raise errors.InDoubt("u8.accepted", number=number)
