"""甲乙丙 CRM (Demo CRM): replace what is particular to the invented platform with what your platform does."""

from __future__ import annotations

import hashlib  # role: events
import hmac  # role: events
import json  # role: events
from collections.abc import (  # role: source or sign_in
    Iterator,  # role: source
    Mapping,  # role: sign_in
)  # role: source or sign_in
from datetime import (  # role: source or sink
    date,  # role: sink
    datetime,  # role: source
)  # role: source or sink
from typing import Any  # role: sink
from urllib.parse import urlencode  # role: sign_in
from zoneinfo import ZoneInfo  # role: source

from connectors import base
from connectors.base import (
    Document,  # role: sink
    EventSource,  # role: events
    Finding,
    Money,  # role: sink
    Opened,  # role: events
    Page,  # role: source
    PlatformEvent,  # role: events
    RawRequest,  # role: events
    Receipt,  # role: sink
    Record,  # role: source
    Request,
    Sink,  # role: sink
    Source,  # role: source
    Status,  # role: sink
    Token,
    Window,  # role: source
    setting,
)
from connectors.errors import (  # role: events or notices or sign_in
    BadPush,  # role: events
    BadSignature,  # role: events
    Gone,  # role: notices
    InvalidRecord,  # role: sign_in
    SignInRefused,  # role: sign_in
)  # role: events or notices or sign_in
from connectors.http import Runtime, with_headers
from connectors.invoices import Payment  # role: sink
from connectors.people import (  # role: tags or notices or sign_in
    Notice,  # role: notices
    Notifier,  # role: notices
    SignIn,  # role: sign_in
    TagChange,  # role: tags
    TagWriter,  # role: tags
)  # role: tags or notices or sign_in

ZONE = ZoneInfo("Asia/Shanghai")  # role: source
# role: events
PUSH_AGE = 300
"""Seconds after which a signed push is too old. (docs: webhook/signature)"""
KINDS = {"customer.created": "changed", "customer.updated": "changed", "customer.deleted": "deleted"}
# end


class DemoCrmConfig(base.Config):
    """What a person enters to connect an account."""

    app_id: str = setting("应用 ID", "App id", where_zh="开放平台 → 应用 → 凭证", where_en="Open platform → App → Credentials")
    app_secret: str = setting(
        "应用密钥",
        "App secret",
        where_zh="开放平台 → 应用 → 凭证",
        where_en="Open platform → App → Credentials",
        secret=True,
    )
    # role: events
    hook_secret: str = setting(
        "推送密钥",
        "Webhook secret",
        where_zh="开放平台 → 应用 → 事件订阅",
        where_en="Open platform → App → Webhooks",
        secret=True,
        min_length=16,
    )
    # end
    base_url: str = setting("接口地址", "API address", default="https://api.demo-crm.example", advanced=True)


class DemoCrm(Source, EventSource, Sink, TagWriter, Notifier, SignIn):  # bases
    """One company's account."""

    Config = DemoCrmConfig

    def __init__(self, config: DemoCrmConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.base_url = config.base_url

    def check(self) -> list[Finding]:
        """Are the credentials right, and has the app each right that it needs?"""
        granted = self.http.get("/v1/me")["data"]["scopes"]
        findings = [Finding("应用凭证有效", "The app's credentials are valid", True)]
        for name, scope in self.manifest.scopes.items():
            what = (f"权限：{scope.title.zh}", f"Permission: {scope.title.en}")
            findings.append(Finding(*what, name in granted, scope.console.zh, scope.console.en))
        return findings

    def fetch_token(self) -> Token:
        """A token lives two hours; fetching another does not end the first. (docs: auth/token)"""
        body = {"app_id": self.config.app_id, "app_secret": self.config.app_secret}
        data = self.http.post("/oauth/token", json=body, auth=False)["data"]
        return Token(data["access_token"], expires_in=data["expires_in"])

    def sign(self, request: Request, token: Token | None) -> Request:
        """A bearer token. (docs: auth/token)"""
        return with_headers(request, Authorization=f"Bearer {token.value}") if token else request

    # role: source
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """Customers changed in the window. The platform's cursor names the last row given, not a page number, so rows
        that leave the window while it is read push no other row out of sight. (docs: customer/list)"""
        assert window is not None
        span = {"modified_from": local(window.start), "modified_to": local(window.end)}
        cursor = resume or ""
        while True:
            size = self.manifest.streams[stream].page_size
            data = self.http.get("/v1/customers", **span, cursor=cursor, page_size=size)["data"]
            cursor = data["next"]
            yield Page(data["items"], resume=cursor or None, last=not cursor)
            if not cursor:
                return

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """One customer; code 40400 becomes Gone by the manifest's table. (docs: customer/get)"""
        found: Record = self.http.call(Request("GET", f"/v1/customers/{key}", name="/v1/customers/one"))["data"]
        return found

    # end
    # role: events
    def open(self, request: RawRequest) -> Opened:
        """HMAC-SHA256 over 'timestamp.body', hex. (docs: webhook/signature)"""
        stamp, given = request.header("X-Demo-Timestamp"), request.header("X-Demo-Signature")
        signed = stamp.encode() + b"." + request.body
        expected = hmac.new(self.config.hook_secret.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise BadSignature
        if abs(self.clock().timestamp() - int(stamp)) > PUSH_AGE:
            raise BadSignature("push.stale", seconds=PUSH_AGE)
        try:
            payload = json.loads(request.body)
        except ValueError:
            raise BadPush(field="body") from None
        if not isinstance(payload, dict) or not {"event_id", "type", "id", "time"} <= payload.keys():
            raise BadPush(field="event_id")
        return Opened(request.body, payload, dedup_key=payload["event_id"])

    def events(self, opened: Opened) -> list[PlatformEvent]:
        """One event for each push; kinds that we do not follow are none."""
        push = opened.payload
        if push["type"] not in KINDS:
            return []
        at = datetime.strptime(push["time"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE)
        return [PlatformEvent(push["event_id"], "customer", push["id"], KINDS[push["type"]], at)]

    # end
    # role: sink
    def find(self, document: Document) -> Receipt | None:
        """By our number, which the platform keeps unique. (docs: receipt/list)"""
        items = self.http.get("/v1/receipts", number=document.number)["data"]["items"]
        return as_receipt(items[0]) if items else None

    def send(self, document: Document) -> Receipt:
        """Save, then confirm. (docs: receipt/save)"""
        saved = self.http.call(Request("POST", "/v1/receipts", json=as_body(document), write=True))
        return self.finish(document, as_receipt(saved["data"]))

    def finish(self, document: Document, receipt: Receipt) -> Receipt:
        """Confirm a receipt that was only saved. (docs: receipt/confirm)"""
        if receipt.complete:
            return receipt
        path = f"/v1/receipts/{receipt.platform_id}/confirm"
        confirmed = self.http.call(Request("POST", path, write=True, name="/v1/receipts/confirm"))
        return as_receipt(confirmed["data"])

    def status(self, document: Document, receipt: Receipt) -> Status:
        """Its state, and the payments that were booked for it. (docs: receipt/payments)"""
        items = self.http.get("/v1/receipts", number=document.number)["data"]["items"]
        if not items:
            return Status("deleted", gone=True, final=True)
        path = f"/v1/receipts/{items[0]['id']}/payments"
        paid = self.http.call(Request("GET", path, name="/v1/receipts/payments"))["data"]["items"]
        payments = tuple(Payment(p["id"], as_money(p["amount"]), date.fromisoformat(p["date"][:10])) for p in paid)
        received = Money(sum(payment.amount.minor for payment in payments))
        state = items[0]["state"]
        done = received == document.amount
        return Status(state, approved=state == "confirmed", payments=payments, received=received, final=done)

    # end
    # role: tags
    def write_tags(self, change: TagChange) -> None:
        """Sets on both sides: a tag that is there may be put on again. (docs: customer/tags)"""
        body = {"add": sorted(change.add), "remove": sorted(change.remove)}
        path = f"/v1/customers/{change.key}/tags"
        self.http.call(Request("POST", path, json=body, write=True, name="/v1/customers/tags"))

    # end
    # role: notices
    def notify(self, notice: Notice) -> list[str]:
        """One message for all; the platform shows a key once, and names whom it does not know. (docs: message/send)"""
        body = {"key": notice.key, "to": list(notice.to), "title": notice.title, "text": notice.text, "url": notice.url}
        try:
            answer = self.http.call(Request("POST", "/v1/messages", json=body, write=True))
        except Gone:
            return list(notice.to)  # 40400: it knows none of them
        return [member for member in notice.to if member in answer["data"]["unknown"]]

    # end
    # role: sign_in
    def sign_in_url(self, redirect: str, state: str) -> str:
        """The platform's own page. (docs: auth/login)"""
        query = {"app_id": self.config.app_id, "redirect_uri": redirect, "state": state}
        return f"{self.config.base_url}/login?{urlencode(query)}"

    def signed_in(self, query: Mapping[str, str]) -> str:
        """A code stands for one login; an outsider has a visitor's id and no member's. (docs: auth/login)"""
        if not query.get("code"):
            raise SignInRefused
        try:
            data = self.http.get("/v1/login", code=query["code"])["data"]
        except InvalidRecord as error:
            raise SignInRefused(code=error.code) from None
        if not data.get("member"):
            raise SignInRefused
        return str(data["member"])

    # end


# role: source
def local(moment: datetime) -> str:
    """The instant as the platform writes times."""
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


# end
# role: sink
def as_body(document: Document) -> dict[str, Any]:
    """A document in the platform's words. Amounts travel as text, in yuan."""
    lines = [{"title": line.title, "quantity": line.quantity, "amount": str(line.amount)} for line in document.lines]
    return {
        "number": document.number,
        "date": document.date.isoformat(),
        "amount": str(document.amount),
        "customer_code": document.party.code,
        "customer_name": document.party.name,
        "lines": lines,
    }


def as_receipt(item: dict[str, Any]) -> Receipt:
    """What the platform says of a receipt."""
    return Receipt(
        number=item["number"],
        platform_id=item["id"],
        state=item["state"],
        complete=item["state"] == "confirmed",
        amount=as_money(item["amount"]),
        party_code=item["customer_code"],
    )


def as_money(text: str) -> Money:
    """'12.30' in yuan."""
    yuan, fen = text.split(".")
    return Money(int(yuan) * 100 + int(fen))


# end
