"""Work notices and the sign-in page of the DingTalk simulator. (docs: asyncsend_v2, obtain-identity-credentials)"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from connectors.dingtalk.sim_gate import CST, Refusal
from connectors.dingtalk.sim_people import People

AGENT = 2600000001
ROBOT_TOKEN = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"  # noqa: S105 - a made-up group
ROBOT_SECRET = "SEC000aaa111bbb222ccc333ddd444eee555fff666"  # noqa: S105
CODE_LIFE = timedelta(minutes=5)
MOST_DAILY = 500


class Desk:
    """shown: userid -> messages on the screen. group: what the robot said.

    registered: the addresses to which the sign-in page may send (None = any).
    """

    def __init__(self, client_id: str, secret: str, people: People, now: Callable[[], datetime]) -> None:
        self._client, self._people, self._now = (client_id, secret), people, now
        self.shown: dict[str, list[dict[str, str]]] = defaultdict(list)
        self.registered: set[str] | None = None
        self._seen: set[tuple[str, str, str]] = set()
        self._today: Counter[tuple[str, str]] = Counter()
        self._codes: dict[str, tuple[str, datetime]] = {}
        self._tokens: dict[str, str] = {}
        self._tasks = 0
        self.group: list[str] = []
        self._uuids: set[str] = set()
        self._said_at: list[datetime] = []
        self._silent: datetime | None = None

    # -- work notices

    def send(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST /topapi/message/corpconversation/asyncsend_v2: a task, whatever becomes of it.

        Dropped without a word: who is unknown, the same message again on one day, more than 500 a day.
        """
        if body.get("agent_id") != AGENT:
            raise Refusal(40035)
        receivers = str(body.get("userid_list") or "").split(",")
        message = body.get("msg")
        if not isinstance(message, dict) or not receivers[0] or len(receivers) > 100:
            raise Refusal(40035)
        text = json.dumps(message, sort_keys=True, ensure_ascii=False)
        if len(text.encode()) > 2048:
            raise Refusal(40035)
        day = f"{self._now().astimezone(CST):%Y-%m-%d}"
        for userid in receivers:
            fresh = (day, userid, text) not in self._seen and self._today[day, userid] < MOST_DAILY
            if userid in self._people.staff and fresh:
                self._seen.add((day, userid, text))
                self._today[day, userid] += 1
                self.shown[userid].append(_read(message))
        self._tasks += 1
        return {"task_id": 1_000_000 + self._tasks}

    # -- the group's robot

    def say(self, query: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        """POST /robot/send: its own token, a signature within the hour, 20 a minute and then ten minutes of silence."""
        now = self._now()
        if query.get("access_token") != ROBOT_TOKEN:
            raise Refusal(400101)
        stamp = query.get("timestamp", "")
        key = f"{stamp}\n{ROBOT_SECRET}"
        made = base64.b64encode(hmac.new(ROBOT_SECRET.encode(), key.encode(), "sha256").digest()).decode()
        if not stamp.isdigit() or abs(now.timestamp() * 1000 - int(stamp)) > 3_600_000 or query.get("sign") != made:
            raise Refusal(310000)
        if self._silent is not None and now < self._silent:
            raise Refusal(410100)
        self._said_at = [moment for moment in self._said_at if moment > now - timedelta(minutes=1)] + [now]
        if len(self._said_at) > 20:
            self._silent = now + timedelta(minutes=10)
            raise Refusal(410100)
        if body.get("msgtype") != "text" or not body["text"].get("content"):
            raise Refusal(400105)
        if body.get("msgUuid") not in self._uuids:
            self._uuids.add(str(body.get("msgUuid")))
            self.group.append(str(body["text"]["content"]))
        return {}

    # -- signing in

    def visit(self, url: str, member: str | None) -> str:
        """The address to which a person's browser is sent from the sign-in page at ``url``."""
        query = dict(parse_qsl(urlsplit(url).query))
        assert query["client_id"] == self._client[0] and query["response_type"] == "code" and "openid" in query["scope"]
        redirect = urlsplit(query["redirect_uri"])
        if self.registered is not None and query["redirect_uri"] not in self.registered:
            return url
        unionid = self._people.staff[member]["unionid"] if member else self._outsider()
        code = secrets.token_hex(16)
        self._codes[code] = (unionid, self._now() + CODE_LIFE)
        asked = "&".join(filter(None, (redirect.query, urlencode({"authCode": code, "state": query.get("state", "")}))))
        return redirect._replace(query=asked).geturl()

    def _outsider(self) -> str:
        """Somebody with a DingTalk account who is the organisation's external contact."""
        number = self._people.number()
        self._people.add_contact("外人", f"1310000{number:04d}", unionid=f"unOutside{number}")
        return f"unOutside{number}"

    def user_token(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST /v1.0/oauth2/userAccessToken: a code is good once."""
        if (body.get("clientId"), body.get("clientSecret")) != self._client:
            raise Refusal("invalidClientIdOrSecret", 400)
        unionid, until = self._codes.pop(str(body.get("code")), ("", self._now()))
        if body.get("grantType") != "authorization_code" or until <= self._now():
            raise Refusal("invalidParameter.authCode.notFound", 400)
        token = secrets.token_hex(16)
        self._tokens[token] = unionid
        return {"accessToken": token, "refreshToken": secrets.token_hex(16), "expireIn": 7200, "corpId": ""}

    def me(self, token: str) -> dict[str, Any]:
        """GET /v1.0/contact/users/me: with the person's own token in the header."""
        if token not in self._tokens:
            raise Refusal("InvalidAuthentication", 400)
        return {"nick": "某人", "openId": secrets.token_hex(8), "unionId": self._tokens[token], "stateCode": "86"}


def _read(message: Mapping[str, Any]) -> dict[str, str]:
    if message["msgtype"] == "oa":
        card = message["oa"]
        return {"title": card["body"]["title"], "text": card["body"]["content"], "url": card["message_url"]}
    title, _, text = message["text"]["content"].partition("\n")
    return {"title": title, "text": text, "url": ""}
