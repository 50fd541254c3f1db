"""What a push carries, and which records it speaks of; the same for HTTP callbacks and Stream mode.

(docs: configure-http-push, org-event-overview, crm-event, workflow-event)
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import Opened, PlatformEvent, RawRequest, Reply
from connectors.errors import BadPush, BadSignature
from connectors.schemes import CallbackCipher

LONGEST = 256 * 1024
TOLERANCE = 3600.0
"""Seconds that a push may be old; our own rule, the last repetition comes 40 s after the first."""
FORM = "form:"
"""Put before the name of a form, whose change touches all its tags."""
OBJECTS = {"crm_customer": "company", "crm_customer_personal": "person", "crm_contact": "contact"}
STAFF = ("user_add_org", "user_modify_org", "user_leave_org", "user_active_org")
RECORDS = "ding_paas_object_data_"
CHATS = ("chat_update_owner", "chat_update_title", "chat_disband")

Fields = dict[str, Any]


class Cipher:
    """The callback cipher of an app, which accepts either of the owner keys that the documentation names."""

    def __init__(self, token: str, aes_key: str, owners: Sequence[str], now: Callable[[], datetime]) -> None:
        self._ciphers = {owner: CallbackCipher(token, aes_key, owner) for owner in owners}
        self._now = now

    def open(self, request: RawRequest) -> tuple[bytes, str]:
        """The plaintext, and the owner key that it was meant for. Raises BadSignature or BadPush."""
        query = request.query
        signature = query.get("msg_signature") or query.get("signature") or ""
        timestamp = query.get("timestamp") or query.get("timeStamp") or ""
        place = (signature, timestamp, query.get("nonce", ""), encrypted(request.body))
        wrong: BadPush | None = None
        for owner, cipher in self._ciphers.items():
            try:
                plain = cipher.open(*place)
            except BadPush as error:
                wrong = error
                continue
            self._fresh(timestamp)
            return plain, owner
        what = wrong.params["field"] if wrong else "receiver"
        raise BadPush({"aes_key": "dingtalk.callback_aes_key", "receiver": "dingtalk.callback_owner"}[what])

    def _fresh(self, timestamp: str) -> None:
        """Ten digits are seconds and thirteen ms: both are in the platform's own samples."""
        number = int(timestamp) if timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 13 else 0
        moment = number / 1000 if len(timestamp) > 11 else number
        if abs(self._now().timestamp() - moment) > TOLERANCE:
            raise BadSignature(reason="time")

    def success(self, owner: str) -> Reply:
        """The answer that the platform wants, encrypted for the owner key that came; ``timeStamp`` with a capital S."""
        timestamp = str(int(self._now().timestamp() * 1000))
        nonce = secrets.token_hex(8)
        sealed, signature = self._ciphers[owner].seal(b"success", timestamp, nonce)
        body = {"msg_signature": signature, "timeStamp": timestamp, "nonce": nonce, "encrypt": sealed}
        return Reply(200, json.dumps(body).encode(), "application/json; charset=utf-8")


def encrypted(body: bytes) -> str:
    """The ciphertext of a pushed body, without the line breaks that one of the platform's own libraries puts in."""
    if len(body) > LONGEST:
        raise BadPush("dingtalk.callback_body", reason="too long")
    value = parsed(body).get("encrypt")
    if not isinstance(value, str) or not value:
        raise BadPush("dingtalk.callback_body", reason="nothing encrypted inside")
    return "".join(value.split())


def parsed(content: bytes | str) -> Fields:
    """A JSON object with its names in lower case: older and newer pushes write them differently. Raises BadPush."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadPush("dingtalk.callback_body", reason=type(error).__name__) from None
    if not isinstance(body, dict):
        raise BadPush("dingtalk.callback_body", reason="no object")
    return {name.lower(): value for name, value in body.items()}


def opened(plain: bytes, ack: Reply) -> Opened:
    """A push as it is stored. Without an event id the whole text tells pushes apart."""
    found = parsed(plain)
    given = found.get("eventid")
    key = given if isinstance(given, str) and given else hashlib.sha256(plain).hexdigest()
    return Opened(plaintext=plain, payload=found, dedup_key=key, ack=ack)


def platform_events(found: Mapping[str, Any], key: str, codes: Sequence[str]) -> list[PlatformEvent]:
    """The events for the streams of this connector; none for other subjects. codes: approvals that are contracts."""
    kind = str(found.get("eventtype") or "")
    time = _time(found.get("eventtime") or found.get("timestamp"))
    return [
        PlatformEvent(f"{key}/{stream}/{record}", stream, record, kind, time) for stream, record in _places(kind, found, codes)
    ]


def _places(kind: str, found: Mapping[str, Any], codes: Sequence[str]) -> Iterator[tuple[str, str]]:
    if kind.startswith(RECORDS) and found.get("dataid"):
        stream = OBJECTS.get(str(found.get("objecttype")))
        if stream:
            yield stream, str(found["dataid"])
    elif kind == "ding_crm_object_meta" and str(found.get("objectname")) in OBJECTS:
        yield "crm_tag", FORM + str(found["objectname"])
    elif kind in STAFF:
        people = found.get("userid")
        yield from (("staff", str(one)) for one in (people if isinstance(people, list) else [people]) if one)
    elif kind in CHATS and found.get("openconversationid"):
        yield "group", str(found["openconversationid"])
    elif kind == "bpms_instance_change" and found.get("processinstanceid") and str(found.get("processcode")) in codes:
        yield "deal", str(found["processinstanceid"])


def _time(value: Any) -> datetime | None:
    text = str(value or "")
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text.isdigit() and len(text) == 13 else None
