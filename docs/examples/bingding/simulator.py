"""A simulator of the platform, written from its documentation alone: it refuses whatever the platform refuses."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, jsonify, request

from connectors.sandbox import Simulator


class Refused(Exception):
    """The platform says no: its code and its message."""


class BingdingSimulator(Simulator):
    """Contacts, in memory."""

    name = "bingding"

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.app_id, self.app_secret = "bd-app", secrets.token_hex(16)
        self.customers: dict[str, tuple[datetime, dict[str, Any]]] = {}
        super().__init__(now)

    def settings(self, base_url: str) -> dict[str, Any]:
        """An account of this simulator."""
        return {"app_id": self.app_id, "app_secret": self.app_secret, "base_url": base_url}

    def routes(self, app: Flask) -> None:
        """The platform's interface."""
        app.add_url_rule("/open/contact/list", view_func=self._list)
        app.add_url_rule("/open/contact/get", view_func=self._get)
        app.register_error_handler(Refused, lambda error: answer(error.args[0], error.args[1]))

    def throttled(self) -> Response:
        """The limit answer."""
        return answer("E2001", "too fast")

    # -- the platform's rules

    def _allow(self, *parameters: str) -> None:
        given = request.args.to_dict()
        sign, names = given.pop("sign", ""), set(given)
        if names != {"app", "ts", *parameters}:
            raise Refused("E1004", f"parameters are {sorted(parameters)}")
        if given["app"] != self.app_id:
            raise Refused("E1001", "unknown app")
        text = self.app_secret
        for name in sorted(names):
            text += f"{name}{given[name]}"
        if sign != hashlib.new("md5", (text + self.app_secret).encode(), usedforsecurity=False).digest().hex().upper():
            raise Refused("E1002", "wrong sign")
        if abs(self.now().timestamp() * 1000 - int(given["ts"])) > 600_000:
            raise Refused("E1003", "ts is more than ten minutes off")

    def _list(self) -> Response:
        self._allow("updatedAfter", "updatedBefore", "page", "pageSize")
        asked = {name: int(request.args[name]) for name in ("updatedAfter", "updatedBefore", "page", "pageSize")}
        if not 1 <= asked["pageSize"] <= 20 or asked["page"] < 1:
            raise Refused("E1004", "pageSize is 1 to 20, page from 1")
        with self.lock:
            rows = sorted((at, key) for key, (at, _) in self.customers.items())
            rows = [row for row in rows if asked["updatedAfter"] <= row[0].timestamp() * 1000 < asked["updatedBefore"]]
            first = (asked["page"] - 1) * asked["pageSize"]
            items = [self.customers[key][1] for _, key in rows[first : first + asked["pageSize"]]]
        reply = answer(result={"total": len(rows), "rows": items})
        if self.faults.after_page:
            self.faults.after_page("customer", len(items))
        return reply

    def _get(self) -> Response:
        self._allow("contactId")
        return answer(result=self.customers.get(request.args["contactId"], (None, None))[1])

    # -- what a test or an operator steers

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
        self.customers[key] = (at, {**self.customers[key][1], "gmtModified": int(at.timestamp() * 1000)})

    def remove(self, stream: str, key: str) -> None:
        """See Simulator."""
        del self.customers[key]

    def spoil(self, stream: str, key: str) -> None:
        """See Simulator."""
        self.customers[key][1]["gmtCreate"] = "2026年某日"

    def add_field(self, stream: str, key: str, name: str, value: Any) -> None:
        """See Simulator."""
        self.customers[key][1][name] = value


def answer(code: str = "", msg: str = "", result: Any = None) -> Response:
    """The platform answers 200 whatever happened; success says."""
    return jsonify({"success": not code, "errCode": code, "errMsg": msg, "traceId": secrets.token_hex(8), "result": result})


def customer(key: str, number: int, at: datetime) -> dict[str, Any]:
    """A made-up contact; every second one is a company."""
    company = number % 2 == 0
    return {
        "contactId": key,
        "sort": 2 if company else 1,
        "fullName": f"样例{number}有限公司" if company else f"张样例{number}",
        "phones": [f"139{number:08d}"],
        "owner": {"userId": "u1", "name": "销售一"},
        "labels": ["老客户"],
        "gmtCreate": int((at - timedelta(days=1)).timestamp() * 1000),
        "gmtModified": int(at.timestamp() * 1000),
    }
