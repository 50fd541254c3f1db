"""A simulated JD gateway (POP) with one shop behind it.

Beyond the steering that all simulators share: ``access`` (applications, tokens, quota, addresses), ``shop`` (rows, keys, how
far the migration of buyer ids is), ``spelling`` (of the answer's root), ``success`` (how a refusal of the service is written).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, request

from connectors.jd import sim_data, sim_protocol, sim_story
from connectors.jd.sim_access import Access, App
from connectors.jd.sim_api import METHODS, Api
from connectors.jd.sim_data import Row, millis
from connectors.jd.sim_protocol import BEIJING, FORMAT, Business, JdError
from connectors.jd.sim_shop import Shop
from connectors.jd.sim_tde import public_key
from connectors.sandbox import Simulator
from connectors.story import Story

APP_KEY, VENDER, NAME = "SANDBOXAPPKEYOFJD0001", "10000001", "示例京东旗舰店"


class JdSimulator(Simulator):
    """One shop, one application."""

    name = "jd"

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.access, self.shop = Access(), Shop(VENDER, NAME, APP_KEY)
        self.api = Api(self.shop, self.now)
        self.spelling = "_responce"
        self.success: Any = False
        self._made = 0
        super().__init__(now)
        self.access.apps[APP_KEY] = App("sandbox-secret-of-jd-0001")
        self.grant = self.access.authorise(APP_KEY, VENDER, self.now())

    def routes(self, app: Flask) -> None:
        """Gateway and token service."""
        app.add_url_rule("/routerjson", "_gateway", view_func=self._gateway, methods=["GET", "POST"])
        app.add_url_rule(
            "/oauth2/access_token", "access_token", view_func=lambda: self._oauth(self.access.token), methods=["GET"]
        )
        app.add_url_rule(
            "/oauth2/refresh_token", "refresh_token", view_func=lambda: self._oauth(self.access.refresh), methods=["GET"]
        )

    def settings(self, base_url: str) -> dict[str, Any]:
        """The shop's living authorisation."""
        return {
            "app_key": APP_KEY,
            "app_secret": self.access.apps[APP_KEY].secret,
            "vender_id": VENDER,
            "access_token": self.grant.value,
            "refresh_token": self.grant.refresh_token,
            "token_ends": self.grant.ends.isoformat(),
            "consignee": "contact",
            "after_sale_unit": "fen",
            "gateway": base_url,
            "oauth": base_url,
            "voucher_certificate": public_key(),
        }

    def call_name(self) -> str:
        """Path and method: all calls share one path."""
        return f"{request.path} {request.values.get('method', '')}"

    def throttled(self) -> Response:
        """The daily quota is used up."""
        return sim_protocol.refusal(JdError(2))

    # -- the shop's life

    def populate(self, stream: str, count: int, *, start: datetime, step: timedelta) -> list[str]:
        """Rows of many shapes, a step apart."""
        first = start.astimezone(BEIJING).replace(tzinfo=None, microsecond=0)
        with self.lock:
            numbers = range(self._made, self._made + count)
            self._made += count
            return [self.shop.add(stream, self._row(stream, n, first + i * step)) for i, n in enumerate(numbers)]

    def touch(self, stream: str, key: str) -> None:
        """The record changes now."""
        now = self.api.now().replace(microsecond=0)
        with self.lock:
            row = self.shop.rows[stream][key]
            if stream == "order":
                row.times["modified"] = now
                row.record |= {"modified": now.strftime(FORMAT), "dataVersion": str(millis(now)), "waybill": "JD0001"}
            elif stream == "refund":
                row.times["checkTime"] = now
                row.record |= {"checkTime": now.strftime(FORMAT), "status": 3}
            elif stream == "after_sale":
                row.times["approveTime"] = now
                row.record["sameOrderServiceBill"]["approveDate"] = millis(now)
            elif stream == "member":
                row.record["trade_count"] += 1
            else:
                row.record["modified"] = millis(now)

    def remove(self, stream: str, key: str) -> None:
        """The platform shows it no more."""
        self.shop.rows[stream][key].removed = True

    def spoil(self, stream: str, key: str) -> None:
        """An amount or a time that is none."""
        record = self.shop.rows[stream][key].record
        if stream == "after_sale":
            record["sameOrderServiceBill"]["afsApplyTime"] = "??"
        else:
            places = {"order": "shouldPay", "unpaid": "orderCreated", "refund": "applyRefundSum", "member": "last_trade_time"}
            record[places[stream]] = "??"

    def add_field(self, stream: str, key: str, name: str, value: Any) -> None:
        """A field that nobody asked for."""
        self.shop.rows[stream][key].extra[name] = value

    def kill_tokens(self) -> None:
        """Every access token is dead; its renewal still works, as long as it has not expired."""
        for grant in self.access.grants.values():
            grant.dead = True

    def play(self, story: Story) -> None:
        """See ``Simulator.play``."""
        sim_story.play(self.shop, story)

    def live(self, story: Story, url: str) -> None:
        """See ``Simulator.live``."""
        sim_story.live(self.shop, story)

    def _row(self, stream: str, number: int, at: datetime) -> Row:
        buyer, vault, vender = f"buyer {number % 40}", self.shop.vault, self.shop.vender
        order_id = str(sim_data.FIRST_ORDER + number % 50)
        if stream == "order":
            return sim_data.order(sim_data.invented(number, at), vault, vender)
        if stream == "unpaid":
            return sim_data.unpaid(number, at, buyer, vender, vault)
        if stream == "refund":
            status = (3, 0, 1, 2, 11, 9)[number % 6]
            applied = at if status == 0 else at - timedelta(days=2)
            return sim_data.refund(50_000_000 + number, order_id, 1000 + number, status, applied, at if status else None, buyer)
        if stream == "after_sale":
            status = (13, 14, 0)[number % 3]
            times = (at - timedelta(days=2), at, at) if status else (at, None, None)
            return sim_data.after_sale(60_000_000 + number, order_id, 2000 + number, status, times, buyer)
        return sim_data.member(number, at, f"member {number}", 1 + number % 5, APP_KEY)

    # -- the gateway

    def _oauth(self, do: Callable[[Any, datetime], dict[str, Any]]) -> Response:
        with self.lock:
            return sim_protocol.as_json(do(request.args.to_dict(), self.now()))

    def _gateway(self) -> Response:
        params = sim_protocol.parameters(request)
        try:
            with self.lock:
                body, page = self._answer(params)
        except JdError as error:
            return sim_protocol.refusal(error)
        if page is not None and self.faults.after_page:
            self.faults.after_page(params["method"], page)
        return sim_protocol.as_json(body)

    def _answer(self, params: dict[str, str]) -> tuple[dict[str, Any], int | None]:
        """In the gateway's own order: app_key, clock, signature, method, token, address and quota, business."""
        app = self.access.app(params.get("app_key", ""))
        sim_protocol.check_clock(params, self.now())
        sim_protocol.check_sign(params, app.secret)
        name = params.get("method", "")
        if not name:
            raise JdError(14)
        if name not in METHODS:
            raise JdError(15)
        grant = self.access.grant(params["app_key"], params.get("access_token"), self.now())
        self.access.admit(params["app_key"], name, request.remote_addr or "", self.now())
        given, method = sim_protocol.business(params), METHODS[name]
        method.check(given)
        try:
            inside = {"code": "0", **method.do(self.api, given, grant)}
        except Business as refused:
            inside = {"code": "0", **self._refused(refused)}
        page = str(given.get(method.pages, "1")) if method.pages else None
        return {sim_protocol.root_of(name, self.spelling): inside}, int(
            page
        ) if page and page.isdecimal() else 1 if page else None

    def _refused(self, error: Business) -> dict[str, Any]:
        """What the service says, each in its own way."""
        if error.holder in ("queryResult", "pageResult"):
            return {error.holder: {"success": self.success, "code": str(error.number), "msg": error.words}}
        said = {"success": self.success, "englishErrCode": "refused", "chineseErrCode": error.words, "numberCode": error.number}
        return {error.holder: {"apiResult": said}}
