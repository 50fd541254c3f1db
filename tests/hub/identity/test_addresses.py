"""Addresses taken apart, row by row."""

from __future__ import annotations

import pytest

from hub.identity.core.extract import extract
from hub.identity.normal import areas
from hub.identity.normal.addresses import place
from hub.identity.normal.forms import NOWHERE, Place


@pytest.mark.parametrize(
    ("value", "area", "town", "road", "number", "unit"),
    [
        ("杭州市上城区望江街道莫干山路292号", ("浙江", "杭州", "上城"), "望江", "莫干山路", "292", ""),
        ("浙江省 杭州市 余杭区 文一西路969号", ("浙江", "杭州", "余杭"), "", "文一西路", "969", ""),
        ("杭州西湖区文三路5号", ("浙江", "杭州", "西湖"), "", "文三路", "5", ""),
        ("杭州文三路5号", ("浙江", "杭州", ""), "", "文三路", "5", ""),
        (
            "常德常德市西洞庭管理区祝丰镇广州路12号枫林府38幢4单元1103室",
            ("湖南", "常德", "西洞庭"),
            "祝丰",
            "广州路",
            "12",
            "38-4-1103",
        ),
        ("上海上海静安区文化东路333号新世界新村17幢1单元1902室", ("上海", "上海", "静安"), "", "文化东路", "333", "17-1-1902"),
        (
            "四川省绵阳市盐亭县东风路６１５#星河公寓１４幢４单元９０１室",
            ("四川", "绵阳", "盐亭"),
            "",
            "东风路",
            "615",
            "14-4-901",
        ),
        ("北京市海淀区中关村大街27号3-2-501", ("北京", "北京", "海淀"), "", "中关村大街", "27", "3-2-501"),
        ("内蒙古自治区呼和浩特市新城区海拉尔大街2号", ("内蒙古", "呼和浩特", "新城"), "", "海拉尔大街", "2", ""),
        ("重庆市渝中区民生路1号", ("重庆", "重庆", "渝中"), "", "民生路", "1", ""),
        ("吉林省延边朝鲜族自治州延吉市", ("吉林", "延边", "延吉"), "", "", "", ""),
        ("湖北省恩施土家族苗族自治州恩施市", ("湖北", "恩施", "恩施"), "", "", "", ""),
        ("新疆维吾尔自治区乌鲁木齐市天山区", ("新疆", "乌鲁木齐", "天山"), "", "", "", ""),
        ("黑龙江齐齐哈尔市龙沙区和平路1号", ("黑龙江", "齐齐哈尔", "龙沙"), "", "和平路", "1", ""),
        ("鹿城区人民路3号", ("浙江", "温州", "鹿城"), "", "人民路", "3", ""),
        ("寧夏回族自治區固原市隆德縣黃河街959號", ("宁夏", "固原", "隆德"), "", "黄河街", "959", ""),
        ("上海市南京东路300号", ("上海", "上海", ""), "", "南京东路", "300", ""),
        ("广州路12号", ("", "", ""), "", "广州路", "12", ""),
        ("天山南路8号", ("", "", ""), "", "天山南路", "8", ""),
        ("仙桃市干河街道", ("湖北", "仙桃", ""), "干河", "", "", ""),
        ("海南省三亚市", ("海南", "三亚", ""), "", "", "", ""),
    ],
)
def test_parts_of_an_address(value: str, area: tuple[str, str, str], town: str, road: str, number: str, unit: str) -> None:
    found = place(value)
    assert found[:3] == area
    assert (found.town, found.road, found.number, found.unit) == (town, road, number, unit)


def test_areas_in_columns_of_their_own() -> None:
    found = place("富强****", "山东省", "聊城市", "茌平区")
    assert found == Place("山东", "聊城", "茌平", "", "富强", "", False, "", "")
    assert place("", "湖南省", "常德市", "常德市西洞庭管理区", "金凤街道").town == "金凤"
    assert place("杭州市西湖区文三路5号", "浙江省", "杭州市", "西湖区").road == "文三路"


@pytest.mark.parametrize("value", ["", "  ", "-", "****"])
def test_nothing_said(value: str) -> None:
    assert place(value) == NOWHERE


@pytest.mark.parametrize(
    ("units",), [(("3幢2单元501室", "3栋2单元501", "3-2-501"),), (("1号楼2单元301", "1-2-301"),), (("29楼2925室", "29-2925"),)]
)
def test_units_in_many_ways(units: tuple[str, ...]) -> None:
    assert len({place(f"杭州市西湖区文三路5号花园{unit}").unit for unit in units}) == 1


@pytest.mark.parametrize(
    ("full", "short"),
    [
        ("浙江省", "浙江"),
        ("内蒙古自治区", "内蒙古"),
        ("广西壮族自治区", "广西"),
        ("香港特别行政区", "香港"),
        ("上海市", "上海"),
    ],
)
def test_short_provinces(full: str, short: str) -> None:
    assert areas.short_province(full) == short


@pytest.mark.parametrize(
    ("full", "short"),
    [
        ("杭州市", "杭州"),
        ("延边朝鲜族自治州", "延边"),
        ("湘西土家族苗族自治州", "湘西"),
        ("大兴安岭地区", "大兴安岭"),
        ("锡林郭勒盟", "锡林郭勒"),
    ],
)
def test_short_cities(full: str, short: str) -> None:
    assert areas.short_city(full) == short


@pytest.mark.parametrize("address", ["浙江省杭州市西湖区文三路5号", "西湖区文三路5号"])
def test_a_region_beside_an_address_takes_nothing_from_it(address: str) -> None:
    found = extract({"fields": {"display_name": "张伟", "region": "浙江省 杭州市", "address": address}}).places[0]
    assert (found.city, found.district, found.road, found.number) == ("杭州", "西湖", "文三路", "5")


@pytest.mark.parametrize(
    ("number", "city"),
    [("0571-88886666", "杭州"), ("010-88886666", "北京"), ("0712-40913618", "孝感"), ("0999-1", "伊犁"), ("0001-1", "")],
)
def test_a_landline_tells_the_town(number: str, city: str) -> None:
    assert areas.of_line(number).city == city


@pytest.mark.parametrize(
    ("code", "province"), [("91330100MA27X5A12N", "浙江"), ("92110108MA27X5A12N", "北京"), ("91990100MA27X5A12N", "")]
)
def test_a_credit_code_tells_the_province(code: str, province: str) -> None:
    assert areas.of_code(code).province == province


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("南京", "江苏", True),
        ("江苏", "南京", True),
        ("南京", "南京", True),
        ("南京", "苏州", False),
        ("南京", "浙江", False),
        ("某地", "某地", True),
    ],
)
def test_a_town_and_its_province_are_no_two_places(one: str, other: str, same: bool) -> None:
    assert areas.overlap(one, other) is same
