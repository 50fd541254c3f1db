"""企业微信 WeCom: the staff who serve customers, their customers with remarks and tags, the corp's tags, and change events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from pydantic import model_validator

from connectors import errors
from connectors.base import (
    Config,
    EventSource,
    Finding,
    Opened,
    Page,
    PlatformEvent,
    RawRequest,
    Record,
    Request,
    Source,
    Token,
    Verdict,
    Window,
    setting,
)
from connectors.http import Response, interpret_by_table
from connectors.schemes import CallbackCipher
from connectors.wecom import callback, shape
from connectors.wecom.check import Checks
from connectors.wecom.walk import CHUNK, CustomerWalk

STAFF_PAGE = 20
CUSTOMER_PAGE = 100
"""Larger limits are clamped to this. (docs: path/96316)"""
IP_BLOCK = 3600.0
"""Seconds for which gettoken shuts an address out after many wrong secrets. (docs: path/90312)"""

UNUSABLE = {"aes_key": "wecom.callback_aes_key", "receiver": "wecom.callback_receiver"}
_MESSAGE = re.compile(r"^(?P<text>.*?)(, hint: \[(?P<hint>[^\]]*)\])?(?P<ip>, from ip: [^,]*)?(, more info at .*)?$", re.DOTALL)


class WeComConfig(Config):
    """A self-built app (自建应用) of the company's own corp."""

    corp_id: str = setting(
        "企业 ID",
        "Corp ID",
        where_zh="管理后台 → 我的企业 → 企业信息 → 企业 ID",
        where_en="Admin console → My company → Company information → Corp ID",
        min_length=4,
        pattern=r"^[A-Za-z0-9_-]+$",
    )
    secret: str = setting(
        "自建应用的 Secret",
        "Secret of the self-built app",
        where_zh="管理后台 → 应用管理 → 自建 → 应用详情 → Secret(不是“客户联系”或“通讯录同步”的 Secret)",
        where_en="Admin console → Apps → Self-built → the app → Secret (not that of Customer Contact or Contacts Sync)",
        secret=True,
        min_length=8,
    )
    callback_token: str = setting(
        "回调 Token",
        "Callback token",
        where_zh="应用详情 → 接收消息 → 设置 API 接收 → Token",
        where_en="The app → Receive messages → Set API reception → Token",
        secret=True,
        default="",
        pattern=r"^[A-Za-z0-9]{0,32}$",
    )
    callback_aes_key: str = setting(
        "回调 EncodingAESKey",
        "Callback EncodingAESKey",
        where_zh="应用详情 → 接收消息 → 设置 API 接收 → EncodingAESKey(43 位)",
        where_en="The app → Receive messages → Set API reception → EncodingAESKey (43 characters)",
        secret=True,
        default="",
        pattern=r"^([A-Za-z0-9]{43})?$",
    )
    open_account: str = setting(
        "微信开放平台账号",
        "WeChat open platform account",
        where_zh="客户联系 → 客户 → API 绑定的微信开发者账号;各平台填同一个名字,unionid 才能互相对上。默认为企业 ID",
        where_en="The WeChat developer account bound under Customer Contact; give all platforms bound to it the same name, "
        "so that their unionids match. Default: the corp ID",
        default="",
        advanced=True,
    )
    api_base: str = setting(
        "接口地址",
        "API address",
        default="https://qyapi.weixin.qq.com",
        advanced=True,
        pattern=r"^https?://[^/]+/?$",
    )

    @model_validator(mode="before")
    @classmethod
    def _own_open_account(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("open_account"):
            return {**values, "open_account": values.get("corp_id", "")}
        return values


class WeCom(Source, EventSource):
    """One corp as one self-built app sees it: only staff inside the app's visible range exist."""

    Config = WeComConfig
    config: WeComConfig

    def __init__(self, config: WeComConfig, runtime: Any) -> None:
        self.base_url = config.api_base.rstrip("/") + "/cgi-bin/"
        super().__init__(config, runtime)

    # -- calls

    def fetch_token(self) -> Token:
        """A token for this app; never repeated on a wrong secret, which would get our address blocked. (docs: path/91039)"""
        query = {"corpid": self.config.corp_id, "corpsecret": self.config.secret}
        body = self.http.call(Request("GET", "gettoken", query=query, auth=False))
        return Token(body["access_token"], expires_in=float(body["expires_in"]))

    def sign(self, request: Request, token: Token | None) -> Request:
        """The token goes into the query and nowhere else: in a header or the body it counts as missing (41001)."""
        return replace(request, query={**request.query, "access_token": token.value}) if token else request

    def interpret(self, request: Request, response: Response) -> Verdict:
        """The table, plus the trace id inside the message and the one-hour block of gettoken that shares code 45009."""
        verdict = interpret_by_table(self.manifest, response)
        found = _MESSAGE.match(verdict.message)
        if found:
            text = found["text"] + (found["ip"] or "")
            verdict = replace(verdict, message=text, request_id=found["hint"])
        if request.path == "gettoken" and verdict.code == "45009":
            return replace(verdict, wait=IP_BLOCK, hint="wecom.address_blocked")
        return verdict

    # -- reading

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """Everything there is: WeCom knows no changed-since filter for any of these. (docs: path/92109)"""
        if stream == "customer":
            return CustomerWalk(self._batch, self._follow_users(), resume).pages()
        return self._staff(resume) if stream == "staff" else self._tags()

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """The record as ``pages`` would give it; None when WeCom says it is gone, or out of the app's sight."""
        read: Callable[[str], Record | None] = {"customer": self._pair, "staff": self._member, "tag": self._tag}[stream]
        try:
            return read(key)
        except errors.Gone:
            return None

    def _follow_users(self) -> list[str]:
        return list(self.http.get("externalcontact/get_follow_user_list").get("follow_user") or [])

    def _batch(self, staff: Sequence[str], cursor: str, limit: int = CUSTOMER_PAGE) -> dict[str, Any]:
        body = {"userid_list": list(staff), "cursor": cursor, "limit": limit}
        answer: dict[str, Any] = self.http.post("externalcontact/batch/get_by_user", body)
        return answer

    def _staff(self, resume: str | None) -> Iterator[Page]:
        left = [userid for userid in sorted(self._follow_users()) if userid > (resume or "")]
        while True:
            chunk, left = left[:STAFF_PAGE], left[STAFF_PAGE:]
            members = [self.fetch_one("staff", userid) for userid in chunk]
            resume = chunk[-1] if chunk else resume
            yield Page([member for member in members if member is not None], resume, last=not left)
            if not left:
                return

    def _tags(self) -> Iterator[Page]:
        body = self.http.post("externalcontact/get_corp_tag_list", {"tag_id": [], "group_id": []})
        yield Page(list(shape.tags(body)), last=True)

    def _member(self, userid: str) -> Record:
        return shape.member(self.http.get("user/get", userid=userid))

    def _tag(self, tag_id: str) -> Record | None:
        if not tag_id:
            return None
        body = self.http.post("externalcontact/get_corp_tag_list", {"tag_id": [tag_id]})
        return next((tag for tag in shape.tags(body) if tag.get("id") == tag_id), None)

    def _pair(self, key: str) -> Record | None:
        userid, _, external_userid = key.rpartition("/")
        query = {"external_userid": external_userid}
        while True:
            body = self.http.get("externalcontact/get", **query)
            for follower in body.get("follow_user") or []:
                # userids compare without case. (docs: path/90196)
                if str(follower.get("userid")).lower() == userid.lower():
                    follow = shape.follow_info(follower)
                    return shape.pair({"external_contact": body.get("external_contact"), "follow_info": follow})
            if not body.get("next_cursor") or body["next_cursor"] == query.get("cursor"):
                return None
            query["cursor"] = body["next_cursor"]

    # -- events

    def open(self, request: RawRequest) -> Opened:
        """A handshake (GET with echostr) is answered with the decrypted text; a push is opened. (docs: path/90930)"""
        query = request.query
        # An unescaped plus arrives as a blank where a proxy has re-encoded the query; base64 has no blanks.
        echo = query.get("echostr", "").replace(" ", "+")
        encrypted = echo if request.method == "GET" else callback.encrypted(request.body)
        plain = self._decrypt(query, encrypted)
        if request.method == "GET":
            return Opened(plaintext=plain, answer=plain)
        found = callback.fields(plain)
        return Opened(plaintext=plain, payload=found, dedup_key=callback.digest(plain))

    def events(self, opened: Opened) -> list[PlatformEvent]:
        """Customer and tag changes; an empty record key means that the stream as a whole is to be read again."""
        return callback.platform_events(opened.payload or {})

    def _decrypt(self, query: Any, encrypted: str) -> bytes:
        if not self.config.callback_token or not self.config.callback_aes_key:
            raise errors.BadPush("wecom.callback_unset")
        cipher = CallbackCipher(self.config.callback_token, self.config.callback_aes_key, self.config.corp_id)
        place = (query.get("msg_signature", ""), query.get("timestamp", ""), query.get("nonce", ""))
        try:
            return cipher.open(*place, encrypted)
        except errors.BadPush as error:
            raise errors.BadPush(UNUSABLE[error.params["field"]]) from None

    # -- check

    def check(self) -> list[Finding]:
        """Token, trusted address, customer-contact right, visible staff, licences, directory, tags, callback settings."""
        checks = Checks(self.manifest.messages)
        # A wrong secret must not be tried again and again, so nothing else is asked without a token.
        if checks.ask("token", lambda: self.http.get("get_api_domain_ip")) is None:
            return checks.findings
        staff = checks.ask("customer_contact", self._follow_users)
        if staff is not None:
            checks.staff(len(staff))
        if staff:
            checks.ask("customers", lambda: self._batch(staff[:CHUNK], "", limit=1))
            checks.ask("directory", lambda: self._member(staff[0]))
        if staff is not None:
            checks.ask("tags", lambda: list(self._tags()))
        checks.callback(self.config.callback_token, self.config.callback_aes_key)
        return checks.findings
