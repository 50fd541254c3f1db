"""OA approvals as deals. (docs: obtain-an-approval-list-of-instance-ids, obtains-the-details-of-a-single-approval-instance)

A deal is an original approval (bizAction NONE) with what later ones did to it: REVOKE cancels it, MODIFY changes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors import errors
from connectors.base import Record
from connectors.dingtalk.calls import DingTalkConfig, names

PAGE = 20
MOST_IDS = 10_000
"""A list ends after so many ids without saying that there are more."""
OLDEST = 364 * 86_400_000
"""How far back (ms) a list may begin."""
CHANGES = ("REVOKE", "MODIFY")
UNDECIDED = ("RUNNING", "NEW")
EMPTY = ("", "null", None, "[]")

Detail = Callable[[str], Mapping[str, Any]]
Ids = Callable[[str, int, int, int], Mapping[str, Any]]
"""(process code, first ms, last ms, token) -> a page of the list."""


class Approvals:
    """Reads approvals. detail: an approval's content, or Gone."""

    def __init__(self, config: DingTalkConfig, ids: Ids, detail: Detail) -> None:
        self._config, self._ids, self._detail = config, ids, detail

    def pages(self, first: int, last: int, resume: str | None) -> Iterator[tuple[list[Record], str | None]]:
        """The deals whose approvals were started from ``first`` to ``last`` (ms), and the point after each page."""
        codes = self._config.codes
        code, token = json.loads(resume) if resume else (codes[0] if codes else "", 0)
        while code:
            found = self._ids(code, first, last, token)
            keys, following = list(found.get("list") or []), str(found.get("nextToken") or "")
            records = list({str(r["processInstanceId"]): r for r in self._deals(keys) if r is not None}.values())
            if following and int(following) >= MOST_IDS:
                raise errors.ConfigError("dingtalk.too_many_approvals", process=code)
            later = codes[codes.index(code) + 1 :] if code in codes else []
            code, token = (code, int(following)) if following else (later[0] if later else "", 0)
            yield records, json.dumps([code, token]) if code else None

    def _deals(self, keys: Sequence[str]) -> Iterator[Record | None]:
        for key in keys:
            yield self.deal(key)[1]

    def deal(self, key: str) -> tuple[str, Record | None]:
        """The deal that an approval is, or changes: its key and record; None when it is gone."""
        try:
            found = self._detail(key)
            main = str(found.get("mainProcessInstanceId") or "")
            if found.get("bizAction") in CHANGES and main:
                key, found = main, self._detail(main)
        except errors.Gone:
            return key, None
        return key, self._record(key, found)

    def _record(self, key: str, found: Mapping[str, Any]) -> Record:
        others = list(self._changes(key, found))
        changes = sorted(filter(_agreed, others), key=lambda item: str(item.get("finishTime") or ""))
        revoked = any(change.get("bizAction") == "REVOKE" for change in changes)
        # The newest agreed change is how the contract stands.
        form = (changes[-1] if changes and not revoked else found).get("formComponentValues") or []
        moments = [str(item.get("finishTime") or "") for item in (found, *changes)]
        deal = self._read(form)
        if "customer_name" in deal:
            deal["buyer"] = f"buyer:{key}"
        undecided = any(item.get("status") in UNDECIDED for item in (found, *others))
        extra: Record = {
            "_open": "yes" if undecided else "no",
            "_amended": "REVOKE" if revoked else "",
            "_deal": deal,
            "_changed": max(moments),
        }
        return {**found, "processInstanceId": key, **extra}

    def _changes(self, key: str, found: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Approvals that change this one, or would, once they are agreed."""
        for other in found.get("attachedProcessInstanceIds") or []:
            try:
                item = self._detail(str(other))
            except errors.Gone:
                continue
            if item.get("bizAction") in CHANGES and item.get("mainProcessInstanceId") == key:
                yield item

    def _read(self, form: Sequence[Mapping[str, Any]]) -> Record:
        """The configured components. A customer that is linked is named by its instance id, else by what was typed."""
        config = self._config
        wanted = {
            "amount": config.amount_field, "number": config.number_field, "phone": config.phone_field,
            "tax_id": config.tax_field, "signed_on": config.signed_field,
        }  # fmt: skip
        found = {part: component.get("value") for part, title in wanted.items() if (component := _component(form, title))}
        customer = _component(form, config.customer_field)
        if customer:
            link = _linked(customer)
            found |= {"customer": link} if link else {"customer_name": _typed(customer)}
        return {part: value for part, value in found.items() if value not in EMPTY}


def _agreed(item: Mapping[str, Any]) -> bool:
    return (item.get("status"), item.get("result")) == ("COMPLETED", "agree")


def _component(form: Sequence[Mapping[str, Any]], titles: str) -> Mapping[str, Any] | None:
    """The first filled component of these aliases, ids or names: an alias is what an administrator gave for programs."""
    for title in names(titles):
        for mark in ("bizAlias", "id", "name"):
            for component in form:
                if component.get(mark) == title and component.get("value") not in EMPTY:
                    return component
    return None


def _linked(component: Mapping[str, Any]) -> str:
    """The instance id of the CRM record that a component is linked to, or ''."""
    extend = _parsed(component.get("extValue"))
    items = extend.get("list") if isinstance(extend, Mapping) else extend
    for item in items if isinstance(items, list) else []:
        if isinstance(item, Mapping) and item.get("instanceId"):
            return str(item["instanceId"])
    return ""


def _typed(component: Mapping[str, Any]) -> str:
    value = _parsed(component.get("value"))
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(component.get("value") or "")


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) and value[:1] in "[{" else value
    except ValueError:
        return value
