"""What the WeCom simulator does for people: mark_tag, app messages, and the sign-in page with its codes."""

from __future__ import annotations

import json
import secrets
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Response, request

from connectors.wecom.sim_gate import HOUR, MINUTE, App, Refusal
from connectors.wecom.sim_world import World

Answer = dict[str, Any]
Params = Mapping[str, Any]
AGENT = 1000002
MOST_TAGS, MOST_RECEIVERS = 3000, 1000
INSIDE = "/connect/oauth2/authorize"
CODE_LIFE = timedelta(minutes=5)
BODIES = {"text": {"content"}, "textcard": {"title", "description", "url", "btntxt"}}
SIZES = {"content": 2048, "title": 128, "description": 512, "url": 2048}
OPTIONS = {
    "touser", "toparty", "totag", "msgtype", "agentid", "safe", "enable_id_trans", "enable_duplicate_check",
    "duplicate_check_interval",
}  # fmt: skip


@dataclass
class _Code:
    member: str
    until: datetime
    wrong_domain: bool


@dataclass
class Desk:
    """Writes and sign-ins. shown: what each member has on the screen; dropped: messages over a member's limits.

    domain: the host that may be returned to, None = any. busy: relations that count as being written right now. outside:
    members of other corps by 'CorpId/userid', and outsiders, who get an openid, come by the empty id.
    """

    world: World
    domain: str | None = None
    busy: set[tuple[str, str]] = field(default_factory=set)
    shown: dict[str, list[dict[str, str]]] = field(default_factory=lambda: defaultdict(list))
    dropped: int = 0
    messages: int = 0
    _seen: dict[str, datetime] = field(default_factory=dict)
    _sent: dict[str, deque[datetime]] = field(default_factory=lambda: defaultdict(deque))
    _codes: dict[str, _Code] = field(default_factory=dict)

    # -- tags

    def mark_tag(self, app: App, params: Params) -> Answer:
        """Set semantics; nothing is made when any part is wrong. No event: it was not done in a client. (docs: path/92697)"""
        userid, external = params.get("userid"), params.get("external_userid")
        add, remove = params.get("add_tag") or [], params.get("remove_tag") or []
        if not userid or not external or not (add or remove):
            raise Refusal(40063)
        if not all(isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) for tags in (add, remove)):
            raise Refusal(40058)
        member = self.world.member(str(userid))
        if member is None or not app.sees(member.userid):
            raise Refusal(40003)
        relation = self.world.relations.get((member.userid, str(external)))
        if relation is None or relation.half:
            raise Refusal(84061)
        if (member.userid, str(external)) in self.busy:
            self.busy.discard((member.userid, str(external)))
            raise Refusal(45035)
        if any(tag not in self.world.tags or self.world.tags[tag].deleted for tag in (*add, *remove)):
            raise Refusal(40068)
        kept = [tag for tag in relation.tags if tag not in remove]
        tags = [*kept, *(tag for tag in dict.fromkeys(add) if tag not in kept)]
        if len(tags) > MOST_TAGS:
            raise Refusal(40058)
        relation.tags = tags
        return {}

    # -- messages

    def send(self, app: App, params: Params) -> Answer:
        """message/send. Unknown receivers are named in lower case and are no error while one is known. (docs: path/90236)"""
        body = self._body(app, params)
        asked = str(params.get("touser") or "").split("|")
        if not any(asked):
            raise Refusal(82001)
        if len(asked) > MOST_RECEIVERS:
            raise Refusal(40058)
        everybody = [member.userid for member in self.world.staff.values() if app.sees(member.userid)]
        known = everybody if asked == ["@all"] else [member for userid in asked if (member := self._receiver(app, userid))]
        if not known:
            raise Refusal(81013)
        self.messages += 1
        if not self._repeated(params):
            for member in dict.fromkeys(known):
                self._show(member, body)
        lost = [userid.lower() for userid in asked if asked != ["@all"] and not self._receiver(app, userid)]
        return {"invaliduser": "|".join(lost), "invalidparty": "", "invalidtag": "", "msgid": f"msg{self.messages:08d}"}

    def _body(self, app: App, params: Params) -> dict[str, str]:
        kind = str(params.get("msgtype"))
        if not isinstance(params.get("agentid"), int) or params["agentid"] != app.agent:
            raise Refusal(301002)
        body = params.get(kind)
        if kind not in BODIES or set(params) - OPTIONS - {kind} or not isinstance(body, dict) or set(body) - BODIES[kind]:
            raise Refusal(40058)
        if not all(body.get(part) for part in BODIES[kind] - {"btntxt"}):
            raise Refusal(40063)
        return {part: str(text).encode()[: SIZES.get(part, 64)].decode("utf-8", "ignore") for part, text in body.items()}

    def _receiver(self, app: App, userid: str) -> str:
        member = self.world.member(userid)
        return member.userid if member and app.sees(member.userid) else ""

    def _repeated(self, params: Params) -> bool:
        """Whether the identical request was taken within the interval that it asks to be looked at."""
        if not params.get("enable_duplicate_check"):
            return False
        now, text = self.world.now(), json.dumps(params, sort_keys=False, ensure_ascii=False)
        before = self._seen.get(text)
        span = timedelta(seconds=min(int(params.get("duplicate_check_interval", 1800)), 14400))
        if before is not None and now - before < span:
            return True
        self._seen[text] = now
        return False

    def _show(self, member: str, body: dict[str, str]) -> None:
        now, sent = self.world.now(), self._sent[member]
        while sent and sent[0] <= now - HOUR:
            sent.popleft()
        if sum(moment > now - MINUTE for moment in sent) >= 30 or len(sent) >= 1000:
            self.dropped += 1
            return
        sent.append(now)
        title, _, text = body.get("content", "").partition("\n")
        part = {"title": body.get("title", title), "text": body.get("description", text), "url": body.get("url", "")}
        self.shown[member].append(part)

    # -- sign-in

    def page(self, corp_id: str) -> Response:
        """The page with the code to scan, or the one that nobody sees inside the client; here a list of the members, and of
        somebody from outside, to choose from."""
        query = request.args.to_dict()
        known = query.get("login_type") == "CorpApp" or request.path == INSIDE
        if not known or query.get("appid") != corp_id or query.get("agentid") != str(AGENT):
            return Response("unknown app", status=400)
        if "as" in query:
            member = query.pop("as")
            return Response(status=302, headers={"Location": self.back(query, member)})
        members = [("", "外部人员 / an outsider"), *((m.userid, m.name) for m in self.world.staff.values() if m.present)]
        lines = [f'<li><a href="?{urlencode({**query, "as": userid})}">{name} {userid}</a></li>' for userid, name in members]
        return Response(f"<!doctype html><meta charset=utf-8><h1>企业微信 WeCom</h1><ul>{''.join(lines)}</ul>")

    def visit(self, url: str, corp_id: str, member: str | None) -> str:
        """The address to which a person's browser is sent from the sign-in page at ``url``."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        if parts.path == INSIDE:
            return self._inside(query, parts.fragment, corp_id, member or "")
        assert query["login_type"] == "CorpApp" and query["appid"] == corp_id and query["agentid"] == str(AGENT), "another app"
        return self.back(query, member or "")

    def _inside(self, query: Mapping[str, str], fragment: str, corp_id: str, member: str) -> str:
        """The same inside the client: nothing is shown. The state is letters and digits, 128 at most. (docs: path/91022)"""
        assert fragment == "wechat_redirect", "the fragment is mandatory"
        assert query["response_type"] == "code" and query["scope"] in ("snsapi_base", "snsapi_privateinfo")
        assert query["appid"] == corp_id and (query["scope"] == "snsapi_base" or query.get("agentid") == str(AGENT))
        assert len(query["state"]) <= 128 and query["state"].isascii() and query["state"].isalnum(), "a state that is refused"
        return self.back(query, member)

    def back(self, query: Mapping[str, str], member: str) -> str:
        """The return address with a fresh code. A wrong domain is told only when the code is used (50001)."""
        code = secrets.token_urlsafe(32)
        redirect = urlsplit(query["redirect_uri"])
        wrong = self.domain is not None and redirect.netloc != self.domain
        self._codes[code] = _Code(member, self.world.now() + CODE_LIFE, wrong)
        asked = "&".join(filter(None, (redirect.query, urlencode({"code": code, "state": query.get("state", "")}))))
        return redirect._replace(query=asked).geturl()

    def getuserinfo(self, app: App, params: Params) -> Answer:
        """auth/getuserinfo: a code works once, for five minutes; outsiders get an openid and errcode 0. (docs: path/98177)"""
        found = self._codes.pop(str(params.get("code") or ""), None)
        if found is None or found.until <= self.world.now():
            raise Refusal(40029)
        if found.wrong_domain:
            raise Refusal(50001)
        if not found.member:
            return {"openid": "oOutsider0001", "external_userid": "wmOutsider0001"}
        # Also of members outside the app's visible range.
        return {"userid": found.member}
