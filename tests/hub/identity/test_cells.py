"""What cells say beside labels and words for nothing, alone and in a whole record."""

from __future__ import annotations

from typing import Any

import pytest

from hub.identity.core.extract import extract
from hub.identity.core.features import Features
from hub.identity.normal.cells import said
from hub.identity.rows import record


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            " ",
            "无",
            "（无）",
            "无。",
            "暂无",
            "N/A",
            "#N/A",
            "#REF!",
            "NULL",
            "null",
            "None",
            "nan",
            "undefined",
            "-",
            "--",
            "/",
        ),
        *("?", "。", "0", "未填写", "未知", "没有", "不详", "其他", "无公司", "***", "公司：无", "邮箱:"),
    ],
)
def test_nothing(value: str) -> None:
    assert said(value) == ""


@pytest.mark.parametrize(
    ("value", "rest"),
    [
        ("姓名：张伟", "张伟"),
        ("收货人: 张伟", "张伟"),
        ("公司名称：华美", "华美"),
        ("E-mail: a@b.cn", "a@b.cn"),
        ("张伟：杭州", "张伟：杭州"),
        ("无锡华美", "无锡华美"),
        ("0571-88886666", "0571-88886666"),
        ("其他人", "其他人"),
    ],
)
def test_a_label_goes_and_all_else_stays(value: str, rest: str) -> None:
    assert said(value) == rest


def features(**fields: Any) -> Features:
    """Features of a record that somebody typed."""
    return extract({"fields": {"kind": "unknown", **fields}})


def test_a_word_for_nothing_is_no_company_and_no_name() -> None:
    found = features(display_name="张伟", company="无", phones=["无"], emails=["暂无"], address="-", contact="N/A")
    assert (found.kind, found.orgs, found.phones, found.mails, found.places) == ("person", [], [], [], [])


@pytest.mark.parametrize(
    "text", ["采购-张伟国", "张伟国-采购", "张伟国15812345670", "VIP-张伟国", "张伟国先生/女士", "杭州张伟国", "姓名：张伟国"]
)
def test_a_name_is_found_beside_what_else_was_typed(text: str) -> None:
    found = features(display_name=text)
    assert (found.kind, [named.name.text for named in found.names if named.name.kind == "full"]) == ("person", ["张伟国"])


def test_what_stands_beside_a_name_is_kept() -> None:
    found = features(display_name="张伟国15812345670")
    assert found.phones == ["+8615812345670"]
    assert [place.city for place in features(display_name="杭州张伟国").places] == ["杭州"]


@pytest.mark.parametrize("text", ["海洋洋文化", "华美金都", "一路向北"])
def test_a_text_that_only_ends_like_a_name_is_none(text: str) -> None:
    assert not [named for named in features(display_name=text).names if named.name.kind == "full"]


@pytest.mark.parametrize(
    "phones", [["15812345670"], "15812345670", 15812345670, 15812345670.0, [15812345670], [None, "15812345670"]]
)
def test_cells_of_a_file_may_be_numbers_and_single(phones: Any) -> None:
    made = record({"rid": "1", "source": "list", "name": "张伟", "phones": phones, "emails": "a@b.cn", "company": None})
    assert made["fields"]["phones"] == ["15812345670"]
    assert made["fields"]["emails"] == ["a@b.cn"]
    assert "company" not in made["fields"]


@pytest.mark.parametrize(
    "fields",
    [
        {"display_name": "15812345670", "phones": ["匿名用户"]},
        {"display_name": "15812345670", "phones": ["无"]},
        {"display_name": "15812345670"},
    ],
)
def test_a_number_where_the_name_should_be_is_a_number(fields: dict[str, Any]) -> None:
    found = features(**fields)
    assert (found.phones, found.names) == (["+8615812345670"], [])


def test_a_legal_form_is_in_no_persons_name() -> None:
    found = features(kind="person", display_name="广东晟昊企业管理股份有限公司", company="托璐倩")
    assert [org.brand for org in found.orgs] == ["晟昊"]
    assert [named.name.text for named in found.names] == ["托璐倩"]


@pytest.mark.parametrize(
    ("name", "more", "kind"),
    [
        ("艾特兰", {"phones": ["0791-20420502"]}, ""),
        ("艾特兰", {"emails": ["cg@aitelan.cn"]}, ""),
        ("艾特兰", {"phones": ["15812345670"]}, "person"),
        ("张伟国", {"phones": ["0791-20420502"]}, "person"),
        ("遵义任发", {"phones": ["15812345670"]}, ""),
        ("遵义张伟国", {"phones": ["15812345670"]}, "person"),
    ],
)
def test_what_may_be_a_brand_is_not_taken_for_a_person(name: str, more: dict[str, Any], kind: str) -> None:
    assert features(display_name=name, **more).kind == kind
