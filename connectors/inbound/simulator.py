"""A sending system in miniature: a registration form and a small shop, which push what they hold, signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import http.client
import json
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request

from connectors.inbound import sim_story
from connectors.sandbox import Simulator
from connectors.story import Story

_KEY = bytes(range(7, 39))
_OTHER_KEY = bytes(range(8, 40))
_FORM = """<!doctype html><meta charset="utf-8"><title>活动报名 Event registration</title>
<form method="post" action="/register">
<p>姓名 Name <input name="name" required> 手机 Phone <input name="phone" required> 公司 Company <input name="company">
<p>推送到 Push to <input name="to" size="60" placeholder="http://127.0.0.1:8000/hooks/…"> <button>提交 Submit</button>
</form>"""
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost)(:\d+)?/")


KINDS = ("customer", "lead", "order", "deal", "invoice")


class FormSender(Simulator):
    """Holds records by type and id. A push about an unchanged record is a retry and bears the same webhook-id."""

    name = "inbound"

    def __init__(self, now: Any = None) -> None:
        self.records: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in KINDS}
        self.versions: dict[tuple[str, str], int] = {}
        super().__init__(now)

    def routes(self, app: Flask) -> None:
        """The form, and what it does when it is sent."""
        app.add_url_rule("/", "form", lambda: Response(_FORM, content_type="text/html; charset=utf-8"))
        app.add_url_rule("/register", "register", self._register, methods=["POST"])

    def _register(self) -> Response:
        form, to = request.form, request.form.get("to", "")
        if not form.get("name") or not form.get("phone"):
            return Response("name and phone are needed", status=400)
        if to and not _LOOPBACK.match(to):
            return Response("this form pushes to this machine alone", status=400)
        with self.lock:
            key = self._add("lead", self.now())
            record = self.records["lead"][key]
            record.update(name=form["name"], phones=[form["phone"]], company=form.get("company", ""))
        answer = f", push answered {self.push(to, 'lead', key)}" if to else ""
        return Response(f"<!doctype html><meta charset=utf-8>{html.escape(key)}{answer}", content_type="text/html")

    # -- records

    def settings(self, base_url: str) -> dict[str, Any]:
        """The secret in the form in which it is handed around."""
        return {"secret": "whsec_" + base64.b64encode(_KEY).decode()}

    def populate(self, stream: str, count: int, *, start: datetime, step: timedelta) -> list[str]:
        """Records made at ``start``, each ``step`` later."""
        with self.lock:
            return [self._add(stream, start + step * i) for i in range(count)]

    def _add(self, stream: str, moment: datetime) -> str:
        number = len(self.records[stream]) + 1
        key = f"{stream[0].upper()}{number:06d}"
        stamp = moment.isoformat(timespec="seconds")
        make = {"order": _order, "deal": _deal, "invoice": _invoice}.get(stream, _customer)
        self.records[stream][key] = {"id": key, **make(number), "created_at": stamp, "updated_at": stamp}
        self.versions[stream, key] = 1
        return key

    def play(self, story: Story) -> None:
        """See ``Simulator.play``."""
        sim_story.play(self, story)

    def live(self, story: Story, url: str) -> None:
        """See ``Simulator.live``."""
        sim_story.live(self, story, url)

    def touch(self, stream: str, key: str) -> None:
        """The record changes now."""
        with self.lock:
            self.versions[stream, key] += 1
            self.records[stream][key]["updated_at"] = self.now().isoformat(timespec="seconds")

    def remove(self, stream: str, key: str) -> None:
        """The sender deletes it; there is no push for that."""
        del self.records[stream][key]

    def spoil(self, stream: str, key: str) -> None:
        """A time without its zone."""
        self.touch(stream, key)
        self.records[stream][key]["created_at"] = "2026-03-05 09:30:00"

    def add_field(self, stream: str, key: str, name: str, value: Any) -> None:
        """A field nobody knows."""
        self.touch(stream, key)
        self.records[stream][key][name] = value

    # -- sending

    def push(self, url: str, stream: str, key: str, *, forged: bool = False) -> int:
        """One signed POST; the status of the answer."""
        with self.lock:
            message = {"type": stream, "data": self.records[stream][key]}
            message_id = f"msg_{stream}_{key}_{self.versions[stream, key]}"
        body = json.dumps(message, ensure_ascii=False).encode("utf-8")
        return self.post(url, message_id, body, key=_OTHER_KEY if forged else _KEY)

    def post(self, url: str, message_id: str, body: bytes, *, key: bytes = _KEY) -> int:
        """A body of any kind, signed now."""
        stamp = str(int(self.now().timestamp()))
        mac = hmac.new(key, digestmod=hashlib.sha256)
        for part in (message_id, ".", stamp, "."):
            mac.update(part.encode("ascii"))
        mac.update(body)
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.standard_b64encode(mac.digest()).decode("ascii"),
        }
        target = urlsplit(url)
        line = http.client.HTTPConnection(target.hostname or "", target.port, timeout=10)
        try:
            line.request("POST", target.path + (f"?{target.query}" if target.query else ""), body, headers)
            return line.getresponse().status
        finally:
            line.close()


def _customer(number: int) -> dict[str, Any]:
    return {
        "kind": "person",
        "name": f"访客{number}",
        "phones": [f"139{number:08d}"],
        "emails": [f"visitor{number}@example.com"],
        "company": "示例机械有限公司",
        "region": "浙江省杭州市",
        "source": "官网表单",
        "tags": ["展会", "2026春"],
    }


def _order(number: int) -> dict[str, Any]:
    return {
        "number": f"SO{number:06d}",
        "status": "paid",
        "total": "128.00",
        "paid": "118.00",
        "discount": "10.00",
        "customer": {"id": f"C{number:06d}", "name": f"买家{number}", "phones": [f"137{number:08d}"]},
        "lines": [{"key": "1", "title": "示例商品", "item_code": "A-1", "quantity": "2", "amount": "118.00"}],
    }


def _deal(number: int) -> dict[str, Any]:
    return {
        "number": f"HT{number:06d}",
        "title": "年度服务合同",
        "status": "signed",
        "amount": "36000.00",
        "signed_on": "2026-03-05",
        "owner": "wang",
        "customer": {"id": f"K{number:06d}", "kind": "company", "name": f"示例{number}科技有限公司"},
        "lines": [{"key": "1", "title": "服务费", "quantity": "12", "amount": "36000.00", "tax_rate": "6"}],
        "invoice": {
            "status": "requested",
            "kind": "digital_special",
            "title": f"示例{number}科技有限公司",
            "email": "fp@example.com",
        },
    }


def _invoice(number: int) -> dict[str, Any]:
    return {
        "number": f"KP{number:06d}",
        "status": "requested",
        "deal": f"D{number:06d}",
        "customer": f"K{number:06d}",
        "kind": "digital_general",
        "buyer_kind": "company",
        "title": "示例机械有限公司",
        "tax_id": "92330106MABCDEF103",
        "bank": "示例银行杭州支行",
        "account": "6222000000000001",
        "amount": "1060.00",
        "lines": [{"key": "1", "title": "服务费", "amount": "1060.00", "tax_rate": "6", "tax_code": "3049900000000000000"}],
    }
