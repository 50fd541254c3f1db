"""How values look: numbers, money, times, masked personal data, status chips."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from markupsafe import Markup, escape

from hub.admin.i18n import both, catalogue, language, pick, t
from hub.admin.web import the_hub
from hub.store.types import from_us

ZONE = ZoneInfo("Asia/Shanghai")
SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€", "HKD": "HK$", "GBP": "£", "JPY": "¥"}
UNDIVIDED = {"JPY", "KRW"}
TONES = {
    "good": {"active", "ok", "sent", "done", "complete", "fresh", "succeeded", "signed", "full", "completed", "accepted"},
    "warn": {"paused", "partial", "in_doubt", "stopped", "late", "pending_payment", "in_review", "not_yet", "due", "older"},
    "bad": {"to_do", "failed", "needs_auth", "rejected", "open", "error", "removed", "refused", "unknown_platform", "missing"},
    "busy": {"running", "sending", "pending", "waiting", "paid", "shipped", "replay", "new"},
}


def number(value: int | None) -> str:
    """1234567 as 1,234,567; nothing as a dash."""
    return "–" if value is None else f"{value:,}"


def at_most(value: int, cap: int) -> str:
    """A count that stopped at a cap: '1,000+'."""
    return f"{cap:,}+" if value >= cap else f"{value:,}"


def money(minor: int | None, currency: str = "CNY") -> str:
    """Minor units as ¥1,234.56."""
    if minor is None:
        return "–"
    sign, size = ("-" if minor < 0 else ""), abs(minor)
    label = SIGNS.get(currency, f"{currency} ")
    if currency in UNDIVIDED:
        return f"{sign}{label}{size:,}"
    return f"{sign}{label}{size // 100:,}.{size % 100:02d}"


def _local(moment: datetime) -> datetime:
    return moment.astimezone(ZONE)


def ago(moment: datetime | None) -> str:
    """'3 分钟前', '2 小时后'."""
    if moment is None:
        return t("time.never")
    seconds = (the_hub().now() - moment).total_seconds()
    size, side = abs(seconds), ("ago" if seconds >= 0 else "ahead")
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if size >= length:
            return t(f"time.{unit}_{side}", n=int(size // length))
    return t("time.now") if seconds >= 0 else t("time.soon")


def stamp(moment: datetime | None, *, seconds: bool = False) -> str:
    """'2026-11-22 13:12' in Beijing time."""
    if moment is None:
        return "–"
    return _local(moment).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def any_time(value: Any) -> str:
    """A time of a sealed record: microseconds or ISO text, as Beijing time."""
    try:
        moment = from_us(value) if type(value) is int else datetime.fromisoformat(str(value))
    except (ValueError, OverflowError):
        return str(value)
    return stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def when(moment: datetime | None) -> Markup:
    """The time with how long ago it is."""
    if moment is None:
        return Markup('<span class="quiet">–</span>')
    return Markup('<time datetime="{}" title="{}"><span>{}</span> <small>{}</small></time>').format(
        moment.isoformat(timespec="seconds"), stamp(moment, seconds=True) + t("time.zone"), stamp(moment), ago(moment)
    )


def relative(moment: datetime | None) -> Markup:
    """How long ago, the time itself on hover."""
    if moment is None:
        return Markup('<span class="quiet">{}</span>').format(t("time.never"))
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.isoformat(timespec="seconds"), stamp(moment, seconds=True) + t("time.zone"), ago(moment)
    )


def span(seconds: float) -> str:
    """A length of time in its largest unit: '26 小时', '5 分钟'."""
    whole = int(seconds)
    if whole >= 172800 and whole % 86400 < 3600:
        return t("time.days", n=whole // 86400)
    if whole >= 3600:
        return t("time.hours", n=f"{whole / 3600:.1f}".removesuffix(".0"))
    if whole >= 60:
        return t("time.minutes", n=whole // 60)
    return t("time.seconds", n=whole)


def tone(state: str) -> str:
    """good | warn | bad | busy | plain."""
    return next((name for name, states in TONES.items() if state in states), "plain")


def chip(state: str, text: str | None = None, kind: str = "state") -> Markup:
    """A status with its text; the colour only repeats what the text says."""
    label = text if text is not None else t(f"{kind}.{state}")
    return Markup('<span class="chip chip-{}">{}</span>').format(tone(state), label)


def outcome_words(outcome: str) -> str:
    """How a step of a delivery ended, as a word where there is one."""
    return t(f"outcome.{outcome}") if f"outcome.{outcome}" in catalogue() else outcome


def minor(value: Any) -> int | None:
    """Minor units from a stored amount: a number, or {"minor": …}."""
    return value.get("minor") if isinstance(value, dict) else value


# ---------------------------------------------------------------- personal data


def phone(value: str) -> str:
    """A Chinese mobile number without its country code."""
    return value.removeprefix("+86")


def mask_phone(value: str) -> str:
    """138****1234."""
    plain = phone(value)
    return f"{plain[:3]}****{plain[-4:]}" if len(plain) >= 8 else "****"


def mask_email(value: str) -> str:
    """z***@example.com."""
    name, at, domain = value.partition("@")
    return f"{name[:1]}***{at}{domain}"


def mask_name(value: str) -> str:
    """张**."""
    return value[:1] + "*" * min(max(len(value) - 1, 1), 2)


def mask_text(value: str) -> str:
    """The two first characters, then stars."""
    return value[:2] + "****"


def mask_code(value: str) -> str:
    """9131****7X1A."""
    return f"{value[:4]}****{value[-4:]}" if len(value) > 8 else "****"


MASKS = {"phones": mask_phone, "emails": mask_email, "address": mask_text, "tax_id": mask_code, "note": mask_text}
NAMES = {"display_name", "aliases"}


def field_text(name: str, value: Any, *, plain: bool, names: bool) -> str:
    """A customer field as text. plain: personal values as they are. names: whether names are shown."""
    if isinstance(value, list):
        return t("say.list_comma").join(field_text(name, item, plain=plain, names=names) for item in value)
    if isinstance(value, bool) or value is None:
        return "–" if value is None else t(f"say.{str(value).lower()}")
    text = str(value)
    if name in MASKS and not plain:
        return MASKS[name](text)
    if name in NAMES and not (names or plain):
        return mask_name(text)
    return phone(text) if name == "phones" else text


def day(value: date | None) -> str:
    """A calendar day."""
    return "–" if value is None else value.isoformat()


def short(value: str | None, size: int = 10) -> Markup:
    """The beginning of a long id, the whole of it on hover."""
    text = value or ""
    if len(text) <= size + 2:
        return escape(text)
    return Markup('<span title="{}">{}…</span>').format(text, text[:size])


def install(app: Flask) -> None:
    """Make the formats known to the templates."""
    filters = (number, money, ago, stamp, when, relative, span, day, short, tone)
    app.jinja_env.filters.update({function.__name__: function for function in filters})
    words = {"t": t, "both": both, "pick": pick, "language": language, "outcome_words": outcome_words}
    app.jinja_env.globals.update(words, chip=chip, at_most=at_most, minor=minor)
