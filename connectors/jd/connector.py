"""JD 京东 shops (POP) through the open platform JOS: orders, unpaid orders, refunds, after-sale refunds, members.

(docs: jos.jd.com commondoc listId=33 for calling and signing, listId=32 for tokens)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from connectors.base import Finding, Page, Record, Request, Source, Token, Verdict, Window
from connectors.checks import tried
from connectors.errors import AuthError, ConfigError, Gone, InvalidRecord, ReauthNeeded, UnknownAnswer
from connectors.http import Response, Runtime, judge
from connectors.jd import members, reading
from connectors.jd.answers import token_answer, understand
from connectors.jd.keys import KeyRing
from connectors.jd.opened import Opener
from connectors.jd.reading import LISTINGS
from connectors.jd.settings import JdConfig
from connectors.jd.walk import Place, Walk, counted, listed, text_of

RENEW_FROM = timedelta(hours=24)
"""A token is renewed inside the last day before its end: earlier counts against a monthly cap, later it is dead for good."""
WARN_BEFORE = timedelta(days=7)
REFRESH = "oauth2.refresh_token"
BODY = "360buy_param_json"
MOST_IDS = 50


def signature(secret: str, params: Mapping[str, str]) -> str:
    """MD5 over secret, names and values in byte order, secret; upper-case hex. (docs: commondoc listId=33)"""
    plain = "".join(name + params[name] for name in sorted(params))
    return hashlib.md5(f"{secret}{plain}{secret}".encode(), usedforsecurity=False).hexdigest().upper()


class Jd(Source):
    """A connected shop."""

    Config = JdConfig

    def __init__(self, config: JdConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.base_url = config.gateway
        self._xids: dict[str, str | None] = {}
        self._opener = Opener(config, KeyRing(config, self._call, self.clock, self.http.session), self._xid)

    # -- calling

    def sign(self, request: Request, token: Token | None) -> Request:
        """All parameters travel in the form: an address with a token in it would end up in logs on the way."""
        if request.name == REFRESH:
            return request
        params = {**(request.form or {}), "method": request.name, "app_key": self.config.app_key, "v": "2.0"}
        params["timestamp"] = text_of(self.clock())
        if token is not None:
            params["access_token"] = token.value
        return replace(request, form={**params, "sign": signature(self.config.app_secret, params)})

    def interpret(self, request: Request, response: Response) -> Verdict:
        """See ``answers``."""
        if request.name == REFRESH:
            return token_answer(response)
        return understand(partial(judge, self.manifest), request, response, self.clock())

    def _call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer under its root. A refusal by the service is asked for once more: some of them pass."""
        body = json.dumps(dict(sorted(params.items())), ensure_ascii=False, separators=(",", ":"))
        request = Request("POST", "/routerjson", form={BODY: body}, name=method)
        try:
            answer: dict[str, Any] = self.http.call(request)
        except Gone:
            raise
        except InvalidRecord:
            answer = self.http.call(request)
        return answer

    # -- authorisation

    def fetch_token(self) -> Token:
        """The configured token at first; its successor when it is about to end or the platform calls it invalid.

        Raises ReauthNeeded where none can be had: an expired token is not renewed. (docs: commondoc listId=32)
        """
        held, config = self.http.tokens.current(), self.config
        origin = hashlib.sha256(config.access_token.encode()).hexdigest()[:16]
        if held is None or held.extra.get("origin") != origin:
            return _token(config.access_token, config.refresh_token, origin, config.token_ends)
        ends = held.extra.get("ends")
        refresh_token = held.extra.get("refresh_token", "")
        if not refresh_token or (ends and self.clock() >= datetime.fromisoformat(ends)):
            raise ReauthNeeded("jd.reauth")
        query = {"app_key": config.app_key, "app_secret": config.app_secret, "grant_type": "refresh_token"}
        address = f"{config.oauth.rstrip('/')}/oauth2/refresh_token"
        asked = Request("GET", address, query={**query, "refresh_token": refresh_token}, auth=False, name=REFRESH)
        found = self.http.call(asked)
        try:
            until = self.clock() + timedelta(seconds=int(found["expires_in"]))
            return _token(str(found["access_token"]), str(found.get("refresh_token") or refresh_token), origin, until)
        except (KeyError, TypeError, ValueError):
            raise UnknownAnswer("jd.odd_answer", name=REFRESH) from None

    def _keep_token(self) -> None:
        held = self.http.tokens.current()
        if held is None or not held.extra.get("refresh_token") or not held.extra.get("ends"):
            return
        left = datetime.fromisoformat(held.extra["ends"]) - self.clock()
        if timedelta(0) < left <= RENEW_FROM:
            self.http.tokens.renew(held, self.fetch_token)

    # -- reading

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """The records of the window, or of the whole list; each with what it says once it is opened."""
        self._keep_token()
        found = (
            members.scan(self._listed, self._size("member"), resume)
            if stream == "member"
            else self._walk(stream, window, resume)
        )
        for page in found:
            yield replace(page, records=[self._opener.open(stream, row) for row in page.records])

    def _walk(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        how, size, now = LISTINGS[stream], self._size(stream), self.clock()
        window = window or _resumed(resume) or Window(now - reading.UNPAID_FOR, now)
        kinds = reading.order_kinds(window, now) if stream == "order" else list(how.kinds)

        def ask(kind: str, part: Window, page: int) -> tuple[list[Record], int]:
            holder = self._listed(how.method, how.params(self.config, kind, part, page, size)).get(how.holder)
            total = counted(holder, *how.totals)
            return listed(holder, how.rows, total), total

        yield from Walk(ask, kinds, window, size, how.most, how.key, how.known).pages(resume)

    def _size(self, stream: str) -> int:
        return self.manifest.streams[stream].page_size

    def _listed(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._call(method, params)
        except InvalidRecord as error:
            # A refused list is no matter of one record: the stream stops, and somebody looks.
            raise UnknownAnswer(error.key, code=error.code, request_id=error.request_id, name=method) from None

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """The record as it is now."""
        row = self._one(stream, key)
        return None if row is None else self._opener.open(stream, row)

    def _one(self, stream: str, key: str) -> Record | None:
        if stream == "refund":
            return self._refunds([key]).get(key)
        if stream == "member":
            return members.one(self._listed, key)
        if stream == "after_sale":
            order, _, number = key.partition("/")
            params = {"orderId": int(order), "pageNumber": 1, "pageSize": self._size(stream)}
            holder = self._listed(reading.BILLS, params).get("pageResult")
            rows = listed(holder, "data", counted(holder, "totalCount"))
            return next((row for row in rows if str(row.get("afsRefundId")) == number), None)
        return self._order(stream, key)

    def _order(self, stream: str, key: str) -> Record | None:
        method, holder = (reading.GET, "orderDetailInfo") if stream == "order" else (reading.UNPAID_ONE, "")
        params: dict[str, Any] = {"orderId": int(key)} if stream == "unpaid" else {"order_id": int(key)}
        if stream == "order":
            params["optional_fields"] = reading.order_fields(self.config)
        try:
            answer = self._call(method, params)
        except Gone:
            return None
        if stream == "unpaid":
            found = answer.get("orderDataNotPayInfo")
            return found if isinstance(found, dict) else None
        detail = answer.get(holder)
        if not isinstance(detail, dict) or not isinstance(detail.get("orderInfo"), dict):
            raise UnknownAnswer("jd.odd_answer", name=method)
        return dict(detail["orderInfo"])

    def fetch_many(self, stream: str, keys: Sequence[str]) -> Iterator[tuple[str, Record | None]]:
        """Refund applications come fifty at a time; everything else one by one."""
        if stream != "refund":
            yield from super().fetch_many(stream, keys)
            return
        for start in range(0, len(keys), MOST_IDS):
            part = keys[start : start + MOST_IDS]
            found = self._refunds(part)
            yield from ((key, self._opener.open(stream, found[key]) if key in found else None) for key in part)

    def _refunds(self, keys: Sequence[str]) -> dict[str, Record]:
        params = {"ids": ",".join(keys), "pageIndex": 1, "pageSize": MOST_IDS}
        holder = self._listed(reading.REFUNDS, params).get("queryResult")
        rows = listed(holder, "result", counted(holder, "totalCount"))
        return {str(row.get("id")): row for row in rows}

    def _xid(self, pin: str) -> str | None:
        """The newest id of a buyer known by his old one; None when JD gives none. Asked for once."""
        if pin not in self._xids:
            try:
                answer = self._call(reading.TO_XID, {"appKey": self.config.app_key, "mixPin": pin}).get("returnType")
            except (AuthError, ConfigError, InvalidRecord):
                answer = None  # an application without this right keeps the old id
            good = isinstance(answer, dict) and str(answer.get("code")) in ("0", "200") and answer.get("data")
            self._xids[pin] = str(answer["data"]) if good and isinstance(answer, dict) else None
        return self._xids[pin]

    # -- checking

    def check(self) -> list[Finding]:
        """Shop, clock, authorisation and its end, orders, refunds, members, keys."""
        window = Window(self.clock() - timedelta(minutes=10), self.clock())
        tests: list[tuple[str, str, Callable[[], Any]]] = [
            ("授权有效，且属于所填商家", "The authorisation is alive and is this vendor's", self._shop_agrees),
            ("可读取订单", "Orders can be read", lambda: next(self._walk("order", window, None))),
            ("可读取退款", "Refunds can be read", lambda: next(self._walk("refund", window, None))),
            ("可读取售后退款", "After-sale refunds can be read", lambda: next(self._walk("after_sale", window, None))),
            ("可读取会员", "Members can be read", lambda: self._listed(reading.SCAN, {"page_size": 1})),
            ("授权一周内不会到期", "The authorisation does not end within a week", self._not_ending),
        ]
        if self.config.invoices or self.config.consignee == "contact":
            tests.append(("可取得解密密钥", "The keys of encrypted fields can be had", self._opener.ring.keys))
        return [self._finding(*test) for test in tests]

    def _finding(self, zh: str, en: str, test: Callable[[], Any]) -> Finding:
        return tried(self.manifest.messages, zh, en, test, "jd.other")

    def _shop_agrees(self) -> None:
        shop = self._call(reading.SHOP, {}).get("shop_jos_result")
        if not isinstance(shop, dict) or str(shop.get("vender_id")) != self.config.vender_id:
            raise ConfigError("jd.other_shop")

    def _not_ending(self) -> None:
        ends = self.config.token_ends
        if ends and not self.config.refresh_token and ends - self.clock() < WARN_BEFORE:
            raise ConfigError("jd.ending")


def _token(value: str, refresh_token: str, origin: str, ends: datetime | None) -> Token:
    # No expires_in: a store forgets an ended token, and with it the refresh token and the knowledge that it has ended.
    extra = {"origin": origin, "refresh_token": refresh_token, "ends": ends.isoformat() if ends else ""}
    return Token(value, extra={name: text for name, text in extra.items() if text})


def _resumed(resume: str | None) -> Window | None:
    """The window of a walk that goes on: that of an unpaid walk is fixed when it begins."""
    place = Place.read(resume) if resume else None
    return Window(place.start, place.end) if place else None
