"""The answers of the WeCom simulator's API, one method per path, as the app that asks may see them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.wecom.sim_gate import App, Refusal
from connectors.wecom.sim_world import Relation, Tag, World

Answer = dict[str, Any]
Params = Mapping[str, Any]


class Api:
    """Answers from the corp's records.

    followers_page: followers in one answer of externalcontact/get. short_pages: sizes forced on the next batch pages, 0
    for an empty one in the middle. repeat_row: a batch page begins with the last row of the page before, as when rows
    shift. stale_cursors: so many of the next cursors count as dead.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.followers_page = 500
        self.short_pages: list[int] = []
        self.repeat_row = False
        self.stale_cursors = 0
        self._cursors: dict[str, tuple[tuple[Any, ...], int]] = {}

    # -- customers

    def get_follow_user_list(self, app: App, params: Params) -> Answer:
        """Members with the customer-contact function; those who left are not among them."""
        members = self.world.staff.values()
        return {"follow_user": [m.userid for m in members if m.follows and m.present and app.sees(m.userid)]}

    def list(self, app: App, params: Params) -> Answer:
        """Ids of one member's customers; 84061 when he has none."""
        userid = self._follower(app, _text(params, "userid"))
        found = [relation.external_userid for relation in self.world.served(userid)]
        if not found:
            raise Refusal(84061)
        return {"external_userid": found}

    def get(self, app: App, params: Params) -> Answer:
        """A customer with those of his followers whom the app sees."""
        external_userid = _text(params, "external_userid")
        contact = self.world.contacts.get(external_userid)
        if contact is None:
            raise Refusal(40096)
        followers = [r for r in self.world.followers(external_userid) if self._active(app, r.userid)]
        if not followers:
            raise Refusal(84061)
        first = self._resume(("get", external_userid), str(params.get("cursor", "")))
        page = followers[first : first + self.followers_page]
        answer: Answer = {"external_contact": contact, "follow_user": [self._follow_user(r) for r in page]}
        if len(followers) > first + len(page):
            answer["next_cursor"] = self._cursor(("get", external_userid), first + len(page))
        return answer

    def get_by_user(self, app: App, params: Params) -> Answer:
        """Pairs of members and customers, at most 100 a page; larger limits are clamped."""
        asked = _texts(params, "userid_list")
        if not 1 <= len(asked) <= 100:
            raise Refusal(40058)
        limit = params.get("limit", 50)
        if not isinstance(limit, int) or limit < 1:
            raise Refusal(40058)
        members = [self._follower(app, userid) for userid in asked]
        licensed = [userid for userid in members if self.world.staff[userid].licensed]
        if not licensed:
            raise Refusal(701008)
        answer = self._pairs(licensed, tuple(asked), str(params.get("cursor", "")), min(limit, 100))
        if len(licensed) < len(members):
            answer["fail_info"] = {"unlicensed_userid_list": sorted(set(members) - set(licensed))}
        return answer

    def _pairs(self, members: Sequence[str], asked: tuple[str, ...], cursor: str, size: int) -> Answer:
        rows = sorted((r for userid in members for r in self.world.served(userid)), key=lambda relation: relation.seq)
        if not rows:
            raise Refusal(84061)
        after = self._resume(("batch", *asked), cursor)
        if self.short_pages:
            size = self.short_pages.pop(0)
        page = [row for row in rows if row.seq > after][:size]
        last = page[-1].seq if page else after
        shown = [row for row in rows if row.seq == after] + page if self.repeat_row and cursor else page
        more = rows[-1].seq > last
        return {
            "external_contact_list": [self._pair(row) for row in shown],
            "next_cursor": self._cursor(("batch", *asked), last) if more else "",
        }

    def _pair(self, relation: Relation) -> Answer:
        follow = self._common(relation)
        follow |= {
            "remark_mobiles": relation.mobiles,
            "tag_id": [*relation.tags, *relation.strategy_tags],
            "state": relation.state,
        }
        return {"external_contact": self.world.contacts[relation.external_userid], "follow_info": follow}

    def _follow_user(self, relation: Relation) -> Answer:
        follow = self._common(relation)
        tags = [self.world.tags[tag_id] for tag_id in relation.tags]
        found = [self._tag_of(tag, 1) for tag in reversed(tags)]
        found += [{"group_name": "策略", "tag_name": tag_id, "tag_id": tag_id, "type": 3} for tag_id in relation.strategy_tags]
        follow["tags"] = found + [{"group_name": "个人", "tag_name": name, "type": 2} for name in relation.personal]
        optional = {"remark_mobiles": relation.mobiles, "state": relation.state}
        return follow | {name: value for name, value in optional.items() if value}

    def _tag_of(self, tag: Tag, kind: int) -> Answer:
        return {"group_name": self.world.groups[tag.group].name, "tag_name": tag.name, "tag_id": tag.id, "type": kind}

    def _common(self, relation: Relation) -> Answer:
        follow: Answer = {
            "userid": relation.userid,
            "remark": relation.remark,
            "description": relation.description,
            "createtime": relation.created,
            "add_way": relation.add_way,
            "oper_userid": relation.userid,
        }
        if self.world.contacts[relation.external_userid].get("type") == 1:
            follow["remark_corp_name"] = relation.company
        return follow | relation.extra

    # -- tags

    def get_corp_tag_list(self, app: App, params: Params) -> Answer:
        """All living tags; or those asked for, deleted ones marked. Group ids outrank tag ids."""
        groups, tags = _texts(params, "group_id", []), _texts(params, "tag_id", [])
        if groups:
            return self._tag_groups([tag for tag in self.world.tags.values() if tag.group in groups], marked=True)
        if not tags:
            return self._tag_groups([tag for tag in self.world.tags.values() if not tag.deleted], marked=False)
        if any(tag_id not in self.world.tags for tag_id in tags):
            raise Refusal(40068)
        return self._tag_groups([self.world.tags[tag_id] for tag_id in tags], marked=True)

    def _tag_groups(self, tags: Sequence[Tag], marked: bool) -> Answer:
        found: dict[str, Answer] = {}
        for tag in tags:
            group = self.world.groups[tag.group]
            entry = found.setdefault(
                group.id,
                {"group_id": group.id, "group_name": group.name, "create_time": group.created, "order": group.order, "tag": []},
            )
            row: Answer = {"id": tag.id, "name": tag.name, "create_time": tag.created, "order": tag.order, **tag.extra}
            entry["tag"].append({**row, "deleted": tag.deleted} if marked else row)
            if marked:
                entry["deleted"] = group.deleted
        return {"tag_group": list(found.values())}

    # -- directory

    def user(self, app: App, params: Params) -> Answer:
        """user/get. Since June 2022 without avatar, gender, mobile and mail addresses. (docs: path/96067)"""
        member = self.world.member(_text(params, "userid"))
        if member is None or not app.sees(member.userid):
            raise Refusal(60111)
        body: Answer = {"userid": member.userid, "name": member.name, "department": [member.department], "order": [0]}
        body |= {"position": member.position, "status": 1, "is_leader_in_dept": [0], "direct_leader": []}
        return body | {"main_department": member.department, "alias": member.alias, "extattr": {"attrs": []}} | member.extra

    def simplelist(self, app: App, params: Params) -> Answer:
        """user/simplelist of one department."""
        department = _text(params, "department_id")
        seen = [m for m in self.world.staff.values() if m.present and app.sees(m.userid) and str(m.department) == department]
        return {"userlist": [{"userid": m.userid, "name": m.name, "department": [m.department]} for m in seen]}

    def addresses(self, app: App, params: Params) -> Answer:
        """get_api_domain_ip and getcallbackip."""
        return {"ip_list": ["203.0.113.10", "203.0.113.*"]}

    # -- shared

    def _active(self, app: App, userid: str) -> bool:
        member = self.world.member(userid)
        return member is not None and member.follows and app.sees(member.userid)

    def _follower(self, app: App, userid: str) -> str:
        member = self.world.member(userid)
        if member is None or not app.sees(member.userid):
            raise Refusal(40003)
        if not member.follows:
            raise Refusal(84074)
        return member.userid

    def _cursor(self, query: tuple[Any, ...], position: int) -> str:
        cursor = secrets.token_urlsafe(24)
        self._cursors[cursor] = (query, position)
        return cursor

    def _resume(self, query: tuple[Any, ...], cursor: str) -> int:
        """Where a cursor points; one of another query, or a dead one, is a wrong argument."""
        if not cursor:
            return 0
        if self.stale_cursors:
            self.stale_cursors -= 1
            raise Refusal(40058)
        asked, position = self._cursors.get(cursor, ((), 0))
        if asked != query:
            raise Refusal(40058)
        return position


def _text(params: Params, name: str) -> str:
    value = params.get(name)
    if not value:
        raise Refusal(40063)
    if not isinstance(value, str):
        raise Refusal(40058)
    return value


def _texts(params: Params, name: str, default: list[str] | None = None) -> list[str]:
    value = params.get(name, default)
    if value is None:
        raise Refusal(40063)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refusal(40058)
    return value
