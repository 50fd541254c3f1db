"""What leaves the process in a log line: no secret, no phone, no mailbox, no number of one's papers."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from config.logging import Redacted, clean, configure, redact

SECRET = "Zq8xK2mPw7"
TOKEN = "eyJhbGciOiJIUzI1NiJ9-" + "aB3" * 20


@pytest.mark.parametrize(
    "text",
    [
        f"access_token={SECRET}",
        f"GET /gettoken?corpid=ww1&corpsecret={SECRET}&x=1",
        f"secret: {SECRET}",
        f"password={SECRET}",
        f'{{"access_token": "{SECRET}", "a": 1}}',
        f"{{'appSecret': '{SECRET}'}}",
        f'{{"token":"{SECRET}"}}',
        f"Authorization: Bearer {SECRET}",
        f"authorization: {SECRET}",
        f'"Authorization": "Basic {SECRET}"',
        f"Cookie: a=1; kdservice-sessionid={SECRET}",
        f"Set-Cookie: sid={SECRET}; Path=/",
        f"session={SECRET}",
        f"sessionKey={SECRET}",
        f"sign={SECRET}",
        f"signature={SECRET}",
        f"refresh_token={SECRET}",
        f"encodingAESKey={SECRET}",
        f"aes_key: {SECRET}",
        f"client_secret={SECRET}&grant_type=x",
        f"api-key={SECRET}",
        f"private_key='{SECRET}'",
        f'msg \\"token\\": \\"{SECRET}\\"',
    ],
)
def test_secrets_do_not_show(text: str) -> None:
    assert SECRET not in clean(text) and "***" in clean(text)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("call 13812345678 now", "13812345678"),
        ("+8613812345678", "13812345678"),
        ("8613812345678", "13812345678"),
        ("0086 138-1234-5678", "1234-5678"),
        ("138 1234 5678", "1234 5678"),
        ("tel13812345678x", "13812345678"),
        ("0571-88886666", "88886666"),
        ("张三zhang.san@example.com.cn说", "zhang.san"),
        ("a+b@x-y.cn", "a+b@"),
        ("身份证 33010619900307123X", "19900307"),
        ("id=330106199003071234.", "19900307"),
        ("卡 6222020200112233445", "6222020200112233445"),
        (f"/v1/{TOKEN}/orders", TOKEN),
        ("DETAIL:  Key (name)=(王小明) already exists.", "王小明"),
        ('copy failed\nCONTEXT:  COPY t, line 1, column title: "王小明"\nnext', "王小明"),
    ],
)
def test_personal_values_do_not_show(text: str, gone: str) -> None:
    assert gone in text and gone not in clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "order 2026112200000001 landed",
        "run 17 of account shop-1: 4,500 changed",
        "http 429, wait 60s",
        "code=40014 invalid",
        "event 3f2a9c0d4b5e6f708192a3b4c5d6e7f8",
        "at 2026-11-22T04:00:00Z",
        "version 1764561600000000",
        "c0k3m5n7p9q1s3t5v7x9z1b3d5",
        "hash " + "0f" * 32,
        "the key file var/keys.json is missing",
    ],
)
def test_what_operators_need_stays(text: str) -> None:
    assert clean(text) == text


@given(st.text(max_size=300))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_a_long_line_is_cleaned_in_no_time() -> None:
    for piece in ("a", "a.", "token", "1", "-", "sign ", "1@"):
        clean(piece * (200_000 // len(piece)))


def test_values_are_cleaned_to_their_depth() -> None:
    entry: dict[str, Any] = {
        "event": "call 13812345678",
        "level": "info",
        "timestamp": "t",
        "name": "gettoken",
        "phone": "x",
        "email": "x",
        "secret_thing": 1,
        "count": 13,
        "tel": 13812345678,
        "flag": True,
        "ratio": 0.5,
        "nothing": None,
        "raw": b"13812345678",
        "nested": {"name": "王小明", "list": ["13812345678", {"access_token": "t"}], "n": 1},
        "more": ("a@b.cn",),
        "body": ["x"],
    }
    found = json.dumps(redact(None, "", entry), ensure_ascii=False)
    assert not [word for word in ("13812345678", "王小明", "a@b.cn", '"x"', '"t"}') if word in found]
    assert json.loads(found)["name"] == "gettoken" and json.loads(found)["count"] == 13
    assert json.loads(found)["nested"]["n"] == 1 and json.loads(found)["flag"] is True


@pytest.fixture
def configured() -> Iterator[None]:
    """A process whose logs are set up."""
    before, last = structlog.get_config(), logging.lastResort
    levels = {
        name: logging.getLogger(name).level for name in ("apscheduler", "alembic", "werkzeug", "procrastinate", "urllib3")
    }
    formatter = last.formatter if last else None
    configure("info")
    yield
    structlog.configure(**before)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    if last:
        last.setFormatter(formatter)


def test_a_line_is_json_and_clean_even_with_an_exception(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.get_logger("hub.test")
    try:
        raise ValueError("bad row of 13812345678, access_token=Zq8xK2mPw7")
    except ValueError:
        log.exception("failed", account="shop", phone="13900001111", text="a@b.cn")
    log.debug("not shown")
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (
        entry["event"] == "failed"
        and entry["level"] == "error"
        and entry["account"] == "shop"
        and "ValueError" in entry["exception"]
    )
    assert not [word for word in ("13812345678", SECRET, "13900001111", "a@b.cn") if word in line]


def test_what_libraries_log_is_clean_too(configured: None) -> None:
    formatter = Redacted()
    try:
        raise ValueError("13812345678")
    except ValueError:
        record = logging.LogRecord("apscheduler", logging.ERROR, "x", 1, "job %s", ("token=Zq8xK2mPw7",), sys.exc_info())
    entry = json.loads(formatter.format(record))
    assert entry["logger"] == "apscheduler" and "ValueError" in entry["exception"]
    assert "13812345678" not in str(entry) and SECRET not in str(entry)
    assert isinstance(logging.lastResort and logging.lastResort.formatter, Redacted)
