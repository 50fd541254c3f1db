"""A simulated TOP gateway with one shop behind it.

Beyond the steering that all simulators share: ``access`` (applications, sessions: authorise, withdraw, add_app), ``limits``
(token buckets, passing faults), ``change`` (an order goes on its way), ``arrive_late`` (a row that shows up after its time).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

from connectors.sandbox import Simulator
from connectors.story import Story
from connectors.taobao import sim_data, sim_protocol, sim_story
from connectors.taobao.sim_access import Access, Limits
from connectors.taobao.sim_api import Api
from connectors.taobao.sim_members import Group, Member, ouid_of
from connectors.taobao.sim_methods import METHODS
from connectors.taobao.sim_protocol import BEIJING, TopError
from connectors.taobao.sim_seed import read_export, rows_of
from connectors.taobao.sim_store import Row, Table
from connectors.taobao.sim_tmc import Service

APP_KEY = "12345678"
SHOP = "示例旗舰店"
NUMBER = re.compile(r"(?<![A-Z0-9-])[A-Z]{2}[A-Z0-9-]{6,22}(?![A-Z0-9-])")
REFUNDS_FROM = 6_000_000_000_000_000_000


class TaobaoSimulator(Simulator):
    """One shop, one application. kind: of the application (``service_market``, ``back_office``, ``crm``)."""

    name = "taobao"

    def __init__(self, now: Callable[[], datetime] | None = None, kind: str = "service_market") -> None:
        self.trades, self.refunds, self.access, self.limits = Table(), Table(), Access(), Limits(self.now)
        self.tmc = Service(lambda: {key: app.secret for key, app in self.access.apps.items()}, self.now)
        self.api = Api(self.trades, self.refunds, self.access, self.now, self.tmc)
        self._kind, self._made = kind, 0
        self._sources: dict[int, str] = {}
        super().__init__(now)
        self.access.add_app(APP_KEY, "sandbox-secret-of-taobao", kind)
        self._session = self.access.authorise(APP_KEY, SHOP, self.now())

    def routes(self, app: Flask) -> None:
        """The gateway has one address."""
        app.add_url_rule("/router/rest", view_func=self._rest, methods=["GET", "POST"])
        app.add_url_rule("/", view_func=self._socket, methods=["GET"], websocket=True)

    def settings(self, base_url: str) -> dict[str, Any]:
        """The shop's living authorisation."""
        return {
            "app_key": APP_KEY,
            "app_secret": self.access.apps[APP_KEY].secret,
            "shop": SHOP,
            "app_kind": self._kind,
            "session": self._session.value,
            "refresh_token": self._session.refresh_token if self._kind == "service_market" else "",
            "gateway": base_url,
            "messages": "socket",
            "message_channel": base_url.replace("http://", "ws://"),
        }

    def call_name(self) -> str:
        """Path and method: all calls share one path."""
        return f"{request.path} {request.values.get('method', '')}"

    def throttled(self) -> Response:
        """Error 7 with the seconds that are left."""
        return self._refuse(sim_protocol.parameters(request), self.limits.limited())

    # -- the shop's life

    def populate(self, stream: str, count: int, *, start: datetime, step: timedelta) -> list[str]:
        """Trades of many shapes, or refunds of trades (old ones, unless there are some)."""
        first = start.astimezone(BEIJING).replace(tzinfo=None, microsecond=0)
        with self.lock:
            numbers = range(self._made, self._made + count)
            self._made += count
            if stream in ("member", "tag"):
                return [self._other(stream, number, first + index * step) for index, number in enumerate(numbers)]
            make = self._trade if stream == "order" else self._refund
            rows = [make(number, first + index * step) for index, number in enumerate(numbers)]
            self._table(stream).add(rows)
        return [str(row.key) for row in rows]

    def change(self, stream: str, key: str, **fields: Any) -> None:
        """The row changes now: these fields, and its modification time."""
        with self.lock:
            row = self._table(stream).rows[int(key)]
            row.record.update(fields)
            self._table(stream).move(row, self.api.now().replace(microsecond=0))

    def arrive_late(self, number: int, modified: datetime, delay: timedelta) -> str:
        """A trade modified then that the API knows of only after the delay."""
        row = self._trade(number, modified.astimezone(BEIJING).replace(tzinfo=None, microsecond=0))
        row.entered = row.modified + delay
        with self.lock:
            self.trades.add([row])
        return str(row.key)

    def touch(self, stream: str, key: str) -> None:
        """Somebody sets the seller's flag."""
        if stream == "member":
            self.api.members[key].grade += 1
        elif stream == "tag":
            self.api.tags[key].name += " 2"
        else:
            self.change(stream, key, seller_flag=3)

    def remove(self, stream: str, key: str) -> None:
        """The platform shows it no more, as with trades older than three months."""
        if stream in ("member", "tag"):
            self._whole(stream).pop(key)
        else:
            self._table(stream).rows[int(key)].removed = True

    def spoil(self, stream: str, key: str) -> None:
        """An amount that is none."""
        if stream in ("member", "tag"):
            self._whole(stream)[key].extra["last_trade_time" if stream == "member" else "group_name"] = ["??"]
        else:
            self._table(stream).rows[int(key)].record["payment" if stream == "order" else "refund_fee"] = "??.??"

    def add_field(self, stream: str, key: str, name: str, value: Any) -> None:
        """A field that comes without being asked for."""
        row: Any = self._whole(stream)[key] if stream in ("member", "tag") else self._table(stream).rows[int(key)]
        row.extra[name] = value

    def play(self, story: Story) -> None:
        """See ``Simulator.play``."""
        sim_story.play(self, story)

    def live(self, story: Story, url: str) -> None:
        """See ``Simulator.live``."""
        sim_story.live(self, story, url)

    def document_source(self, kind: str, number: int) -> dict[str, str]:
        """An order, with a note of the shop's in its memo, for the sample document of that number."""
        with self.lock:
            if number not in self._sources:
                [key] = self.populate("order", 1, start=self.now() - timedelta(hours=1), step=timedelta(0))
                self.trades.rows[int(key)].record |= {"seller_memo": "加急发货", "seller_flag": 1}
                self._sources[number] = key
        return {"stream": "order", "key": self._sources[number]}

    def deliver(self, stream: str, key: str) -> bool:
        """See ``Simulator.deliver``. There are no messages about tags."""
        topic, content = _said(stream, key)
        return self.tmc.confirmed(self.tmc.put(topic, SHOP, content))

    def deliver_again(self) -> bool:
        """See ``Simulator.deliver_again``."""
        waiting = list(self.tmc.waiting)
        self.tmc.again()
        return all(self.tmc.confirmed(number) for number in waiting)

    def hang_up(self) -> None:
        """See ``Simulator.hang_up``."""
        self.tmc.hang_up()

    def kill_tokens(self) -> None:
        """All session values are dead; a service-market application can renew them."""
        self.access.kill()

    def seed_file(self, path: Path) -> int:
        """Serve an order export of Taobao (CSV): its orders, and a refund for each refunded amount.

        The clock then stands ten minutes after the newest time in the file (see ``offset``). Returns the number of orders.
        Raises ValueError that names row and column.
        """
        orders = read_export(path)
        now = max(max(order.created, order.paid_at or order.created) for order in orders) + timedelta(minutes=10)
        trades, refunds = rows_of(orders, now, SHOP, APP_KEY, REFUNDS_FROM)
        with self.lock:
            self.trades.add(trades)
            self.refunds.add(refunds)
            self.offset = now.replace(tzinfo=BEIJING) - self._now()
            self._session = self.access.authorise(APP_KEY, SHOP, self.now())
        return len(trades)

    # -- the gateway

    def _socket(self) -> Response:
        """The message service: the connection is taken over, and nothing is left of it afterwards."""
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return Response(status=404)
        self.tmc.serve(request)
        self.cut()
        raise AssertionError

    def _rest(self) -> Response:
        params = sim_protocol.parameters(request)
        try:
            with self.lock:
                body = self._answer(params)
                response = sim_protocol.answer(params, body, self._request_id())
        except TopError as error:
            return self._refuse(params, error)
        if METHODS[params["method"]].pages and self.faults.after_page:
            self.faults.after_page(params["method"], int(params.get("page_no", "1")))
        return response

    def _answer(self, params: dict[str, str]) -> dict[str, Any]:
        if not params.get("method"):
            raise TopError(21)
        if params.get("format", "xml") not in ("xml", "json"):
            raise TopError(23)
        sim_protocol.verify(params, {key: app.secret for key, app in self.access.apps.items()}, self.now())
        method = METHODS.get(params["method"])
        if method is None:
            raise TopError(22)
        self.limits.take(params["app_key"], params["method"])
        if method.package and method.package not in self.access.apps[params["app_key"]].packages:
            raise TopError(11, "isv.permission-api-package-limit", "scope ids of the application do not cover this method")
        session = None
        if method.session:
            sensitive = method.package not in ("", "message")
            session = self.access.check(params["app_key"], params.get("session", ""), self.now(), sensitive)
        method.check(params)
        found = method.do(self.api, params, session)
        self._booked()
        return found

    def _booked(self) -> None:
        """The ledger of what was written: each number that a memo holds now and did not before."""
        while self.api.written:
            key, memo, flag = self.api.written.pop(0)
            for number in NUMBER.findall(memo):
                if not any((entry["number"], entry["tid"]) == (number, key) for entry in self.ledger):
                    self.ledger.append({"kind": "write_back", "number": number, "tid": key, "flag": flag})
            self.tmc.put("taobao_trade_TradeMemoModified", SHOP, {"tid": key, "seller_memo": memo, "action_type": "seller"})

    def _refuse(self, params: dict[str, str], error: TopError) -> Response:
        return sim_protocol.refusal(params, error, self._request_id())

    def _request_id(self) -> str:
        return f"{self.calls.total():012x}"

    def _whole(self, stream: str) -> dict[str, Any]:
        return self.api.members if stream == "member" else self.api.tags

    def _other(self, stream: str, number: int, at: datetime) -> str:
        """A member with a tag, or a tag."""
        if stream == "tag":
            self.api.tags[str(500 + number)] = Group(500 + number, f"标签{number}", made=at)
            return str(500 + number)
        member = Member(f"member {number}", ouid_of(SHOP, f"member {number}"), at, number % 5, [500 + number % 3])
        self.api.members[member.ouid] = member
        return member.ouid

    def _table(self, stream: str) -> Table:
        return self.trades if stream == "order" else self.refunds

    def _trade(self, number: int, modified: datetime) -> Row:
        return sim_data.trade(sim_data.invented(number, modified), SHOP, APP_KEY)

    def _refund(self, number: int, modified: datetime) -> Row:
        keys = list(self.trades.rows)
        of = self.trades.rows[keys[number % len(keys)]] if keys else self._trade(number, modified - timedelta(days=1))
        status, created = sim_data.refund_state(number), modified - timedelta(hours=1)
        return sim_data.refund(REFUNDS_FROM + 7_000_000 + number, of, 1000, status, created, modified, APP_KEY)


def _said(stream: str, key: str) -> tuple[str, dict[str, Any]]:
    """Topic and content of a message about a record."""
    if stream == "order":
        return "taobao_trade_TradeChanged", {"tid": int(key), "seller_nick": SHOP, "buyer_nick": "买**"}
    if stream == "refund":
        return "taobao_refund_RefundCreated", {"refund_id": int(key), "tid": 1, "oid": 1, "seller_nick": SHOP}
    if stream == "member":
        return "taobao_opencrm_MemberGradeChange", {"ouid": key, "grade": 2, "msg_id": "m-1"}
    raise ValueError(f"there are no messages about {stream}")
