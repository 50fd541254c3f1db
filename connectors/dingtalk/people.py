"""Staff and external contacts: old generation, not counted in the monthly quota.

(docs: queries-the-complete-information-of-a-department-user, obtain-the-external-contact-list)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connectors import errors
from connectors.base import Page, Record

ROOT = 1
PAGE = 100
ONLY_DETAIL = frozenset({
    "state_code", "create_time", "real_authed", "senior", "leader_in_dept", "role_list", "union_emp_ext", "manager_userid",
    "dept_order_list", "dept_order", "extension", "remark", "login_id", "exclusive_account_type", "exclusive_account_corp_id",
    "exclusive_account_corp_name", "nickname", "exclusive_mobile", "org_email_type", "disable_status", "stateCode",
})  # fmt: skip
"""What only the detail tells: left out, so that both ways of reading give the same record."""

Call = Callable[[str, Mapping[str, Any]], Any]


def member(user: Mapping[str, Any]) -> Record:
    """A member as both ways of reading give him."""
    return {name: value for name, value in user.items() if name not in ONLY_DETAIL and value not in (None, "")}


class Staff:
    """The members of all departments in sight, each once, though he may be in several."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def departments(self) -> list[int]:
        """Ids of the departments, in order. One that is outside the app's visible range is left out."""
        found, waiting = [ROOT], [ROOT]
        while waiting:
            parent = waiting.pop()
            try:
                children = self._call("topapi/v2/department/listsub", {"dept_id": parent})["result"] or []
            except errors.InvalidRecord:
                if parent == ROOT:
                    raise errors.ScopeMissing("dingtalk.visible_range") from None
                continue
            numbers = [int(child["dept_id"]) for child in children]
            found += numbers
            waiting += numbers
        return sorted(set(found))

    def pages(self, resume: str | None) -> Iterator[Page]:
        """All members; the point to go on from is a department and the cursor in it."""
        departments = self.departments()
        at, cursor = json.loads(resume) if resume else (departments[0], 0)
        left = [number for number in departments if number >= at]
        while left:
            users, following = self._part(left[0], cursor if left[0] == at else 0)
            own = [member(user) for user in users if self._here(user, left[0], departments)]
            if following is None:
                left.pop(0)
            else:
                at, cursor = left[0], following
            point = json.dumps([left[0], cursor if following is not None else 0]) if left else None
            yield Page(own, resume=point, last=not left)

    def _part(self, department: int, cursor: int) -> tuple[list[Mapping[str, Any]], int | None]:
        body = {"dept_id": department, "cursor": cursor, "size": PAGE, "contain_access_limit": False}
        try:
            result = self._call("topapi/v2/user/list", body)["result"]
        except errors.InvalidRecord:
            return [], None
        return result.get("list") or [], int(result["next_cursor"]) if result.get("has_more") else None

    @staticmethod
    def _here(user: Mapping[str, Any], department: int, departments: list[int]) -> bool:
        """Whether this is the first of his departments that are walked."""
        own = [int(number) for number in user.get("dept_id_list") or []]
        first = next((number for number in departments if number in own), department)
        return first == department


class External:
    """External contacts and their labels."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def pages(self, resume: str | None) -> Iterator[Page]:
        """All contacts. There is no has_more: a short page is the last. Both parameters are sent, or there is no paging."""
        offset = int(resume or 0)
        while True:
            rows = self._call("topapi/extcontact/list", {"size": PAGE, "offset": offset}).get("results") or []
            offset += len(rows)
            done = len(rows) < PAGE
            yield Page([contact(row) for row in rows], resume=None if done else str(offset), last=done)
            if done:
                return

    def one(self, key: str) -> Record | None:
        """A contact; here the answer stands under ``result``, in the list under ``results``."""
        found = self._call("topapi/extcontact/get", {"user_id": key}).get("result")
        return contact(found) if found else None

    def labels(self, resume: str | None = None) -> Iterator[Page]:
        """All labels, one record each, with the group beside it."""
        offset = int(resume or 0)
        while True:
            groups = self._call("topapi/extcontact/listlabelgroups", {"size": PAGE, "offset": offset}).get("results") or []
            offset += len(groups)
            done = len(groups) < PAGE
            yield Page(list(_labels(groups)), resume=None if done else str(offset), last=done)
            if done:
                return


def contact(row: Mapping[str, Any]) -> Record:
    """A contact with the international number under ``_phones``."""
    mobile, code = str(row.get("mobile") or ""), str(row.get("state_code") or "86").lstrip("+")
    record = {name: value for name, value in row.items() if value not in (None, "", [])}
    if mobile:
        record["_phones"] = [mobile if mobile.startswith("+") else f"+{code}{mobile}"]
    if isinstance(record.get("label_ids"), list):
        record["label_ids"] = sorted(str(number) for number in record["label_ids"])
    return record


def _labels(groups: list[Mapping[str, Any]]) -> Iterator[Record]:
    for group in groups:
        own = {name: value for name, value in group.items() if name != "labels"}
        for label in group.get("labels") or []:
            yield {**label, "group": own}
