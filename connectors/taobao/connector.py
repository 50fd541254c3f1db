"""Taobao / Tmall shops through TOP: orders and refunds by modification time, one shop an account.

(docs: developer.alibaba.com articleId 101617 for calling and signing, 120961 for open_uid; apiId 128, 54, 52, 53, 25387)
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

from connectors.base import Finding, Page, Record, Request, Source, Token, Verdict, Window
from connectors.errors import AuthError, ConfigError, ConnectorError, Gone, InvalidRecord, ReauthNeeded, UnknownAnswer
from connectors.http import Response, Runtime, interpret_by_table
from connectors.taobao.settings import TaobaoConfig

BEIJING = timezone(timedelta(hours=8))
SPAN = timedelta(days=1)
"""The longest window that a list call takes. (docs: apiId 128)"""
WALKS = 3
"""How often one window is walked at most when late rows keep coming into it."""
RENEW_BEFORE = timedelta(days=2)
WARN_BEFORE = timedelta(days=14)
CLOCK_OFF = timedelta(minutes=5)
_BAN = re.compile(r"ban will last for (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Listing:
    """How a stream is listed, and how one record of it is read. outer, inner: the doubly wrapped list in the answer."""

    method: str
    one: str
    key: str
    outer: str
    inner: str
    fields: str


# Types beyond the default ones are left out in silence unless they are named; guarantee_trade stands for fixed and
# auction. This is every value the platform lists. (docs: apiId 46, 128)
TYPES = (
    "guarantee_trade,fixed,auction,step,independent_simple_trade,independent_shop_trade,auto_delivery,ec,cod,game_equipment,"
    "shopex_trade,netcn_trade,external_trade,instant_trade,b2c_cod,hotel_trade,super_market_trade,super_market_cod_trade,"
    "taohua,waimai,o2o_offlinetrade,nopaid,eticket,tmall_i18n,insurance_plus,finance,pre_auth_type"
)
# Receiver name, phone and street are not asked for: they come masked, and the receiver need not be the buyer.
LISTINGS = {
    "order": Listing(
        "taobao.trades.sold.increment.get", "taobao.trade.fullinfo.get", "tid", "trades", "trade",
        "tid,status,type,created,pay_time,consign_time,end_time,modified,payment,total_fee,discount_fee,adjust_fee,post_fee,"
        "received_payment,step_trade_status,step_paid_fee,seller_nick,buyer_nick,buyer_open_uid,receiver_state,"
        "receiver_city,receiver_district,orders",
    ),
    "refund": Listing(
        "taobao.refunds.receive.get", "taobao.refund.get", "refund_id", "refunds", "refund",
        "refund_id,tid,oid,status,refund_fee,total_fee,payment,created,modified,order_status,good_status,has_good_return,"
        "reason,refund_phase,dispute_type,num,title,outer_id,sku,seller_nick,buyer_open_uid,ouid",
    ),
}  # fmt: skip


def signature(secret: str, params: Mapping[str, str], method: str) -> str:
    """Upper-case hex over name+value of the parameters in code-point order. (docs: articleId 101617)"""
    plain, key = "".join(name + params[name] for name in sorted(params)).encode(), secret.encode()
    if method == "md5":
        return hashlib.md5(key + plain + key, usedforsecurity=False).hexdigest().upper()
    return hmac.new(key, plain, {"hmac": "md5", "hmac-sha256": "sha256"}[method]).hexdigest().upper()


class Taobao(Source):
    """A connected shop. Orders and refunds are listed in windows and paged from the last page to the first."""

    Config = TaobaoConfig

    def __init__(self, config: TaobaoConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.base_url = config.gateway

    # -- calling

    def sign(self, request: Request, token: Token | None) -> Request:
        """All parameters travel in the form: an address with a session in it would end up in logs on the way."""
        config, params = self.config, {**(request.form or {}), "method": request.name, "format": "json", "v": "2.0"}
        params |= {"app_key": config.app_key, "timestamp": _text(self.clock()), "sign_method": config.sign_method}
        if token is not None:
            params["session"] = token.value
        return replace(request, form={**params, "sign": signature(config.app_secret, params, config.sign_method)})

    def interpret(self, request: Request, response: Response) -> Verdict:
        """Errors come with HTTP 200; any other status, and anything but TOP's JSON, is a passing fault of the gateway."""
        if response.status not in (200, 429):
            return Verdict("retry", code=f"http {response.status}", wait=response.retry_after)
        verdict = interpret_by_table(self.manifest, response)
        body = verdict.body
        if verdict.action == "throttle":
            return replace(verdict, wait=_ban(verdict.message) or verdict.wait)
        if verdict.action != "ok":
            return verdict
        root = request.name.removeprefix("taobao.").replace(".", "_") + "_response"
        if isinstance(body, dict) and isinstance(body.get(root), dict):
            return replace(verdict, body=body[root])
        # The simplified form lacks the root. An answer with neither comes from somebody in between, not from TOP.
        return verdict if isinstance(body, dict) and "request_id" in body else Verdict("retry", code="not a TOP answer")

    def _call(self, method: str, params: Mapping[str, str], *, auth: bool = True) -> dict[str, Any]:
        # Official SDKs disagree on whether an empty parameter is signed, so none is ever sent.
        form = {name: value for name, value in params.items() if value}
        answer: dict[str, Any] = self.http.call(Request("POST", "/router/rest", form=form, auth=auth, name=method))
        return answer

    # -- authorisation

    def fetch_token(self) -> Token:
        """The configured session at first; once that is dead or about to end, its successor, where this kind of app has one.

        Raises ReauthNeeded where it has none. (docs: apiId 25387)
        """
        held, config = self.http.tokens.current(), self.config
        origin = hashlib.sha256(config.session.encode()).hexdigest()[:16]
        if held is None or held.extra.get("origin") != origin:
            ends = datetime.combine(config.session_ends, time(), BEIJING) if config.session_ends else None
            return self._token(config.session, config.refresh_token, origin, ends)
        refresh_token = held.extra.get("refresh_token", "")
        if config.app_kind != "service_market" or not refresh_token:
            raise ReauthNeeded("taobao.reauth")
        try:
            answer = self._call("taobao.top.auth.token.refresh", {"refresh_token": refresh_token}, auth=False)
        except (AuthError, InvalidRecord) as error:
            raise ReauthNeeded("taobao.reauth", code=error.code, request_id=error.request_id) from None
        try:
            found = json.loads(answer["token_result"])
            ends = self.clock() + timedelta(seconds=int(found["expires_in"]))
            return self._token(str(found["access_token"]), str(found.get("refresh_token") or refresh_token), origin, ends)
        except (KeyError, TypeError, ValueError):
            raise UnknownAnswer("taobao.odd_answer", name="taobao.top.auth.token.refresh") from None

    def _token(self, value: str, refresh_token: str, origin: str, ends: datetime | None) -> Token:
        # No expires_in: a store forgets an ended token, and with it the refresh token, which the next renewal needs.
        extra = {"origin": origin}
        if refresh_token:
            extra["refresh_token"] = refresh_token
        if ends:
            now = self.clock()
            extra["renew_at"] = (ends - min(RENEW_BEFORE, max((ends - now) / 2, timedelta(0)))).isoformat()
        return Token(value, extra=extra)

    def _keep_session(self) -> None:
        # A refresh token may end together with its session: renew well before, for after 27 it can be too late.
        held = self.http.tokens.current()
        if held is None or self.config.app_kind != "service_market" or not held.extra.get("refresh_token"):
            return
        renew_at = held.extra.get("renew_at")
        if renew_at and self.clock() >= datetime.fromisoformat(renew_at):
            self.http.tokens.renew(held, self.fetch_token)

    # -- reading

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """The records modified in the window. resume: 'part/page/total': which slice of a day, the next page, rows counted."""
        if window is None:
            raise ValueError(f"stream {stream!r} is read by windows")
        self._keep_session()
        parts = list(_parts(window))
        done, page_no, total = (int(number) for number in resume.split("/")) if resume else (0, 0, 0)
        if done >= len(parts):
            yield Page([], last=True)
        for part in range(done, len(parts)):
            for records, next_no, counted in self._walk(stream, parts[part], page_no, total):
                mark = f"{part}/{next_no}/{counted}" if next_no else f"{part + 1}/0/0"
                yield Page(records, resume=mark, last=not next_no and part == len(parts) - 1)
            page_no = total = 0

    def _walk(self, stream: str, part: Window, page_no: int, before: int) -> Iterator[tuple[list[Record], int, int]]:
        """Pages from the last to the first: (records, next page to read or 0, rows counted).

        The list is newest first and bounded by the window's end, so a row that changes meanwhile leaves it and the rest
        move towards page 1: reading backwards meets them again, reading forwards would miss one. (docs: apiId 128)
        Late rows push the other way, onto pages already read; page 1 is therefore read with the total, and when that
        has grown, the window is walked again.
        """
        size = self.manifest.streams[stream].page_size
        total = self._total(self._list(stream, part, fields=LISTINGS[stream].key, page_size="1", use_has_next="false"))
        last = -(-total // size)
        page_no = min(page_no, last) if page_no and total <= before else last
        if not last:
            yield [], 0, 0
        walks = 1
        while page_no:
            counting = str(page_no > 1).lower()
            answer = self._list(stream, part, page_no=str(page_no), page_size=str(size), use_has_next=counting)
            page_no -= 1
            if not page_no and walks < WALKS and (now := self._total(answer)) > max(total, size):
                walks, total, page_no = walks + 1, now, -(-now // size)
            yield _rows(answer, LISTINGS[stream]), page_no, total

    def _list(self, stream: str, part: Window, **params: str) -> dict[str, Any]:
        how = LISTINGS[stream]
        bounds = {"start_modified": _text(part.start), "end_modified": _text(part.end)}
        try:
            return self._call(how.method, {"fields": how.fields, "type": TYPES, **bounds, **params})
        except InvalidRecord as error:
            # A refused list call is no matter of one record: the stream stops, and somebody looks.
            raise UnknownAnswer(error.key, code=error.code, request_id=error.request_id, name=how.method) from None

    @staticmethod
    def _total(answer: Mapping[str, Any]) -> int:
        try:
            return int(answer["total_results"])
        except (KeyError, TypeError, ValueError):
            raise UnknownAnswer("taobao.odd_answer", name="total_results") from None

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """The order (not older than three months) or refund as it is now."""
        how = LISTINGS[stream]
        try:
            found: Record | None = self._call(how.one, {"fields": how.fields, how.key: key}).get(how.inner)
        except Gone:
            return None
        return found

    # -- checking

    def check(self) -> list[Finding]:
        """Clock, application, authorisation and its end, shop, and the permission packages of both streams."""
        window = Window(self.clock() - timedelta(minutes=10), self.clock())
        return [
            self._finding("本机时钟与平台一致", "The clock agrees with the platform's", self._clock_agrees),
            self._finding("授权有效，且属于所填店铺", "The authorisation is alive and is this shop's", self._shop_agrees),
            self._finding("可读取订单", "Orders can be read", lambda: self._list("order", window, page_size="1")),
            self._finding("可读取退款", "Refunds can be read", lambda: self._list("refund", window, page_size="1")),
            self._finding("授权两周内不会到期", "The authorisation does not end within two weeks", self._not_ending),
        ]

    def _finding(self, zh: str, en: str, test: Callable[[], Any]) -> Finding:
        try:
            test()
        except ConnectorError as error:
            text = self.manifest.messages.get(error.key) or self.manifest.messages["taobao.other"]
            return Finding(zh, en, False, f"{text.zh}{text.fix_zh}", f"{text.en} {text.fix_en}", error.code)
        return Finding(zh, en, True)

    def _clock_agrees(self) -> None:
        said = str(self._call("taobao.time.get", {}, auth=False).get("time"))
        try:
            theirs = datetime.fromisoformat(said).replace(tzinfo=BEIJING)
        except ValueError:
            raise UnknownAnswer("taobao.odd_answer", name="taobao.time.get") from None
        if abs(theirs - self.clock()) > CLOCK_OFF:
            raise ConfigError("taobao.clock")

    def _shop_agrees(self) -> None:
        user = self._call("taobao.user.seller.get", {"fields": "nick"}).get("user")
        if not isinstance(user, dict) or user.get("nick") != self.config.shop:
            raise ConfigError("taobao.other_shop")

    def _not_ending(self) -> None:
        ends = self.config.session_ends
        if ends and self.config.app_kind == "back_office" and ends - self.clock().astimezone(BEIJING).date() < WARN_BEFORE:
            raise ConfigError("taobao.ending")


def _text(moment: datetime) -> str:
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _parts(window: Window) -> Iterator[Window]:
    """The window in whole seconds, rounded outwards, cut into slices that a list call takes."""
    start = window.start.astimezone(UTC).replace(microsecond=0)
    end = (window.end.astimezone(UTC) + timedelta(microseconds=999_999)).replace(microsecond=0)
    end = max(end, start + timedelta(seconds=1))
    while start < end:
        yield Window(start, min(start + SPAN, end))
        start += SPAN


def _rows(answer: Mapping[str, Any], how: Listing) -> list[Record]:
    """The records; an empty list is an absent key, and the simplified form lacks the inner one."""
    rows = answer.get(how.outer) or []
    return list(rows.get(how.inner) or [] if isinstance(rows, dict) else rows)


def _ban(message: str) -> float | None:
    """Seconds of "This ban will last for N more seconds", with some jitter so that workers do not come back at once."""
    found = _BAN.search(message)
    return int(found[1]) + random.uniform(0.1, 1.0) if found else None  # noqa: S311
