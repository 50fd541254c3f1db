"""Departments, staff, external contacts and their labels inside the DingTalk simulator. All of them old generation.

(docs: obtain-the-department-list-v2, queries-the-complete-information-of-a-department-user, obtain-the-external-contact-list)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.dingtalk.sim_gate import Refusal

Body = Mapping[str, Any]
Answer = dict[str, Any]
MOST = 100


def _number(body: Body, name: str, default: int | None = None) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not str(value).lstrip("-").isdigit():
        raise Refusal(40035)
    return int(str(value))


class People:
    """departments: id -> {name, parent_id}. staff: userid -> user. contacts: userid -> external contact. groups: label groups.

    hidden: departments outside the app's visible range.
    """

    def __init__(self) -> None:
        self.departments: dict[int, dict[str, Any]] = {1: {"name": "杭州示例公司", "parent_id": 0}}
        self.hidden: set[int] = set()
        self.staff: dict[str, dict[str, Any]] = {}
        self.contacts: dict[str, dict[str, Any]] = {}
        self.groups: list[dict[str, Any]] = []
        self._numbers = 0

    def number(self) -> int:
        """A number never given before."""
        self._numbers += 1
        return self._numbers

    # -- acts

    def add_department(self, name: str, parent: int = 1) -> int:
        """A new department."""
        number = 1000 + self.number()
        self.departments[number] = {"name": name, "parent_id": parent}
        return number

    def add_staff(self, userid: str, name: str, departments: list[int], **more: Any) -> dict[str, Any]:
        """Somebody joins."""
        base = {"userid": userid, "unionid": f"un{userid}", "name": name, "title": "销售", "job_number": "", "active": True}
        base |= {"dept_id_list": departments, "admin": False, "boss": False, "leader": False, "hired_date": 1704067200000}
        self.staff[userid] = {**base, **more}
        return self.staff[userid]

    def add_contact(self, name: str, mobile: str, **more: Any) -> str:
        """A new external contact; its userid."""
        userid = more.pop("userid", None) or f"ext{self.number():08d}"
        base = {"userid": userid, "name": name, "mobile": mobile, "state_code": "86", "title": "", "company_name": ""}
        base |= {"address": "", "email": "", "remark": "", "label_ids": [], "follower_user_id": ""}
        self.contacts[userid] = {**base, "share_dept_ids": [], "share_user_ids": [], **more}
        return str(userid)

    def add_label(self, group: str, name: str) -> int:
        """A label in a group, which is made when there is none of that name."""
        found = next((item for item in self.groups if item["name"] == group), None)
        if found is None:
            found = {"name": group, "color": -15220075, "labels": []}
            self.groups.append(found)
        number = 500000 + self.number()
        found["labels"].append({"id": number, "name": name})
        return number

    def label(self, number: int) -> dict[str, Any]:
        """The label of that id."""
        return next(label for group in self.groups for label in group["labels"] if label["id"] == number)

    # -- answers

    def listsub(self, body: Body) -> Answer:
        """POST /topapi/v2/department/listsub: one level."""
        parent = _number(body, "dept_id", 1)
        if parent not in self.departments:
            raise Refusal(60003)
        if parent in self.hidden:
            raise Refusal(50004)
        found = [{"dept_id": key, **item} for key, item in self.departments.items() if item["parent_id"] == parent]
        return {"result": [item for item in found if item["dept_id"] not in self.hidden]}

    def user_list(self, body: Body) -> Answer:
        """POST /topapi/v2/user/list: direct members of one department."""
        department, cursor, size = _number(body, "dept_id"), _number(body, "cursor", 0), _number(body, "size")
        if department not in self.departments:
            raise Refusal(60003)
        if department in self.hidden:
            raise Refusal(50004)
        if not 1 <= size <= MOST:
            raise Refusal(40035)
        members = [user for user in self.staff.values() if department in user["dept_id_list"]]
        result: Answer = {"list": members[cursor : cursor + size], "has_more": cursor + size < len(members)}
        return {"result": result | ({"next_cursor": cursor + size} if result["has_more"] else {})}

    def user_get(self, body: Body) -> Answer:
        """POST /topapi/v2/user/get; with details that the list leaves out."""
        user = self.staff.get(str(body.get("userid") or ""))
        if user is None:
            raise Refusal(60121)
        extra = {"state_code": "86", "create_time": "2024-01-01T00:00:00.000Z", "real_authed": True, "senior": False}
        leader = [{"dept_id": number, "leader": False} for number in user["dept_id_list"]]
        return {"result": {**user, **extra, "leader_in_dept": leader, "role_list": []}}

    def by_unionid(self, body: Body) -> Answer:
        """POST /topapi/user/getbyunionid; the numbers come as texts, as the documentation's sample has them."""
        for user in self.staff.values():
            if user["unionid"] == body.get("unionid"):
                return {"result": {"contact_type": "0", "userid": user["userid"]}}
        for contact in self.contacts.values():
            if contact.get("unionid") and contact["unionid"] == body.get("unionid"):
                return {"result": {"contact_type": "1", "userid": contact["userid"]}}
        raise Refusal(60121)

    def contact_list(self, body: Body) -> Answer:
        """POST /topapi/extcontact/list: ``results`` at the top level; without both parameters the first page, always."""
        rows = list(self.contacts.values())
        size, offset = self._paging(body)
        return {"results": rows[offset : offset + size]}

    def contact_get(self, body: Body) -> Answer:
        """POST /topapi/extcontact/get: ``result``."""
        found = self.contacts.get(str(body.get("user_id") or ""))
        if found is None:
            raise Refusal(33012)
        return {"result": found}

    def label_groups(self, body: Body) -> Answer:
        """POST /topapi/extcontact/listlabelgroups."""
        size, offset = self._paging(body)
        return {"results": self.groups[offset : offset + size]}

    def contact_update(self, body: Body) -> Answer:
        """POST /topapi/extcontact/update: labels, at most 20; mobile and state code cannot change."""
        given = body.get("contact")
        if not isinstance(given, dict) or set(given) & {"mobile", "state_code"}:
            raise Refusal(40035)
        found = self.contacts.get(str(given.get("user_id") or ""))
        if found is None:
            raise Refusal(33012)
        labels = given.get("label_ids", found["label_ids"])
        known = {label["id"] for group in self.groups for label in group["labels"]}
        if not isinstance(labels, list) or not set(labels) <= known:
            raise Refusal(60204)
        if len(labels) > 20:
            raise Refusal(40035)
        found.update({name: value for name, value in given.items() if name != "user_id"})
        return {}

    @staticmethod
    def _paging(body: Body) -> tuple[int, int]:
        if "size" not in body or "offset" not in body:
            return 20, 0
        size, offset = _number(body, "size"), _number(body, "offset")
        if not 1 <= size <= MOST:
            raise Refusal(40069)
        return size, offset
