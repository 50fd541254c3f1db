"""Cells: what stands in them as exact text, and how columns of declared kinds are read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

EXACT_BELOW = 1e15
"""Excel keeps 15 digits (docs: Excel specifications and limits): a longer number has lost its end before we see it."""
_TRIM = " \t\r\n\v\f\u00a0\u3000\u200b\ufeff"
_LOST = re.compile(r"-?\d(?:\.\d+)?E\+\d{2,3}", re.I)
_WRAPPED = re.compile(r'="(.*)"', re.S)
_MOMENT = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?"
    r"(?:[\sT]*(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2})(?:\.(\d{1,6}))?秒?|分)?)?"
)
_CURRENCY = re.compile(r"^(?:¥|rmb|cny)|(?:元|rmb|cny)$", re.I)
_PROVINCE = re.compile(
    r"(?:北京|天津|上海|重庆)市?|(?:香港|澳门)(?:特别行政区)?|内蒙古(?:自治区)?|广西(?:壮族自治区)?|西藏(?:自治区)?|宁夏(?:回族自治区)?"
    r"|新疆(?:维吾尔自治区)?|(?:河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|台湾)省?"
)
_LIST = re.compile(r"[,，、;；|\n]+")


def cell_text(value: Any) -> str:
    """What calamine found in an Excel cell, as text: 1 is '1', dates are ISO, a lost long number shows its exponent."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | int):
        return _number_text(value)
    if isinstance(value, datetime):
        return _moment_text(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, timedelta) else ""


def _number_text(value: float) -> str:
    if abs(value) >= EXACT_BELOW:
        return f"{value:.14E}"
    if float(value).is_integer():
        return str(int(value))
    # 15 digits are what Excel itself shows of a binary number: 0.1 + 0.2 is '0.3'.
    return format(Decimal(format(value, ".15g")), "f")


def _moment_text(value: datetime) -> str:
    # Excel counts days as a binary fraction, so that a whole second may come a few microseconds off.
    rounded = value + timedelta(microseconds=500)
    rounded = rounded.replace(microsecond=rounded.microsecond // 1000 * 1000)
    return rounded.isoformat(sep=" ", timespec="auto" if rounded.microsecond else "seconds")


def plain(text: str) -> str:
    """Without blanks around it, and without what shops put around long numbers so that Excel leaves them alone."""
    text = text.strip(_TRIM)
    if text.startswith("="):
        wrapped = _WRAPPED.fullmatch(text)
        return wrapped[1].strip(_TRIM) if wrapped else text
    if text.startswith("'") and text[1:2] in set("0123456789=+-@"):
        return text[1:]
    return text


def lost_digits(text: str) -> bool:
    """Whether this is a long number that Excel has rounded ('1.38001E+10')."""
    return _LOST.fullmatch(text) is not None


def number(text: str) -> str:
    """An amount as plain digits: full width, currency signs, thousands and trailing zeros gone. Raises ValueError."""
    narrow = _CURRENCY.sub("", unicodedata.normalize("NFKC", text).strip()).strip()
    try:
        value = Decimal(re.sub(r",(?=\d{3}(\D|$))", "", narrow))
    except InvalidOperation:
        raise ValueError("is not a number") from None
    if not value.is_finite() or abs(value.adjusted()) > 15:
        raise ValueError("is not a number of a sensible size")
    return format(value.normalize(), "f") if value else "0"


def moment(text: str) -> str:
    """'2026/3/5 9:05' and its like as ISO text without zone; a text of another form as it was."""
    found = _MOMENT.fullmatch(text)
    if not found:
        return text
    *parts, fraction = found.groups(default="0")
    year, month, day, hour, minute, second = map(int, parts)
    micro = int(fraction.ljust(6, "0"))
    try:
        # Naive on purpose: the stream declares the zone, and the mapping applies it.
        return datetime(year, month, day, hour, minute, second, micro).isoformat(sep=" ")  # noqa: DTZ001
    except ValueError:
        return text


def calendar_day(text: str) -> str:
    """'2026年3月5日', '2026/3/5 0:00' and their like as yyyy-MM-dd; a text of another form as it was."""
    return moment(text)[:10] if _MOMENT.fullmatch(text) else text


def several(text: str) -> list[str]:
    """A list in one cell: separated by comma, semicolon, enumeration comma, bar or line break."""
    return [part for part in (plain(part) for part in _LIST.split(text)) if part]


def province(address: str) -> str:
    """The province at the beginning of an address as it is written there, or ''."""
    found = _PROVINCE.match(address.removeprefix("中国").strip(_TRIM))
    return found[0] if found else ""


KINDS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "number": number,
    "time": moment,
    "date": calendar_day,
    "list": several,
}
"""How a column says what it holds (``is:``)."""
