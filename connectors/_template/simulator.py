"""A simulator of the platform, written from its documentation alone: it refuses whatever the platform refuses."""

from __future__ import annotations

import hashlib  # role: events
import hmac  # role: events
import json  # role: events
import secrets
import urllib.error  # role: events
import urllib.request  # role: events
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal  # role: sink
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit  # role: sign_in
from zoneinfo import ZoneInfo

from flask import Flask, Response, jsonify, request

from connectors.sandbox import Simulator

ZONE = ZoneInfo("Asia/Shanghai")
LIFE = timedelta(hours=2)
PER_SECOND = 100
MOST = 50


class Refused(Exception):
    """The platform says no: its code and its message."""


class DemoCrmSimulator(Simulator):
    """Customers, receipts and webhooks, in memory."""

    name = "demo_crm"

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.app_id, self.app_secret = "demo-app", secrets.token_hex(16)
        self.hook_secret = secrets.token_hex(16)  # role: events
        self.tokens: dict[str, datetime] = {}
        self.recent: deque[datetime] = deque(maxlen=PER_SECOND)
        self.customers: dict[str, tuple[datetime, dict[str, Any]]] = {}  # role: source
        self.receipts: dict[str, dict[str, Any]] = {}  # role: sink
        self.payments: dict[str, list[dict[str, Any]]] = {}  # role: sink
        self.pushed = 0  # role: events
        self.labels = {"t1": "老客户"}  # role: tags
        self.members: list[str] = []  # role: notices or sign_in
        self.messages: dict[str, dict[str, Any]] = {}  # role: notices
        self.codes: dict[str, dict[str, str]] = {}  # role: sign_in
        super().__init__(now)

    def settings(self, base_url: str) -> dict[str, Any]:
        """An account of this simulator."""
        return {
            "app_id": self.app_id,
            "app_secret": self.app_secret,
            "hook_secret": self.hook_secret,  # role: events
            "base_url": base_url,
        }

    def routes(self, app: Flask) -> None:
        """The platform's interface."""
        app.add_url_rule("/oauth/token", view_func=self._token, methods=["POST"])
        app.add_url_rule("/v1/me", view_func=self._me)
        app.add_url_rule("/v1/customers", view_func=self._list)  # role: source
        app.add_url_rule("/v1/customers/<key>", view_func=self._get)  # role: source
        app.add_url_rule("/v1/receipts", view_func=self._find)  # role: sink
        app.add_url_rule("/v1/receipts", view_func=self._save, methods=["POST"])  # role: sink
        app.add_url_rule("/v1/receipts/<key>/confirm", view_func=self._confirm, methods=["POST"])  # role: sink
        app.add_url_rule("/v1/receipts/<key>/payments", view_func=self._money)  # role: sink
        app.add_url_rule("/v1/customers/<key>/tags", view_func=self._tag, methods=["POST"])  # role: tags
        app.add_url_rule("/v1/messages", view_func=self._send, methods=["POST"])  # role: notices
        app.add_url_rule("/v1/login", view_func=self._login)  # role: sign_in
        app.register_error_handler(Refused, lambda error: answer(error.args[0], error.args[1]))

    def throttled(self) -> Response:
        """The limit answer."""
        return answer(42900, "too many requests")

    # -- the platform's rules

    def _token(self) -> Response:
        asked = request.get_json()
        if asked != {"app_id": self.app_id, "app_secret": self.app_secret}:
            raise Refused(40001, "unknown app")
        token = secrets.token_urlsafe(24)
        self.tokens[token] = self.now() + LIFE
        return answer(0, data={"access_token": token, "expires_in": int(LIFE.total_seconds())})

    def _allow(self, *parameters: str) -> None:
        """Token, rate limit, and no parameter that the interface does not have."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, datetime.min.replace(tzinfo=ZONE)) <= self.now():
            raise Refused(40101, "token invalid or expired")
        if len(self.recent) == PER_SECOND and self.now() - self.recent[0] < timedelta(seconds=1):
            raise Refused(42900, "too many requests")
        self.recent.append(self.now())
        if strange := set(request.args) - set(parameters):
            raise Refused(42200, f"unknown parameter {sorted(strange)}")

    def _me(self) -> Response:
        self._allow()
        return answer(0, data={"scopes": ["customer.read", "receipt.write", "tag.write", "message.send", "login"]})

    # role: source
    def _list(self) -> Response:
        self._allow("modified_from", "modified_to", "cursor", "page_size")
        size = int(request.args.get("page_size", MOST))
        if not 1 <= size <= MOST:
            raise Refused(42200, "page_size is 1 to 50")
        since, until = (moment(request.args.get(name, "")) for name in ("modified_from", "modified_to"))
        with self.lock:
            rows = sorted((at, key) for key, (at, _) in self.customers.items() if since <= at < until)
            if last := request.args.get("cursor"):
                at, key = last.split("_", 1)
                rows = [row for row in rows if row > (datetime.fromtimestamp(int(at), ZONE), key)]
            page, more = rows[:size], len(rows) > size
            items = [self.customers[key][1] for _, key in page]
        reply = answer(0, data={"items": items, "next": f"{int(page[-1][0].timestamp())}_{page[-1][1]}" if more else ""})
        if self.faults.after_page:
            self.faults.after_page("customer", len(items))
        return reply

    def _get(self, key: str) -> Response:
        self._allow()
        if key not in self.customers:
            raise Refused(40400, "no such customer")
        return answer(0, data=self.customers[key][1])

    # end
    # role: sink
    def _find(self) -> Response:
        self._allow("number")
        return answer(0, data={"items": [r for r in self.receipts.values() if r["number"] == request.args["number"]]})

    def _save(self) -> Response:
        self._allow()
        asked = request.get_json()
        fields = {"number", "date", "amount", "customer_code", "customer_name", "lines"}
        if set(asked) != fields or not asked["customer_code"]:
            raise Refused(42200, f"a receipt has the fields {sorted(fields)}")
        if asked["lines"] and sum(Decimal(line["amount"]) for line in asked["lines"]) != Decimal(asked["amount"]):
            raise Refused(42200, "the lines do not add up to the amount")
        with self.lock:
            if any(r["number"] == asked["number"] for r in self.receipts.values()):
                raise Refused(40900, "number is taken")
            saved = {**asked, "id": f"R{len(self.receipts) + 1:06d}", "state": "saved"}
            self.receipts[saved["id"]] = saved
            self.ledger.append({"kind": "receipt", "number": saved["number"], "amount": saved["amount"]})
        return answer(0, data=saved)

    def _confirm(self, key: str) -> Response:
        self._allow()
        if key not in self.receipts:
            raise Refused(40400, "no such receipt")
        if self.receipts[key]["state"] != "saved":
            raise Refused(42200, "only a saved receipt can be confirmed")
        self.receipts[key]["state"] = "confirmed"
        return answer(0, data=self.receipts[key])

    def _money(self, key: str) -> Response:
        """The payments booked for a receipt."""
        self._allow()
        if key not in self.receipts:
            raise Refused(40400, "no such receipt")
        return answer(0, data={"items": self.payments.get(key, [])})

    # end
    # role: tags
    def _tag(self, key: str) -> Response:
        self._allow()
        asked = request.get_json()
        if key not in self.customers:
            raise Refused(40400, "no such customer")
        if not set(asked["add"]) <= set(self.labels):
            raise Refused(42200, "no such tag")
        row = self.customers[key][1]
        held = ({tag["id"] for tag in row["tags"]} | set(asked["add"])) - set(asked["remove"])
        row["tags"] = [{"id": tag, "name": self.labels[tag]} for tag in sorted(held)]
        return answer(0)

    # end
    # role: notices
    def _send(self) -> Response:
        self._allow()
        asked = request.get_json()
        if set(asked) != {"key", "to", "title", "text", "url"}:
            raise Refused(42200, "a message has key, to, title, text and url")
        if not set(asked["to"]) & set(self.members):
            raise Refused(40400, "no such member")
        self.messages.setdefault(asked["key"], asked)
        return answer(0, data={"unknown": sorted(set(asked["to"]) - set(self.members))})

    # end
    # role: sign_in
    def _login(self) -> Response:
        self._allow("code")
        found = self.codes.pop(request.args["code"], None)
        if found is None:
            raise Refused(40402, "the code is unknown or was used")
        return answer(0, data=found)

    # end
    # -- what a test or an operator steers

    def kill_tokens(self) -> None:
        """See Simulator."""
        self.tokens.clear()

    # role: sink
    def advance(self, number: str, what: str, minor: int = 0) -> str:
        """See Simulator. Receipts are confirmed by us; people pay and remove them."""
        key = next(key for key, receipt in self.receipts.items() if receipt["number"] == number)
        if what == "pay":
            paid = self.payments.setdefault(key, [])
            paid.append(
                {"id": f"{key}-{len(paid) + 1}", "amount": f"{minor // 100}.{minor % 100:02d}", "date": local(self.now())}
            )
            return str(paid[-1]["id"])
        if what == "remove":
            del self.receipts[key]
        elif what != "approve":
            raise ValueError(what)
        return ""

    # end

    # role: source
    def populate(self, stream: str, count: int, *, start: datetime, step: timedelta) -> list[str]:
        """See Simulator."""
        keys = []
        for i in range(count):
            number = len(self.customers) + 1
            key, at = f"K{number:06d}", (start + i * step).replace(microsecond=0)
            self.customers[key] = (at, customer(key, number, at))
            keys.append(key)
        return keys

    def touch(self, stream: str, key: str) -> None:
        """See Simulator."""
        at = self.now().replace(microsecond=0)
        self.customers[key] = (at, {**self.customers[key][1], "modified_time": local(at)})

    def remove(self, stream: str, key: str) -> None:
        """See Simulator."""
        del self.customers[key]

    def spoil(self, stream: str, key: str) -> None:
        """See Simulator."""
        self.customers[key][1]["created_time"] = "2026年某日"

    def add_field(self, stream: str, key: str, name: str, value: Any) -> None:
        """See Simulator."""
        self.customers[key][1][name] = value

    # end
    # role: events
    def push(self, url: str, stream: str, key: str, *, forged: bool = False) -> int:
        """See Simulator. Each change has an event id of its own."""
        self.pushed += 1
        push = {"event_id": f"evt{self.pushed:08d}", "type": "customer.updated", "id": key, "time": local(self.now())}
        body, stamp = json.dumps(push).encode(), str(int(self.now().timestamp()))
        secret = "somebody else's secret" if forged else self.hook_secret
        signature = hmac.digest(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hex()
        headers = {"Content-Type": "application/json", "X-Demo-Timestamp": stamp, "X-Demo-Signature": signature}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as reply:  # noqa: S310
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code

    # end
    # role: tags
    def tag_keys(self, stream: str, count: int) -> list[str]:
        """See Simulator."""
        made = [f"t{len(self.labels) + number + 1}" for number in range(count)]
        self.labels |= {tag: f"标签{tag}" for tag in made}
        return made

    def tags_of(self, stream: str, key: str) -> set[str]:
        """See Simulator."""
        return {tag["id"] for tag in self.customers[key][1]["tags"]}

    # end
    # role: notices or sign_in
    def employ(self, count: int) -> list[str]:
        """See Simulator."""
        self.members += [f"member{len(self.members) + number}" for number in range(count)]
        return self.members[-count:]

    # end
    # role: notices
    def told(self, member: str) -> list[dict[str, str]]:
        """See Simulator."""
        found = [sent for sent in self.messages.values() if member in sent["to"]]
        return [{part: sent[part] for part in ("title", "text", "url")} for sent in found]

    # end
    # role: sign_in
    def visit(self, url: str, member: str | None) -> str:
        """See Simulator."""
        asked, code = dict(parse_qsl(urlsplit(url).query)), secrets.token_hex(8)
        assert asked["app_id"] == self.app_id, "the page of another app"
        self.codes[code] = {"member": member} if member else {"visitor": "v1"}
        joint = "&" if "?" in asked["redirect_uri"] else "?"
        return asked["redirect_uri"] + joint + urlencode({"code": code, "state": asked["state"]})

    # end


def answer(code: int, msg: str = "ok", data: Any = None) -> Response:
    """The platform answers 200 whatever happened; the code says."""
    return jsonify({"code": code, "msg": msg, "request_id": secrets.token_hex(8), "data": data})


def local(at: datetime) -> str:
    """A time as the platform writes it: Beijing time without a zone."""
    return at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


# role: source
def moment(text: str) -> datetime:
    """A time as the platform reads it."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE)
    except ValueError:
        raise Refused(42200, "times are yyyy-MM-dd HH:mm:ss") from None


# end
# role: source
def customer(key: str, number: int, at: datetime) -> dict[str, Any]:
    """A made-up customer; every second one is a company."""
    company = number % 2 == 0
    return {
        "id": key,
        "kind": "company" if company else "person",
        "name": f"样例{number}有限公司" if company else f"张样例{number}",
        "mobile": f"139{number:08d}",
        "email": f"sample{number}@example.com",
        "owner": "sales01",
        "tags": [{"id": "t1", "name": "老客户"}],
        "created_time": local(at - timedelta(days=1)),
        "modified_time": local(at),
        "row_version": number,
    }


# end
