"""Taobao / Tmall shops through TOP: orders and refunds by modification time, members and their tags.

(docs: developer.alibaba.com articleId 101617 for calling and signing, 120961 for open_uid; apiId 128, 54, 52, 53, 25387)
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from connectors.base import (
    Document,
    Finding,
    Listener,
    Opened,
    Outcome,
    Page,
    PlatformEvent,
    RawRequest,
    Receipt,
    Record,
    Request,
    Sink,
    Source,
    Token,
    Verdict,
    Window,
)
from connectors.checks import tried
from connectors.errors import AuthError, BadSignature, ConfigError, InvalidRecord, ReauthNeeded, UnknownAnswer
from connectors.http import Response, Runtime, interpret_by_table
from connectors.sockets import Socket
from connectors.taobao import memo, tmc
from connectors.taobao.queue import Queue
from connectors.taobao.reading import BEIJING, Reader, text_of
from connectors.taobao.settings import TaobaoConfig

RENEW_BEFORE = timedelta(days=2)
WARN_BEFORE = timedelta(days=14)
CLOCK_OFF = timedelta(minutes=5)
_BAN = re.compile(r"ban will last for (\d+)", re.IGNORECASE)


def signature(secret: str, params: Mapping[str, str], method: str) -> str:
    """Upper-case hex over name+value of the parameters in code-point order. (docs: articleId 101617)"""
    plain, key = "".join(name + params[name] for name in sorted(params)).encode(), secret.encode()
    if method == "md5":
        return hashlib.md5(key + plain + key, usedforsecurity=False).hexdigest().upper()
    return hmac.new(key, plain, {"hmac": "md5", "hmac-sha256": "sha256"}[method]).hexdigest().upper()


class Taobao(Source, Listener, Sink):
    """A connected shop. What its messages say is a hint to read a record again; the lists are read all the same."""

    Config = TaobaoConfig

    def __init__(self, config: TaobaoConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.base_url = config.gateway
        self._reader = Reader(self._call, config.app_kind, lambda stream: self.manifest.streams[stream].page_size, self.clock)

    # -- calling

    def sign(self, request: Request, token: Token | None) -> Request:
        """All parameters travel in the form: an address with a session in it would end up in logs on the way."""
        config, params = self.config, {**(request.form or {}), "method": request.name, "format": "json", "v": "2.0"}
        params |= {"app_key": config.app_key, "timestamp": text_of(self.clock()), "sign_method": config.sign_method}
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
        """The records modified in the window, or all members and tags. See ``Reader``."""
        self._keep_session()
        yield from self._reader.pages(stream, window, resume)

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """The record as it is now; orders not older than three months."""
        return self._reader.one(stream, key)

    # -- writing

    def find(self, document: Document) -> Receipt | None:
        """Whether the order's memo holds the number. See ``memo``."""
        return memo.find(self._call, document)

    def send(self, document: Document) -> Receipt:
        """Add the number to the order's memo, and set the flag where the account wants one."""
        return memo.send(self._call, self._write, document, self.config.memo_flag)

    def _write(self, method: str, params: Mapping[str, str]) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.call(Request("POST", "/router/rest", form=params, name=method, write=True))
        return answer

    # -- messages

    def open(self, request: RawRequest) -> Opened:
        """TOP calls no address of ours: whoever does is a stranger."""
        raise BadSignature

    def events(self, opened: Opened) -> list[PlatformEvent]:
        """The order, refund or member that a message is about."""
        return tmc.events(opened.payload or {}, self.config.shop)

    def listens(self) -> bool:
        """Whether the account wants the message service."""
        return bool(self.config.messages != "off")

    def listen(self) -> Generator[Opened | None, Outcome, None]:
        """Permit the shop's messages, and hear them: over a connection, or by asking. (docs: articleId 101663)"""
        self._keep_session()
        queue = self._queue()
        queue.enter()
        if self.config.messages == "pull":
            yield from queue.hear()
            return
        socket = Socket(self.config.message_channel, name=tmc.NAME, plain=True)
        try:
            channel = tmc.Channel(socket, self.clock)
            channel.connect(self.config.app_key, self.config.app_secret, self.config.message_group)
            yield from channel.hear()
        finally:
            socket.close()

    def _queue(self) -> Queue:
        return Queue(self._call, self.config.shop, self.config.message_group, self.config.message_pause)

    # -- checking

    def check(self) -> list[Finding]:
        """Clock, application, authorisation and its end, shop, and the permission packages of what this kind may see."""
        refunds = ("可读取退款", "Refunds can be read", lambda: self._reader.probe("refund"))
        return [
            self._finding("本机时钟与平台一致", "The clock agrees with the platform's", self._clock_agrees),
            self._finding("授权有效，且属于所填店铺", "The authorisation is alive and is this shop's", self._shop_agrees),
            self._finding("可读取订单", "Orders can be read", lambda: self._reader.probe("order")),
            *([] if self.config.app_kind == "crm" else [self._finding(*refunds)]),
            self._finding("可读取会员", "Members can be read", lambda: self._reader.probe("member")),
            *(
                [self._finding("可使用消息服务", "The message service can be used", self._queue().probe)]
                if self.listens()
                else []
            ),
            self._finding("授权两周内不会到期", "The authorisation does not end within two weeks", self._not_ending),
        ]

    def _finding(self, zh: str, en: str, test: Callable[[], Any]) -> Finding:
        return tried(self.manifest.messages, zh, en, test, "taobao.other")

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
        if ends and self.config.app_kind != "service_market" and ends - self.clock().astimezone(BEIJING).date() < WARN_BEFORE:
            raise ConfigError("taobao.ending")


def _ban(message: str) -> float | None:
    """Seconds of "This ban will last for N more seconds", with some jitter so that workers do not come back at once."""
    found = _BAN.search(message)
    return int(found[1]) + random.uniform(0.1, 1.0) if found else None  # noqa: S311
