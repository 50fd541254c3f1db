"""What WeCom does for people: tags on customers, app messages to staff, sign-in of staff in the browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from connectors import errors
from connectors.base import Request
from connectors.people import Notice, Notifier, SignIn, TagChange, TagWriter
from connectors.wecom.calls import WeComCalls

UNKNOWN_TAG = "40068"
NOT_TAKEN = ("40058", "40063")
"""WeCom says that the change itself is wrong: too many tags on the relation, for one. (docs: path/92697)"""
NOBODY = "81013"
RECEIVERS = 1000
"""Of one message. (docs: path/90236)"""
SAME_FOR = 14400
"""Seconds for which an identical message is not shown again; the most there is."""
CARD_TITLE, CARD_TEXT, TEXT = 128, 512, 2048
"""Bytes; what is longer is cut by WeCom without a word, so it is cut here with a mark."""
LONGEST_CODE = 512
CLIENT = "wxwork"
"""In the User-Agent of WeCom's client on every system."""


class TagWriting(WeComCalls, TagWriter):
    """mark_tag: sets of corp tags on one relation of a member and a customer."""

    def write_tags(self, change: TagChange) -> None:
        """One call; the budget keeps a second one from running beside it (45035). (docs: path/92697)"""
        userid, _, external_userid = change.key.rpartition("/")
        body: dict[str, Any] = {"userid": userid, "external_userid": external_userid}
        # An empty list beside a filled one is left out, since two empty ones are an error.
        body |= {name: sorted(tags) for name, tags in (("add_tag", change.add), ("remove_tag", change.remove)) if tags}
        try:
            self.http.call(Request("POST", "externalcontact/mark_tag", json=body, write=True))
        except errors.Gone as error:
            if error.code == UNKNOWN_TAG:
                raise errors.Rejected("wecom.unknown_tag", code=error.code, request_id=error.request_id) from None
            raise
        except (errors.ConfigError, errors.InDoubt) as error:
            if error.code in NOT_TAKEN:
                raise errors.Rejected("wecom.tags_refused", code=error.code, request_id=error.request_id) from None
            raise


class Notifying(WeComCalls, Notifier):
    """message/send of the app: an identical body is shown once, a wrong receiver is named and is no error."""

    def notify(self, notice: Notice) -> list[str]:
        """A card where there is an address, else a text. (docs: path/90236)"""
        agent = self.agent()
        # A separator inside an id, or the word for everybody, would reach other people than those meant.
        known = [member for member in notice.to if "|" not in member and not member.startswith("@")]
        missed = set(notice.to) - set(known)
        for start in range(0, len(known), RECEIVERS):
            part = known[start : start + RECEIVERS]
            answer = self._send({"touser": "|".join(part), "agentid": agent, **content(notice)})
            # They come back in lower case. (docs: path/90236)
            lost = {
                name for field in ("invaliduser", "unlicenseduser") for name in str(answer.get(field) or "").lower().split("|")
            }
            missed |= set(part) if answer.get("nobody") else {member for member in part if member.lower() in lost}
        return [member for member in notice.to if member in missed]

    def _send(self, message: dict[str, Any]) -> dict[str, Any]:
        body = {**message, "enable_duplicate_check": 1, "duplicate_check_interval": SAME_FOR}
        try:
            answer: dict[str, Any] = self.http.call(Request("POST", "message/send", json=body, write=True))
        except errors.Gone as error:
            if error.code != NOBODY:
                raise
            return {"nobody": True}
        return answer


class SigningIn(WeComCalls, SignIn):
    """Web sign-in of a self-built app. (docs: path/98171, path/98177)"""

    def sign_in_url(self, redirect: str, state: str) -> str:
        """WeCom's page; the host of ``redirect`` must be the app's trusted or callback domain."""
        query = {"login_type": "CorpApp", "appid": self.config.corp_id, "agentid": str(self.agent()), "redirect_uri": redirect}
        return f"{self.config.login_base.rstrip('/')}/wwlogin/sso/login?{urlencode({**query, 'state': state})}"

    def inside_url(self, redirect: str, state: str, user_agent: str) -> str | None:
        """Inside WeCom's client the person is known: nothing is shown, the browser comes straight back. (docs: path/91022)"""
        if CLIENT not in user_agent.lower():
            return None
        query = {"appid": self.config.corp_id, "redirect_uri": redirect, "response_type": "code", "scope": "snsapi_base"}
        query |= {"state": state, "agentid": str(self.agent())}
        # Without the fragment the page shows an error.
        return f"{self.config.inside_base.rstrip('/')}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"

    def signed_in(self, query: Mapping[str, str]) -> str:
        """The member's userid. Somebody from outside has an openid in an answer of errcode 0; of a linked corp's member the
        userid begins with that corp's id."""
        code = query.get("code", "")
        if not code or len(code.encode()) > LONGEST_CODE:
            raise errors.SignInRefused
        try:
            answer = self.http.get("auth/getuserinfo", code=code)
        except errors.InvalidRecord as error:
            raise errors.SignInRefused(code=error.code, request_id=error.request_id) from None
        corp, _, userid = str(answer.get("userid") or "").rpartition("/")
        if not userid or corp not in ("", self.config.corp_id):
            raise errors.SignInRefused("wecom.outsider")
        return userid


def content(notice: Notice) -> dict[str, Any]:
    """The message's own part: the same notice gives the same bytes, on which the duplicate check rests."""
    title, text = plain(notice.title), plain(notice.text)
    if notice.url:
        card = {"title": cut(title, CARD_TITLE), "description": cut(text or title, CARD_TEXT), "url": notice.url}
        return {"msgtype": "textcard", "textcard": card}
    return {"msgtype": "text", "text": {"content": cut(f"{title}\n{text}" if text else title, TEXT)}}


def plain(text: str) -> str:
    """The text with its angle brackets made harmless: cards and texts understand some markup, notices have none."""
    return text.replace("<", "＜").replace(">", "＞")


def cut(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, whole characters, with a mark where something is missing."""
    data = text.encode()
    if len(data) <= most:
        return text
    return data[: most - 3].decode("utf-8", "ignore") + "…"
