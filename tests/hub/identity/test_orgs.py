"""Names of organisations taken apart, row by row."""

from __future__ import annotations

import pytest

from hub.identity.normal.orgs import is_organisation, org


@pytest.mark.parametrize(
    ("value", "brand", "trade", "city", "branch"),
    [
        ("杭州华美科技有限公司", "华美", "科技", "杭州", ""),
        ("杭州市华美科技有限责任公司", "华美", "科技", "杭州", ""),
        ("华美（杭州）科技有限公司", "华美", "科技", "杭州", ""),
        ("华美(杭州)科技有限公司", "华美", "科技", "杭州", ""),
        ("  杭州 华美 科技 有限公司 ", "华美", "科技", "杭州", ""),
        ("杭州华美科技", "华美", "科技", "杭州", ""),
        ("杭州华美科技公司", "华美", "科技", "杭州", ""),
        ("华美", "华美", "", "", ""),
        *(
            (text, "华美", "科技", "杭州", "")
            for text in (
                *(
                    "杭州华美科技有限公司采购部",
                    "杭州华美科技有限公司-A",
                    "杭州华美科技有限公司/财务",
                    "杭州华美科技有限公司仓库",
                ),
                *(
                    "杭州华美科技有限公司财务部 王经理",
                    "【杭州】华美科技有限公司",
                    "★杭州华美科技有限公司",
                    "“杭州华美科技有限公司”",
                ),
                *("中国杭州华美科技有限公司", "杭州华美科技(有限公司)", "杭州华美科技有限公司(原杭州丽美科技有限公司)"),
                *("杭州华美科技有限公司有限公司", "杭州华美科技有限公司（老客户）", "杭州华美科技有限公司。"),
            )
        ),
        ("杭州华美科技有限公司（上海分公司）", "华美", "科技", "杭州", "上海"),
        ("中国移动", "中国移动", "", "", ""),
        ("华美科技", "华美", "科技", "", ""),
        ("杭州华美", "华美", "", "杭州", ""),
        ("华美集团", "华美", "", "", ""),
        ("华美集团有限公司", "华美", "", "", ""),
        ("海洋洋（四川）体育文化有限责任公司", "海洋洋", "体育文化", "", ""),
        ("上海真赏斋教育咨询（有限合伙）", "真赏斋", "教育咨询", "上海", ""),
        ("宁波皇家動力建材股份有限公司", "皇家动力", "建材", "宁波", ""),
        ("無錫銘誠儀器儀表股份有限公司", "铭诚", "仪器仪表", "无锡", ""),
        ("杭州华美科技有限公司宁波分公司", "华美", "科技", "杭州", "宁波"),
        ("华美（杭州）科技有限公司宁波分公司", "华美", "科技", "杭州", "宁波"),
        ("华美宁波分公司", "华美", "", "", "宁波"),
        ("韶关新东网机器人集团有限公司韶关分公司", "新东网", "机器人", "韶关", "韶关"),
        ("黔南布依吾好环保科技有限公司", "吾好", "环保科技", "黔南", ""),
        ("黔南州吾好环保科技有限公司", "吾好", "环保科技", "黔南", ""),
        ("湘西土家滇王纸业厂", "滇王", "纸业", "湘西", ""),
        ("甘孜藏族盖浪水务股份有限公司", "盖浪", "水务", "甘孜", ""),
        ("阿里巴巴（中国）网络技术有限公司", "阿里巴巴", "网络技术", "", ""),
        ("北京小米科技有限责任公司", "小米", "科技", "北京", ""),
        ("浙江省杭州市余杭区华美商行", "华美", "", "杭州", ""),
        ("南京好途包装材料商行", "好途", "包装材料", "南京", ""),
        ("苏州华美实业有限公司", "华美", "实业", "苏州", ""),
        ("ＨＵＡＭＥＩ CO.,LTD", "huamei", "", "", ""),
        ("HUAMEI TECHNOLOGY CO., LTD.", "huamei", "technology", "", ""),
        ("Huamei Trade", "huamei", "trade", "", ""),
    ],
)
def test_parts_of_a_name(value: str, brand: str, trade: str, city: str, branch: str) -> None:
    found = org(value)
    assert found is not None
    assert (found.brand, found.trade, found.city, found.branch) == (brand, trade, city, branch)


def test_a_brand_in_letters_sounds_like_the_one_in_characters() -> None:
    one, other = org("HUAMEI CO.,LTD"), org("杭州华美科技有限公司")
    assert one is not None
    assert other is not None
    assert one.sound == other.sound == "huamei"


@pytest.mark.parametrize("value", ["", "  ", "***", "有限公司", "CO., LTD"])
def test_what_is_no_organisation_at_all(value: str) -> None:
    assert org(value) is None or org(value).brand in ("有限公司", "有限")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "value",
    [
        "杭州华美科技有限公司",
        "华美科技",
        "华美集团",
        "南京好途包装材料商行",
        "文三路便利店",
        "中国工商银行杭州分行",
        "学军中学",
        "面馆厂",
        "HUAMEI CO.,LTD",
        "Acme Inc",
    ],
)
def test_what_reads_like_an_organisation(value: str) -> None:
    assert is_organisation(value)


@pytest.mark.parametrize("value", ["张伟", "华美", "欧阳修", "李经理", "王姐", "Zhang Wei", "时光", "买买提·艾力"])
def test_what_does_not(value: str) -> None:
    assert not is_organisation(value)
