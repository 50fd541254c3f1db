"""企业微信 WeCom: staff who serve customers, customers with remarks and tags, the corp's tags, groups, change events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from connectors import errors
from connectors.base import EventSource, Finding, Opened, Page, PlatformEvent, RawRequest, Record, Source, Window
from connectors.callbacks import Callback
from connectors.wecom import callback, shape
from connectors.wecom.acting import Notifying, SigningIn, TagWriting
from connectors.wecom.approvals import ApprovalReading
from connectors.wecom.calls import WeComCalls
from connectors.wecom.check import TEXTS, Checks
from connectors.wecom.groups import AT, GroupReading, newest
from connectors.wecom.handing import HandingOver
from connectors.wecom.walk import CHUNK, CustomerWalk

STAFF_PAGE = 20
CUSTOMER_PAGE = 100
"""Larger limits are clamped to this. (docs: path/96316)"""


class WeCom(GroupReading, ApprovalReading, TagWriting, Notifying, SigningIn, HandingOver, WeComCalls, Source, EventSource):
    """One corp as one self-built app sees it: only staff inside the app's visible range exist."""

    # -- reading

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """Approvals: submitted in the window. The rest: all there is: no filter knows changes. (docs: path/92109)"""
        if stream == "customer":
            return CustomerWalk(self._batch, self._follow_users(), resume).pages()
        if stream == "approval":
            assert window is not None
            return self._approvals(window, resume)
        if stream == "group":
            return self._groups(self._follow_users, resume)
        return self._staff(resume) if stream == "staff" else self._tags()

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """The record as ``pages`` would give it; None when WeCom says it is gone, or out of the app's sight."""
        read: dict[str, Callable[[str], Record | None]] = {
            "customer": self._pair,
            "staff": self._member,
            "tag": self._tag,
            "group": self._chat,
            "approval": lambda key: self._approval(key) if self.config.templates else None,
        }
        try:
            return read[stream](key)
        except errors.Gone:
            return None

    def fetch_many(self, stream: str, keys: Sequence[str]) -> Iterator[tuple[str, Record | None]]:
        """As everywhere; the key of a tag group stands for its tags, each given under its own key; that of a group chat may
        name the member version that its event has announced."""
        for key in newest(keys) if stream == "group" else keys:
            if stream == "tag" and key.startswith(callback.GROUP):
                yield from self._group(key.removeprefix(callback.GROUP))
            else:
                yield key.partition(AT)[0] if stream == "group" else key, self.fetch_one(stream, key)

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
        body = self.http.post("externalcontact/get_corp_tag_list", {"tag_id": [tag_id]})
        return next((tag for tag in shape.tags(body) if tag.get("id") == tag_id), None)

    def _group(self, group_id: str) -> Iterator[tuple[str, Record | None]]:
        try:
            body = self.http.post("externalcontact/get_corp_tag_list", {"group_id": [group_id]})
        except errors.Gone:
            return
        living = {str(tag.get("id")): tag for tag in shape.tags(body)}
        for group in body.get("tag_group") or []:
            for tag in group.get("tag") or []:
                yield str(tag.get("id")), living.get(str(tag.get("id")))

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
        config = self.config
        return Callback("wecom", config.callback_token, config.callback_aes_key, config.corp_id, callback.APPROVAL).open(
            request
        )

    def events(self, opened: Opened) -> list[PlatformEvent]:
        """Customer, tag and group changes; a tag group becomes a key that ``fetch_many`` takes for all its tags."""
        return callback.platform_events(opened.payload or {})

    # -- check

    def check(self) -> list[Finding]:
        """Token, trusted address, customer-contact right, visible staff, licences, directory, tags, callback settings."""
        checks = Checks(self.manifest.messages, TEXTS)
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
        for template in self.config.templates if staff is not None else ():
            checks.template(template, checks.ask("approvals", partial(self._check_template, template)))
        checks.agent(self.config.agent_id)
        checks.callback("wecom.callback_unset", self.config.callback_token, self.config.callback_aes_key)
        return checks.findings
