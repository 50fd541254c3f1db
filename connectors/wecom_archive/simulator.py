"""The chat archive on loopback: the REST half, and the stand-in for the vendor's library. Refuses what WeCom refuses."""

from __future__ import annotations

import base64
import json
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, request

from connectors.sandbox import Simulator
from connectors.story import Story
from connectors.wecom_archive import sim_callback, sim_story
from connectors.wecom_archive.sim_world import Agreement, Archive, Said, pem, unscramble

CORP_ID = "ww0123456789abcdef"
SECRET = "sandbox-secret-of-the-chat-archive-01"  # noqa: S105 - a made-up corp
TEXTS = {
    40001: "invalid credential", 40013: "invalid corpid", 40014: "invalid access_token", 40035: "invalid parameter",
    40058: "invalid argument", 40063: "some parameters are empty", 41001: "access_token missing", 41004: "corpsecret missing",
    45009: "api freq out of limit", 301042: "ip not in the list of the archive", 301052: "the archive has expired",
    301058: "the answer is too big", 301060: "too many items",
}  # fmt: skip
PART = 512 * 1024
LINES = ("最近有什么优惠吗", "报价单能发我一下吗", "这个型号的交期多久", "谢谢,我们内部讨论一下", "发票开专票可以吗")
STAFF = ("sales_wang", "sales_li")


class Refusal(Exception):
    """The call is refused with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class WeComArchiveSimulator(Simulator):
    """The simulator. archive: what was said. closed: a code with which everything is refused (301052, 301042).

    biggest: so many messages in one answer are too many (301058). per_minute: calls of GetChatData.
    """

    name = "wecom_archive"

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.archive = Archive(self.now)
        self.closed, self.biggest, self.per_minute, self.served = 0, 1000, 600, 0
        self.inits: list[str] = []
        self._tokens: dict[str, datetime] = {}
        self._sessions: dict[str, int] = {}
        self._asked: deque[datetime] = deque()
        super().__init__(now)

    # -- the platform

    def routes(self, app: Flask) -> None:
        """The REST half below /cgi-bin/, the library's functions below /finance/; any other path is an empty 404."""
        app.add_url_rule("/cgi-bin/<path:name>", view_func=self._rest, methods=["GET", "POST"])
        app.add_url_rule("/finance/<name>", view_func=self._library, methods=["POST"])
        app.register_error_handler(404, lambda error: Response(b"", status=404))

    def _rest(self, name: str) -> Response:
        answers: dict[str, tuple[str, Callable[[Mapping[str, Any]], dict[str, Any]], dict[str, Any]]] = {
            "gettoken": ("GET", self._gettoken, {}),
            "msgaudit/get_permit_user_list": ("POST", self._seats, {"ids": []}),
            "msgaudit/check_single_agree": ("POST", self._single, {"agreeinfo": []}),
            "msgaudit/check_room_agree": ("POST", self._room, {"agreeinfo": []}),
        }
        if name not in answers:
            return Response(b"", status=404)
        method, answer, empty = answers[name]
        try:
            if name != "gettoken":
                self._admit(request.args.get("access_token", ""))
            if request.method != method:
                raise Refusal(40035)
            with self.lock:
                body = answer(self._params())
        except Refusal as refusal:
            return self._json({"errcode": refusal.code, "errmsg": TEXTS[refusal.code], **empty})
        return self._json({"errcode": 0, "errmsg": "ok", **body})

    @staticmethod
    def _params() -> dict[str, Any]:
        if request.method == "GET":
            return request.args.to_dict()
        try:
            body = json.loads(request.get_data() or b"{}")
        except ValueError:
            raise Refusal(40035) from None
        if not isinstance(body, dict):
            raise Refusal(40035)
        return body

    def _gettoken(self, query: Mapping[str, Any]) -> dict[str, Any]:
        if not query.get("corpsecret"):
            raise Refusal(41004)
        if query.get("corpid") != CORP_ID:
            raise Refusal(40013)
        if query["corpsecret"] != SECRET:
            raise Refusal(40001)
        token = secrets.token_urlsafe(80)
        self._tokens[token] = self.now() + timedelta(seconds=7200)
        return {"access_token": token, "expires_in": 7200}

    def _admit(self, token: str) -> None:
        if not token:
            raise Refusal(41001)
        if self._tokens.get(token, self.now()) <= self.now():
            raise Refusal(40014)
        if self.closed:
            raise Refusal(self.closed)

    def _seats(self, params: Mapping[str, Any]) -> dict[str, Any]:
        if params.get("type", 1) not in (1, 2, 3) or set(params) - {"type"}:
            raise Refusal(40058)
        return {"ids": list(self.archive.seats)}

    def _single(self, params: Mapping[str, Any]) -> dict[str, Any]:
        asked = params.get("info")
        if not isinstance(asked, list) or not asked or set(params) != {"info"}:
            raise Refusal(40063)
        if len(asked) > 100:
            raise Refusal(301060)
        if any(set(item) != {"userid", "exteranalopenid"} for item in asked):
            raise Refusal(40058)
        found = []
        for item in asked:
            agreement = self.archive.pairs.get((item["userid"], item["exteranalopenid"]))
            if agreement is not None:
                found.append({"userid": item["userid"], **_told(item["exteranalopenid"], agreement)})
        return {"agreeinfo": found}

    def _room(self, params: Mapping[str, Any]) -> dict[str, Any]:
        if not params.get("roomid") or set(params) != {"roomid"}:
            raise Refusal(40063)
        return {"agreeinfo": [_told(who, agreement) for who, agreement in self.archive.rooms.get(params["roomid"], {}).items()]}

    # -- the stand-in for the library

    def _library(self, name: str) -> Response:
        asked = request.get_json(force=True)
        if name == "Init":
            self.inits.append(asked["corpid"])
            session = secrets.token_hex(8)
            right = (asked["corpid"], asked["secret"]) == (CORP_ID, SECRET)
            self._sessions[session] = 0 if right else 40001 if asked["corpid"] == CORP_ID else 40013
            return self._json({"ret": 0, "session": session})
        if asked.get("session") not in self._sessions:
            return self._json({"ret": 10000})
        functions = {"GetChatData": self._chat_data, "DecryptData": self._decrypt, "GetMediaData": self._media}
        with self.lock:
            return self._json(functions[name](asked))

    def _chat_data(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if not 1 <= asked["limit"] <= 1000:
            return {"ret": 10000}
        code = self._sessions[asked["session"]] or self.closed or self._too_often()
        rows = [] if code else [self.archive.sealed(item) for item in self.archive.living(asked["seq"], asked["limit"])]
        if len(rows) > self.biggest:
            code, rows = 301058, []
        if self.faults.after_page:
            self.served += 1
            self.faults.after_page("GetChatData", self.served)
        body = {"errcode": code, "errmsg": TEXTS.get(code, "ok"), "chatdata": rows}
        return {"ret": 0, "data": json.dumps(body, ensure_ascii=False)}

    def _too_often(self) -> int:
        now = self.now()
        while self._asked and self._asked[0] <= now - timedelta(minutes=1):
            self._asked.popleft()
        self._asked.append(now)
        return 45009 if len(self._asked) > self.per_minute else 0

    @staticmethod
    def _decrypt(asked: Mapping[str, Any]) -> dict[str, Any]:
        """An empty ciphertext aborts the native library's whole process; a wrong key is 10008."""
        if not asked["body"]:
            return {"ret": 0, "abort": True}
        try:
            plain = unscramble(asked["key"], asked["body"])
        except ValueError:
            return {"ret": 10006}
        return {"ret": 10008} if plain is None else {"ret": 0, "data": plain}

    def _media(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        file = self.archive.files.get(asked["file"])
        if file is None:
            return {"ret": 10005}
        first = int(asked["index"] or 0)
        part = file[first : first + PART]
        done = first + len(part) >= len(file)
        return {"ret": 0, "data": base64.b64encode(part).decode(), "index": str(first + len(part)), "finished": done}

    @staticmethod
    def _json(answer: Mapping[str, Any]) -> Response:
        return Response(json.dumps(answer, ensure_ascii=False), content_type="application/json; charset=UTF-8")

    # -- steering

    def settings(self, base_url: str) -> dict[str, Any]:
        """An account connected to this archive; it has the keys of two versions."""
        keys = f"1:{pem(1)}\n2:{pem(2)}"
        callback = {"callback_token": sim_callback.TOKEN, "callback_aes_key": sim_callback.AES_KEY}
        return {"corp_id": CORP_ID, "secret": SECRET, "private_keys": keys, "api_base": base_url, **callback}

    def throttled(self) -> Response:
        """45009: over REST with HTTP 200, from the library inside its JSON. Init itself is not limited."""
        body = {"errcode": 45009, "errmsg": TEXTS[45009]}
        if request.path.endswith("/Init"):
            return self._library("Init")
        return self._json({"ret": 0, "data": json.dumps(body)} if request.path.startswith("/finance/") else body)

    def populate(self, stream: str, count: int, *, start: datetime, step: timedelta) -> list[str]:
        """Messages of customers who agreed (every fifth in a room), or customers with one message each."""
        with self.lock:
            make = {"message": self._message_at, "consent": self._consent_at}[stream]
            return [make(i, start + i * step) for i in range(count)]

    def _message_at(self, i: int, at: datetime) -> str:
        staff, customer = STAFF[i % 2], f"wmArchive{i % 10:04d}"
        self._serve(staff, customer, at)
        text = {"msgtype": "text", "text": {"content": LINES[i % len(LINES)]}}
        if i % 5 == 4:
            self.archive.rooms.setdefault("wrArchiveRoom", {})[customer] = Agreement("Agree", int(at.timestamp()))
            return str(self.archive.put({"from": customer, "tolist": [staff], "roomid": "wrArchiveRoom", **text}, at=at).seq)
        sender, receiver = (customer, staff) if i % 3 else (staff, customer)
        return str(self.archive.put({"from": sender, "tolist": [receiver], "roomid": "", **text}, at=at).seq)

    def _serve(self, staff: str, customer: str, at: datetime) -> None:
        if staff not in self.archive.seats:
            self.archive.seats.append(staff)
        if (staff, customer) not in self.archive.pairs:
            self.archive.agree(staff, customer, at=at)

    def _consent_at(self, i: int, at: datetime) -> str:
        customer = f"wmAsked{self.archive.number():06d}"
        self._serve(STAFF[0], customer, at)
        self.archive.put(
            {"from": customer, "tolist": [STAFF[0]], "roomid": "", "msgtype": "text", "text": {"content": "好"}}, at=at
        )
        return f"staff/{STAFF[0]}/{customer}"

    def touch(self, stream: str, key: str) -> None:
        """A customer answers anew. What was said stays said, and rests on the newer answer."""
        with self.lock:
            if stream == "consent":
                self.archive.answer(*self._pair(key), "Agree")
                return
            payload = self._said(key).payload
            staff = next(who for who in (payload["from"], *payload["tolist"]) if who in self.archive.seats)
            customer = payload["tolist"][0] if payload["from"] == staff else payload["from"]
            self.archive.agree(staff, customer)

    def remove(self, stream: str, key: str) -> None:
        """The five days are over; the customer is no longer one."""
        with self.lock:
            if stream == "message":
                self.archive.said.remove(self._said(key))
            else:
                del self.archive.pairs[self._pair(key)]

    def spoil(self, stream: str, key: str) -> None:
        """A time that is none."""
        if stream == "message":
            self._said(key).payload["msgtime"] = "昨天"
        else:
            self.archive.pairs[self._pair(key)].changed = "昨天"

    def add_field(self, stream: str, key: str, name: str, value: Any) -> None:
        """A field nobody knows."""
        extra = self._said(key).extra if stream == "message" else self.archive.pairs[self._pair(key)].extra
        extra[name] = value

    def _said(self, key: str) -> Said:
        return next(item for item in self.archive.said if item.seq == int(key))

    @staticmethod
    def _pair(key: str) -> tuple[str, str]:
        _, staff, customer = key.split("/")
        return staff, customer

    def push(self, url: str, stream: str, key: str, *, forged: bool = False) -> int:
        """There is something new, or a customer has agreed."""
        now = self.now()
        said = sim_callback.notify(CORP_ID, now)
        if stream == "consent":
            said = sim_callback.approved(CORP_ID, now, *self._pair(key))
        return sim_callback.send(url, CORP_ID, said, now, forged=forged)

    def kill_tokens(self) -> None:
        """All REST tokens are dead: 40014. The library has a token of its own."""
        self._tokens.clear()

    def play(self, story: Story) -> None:
        """See ``Simulator.play``."""
        sim_story.play(self.archive, story)

    def live(self, story: Story, url: str) -> None:
        """See ``Simulator.live``."""
        sim_story.live(self.archive, story)
        if url:
            self.push(url, "message", "")


def _told(customer: str, agreement: Agreement) -> dict[str, Any]:
    said = {"status_change_time": agreement.changed, "agree_status": agreement.status}
    return {"exteranalopenid": customer, **said, **agreement.extra}
