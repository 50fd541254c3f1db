"""The callback cipher against published and independently made known answers, in both of our writings."""

from __future__ import annotations

import json

import pytest

from connectors.base import RawRequest
from connectors.errors import BadPush, BadSignature
from connectors.schemes import CallbackCipher
from connectors.wecom.sim_callback import seal, sign

OFFICIAL = ("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7")
OWN = ("HubTok2026", "Zx8Kq2Lm5Np7Rt9Vw1Yb3Cd6Ef0Gh4Jk8Ls2Mn5Pq7A", "ww0123456789abcdef")
V2 = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TUUkSUXx"
    "accAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP"
    "7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XX"
    "ZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
)
V3 = (
    "CZWs4CWRpI4VolQlvn4dlEC1alN2MUEY2VklGehgBVLBrlVF7SyT+SV+Toj43l4ayJ9UMGKphktKKmP7B2j/P1ey67XB8PBgS7Wr5/8+w/yWriZv3Vmoo/MH"
    "3/1HsIWZrPQ3N2mJrelStIfI2Y8kLKXA7EhfZgZX4o+ffdkZDM76SEl79Ib9mw7TGjZ9Aw/x/A2VjNbV1E8BtEbRxYYcQippYNw7hr8sFfa3nW1xLdxokt8Q"
    "kRX83vK3DFP2F6TQFPL2Tu98UwhcUpPvdJBuu1/yiOQIScppV3eOuLWEsko="
)
V9_TEXT = (
    "<xml><ToUserName><![CDATA[ww0123456789abcdef]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>"
    "<CreateTime>1767225600</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[change_external_contact]]></Event>"
    "<ChangeType><![CDATA[add_external_contact]]></ChangeType><UserID><![CDATA[sales_wang]]></UserID>"
    "<ExternalUserID><![CDATA[wmHubTestAAAA0001]]></ExternalUserID><State><![CDATA[展会渠道]]></State></xml>"
)
V9 = (
    "n+veFxrnjjtC1aWQF5FmeoNJ/jL16tmleZzkNPnqtW/DJ7rW3EjgyY8toG1VTDYnUVc0A72isqYEJWGu/bRbejqUg8KlrFNDAjjaimVisAZigVsooU9iKJQN"
    "O6lMzLtbDflV8xxstyQvFFrB5jqUmt9Nfsux/5FLhl05XENmLnuEO27OIoZgaTC7raUxHRElfpxMvLeBfkEVa/mA2b/L2EN0YSEurXtW2p6BEPPginBPqlm0"
    "zHhM92QNix84y1catsKNdSBI5bxUSL+hYpW1lCbObTJpLMAm+FPs+ZOUJdWmCcfSJEpWwrsvoFEIjBVS7ATNcLu/ttNEoZYxTRlSq1Vphy7dKaNrz325I3nS"
    "hqQfz5tz7YRsTnJlGgBx7QIg2f69wP7kwqKqF91Nx5gkpeFtCCCZpjhM4WDDsAIo4m0C7kLxLFiR5NzHhGz0UJwTyeZmaqkWSgSrYhLh6pxMpbFsj0uxrG2S"
    "V++TbbKJDh+kI64rYfjPAO9gVEy8Kyey1B4PnYGCYZQzCRwo/9ocMiIim3M7DzqP4TfY8KB0s9WYZ3uCPCrRhw9QTBk9NScqLAJxUC4e8nCRQ64ymcOdiyym"
    "QnXN1RzgJnal+HlD8p4xa9OcuEK4H+ul1OlmMKrG"
)

# (name, credentials, timestamp, nonce, encrypted, signature, plaintext or None where only a part is published)
ANSWERS = [
    (
        "V1 url verification", OFFICIAL, "1409659589", "263014780",
        "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
        "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", "1616140317555161061",
    ),
    ("V2 post", OFFICIAL, "1409659813", "1372623149", V2, "477715d11cdb4164915debcba66cb864d751f3e6", None),
    ("V3 json", OFFICIAL, "1409659813", "1372623149", V3, "0623cbc5a8cbee5bcc137c70de99575366fc2af3", None),
    (
        "V4 real handshake", ("gY1AGR3mjBhzy", "g8VGfQEqluUhoKOlyjmmll8Q9C5tVFUTX5T2qkmI9Sv", "wwabfd0cec7171e769"),
        "1597998748", "1597483820",
        "neLB8CftccHiz19tluVb+UBnUVMT3xpUMZU8qvDdD17eH8XfEsbPYC/kJyPsZOOc6GdsCeu8jSIa2noSJ/ez2w==",
        "825075c093249d5a60967fe4a613cae93146636b", "7139691598513686239",
    ),
    (
        "V6 Chinese and emoji", OWN, "1767225601", "nonceB",
        "n+veFxrnjjtC1aWQF5FmevaYql04zz6IWaaX/vUGTvNcCfO9eYDzQ+O3GcOpBMnCldwh1Ri2YstjAyq5zH3QvQ==",
        "b8c0d4ac4185f84362871a4b64ace2f25377e556", "客户：张三😀",
    ),
    (
        "V7 empty", OWN, "1767225602", "nonceC",
        "n+veFxrnjjtC1aWQF5FmejmUkkJVdsN6TD00A/yqTBpwAEMmZ6+QUHXRFHPzTUlgK1sggTqlWroASGFNcqxtOQ==",
        "c0915726e55cf55a35346aed3f46afa5211868b3", "",
    ),
    (
        "V8 a whole block of padding", OWN, "1767225603", "nonceD",
        "n+veFxrnjjtC1aWQF5FmepxBj7Z2R9LnorH+ul6pfuQB/dX4B+xWuHh2myeIGu0nyRBxV4sRSqNJy99MXp3x24ajwOWI9tAmoDEz6GCRZcVwKMgvkBukaKBd"
        "Cl9o7rqM",
        "acf5567e9a75f76c6670168b1d6d3e58313ddcc3", "x" * 26,
    ),
    ("V9 event", OWN, "1767225600", "nonceA", V9, "832e92b21a9a4f84187397bd7598c2f7b27c37c5", V9_TEXT),
]  # fmt: skip
BY_NAME = {answer[0].split()[0]: answer for answer in ANSWERS}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer[0])
def test_known_answer_opens(answer):
    _, credentials, timestamp, nonce, encrypted, signature, text = answer
    cipher = CallbackCipher(*credentials)
    assert cipher.signature(timestamp, nonce, encrypted) == signature
    plain = cipher.open(signature, timestamp, nonce, encrypted).decode()
    assert text is None or plain == text


def test_published_messages_have_the_published_content():
    _, credentials, timestamp, nonce, encrypted, signature, _ = BY_NAME["V2"]
    plain = CallbackCipher(*credentials).open(signature, timestamp, nonce, encrypted)
    assert len(plain) == 284
    assert b"<Content><![CDATA[hello]]></Content>" in plain and b"4561255354251345929" in plain
    _, credentials, timestamp, nonce, encrypted, signature, _ = BY_NAME["V3"]
    plain = CallbackCipher(*credentials).open(signature, timestamp, nonce, encrypted)
    assert len(plain) == 164 and b'"Content":"hello"' in plain


@pytest.mark.parametrize("name", ["V6", "V7", "V8", "V9"])
def test_both_writings_seal_to_the_known_answer(name):
    _, credentials, timestamp, nonce, encrypted, signature, text = BY_NAME[name]
    token, key, receiver = credentials
    fixed = b"0123456789abcdef"
    assert CallbackCipher(*credentials).seal(text.encode(), timestamp, nonce, fixed) == (encrypted, signature)
    assert seal(key, text, receiver, fixed) == encrypted
    assert sign(token, timestamp, nonce, encrypted) == signature


def test_v5_fixed_random_with_chinese():
    key, receiver = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wxb11529c136998cb6"
    expected = "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="
    encrypted, _ = CallbackCipher("any", key, receiver).seal("我是中文abcd123".encode(), "1", "2", b"aaaabbbbccccdddd")
    assert encrypted == expected
    assert seal(key, "我是中文abcd123", receiver, b"aaaabbbbccccdddd") == expected


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer[0])
def test_a_changed_signature_is_refused(answer):
    _, credentials, timestamp, nonce, encrypted, signature, _ = answer
    changed = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    with pytest.raises(BadSignature):
        CallbackCipher(*credentials).open(changed, timestamp, nonce, encrypted)


@pytest.mark.parametrize("signature", ["", "ä" * 40, "5c45", "\ud800"])
def test_a_senseless_signature_is_refused(signature):
    _, credentials, timestamp, nonce, encrypted, _, _ = BY_NAME["V1"]
    with pytest.raises(BadSignature):
        CallbackCipher(*credentials).open(signature, timestamp, nonce, encrypted)


def test_another_receiver_is_refused():
    _, (token, key, _), timestamp, nonce, encrypted, signature, _ = BY_NAME["V9"]
    with pytest.raises(BadPush) as caught:
        CallbackCipher(token, key, "ww_somebody_else").open(signature, timestamp, nonce, encrypted)
    assert caught.value.params == {"field": "receiver"}


def test_a_wrong_key_is_named():
    _, (token, _, receiver), timestamp, nonce, encrypted, signature, _ = BY_NAME["V9"]
    other = CallbackCipher(token, "g8VGfQEqluUhoKOlyjmmll8Q9C5tVFUTX5T2qkmI9Sv", receiver)
    with pytest.raises(BadPush) as caught:
        other.open(signature, timestamp, nonce, encrypted)
    assert caught.value.params == {"field": "aes_key"}


@pytest.mark.parametrize("encrypted", ["", "AAAA", "not base64!", "=" * 64, "A" * 43, "A" * 64, "汉字"])
def test_rightly_signed_rubbish_is_refused(encrypted):
    cipher = CallbackCipher(*OWN)
    with pytest.raises(BadPush):
        cipher.open(cipher.signature("1", "2", encrypted), "1", "2", encrypted)


def test_a_key_with_spare_bits_is_the_same_key():
    token, key, receiver = OWN
    encrypted, signature = CallbackCipher(token, key[:-1] + "B", receiver).seal(b"hello", "1", "2")
    assert CallbackCipher(*OWN).open(signature, "1", "2", encrypted) == b"hello"


@pytest.mark.parametrize("key", ["", "short", "a" * 42, "a" * 44, "ä" * 43])
def test_an_impossible_key_is_refused(key):
    with pytest.raises(ValueError, match="43 characters"):
        CallbackCipher("t", key, "r")


@pytest.mark.parametrize("length", range(70))
def test_every_length_survives_the_way_there_and_back(length):
    cipher, message = CallbackCipher(*OWN), b"x" * length
    encrypted, signature = cipher.seal(message, "1", "2")
    assert cipher.open(signature, "1", "2", encrypted) == message
    ours = seal(OWN[1], "x" * length, OWN[2])
    assert cipher.open(sign(OWN[0], "1", "2", ours), "1", "2", ours) == message


def test_the_connector_opens_the_published_pushes(corp):
    settings = {"corp_id": "wx5823bf96d3bd56c7", "callback_token": "QDG6eK"}
    connector = corp.connector(**settings, callback_aes_key="jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C")
    place = {"timestamp": "1409659813", "nonce": "1372623149"}
    xml = f"<xml><ToUserName><![CDATA[wx5823bf96d3bd56c7]]></ToUserName><Encrypt><![CDATA[{V2}]]></Encrypt></xml>"
    query = {**place, "msg_signature": "477715d11cdb4164915debcba66cb864d751f3e6"}
    assert connector.open(RawRequest("POST", query, {}, xml.encode())).payload["Content"] == "hello"
    body = json.dumps({"tousername": "wx5823bf96d3bd56c7", "encrypt": V3, "agentid": "218"})
    query = {**place, "msg_signature": "0623cbc5a8cbee5bcc137c70de99575366fc2af3"}
    opened = connector.open(RawRequest("POST", query, {}, body.encode()))
    assert (opened.payload["Content"], opened.payload["AgentID"]) == ("hello", "218")
    assert connector.events(opened) == []
