"""The archive's callbacks: a doorbell without a number, a consent, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.base import RawRequest
from connectors.contract.pushed import Receiver
from connectors.errors import BadPush, BadSignature
from connectors.wecom_archive import sim_callback
from connectors.wecom_archive.simulator import CORP_ID

TOKEN, KEY = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"


def received(vault, message, **changes):
    """A receiver that has got this message."""
    with Receiver(vault.connector(**changes)) as receiver:
        sim_callback.send(receiver.url, CORP_ID, message, vault.sim.now())
    return receiver


def test_the_doorbell_names_the_stream_alone(vault):
    """No number and no chat: it says only that there is something new. (docs: path/95039)"""
    receiver = received(vault, sim_callback.notify(CORP_ID, vault.sim.now()))
    [event] = receiver.events
    assert (event.stream, event.record_key, event.kind, event.record) == ("message", "", "msgaudit_notify", None)
    assert event.time == vault.sim.now()


def test_a_doorbell_repeated_is_one_and_a_later_one_another(vault):
    keys = []
    for wait in (0, 0, 15):
        vault.sim.offset += timedelta(seconds=wait)
        receiver = received(vault, sim_callback.notify(CORP_ID, vault.sim.now()))
        keys.append((receiver.opened[0].dedup_key, receiver.events[0].key))
    assert keys[0] == keys[1] != keys[2]


def test_a_consent_points_at_its_pair(vault):
    receiver = received(vault, sim_callback.approved(CORP_ID, vault.sim.now(), "sales_wang", "wmA"))
    [event] = receiver.events
    assert (event.stream, event.record_key) == ("consent", "staff/sales_wang/wmA")
    record = vault.connector().fetch_one(event.stream, event.record_key)
    assert record["agree_status"] == "Agree"


@pytest.mark.parametrize(
    "fields",
    [
        {"MsgType": "event", "Event": "change_external_contact", "ChangeType": "add_external_contact", "UserID": "a",
         "ExternalUserID": "b"},
        {"MsgType": "event", "Event": "change_external_contact", "ChangeType": "msg_audit_approved", "UserID": "a"},
        {"MsgType": "text", "Event": "msgaudit_notify"},
        {"MsgType": "event"},
    ],
)  # fmt: skip
def test_other_events_say_nothing(vault, fields):
    assert received(vault, sim_callback.text_of(CORP_ID, {"CreateTime": 1767225600, **fields})).events == []


def test_the_published_push_opens(vault):
    """The vendor's own example: key with spare bits, line breaks, another corp's id."""
    encrypted = (
        "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TUUkSUXx"
        "accAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP"
        "7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XX"
        "ZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
    )
    query = {"msg_signature": "477715d11cdb4164915debcba66cb864d751f3e6", "timestamp": "1409659813", "nonce": "1372623149"}
    body = f"<xml><ToUserName>wx</ToUserName><Encrypt>{encrypted}</Encrypt></xml>".encode()
    connector = vault.connector(corp_id="wx5823bf96d3bd56c7", callback_token=TOKEN, callback_aes_key=KEY)
    opened = connector.open(RawRequest("POST", query, {}, body))
    assert opened.payload["Content"] == "hello" and connector.events(opened) == []
    changed = {**query, "msg_signature": query["msg_signature"][:-1] + "0"}
    with pytest.raises(BadSignature):
        connector.open(RawRequest("POST", changed, {}, body))


def test_without_its_settings_nothing_opens_and_reading_goes_on(vault):
    receiver = received(vault, sim_callback.notify(CORP_ID, vault.sim.now()), callback_token="", callback_aes_key="")
    error = receiver.errors[0]
    assert isinstance(error, BadPush) and error.key == "wecom_archive.callback_unset"
    vault.say("你好")
    assert vault.texts(callback_token="", callback_aes_key="") == ["你好"]


def test_another_corps_push_is_named(vault):
    now = vault.sim.now()
    with Receiver(vault.connector()) as receiver:
        sim_callback.send(receiver.url, "wwother", sim_callback.notify("wwother", now), now)
    assert {error.key for error in receiver.errors} == {"wecom_archive.callback_receiver"}
    assert len(receiver.raw) == 3, "what is not taken comes three times"
