"""Addresses: area, town, road and number, estate, unit; masked ones as far as they are plain."""

from __future__ import annotations

import re
from functools import lru_cache

from hub.identity.normal import areas
from hub.identity.normal.forms import NOWHERE, Place
from hub.identity.normal.text import tight

_TOWN = re.compile(r"[^\d路号]{1,10}?(?:街道办事处|街道|镇|乡|苏木)(?!路|街|大道|巷)")
_ROAD = re.compile(
    r"([^\d,，。*#-]{1,9}?(?:大道|大街|[东西南北中]路|路|街|巷|弄|胡同|道))(?:(\d+|[一二三四五六七八九十百]+)(?:号院|号|#|弄)?)?"
)
_ROAD_MASK = re.compile(r"([^\d,，。*#]{1,9}?)\*+号?\**$")
_UNIT_START = re.compile(r"[\dA-Za-z]")
_FIGURES = re.compile(r"\d+")
_HAN_FIGURES = str.maketrans("一二三四五六七八九", "123456789")


@lru_cache(maxsize=4096)
def place(address: str, province: str = "", city: str = "", district: str = "", town: str = "") -> Place:
    """An address, with the areas that have columns of their own. NOWHERE when nothing is said."""
    text = tight(address)
    area = areas.of(tight(province), tight(city), tight(district)) if province or city or district else areas.Area()
    found, rest = areas.head(text)
    if (not area.city and found.city) or (area.city and not area.district and found.city == area.city):
        area = found
    elif not area.province:
        area = area._replace(province=found.province)
    if not found.city and not found.province:
        rest = text
    town = tight(town)
    if match := _TOWN.match(rest):
        town, rest = town or match[0], rest[match.end() :]
    road, number, whole, rest = _road(rest)
    estate, unit = _estate(rest)
    result = Place(*area, _short_town(town), road, number, whole, estate, unit)
    return NOWHERE if result == NOWHERE else result


def _short_town(town: str) -> str:
    cut = re.sub(r"(?:街道办事处|街道|镇|乡)$", "", town)
    return cut if len(cut) >= 2 else town


def _road(text: str) -> tuple[str, str, bool, str]:
    if match := _ROAD.match(text):
        number = (match[2] or "").translate(_HAN_FIGURES)
        return match[1], number, True, text[match.end() :]
    if match := _ROAD_MASK.match(text):
        name = match[1]
        return name, "", False, ""
    return "", "", True, text


def _estate(text: str) -> tuple[str, str]:
    text = text.strip("-,，。 *")
    start = _UNIT_START.search(text)
    if start is None:
        return text, ""
    estate = text[: start.start()].strip("-第")
    return estate, "-".join(_FIGURES.findall(text[start.start() :]))
