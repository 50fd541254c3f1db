"""The lines of a connection check that connectors share: what went, what did not, and what a person does about it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from connectors import settings
from connectors.base import Config, secret_fields
from connectors.checks import LATER, Checks, fix_of, next_step, tried
from connectors.errors import ConfigError, Gone, InvalidRecord, Unavailable
from connectors.registry import entries, get

TEXTS = {"token": ("凭证", "Token"), "callback": ("回调", "Callback")}
MESSAGES = get("wecom").manifest.messages


def raising(error):
    def call():
        raise error

    return call


def test_a_call_that_goes_is_a_good_line_with_its_answer():
    checks = Checks(MESSAGES, TEXTS)
    assert checks.ask("token", lambda: 7) == 7
    assert [(line.what_zh, line.ok) for line in checks.findings] == [("凭证", True)]


@pytest.mark.parametrize("error", [Gone(), InvalidRecord()])
def test_a_platform_that_speaks_of_one_record_has_let_us_in(error):
    checks = Checks(MESSAGES, TEXTS)
    assert checks.ask("token", raising(error)) is None and checks.findings[0].ok


def test_a_failure_says_what_happened_and_what_to_do():
    checks = Checks(MESSAGES, TEXTS)
    assert checks.ask("token", raising(ConfigError("wecom.secret", code="40001"))) is None
    [line] = checks.findings
    text = MESSAGES["wecom.secret"]
    assert (line.ok, line.code) == (False, "40001")
    assert text.fix_zh in line.fix_zh and text.zh.rstrip("。") in line.fix_zh and text.fix_en in line.fix_en


def test_an_error_without_words_of_its_own_is_for_later_or_has_the_connectors_own():
    assert fix_of(MESSAGES, Unavailable()) == LATER
    zh, en = fix_of(MESSAGES, Unavailable(), "wecom.secret")
    assert MESSAGES["wecom.secret"].fix_zh in zh and MESSAGES["wecom.secret"].fix_en in en


def test_a_fault_with_shared_words_has_those_in_both_languages_and_no_key_is_shown():
    refused = Unavailable("error.token_refused", code="40014", times=3)
    for zh, en in (fix_of(MESSAGES, refused, "wecom.secret"), next_step(refused, get("wecom").manifest)):
        assert "稍后自动再试" in zh and "tried again by itself" in en
        assert "error." not in zh + en and "{" not in zh + en
    assert "连续拒绝了 3 个" in fix_of(MESSAGES, refused)[0] and "refused 3 tokens" in fix_of(MESSAGES, refused)[1]


@pytest.mark.parametrize("name", [name for name, entry in entries().items() if entry.manifest.messages])
def test_no_sentence_ends_twice(name):
    for key in get(name).manifest.messages:
        zh, en = fix_of(get(name).manifest.messages, ConfigError(key))
        assert "。。" not in zh and ".." not in en.replace("...", ""), f"{key}: {zh} {en}"


def test_tried_makes_one_line():
    assert tried(MESSAGES, "甲", "A", lambda: None).ok
    line = tried(MESSAGES, "甲", "A", raising(ConfigError("wecom.secret", code="1")))
    assert (line.ok, line.code, line.what_en) == (False, "1", "A")


@pytest.mark.parametrize(("token", "key", "ok"), [("t", "k" * 43, True), ("", "k" * 43, False), ("t", "", False)])
def test_callback_keys_are_there_or_not(token, key, ok):
    checks = Checks(MESSAGES, TEXTS)
    checks.callback("wecom.callback_unset", token, key)
    assert checks.findings[0].ok is ok and bool(checks.findings[0].fix_zh) is not ok


class Sample(Config):
    address: str = settings.address("地址", "Address", "https://api.example.com")
    app_key: str = settings.app_key(r"^\d{4}$", "某处", "somewhere")
    app_secret: str = settings.app_secret("某处", "somewhere")
    session: str = settings.consent("授权", "Authorisation")
    callback_token: str = settings.callback_token("令牌", "Token", "某处", "somewhere", least=3)
    callback_aes_key: str = settings.callback_aes_key("密钥", "Key", "某处", "somewhere")


GOOD = {"app_key": "1234", "app_secret": "12345678", "session": "12345678"}


def test_shared_settings_mark_their_secrets():
    assert secret_fields(Sample) == {"app_secret", "session", "callback_token", "callback_aes_key"}
    assert Sample(**GOOD).callback_token == ""


@pytest.mark.parametrize(
    "wrong",
    [{"address": "ftp://x"}, {"address": "https://x/y"}, {"app_key": "12"}, {"app_secret": "short"}, {"callback_token": "ab"},
     {"callback_token": "a" * 33}, {"callback_aes_key": "k" * 42}, {"callback_aes_key": "!" * 43}],
)  # fmt: skip
def test_shared_settings_refuse_what_they_must(wrong):
    with pytest.raises(ValidationError):
        Sample(**{**GOOD, **wrong})
