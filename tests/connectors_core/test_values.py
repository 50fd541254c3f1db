"""The values that connectors and hub exchange."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors import errors
from connectors.base import (
    Config,
    Connector,
    Document,
    DocumentLine,
    EventSource,
    Money,
    Page,
    Party,
    RawRequest,
    Receipt,
    Reply,
    Sink,
    Source,
    Token,
    record_key,
    secret_fields,
    setting,
)
from connectors.http import Runtime
from connectors.manifest import Manifest

from .conftest import MANIFEST

PARTY = Party(code="C1", name="张三", tax_id="91330106MA2CXXXX0X", phone="13900000000", address="杭州")
DAY = dt.date(2026, 11, 2)


@given(st.integers())
def test_money_reads_as_yuan_and_fen(minor: int) -> None:
    told = str(Money(minor))
    whole, part = told.lstrip("-").split(".")
    assert int(whole) * 100 + int(part) == abs(minor)
    assert told.startswith("-") == (minor < 0)
    assert len(part) == 2


@pytest.mark.parametrize("value", [1.0, "1", True, None])
def test_money_is_whole_minor_units(value: Any) -> None:
    with pytest.raises(TypeError, match="integer minor units"):
        Money(value)


@pytest.mark.parametrize("number", ["", "a", "X" * 25, "A B", "单1", "A_1", "A\n"])
def test_a_document_number_every_destination_takes(number: str) -> None:
    with pytest.raises(ValueError, match="document number"):
        Document("bill", number, DAY, Money(1), PARTY)


@given(st.lists(st.integers(min_value=-(10**9), max_value=10**9), min_size=1, max_size=9), st.integers(-2, 2))
def test_lines_add_up_to_the_amount_or_there_is_no_document(minors: list[int], off: int) -> None:
    lines = tuple(DocumentLine("x", Money(minor)) for minor in minors)
    if off:
        with pytest.raises(ValueError, match="lines do not add up"):
            Document("bill", "A1", DAY, Money(sum(minors) + off), PARTY, lines)
    else:
        assert Document("bill", "A1", DAY, Money(sum(minors)), PARTY, lines).lines == lines


def test_nothing_personal_or_secret_is_shown() -> None:
    document = Document("bill", "A1", DAY, Money(1), PARTY)
    token = Token("t-secret", 7200, {"refresh_token": "r-secret"})
    for hidden in ("张三", "9133", "139", "杭州", "secret"):
        assert hidden not in repr(document) + repr(PARTY) + repr(token)


def test_headers_are_found_whatever_their_case() -> None:
    raw = RawRequest("POST", {}, {"X-Signature": "s"}, b"")
    assert (raw.header("x-signature"), raw.header("X-SIGNATURE"), raw.header("other")) == ("s", "s", "")


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("record", "paths", "key"),
    [
        ({"id": 7}, ["id"], "7"),
        ({"a": {"b": "x"}, "c": 0}, ["a.b", "c"], "x/0"),
        ({"id": 4001234567890123456}, ["id"], "4001234567890123456"),
    ],
)
def test_the_key_of_a_record(record: Any, paths: list[str], key: str) -> None:
    assert record_key(record, paths) == key


@pytest.mark.parametrize("record", [{}, {"a": None}, {"a": ""}, {"a": {"c": 1}}, {"a": 1}, {"a": {"b": ""}}])
def test_a_record_without_key_is_told_by_the_path(record: Any) -> None:
    with pytest.raises(KeyError, match=r"a\.b"):
        record_key(record, ["a.b"])


# ---------------------------------------------------------------- configuration


class Settings(Config):
    shop: str = setting("店铺", "Shop")
    app_secret: str = setting("密钥", "Secret", secret=True, where_zh="后台", where_en="Console", min_length=4)
    size: int = setting("页", "Page", default=50, advanced=True, ge=1)


def test_settings_know_which_are_secret_and_hide_them() -> None:
    settings = Settings(shop=" s1 ", app_secret="hush-hush")
    assert secret_fields(Settings) == {"app_secret"}
    assert settings.shop == "s1"
    assert "hush" not in repr(settings) + str(settings)
    extra = Settings.model_fields["app_secret"].json_schema_extra
    assert extra == {
        "label": {"zh": "密钥", "en": "Secret"},
        "where": {"zh": "后台", "en": "Console"},
        "secret": True,
        "advanced": False,
    }


@pytest.mark.parametrize(
    "values",
    [
        {"shop": "s", "app_secret": "abc"},
        {"shop": "s"},
        {"shop": "s", "app_secret": "abcd", "sise": 1},
        {"shop": [], "app_secret": "hushhush"},
    ],
)
def test_wrong_settings_are_refused_without_showing_them(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**values)
    for value in values.values():
        assert f"input_value={value!r}" not in str(caught.value)
    assert "input_value" not in str(caught.value)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings(shop="s", app_secret="abcd").shop = "t"


# ---------------------------------------------------------------- roles


class Bare(Source, EventSource, Sink):
    """Implements nothing."""

    Config = Config
    manifest = Manifest.model_validate(MANIFEST)
    base_url = "http://platform.invalid"


@pytest.fixture
def bare() -> Bare:
    return Bare(Config(), Runtime())


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("check", ()),
        ("pages", ("thing", None, None)),
        ("fetch_one", ("thing", "1")),
        ("open", (RawRequest("POST", {}, {}, b""),)),
        ("events", (None,)),
        ("find", (None,)),
        ("send", (None,)),
    ],
)
def test_what_a_connector_does_not_have_is_told_by_name(bare: Bare, method: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match=rf"Bare has no {method}\(\)"):
        getattr(bare, method)(*arguments)


def test_what_a_connector_need_not_have(bare: Bare) -> None:
    receipt = Receipt("A1", "1", "open", complete=True)
    assert bare.fetch_token() is None
    assert bare.finish(None, receipt) is receipt  # type: ignore[arg-type]
    assert [bare.reply(outcome).status for outcome in ("stored", "bad_signature", "bad_push", "busy")] == [200, 403, 400, 503]
    assert isinstance(bare.reply("stored"), Reply)


def test_many_records_are_fetched_one_by_one_and_the_gone_are_told() -> None:
    class Three(Bare):
        def pages(self, stream: str, window: Any, resume: Any) -> Iterator[Page]:
            yield Page([])

        def fetch_one(self, stream: str, key: str) -> Any:
            if key == "b":
                raise errors.Gone
            return None if key == "c" else {"id": key}

    keys: Sequence[str] = ["a", "b", "c"]
    assert list(Three(Config(), Runtime()).fetch_many("thing", keys)) == [("a", {"id": "a"}), ("b", None), ("c", None)]
    assert issubclass(Three, Connector)
