"""One shape for a record, whichever way it was read, so that its hash changes only when the record did.

WeCom gives the same staff-customer pair in two forms: the batch call has ``follow_info`` with ``tag_id`` and without the
personal tags of the staff member; the single call has ``follow_user[]`` with ``tags[]``. (docs: path/96316, path/96315)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.base import Record

_EMPTY: tuple[Any, ...] = (None, "", [], {})


def pair(item: Mapping[str, Any]) -> Record:
    """A staff-customer pair as ``{"external_contact": {…}, "follow_info": {…}}``.

    Empty values are left out, since one call sends ``""`` or ``[]`` where the other leaves the field away; tag ids are
    sorted, since their order is not promised.
    """
    record = {name: _filled(value) if isinstance(value, dict) else value for name, value in item.items()}
    follow = record.get("follow_info")
    if isinstance(follow, dict) and _all_text(follow.get("tag_id")):
        follow["tag_id"] = sorted(follow["tag_id"])
    return record


def follow_info(follower: Mapping[str, Any]) -> Record:
    """An entry of ``follow_user`` as the batch call would give it: tags as ids only, personal tags (no id) left out."""
    tags = [tag for tag in follower.get("tags") or [] if isinstance(tag, dict)]
    rest = {name: value for name, value in follower.items() if name != "tags"}
    return {**rest, "tag_id": [tag["tag_id"] for tag in tags if tag.get("tag_id")]}


def member(body: Mapping[str, Any]) -> Record:
    """The answer of ``user/get`` without its status."""
    return {name: value for name, value in body.items() if name not in ("errcode", "errmsg")}


def tags(body: Mapping[str, Any]) -> Iterator[Record]:
    """The living tags of ``get_corp_tag_list``, one record each with its group beside it.

    ``deleted`` is left out: only a query by ids carries it, and what it marks as deleted is gone. (docs: path/96320)
    """
    for group in body.get("tag_group") or []:
        if group.get("deleted"):
            continue
        own = {name: value for name, value in group.items() if name not in ("tag", "deleted")}
        for tag in group.get("tag") or []:
            if not tag.get("deleted"):
                yield {**{name: value for name, value in tag.items() if name != "deleted"}, "group": own}


def _filled(section: Mapping[str, Any]) -> Record:
    return {name: value for name, value in section.items() if value not in _EMPTY}


def _all_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
