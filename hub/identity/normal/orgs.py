"""Names of organisations: region, brand, trade, legal form and branch, each on its own."""

from __future__ import annotations

import re
from functools import lru_cache

from hub.identity.normal import areas
from hub.identity.normal.forms import Org
from hub.identity.normal.org_tables import BRANCH, FORMS, LATIN_FORMS, LATIN_TRADES, PLACES, TRADES
from hub.identity.normal.text import is_han, plain, sounds

_FORM = re.compile(f"(?:{FORMS})$")
_PLACE = re.compile(f"(?:{PLACES})$")
_LATIN_FORM = re.compile(rf"(?:[\s,.]+|\b){LATIN_FORMS}\s*$", re.IGNORECASE)
_BRANCH, _WHOLE = re.compile(BRANCH), re.compile(r".*(?:公司|集团|银行)")
_LONGEST = max(map(len, TRADES))
_BRACKETS = re.compile(r"[(\[]([^)\]]*)[)\]]")
_QUOTES = str.maketrans("【】", "[]", "“”\"'《》「」")
_ORNAMENT = re.compile(r"^[^\w(\[]+|[^\w)\]]+$")
_AFTER = re.compile(r"^(.{2,}?(?:有限(?:责任)?公司|股份公司|集团公司))([^(\[].*)$")
_BRANCH_IN_BRACKETS = re.compile(rf"[(\[]([^)\]]*{BRANCH[:-1]})[)\]]$")
_LAW = re.compile(r"有限|股份|公司|集团|合伙|Ltd|LTD|Inc|LLC|CO\.")


@lru_cache(maxsize=32768)
def org(value: str) -> Org | None:
    """The parts of an organisation's name; None when nothing is left of it."""
    text = plain(value)
    if "*" in text or not text:
        return None
    if text.isascii():
        return _latin(text)
    text = _ORNAMENT.sub("", text.translate(_QUOTES).replace(" ", ""))
    if text.startswith("中国") and areas.head(text[2:])[0].province:
        text = text[2:]
    text = _BRANCH_IN_BRACKETS.sub(r"\1", _without_tail(text))
    text, branch = _branch(text)
    area, told = areas.Area(), False
    for found in _BRACKETS.finditer(text):
        if areas.is_city(found[1]):
            area = areas.head(found[1])[0]
        told = told or found[1] == "中国" or bool(area.province)
    text = _BRACKETS.sub("", text)
    body, form = _form(text)
    place, rest = areas.head(body) if not told else (areas.Area(), body)
    if len(rest) >= 2 and (place.city or place.province):
        body, area = rest, place
    brand, trade = _trade(body)
    if not brand:
        return None
    return Org(brand.lower(), sounds(brand), trade, area.province, area.city, form, branch, _is_legal(form, branch))


def _without_tail(text: str) -> str:
    """Without a department, a person or a note that stands after the legal form; a branch stays."""
    found = _AFTER.match(text)
    whole = found is not None and found[1].count("(") == found[1].count(")")
    return text if not found or not whole or _BRANCH.search(text) or _FORM.fullmatch(found[2]) else found[1]


def _is_legal(form: str, branch: str) -> bool:
    return bool(form or branch)


def _branch(text: str) -> tuple[str, str]:
    """The name without its branch, and the branch's place."""
    found = _BRANCH.search(text)
    if not found:
        return text, ""
    body = text[: found.start()]
    if cut := _WHOLE.match(body):
        place = body[cut.end() :]
        return body[: cut.end()], areas.short_city(place.strip("()")) or "*"
    for size in range(min(6, len(body) - 2), 1, -1):
        if areas.is_city(body[-size:]) or body[-size:] in areas.tables().districts:
            return body[:-size], areas.short_city(body[-size:])
    return body, "*"


def _form(text: str) -> tuple[str, str]:
    """Without legal forms; 实业 and the like stay, they are what the company does."""
    form = ""
    while (found := _FORM.search(text)) and found.start() > 1:
        cut = 2 if found[0].startswith("实业") else 0
        form = form or found[0][cut:]
        text = text[: found.start() + cut]
    if not form and (found := _PLACE.search(text)) and found.start() > 1:
        return text[: found.start()], found[0]
    return text, form


def _trade(body: str) -> tuple[str, str]:
    """Brand and trade. The trade is the longest run of trade words at the end that leaves a brand of two characters."""
    cut = len(body)
    while cut > 2:
        for size in range(min(_LONGEST, cut - 2), 1, -1):
            if body[cut - size : cut] in TRADES:
                cut -= size
                break
        else:
            break
    return body[:cut], body[cut:]


def _latin(text: str) -> Org | None:
    body, form = text, ""
    while found := _LATIN_FORM.search(body):
        form = form or found[0].strip(" ,.").lower()
        body = body[: found.start()]
        if not body.strip():
            return None
    words = [word for word in re.split(r"[^a-z0-9&']+", body.lower()) if word]
    kept = [word for word in words if word not in LATIN_TRADES] or words
    if not kept or all(word.isdigit() for word in kept):
        return None
    trade = " ".join(word for word in words if word not in kept)
    brand = "".join(kept)
    return Org(brand, brand, trade, "", "", form, "", bool(form or trade))


@lru_cache(maxsize=32768)
def is_organisation(value: str) -> bool:
    """Whether a text reads like an organisation's name, by its form, its ending or its trade."""
    text = plain(value).replace(" ", "") if not value.isascii() else value
    if _LAW.search(text):
        return True
    if text.isascii():
        found = _latin(text) if text else None
        return found is not None and found.legal and len(text) > 4
    if len(text) < 4:
        return len(text) == 3 and text[-1] in "厂店" and is_han(text)
    body = re.sub(r"[()]", "", text)
    return bool(_BRANCH.search(body) or _PLACE.search(body)) or any(body[-size:] in TRADES for size in range(2, _LONGEST + 1))
