"""Which records a callback's event speaks of. (docs: path/92130; the envelope is in ``connectors.callbacks``)"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.base import PlatformEvent
from connectors.callbacks import Fields, business_key, created
from connectors.wecom.groups import AT

GROUP = "group:"
"""Put before the id of a tag group, whose event speaks of all its tags."""

APPROVAL = "ApprovalInfo"
"""The part of an approval's event in which the form's number stands, one level down."""


STAFF = ("create_user", "update_user", "delete_user")


def platform_events(found: Fields) -> list[PlatformEvent]:
    """The events for the streams of this connector; nothing for messages and for events of other subjects."""
    if found.get("MsgType") != "event":
        return []
    kind = found.get("ChangeType") or found.get(f"{APPROVAL}.StatuChangeEvent") or found.get("Event", "")
    key, when = business_key(found), created(found)
    return [PlatformEvent(f"{key}{suffix}", stream, record, kind, when) for stream, record, suffix in _places(found)]


def _places(found: Fields) -> Iterator[tuple[str, str, str]]:
    """Stream, record key, and what tells the events of one push apart."""
    # A member may be renamed once: the old id is gone, and the new one is somebody. These events come to the callback of
    # Contacts Sync alone, which may be given the same address, token and key. (docs: path/96302)
    if found.get("Event") == "change_contact" and found.get("UserID") and found.get("ChangeType") in STAFF:
        yield "staff", found["UserID"], ""
        if found.get("NewUserID"):
            yield "staff", found["NewUserID"], "/new"
    elif place := _place(found):
        yield (*place, "")


def _place(found: Fields) -> tuple[str, str] | None:
    subject = found.get("Event")
    if subject == "change_external_contact" and found.get("UserID") and found.get("ExternalUserID"):
        return "customer", f"{found['UserID']}/{found['ExternalUserID']}"
    # A shuffle changes nothing but the order of display. (docs: path/92130)
    if subject == "change_external_tag" and found.get("Id") and found.get("ChangeType") != "shuffle":
        # A renamed group touches all its tags, and for those of a deleted one no events come.
        return "tag", found["Id"] if found.get("TagType") == "tag" else GROUP + found["Id"]
    if subject == "change_external_chat" and found.get("ChatId"):
        # The version of the members, where they changed: what is read must have it. (docs: path/92130)
        return "group", AT.join(filter(None, (found["ChatId"], found.get("CurMemVer"))))
    # SpNo is an integer that some libraries round; SpNoStr is the same as text, newer. (docs: path/91815)
    number = found.get(f"{APPROVAL}.SpNoStr") or found.get(f"{APPROVAL}.SpNo")
    if subject == "sys_approval_change" and number:
        return "approval", number
    return None
