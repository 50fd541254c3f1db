"""A configuration model becomes a form, and a form its values."""

from __future__ import annotations

from enum import Enum
from typing import Literal

import pytest

from connectors.base import Config, setting
from hub.admin import account_form
from hub.security.keyring import KeyRing


class Colour(Enum):
    RED = "red"


class Sample(Config):
    name: str = setting("名称", "Name", where_zh="控制台", where_en="Console", min_length=2)
    password: str = setting("密码", "Password", secret=True)
    level: Literal["low", "high"] = setting("级别", "Level", default="low")
    colour: Colour = setting("颜色", "Colour", default=Colour.RED, advanced=True)
    flag: bool = setting("开关", "Flag", default=True)
    size: int = setting("大小", "Size", default=3, ge=1)
    lines: list[str] = setting("多行", "Lines", default=[])
    extra: dict[str, int] = setting("其他", "Extra", default={})
    maybe: str | None = setting("可选", "Maybe", default=None)


@pytest.fixture(autouse=True)
def chinese(app: object) -> object:
    with app.test_request_context("/"):  # type: ignore[attr-defined]
        yield


def test_every_kind_of_field() -> None:
    found = {entry.name: entry for entry in account_form.entries(Sample, {"password": "geheim", "lines": ["a", "b"]})}
    kinds = {name: entry.kind for name, entry in found.items()}
    assert kinds == {
        "name": "text", "password": "secret", "level": "choice", "colour": "choice", "flag": "flag", "size": "number",
        "lines": "lines", "extra": "data", "maybe": "text",
    }  # fmt: skip
    assert found["password"].value == "" and found["name"].required and not found["maybe"].required
    assert found["lines"].value == "a\nb" and found["colour"].choices == ("red",) and found["colour"].value == "red"
    assert (found["name"].label, found["name"].where, found["colour"].advanced) == ("名称", "控制台", True)


def test_what_was_sent_is_read() -> None:
    sent = {"c.name": " x ", "c.lines": "a\n\n b ", "c.extra": "{one: 1}", "c.size": "", "c.flag": "1", "c.other": "?"}
    assert account_form.read(Sample, sent) == {"name": "x", "lines": ["a", "b"], "extra": {"one": 1}, "flag": True}
    assert account_form.read(Sample, {}) == {"flag": False}
    assert account_form.read(Sample, {"c.extra": "{"})["extra"] == "{"


def test_problems_by_field() -> None:
    wrong = {"name": "x", "level": "middle", "size": "many", "extra": "{"}
    found = account_form.problems(Sample, wrong)
    assert found["name"] == "太短，至少 2 个字符。" and found["password"] == "必填。" and found["size"] == "应为整数。"
    assert "'low'" in found["level"] and found["extra"]
    assert account_form.problems(Sample, {"name": "xy", "password": "p"}) == {}


def test_a_draft_is_sealed_and_grows_old() -> None:
    ring = KeyRing.new()
    text = account_form.seal_draft(ring, "1|a|", {"secret": "geheim"}, 1_000)
    assert "geheim" not in text
    assert account_form.open_draft(ring, "1|a|", text, 2_000) == {"secret": "geheim"}
    assert account_form.open_draft(ring, "2|a|", text, 2_000) is None
    assert account_form.open_draft(KeyRing.new(), "1|a|", text, 2_000) is None
    assert account_form.open_draft(ring, "1|a|", text, 31 * 60_000_000) is None
    assert account_form.open_draft(ring, "1|a|", "", 0) is None
    assert account_form.open_draft(ring, "1|a|", "é", 0) is None
