"""Hand-over in the WeCom simulator: who waits, what is begun, when it takes effect, and what the platform refuses.

Where the documents are silent the stricter or more awkward reading is taken: an attempt counts towards the limit of two in 90
days also when the customer refused it, a waiting customer stays in the list of unassigned ones until the hand-over is done, and
results of earlier attempts stay listed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.wecom.sim_gate import App, Refusal
from connectors.wecom.sim_groups import Chat, Chats
from connectors.wecom.sim_world import Event, Relation, Staff, World

Answer = dict[str, Any]
Params = Mapping[str, Any]
DAY = 86400
YEAR, SEASON = 365 * DAY, 90 * DAY
MOST, MESSAGE, LISTED, A_DAY, OFTEN = 100, 200, 1000, 300, 2
DONE, WAITING, REFUSED, FULL = 1, 2, 3, 4


@dataclass
class Transfer:
    """One attempt to give a customer (or a group) to another member. at: when it takes, or took, effect; 0 after a refusal."""

    staff: str
    to: str
    key: str
    left: bool
    begun: int
    at: int
    status: int = WAITING
    message: str = ""


@dataclass
class Transfers:
    """All of them. lag: seconds until a result is listed. page: rows of one page of results and of unassigned customers.

    events: callbacks that hand-overs have set off, for whoever wants to push them.
    """

    world: World
    chats: Chats
    lag: int = 5
    page: int = LISTED
    made: list[Transfer] = field(default_factory=list)
    groups: list[Transfer] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    ledger: Callable[[dict[str, Any]], None] = lambda entry: None
    _cursors: dict[str, tuple[Any, int]] = field(default_factory=dict)

    # -- who waits

    def unassigned(self, app: App, params: Params) -> Answer:
        """get_unassigned_list: by cursor, or by page_id in the older way. (docs: path/92124)"""
        self.settle()
        size = params.get("page_size", LISTED)
        if not isinstance(size, int) or not 1 <= size <= LISTED:
            raise Refusal(40058)
        rows = sorted(self._orphans(app), key=lambda relation: relation.seq)
        by_page = "page_id" in params and not params.get("cursor")
        if by_page and (not isinstance(params["page_id"], int) or params["page_id"] * size >= 50_000):
            raise Refusal(40058)
        size = min(size, self.page)
        first = params["page_id"] * size if by_page else self._resume("unassigned", str(params.get("cursor") or ""))
        page, more = rows[first : first + size], len(rows) > first + size
        answer: Answer = {"info": [self._orphan(relation) for relation in page], "is_last": not more}
        return answer if by_page else answer | {"next_cursor": self._cursor("unassigned", first + size) if more else ""}

    def _orphans(self, app: App) -> list[Relation]:
        gone = {member.userid for member in self.world.staff.values() if not member.present and app.sees(member.userid)}
        return [relation for relation in self.world.relations.values() if relation.userid in gone and not relation.half]

    def _orphan(self, relation: Relation) -> Answer:
        left = self.world.staff[relation.userid].left_at
        return {"handover_userid": relation.userid, "external_userid": relation.external_userid, "dimission_time": left}

    # -- beginning

    def transfer(self, app: App, params: Params) -> Answer:
        """transfer_customer: the old member is still here. (docs: path/92125)"""
        message = params.get("transfer_success_msg", "")
        if not isinstance(message, str) or len(message) > MESSAGE:
            raise Refusal(40058)
        staff, to, keys = self._asked(app, params)
        member = self.world.member(staff)
        if member is None or not app.sees(member.userid):
            raise Refusal(40003)
        if member.idle:
            raise Refusal(84074)
        return self._begin(member.userid, to, keys, left=False, message=message)

    def resigned(self, app: App, params: Params) -> Answer:
        """resigned/transfer_customer: he has left, within a year. (docs: path/94081)"""
        staff, to, keys = self._asked(app, params)
        return self._begin(self._departed(app, staff).userid, to, keys, left=True)

    def _departed(self, app: App, userid: str) -> Staff:
        member = next((member for key, member in self.world.staff.items() if key.lower() == userid.lower()), None)
        if member is None or not app.sees(member.userid):
            raise Refusal(40003)
        if member.present:
            raise Refusal(40097)
        if member.idle or self.world.seconds - member.left_at > YEAR:
            raise Refusal(40003)
        return member

    def _asked(self, app: App, params: Params) -> tuple[str, str, list[str]]:
        staff, to, keys = (params.get(name) for name in ("handover_userid", "takeover_userid", "external_userid"))
        if not staff or not to or not keys:
            raise Refusal(40063)
        if not isinstance(staff, str) or not isinstance(to, str):
            raise Refusal(40058)
        if not isinstance(keys, list) or len(keys) > MOST or not all(isinstance(key, str) for key in keys):
            raise Refusal(40058)
        if staff.lower() == to.lower():
            raise Refusal(40130)
        return staff, self._taker(app, to).userid, keys

    def _taker(self, app: App, userid: str) -> Staff:
        member = self.world.member(userid)
        if member is None or not app.sees(member.userid):
            raise Refusal(40003)
        if not member.follows or member.idle:
            raise Refusal(84074)
        if not member.verified:
            raise Refusal(40098)
        return member

    def _begin(self, staff: str, to: str, keys: list[str], *, left: bool, message: str = "") -> Answer:
        self.settle()
        told, now = [], self.world.seconds
        for key in keys:
            code = self._not_taken(staff, to, key, left=left)
            if not code:
                self.made.append(Transfer(staff, to, key, left, now, now + DAY, message=message))
                self.ledger({"kind": "transfer", "number": f"{staff}/{key}", "to": to})
            told.append({"external_userid": key, "errcode": code})
        return {"customer": told}

    def _not_taken(self, staff: str, to: str, key: str, *, left: bool) -> int:
        """Why this customer is not taken; 0 when he is."""
        if key not in self.world.contacts:
            return 40096
        relation = self.world.relations.get((staff, key))
        if relation is None or relation.half:
            return 40131
        if any(t.key == key and t.staff == staff and t.status == WAITING for t in self.made):
            return 40100 if left else 40129
        recent = [t for t in self.made if t.key == key and not t.left and self.world.seconds - t.begun < SEASON]
        if not left and len(recent) >= OFTEN:
            return 40128
        return 40099 if self.world.staff[to].room <= 0 else 0

    # -- taking effect

    def settle(self) -> None:
        """Let everything take effect whose time has come."""
        for transfer in self.made:
            if transfer.status == WAITING and transfer.at <= self.world.seconds:
                self._take_effect(transfer)
        for transfer in self.groups:
            if transfer.status == WAITING and transfer.at <= self.world.seconds:
                transfer.status = DONE
                chat = self.chats.chats.get(transfer.key)
                if chat is not None:
                    chat.owner, chat.status = transfer.to, 3
                    self.events.append(self.chats.event("update", chat.id) | {"UpdateDetail": "change_owner"})

    def _take_effect(self, transfer: Transfer) -> None:
        old, taker = self.world.relations.get((transfer.staff, transfer.key)), self.world.staff[transfer.to]
        if old is None:
            # The customer had removed the member meanwhile. (developers.weixin.qq.com, 2021-04-20)
            self._end(transfer, REFUSED)
        elif taker.room <= 0 or not taker.present:
            self._end(transfer, FULL)
        else:
            transfer.status = DONE
            self._move(transfer, old, taker)

    def _move(self, transfer: Transfer, old: Relation, taker: Staff) -> None:
        contact = self.world.contacts[transfer.key]
        if transfer.left:
            del self.world.relations[transfer.staff, transfer.key]
        else:
            self.events.append(self.world.drop(transfer.staff, transfer.key, by_transfer=True))
        if (transfer.to, transfer.key) in self.world.relations:
            return  # was a friend before: no event. (docs: path/96325)
        taker.room -= 1
        options = {"remark": old.remark, "mobiles": old.mobiles, "company": old.company, "tags": list(old.tags), "add_way": 202}
        self.events.append(self.world.add_customer(transfer.to, contact, created=transfer.at, **options))

    def _end(self, transfer: Transfer, status: int) -> None:
        transfer.status, transfer.at = status, 0
        reason = "customer_refused" if status == REFUSED else "customer_limit_exceed"
        event = self.world.contact_event("transfer_fail", transfer.to, transfer.key, FailReason=reason)
        self.events.append(event)

    def decide(self, key: str, what: str) -> None:
        """The customer says no to whoever he is being given to ('refuse'), or that member has no room by then ('full')."""
        for transfer in self.made:
            if transfer.key == key and transfer.status == WAITING:
                if what == "refuse":
                    self._end(transfer, REFUSED)
                else:
                    self.world.staff[transfer.to].room = 0

    # -- results

    def result(self, app: App, params: Params) -> Answer:
        """transfer_result."""
        return self._results(app, params, left=False)

    def resigned_result(self, app: App, params: Params) -> Answer:
        """resigned/transfer_result."""
        return self._results(app, params, left=True)

    def _results(self, app: App, params: Params, *, left: bool) -> Answer:
        self.settle()
        staff, to = params.get("handover_userid"), params.get("takeover_userid")
        if not staff or not to:
            raise Refusal(40063)
        member = self.world.member(str(to))
        if member is None or not app.sees(member.userid):
            raise Refusal(40003)
        known = self.world.seconds - self.lag
        rows = [t for t in self.made if t.left is left and t.begun <= known]
        rows = [t for t in rows if t.staff.lower() == str(staff).lower() and t.to == member.userid]
        query = ("result", str(staff).lower(), member.userid, left)
        first = self._resume(query, str(params.get("cursor") or ""))
        page = rows[first : first + self.page]
        more = len(rows) > first + self.page
        found = [{"external_userid": t.key, "status": t.status, "takeover_time": t.at} for t in page]
        return {"customer": found, "next_cursor": self._cursor(query, first + self.page) if more else ""}

    # -- groups

    def give_groups(self, app: App, params: Params) -> Answer:
        """groupchat/transfer: groups whose owner has left. (docs: path/92127)"""
        keys, to = params.get("chat_id_list"), params.get("new_owner")
        if not keys or not to:
            raise Refusal(40063)
        if not isinstance(keys, list) or len(keys) > MOST or not isinstance(to, str):
            raise Refusal(40058)
        self.settle()
        taker, failed, now = self._taker(app, to), [], self.world.seconds
        for key in keys:
            chat = self.chats.chats.get(str(key))
            code = self._group_not_taken(app, chat)
            if code or chat is None:
                failed.append({"chat_id": key, "errcode": code, "errmsg": "not inherited"})
                continue
            self.groups.append(Transfer(chat.owner, taker.userid, chat.id, True, now, now + DAY))
            chat.status = 2
            self.ledger({"kind": "group_transfer", "number": chat.id, "to": taker.userid})
        return {"failed_chat_list": failed}

    def _group_not_taken(self, app: App, chat: Chat | None) -> int:
        if chat is None or not app.sees(chat.owner):
            return 40050
        if not chat.external:
            return 90501
        if chat.status in (2, 3):
            return 90507 if chat.status == 2 else 90508
        owner = self.world.staff[chat.owner]
        if owner.present:
            return 90500
        today = [t for t in self.groups if t.staff == chat.owner and self.world.seconds - t.begun < DAY]
        # The code of the daily limit is not documented.
        return 45009 if len(today) >= A_DAY else 40003 if self.world.seconds - owner.left_at > YEAR else 0

    # -- cursors

    def _cursor(self, query: Any, position: int) -> str:
        cursor = secrets.token_urlsafe(24)
        self._cursors[cursor] = (query, position)
        return cursor

    def _resume(self, query: Any, cursor: str) -> int:
        if not cursor:
            return 0
        asked, position = self._cursors.get(cursor, (None, 0))
        if asked != query:
            raise Refusal(40058)
        return position
