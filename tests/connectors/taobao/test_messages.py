"""The message service: frames byte for byte as two published clients write them, who is let in, what is confirmed."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from connectors.base import RawRequest
from connectors.errors import BadSignature, ConfigError, Unavailable
from connectors.taobao import sim_tmc, tmc
from connectors.taobao.tmc import CONNECT, CONNECTED, KIND, SEND, BadFrame, Frame, decoded, encoded

PULL = "0202050005000000746f6b2d310100060000005f5f6b696e6402010000"
CONFIRM = "0202050005000000746f6b2d310100060000005f5f6b696e6402020100020000006964054ef350e1e850bc700000"
ACK = "0201050005000000746f6b2d310000"
DATA = (
    "0202050005000000746f6b2d310100060000005f5f6b696e6402030100020000006964054ef350e1e850bc70010005000000746f706963011900000074"
    "616f62616f5f74726164655f547261646553756363657373010007000000636f6e74656e7401300000007b22746964223a323231313232333334343535"
    "363637373838392c2262757965725f6e69636b223a22e5bca02a2a227d0000"
)
SHOP = "示例旗舰店"


# -- frames


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (Frame(SEND, {KIND: 1}, "tok-1"), PULL),
        (Frame(SEND, {KIND: 2, "id": 8123456789012345678}, "tok-1"), CONFIRM),
        (Frame(CONNECTED, token="tok-1"), ACK),
    ],
    ids=["pull", "confirm", "connack"],
)
def test_frames_of_the_published_clients(frame, expected):
    assert encoded(frame).hex() == expected
    assert decoded(bytes.fromhex(expected)) == frame


def test_a_data_frame_of_the_published_clients():
    frame = decoded(bytes.fromhex(DATA))
    assert frame.custom["id"] == 8123456789012345678 and frame.custom["topic"] == "taobao_trade_TradeSuccess"
    payload = tmc.opened(frame).payload
    assert payload["content"]["tid"] == 2211223344556677889, "nineteen digits, none lost"


def test_the_signature_of_the_published_clients():
    expected = "2E03D1348D7B65A366F8DB4BD1435983"
    assert tmc.signature("12345678", "helloworld", "default", "1451620800000") == expected


def test_both_writings_read_each_other():
    frame = Frame(SEND, {KIND: 2, "id": 7}, "tok")
    assert sim_tmc.parse(encoded(frame)) == (SEND, "tok", {KIND: 2, "id": 7})
    message = sim_tmc.Message(9, "taobao_trade_TradeClose", SHOP, {"tid": 1}, 1000)
    assert decoded(message.frame("tok")).custom["nick"] == SHOP


@pytest.mark.parametrize(
    "data", [b"", b"\x02", b"\x01\x02\x00\x00", bytes.fromhex(DATA)[:40], b"\x02\x02\x09\x00\x00\x00",
     b"\x02\x02\x01\x00\xff\xff\xff\x7f"],
)  # fmt: skip
def test_what_is_no_frame(data):
    with pytest.raises(BadFrame):
        decoded(data)


def test_every_form_of_value_is_read():
    parts = [b"\x02\x02"]
    for name, value in (
        ("v", b"\x00"),
        ("i", b"\x03\x05\x00"),
        ("j", b"\x04\x06\x00\x00\x00"),
        ("d", b"\x06" + b"\x07" + bytes(7)),
    ):
        parts.append(b"\x01\x00" + sim_tmc.counted(name) + value)
    parts.append(b"\x01\x00" + sim_tmc.counted("b") + b"\x07" + (2).to_bytes(4, "little") + b"xy" + b"\x04\x00" + bytes(4))
    assert decoded(b"".join([*parts, b"\x00\x00"])).custom == {"v": None, "i": 5, "j": 6, "d": 7, "b": b"xy"}


# -- what a message is about


def about(topic, content, nick=SHOP, when=1772337600000):
    payload = {"id": "8", "topic": topic, "nick": nick, "time": when, "content": content}
    return [(event.stream, event.record_key, event.kind) for event in tmc.events(payload, SHOP)]


@pytest.mark.parametrize(
    ("topic", "content", "expected"),
    [
        ("taobao_trade_TradeBuyerPay", {"tid": 2211223344556677889}, [("order", "2211223344556677889", "TradeBuyerPay")]),
        ("taobao_trade_TradeMemoModified", {"tid": 1}, [("order", "1", "TradeMemoModified")]),
        ("taobao_trade_TradeLogisticsAddressChanged", {"tid": 1}, [("order", "1", "TradeLogisticsAddressChanged")]),
        (
            "taobao_refund_RefundSuccess", {"refund_id": 5, "tid": 1},
            [("refund", "5", "RefundSuccess"), ("order", "1", "RefundSuccess")],
        ),
        ("taobao_modifyaddress_ResultNotify", {"biz_order_id": 3}, [("order", "3", "ResultNotify")]),
        ("taobao_opencrm_MemberGradeChange", {"ouid": "AAx"}, [("member", "AAx", "MemberGradeChange")]),
        ("taobao_opencrm_MemberJoin", {"user": "买**"}, []),
        ("taobao_item_ItemUpdate", {"num_iid": 1}, []),
        ("taobao_trade_TradeClose", {}, []),
        ("taobao_trade_TradeClose", "no object", []),
    ],
)  # fmt: skip
def test_topics(topic, content, expected):
    assert about(topic, content) == expected


def test_messages_of_another_shop_of_the_application_are_not_ours():
    assert about("taobao_trade_TradeClose", {"tid": 1}, nick="别人的店") == []


def test_an_event_has_the_messages_time_and_a_key_of_its_own():
    payload = {
        "id": "8",
        "topic": "taobao_refund_RefundClosed",
        "nick": SHOP,
        "time": 1772337600000,
        "content": {"refund_id": 5, "tid": 1},
    }
    refund, order = tmc.events(payload, SHOP)
    assert refund.key != order.key and refund.time == datetime.fromisoformat("2026-03-01T12:00:00+08:00")


def test_a_content_that_is_no_json_is_kept_and_is_about_nothing():
    found = tmc.opened(Frame(SEND, {KIND: 3, "id": 5, "topic": "taobao_trade_TradeClose", "content": "{broken", "nick": SHOP}))
    assert found.dedup_key == "5" and tmc.events(found.payload, SHOP) == []


# -- the connection


def connection(shop, **changes):
    heard = shop.connector(**changes).listen()
    assert next(heard) is None
    return heard


def put(shop, number=1):
    return shop.sim.tmc.put("taobao_trade_TradeChanged", SHOP, {"tid": number})


def test_only_what_was_stored_is_confirmed_and_the_rest_comes_again(shop):
    heard = connection(shop)
    number = put(shop)
    item = next(item for item in heard if item is not None)
    assert item.payload["id"] == str(number)
    heard.send("busy")
    assert not shop.sim.tmc.log
    shop.sim.tmc.again()
    again = next(item for item in heard if item is not None)
    assert again.dedup_key == item.dedup_key
    heard.send("stored")
    assert shop.sim.tmc.confirmed(number)
    heard.close()


def test_messages_wait_for_a_client_that_asks(shop):
    assert put(shop) == 0, "a shop whose messages nobody has permitted has none"
    heard = connection(shop)
    heard.close()
    number = put(shop)
    assert number and not shop.sim.tmc.confirmed(number, 0.05)
    heard = shop.connector().listen()
    item = next(item for item in heard if item is not None)
    heard.send("stored")
    assert json.loads(item.plaintext)["id"] == str(number) and shop.sim.tmc.confirmed(number)
    heard.close()


@pytest.mark.parametrize("changes", [{"app_secret": "not the secret"}, {"app_key": "99999999"}])
def test_a_stranger_is_not_let_in(shop, changes, monkeypatch):
    connector = shop.connector(**changes)
    monkeypatch.setattr(type(connector), "_call", lambda *args, **kwargs: {})
    with pytest.raises(ConfigError) as caught:
        next(connector.listen())
    assert caught.value.key == "taobao.tmc_refused" and caught.value.code == "101"


def test_a_refusal_is_told_with_the_platforms_words(shop):
    shop.sim.tmc.refuse = (102, "group not found")
    with pytest.raises(ConfigError) as caught:
        next(shop.connector().listen())
    assert (caught.value.code, caught.value.params["message"]) == ("102", "group not found")


def test_an_end_in_good_order_is_no_error_and_a_break_is(shop):
    heard = connection(shop)
    shop.sim.tmc.hang_up()
    assert list(heard) in ([], [None])
    heard = connection(shop)
    [line] = shop.sim.tmc.lines
    line.socket.shutdown(2)
    with pytest.raises(Unavailable):
        list(heard)


def test_frames_without_our_token_are_not_obeyed(shop):
    heard = connection(shop)
    number = put(shop)
    [line] = shop.sim.tmc.lines
    shop.sim.tmc._heard(line, encoded(Frame(SEND, {KIND: 2, "id": number}, "another")))
    assert not shop.sim.tmc.log
    shop.sim.tmc._heard(line, b"garbage")
    heard.close()


def test_an_account_without_the_service_opens_nothing(shop):
    assert not shop.connector(messages="off").listens() and shop.connector().listens()
    settings = {name: value for name, value in shop.settings.items() if name != "messages"}
    assert shop.connector().Config(**settings).messages == "off"


def test_nobody_may_push_to_an_address_of_ours(shop):
    with pytest.raises(BadSignature):
        shop.connector().open(RawRequest("POST", {}, {}, b"{}"))


def test_the_first_frame_says_who_we_are():
    class Wire:
        def __init__(self):
            self.sent = []

        def send_bytes(self, data):
            self.sent.append(data)

        def receive_bytes(self, seconds):
            return bytes.fromhex(ACK)

    wire = Wire()
    tmc.Channel(wire, lambda: datetime.fromisoformat("2016-01-01T12:00:00+08:00")).connect("12345678", "helloworld", "default")
    frame = decoded(wire.sent[0])
    assert frame.type == CONNECT and frame.custom["sign"] == "2E03D1348D7B65A366F8DB4BD1435983"
    assert frame.custom["timestamp"] == "1451620800000"
