"""The named transforms that a mapping may use, and no others. Each takes a raw value and returns a canonical one.

A value that cannot be transformed raises ValueError with the reason and never the value itself: it may be personal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache, lru_cache
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

Transform = Callable[[Any], Any]
_EPOCH, _START, _HOUR = datetime(1970, 1, 1, tzinfo=UTC), datetime.min, timedelta(hours=1)  # noqa: DTZ901 - the zone is asked afterwards
_START_UTC = _START.replace(tzinfo=UTC)
_NAIVE = "is a time without zone, and the stream declares none"
_NO_TIME = "is not a time of the expected form"
_MOST_DIGITS, _MOST_DECIMALS = 15, 30
"""Beyond these an amount fits no column and no decimal context, and "1E+999999999" written out fills the memory."""

_MOST = 10**_MOST_DIGITS


def text(value: Any) -> str:
    """Any scalar as trimmed text (numbers without exponent, so that 19-digit ids survive)."""
    if type(value) is str:
        return value.strip()
    if type(value) is int:
        return str(value)
    if isinstance(value, bool | float | list | dict):
        raise ValueError(f"is {type(value).__name__}, not text")
    return str(value)


_OF_TEXT: dict[Transform, Transform] = {text: str.strip}


def of_text(change: Transform) -> Transform | None:
    """What a transform does with a text, where that is a quicker function."""
    return _OF_TEXT.get(change)


def texts(value: Any) -> list[str]:
    """A scalar or a list of scalars as a list of texts without blanks."""
    if type(value) is str:
        plain = value.strip()
        return [plain] if plain else []
    items = value if isinstance(value, list) else [value]
    return [item for item in map(text, items) if item]


def split(sep: str = ",") -> Transform:
    """A separated text as a list of texts."""
    return lambda value: [part.strip() for part in text(value).split(sep) if part.strip()]


def unmasked(value: Any) -> str | None:
    """The text, or nothing when the platform has masked it (a '*' inside)."""
    plain = text(value)
    return None if "*" in plain else plain


def unmasked_texts(value: Any) -> list[str]:
    """The texts that are not masked."""
    return [item for item in texts(value) if "*" not in item]


def urldecoded(value: Any) -> str:
    """A percent-encoded text as it reads."""
    return unquote(text(value))


def flag(value: Any) -> bool:
    """true/false, 1/0, "true"/"false", "1"/"0"."""
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "false": False, "0": False}
    if str(value).lower() not in known:
        raise ValueError("is not a yes/no value")
    return known[str(value).lower()]


def exact(value: Any) -> Decimal:
    """A decimal number from text, integer or Decimal. A float is refused: its last digits are already lost."""
    if type(value) is str and len(value) <= 16 and value.isascii() and value.replace(".", "", 1).isdecimal():
        return Decimal(value)
    if isinstance(value, bool | float):
        raise ValueError(f"is {type(value).__name__}; decimals come as text or exact numbers")
    try:
        number = Decimal(str(value).strip().replace(",", ""))
    except InvalidOperation:
        raise ValueError("is not a decimal number") from None
    if not number.is_finite():
        raise ValueError("is not a finite number")
    if number.adjusted() > _MOST_DIGITS or int(number.as_tuple().exponent) < -_MOST_DECIMALS:
        raise ValueError("is not a number of a sensible size")
    return number


def decimal(value: Any) -> str:
    """A decimal number as plain text ("1.50")."""
    if type(value) is int and 0 <= value < _MOST:
        return str(value)
    return format(exact(value), "f")


def integer(value: Any) -> int:
    """A whole number of 64 bits, from a number or its digits."""
    digits = text(value)
    if not digits.removeprefix("-").isdecimal() or not digits.isascii() or len(digits) > 20:
        raise ValueError("is not a whole number")
    if not -(1 << 63) <= int(digits) < 1 << 63:
        raise ValueError("is not a number of 64 bits")
    return int(digits)


@lru_cache(maxsize=8192)
def cents(value: str) -> int | None:
    """The short way for what platforms nearly always write ("12.30"): minor units, or None for any other form."""
    if value[-3:-2] == "." and (digits := value[:-3] + value[-2:]).isdecimal() and len(digits) < 16:
        return int(digits)
    return None


def money(unit: str = "yuan") -> Transform:
    """Integer minor units from yuan (rounded half up) or fen."""
    if unit not in ("yuan", "fen"):
        raise ValueError(f"unit is yuan or fen, not {unit!r}")
    factor = 100 if unit == "yuan" else 1

    def to_minor(value: Any) -> int:
        if factor == 100 and type(value) is str and (quick := cents(value)) is not None:
            return quick
        if factor == 1 and type(value) is int and -_MOST < value < _MOST:
            return value
        scaled = exact(value) * factor
        units = int(scaled)
        return units if units == scaled else int(scaled.quantize(Decimal(1), ROUND_HALF_UP))

    return to_minor


@cache
def _clock(zone: str) -> Callable[[datetime], datetime]:
    """Naive times of a zone to UTC. The offset is asked once an hour of the zone's own time, unless it changes in that hour."""
    place = ZoneInfo(zone)

    @lru_cache(maxsize=1024)
    def offset(hour: int) -> timedelta | None:
        start = (_START + hour * _HOUR).replace(tzinfo=place)
        end = start.replace(minute=59, second=59)
        found = {moment.replace(fold=fold).utcoffset() for moment in (start, end) for fold in (0, 1)}
        return found.pop() if len(found) == 1 else None

    def to_utc(moment: datetime) -> datetime:
        since = moment - _START
        known = offset(since // _HOUR)
        return moment.replace(tzinfo=place).astimezone(UTC) if known is None else _START_UTC + (since - known)

    return to_utc


@cache
def time(zone: str | None, unit: str = "text") -> Transform:
    """An aware UTC instant. unit: text (ISO or 'yyyy-MM-dd HH:mm:ss'; naive ones need the stream's zone), s or ms.

    The fields of a record, which often hold one and the same time, share the cache of texts.
    """
    to_utc = _clock(zone) if zone else None

    @lru_cache(maxsize=4096)
    def from_text(value: str) -> datetime:
        try:
            moment = datetime.fromisoformat(value.strip())
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
            if to_utc is not None:
                return to_utc(moment)
        except (ValueError, OverflowError):
            raise ValueError(_NO_TIME) from None
        raise ValueError(_NAIVE)

    def from_number(value: Any) -> datetime:
        seconds = exact(value) / (1000 if unit == "ms" else 1)
        return _EPOCH + timedelta(microseconds=int(seconds * 1_000_000))

    def convert(value: Any) -> datetime:
        if isinstance(value, datetime):
            value = value.isoformat()
        try:
            plain = from_number(value) if unit in ("s", "ms") else text(value)
        except (ValueError, OverflowError):
            raise ValueError(_NO_TIME) from None
        return from_text(plain) if isinstance(plain, str) else plain

    if unit not in ("s", "ms"):
        _OF_TEXT[convert] = from_text
    return convert


def day(value: Any) -> date:
    """A calendar date from 'yyyy-MM-dd' (a time of day behind it is cut)."""
    try:
        return date.fromisoformat(text(value)[:10].replace("/", "-"))
    except ValueError:
        raise ValueError("is not a date (yyyy-MM-dd)") from None


def is_empty(value: Any) -> bool:
    """Absent in the canonical sense."""
    return value is None or value == "" or value == [] or value == {}


def named(name: str, options: Mapping[str, Any], zone: str | None) -> Transform:
    """The transform of that name with its options. Raises ValueError for a name or option there is none of."""
    simple: dict[str, Transform] = {
        "text": text, "texts": texts, "unmasked": unmasked, "unmasked_texts": unmasked_texts,
        "urldecoded": urldecoded, "flag": flag, "decimal": decimal, "date": day,
        "integer": integer,
    }  # fmt: skip
    if name in simple and not options:
        return simple[name]
    if name == "time":
        return time(zone, **options)
    if name == "money":
        return money(**options)
    if name == "split":
        return split(**options)
    known = ", ".join([*simple, "time", "money", "split"])
    raise ValueError(f"no transform {name!r} with options {sorted(options)}; there are: {known}")
