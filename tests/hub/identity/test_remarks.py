"""What employees write beside a contact, row by row."""

from __future__ import annotations

import pytest

from hub.identity.normal.remarks import mobiles, remark


@pytest.mark.parametrize(
    "value",
    [
        "张伟",
        "🌸张伟",
        "✨ 张伟",
        "张伟先生",
        "张伟女士",
        "张伟老客户",
        "张伟-意向",
        "张伟A",
        "A张伟",
        "AA张伟",
        "张伟 已成交",
        "张伟总",
        "张伟(VIP)",
        "张伟（老客户）",
        "张伟-华美",
        "华美-张伟",
        "华美 张伟",
        "张伟（华美）",
        "华美张伟",
        "华美-张伟-采购经理",
        "张伟/华美/采购",
        "张伟|华美",
        "张伟_华美",
        "杭州张伟",
        "杭州-张伟",
        "张伟 杭州",
        "张伟 13812345679",
        "张伟13812345679",
        "13812345679 张伟",
        "13812345679张伟",
        "VIP-张伟-杭州",
        "張偉-華美",
        "张伟~华美",
    ],
)
def test_the_name_is_found(value: str) -> None:
    assert [name.text for name in remark(value).names] == ["张伟"]


@pytest.mark.parametrize("value", ["张伟-华美", "华美-张伟", "华美 张伟", "张伟（华美）", "华美张伟", "华美-张伟-采购经理"])
def test_the_company_is_found(value: str) -> None:
    assert remark(value).orgs == ["华美"]


@pytest.mark.parametrize("value", ["杭州张伟", "杭州-张伟", "张伟 杭州", "杭州市-张伟"])
def test_the_city_is_found(value: str) -> None:
    assert remark(value).city == "杭州"


@pytest.mark.parametrize(
    "value", ["张伟 13812345679", "张伟13812345679", "13812345679 张伟", "张伟 138-1234-5679", "张伟 +86 13812345679"]
)
def test_the_number_is_found(value: str) -> None:
    assert mobiles(remark(value)) == ["+8613812345679"]


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("张总", "title", "张总"),
        ("王姐", "title", "王姐"),
        ("时光", "nick", "时光"),
        ("AA浅笑", "nick", "浅笑"),
        ("Tony", "nick", "tony"),
        ("Li Wei", "latin", "liwei"),
        ("海洋洋陈富", "full", "陈富"),
        ("梦丽欧阳修", "full", "欧阳修"),
        ("金马-李强", "full", "李强"),
        ("金华", "full", "金华"),
        ("江海", "full", "江海"),
    ],
)
def test_other_styles(value: str, kind: str, text: str) -> None:
    assert [(name.kind, name.text) for name in remark(value).names] == [(kind, text)]


def test_a_known_company_takes_a_remark_apart() -> None:
    assert [name.text for name in remark("欧华美李强", frozenset({"欧华美"})).names] == ["李强"]
    assert remark("李强欧华美", frozenset({"欧华美"})).orgs == ["欧华美"]


def test_gender_from_a_title() -> None:
    assert remark("张伟先生").gender == "m"
    assert remark("王姐").gender == "f"
    assert remark("王总").gender == ""


@pytest.mark.parametrize("value", ["", "VIP", "老客户", "A", "13812345679"])
def test_no_name_in_it(value: str) -> None:
    assert remark(value).names == []
