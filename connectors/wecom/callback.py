"""What a callback carries: the envelope, the decrypted event, and which records it speaks of. (docs: path/90930, path/92130)"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from connectors.base import PlatformEvent
from connectors.errors import BadPush
from connectors.wecom.groups import AT

LONGEST = 256 * 1024
"""Bytes of the longest body that is looked at; events are far shorter."""

GROUP = "group:"
"""Put before the id of a tag group, whose event speaks of all its tags."""

APPROVAL = "ApprovalInfo"
"""The part of an approval's event in which the form's number stands, one level down."""
Fields = dict[str, str]


def encrypted(body: bytes) -> str:
    """The ciphertext of a pushed body: ``Encrypt`` of the XML form, ``encrypt`` of the JSON form. Raises BadPush."""
    if len(body) > LONGEST:
        raise BadPush("wecom.callback_body", reason="too long")
    found = fields(body)
    value = found.get("Encrypt") or found.get("encrypt")
    if not value:
        raise BadPush("wecom.callback_body", reason="nothing encrypted inside")
    return value.strip()


def fields(content: bytes) -> Fields:
    """The scalar fields of a message in XML or JSON. Raises BadPush; a DTD or an entity is refused."""
    return _json_fields(content) if content.lstrip()[:1] == b"{" else _xml_fields(content)


def _xml_fields(content: bytes) -> Fields:
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise BadPush("wecom.callback_body", reason=type(error).__name__) from None
    found = {child.tag: child.text or "" for child in root if not len(child)}
    inner = next((child for child in root if child.tag == APPROVAL), ())
    return found | {f"{APPROVAL}.{part.tag}": part.text or "" for part in inner if not len(part)}


def _json_fields(content: bytes) -> Fields:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadPush("wecom.callback_body", reason=type(error).__name__) from None
    inner = body.get(APPROVAL)
    parts = {f"{APPROVAL}.{name}": value for name, value in inner.items()} if isinstance(inner, dict) else {}
    return {name: str(value) for name, value in {**body, **parts}.items() if isinstance(value, (str, int))}


def platform_events(found: Fields) -> list[PlatformEvent]:
    """The events for the streams of this connector; nothing for messages and for events of other subjects."""
    place = _place(found)
    if found.get("MsgType") != "event" or place is None:
        return []
    stream, record_key = place
    kind = found.get("ChangeType") or found.get(f"{APPROVAL}.StatuChangeEvent") or found.get("Event", "")
    return [PlatformEvent(business_key(found), stream, record_key, kind, _time(found))]


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


def business_key(found: Fields) -> str:
    """SHA-256 over all fields: FromUserName and CreateTime, which WeCom names, repeat for different events in a second."""
    return hashlib.sha256(json.dumps(found, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _time(found: Fields) -> datetime | None:
    text: Any = found.get("CreateTime", "")
    return datetime.fromtimestamp(int(text), UTC) if text.isdigit() and len(text) <= 11 else None


def digest(plaintext: bytes) -> str:
    """What a repeated push has in common with the first: ciphertext, nonce and signature may differ, the message not."""
    return hashlib.sha256(plaintext).hexdigest()
