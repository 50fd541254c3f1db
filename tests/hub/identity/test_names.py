"""Names of persons as they are typed, row by row."""

from __future__ import annotations

import pytest

from hub.identity.normal.names import name


@pytest.mark.parametrize(
    ("value", "text", "surname", "sounds"),
    [
        ("张伟", "张伟", "张", ("zhang", "wei")),
        ("張偉", "张伟", "张", ("zhang", "wei")),
        ("张 伟", "张伟", "张", ("zhang", "wei")),
        ("张　伟", "张伟", "张", ("zhang", "wei")),
        ("张\u200b伟 ", "张伟", "张", ("zhang", "wei")),
        ("吳惠珠", "吴惠珠", "吴", ("wu", "huizhu")),
        ("鍾麗", "钟丽", "钟", ("zhong", "li")),
        ("欧阳修", "欧阳修", "欧阳", ("ouyang", "xiu")),
        ("司马相如", "司马相如", "司马", ("sima", "xiangru")),
        ("欧阳", "欧阳", "欧", ("ou", "yang")),
        ("尉迟恭", "尉迟恭", "尉迟", ("yuchi", "gong")),
        ("单田芳", "单田芳", "单", ("shan", "tianfang")),
        ("曾国藩", "曾国藩", "曾", ("zeng", "guofan")),
        ("仇英", "仇英", "仇", ("qiu", "ying")),
        ("区楚良", "区楚良", "区", ("ou", "chuliang")),
        ("查良镛", "查良镛", "查", ("zha", "liangyong")),
        ("解缙", "解缙", "解", ("xie", "jin")),
        ("翟志刚", "翟志刚", "翟", ("zhai", "zhigang")),
        ("盖叫天", "盖叫天", "盖", ("ge", "jiaotian")),
        ("乐嘉", "乐嘉", "乐", ("yue", "jia")),
        ("任静", "任静", "任", ("ren", "jing")),
        ("吕绿", "吕绿", "吕", ("lv", "lv")),
        ("陈李婉华", "陈李婉华", "陈", ("chen", "liwanhua")),
        ("买买提·艾力", "买买提艾力", "", ("maimaitiaili", "")),
        ("张伟先生", "张伟", "张", ("zhang", "wei")),
        ("张伟总", "张伟", "张", ("zhang", "wei")),
        ("刘芳（老客户）", "刘芳", "刘", ("liu", "fang")),
        ("刘芳(采购)", "刘芳", "刘", ("liu", "fang")),
        ("刘芳【VIP】", "刘芳", "刘", ("liu", "fang")),
        ("张伟老客户", "张伟", "张", ("zhang", "wei")),
        ("🌸刘江海", "刘江海", "刘", ("liu", "jianghai")),
        ("李强", "李强", "李", ("li", "qiang")),
        ("【张伟】", "张伟", "张", ("zhang", "wei")),
        ("张.伟国", "张伟国", "张", ("zhang", "weiguo")),
        ("张伟1", "张伟", "张", ("zhang", "wei")),
        ("02张伟", "张伟", "张", ("zhang", "wei")),
        ("AAA张伟", "张伟", "张", ("zhang", "wei")),
        ("VIP张伟", "张伟", "张", ("zhang", "wei")),
        ("Kevin 张伟", "张伟", "张", ("zhang", "wei")),
        ("张伟Kevin", "张伟", "张", ("zhang", "wei")),
        ("客户张伟", "张伟", "张", ("zhang", "wei")),
        ("老张伟国", "张伟国", "张", ("zhang", "weiguo")),
        ("张伟国收", "张伟国", "张", ("zhang", "weiguo")),
        ("张伟国代收", "张伟国", "张", ("zhang", "weiguo")),
        ("张建新", "张建新", "张", ("zhang", "jianxin")),
        ("欧阳建新", "欧阳建新", "欧阳", ("ouyang", "jianxin")),
    ],
)
def test_whole_names(value: str, text: str, surname: str, sounds: tuple[str, str]) -> None:
    found = name(value)
    assert found is not None
    assert (found.kind, found.text, found.surname, found.sounds) == ("full", text, surname, (sounds,))


@pytest.mark.parametrize(
    ("value", "surname", "gender"),
    [
        ("张总", "张", ""),
        ("王姐", "王", "f"),
        ("李经理", "李", ""),
        ("陈女士", "陈", "f"),
        ("赵先生", "赵", "m"),
        ("王总监", "王", ""),
        ("马总经理", "马", ""),
        ("余工", "余", ""),
        ("欧阳先生", "欧阳", "m"),
        ("孙老师", "孙", ""),
        ("周老板", "周", ""),
        ("林阿姨", "林", "f"),
    ],
)
def test_titles_tell_the_surname_alone(value: str, surname: str, gender: str) -> None:
    found = name(value)
    assert found is not None
    assert (found.kind, found.surname, found.gender) == ("title", surname, gender)


@pytest.mark.parametrize(
    ("value", "surname", "given"),
    [
        *(
            ("张**", "张", ""),
            ("陈*", "陈", ""),
            ("高*明", "高", "明"),
            ("*伟", "", "伟"),
            ("小**", "", ""),
            ("欧**", "欧", ""),
        ),
        *((shown, "张", "") for shown in ("张某", "张某某", "张xx", "张XX", "张○○", "张××", "张●●", "张..", "张…", "张**先生")),
        ("欧阳某", "欧阳", ""),
    ],
)
def test_masks(value: str, surname: str, given: str) -> None:
    found = name(value)
    assert found is not None
    assert (found.kind, found.surname, found.given) == ("mask", surname, given)


@pytest.mark.parametrize(
    ("value", "sounds"),
    [
        ("Zhang Wei", {("zhang", "wei"), ("wei", "zhang")}),
        ("Wei Zhang", {("zhang", "wei"), ("wei", "zhang")}),
        ("ZHANG Wei", {("zhang", "wei")}),
        ("Wei ZHANG", {("zhang", "wei")}),
        ("zhangwei", {("zhang", "wei"), ("wei", "zhang")}),
        ("weizhang", {("zhang", "wei"), ("wei", "zhang")}),
        ("Zhang Weihua", {("zhang", "weihua")}),
        ("Zhang Wei Hua", {("zhang", "weihua"), ("hua", "zhangwei")}),
        ("Weihua Zhang", {("zhang", "weihua")}),
        ("ouyang xiu", {("ouyang", "xiu")}),
        ("Xiu Ouyang", {("ouyang", "xiu")}),
        ("Lv Lv", {("lv", "lv")}),
        ("zhangying", {("zhang", "ying"), ("ying", "zhang")}),
        ("Zhang Ting", {("zhang", "ting")}),
        ("Ding Yin", {("ding", "yin"), ("yin", "ding")}),
        ("wangbiao", {("wang", "biao"), ("ao", "wangbi")}),
        ("Bian Mian", {("bian", "mian")}),
        ("Ri Miao", {("miao", "ri")}),
        ("Lyu Lyu", {("lv", "lv")}),
        ("Shan Tianfang", {("shan", "tianfang")}),
    ],
)
def test_letters_in_either_order(value: str, sounds: set[tuple[str, str]]) -> None:
    found = name(value)
    assert found is not None
    assert found.kind == "latin"
    assert set(found.sounds) == sounds


@pytest.mark.parametrize(
    "value",
    [
        "微信用户",
        "测试",
        "匿名",
        "匿名用户",
        "客户",
        "新客户",
        "无",
        "未知",
        "A",
        ".",
        "-",
        "n/a",
        "NULL",
        "test",
        "收货人",
        "先生",
        "女士",
        "",
        "  ",
        "13812345678",
        "张三",
        "***",
    ],
)
def test_what_is_no_name(value: str) -> None:
    assert name(value) is None


@pytest.mark.parametrize(
    "value", ["时光", "且行", "简单", "高兴", "AA浅笑", "Tony", "Tony陈", "小芳", "向日葵", "ZWH", "Linda", "一路向前", "阿珍"]
)
def test_nicknames_are_no_names(value: str) -> None:
    found = name(value)
    assert found is not None
    assert found.kind == "nick"


def test_a_title_behind_a_mask_tells_the_gender() -> None:
    found = name("张**女士")
    assert found is not None
    assert (found.kind, found.text, found.gender) == ("mask", "张**", "f")
