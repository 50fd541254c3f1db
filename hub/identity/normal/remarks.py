"""What an employee wrote beside a contact: name, company, city, phone, title and sales marks, in whatever order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from hub.identity.normal import areas, names, orgs, phones
from hub.identity.normal.forms import Name
from hub.identity.normal.name_tables import MARKS, SURNAMES
from hub.identity.normal.text import is_han, plain

_PHONE = re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SPLIT = re.compile(r"[-_/|,，;；、~—–+\s()（）\[\]【】<>《》:：]+")
_SYMBOL = re.compile(r"[^\w一-鿿·@.&' -]", re.UNICODE)
_LEAD = re.compile(r"^[A-Za-z]{1,3}(?=[一-鿿])|(?<=[一-鿿])[A-Za-z]{1,3}$")


@dataclass
class Remark:
    """What was found. orgs: texts that name a company or are probably one; city: short name."""

    names: list[Name] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    orgs: list[str] = field(default_factory=list)
    city: str = ""
    gender: str = ""


@lru_cache(maxsize=4096)
def remark(value: str, brands: frozenset[str] = frozenset()) -> Remark:
    """Read a remark. brands: what companies the record names already, so that 华美张伟 can be taken apart with certainty."""
    found = Remark()
    text = plain(value)
    text = _take(_MAIL, text, found.mails)
    text = _take(_PHONE, text, found.phones)
    tokens = [token for token in _SPLIT.split(_SYMBOL.sub(" ", text)) if token]
    if tokens and all(token.isascii() for token in tokens):
        whole = names.name(" ".join(token for token in tokens if token.lower() not in MARKS))
        if whole:
            found.names.append(whole)
        return found
    for token in tokens:
        _token(token, found, brands, alone=len(tokens) == 1)
    return _settled(found)


def _settled(found: Remark) -> Remark:
    """Of several that could be the name, the one with the likeliest surname; a far less likely one was a city or company."""
    whole = [name for name in found.names if name.kind == "full"]
    if len(whole) < 2:
        return found
    best = max(SURNAMES.get(name.surname, 0) for name in whole)
    for name in whole:
        if name.text in areas.tables().cities or name.text in areas.tables().provinces:
            found.city = found.city or areas.short_city(name.text)
        elif SURNAMES.get(name.surname, 0) < best:
            found.orgs.append(name.text)
        if name.text == found.city or SURNAMES.get(name.surname, 0) < 0.2 * best:
            found.names.remove(name)
    return found


def _take(pattern: re.Pattern[str], text: str, into: list[str]) -> str:
    into += pattern.findall(text)
    return pattern.sub(" ", text)


def _token(token: str, found: Remark, brands: frozenset[str], *, alone: bool) -> None:
    token = _LEAD.sub("", token)
    if token.lower() in MARKS or (len(token) < 2 and token not in SURNAMES):
        return
    if token in brands:
        found.orgs.append(token)
        return
    if len(token) > 3 and _glued_city(token, found):
        return
    if name := _person(token):
        found.names.append(name)
        found.gender = found.gender or name.gender
    elif areas.is_city(token):
        found.city = found.city or areas.short_city(areas.short_province(token))
    elif not _glued(token, found, brands) and not names.strip_title(token + "x")[2]:
        _other(token, found, alone)


def _other(token: str, found: Remark, alone: bool) -> None:
    name = names.name(token)
    if orgs.is_organisation(token) or (not alone and is_han(token) and not _is_title(token)):
        found.orgs.append(token)
    elif name is not None and not _is_title(token):
        found.names.append(name)


def _is_title(token: str) -> bool:
    stem, _, title = names.strip_title("王" + token)
    return bool(title) and stem == "王"


def _person(token: str) -> Name | None:
    """A token that is a whole name or a surname with a title."""
    name = names.name(token)
    return name if name is not None and name.kind in ("full", "title") and not orgs.is_organisation(token) else None


def _glued(token: str, found: Remark, brands: frozenset[str]) -> bool:
    """Company and name without anything between: 华美张伟, 张伟华美."""
    if not is_han(token) or len(token) < 4:
        return False
    for brand in brands:
        for rest in (token.removeprefix(brand), token.removesuffix(brand)):
            if rest != token and (name := _person(rest)):
                found.names.append(name)
                found.orgs.append(brand)
                return True
    if orgs.is_organisation(token):
        return False
    return _company_and_name(token, found)


def _glued_city(token: str, found: Remark) -> bool:
    for size in range(min(5, len(token) - 2), 1, -1):
        if areas.is_city(token[:size]) and (name := _person(token[size:])):
            found.names.append(name)
            found.city = found.city or areas.short_city(areas.short_province(token[:size]))
            return True
    return False


def _company_and_name(token: str, found: Remark) -> bool:
    """The likelier of a name of two and of three characters at the end, by how frequent its surname is."""
    best, weight = "", 0.0
    for size, share in ((3, 0.8), (2, 0.2)):
        tail = token[-size:]
        if len(token) - size >= 2 and names.full(tail) and share * SURNAMES.get(tail[0], 0) > weight:
            best, weight = tail, share * SURNAMES.get(tail[0], 0)
    name = names.full(best) if weight > 2e-4 else None
    if name is None:
        return False
    found.names.append(name)
    found.orgs.append(token[: -len(best)])
    return True


def mobiles(found: Remark) -> list[str]:
    """The mobile numbers of a remark in E.164."""
    return [phone.value for text in found.phones for phone in phones.phones(text).found if phone.kind == "mobile"]
