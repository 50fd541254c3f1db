"""Tags from chats in the browser: the rules, a trial, the evidence on the customer's page, undo."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from hub.models import AuditEntry, TagAssignment
from hub.models.base import table
from tests.hub.admin.seed import TAG_RULES, WORDS


@pytest.fixture
def chatted(made: Any) -> Any:
    """The rules that gave 王小红 her tag, in force."""
    made.hub.settings = made.hub.settings.model_copy(update={"tag_rules": TAG_RULES})
    return made


def tags(made: Any) -> list[str]:
    with made.hub.db.read() as conn:
        return list(conn.execute(select(table(TagAssignment).c.name).where(table(TagAssignment).c.rule.is_not(None))).scalars())


def test_the_rules_are_shown_with_what_they_say_and_did(viewer: Any, chatted: Any) -> None:
    page = viewer.get("/tag-rules")
    assert "price" in page and "询价" in page and "报价" in page and "VIP*" in page and "已打开" in page and "未打开" in page
    one = viewer.get("/tag-rules/price")
    assert "正在打标签" in one and "撤销" not in one and WORDS not in one
    viewer.get("/tag-rules/nosuch", 404)


def test_a_rule_that_left_the_settings_is_still_shown(viewer: Any) -> None:
    assert "price" in viewer.get("/tag-rules") and "试算" not in viewer.get("/tag-rules/price")


def test_a_trial_is_for_operators_and_changes_nothing(viewer: Any, operator: Any, chatted: Any) -> None:
    viewer.post("/tag-rules/price/preview", 403)
    page = operator.post("/tag-rules/price/preview")
    assert "试算结果" in page and WORDS not in page and chatted.customers["王小红"] in page
    assert tags(chatted) == ["询价"]


def test_undo_takes_the_tags_away_and_is_on_record(viewer: Any, operator: Any, chatted: Any) -> None:
    viewer.post("/tag-rules/price/undo", 403)
    operator.post("/tag-rules/nosuch/undo", 404)
    page = operator.post("/tag-rules/price/undo")
    assert "已撤掉 1 个标签" in page and "已撤销" in page and tags(chatted) == []
    with chatted.hub.db.read() as conn:
        entries = conn.execute(select(table(AuditEntry)).where(table(AuditEntry).c.what == "tags.undo")).all()
    assert [(entry.who, entry.subject) for entry in entries] == [("operator@hub.local", "price")]


def test_the_customer_shows_why_and_the_words_only_when_opened(viewer: Any, operator: Any, chatted: Any) -> None:
    url = f"/customers/{chatted.customers['王小红']}"
    for person in (viewer, operator):
        page = person.get(url)
        assert "询价" in page and "规则 price" in page and "第 1 版" in page and WORDS not in page
    assert WORDS in operator.post(f"{url}/reveal")


def test_the_page_speaks_english(operator: Any, chatted: Any) -> None:
    operator.post("/language", language="en", next="/tag-rules")
    page = operator.get("/tag-rules/price")
    assert "It is giving tags." in page and "Keywords" in page
