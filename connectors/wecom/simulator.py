"""A WeCom corp on loopback: tokens, customer contact, tags, directory, callbacks; refuses what WeCom refuses.

Where the behaviour of the real platform is not documented the stricter one is chosen: a member outside the visible range
refuses a whole batch (40003), a batch of members without customers answers 84061, a dead cursor is a wrong argument.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, request

from connectors.sandbox import Simulator
from connectors.story import Story
from connectors.wecom import sim_story
from connectors.wecom.sim_api import Answer, Api
from connectors.wecom.sim_approvals import TEMPLATE, Approvals
from connectors.wecom.sim_callback import Sender, event_xml
from connectors.wecom.sim_gate import App, Gate, Limits, Refusal, refusal_text
from connectors.wecom.sim_groups import Chats
from connectors.wecom.sim_handing import Transfers
from connectors.wecom.sim_paths import Path, paths
from connectors.wecom.sim_people import AGENT, Desk
from connectors.wecom.sim_world import Event, World

CORP_ID = "ww0123456789abcdef"
SECRET = "sandbox-app-secret-of-the-self-built-app-01"  # noqa: S105 - a made-up corp
CALLBACK_TOKEN = "HubTok2026"  # noqa: S105
CALLBACK_KEY = "Zx8Kq2Lm5Np7Rt9Vw1Yb3Cd6Ef0Gh4Jk8Ls2Mn5Pq7B"
"""Not canonical base64, as keys made in the console often are."""
NAMES = ("阿明", "Lin 女士", "陈先生😀", "北辰采购", "小满")


class WeComSimulator(Simulator):
    """The simulator. world: the corp's records; api, gate, limits, sender: how they are answered, guarded and pushed.

    work: seconds that each call takes, during which it counts as running in parallel with others.
    """

    name = "wecom"

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.world = World(self.now)
        self.api = Api(self.world)
        self.chats = Chats(self.world)
        self.desk = Desk(self.world)
        self.approvals = Approvals(self.world)
        self.transfers = Transfers(self.world, self.chats)
        self.gate = Gate(CORP_ID, self.now)
        self.app_grant = self.gate.add(App(SECRET, AGENT))
        self.limits = Limits(self.now)
        self.sender = Sender(CORP_ID, CALLBACK_TOKEN, CALLBACK_KEY, self.now)
        self.refusals, self.pages, self.work = 0, 0, 0.0
        super().__init__(now)
        self.transfers.ledger = self.ledger.append

    # -- the platform

    def routes(self, app: Flask) -> None:
        """Everything below /cgi-bin/; any other path is a 404 with an empty body."""
        self.paths = paths(self)
        app.add_url_rule("/cgi-bin/<path:name>", view_func=self._answer, methods=["GET", "POST"])
        for path in ("/wwlogin/sso/login", "/connect/oauth2/authorize"):
            app.add_url_rule(path, path, lambda: self.desk.page(CORP_ID))
        app.register_error_handler(404, lambda error: Response(b"", status=404))
        app.register_error_handler(405, lambda error: Response(b"", status=404))

    def _answer(self, name: str) -> Response:
        path = self.paths.get(name)
        address = request.remote_addr or ""
        if path is None and name != "gettoken":
            return Response(b"", status=404)
        try:
            with self.limits.hold(name):
                time.sleep(self.work)
                with self.lock:
                    self.transfers.settle()
                    body = self._called(path, address) if path else self.gate.issue(request.args, address)
            answer = {"errcode": 0, "errmsg": "ok", **body}
        except Refusal as refusal:
            self.refusals += 1
            text = refusal_text(refusal.code, self.refusals, address)
            answer = {"errcode": refusal.code, "errmsg": text, **(path.empty if path else {})}
        if self.faults.after_page and answer.keys() & {"external_contact_list", "group_chat_list", "sp_no_list"}:
            self.pages += 1
            self.faults.after_page(name, self.pages)
        return self._json(answer)

    def _called(self, path: Path, address: str) -> Answer:
        app = self.gate.admit(request.args.get("access_token", ""), address)
        self._check_right(path, app)
        if request.method != path.method:
            raise Refusal(40035)
        params = self._params(path)
        if set(params) - path.params:
            raise Refusal(40058)
        return path.answer(app, params)

    @staticmethod
    def _check_right(path: Path, app: App) -> None:
        """The sync and archive secrets open nothing of this; the sync secret reads no member details. (docs: path/96067)"""
        if path.right == "customer_contact" and (app.kind != "self_built" or not app.customer_contact):
            raise Refusal(48002)
        if path.right == "directory" and app.kind != "self_built":
            raise Refusal(48009 if app.kind == "contacts_sync" else 48002)

    @staticmethod
    def _params(path: Path) -> dict[str, Any]:
        query = {name: value for name, value in request.args.items() if name not in ("access_token", "debug")}
        if path.method == "GET":
            return query
        try:
            body = json.loads(request.get_data() or b"{}")
        except ValueError:
            raise Refusal(40035) from None
        if not isinstance(body, dict) or query:
            raise Refusal(40035)
        return body

    @staticmethod
    def _json(answer: Answer) -> Response:
        return Response(json.dumps(answer, ensure_ascii=False), content_type="application/json; charset=UTF-8")

    # -- steering

    def settings(self, base_url: str) -> dict[str, Any]:
        """An account connected to this corp."""
        return {
            "corp_id": CORP_ID,
            "secret": SECRET,
            "callback_token": CALLBACK_TOKEN,
            "callback_aes_key": CALLBACK_KEY,
            "api_base": base_url,
            "agent_id": str(AGENT),
            "login_base": base_url,
            "inside_base": base_url,
            "contract_templates": TEMPLATE,
            "customer_control": "Text-1",
            "number_control": "Text-2",
            "signed_control": "Date-1",
        }

    def throttled(self) -> Response:
        """45009 in an answer of HTTP 200, as WeCom limits."""
        self.refusals += 1
        return self._json({"errcode": 45009, "errmsg": refusal_text(45009, self.refusals, request.remote_addr or "")})

    def populate(self, stream: str, count: int, *, start: datetime, step: timedelta) -> list[str]:
        """Made-up staff, customers (served by two members in turn, every fifth by both) or tags (five to a group)."""
        with self.lock:
            make = {
                "staff": self._staff_at, "customer": self._customer_at, "tag": self._tag_at, "group": self._chat_at,
                "approval": self._form_at,
            }[stream]  # fmt: skip
            return [make(i, int((start + i * step).timestamp())) for i in range(count)]

    def _staff_at(self, i: int, created: int) -> str:
        return self.world.add_staff(f"sales_{self.world.number():05d}", f"顾问{i + 1}", alias="").userid

    def _tag_at(self, i: int, created: int) -> str:
        return self.world.add_tag(f"意向{i // 5 + 1}", f"标签{self.world.number()}", created).id

    def _chat_at(self, i: int, created: int) -> str:
        if "sales_wang" not in self.world.staff:
            self.world.add_staff("sales_wang", "王珊")
        contact = self._contact(i)
        self.world.add_customer("sales_wang", contact, created=created)
        return str(self.chats.open("sales_wang", f"采购群{i + 1}", [contact["external_userid"]], created)["ChatId"])

    def _form_at(self, i: int, created: int) -> str:
        if "sales_wang" not in self.world.staff:
            self.world.add_staff("sales_wang", "王珊")
        form = self.approvals.submit(
            "sales_wang", f"{1000 + i}.5", f"样例{i}科技有限公司", at=created, number=f"HT{self.world.number()}"
        )
        if i % 2:
            self.approvals.decide(form.number, 2)
        return form.number

    def _customer_at(self, i: int, created: int) -> str:
        for userid, name in (("sales_wang", "王珊"), ("sales_li", "李强")):
            if userid not in self.world.staff:
                self.world.add_staff(userid, name)
        if i % 5 == 4:
            userid, external_userid = self._shared_customer()
            contact = self.world.contacts[external_userid]
        else:
            userid, contact = ("sales_wang", "sales_li")[i % 2], self._contact(i)
        tags = [tag.id for tag in self.world.tags.values() if not tag.deleted][: i % 3]
        options: dict[str, Any] = {"tags": tags, "personal": ["老客户"] if i % 2 else [], "created": created}
        options |= {"remark": f"{contact['name']} 采购", "mobiles": [f"1390000{i % 10000:04d}"] if i % 2 == 0 else []}
        self.world.add_customer(userid, contact, company="北辰贸易", add_way=16, state="expo2026", **options)
        return f"{userid}/{contact['external_userid']}"

    def _shared_customer(self) -> tuple[str, str]:
        """The last contact, to be served by the member who does not serve him yet."""
        last = list(self.world.relations.values())[-1]
        return ("sales_li" if last.userid == "sales_wang" else "sales_wang"), last.external_userid

    def _contact(self, i: int, name: str = "") -> dict[str, Any]:
        number = self.world.number()
        contact = {
            "name": name or f"{NAMES[i % len(NAMES)]}{number}",
            "gender": i % 3,
            "avatar": f"https://img.example/{number}.png",
        }
        if i % 3 == 2:
            profile = {"external_attr": [{"type": 0, "name": "电话", "text": {"value": "前台"}}]}
            company = {"corp_name": "远山", "corp_full_name": "远山科技有限公司", "position": "采购经理"}
            return {"external_userid": f"woHubSim{number:08d}", "type": 2, **contact, **company, "external_profile": profile}
        return {"external_userid": f"wmHubSim{number:08d}", "type": 1, **contact, "unionid": f"oHubUnion{number:06d}"}

    def touch(self, stream: str, key: str) -> None:
        """Somebody edits the record: a remark, an alias, a tag's name."""
        with self.lock:
            number = self.world.number()
            if stream == "customer":
                self.world.edit(*self._pair(key), remark=f"备注{number}")
            elif stream == "staff":
                self.world.staff[key].alias = f"别名{number}"
            elif stream == "approval":
                self.approvals.forms[key].extra["comments"] = [{"content": f"备注{number}"}]
            elif stream == "group":
                self.chats.rename(key, f"改名{number}")
            else:
                self.world.rename_tag(key, f"改名{number}")

    def remove(self, stream: str, key: str) -> None:
        """The member removes the customer, the member leaves, the tag is deleted."""
        with self.lock:
            if stream == "customer":
                self.world.drop(*self._pair(key))
            elif stream == "staff":
                self.world.resign(key)
            elif stream == "approval":
                self.approvals.forms[key].status = 7
            elif stream == "group":
                self.chats.dismiss(key)
            else:
                self.world.delete_tag(key)

    def spoil(self, stream: str, key: str) -> None:
        """A time that is none, or a name that is not a text."""
        bad = {"customer": ("createtime", "昨天"), "staff": ("name", {"zh": "王"}), "tag": ("name", ["标签"])}
        bad |= {"group": ("create_time", "昨天"), "approval": ("apply_time", "昨天")}
        self._extra(stream, key)[bad[stream][0]] = bad[stream][1]

    def add_field(self, stream: str, key: str, name: str, value: Any) -> None:
        """A new field of the relation, the member or the tag."""
        self._extra(stream, key)[name] = value

    def _extra(self, stream: str, key: str) -> dict[str, Any]:
        if stream == "customer":
            return self.world.relations[self._pair(key)].extra
        if stream == "approval":
            return self.approvals.forms[key].extra
        if stream == "group":
            return self.chats.chats[key].extra
        return self.world.staff[key].extra if stream == "staff" else self.world.tags[key].extra

    @staticmethod
    def _pair(key: str) -> tuple[str, str]:
        userid, _, external_userid = key.rpartition("/")
        return userid, external_userid

    def play(self, story: Story) -> None:
        """See ``Simulator.play``."""
        sim_story.play(self, story)

    def live(self, story: Story, url: str) -> None:
        """See ``Simulator.live``."""
        sim_story.live(self, story, url)

    def tag_keys(self, stream: str, count: int) -> list[str]:
        """Corp tags that any relation may carry."""
        with self.lock:
            return [self._tag_at(i, self.world.seconds) for i in range(count)]

    def tags_of(self, stream: str, key: str) -> set[str]:
        """Of one relation."""
        return set(self.world.relations[self._pair(key)].tags)

    def employ(self, count: int) -> list[str]:
        """Members, with capitals in their ids as some have."""
        with self.lock:
            made = [self.world.add_staff(f"Member_{self.world.number():05d}", "顾问") for _ in range(count)]
        return [member.userid for member in made]

    def told(self, member: str) -> list[dict[str, str]]:
        """App messages on the member's screen."""
        return list(self.desk.shown[member])

    def visit(self, url: str, member: str | None) -> str:
        """See ``Simulator.visit``."""
        return self.desk.visit(url, CORP_ID, member)

    def serve(self, stream: str, member: str, count: int) -> list[str]:
        """Customers of the member, or groups that he has opened."""
        with self.lock:
            made = [self._contact(i) for i in range(count)]
            for contact in made:
                self.world.add_customer(member, contact)
            ids = [str(contact["external_userid"]) for contact in made]
            if stream == "group":
                return [str(self.chats.open(member, "采购群", [each])["ChatId"]) for each in ids]
            return [f"{member}/{each}" for each in ids]

    def dismiss(self, member: str) -> None:
        """Nothing tells a self-built app of it."""
        with self.lock:
            self.chats.owner_left(member)

    def owners(self, stream: str, key: str) -> set[str]:
        """Who serves the customer, or owns the group."""
        with self.lock:
            self.transfers.settle()
            if stream == "group":
                held = {self.chats.chats[key].owner}
            else:
                held = {relation.userid for relation in self.world.followers(self._pair(key)[1])}
            return {member for member in held if self.world.staff[member].present}

    def decide(self, stream: str, key: str, what: str) -> bool:
        """Customers are asked; groups are not."""
        with self.lock:
            if stream != "group":
                self.transfers.decide(self._pair(key)[1], what)
            return stream != "group"

    def client_agent(self) -> str:
        """See ``Simulator.client_agent``."""
        return "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148 wxwork/4.1.20 MicroMessenger/7.0.1"

    def kill_tokens(self) -> None:
        """Early revocation of all tokens: 40014."""
        self.gate.revoke_all()

    def push(self, url: str, stream: str, key: str, *, forged: bool = False) -> int:
        """The event that an edit (or, if it is gone, the removal) of the record sets off."""
        if stream == "customer":
            kind = "edit_external_contact" if self._pair(key) in self.world.relations else "del_external_contact"
            event = self.world.contact_event(kind, *self._pair(key))
        elif stream == "tag":
            event = self.world.tag_event("delete" if self.world.tags[key].deleted else "update", key)
        elif stream == "approval":
            event = self.approvals.event(key)
        elif stream == "group":
            event = self.chats.event("update" if key in self.chats.chats else "dismiss", key)
        else:
            raise ValueError("WeCom tells a self-built app nothing of changes to its staff (docs: path/96302)")
        return self.push_event(url, event, forged=forged)

    # -- for demonstrations

    def push_event(self, url: str, event: Event, *, forged: bool = False) -> int:
        """Push the event that an act has set off; the status of the answer."""
        return self.sender.send(url, event_xml(CORP_ID, event), forged=forged)

    def add_customer(
        self, staff: str, name: str, unionid: str | None = None, mobiles: tuple[str, ...] = (), tags: tuple[str, ...] = ()
    ) -> Event:
        """A WeChat user becomes a customer of the member (who joins if new); the event to push.

        unionid: None as for a corp that has bound no WeChat developer account. tags: tag ids.
        """
        with self.lock:
            if staff not in self.world.staff:
                self.world.add_staff(staff, staff)
            contact = {key: value for key, value in self._contact(0, name).items() if key != "unionid"}
            contact |= {"unionid": unionid} if unionid else {}
            return self.world.add_customer(staff, contact, mobiles=list(mobiles), tags=list(tags))

    def add_tag(self, group: str, name: str) -> Event:
        """A new corp tag; the event to push (its ``Id`` is the tag's)."""
        with self.lock:
            return self.world.tag_event("create", self.world.add_tag(group, name).id)

    def tag_customer(self, staff: str, external_userid: str, tag: str) -> Event:
        """The member tags a customer in the client; the event to push. tag: a tag id."""
        with self.lock:
            tags = self.world.relations[staff, external_userid].tags
            return self.world.edit(staff, external_userid, tags=[*tags, *([] if tag in tags else [tag])])
