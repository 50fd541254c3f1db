"""Evidence between two organisations: brand, trade, region, telephone, code, domain, address, contact."""

from __future__ import annotations

from functools import lru_cache
from math import log2

from rapidfuzz.distance import JaroWinkler

from hub.identity.core.score import Context, any_one_wrong, one_wrong
from hub.identity.core.store import Evidence
from hub.identity.core.unit import Unit, domain_label, whereabouts
from hub.identity.normal.areas import overlap
from hub.identity.normal.forms import Org

_COMMON = 40.0
"""Further companies that a brand has which more than a few have."""


def evidence(a: Unit, b: Unit, context: Context) -> list[Evidence]:
    """All evidence; the best pair of names decides brand, trade and region together."""
    names: list[Evidence] = []
    if a.orgs and b.orgs:
        tries = [_names(x, y, a, b, context) for x in a.orgs for y in b.orgs]
        names = max(tries, key=lambda items: sum(item.bits for item in items))
    same_brand = bool(names) and names[0].bits > 0
    found: list[Evidence | None] = [*names]
    if all(item.kind != "region" for item in names):
        found.append(_area(a, b, context))
    found += [_phone(a, b, context, same_brand), _code(a, b, context), _domain(a, b, context, same_brand)]
    found += [_place(a, b, context), _contact(a, b, context)]
    return [item for item in found if item is not None]


def _level(context: Context, kind: str, level: str, u: float | None = None) -> Evidence:
    if u is None:
        return context.fixed_company[kind, level]
    return Evidence(kind, level, context.company[kind, level].m - log2(u))


def _names(x: Org, y: Org, a: Unit, b: Unit, context: Context) -> list[Evidence]:
    brand = _brand(x, y, a, b, context)
    found = [brand]
    if brand.bits > 0:
        found += [item for item in (_trade(x, y, context), _region(x, y, context)) if item is not None]
    return found


def _brand(x: Org, y: Org, a: Unit, b: Unit, context: Context) -> Evidence:
    level = _like(x, y)
    if level in _EQUAL:
        others = context.others("brand", x.sound, a, b)
        if others < 0:
            others = _COMMON
        entry = context.company["brand", level]
        return Evidence("brand", level, entry.m - log2((others + entry.shared) / context.companies))
    if level == _SHORT:
        return Evidence("brand", "near", _level(context, "brand", "near").bits - 3)
    return _level(context, "brand", level)


_EQUAL, _SHORT = ("same", "sound"), "short"


@lru_cache(maxsize=8192)
def _like(x: Org, y: Org) -> str:
    """How alike two brands are: a level of the weights, or ``_SHORT``: near, of two characters. Groups are compared again
    whenever they grow, and so the same names many times."""
    if x.brand == y.brand:
        return "same"
    if x.sound == y.sound and len(x.sound) > 2:
        return "sound"
    if _numbers(x.brand) != _numbers(y.brand):
        return "differ"
    long, short = sorted((x.brand + x.trade, y.brand + y.trade), key=len, reverse=True)
    if len(x.brand) > 2 and len(y.brand) > 2 and one_wrong(x.brand, y.brand):
        return "near"
    if len(x.brand) == len(y.brand) == 2 and x.trade and x.trade == y.trade and set(x.brand) & set(y.brand):
        return _SHORT
    return "part" if len(short) > 3 and (long.startswith(short) or JaroWinkler.similarity(long, short) > 0.93) else "differ"


def _numbers(brand: str) -> str:
    """The figures in a brand: 第一小学 and 第二小学 differ by no slip."""
    return "".join(char for char in brand if char in _FIGURES)


_FIGURES = frozenset("0123456789一二三四五六七八九十")


def _trade(x: Org, y: Org, context: Context) -> Evidence | None:
    if not x.trade or not y.trade or x.trade.isascii() != y.trade.isascii():
        return None
    return _level(context, "trade", _trades(x.trade, y.trade))


@lru_cache(maxsize=16384)
def _trades(x: str, y: str) -> str:
    if x == y:
        return "same"
    return "part" if x in y or y in x or one_wrong(x, y) else "differ"


def _region(x: Org, y: Org, context: Context) -> Evidence | None:
    if bool(x.branch) != bool(y.branch):
        return Evidence("region", "differ", -3.0)
    if x.branch and y.branch:
        return _level(context, "region", "city", 0.01) if overlap(x.branch, y.branch) else None
    if x.city and y.city:
        if x.city == y.city:
            return _level(context, "region", "city", context.frequency.area("city", x.city))
        return _level(context, "region", "differ")
    if x.province and y.province:
        if x.province == y.province:
            return _level(context, "region", "province", context.frequency.area("province", x.province))
        return _level(context, "region", "differ")
    return None


def _area(a: Unit, b: Unit, context: Context) -> Evidence | None:
    """The region by whatever tells it, when the two names do not."""
    mine, theirs = whereabouts(a), whereabouts(b)
    if not mine or not theirs:
        return None
    if any(c and c == d for _, c in mine for _, d in theirs):
        city = next(c for _, c in mine for _, d in theirs if c and c == d)
        return _level(context, "region", "city", context.frequency.area("city", city))
    if any(p and p == q and not (c and d) for p, c in mine for q, d in theirs):
        return _level(context, "region", "province", 0.05)
    return Evidence("region", "differ", 0.5 * _level(context, "region", "differ").bits)


def _phone(a: Unit, b: Unit, context: Context, same_brand: bool) -> Evidence | None:
    best = None
    level = context.company["phone", "same"]
    for phone in (a.phones & b.phones) | (a.lands & b.lands):
        others = context.others("phone", phone, a, b)
        if others >= 0:
            bits = level.m - log2((others + level.shared) / context.companies)
            if best is None or bits > best.bits:
                best = Evidence("phone", "same", bits)
    if best is not None:
        return best
    if same_brand and any_one_wrong(a.phones | a.lands, b.phones | b.lands):
        return _level(context, "phone", "near")
    return _level(context, "phone", "differ") if a.lands and b.lands else None


def _code(a: Unit, b: Unit, context: Context) -> Evidence | None:
    if a.near_codes & b.near_codes:
        return _level(context, "code", "near")
    for one, other in ((a, b), (b, a)):
        if one.near_codes and other.code:
            near = any(sum(x != y for x, y in zip(p, q, strict=True)) == 1 for p in one.near_codes for q in other.code)
            return _level(context, "code", "near" if near else "differ")
    return None


def _domain(a: Unit, b: Unit, context: Context, same_brand: bool) -> Evidence | None:
    if shared := a.domains & b.domains:
        level = context.company["domain", "same"]
        others = context.others("domain", next(iter(shared)), a, b)
        if others >= 0:
            return Evidence("domain", "same", level.m - log2((others + level.shared) / context.companies))
    if a.domains and b.domains:
        return _level(context, "domain", "differ")
    if same_brand:
        return None
    for one, other in ((a, b), (b, a)):
        labels = [label for domain in one.domains if (label := domain_label(domain))]
        if any(len(org.sound) > 3 and label.startswith(org.sound) for label in labels for org in other.orgs):
            return _level(context, "domain", "brand")
    return None


def _place(a: Unit, b: Unit, context: Context) -> Evidence | None:
    best: Evidence | None = None
    for p in a.places:
        for q in b.places:
            if not (p.road and q.road):
                continue
            if p.road == q.road and p.number and p.number == q.number and p.district == q.district:
                return _level(context, "place", "number")
            if p.city and q.city:
                same = p.city == q.city and p.district == q.district
                item = Evidence("place", "district" if same else "differ", 1.0 if same else -2.0)
                best = item if best is None or item.bits > best.bits else best
    return best


def _contact(a: Unit, b: Unit, context: Context) -> Evidence | None:
    if shared := a.contacts.keys() & b.contacts.keys():
        share = min(context.frequency.name(a.contacts[text]) for text in shared)
        return Evidence("contact", "same", min(context.company["contact", "same"].m - log2(max(share, 1e-5)), 9.0))
    return None
