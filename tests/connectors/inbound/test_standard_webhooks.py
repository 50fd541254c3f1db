"""Standard Webhooks: the known-answer vector, and the rules that a library must not bend."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import BadSignature
from connectors.schemes import sign_webhook, verify_webhook, webhook_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID, STAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NOW = datetime.fromtimestamp(STAMP, UTC)


def test_the_published_vector() -> None:
    assert sign_webhook(SECRET, MESSAGE_ID, STAMP, BODY) == SIGNATURE
    verify_webhook([SECRET], MESSAGE_ID, str(STAMP), SIGNATURE, BODY, NOW)


def test_the_prefix_is_optional() -> None:
    assert webhook_key(SECRET) == webhook_key(SECRET.removeprefix("whsec_"))
    assert sign_webhook(SECRET.removeprefix("whsec_"), MESSAGE_ID, STAMP, BODY) == SIGNATURE


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_####", "YWJj", "A" * 88 + "AAAA", "密钥"])
def test_a_secret_that_is_none_is_said_to_be_so(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        webhook_key(secret)


@pytest.mark.parametrize(
    "other", ["v1a," + SIGNATURE[3:], SIGNATURE[3:], "V1," + SIGNATURE[3:], SIGNATURE[:-1], "v2," + SIGNATURE[3:]]
)
def test_only_the_exact_v1_signature_counts(other: str) -> None:
    with pytest.raises(BadSignature):
        verify_webhook([SECRET], MESSAGE_ID, str(STAMP), other, BODY, NOW)


def test_no_secret_is_no_welcome() -> None:
    with pytest.raises(BadSignature):
        verify_webhook([], MESSAGE_ID, str(STAMP), SIGNATURE, BODY, NOW)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(place: int, change: int) -> None:
    body = BODY[:place] + bytes([BODY[place] ^ change]) + BODY[place + 1 :]
    with pytest.raises(BadSignature):
        verify_webhook([SECRET], MESSAGE_ID, str(STAMP), SIGNATURE, body, NOW)


@given(st.text(alphabet="abc_-.", max_size=8), st.text(max_size=12), st.text(max_size=60), st.binary(max_size=40))
def test_nothing_but_bad_signature_is_ever_raised(message_id: str, stamp: str, signatures: str, body: bytes) -> None:
    with pytest.raises(BadSignature):
        verify_webhook([SECRET], message_id, stamp, signatures, body, NOW)
