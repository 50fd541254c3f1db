"""客户群: groups of the CRM app. Nobody lists their members. (docs: query-crm-group-chats, query-customer-group-information)"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.base import Page, Record

PAGE = 100
BATCH = 50
KINDS = ("crm_customer", "crm_customer_personal")
ONLY_DETAIL = frozenset({"iconUrl"})

Call = Callable[..., Any]
"""``DingTalkCalls.new``."""


class Groups:
    """Reads the groups of both kinds of customers."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def pages(self, resume: str | None) -> Iterator[Page]:
        """All groups; the point to go on from is a kind and a page token."""
        kind, token = json.loads(resume) if resume else (KINDS[0], "0")
        while kind:
            query = {"relationType": kind, "maxResults": str(PAGE), "nextToken": token}
            body = self._call("v1.0/crm/crmGroupChats", None, **query)
            if body.get("hasMore") and body.get("nextToken"):
                token = str(body["nextToken"])
            else:
                kind, token = next(iter(KINDS[KINDS.index(kind) + 1 :]), ""), "0"
            point = json.dumps([kind, token]) if kind else None
            yield Page([tidy(row) for row in body.get("resultList") or []], resume=point, last=not kind)

    def by_ids(self, keys: Sequence[str]) -> Iterator[tuple[str, Record | None]]:
        """Fifty at once. What is missing from an answer is asked for alone before it counts as gone."""
        for start in range(0, len(keys), BATCH):
            chunk = list(keys[start : start + BATCH])
            found = self._batch(chunk)
            for key in chunk:
                row = found.get(key) or (self._batch([key]).get(key) if len(chunk) > 1 else None)
                yield key, tidy(row) if row else None

    def _batch(self, keys: list[str]) -> dict[str, Mapping[str, Any]]:
        rows = self._call("v1.0/crm/crmGroupChats/batchQuery", {"openConversationIds": keys}).get("result") or []
        return {str(row.get("openConversationId")): row for row in rows}


def tidy(row: Mapping[str, Any]) -> Record:
    """A group as both ways of reading give it."""
    return {name: value for name, value in row.items() if name not in ONLY_DETAIL}
