"""金蝶云星辰: finds, saves and audits sales orders and outbound notes through Kingdee's gateway.

(docs: open.jdy.com, 客户, 商品, 销售订单, 销售出库单, 通用批量操作)
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from connectors import books, errors
from connectors.base import Document, Finding, Money, Party, Receipt, Request, Sink, Status, Token, Verdict
from connectors.checks import next_step
from connectors.http import Response, Runtime, exact_json, interpret_status, judge
from connectors.kingdee_cloud import access, documents, signin
from connectors.kingdee_cloud.config import KingdeeCloudConfig
from connectors.money import fen

CUSTOMER, MATERIAL, OPERATE = "jdy/v2/bd/customer", "jdy/v2/bd/material", "jdy/v2/sys/common_operate"
STATES = {"Z": "open", "C": "audited"}
_SIGNS = (
    (("不存在",), "absent"),
    (("已存在",), "duplicate"),
    (("重复",), "duplicate"),
    (("唯一",), "duplicate"),
    (("token", "失效"), "token"),
    (("token", "过期"), "token"),
    (("token", "无效"), "token"),
    (("结账",), "period"),
)
"""Words of a refusal and the sub-code they stand for: no list of the business codes is published."""
_NO_ROUTE = (404, 519)
"""The gateway does not know this API at this address: the account set has moved, or has not this product."""


class KingdeeCloud(Sink):
    """One account set as one application sees it. Our number is a bill's number."""

    Config = KingdeeCloudConfig
    config: KingdeeCloudConfig

    def __init__(self, config: KingdeeCloudConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.base_url = config.server_url + "/"

    def check(self) -> list[Finding]:
        """Let in, and the default material exists and may be used."""
        number = self.config.material_number
        asked: tuple[tuple[str, str, Callable[[], Any]], ...] = (
            ("登录并读取客户", "Let in, customers can be read", lambda: self._read(CUSTOMER, page_size="1")),
            (f"商品 {number}", f"Material {number}", lambda: self._material(number)),
        )
        found: list[Finding] = []
        for zh, en, ask in asked:
            try:
                ask()
                found.append(Finding(zh, en, True))
            except errors.ConnectorError as error:
                return [*found, Finding(zh, en, False, *next_step(error, self.manifest), error.code)]
        return found

    # -- calling

    def fetch_token(self) -> Token:
        """See ``access``."""
        return access.token(self.http, self.config)

    def sign(self, request: Request, token: Token | None) -> Request:
        """Signature headers on each call; in the account set also its token and its address. (docs: 接口签名)"""
        stamp, nonce = str(int(self.clock().timestamp() * 1000)), str(secrets.randbelow(2**31 - 1) + 1)
        secret = self.config.client_secret
        headers = {
            "Content-Type": "application/json",
            "X-Api-ClientID": self.config.client_id,
            "X-Api-Auth-Version": "2.0",
            "X-Api-TimeStamp": stamp,
            "X-Api-Nonce": nonce,
            "X-Api-SignHeaders": signin.SIGNED,
            "X-Api-Signature": signin.signature(secret, request.method, f"/{request.path}", request.query, nonce, stamp),
        }
        if token is not None:
            headers |= {"app-token": token.value, "X-GW-Router-Addr": token.extra["domain"]}
        body = exact_json(request.json) if request.json is not None else None
        # the address carries the query as it was signed: another encoding of a blank would be another signature
        path = f"{request.path}?{signin.query_text(request.query)}" if request.query else request.path
        return replace(request, path=path, query={}, body=body, json=None, headers={**request.headers, **headers})

    def interpret(self, request: Request, response: Response) -> Verdict:
        """The gateway speaks in statuses, what stands behind it in ``errcode``."""
        if response.status in _NO_ROUTE:
            action = "refresh_token" if request.auth else "config_error"
            return Verdict(action, code=f"http {response.status}", hint="kingdee_cloud.route", later="kingdee_cloud.route")
        if response.status == 429 and not request.auth:
            return Verdict("throttle", code="http 429", wait=5.0)  # two tokens a minute
        if response.status == 401 and not request.auth:
            return Verdict("reauth", code="http 401", hint="kingdee_cloud.sign_in")
        if verdict := interpret_status(response):
            return verdict
        body = response.json
        if not isinstance(body, dict) or not ({"errcode", "code"} & set(body)):
            return Verdict("retry", code="no errcode", hint="kingdee_cloud.unreadable")
        code = str(body["errcode"] if "errcode" in body else body["code"])
        if code in self.manifest.errors.ok:
            return Verdict("ok", body=body, code=code)
        message = str(body.get("description_cn") or body.get("description") or "")
        sub = books.word(message.lower(), _SIGNS)
        if sub == "absent" and request.write:
            sub = ""  # something that the document refers to
        if not request.write and not sub and code not in self.manifest.errors.table:
            # what a read is refused for is no refusal of a document
            return Verdict("stop_and_alert", code=code, message=message)
        return judge(self.manifest, code, sub, message=message)

    # -- documents

    def find(self, document: Document) -> Receipt | None:
        """The bill of this number: open or audited, or in a state of another name."""
        documents.check(document)
        held = self._held(document)
        return None if held is None else self._receipt(document, held)

    def send(self, document: Document) -> Receipt:
        """Ensure the customer, save, audit where wanted. What goes wrong after the save leaves it in doubt."""
        documents.check(document)
        numbers = {documents.material_number(self.config, line) for line in documents.lines(document)}
        materials = {number: self._material(number) for number in sorted(numbers)}
        customer = self._ensure_customer(document.party)
        made = self._write(self._bill(document).path, documents.bill(self.config, document, customer, materials))
        given = list((made.get("id_number_map") or {}).values()) if isinstance(made, dict) else []
        if given and document.number not in given:
            raise errors.Rejected("kingdee_cloud.number_replaced", number=document.number, platform_number=str(given[0]))
        return books.saved(self, document)

    def finish(self, document: Document, receipt: Receipt) -> Receipt:
        """Audit it, unless it is; nothing that differs is audited."""
        entity = self._bill(document).entity

        def audit(held: Receipt) -> Any:
            return self._write(OPERATE, {"entity_number": entity, "ids": [held.platform_id], "operate_type": "audit"})

        return books.finished(self, document, audit)

    def status(self, document: Document, receipt: Receipt) -> Status:
        """Whether it is audited, or gone; of an outbound note also what was received: the total less what is not settled."""
        held = self._held(document)
        if held is None:
            return Status("deleted", gone=True, final=True)
        state, received = _state(held), None
        if document.kind != "sales_order" and held.get("total_un_settle_amount") is not None:
            received = Money(_total(held) - fen(held["total_un_settle_amount"]))
        return Status(state, approved=state == "audited", received=received)

    def _held(self, document: Document) -> Mapping[str, Any] | None:
        """The bill as it is over there. None only where both the bill itself and the list say that there is none."""
        path, number = self._bill(document).path, document.number
        held = self._one(f"{path}_detail", number=number)
        if held is not None:
            if str(held.get("bill_no")) != number or not isinstance(held.get("material_entity"), list):
                raise errors.UnknownAnswer("kingdee_cloud.unreadable")
            return held
        listed = self._read(path, bill_no=number, page="1", page_size="100")
        rows = listed.get("rows") if isinstance(listed, dict) else None
        if not isinstance(rows, list) and not (isinstance(listed, dict) and str(listed.get("count")) == "0"):
            raise errors.UnknownAnswer("kingdee_cloud.unreadable")
        if any(isinstance(row, dict) and str(row.get("bill_no")) == number for row in rows or ()):
            raise errors.Unavailable("kingdee_cloud.unreadable")
        return None

    def _receipt(self, document: Document, held: Mapping[str, Any]) -> Receipt:
        state = _state(held)
        done = state == "audited" if self.config.finish == "audit" else True
        customer = self._one(f"{CUSTOMER}_detail", id=str(held.get("customer_id") or ""))
        theirs = str((customer or {}).get("number") or "")
        party = document.party.code if theirs == self._customer_number(document.party) else theirs
        return Receipt(document.number, str(held["id"]), state, done, Money(_total(held)), party or None)

    @staticmethod
    def _bill(document: Document) -> documents.Bill:
        return documents.BILLS[document.kind]

    # -- archives

    def _customer_number(self, party: Party) -> str:
        """The number of the party over there: what the account's table says, else our code."""
        return books.looked_up(self.config.customers, party.code, party.tax_id) or party.code

    def _customer(self, number: str) -> Mapping[str, Any] | None:
        found = self._one(f"{CUSTOMER}_detail", number=number)
        return found if found and found.get("id") and str(found.get("number")) == number else None

    def _ensure_customer(self, party: Party) -> Mapping[str, Any]:
        """The customer of this party; one that somebody else has just made is adopted, a stopped one is for people."""
        number = self._customer_number(party)
        found = self._customer(number)
        if found is None:
            if number != party.code or not self.config.create_customers:
                raise errors.Rejected("kingdee_cloud.customer_absent", customer=number)
            refused: errors.Rejected | None = None
            try:
                self._write(CUSTOMER, documents.customer(self.config, party))
            except errors.Rejected as refusal:
                refused = refusal
            found = self._customer(number)
            if found is None:
                raise refused or errors.InDoubt("kingdee_cloud.unseen", number=number)
        if _stopped(found):
            raise errors.Rejected("kingdee_cloud.customer_stopped", customer=number)
        return found

    def _material(self, number: str) -> documents.Material:
        """The material of this number. Raises Rejected for one that is absent or stopped."""
        found = self._one(f"{MATERIAL}_detail", number=number)
        if not found or str(found.get("number")) != number or _stopped(found):
            raise errors.Rejected("kingdee_cloud.material_absent", material=number)
        return documents.Material(str(found["id"]), number, str(found.get("sale_unit_id") or found.get("base_unit_id") or ""))

    # -- reading and writing

    def _one(self, path: str, **query: str) -> Mapping[str, Any] | None:
        """One entry; None where the platform says that there is none."""
        try:
            found = self._read(path, **query)
        except errors.Gone:
            return None
        if found is not None and not isinstance(found, dict):
            raise errors.UnknownAnswer("kingdee_cloud.unreadable")
        return found or None

    def _read(self, path: str, **query: str) -> Any:
        return self.http.call(Request("GET", path, query=query, name=f"/{path}", timeout=40.0)).get("data")

    def _write(self, path: str, body: dict[str, Any]) -> Any:
        request = Request("POST", path, json=body, write=True, name=f"/{path}", timeout=40.0)
        return self.http.call(request).get("data")


def _total(held: Mapping[str, Any]) -> int:
    """A bill's amount in fen, tax included."""
    return sum(fen(row["all_amount"]) for row in held["material_entity"])


def _state(held: Mapping[str, Any]) -> str:
    """open or audited; a letter that is not known stands for itself."""
    word = str(held.get("bill_status") or "")
    return STATES.get(word, word or "open")


def _stopped(entry: Mapping[str, Any]) -> bool:
    """Whether an archive entry may not be used any more."""
    return str(entry.get("enable")).lower() in ("0", "false")
