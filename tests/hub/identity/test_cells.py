"""What cells say beside labels and words for nothing, alone and in a whole record."""

from __future__ import annotations

import re
import unicodedata
from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.identity.bulk.rows import record
from hub.identity.core.extract import extract
from hub.identity.core.features import Features
from hub.identity.normal.cells import said
from hub.identity.normal.text import width
from tests.bench.identity.damage import mutate


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


@pytest.mark.parametrize("row", [{"phones": {"a": 1}}, {"phones": [["1"]]}, {"ids": {"id": {}}}])
def test_what_is_no_text_is_said_and_not_guessed(row: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="where a text should"):
        record({"rid": "1", "source": "list", **row})


@pytest.mark.parametrize(("given", "gender"), [("1", "m"), ("2", "f"), ("0", ""), ("男", "m")])
def test_a_code_for_the_gender_is_no_word_for_nothing(given: str, gender: str) -> None:
    assert features(nick="海阔天空", gender=given).gender == gender


def test_a_record_of_another_kind_stays_one() -> None:
    assert features(kind="other", display_name="前台").kind == "other"


PLACE = {"phones": ["15802345610"], "emails": ["zwg@qq.com"], "address": "浙江省杭州市西湖区文三路138号"}
PERSON = {"rid": "1", "source": "crm", "ids": {"id": "7"}, "name": "张伟国", "company": "杭州华美科技有限公司", **PLACE}
COMPANY = {"rid": "2", "kind": "company", "name": "杭州华美科技有限公司", "credit_code": "91350100M000100Y43", **PLACE}
ORDER = {"rid": "3", "source": "shop", "ids": {"open_id": "o1"}, "name": "张**", "phones": ["158****5610"], "city": "杭州市"}


def said_by(row: dict[str, Any]) -> dict[str, Any]:
    """What identity reads of a row, without what decides nothing."""
    found = extract(record(row))
    names = {(named.name.kind, named.name.text.rstrip("*")) for named in found.names}
    return {
        "names": {(kind, text) for kind, text in names if kind in ("full", "mask")},
        "numbers": (found.phones, found.masks, found.mails, found.code),
        "brands": [org.brand for org in found.orgs],
        "roads": [(place.city, place.road, place.number) for place in found.places],
    }


@pytest.mark.parametrize("row", [PERSON, COMPANY, ORDER], ids=["person", "company", "order"])
def test_damage_that_leaves_all_that_was_said_changes_nothing(row: dict[str, Any]) -> None:
    wanted = said_by(row)
    for seed in range(400):
        spoilt = deepcopy(row)
        mutate(spoilt, "person", [], Random(seed), None)
        assert said_by(spoilt) == wanted, spoilt


@example("ｶ\u200bﾞ")
@given(st.text(st.sampled_from("张伟Ａ１a1 　-（)\u200b\ufeff\n㈱①ｶﾞ々〇"), max_size=8))
def test_one_width_however_a_text_is_typed(value: str) -> None:
    """Texts that are plain already are told at a glance, and that must never be another text."""
    found = width(value)
    assert found == re.sub(r"\s+", " ", unicodedata.normalize("NFKC", re.sub("[\u200b\ufeff]", "", value))).strip()
    assert width(found) == found
