"""Customers and groups given to another member: of one who has left, and customers of one who is still here.

WeCom begins a hand-over when it is asked and completes it after 24 hours by itself; until then the customer may refuse. Nothing
takes a begun one back. (docs: path/92125, path/94081, path/92127; for apps of providers, with the same text: path/96325,
path/96331, path/96334)
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from connectors import errors
from connectors.base import Request
from connectors.errors import ConnectorError
from connectors.people import Handed, HandOver, HandOverRules, HandsOver, Orphan
from connectors.wecom.calls import WeComCalls
from connectors.wecom.groups import TOO_MANY

log = structlog.get_logger("connectors.wecom")

BATCH = 100
MESSAGE = 200
"""Characters that a customer is told at most; of a member who has left WeCom sends its own words. (docs: path/96325)"""
WAITING_PAGE = GROUP_PAGE = 1000
STATES = {1: "done", 2: "waiting", 3: "refused", 4: "full"}
"""Of transfer_result. 5 is 'no record of it'. (docs: path/96333; 5: sdk wenerme/go-wecom)"""
UNDER_WAY = ("40100", "40129", "90507")
"""This record is being handed over already. (docs: path/90313; 40129 by copies of that page in SDKs alone)"""
OWNERLESS, INHERITING = 1, 2
"""States of a group in the list."""
SLACK = timedelta(minutes=5)
"""Between WeCom's clock and ours."""


class HandingOver(WeComCalls, HandsOver):
    """The calls, for streams ``customer`` (keys 'member/customer') and ``group`` (of members who have left alone)."""

    hand_over_rules = HandOverRules(
        batch=BATCH,
        delay=timedelta(hours=24),
        often=(2, timedelta(days=90)),
        left_within=timedelta(days=365),
        a_day={"group": 300},
    )

    def waiting(self) -> Iterator[Orphan]:
        """Customers as the list has them; groups by the state 'owner has left', with their owner from the detail."""
        departed: dict[str, None] = {}
        for orphan in self._customers_waiting():
            departed[orphan.staff] = None
            yield orphan
        for chat_id in self._ownerless(list(departed)):
            owner = self._owner_of(chat_id)
            if owner:
                yield Orphan("group", chat_id, owner)

    def hand_over(self, order: HandOver) -> dict[str, ConnectorError]:
        """One call; errcode 0 of it says nothing about the single customers. (docs: path/94081)"""
        if len(order.keys) > BATCH:
            raise ValueError(f"WeCom takes {BATCH} at a time, not {len(order.keys)}")
        return self._give_groups(order) if order.stream == "group" else self._give_customers(order)

    def handed(self, order: HandOver, since: datetime) -> dict[str, Handed]:
        """Customers from transfer_result, which has earlier attempts between the two members too; groups from their owner."""
        return self._groups_handed(order) if order.stream == "group" else self._customers_handed(order, since)

    def _write(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self.http.call(Request("POST", path, json=body, write=True))
        except errors.Gone as error:
            # One of the two members is unknown, out of the app's sight, or without the function.
            hint = "wecom.no_contact_function" if error.code == "84074" else "wecom.member_unknown"
            raise errors.Rejected(hint, code=error.code, request_id=error.request_id) from None
        return answer

    # -- customers

    def _customers_waiting(self) -> Iterator[Orphan]:
        cursor = ""
        while True:
            body = {"cursor": cursor, "page_size": WAITING_PAGE}
            answer = self.http.post("externalcontact/get_unassigned_list", body)
            for row in answer.get("info") or []:
                staff, left = str(row["handover_userid"]), row.get("dimission_time")
                yield Orphan("customer", f"{staff}/{row['external_userid']}", staff, moment(left))
            following = answer.get("next_cursor") or ""
            if answer.get("is_last") or not following:
                return
            if following == cursor:
                raise errors.UnknownAnswer("wecom.cursor_stuck")
            cursor = following

    def _give_customers(self, order: HandOver) -> dict[str, ConnectorError]:
        keys = {key.rpartition("/")[2]: key for key in order.keys}
        body: dict[str, Any] = {
            "handover_userid": order.staff,
            "takeover_userid": order.to,
            "external_userid": list(keys),
        }
        if order.message and not order.left:
            body["transfer_success_msg"] = order.message[:MESSAGE]
        answer = self._write(f"externalcontact/{'resigned/' if order.left else ''}transfer_customer", body)
        told = {str(row.get("external_userid")): row for row in answer.get("customer") or []}
        # A customer of whom the answer says nothing may have been taken.
        return {key: error for ext, key in keys.items() if (error := self._refusal(told.get(ext))) is not None}

    def _refusal(self, row: dict[str, Any] | None) -> ConnectorError | None:
        if row is None or "errcode" not in row:
            return errors.InDoubt()
        code = str(row["errcode"])
        if code == "0":
            return None
        if code in UNDER_WAY:
            return errors.Duplicate("wecom.under_way", code=code)
        rule = self.manifest.errors.rule(code)
        return errors.Rejected(rule.hint if rule and rule.hint else "wecom.not_handed_over", code=code)

    def _customers_handed(self, order: HandOver, since: datetime) -> dict[str, Handed]:
        wanted, found = {key.rpartition("/")[2]: key for key in order.keys}, dict[str, Handed]()
        for row in self._results(order):
            key = wanted.get(str(row.get("external_userid")))
            item = outcome(row, f"{order.to}/{row.get('external_userid')}", since - SLACK)
            if key and item and (key not in found or rank(item) > rank(found[key])):
                found[key] = item
        return found

    def _results(self, order: HandOver) -> Iterator[dict[str, Any]]:
        path = f"externalcontact/{'resigned/' if order.left else ''}transfer_result"
        body = {"handover_userid": order.staff, "takeover_userid": order.to, "cursor": ""}
        while True:
            answer = self.http.post(path, dict(body))
            yield from answer.get("customer") or []
            following = answer.get("next_cursor") or ""
            if not following:
                return
            if following == body["cursor"]:
                raise errors.UnknownAnswer("wecom.cursor_stuck")
            body["cursor"] = following

    # -- groups

    def _ownerless(self, departed: list[str]) -> list[str]:
        """Groups whose owner has left: asked for without owners, since one who has left is refused as filter (40003); with more
        than 1,000 visible staff (81017) by owner all the same, as the documents have it. (docs: path/92120)"""
        try:
            return list(self._groups_in(OWNERLESS))
        except errors.ConnectorError as error:
            if error.code != TOO_MANY:
                raise
        found: list[str] = []
        unknown = 0
        for owner in departed:
            try:
                found += self._groups_in(OWNERLESS, owner)
            except errors.Gone:
                unknown += 1
        if unknown:
            log.warning("groups_not_listed", account=self.http.runtime.account, members=unknown)
        return found

    def _groups_in(self, status: int, owner: str = "") -> Iterator[str]:
        cursor = ""
        while True:
            body: dict[str, Any] = {"status_filter": status, "cursor": cursor, "limit": GROUP_PAGE}
            body |= {"owner_filter": {"userid_list": [owner]}} if owner else {}
            answer = self.http.post("externalcontact/groupchat/list", body)
            # Whether the filter is kept is not relied on.
            yield from (str(row["chat_id"]) for row in answer.get("group_chat_list") or [] if row.get("status") == status)
            following = answer.get("next_cursor") or ""
            if not following:
                return
            if following == cursor:
                raise errors.UnknownAnswer("wecom.cursor_stuck")
            cursor = following

    def _owner_of(self, chat_id: str) -> str | None:
        try:
            body = self.http.post("externalcontact/groupchat/get", {"chat_id": chat_id, "need_name": 0})
        except errors.Gone:
            return None
        return str((body.get("group_chat") or {}).get("owner") or "") or None

    def _give_groups(self, order: HandOver) -> dict[str, ConnectorError]:
        body = {"chat_id_list": list(order.keys), "new_owner": order.to}
        answer = self._write("externalcontact/groupchat/transfer", body)
        told = {str(row.get("chat_id")): row for row in answer.get("failed_chat_list") or []}
        return {key: error for key in order.keys if key in told and (error := self._refusal(told[key])) is not None}

    def _groups_handed(self, order: HandOver) -> dict[str, Handed]:
        found: dict[str, Handed] = {}
        try:
            inheriting = set(self._groups_in(INHERITING))
        except errors.ConnectorError as error:
            if error.code != TOO_MANY:
                raise
            # What is under way cannot be listed then; that it is done can be seen.
            inheriting = set()
        for key in order.keys:
            if key in inheriting:
                # To whom, the platform does not say before it is done.
                found[key] = Handed("waiting", None, key)
            elif self._owner_of(key) == order.to:
                found[key] = Handed("done", None, key)
        return found


def moment(seconds: Any) -> datetime | None:
    """An instant of unix seconds; 0 and nothing are none."""
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None


def outcome(row: dict[str, Any], becomes: str, since: datetime) -> Handed | None:
    """A row of transfer_result; None for 'no record', and for a hand-over that took effect before this one was asked for."""
    state, at = STATES.get(int(row.get("status") or 0)), moment(row.get("takeover_time"))
    if state is None or (at is not None and at < since):
        return None
    return Handed(state, at, becomes)  # type: ignore[arg-type]


def rank(item: Handed) -> tuple[bool, float]:
    """Of several rows about one customer the living one counts: refusals of earlier attempts stay listed, without a time."""
    return item.state in ("done", "waiting"), item.at.timestamp() if item.at else 0.0
