"""Areas of China by name: provinces, cities, districts, with and without their endings (areas.txt)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from hub.identity.normal.tables import alternatives, words

_LINES = dict(entry.split(":") for entry in words("area_codes"))
_PROVINCES = dict(entry.split(":") for entry in words("province_codes"))
_PROVINCE_END = re.compile(r"(?:特别行政区|(?:维吾尔|壮族|回族)?自治区|省|市)$")
_PEOPLES = alternatives("peoples")
_OF_PREFECTURE = re.compile(rf"(?:(?:{_PEOPLES}|{alternatives('peoples').replace('族', '')})+(?:自治州|州)?|州)(?=.{{2}})")
"""What people leave of the name of an autonomous prefecture after its short form: 黔南布依, 湘西土家族, 恩施州."""
_CITY_END = re.compile(rf"(?:(?:{_PEOPLES})*自治州|市|地区|盟)$")
_DISTRICT_END = re.compile(
    rf"(?:(?:{_PEOPLES})*自治[县旗]|经济技术开发区|高新技术产业开发区|经济开发区|开发区|管理区|新区|区|县|市|旗)$"
)


class Area(NamedTuple):
    """Short names ('浙江', '杭州', '西湖'), '' for what is not known. A municipality is its own city."""

    province: str = ""
    city: str = ""
    district: str = ""


def _short(name: str, end: re.Pattern[str]) -> str:
    cut = end.sub("", name)
    return cut if len(cut) >= 2 else name


@lru_cache(maxsize=512)
def short_province(name: str) -> str:
    """浙江 for 浙江省, 内蒙古 for 内蒙古自治区."""
    return _short(name, _PROVINCE_END)


@lru_cache(maxsize=4096)
def short_city(name: str) -> str:
    """杭州 for 杭州市, 延边 for 延边朝鲜族自治州."""
    return _short(name, _CITY_END)


@lru_cache(maxsize=16384)
def short_district(name: str) -> str:
    """西湖 for 西湖区; a name of one character keeps its ending (南县)."""
    return _short(name, _DISTRICT_END)


class Tables(NamedTuple):
    """Names, full and short, to areas. districts: all places with that name; a short one only where it has two characters."""

    provinces: dict[str, str]
    cities: dict[str, Area]
    districts: dict[str, tuple[Area, ...]]


@cache
def tables() -> Tables:
    """The tables, read once."""
    provinces: dict[str, str] = {}
    cities: dict[str, Area] = {}
    districts: dict[str, list[Area]] = {}
    for line in files("hub.identity.normal").joinpath("areas.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        province, city, *rest = line.split(" ")
        short = Area(short_province(province), short_city(city))
        provinces[province] = provinces[short.province] = short.province
        cities[city] = cities.setdefault(short.city, short)
        for district in rest[0].split(",") if rest else ():
            found = short._replace(district=short_district(district))
            for name in {district, found.district}:
                districts.setdefault(name, []).append(found)
    return Tables(provinces, cities, {name: tuple(found) for name, found in districts.items()})


@cache
def _prefectures() -> frozenset[str]:
    """Short names of autonomous prefectures."""
    return frozenset(area.city for name, area in tables().cities.items() if name.endswith("自治州"))


_STREET = re.compile(r"[东西南北中一二三四五]?(?:路|大道|大街|街|巷|弄)")
"""After an area's name this makes it a street: 广州路, 重庆中路, 上海大道."""


def _prefix(text: str, names: Mapping[str, object], longest: int) -> str:
    for size in range(min(longest, len(text)), 1, -1):
        if text[:size] in names and not _STREET.match(text, size):
            return text[:size]
    return ""


@lru_cache(maxsize=16384)
def head(text: str) -> tuple[Area, str]:
    """The areas at the beginning of an address or name without spaces, and the rest of it."""
    known = tables()
    area = Area()
    if name := _prefix(text, known.provinces, 8):
        area = area._replace(province=known.provinces[name])
        if known.provinces[name] not in known.cities or _prefix(text[len(name) :], known.cities, 11):
            text = text[len(name) :]
    if name := _prefix(text, known.cities, 11):
        found = known.cities[name]
        of_district = name == found.city and text[len(name) : len(name) + 1] in ("区", "县") and not area.province
        if not of_district and (not area.province or found.province == area.province):
            area, text = found, text[len(name) :]
            if name == found.city and found.city in _prefectures():
                text = _OF_PREFECTURE.sub("", text, count=1) if _OF_PREFECTURE.match(text) else text
    return _district(area, text)


def _inside(place: Area, area: Area) -> bool:
    return place.city == area.city or (not area.city and area.province in ("", place.province))


def _district(area: Area, text: str) -> tuple[Area, str]:
    known = tables()
    twice = area.city and text.startswith(area.city) and not _STREET.match(text, len(area.city))
    if twice and not any(_inside(place, area) for place in known.districts.get(text[: len(area.city) + 1], ())):
        text = text[len(area.city) :].removeprefix("市")
    for size in range(min(15, len(text)), 1, -1):
        places = known.districts.get(text[:size], ())
        if not places or (text[:size] == places[0].district and (not area.city or _STREET.match(text, size))):
            continue
        near = [
            place for place in places if place.city == area.city or (not area.city and area.province in ("", place.province))
        ]
        if len(near) == 1:
            return near[0], text[size:]
        if near:
            return area._replace(district=near[0].district), text[size:]
    if area.city and (unknown := re.match(r"[^\d路街镇乡]{1,10}?(?:开发区|新区|管理区|区|县|旗)", text)):
        return area._replace(district=short_district(unknown[0].removeprefix(area.city + "市"))), text[unknown.end() :]
    return area, text


@lru_cache(maxsize=16384)
def of(province: str, city: str, district: str) -> Area:
    """An area from its three columns, full or short."""
    area = Area(short_province(province), short_city(city), short_district(district.removeprefix(city) or district))
    known = tables()
    if not area.city and area.province in known.cities:
        return area._replace(city=area.province)
    if area.city and not area.province and area.city in known.cities:
        return area._replace(province=known.cities[area.city].province)
    return area


@lru_cache(maxsize=4096)
def of_line(number: str) -> Area:
    """Where a landline is, by its area code ('0571-88886666')."""
    return tables().cities.get(_LINES.get(number.partition("-")[0], ""), Area())


def of_code(code: str) -> Area:
    """Where a unit is registered, by its credit code (characters 3 to 8, GB/T 2260): the province."""
    return Area(_PROVINCES.get(code[2:4], ""))


def overlap(one: str, other: str) -> bool:
    """Whether two short names are one place, or one a city of the other province."""
    cities = tables().cities
    provinces = {cities[name].province if name in cities else name for name in (one, other)}
    return one == other or (len(provinces) == 1 and (one in provinces or other in provinces))


def is_city(name: str) -> bool:
    """Whether this is a city's or province's name, with or without its ending."""
    return name in tables().cities or name in tables().provinces
