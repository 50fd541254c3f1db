"""用友畅捷通 T+ / T+Cloud: finds, saves and audits sales orders and sale deliveries through the open platform.

(docs: open.chanjet.com, 接口调用说明, T+ 往来单位, 销售订单, 销货单)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors import books, errors
from connectors.base import (
    Document,
    EventSource,
    Finding,
    Money,
    Opened,
    Outcome,
    Party,
    PlatformEvent,
    RawRequest,
    Receipt,
    Reply,
    Request,
    Sink,
    Status,
    Token,
    Verdict,
)
from connectors.chanjet import access, documents, messages
from connectors.chanjet.config import ChanjetConfig
from connectors.checks import next_step
from connectors.http import Response, Runtime, exact_json, interpret_status, judge
from connectors.money import fen

API = "tplus/api/v2/"
CREATE = {"SaleOrderOpenApi": "saleOrder/Create", "SaleDeliveryOpenApi": "saleDelivery/Create"}
AUDITED, CLOSED = ("已审", "生效"), ("中止", "关闭")
"""Words in the name of a voucher's state."""
_SIGNS = (
    (("不存在",), "absent"),
    (("已存在",), "duplicate"),
    (("重复",), "duplicate"),
    (("唯一",), "duplicate"),
    (("token", "失效"), "token"),
    (("结账",), "period"),
)
"""Words of a refusal and the sub-code they stand for: T+ says nearly everything with one code."""
_WHITE = re.compile(r"[ \t\n\r\f\v]")
_GATEWAY = {403: "chanjet.app_mismatch", 404: "chanjet.route"}


class Chanjet(EventSource, Sink):
    """One company's T+ as one application sees it. Our number is a voucher's code and its external code."""

    Config = ChanjetConfig
    config: ChanjetConfig

    def __init__(self, config: ChanjetConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.base_url = config.server_url + "/"

    def check(self) -> list[Finding]:
        """Let in, and each code of the configuration exists."""
        wanted = [("partner", "登录并读取往来单位", "Let in, partners can be read", ""),
                  ("inventory", f"存货 {self.config.inventory_code}", f"Inventory {self.config.inventory_code}",
                   self.config.inventory_code)]  # fmt: skip
        if code := self.config.warehouse_code:
            wanted.append(("warehouse", f"仓库 {code}", f"Warehouse {code}", code))
        found: list[Finding] = []
        for name, zh, en, code in wanted:
            try:
                rows = self._rows(name, code or "-")
            except errors.ConnectorError as error:
                return [*found, Finding(zh, en, False, *next_step(error, self.manifest), error.code)]
            lacking = self.manifest.messages["chanjet.code_absent"]
            found.append(Finding(zh, en, bool(rows) or not code, lacking.fix_zh, lacking.fix_en))
        return found

    # -- calling

    def fetch_token(self) -> Token:
        """See ``access``: by refresh token, by the codes that do not end, or by the pushed ticket."""
        return access.token(self, self.config)

    def sign(self, request: Request, token: Token | None) -> Request:
        """Application and token in headers; a signature where the application has one. (docs: 接口加签)"""
        body = exact_json(request.json) if request.json is not None else b""
        headers = {"appKey": self.config.app_key, "appSecret": self.config.app_secret, "Content-Type": "application/json"}
        if token is not None:
            headers["openToken"] = token.value
            headers |= {"Cookie": f"sid={token.extra['sid']}"} if token.extra.get("sid") else {}
        if self.config.sign_key:
            stamp = str(int(self.clock().timestamp() * 1000))
            headers |= {"timestamp": stamp, "sign": signature(self.config.app_key, self.config.sign_key, body, stamp)}
        return replace(request, body=body or None, json=None, headers={**request.headers, **headers})

    def interpret(self, request: Request, response: Response) -> Verdict:
        """Success is another word in each family of calls, and the literal ``null`` after a creation."""
        body = response.json
        if response.status == 200 and response.text.strip() == "null" and request.write:
            return Verdict("ok", body={})
        error = body.get("error") if isinstance(body, dict) else None
        said: Mapping[str, Any] = error if isinstance(error, dict) else body if isinstance(body, dict) else {}
        code, message = str(said.get("code") or ""), str(said.get("msg") or said.get("message") or "")
        if response.status != 200:
            return self._refused(request, response, code, message)
        if isinstance(body, list):
            return Verdict("ok", body=body)
        if not isinstance(body, dict) or not ({"code", "result"} & set(body)):
            return Verdict("retry", code="no code", hint="chanjet.unreadable")
        if (code or "0") in self.manifest.errors.ok and body.get("result") is not False:
            return Verdict("ok", body=body, code=code)
        return self._judged(request, code or "none", message)

    def _refused(self, request: Request, response: Response, code: str, message: str) -> Verdict:
        if response.status == 409:
            return Verdict("throttle", code="http 409", wait=5.0, hint="chanjet.limit")
        if code == "50112":
            return self._judged(request, code, message)
        if response.status in _GATEWAY:
            return Verdict("config_error", code=f"http {response.status}", hint=_GATEWAY[response.status])
        if response.status == 401 and not request.auth:
            return Verdict("reauth", code=code or "http 401", hint="chanjet.authorise")
        return interpret_status(response) or Verdict("retry", code=f"http {response.status}")

    def _judged(self, request: Request, code: str, message: str) -> Verdict:
        sub = "auth" if not request.auth else books.word(message.lower(), _SIGNS)
        if sub == "absent" and request.write:
            sub = ""  # something that the document refers to
        if not request.write and not sub and code not in self.manifest.errors.table:
            return Verdict(
                "stop_and_alert", code=code, message=message
            )  # what a read is refused for is no refusal of a document
        return judge(self.manifest, code, sub, message=message)

    # -- messages

    def open(self, request: RawRequest) -> Opened:
        """See ``messages``."""
        return messages.opened(self.config, request, self.clock())

    def events(self, opened: Opened) -> list[PlatformEvent]:
        """Vouchers that somebody has worked on."""
        return messages.platform_events(opened.payload or {})

    def reply(self, outcome: Outcome) -> Reply:
        """As the platform wants it."""
        return messages.reply(outcome)

    # -- documents

    def find(self, document: Document) -> Receipt | None:
        """The voucher of this number: open, audited or closed."""
        documents.check(self.config, document)
        held = self._held(document)
        return None if held is None else self._receipt(document, held)

    def send(self, document: Document) -> Receipt:
        """Ensure the customer, save, audit where wanted. What goes wrong after the save leaves it in doubt."""
        documents.check(self.config, document)
        customer = self._ensure_customer(document.party)
        answer = self._write(CREATE[self._api(document)], {"dto": documents.voucher(self.config, document, customer)})
        made = answer.get("data") if isinstance(answer, dict) else None
        if isinstance(made, dict) and str(made.get("Code") or document.number) != document.number:
            raise errors.Rejected("chanjet.number_replaced", number=document.number, platform_number=str(made["Code"]))
        return books.saved(self, document)

    def finish(self, document: Document, receipt: Receipt) -> Receipt:
        """Audit it, unless it is; nothing that differs is audited."""
        body = {"param": {"voucherCode": document.number}}
        return books.finished(self, document, lambda held: self._write(f"{self._api(document)}/Audit", body))

    def status(self, document: Document, receipt: Receipt) -> Status:
        """Whether it is audited, or gone."""
        held = self._held(document)
        if held is None:
            return Status("deleted", gone=True, final=True)
        state = _state(held)
        return Status(state, approved=state in ("audited", "closed"), final=state == "closed")

    def _held(self, document: Document) -> Mapping[str, Any] | None:
        """The voucher as it is over there; None only where T+ says that it does not exist."""
        try:
            body = self._read(f"{self._api(document)}/GetVoucherDTO", {"param": {"voucherCode": document.number}})
        except errors.Gone:
            return None
        if not isinstance(body, dict) or "data" not in body:
            raise errors.UnknownAnswer("chanjet.unreadable")
        held = body["data"]
        if held is None:
            return None
        if not isinstance(held, dict) or str(held.get("Code")) != document.number:
            raise errors.UnknownAnswer("chanjet.unreadable")
        return held

    def _receipt(self, document: Document, held: Mapping[str, Any]) -> Receipt:
        rows = held.get(documents.VOUCHERS[document.kind].lines) or []
        minor = sum(fen(row["OrigTaxAmount"]) for row in rows)
        state = _state(held)
        done = state in ("audited", "closed") if self.config.finish == "audit" else True
        theirs = str((held.get("Customer") or {}).get("Code") or "")
        party = document.party.code if theirs == self._customer_code(document.party) else theirs
        return Receipt(document.number, str(held.get("ID") or document.number), state, done, Money(minor), party or None)

    @staticmethod
    def _api(document: Document) -> str:
        return documents.VOUCHERS[document.kind].api

    def _customer_code(self, party: Party) -> str:
        """The code of the party over there: what the account's table says, else ours."""
        return books.looked_up(self.config.customers, party.code, party.tax_id) or party.code

    def _ensure_customer(self, party: Party) -> str:
        """The customer of this party; one that somebody else has just made is adopted, a stopped one is for people."""
        code = self._customer_code(party)
        rows = self._rows("partner", code)
        if not rows:
            if code != party.code or not self.config.create_customers:
                raise errors.Rejected("chanjet.customer_absent", customer=code)
            try:
                self._write("partner/Create", {"dto": documents.partner(self.config, party)})
            except errors.Rejected:
                if not self._rows("partner", code):
                    raise
        elif str(rows[0].get("Disabled")).lower() in ("true", "1"):
            raise errors.Rejected("chanjet.customer_stopped", customer=code)
        return code

    def _rows(self, name: str, code: str) -> list[Mapping[str, Any]]:
        """Rows of an archive whose code is exactly this."""
        fields = "ID,Code,Name,Disabled" if name == "partner" else "ID,Code,Name"
        body = self._read(f"{name}/Query", {"param": {"Code": code, "SelectFields": fields}})
        rows = body if isinstance(body, list) else body.get("result") if isinstance(body, dict) else None
        if not isinstance(rows, list):
            raise errors.UnknownAnswer("chanjet.unreadable")
        return [row for row in rows if isinstance(row, dict) and str(row.get("Code")) == code]

    def _read(self, path: str, body: dict[str, Any]) -> Any:
        return self.http.call(Request("POST", API + path, json=body, name=f"/{API}{path}", timeout=40.0))

    def _write(self, path: str, body: dict[str, Any]) -> Any:
        return self.http.call(Request("POST", API + path, json=body, write=True, name=f"/{API}{path}", timeout=40.0))


def signature(app_key: str, sign_key: str, body: bytes, stamp: str) -> str:
    """The optional signature: all white space is taken out, that inside of values too. (docs: 接口加签)"""
    content = _WHITE.sub("", body.decode())
    parts = [f"appKey={app_key}", *([f"bizContent={content}"] if content else []), f"timestamp={stamp}"]
    return hashlib.md5(("&".join(parts) + sign_key).encode(), usedforsecurity=False).hexdigest()


def _state(held: Mapping[str, Any]) -> str:
    """open, audited or closed; a word that is not known stands for itself."""
    said = held.get("VoucherState")
    word = str((said.get("Name") if isinstance(said, dict) else said) or "")
    if word in ("", "未审"):
        return "open"
    if any(part in word for part in CLOSED):
        return "closed"
    return "audited" if any(part in word for part in AUDITED) else word
