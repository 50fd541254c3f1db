"""Pushes: handshake, envelopes, hostile bodies, and what each event means."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from flask import Flask, Response, request
from werkzeug.serving import make_server

from connectors.base import RawRequest
from connectors.errors import BadPush, BadSignature
from connectors.wecom.sim_callback import event_xml

CORP = "ww0123456789abcdef"
PAIR = {"UserID": "sales_wang", "ExternalUserID": "wmHubTestAAAA0001"}
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><xml><MsgType>event</MsgType><Encrypt>&c;</Encrypt></xml>'
)


def contact(kind, time=1767225600, **extra):
    return event_xml(CORP, {"Event": "change_external_contact", "ChangeType": kind, "CreateTime": time, **PAIR, **extra})


def tag(kind, item, what="tag", **extra):
    event = {"Event": "change_external_tag", "ChangeType": kind, "CreateTime": 1767225600, "Id": item}
    return event_xml(CORP, {**event, **({"TagType": what} if what else {}), **extra})


def events_of(corp, message, **options):
    connector = corp.connector()
    return connector.events(connector.open(corp.push(message, **options)))


# ---------------------------------------------------------------- handshake


@pytest.fixture
def receiver(corp):
    """A receiver that does what the hub does; its behaviour can be changed through ``mood``."""
    mood = {"status": 200, "echo": lambda answer: answer, "seen": []}
    connector = corp.connector()
    app = Flask("receiver")

    def hook():
        raw = RawRequest(request.method, request.args.to_dict(), dict(request.headers), request.get_data())
        opened = connector.open(raw)
        if opened.answer is not None:
            return Response(mood["echo"](opened.answer))
        mood["seen"].append(opened)
        if callable(mood["status"]):
            return Response(status=mood["status"]())
        return Response(status=mood["status"])

    app.add_url_rule("/hook", view_func=hook, methods=["GET", "POST"])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", mood
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


def test_the_console_accepts_our_handshake(corp, receiver):
    url, _ = receiver
    assert corp.sim.sender.handshake(url)
    assert corp.sim.sender.handshake(url + "?account=7")


@pytest.mark.parametrize(
    "changed", [lambda a: b'"' + a + b'"', lambda a: a + b"\n", lambda a: b"\xef\xbb\xbf" + a, lambda a: b"ok"]
)
def test_the_console_refuses_an_answer_that_is_not_exact(corp, receiver, changed):
    url, mood = receiver
    mood["echo"] = changed
    assert not corp.sim.sender.handshake(url)


def test_the_console_refuses_a_silent_receiver(corp):
    assert not corp.sim.sender.handshake("http://127.0.0.1:9/nobody")


def test_the_published_handshake_is_answered(corp):
    connector = corp.connector(
        corp_id="wwabfd0cec7171e769",
        callback_token="gY1AGR3mjBhzy",
        callback_aes_key="g8VGfQEqluUhoKOlyjmmll8Q9C5tVFUTX5T2qkmI9Sv",
    )
    query = {
        "msg_signature": "825075c093249d5a60967fe4a613cae93146636b",
        "timestamp": "1597998748",
        "nonce": "1597483820",
        "echostr": "neLB8CftccHiz19tluVb+UBnUVMT3xpUMZU8qvDdD17eH8XfEsbPYC/kJyPsZOOc6GdsCeu8jSIa2noSJ/ez2w==",
    }
    assert connector.open(RawRequest("GET", query, {}, b"")).answer == b"7139691598513686239"
    blank = {**query, "echostr": query["echostr"].replace("+", " ")}
    assert connector.open(RawRequest("GET", blank, {}, b"")).answer == b"7139691598513686239"


def test_a_handshake_without_echo_is_refused(corp):
    with pytest.raises(BadSignature):
        corp.connector().open(RawRequest("GET", {}, {}, b""))


# ---------------------------------------------------------------- envelopes


@pytest.mark.parametrize("form", ["xml", "json"])
def test_both_envelopes_open(corp, form):
    corp.sim.sender.form = form
    (event,) = events_of(corp, contact("add_external_contact", State="展会渠道😀"))
    assert event.record_key == "sales_wang/wmHubTestAAAA0001"


def test_line_breaks_between_elements_change_nothing(corp):
    fields = {"Event": "change_external_contact", "ChangeType": "add_external_contact", "CreateTime": 1767225600, **PAIR}
    flat, broken = (events_of(corp, event_xml(CORP, fields, pretty=pretty)) for pretty in (False, True))
    assert flat == broken and len(flat) == 1


def test_another_corps_push_is_named(corp):
    with pytest.raises(BadPush) as caught:
        corp.connector().open(corp.push(contact("add_external_contact"), receiver="wwother"))
    assert caught.value.key == "wecom.callback_receiver"


def test_a_wrong_key_is_named(corp):
    connector = corp.connector(callback_aes_key="g8VGfQEqluUhoKOlyjmmll8Q9C5tVFUTX5T2qkmI9Sv")
    with pytest.raises(BadPush) as caught:
        connector.open(corp.push(contact("add_external_contact")))
    assert caught.value.key == "wecom.callback_aes_key"


def test_a_forged_push_is_refused(corp):
    with pytest.raises(BadSignature):
        corp.connector().open(corp.push(contact("add_external_contact"), token="somebody"))


def test_without_callback_settings_nothing_opens(corp):
    connector = corp.connector(callback_token="", callback_aes_key="")
    with pytest.raises(BadPush) as caught:
        connector.open(corp.push(contact("add_external_contact")))
    assert caught.value.key == "wecom.callback_unset"


def test_an_entity_bomb_is_refused_outside_and_inside(corp):
    genuine = corp.push(contact("add_external_contact"))
    for raw in (RawRequest("POST", genuine.query, {}, BOMB.encode()), corp.push(BOMB)):
        with pytest.raises(BadPush) as caught:
            corp.connector().open(raw)
        assert caught.value.params["reason"] == "DTDForbidden"


@pytest.mark.parametrize("message", ["", "hello", "<xml>", "{", "[1]", "<xml><a>&unknown;</a></xml>"])
def test_a_genuine_push_without_sense_is_refused(corp, message):
    with pytest.raises(BadPush):
        corp.connector().open(corp.push(message))


def test_a_long_body_is_not_even_parsed(corp):
    raw = RawRequest("POST", {}, {}, b"<xml>" + b" " * (256 * 1024) + b"</xml>")
    with pytest.raises(BadPush) as caught:
        corp.connector().open(raw)
    assert caught.value.params["reason"] == "too long"


def test_a_message_with_the_end_of_a_cdata_section_survives(corp):
    connector = corp.connector()
    opened = connector.open(corp.push(contact("add_external_contact", State="a]]>b")))
    assert opened.payload["State"] == "a]]>b"


# ---------------------------------------------------------------- events


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("add_external_contact", {"State": "expo", "WelcomeCode": "WC"}),
        ("edit_external_contact", {}),
        ("add_half_external_contact", {"WelcomeCode": "WC"}),
        ("del_external_contact", {"Source": "DELETE_BY_TRANSFER"}),
        ("del_follow_user", {}),
        ("transfer_fail", {"FailReason": "customer_refused"}),
        ("msg_audit_approved", {"WelcomeCode": "WC"}),
        ("some_kind_of_2030", {}),
    ],
)
def test_each_customer_event_points_at_its_pair(corp, kind, extra):
    (event,) = events_of(corp, contact(kind, **extra))
    assert (event.stream, event.record_key, event.kind) == ("customer", "sales_wang/wmHubTestAAAA0001", kind)
    assert event.time == datetime(2026, 1, 1, tzinfo=UTC)
    assert event.record is None and len(event.key) == 64


@pytest.mark.parametrize("kind", ["create", "update", "delete"])
def test_a_tag_event_points_at_its_tag(corp, kind):
    (event,) = events_of(corp, tag(kind, "etHubTag000001"))
    assert (event.stream, event.record_key, event.kind) == ("tag", "etHubTag000001", kind)


def test_a_group_event_points_at_the_group_and_a_shuffle_at_nothing(corp):
    (event,) = events_of(corp, tag("delete", "etHubGrp000001", "tag_group"))
    assert (event.stream, event.record_key) == ("tag", "group:etHubGrp000001")
    assert events_of(corp, tag("shuffle", "etHubGrp000001", None)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"Event": "change_external_chat", "ChangeType": "create"},
        {"Event": "sys_approval_change", "AgentID": 3010040},
        {"Event": "change_external_contact", "ChangeType": "add_external_contact"},
        {"Event": "change_external_tag", "ChangeType": "update"},
    ],
)
def test_events_of_other_subjects_say_nothing(corp, fields):
    assert events_of(corp, event_xml(CORP, {"CreateTime": 1767225600, **fields})) == []


def staff_event(kind, **extra):
    return event_xml(CORP, {"Event": "change_contact", "ChangeType": kind, "CreateTime": 1767225600, "UserID": "wang", **extra})


@pytest.mark.parametrize("kind", ["create_user", "update_user", "delete_user"])
def test_an_event_of_contacts_sync_points_at_the_member(corp, kind):
    """Only the callback of Contacts Sync has them; it may be given the same address and keys."""
    (event,) = events_of(corp, staff_event(kind, Department="1,2"))
    assert (event.stream, event.record_key, event.kind) == ("staff", "wang", kind)


def test_a_renamed_member_is_read_under_both_ids(corp):
    old, new = events_of(corp, staff_event("update_user", NewUserID="wang_shan"))
    assert (old.record_key, new.record_key) == ("wang", "wang_shan") and old.key != new.key


def test_departments_and_staff_tags_are_no_subject(corp):
    assert events_of(corp, staff_event("update_party")) == events_of(corp, staff_event("update_tag")) == []


def test_retries_have_one_identity_and_different_changes_have_their_own(corp):
    connector = corp.connector()
    raws = [corp.push(contact("edit_external_contact"), nonce=nonce) for nonce in ("n1", "n2")]
    assert raws[0].body != raws[1].body and raws[0].query["msg_signature"] != raws[1].query["msg_signature"]
    first, again = (connector.open(raw) for raw in raws)
    assert first.dedup_key == again.dedup_key
    assert connector.events(first)[0].key == connector.events(again)[0].key
    # Same second, same sender: FromUserName and CreateTime would take these for one.
    same_second = [
        contact("edit_external_contact"),
        contact("edit_external_contact", UserID="sales_li"),
        contact("del_follow_user"),
        tag("update", "etHubTag000001"),
    ]
    opened = [connector.open(corp.push(message)) for message in same_second]
    assert len({item.dedup_key for item in opened}) == 4
    assert len({connector.events(item)[0].key for item in opened}) == 4


@pytest.mark.parametrize("time", ["", "soon", "9" * 30])
def test_a_senseless_time_is_left_out(corp, time):
    (event,) = events_of(corp, contact("edit_external_contact", CreateTime=time))
    assert event.time is None


# ---------------------------------------------------------------- the sender's ladder


def test_the_sender_comes_three_times_anew_each_time(corp, receiver):
    url, mood = receiver
    mood["status"] = 500
    event = corp.sim.add_customer("sales_wang", "阿明")
    assert corp.sim.push_event(url, event) == 500
    attempts = corp.sim.sender.attempts
    assert [attempt.status for attempt in attempts] == [500, 500, 500]
    assert len({attempt.nonce for attempt in attempts}) == len({attempt.signature for attempt in attempts}) == 3
    assert len({opened.dedup_key for opened in mood["seen"]}) == 1


def test_the_sender_stops_at_success_and_gives_up_on_silence(corp, receiver):
    url, mood = receiver
    answers = iter([503, 200])
    mood["status"] = lambda: next(answers)
    assert corp.sim.push_event(url, corp.sim.add_tag("意向", "高")) == 200
    assert [attempt.status for attempt in corp.sim.sender.attempts] == [503, 200]
    corp.sim.sender.attempts.clear()
    assert corp.sim.push_event("http://127.0.0.1:9/nobody", corp.sim.add_tag("意向", "低")) == 0
    assert [attempt.status for attempt in corp.sim.sender.attempts] == [0, 0, 0]


def test_an_answer_after_the_time_limit_counts_as_none(corp, receiver):
    url, mood = receiver
    gate = threading.Event()
    mood["status"] = lambda: gate.wait(2) + 199
    corp.sim.sender.timeout = 0.1
    assert corp.sim.push_event(url, corp.sim.add_tag("意向", "高")) == 0
    gate.set()
    assert [attempt.status for attempt in corp.sim.sender.attempts] == [0, 0, 0]


def test_events_may_be_lost_on_the_way(corp, receiver):
    url, mood = receiver
    corp.sim.sender.drop = 1
    event = corp.sim.add_tag("意向", "高")
    assert (corp.sim.push_event(url, event), corp.sim.push_event(url, event)) == (0, 200)
    assert len(mood["seen"]) == 1
