"""Customer groups of the WeCom simulator: what people do in them, the event of each act, and the two calls that read them.

The detail of a group lags behind its event, as WeCom warns: for ``lag`` seconds it shows the members of before.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from connectors.wecom.sim_gate import App, Refusal
from connectors.wecom.sim_world import Event, World

Answer = dict[str, Any]
Params = Mapping[str, Any]


@dataclass
class Chat:
    """A group chat. status: 0 normal, 1 owner left, 2 inheriting, 3 inherited. external: has customers in it."""

    id: str
    name: str
    owner: str
    created: Any
    members: list[Answer] = field(default_factory=list)
    notice: str = ""
    status: int = 0
    external: bool = True
    version: str = ""
    extra: Answer = field(default_factory=dict)


class Chats:
    """All groups. lag: seconds for which the detail is stale after an event. most_visible: staff beyond whom a list needs
    an owner filter (81017). departed_owners: the filter takes owners who have left, as documented; else it does not (40003)."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chats: dict[str, Chat] = {}
        self.lag, self.most_visible, self.stale_cursors = 0.0, 1000, 0
        self.departed_owners = False
        self._stale: dict[str, tuple[float, Chat]] = {}
        self._cursors: dict[str, tuple[tuple[Any, ...], str]] = {}

    # -- what people do

    def open(self, owner: str, name: str, customers: Sequence[str] = (), created: int | None = None) -> Event:
        """A member of staff opens a group with these customers."""
        chat = Chat(f"wrHubChat{self.world.number():08d}", name, owner, self.world.seconds if created is None else created)
        chat.members = [self._member(owner, 1, owner, chat.created)]
        chat.members += [self._member(who, 2, owner, chat.created) for who in customers]
        chat.version = secrets.token_hex(16)
        self.chats[chat.id] = chat
        return self.event("create", chat.id)

    def _member(self, who: str, kind: int, by: str, joined: int) -> Answer:
        member: Answer = {"userid": who, "type": kind, "join_time": joined, "join_scene": 1, "group_nickname": ""}
        contact = self.world.contacts.get(who) or {}
        if contact.get("unionid"):
            member["unionid"] = contact["unionid"]
        return member | ({"invitor": {"userid": by}} if who != by else {})

    def join(self, chat_id: str, who: str, by: str) -> Event:
        """Somebody is brought in."""
        self._before(chat_id)
        self.chats[chat_id].members.append(self._member(who, 1 if who in self.world.staff else 2, by, self.world.seconds))
        return self._members_changed(chat_id, "add_member", who, JoinScene=0)

    def leave(self, chat_id: str, who: str) -> Event:
        """Somebody goes."""
        self._before(chat_id)
        chat = self.chats[chat_id]
        chat.members = [member for member in chat.members if member["userid"] != who]
        return self._members_changed(chat_id, "del_member", who, QuitScene=0)

    def _members_changed(self, chat_id: str, detail: str, who: str, **extra: int) -> Event:
        chat = self.chats[chat_id]
        before, chat.version = chat.version, secrets.token_hex(16)
        versions: Event = {"MemChangeCnt": 1, "MemChangeList": (who,), "LastMemVer": before, "CurMemVer": chat.version}
        return self.event("update", chat_id) | {"UpdateDetail": detail, **extra, **versions}

    def rename(self, chat_id: str, name: str) -> Event:
        """The group gets another name."""
        self._before(chat_id)
        self.chats[chat_id].name = name
        return self.event("update", chat_id) | {"UpdateDetail": "change_name"}

    def dismiss(self, chat_id: str) -> Event:
        """The group is dissolved."""
        self._before(chat_id)
        del self.chats[chat_id]
        return self.event("dismiss", chat_id)

    def owner_left(self, userid: str) -> None:
        """The owner of groups has left the company, now or a while ago; nothing tells a self-built app of it."""
        if self.world.staff[userid].present:
            self.world.resign(userid)
        for chat in self.chats.values():
            chat.status = 1 if chat.owner == userid else chat.status

    def _before(self, chat_id: str) -> None:
        if self.lag:
            self._stale[chat_id] = (self.world.moment + self.lag, deepcopy(self.chats[chat_id]))

    def event(self, kind: str, chat_id: str) -> Event:
        """The fields of a change_external_chat event. (docs: path/92130)"""
        return {"Event": "change_external_chat", "ChangeType": kind, "CreateTime": self.world.seconds, "ChatId": chat_id}

    # -- what is answered

    def list(self, app: App, params: Params) -> Answer:
        """Groups whose owners the app sees. ``limit`` is mandatory, 1 to 1000; without owners at most 1 000 visible staff."""
        limit = params.get("limit")
        if not isinstance(limit, int) or not 1 <= limit <= 1000 or params.get("status_filter", 0) not in (0, 1, 2, 3):
            raise Refusal(40058)
        owners = self._owners(app, params)
        state = params.get("status_filter", 0)
        found = [chat for chat in self.chats.values() if chat.external and self._shown(app, chat, owners)]
        found = [chat for chat in found if not state or chat.status == state]
        found = sorted(found, key=lambda chat: chat.id)
        query = ("chats", tuple(sorted(owners or ())), params.get("status_filter", 0))
        after = self._resume(query, str(params.get("cursor", "")))
        page = [chat for chat in found if chat.id > after][:limit]
        answer: Answer = {"group_chat_list": [{"chat_id": chat.id, "status": chat.status} for chat in page]}
        if page and found[-1].id > page[-1].id:
            answer["next_cursor"] = self._cursor(query, page[-1].id)
        return answer

    def _owners(self, app: App, params: Params) -> set[str] | None:
        if "owner_filter" not in params:
            if sum(1 for member in self.world.staff.values() if member.present and app.sees(member.userid)) > self.most_visible:
                raise Refusal(81017)
            return None
        asked = params["owner_filter"].get("userid_list") if isinstance(params["owner_filter"], dict) else None
        if not isinstance(asked, list) or not 1 <= len(asked) <= 100:
            raise Refusal(40058)
        for userid in asked:
            member = self.world.member(str(userid))
            if member is None and self.departed_owners:
                member = self.world.staff.get(str(userid))
            if member is None or not app.sees(member.userid):
                raise Refusal(40003)
        return set(asked)

    @staticmethod
    def _shown(app: App, chat: Chat, owners: set[str] | None) -> bool:
        return app.sees(chat.owner) if owners is None else chat.owner in owners

    def get(self, app: App, params: Params) -> Answer:
        """One group with its members; for a while after an event as it was before."""
        chat_id = params.get("chat_id")
        if not isinstance(chat_id, str) or not chat_id:
            raise Refusal(40063)
        until, stale = self._stale.get(chat_id, (0.0, None))
        chat = stale if stale is not None and self.world.moment < until else self.chats.get(chat_id)
        if chat is None or not app.sees(chat.owner):
            raise Refusal(40050)
        if not chat.external:
            raise Refusal(90501)
        members = [dict(member) for member in chat.members]
        if params.get("need_name") == 1:
            members = [member | {"name": self._name(member["userid"])} for member in members]
        body: Answer = {"chat_id": chat.id, "name": chat.name, "owner": chat.owner, "create_time": chat.created}
        body |= {"notice": chat.notice} if chat.notice else {}
        body |= {"member_list": members, "admin_list": [{"userid": chat.owner}], "member_version": chat.version}
        return {"group_chat": body | chat.extra}

    def _name(self, who: str) -> str:
        member = self.world.staff.get(who)
        return member.name if member else str((self.world.contacts.get(who) or {}).get("name", ""))

    def _cursor(self, query: tuple[Any, ...], position: str) -> str:
        cursor = secrets.token_urlsafe(24)
        self._cursors[cursor] = (query, position)
        return cursor

    def _resume(self, query: tuple[Any, ...], cursor: str) -> str:
        if not cursor:
            return ""
        if self.stale_cursors:
            self.stale_cursors -= 1
            raise Refusal(40058)
        asked, position = self._cursors.get(cursor, ((), ""))
        if asked != query:
            raise Refusal(40058)
        return position
