"""Pushed events in all their variants. Set B and traps of the fact sheet, section 5.1."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.base import DOCUMENTS, RawRequest
from connectors.contract.pushed import Receiver
from connectors.errors import BadPush, BadSignature
from connectors.schemes import CallbackCipher
from connectors.yonyou import callback, sim_events

APP_KEY, SECRET = "fbb5f5b6-demo-key", "0123-4567-89ab-cdef-0123456789abcdef"
KEY_TEXT, NONCE = "0123456789abcdef0123456789abcdef00000000000", "uM48M4qajlEtVCz4"
MESSAGE = '{"type":"CHECK_URL","eventId":"e-1","timestamp":1700000000000,"tenantId":"租户一"}'
ENCRYPTED = (
    "7fG5s7AmulziVx5Qs1L2Cquy+CwgB17UGvy5NedcP8/IaaegrvZaa9Pa80ra4BfJoOkTi9YvR0Ir5RHIttfeHlYnvFYpWLZ6512KwkoC2xtPdrXY6y0S9e4h"
    "ZJLV0jhKBGvvJ2QXicWLvrvLLfa7Dcelt41J0YrlOAtiFydGowI="
)
SHA1, HMAC = "8eece87b25162048be24e104e799aaff397db22b", "Su7Ckh/bvXxRqoccFh1Ly/63Xau7yFUvaeN8Sam/eas="
ACK = "7fG5s7AmulziVx5Qs1L2CmvaAmL02++vS9LUnaAVvTBkLjUfOiUPxHY0/TPTxKf3sPEwr+vW7k7fc8rStAQIUw=="


@pytest.fixture
def vector(connect):
    """The account of set B."""
    return connect(app_key=APP_KEY, app_secret=SECRET)


def pushed(signature: str, name: str = "signature", encrypt: str = ENCRYPTED, timestamp: object = 1700000000000) -> RawRequest:
    body = {name: signature, "timestamp": timestamp, "nonce": NONCE, "encrypt": encrypt}
    return RawRequest("POST", {}, {"Content-Type": "Content-Type: text/html"}, json.dumps(body).encode())


def test_set_b_key_cipher_and_signatures(vector) -> None:
    assert base64.b64decode(KEY_TEXT + "=").hex() == "d35db7e39ebbf3d69b71d79fd35db7e39ebbf3d69b71d79fd34d34d34d34d34d"
    cipher = callback.cipher(vector.config)
    assert cipher.seal(MESSAGE.encode(), "1700000000000", NONCE, random=b"abcdefghijklmnop") == (ENCRYPTED, SHA1)
    assert cipher.seal(b"success", "1700000000000", NONCE, random=b"abcdefghijklmnop")[0] == ACK
    found = callback.signatures(SECRET, "1700000000000", NONCE, ENCRYPTED)
    assert (found["hmac"], found["sha1"]) == (HMAC, SHA1)


def test_set_b_with_the_simulators_own_writing() -> None:
    assert sim_events.encrypt(SECRET, APP_KEY, MESSAGE, "abcdefghijklmnop") == ENCRYPTED
    assert sim_events.encrypt(SECRET, APP_KEY, "success", "abcdefghijklmnop") == ACK
    assert sim_events.sign("sha1", SECRET, "1700000000000", NONCE, ENCRYPTED) == SHA1
    assert sim_events.sign("hmac", SECRET, "1700000000000", NONCE, ENCRYPTED) == HMAC
    assert sim_events.decrypt(SECRET, ENCRYPTED) == (MESSAGE, APP_KEY)


@pytest.mark.parametrize("variant", sim_events.VARIANTS)
@pytest.mark.parametrize("name", ["signature", "msgSignature"])
@pytest.mark.parametrize("timestamp", [1700000000000, "1700000000000"])
def test_every_published_signature_opens(vector, variant: str, name: str, timestamp: object) -> None:
    signature = sim_events.sign(variant, SECRET, "1700000000000", NONCE, ENCRYPTED)
    opened = vector.open(pushed(signature, name, timestamp=timestamp))
    assert opened.payload["tenantId"] == "租户一" and opened.answer


@pytest.mark.parametrize("signature", ["", SHA1[:-1] + "c", HMAC.lower(), "签名", None])
def test_any_other_signature_is_refused(vector, signature) -> None:
    with pytest.raises(BadSignature):
        vector.open(pushed(signature))


def test_a_push_for_another_application_is_refused(vector) -> None:
    """The trailing appKey is checked."""
    theirs = sim_events.encrypt(SECRET, "another-app", MESSAGE)
    with pytest.raises(BadPush, match=r"yonyou\.event_app"):
        vector.open(pushed(sim_events.sign("hmac", SECRET, "1700000000000", NONCE, theirs), encrypt=theirs))


@pytest.mark.parametrize("pad", [0, 33, 255])
def test_bad_padding_is_refused(vector, pad: int) -> None:
    key = sim_events.aes_key(SECRET)
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(key[:16])).encryptor()
    broken = base64.b64encode(encryptor.update(b"x" * 63 + bytes([pad])) + encryptor.finalize()).decode()
    with pytest.raises(BadPush, match=r"yonyou\.event_key"):
        vector.open(pushed(sim_events.sign("hmac", SECRET, "1700000000000", NONCE, broken), encrypt=broken))


def test_padding_beyond_a_block_of_aes_is_read(vector) -> None:
    """Blocks are 32 bytes here, so paddings of 17 to 32 bytes occur."""
    for length in range(40):
        message = json.dumps({"eventId": "x" * length})
        sealed = sim_events.encrypt(SECRET, APP_KEY, message)
        opened = vector.open(pushed(sim_events.sign("hmac", SECRET, "1700000000000", NONCE, sealed), encrypt=sealed))
        assert opened.plaintext.decode() == message


def test_a_secret_that_gives_no_key_is_told(connect) -> None:
    listener = connect(app_secret="秘密" * 30)
    signature = callback.signatures("秘密" * 30, "1700000000000", NONCE, ENCRYPTED)["hmac"]
    with pytest.raises(BadPush, match=r"yonyou\.event_key"):
        listener.open(pushed(signature))


def test_short_secrets_are_filled_up_and_long_ones_cut() -> None:
    for secret in ("a", "0123456789" * 6, "-".join(["abcd"] * 8)):
        sealed = sim_events.encrypt(secret, "app", "{}")
        assert CallbackCipher(secret, (secret.replace("-", "") + "0" * 43)[:43], "app").unseal(sealed) == b"{}"


def test_saving_the_callback_address_is_answered_encrypted_or_plain(sim, connect) -> None:
    """The documentation wants the first, the demo sends the second; the account says which."""
    sim.events.strict = True
    for reply, good in (("encrypted", True), ("plain", False)):
        with Receiver(connect(event_reply=reply)) as receiver:
            assert sim.events.save_address(receiver.url) is good
            assert not receiver.opened and not receiver.errors
    sim.events.strict = False
    with Receiver(connect(event_reply="plain")) as receiver:
        assert sim.events.save_address(receiver.url)


def test_a_stored_push_is_answered_so_that_it_does_not_come_again(sim, connect) -> None:
    key = sim.populate("customer", 1, start=sim.now(), step=timedelta(0))[0]
    for reply in ("encrypted", "plain"):
        with Receiver(connect(event_reply=reply)) as receiver:
            assert sim.push(receiver.url, "customer", key) == 200
    assert sim.events.waiting == []


def test_what_was_not_received_comes_again_on_the_ladder_for_a_day(sim, connect, monkeypatch) -> None:
    """After 1 minute, after 5, then hourly; the same event keeps its key through all of it."""
    key = sim.populate("customer", 1, start=sim.now(), step=timedelta(0))[0]
    listener = connect()
    with Receiver(listener) as receiver:
        monkeypatch.setattr(listener, "events", _fail)
        assert sim.push(receiver.url, "customer", key) == 503
        waits = []
        while sim.events.waiting:
            waits.append(sim.events.waiting[0].due - sim.now())
            sim.offset += waits[-1]
            assert sim.events.run_due() == 1
        assert waits[:3] == [timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1)]
        assert timedelta(hours=24) <= sum(waits, timedelta()) < timedelta(hours=26) and len(sim.events.given_up) == 1
        keys = {listener.open(raw).dedup_key for raw in receiver.raw}
        assert len(receiver.raw) == len(waits) + 1 and len(keys) == 1


def _fail(opened):
    raise RuntimeError("the database is away")


def test_events_in_any_shell_name_the_customer(connect) -> None:
    """Where the business data stand inside an event is not documented."""
    base = {"type": "YXYBASEDOC_AA_MERCHANT_INSERT", "eventId": "e-7", "timestamp": 1700000000000}
    customer = {"id": 2285747004510464, "code": "000805", "name": {"zh_CN": "云杉"}, "createOrg": {"code": "1001"}}
    for shell in (
        customer,
        {"content": json.dumps(customer)},
        {"content": customer},
        {"archive": customer},
        {"userObject": {"archives": [customer]}},
        {"content": json.dumps({"archives": [customer]})},
    ):
        found = callback.platform_events({**base, **shell})
        assert [(event.stream, event.record_key) for event in found] == [("customer", "000805")], shell
        assert found[0].key == "e-7/000805" and found[0].time.isoformat() == "2023-11-14T22:13:20+00:00"
    several = callback.platform_events({**base, "content": [customer, {**customer, "code": "2"}]})
    assert [event.record_key for event in several] == ["000805", "2"]


@pytest.mark.parametrize("kind", ["SALE_AUDITORDER", "SALE_AUDITORDER_NOTIFY_SENT", "SALE_DELETEORDER_NOTIFY_SENT"])
def test_events_about_sales_orders_name_our_number(kind: str) -> None:
    """The field table has it at the top, the example in a shell."""
    order = {"billId": "2285747004510464", "billCode": "SOTEST0001", "billNo": "voucher_order"}
    for shell in (order, {"BILL_INFO": order}, {"content": json.dumps({"BILL_INFO": order})}):
        (event,) = callback.platform_events({"type": kind, "eventId": "e-8", **shell})
        assert (event.stream, event.record_key, event.kind, event.key) == (DOCUMENTS, "SOTEST0001", kind, "e-8/SOTEST0001")
    assert callback.platform_events({"type": kind, "eventId": "e-8"}) == []


def test_events_of_other_subjects_and_odd_ones_change_nothing() -> None:
    assert callback.platform_events({"type": "DEPT_ADD", "model": {"code": "1"}}) == []
    odd = {"type": "YXYBASEDOC_AA_MERCHANT_UPDATE", "content": "[" * 100_000, "timestamp": "soon"}
    assert callback.platform_events(odd) == []
    assert callback.platform_events({**odd, "content": {"code": "1"}})[0].time is None


def test_a_body_beyond_reason_is_not_read(vector) -> None:
    with pytest.raises(BadPush):
        vector.open(RawRequest("POST", {}, {}, b'{"encrypt":"' + b"A" * callback.LONGEST + b'"}'))
