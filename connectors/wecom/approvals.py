"""Approvals as signed deals: found by the time of submission, read in detail. (docs: path/91816, path/91983)

A form that is approved weeks later never comes back in a window: open ones are read again by number, and an event tells of each
step. One that is withdrawn after approval (6) voids the deal; a deleted one (7) is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors import errors
from connectors.base import Page, Record, Window
from connectors.wecom.calls import WeComCalls

CHINA = ZoneInfo("Asia/Shanghai")
SIZE = 100
"""The most numbers in one answer; invisible applicants make pages shorter without ending the walk."""
DELETED = 7
UNKNOWN = "301025"
"""A wrong parameter: of the detail, a number that is not there."""
DEAD_CURSOR = ("40058", UNKNOWN)


class ApprovalReading(WeComCalls):
    """The approvals of the configured templates."""

    def _approvals(self, window: Window, resume: str | None) -> Iterator[Page]:
        """Template after template. The resume point names template and cursor; a cursor that died begins its template again."""
        templates = self.config.templates
        place, cursor = json.loads(resume) if resume else (0, "")
        while place < len(templates):
            try:
                body = self._numbers(templates[place], window, cursor)
            except (errors.ConfigError, errors.InDoubt) as error:
                if not cursor or error.code not in DEAD_CURSOR:
                    raise
                cursor = ""
                continue
            following = str(body.get("new_next_cursor") or "")
            if following and following == cursor:
                raise errors.Unavailable("wecom.cursor_stuck")
            place, cursor = (place, following) if following else (place + 1, "")
            last = place >= len(templates)
            found = (self._approval(str(number)) for number in body.get("sp_no_list") or [])
            yield Page([r for r in found if r is not None], None if last else json.dumps([place, cursor]), last=last)
        if not templates:
            yield Page([], last=True)

    def _numbers(self, template: str, window: Window, cursor: str) -> Mapping[str, Any]:
        # Times are texts, and by submission; the end is taken in, which costs a repetition and loses nothing.
        span = {"starttime": str(int(window.start.timestamp())), "endtime": str(int(window.end.timestamp()))}
        filters = [{"key": "template_id", "value": template}]
        answer: Mapping[str, Any] = self.http.post(
            "oa/getapprovalinfo", {**span, "new_cursor": cursor, "size": SIZE, "filters": filters}
        )
        return answer

    def _approval(self, number: str) -> Record | None:
        """The form with what the account's settings find in it; None where it is deleted, or of no configured template."""
        try:
            info = self.http.post("oa/getapprovaldetail", {"sp_no": number})["info"]
        except errors.ConfigError as error:
            if error.code == UNKNOWN:
                return None
            raise
        if info.get("sp_status") == DELETED or str(info.get("template_id")) not in self.config.templates:
            return None
        applicant: Mapping[str, Any] = info.get("applyer") or next(iter(info.get("batch_applyer") or []), {})
        return {
            **info,
            "sp_no": str(info.get("sp_no")),
            "_owner": applicant.get("userid"),
            "_decided": decided_at(info.get("process_list") or {}, info.get("sp_record") or []),
            "_deal": self._deal(str(info.get("sp_no")), (info.get("apply_data") or {}).get("contents") or []),
        }

    def _deal(self, number: str, contents: Sequence[Mapping[str, Any]]) -> Record:
        config = self.config
        wanted = {
            "amount": config.amount_control, "number": config.number_control, "customer_name": config.customer_control,
            "tax_id": config.tax_control, "phone": config.phone_control, "signed_on": config.signed_control,
        }  # fmt: skip
        deal = {part: value for part, ids in wanted.items() if (value := filled(contents, ids)) is not None}
        return deal | ({"buyer": f"buyer:{number}"} if "customer_name" in deal else {})

    def _check_template(self, template: str) -> list[str]:
        """The configured controls that none of the template's has; those that only others need are not missed."""
        content = self.http.post("oa/gettemplatedetail", {"template_id": template}).get("template_content") or {}
        there = {str((item.get("property") or {}).get("id")) for item in content.get("controls") or []}
        return [ids for ids in (self.config.amount_control,) if not there & set(names(ids))]


def names(text: str) -> list[str]:
    """What stands between commas."""
    return [name.strip() for name in text.replace("，", ",").split(",") if name.strip()]


def decided_at(process: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> int | None:
    """The latest time (s) at which somebody decided: there is none for the form as a whole."""
    steps = [step for node in process.get("node_list") or [] for step in node.get("sub_node_list") or []]
    steps += [step for record in records for step in record.get("details") or []]
    times = [int(step.get("sptime") or 0) for step in steps]
    return max(times, default=0) or None


def filled(contents: Sequence[Mapping[str, Any]], ids: str) -> str | None:
    """The text of the first of these controls that is filled in; of a table, of its rows' controls too."""
    controls = list(_all(contents))
    for wanted in names(ids):
        for control in controls:
            if control.get("id") == wanted and (text := _text(control)):
                return text
    return None


def _all(contents: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for control in contents:
        yield control
        if control.get("control") == "Table":
            for row in (control.get("value") or {}).get("children") or []:
                yield from _all(row.get("list") or [])


def _text(control: Mapping[str, Any]) -> str:
    """By the kind of the control: the value carries empty parts of other kinds too."""
    value = control.get("value") or {}
    kind = control.get("control")
    if kind == "Selector":
        options = (value.get("selector") or {}).get("options") or []
        return "，".join(_title(option.get("value") or []) or str(option.get("key") or "") for option in options)
    if kind == "Date":
        stamp = str((value.get("date") or {}).get("s_timestamp") or "")
        return datetime.fromtimestamp(int(stamp), CHINA).date().isoformat() if stamp.isdigit() else ""
    if kind == "Formula":
        return str((value.get("formula") or {}).get("value") or "")
    part = {"Text": "text", "Textarea": "text", "Number": "new_number", "Money": "new_money"}.get(str(kind), "")
    return str(value.get(part) or "").strip() if part else ""


def _title(texts: Sequence[Mapping[str, Any]]) -> str:
    chinese = [text for text in texts if text.get("lang") == "zh_CN"]
    return str((chinese or list(texts) or [{}])[0].get("text") or "")
