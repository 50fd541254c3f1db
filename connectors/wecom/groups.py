"""Customer groups with their members: the walk over all of them, one by its id, and one just after its event.

The list says which groups there are and whether the owner is still there; only the detail has members. (docs: path/92120,
path/92122)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors import errors
from connectors.base import Page, Record
from connectors.wecom.calls import WeComCalls

GROUP_PAGE = 50
"""Groups a page: each of them is one more call."""
OWNERS = 100
"""Owners that one filter takes. (docs: path/92120)"""
LIST_PAGE = 1000
TOO_MANY = "81017"
AT = "#"
"""Between a group's id and the member version that its event has named."""
WAITS = (1.0, 2.0, 4.0)
"""Seconds between the looks at a group whose detail lags behind its event."""


class GroupWalk:
    """All groups of the app's visible range. ask: one list call. owners: the visible staff, for whom it is asked in parts
    where there are more than 1 000 of them (81017)."""

    def __init__(self, ask: Callable[..., dict[str, Any]], owners: Callable[[], list[str]], resume: str | None) -> None:
        self._ask, self._owners = ask, owners
        self._place: dict[str, Any] = json.loads(resume) if resume else {"cursor": "", "after": None}

    def lists(self) -> Iterator[tuple[list[dict[str, Any]], str, bool]]:
        """Entries of the list, the place after them, and whether they are the last."""
        if self._place["after"] is None:
            try:
                yield from self._chain(None, last=True)
                return
            except errors.ConnectorError as refusal:
                if refusal.code != TOO_MANY:
                    raise
                self._place = {"cursor": "", "after": ""}
        left, size = [userid for userid in sorted(self._owners()) if userid > self._place["after"]], OWNERS
        while left:
            chunk = left[:size]
            try:
                yield from self._chain(chunk, last=len(chunk) == len(left))
            except errors.Gone:
                # One owner who has just left refuses all of them: halve until he stands alone. (docs: path/92120)
                if len(chunk) > 1:
                    size = len(chunk) // 2
                    continue
            left, size, self._place = left[len(chunk) :], OWNERS, {"cursor": "", "after": chunk[-1]}
        yield [], json.dumps(self._place), True

    def _chain(self, owners: Sequence[str] | None, *, last: bool) -> Iterator[tuple[list[dict[str, Any]], str, bool]]:
        """The pages of one query. A dead cursor begins it again, once."""
        restarted = False
        while True:
            try:
                body = self._ask(owners, self._place["cursor"], GROUP_PAGE)
            except (errors.RecordError, errors.UnknownAnswer) as refusal:
                if isinstance(refusal, errors.Gone) or not self._place["cursor"] or restarted or refusal.code == TOO_MANY:
                    raise
                restarted, self._place = True, {**self._place, "cursor": ""}
                continue
            cursor = body.get("next_cursor") or ""
            if cursor and cursor == self._place["cursor"]:
                raise errors.UnknownAnswer("wecom.cursor_stuck")
            done = {"cursor": "", "after": owners[-1] if owners else None}
            self._place = {**self._place, "cursor": cursor} if cursor else done
            yield list(body.get("group_chat_list") or []), json.dumps(self._place), last and not cursor
            if not cursor:
                return


class GroupReading(WeComCalls):
    """Reads customer groups."""

    def _groups(self, owners: Callable[[], list[str]], resume: str | None) -> Iterator[Page]:
        for entries, place, last in GroupWalk(self._group_list, owners, resume).lists():
            found = [self._group_detail(str(entry.get("chat_id")), entry.get("status")) for entry in entries]
            yield Page([group for group in found if group is not None], place, last)
            if last:
                return

    def _group_list(self, owners: Sequence[str] | None, cursor: str, limit: int) -> dict[str, Any]:
        body: dict[str, Any] = {"status_filter": 0, "cursor": cursor, "limit": limit}
        if owners:
            body["owner_filter"] = {"userid_list": list(owners)}
        answer: dict[str, Any] = self.http.post("externalcontact/groupchat/list", body)
        return answer

    def _group_detail(self, chat_id: str, status: Any) -> Record | None:
        """The group as a record; None when it was dissolved (40050), or is a group without customers (90501)."""
        try:
            # Names of members are theirs and nobody's need here.
            body = self.http.post("externalcontact/groupchat/get", {"chat_id": chat_id, "need_name": 0})
        except errors.Gone:
            return None
        return shaped(body.get("group_chat") or {}, status)

    def _chat(self, key: str) -> Record | None:
        """One group. With a version behind its id it is read until it has it, or a few seconds have passed: the detail lags
        behind the event, and a newer event may have overtaken this one. (docs: path/92130)"""
        chat_id, _, version = key.partition(AT)
        group = self._group_detail(chat_id, None)
        for seconds in WAITS:
            if group is None or not version or group.get("member_version") == version:
                break
            self.http.runtime.sleep(seconds)
            group = self._group_detail(chat_id, None)
        if group is None:
            return None
        status = self._status(chat_id, str(group.get("owner") or ""))
        return group if status is None else {**group, "status": status}

    def _status(self, chat_id: str, owner: str) -> Any:
        """Whether the owner is still there, which the list alone says; one who has left is refused as filter (40003)."""
        cursor = ""
        while owner:
            try:
                body = self._group_list([owner], cursor, LIST_PAGE)
            except errors.Gone:
                return 1
            for entry in body.get("group_chat_list") or []:
                if entry.get("chat_id") == chat_id:
                    return entry.get("status")
            if not body.get("next_cursor") or body["next_cursor"] == cursor:
                break
            cursor = body["next_cursor"]
        return None


def shaped(group: Mapping[str, Any], status: Any) -> Record:
    """A group in one form: members and admins sorted, since their order is not promised; the state from the list beside."""
    record: Record = dict(group)
    for name in ("member_list", "admin_list"):
        rows = record.get(name)
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            record[name] = sorted(rows, key=lambda row: str(row.get("userid")))
    return record if status is None else {**record, "status": status}


def newest(keys: Sequence[str]) -> list[str]:
    """One key for each group: of several events the last one's version."""
    return list({key.partition(AT)[0]: key for key in keys}.values())
