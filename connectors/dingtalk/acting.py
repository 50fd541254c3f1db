"""What DingTalk does for people: labels on external contacts, work notices to staff, sign-in of staff in the browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from connectors import errors
from connectors.base import Request
from connectors.dingtalk import robot
from connectors.dingtalk.calls import TOKEN_HEADER, DingTalkCalls
from connectors.people import Notice, Notifier, SignIn, TagChange, TagWriter

MOST_LABELS = 20
UNCHANGEABLE = frozenset({"userid", "mobile", "state_code", "label_ids", "unionid"})
"""Of an external contact; what else it has goes out again as it came, since what is left away may be lost."""
RECEIVERS = 100
"""Of one work notice."""
LONGEST = 2000
"""Bytes of a notice's text; the whole message may have 2048."""
STAFF = 0
LONGEST_CODE = 512


class Labelling(DingTalkCalls, TagWriter):
    """Labels of an external contact are written as a whole: read, changed, written."""

    def write_tags(self, change: TagChange) -> None:
        """The labels of a contact. (docs: update-external-contacts)"""
        found = self.old("topapi/extcontact/get", {"user_id": change.key}).get("result")
        if not found:
            raise errors.Gone
        if not all(label.isdigit() for label in change.add):
            raise errors.Rejected("dingtalk.unknown_label")
        before = {str(label) for label in found.get("label_ids") or []}
        after = (before | change.add) - change.remove
        if after == before:
            return
        if len(after) > MOST_LABELS:
            raise errors.Rejected("dingtalk.too_many_labels")
        rest = {name: value for name, value in found.items() if name not in UNCHANGEABLE}
        contact = {**rest, "user_id": change.key, "label_ids": sorted(int(label) for label in after)}
        self.write("topapi/extcontact/update", {"contact": contact})


class Notifying(DingTalkCalls, Notifier):
    """Work notices: the same message is shown once a day to each person, and a wrong receiver is dropped without a word."""

    def notify(self, notice: Notice) -> list[str]:
        """Whether a member exists is asked beforehand, for the answer to a notice does not say it. (docs: asyncsend_v2)"""
        if not self.config.agent_id:
            raise errors.ConfigError("dingtalk.no_agent")
        known = [member for member in notice.to if "," not in member and self._exists(member)]
        for start in range(0, len(known), RECEIVERS):
            part = known[start : start + RECEIVERS]
            body = {"agent_id": int(self.config.agent_id), "userid_list": ",".join(part), "msg": content(notice)}
            self.write("topapi/message/corpconversation/asyncsend_v2", body, counted=True)
        if self.config.robot_token:
            self._repeat_in_group(notice)
        return [member for member in notice.to if member not in set(known)]

    def _repeat_in_group(self, notice: Notice) -> None:
        """The group's robot says it too. When that breaks off the whole notice is sent again, and shown once in both places."""
        timestamp = int(self.clock().timestamp() * 1000)
        query = {"access_token": self.config.robot_token}
        if self.config.robot_secret:
            query |= {"timestamp": str(timestamp), "sign": robot.signature(self.config.robot_secret, timestamp)}
        path, body = f"{self.config.oapi_base.rstrip('/')}/robot/send", robot.message(notice)
        self.http.call(Request("POST", path, query=query, json=body, auth=False, write=True, name="robot/send"))

    def _exists(self, member: str) -> bool:
        try:
            self.old("topapi/v2/user/get", {"userid": member})
        except (errors.Gone, errors.InvalidRecord):
            return False
        return True


class SigningIn(DingTalkCalls, SignIn):
    """OAuth of an internal app; whoever signs in must be a member of this organisation. (docs: obtain-identity-credentials)"""

    def sign_in_url(self, redirect: str, state: str) -> str:
        """DingTalk's page; ``redirect`` must be registered with the app."""
        query = {"redirect_uri": redirect, "response_type": "code", "client_id": self.config.client_id, "scope": "openid"}
        return f"{self.config.login_base.rstrip('/')}/oauth2/auth?{urlencode({**query, 'state': state, 'prompt': 'consent'})}"

    def signed_in(self, query: Mapping[str, str]) -> str:
        """The userid of the member. It comes back as ``authCode``. External contacts of the organisation are no members."""
        code = query.get("authCode", "")
        if not code or len(code.encode()) > LONGEST_CODE:
            raise errors.SignInRefused
        try:
            person = self._person(code)
            found = self.old("topapi/user/getbyunionid", {"unionid": str(person.get("unionId") or "")})["result"]
        except (errors.RecordError, errors.UnknownAnswer) as error:
            raise errors.SignInRefused(code=error.code, request_id=error.request_id) from None
        # A number that some answers write as a text.
        if str(found.get("contact_type")) != str(STAFF) or not found.get("userid"):
            raise errors.SignInRefused("dingtalk.outsider")
        return str(found["userid"])

    def _person(self, code: str) -> Mapping[str, Any]:
        body = {"clientId": self.config.client_id, "clientSecret": self.config.client_secret}
        body |= {"code": code, "grantType": "authorization_code"}
        path = "v1.0/oauth2/userAccessToken"
        token = self.http.call(Request("POST", path, json=body, auth=False))["accessToken"]
        headers = {TOKEN_HEADER: str(token)}
        person: Mapping[str, Any] = self.http.call(Request("GET", "v1.0/contact/users/me", headers=headers, auth=False))
        return person


def content(notice: Notice) -> dict[str, Any]:
    """The message. The same notice gives the same bytes, and another one others: the platform shows equal ones once a day."""
    title, text = cut(notice.title, 200), cut(notice.text, LONGEST - 600)
    if notice.url:
        head = {"bgcolor": "FF3370FF", "text": f"联枢 {notice.key}"}
        return {"msgtype": "oa", "oa": {"message_url": notice.url, "head": head, "body": {"title": title, "content": text}}}
    return {"msgtype": "text", "text": {"content": cut("\n".join(filter(None, (title, text, f"#{notice.key}"))), LONGEST)}}


def cut(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, whole characters, with a mark where something is missing."""
    data = text.encode()
    return text if len(data) <= most else data[: most - 3].decode("utf-8", "ignore") + "…"
