"""Keys of a unit: by which of them it is found, and by which it looks for others.

A key is (kind, value). Most are both stored and looked for. A masked number is stored apart, because only one without a name
has to look for all masks that fit; so is a brand, because companies of one brand in different places are different ones, and
only one whose place nobody knows has to look at all of them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, NamedTuple

from hub.identity.core.store import MOST_HOLDERS
from hub.identity.core.unit import Unit, domain_label, whereabouts

Plain = tuple[str, str]
Role = Literal["proof", "strong", "block"]

ROLES: dict[str, Role] = {"phone": "strong", "mail": "strong", "code": "proof"}
"""Roles of kinds; kinds of proofs are their own, anything else is a block."""
MOST = {"proof": MOST_HOLDERS, "strong": 12, "block": 20}
"""Customers that may share a key before it is a crowd's."""
MOST_OF = {"x words": 6, "x word": 12}
"""The same for kinds that have their own bound."""


class Keys(NamedTuple):
    """stored: what others find it by; looked: what it looks for; counted: of what it only asks how many others have it."""

    stored: list[Plain]
    looked: list[Plain]
    counted: list[Plain]


def role(kind: str) -> Role:
    """What an equal key proves."""
    return "proof" if kind.startswith("=") else ROLES.get(kind, "block")


def keys(unit: Unit) -> Keys:
    """All keys of a unit."""
    both: dict[Plain, None] = {("=" + kind, f"{scope}\x1f{value}"): None for kind, scope, value in unit.proofs}
    for code in unit.code:
        both["code", code] = None
    for phone in unit.phones:
        both["phone", phone] = None
    for mail in unit.mails:
        both["mail", mail] = None
    for handle in unit.handles:
        both["handle", handle] = None
    stored: list[Plain] = []
    looked: list[Plain] = []
    counted: list[Plain] = []
    if unit.kind != "company":
        _person(unit, both, stored, looked)
    if unit.kind in ("", "company"):
        for land in unit.lands:
            both["phone", land] = None
        for domain in unit.domains:
            both["domain", domain] = None
        brands = {org.sound for org in unit.orgs} | {label for domain in unit.domains if (label := domain_label(domain))}
        if areas := _areas(unit):
            _placed(unit, brands, areas, both)
            stored += [("brand", brand) for brand in brands]
            looked += [("placeless", brand) for brand in brands]
            counted += [("brand", brand) for brand in brands]
        else:
            both.update({("brand", brand): None for brand in brands})
            stored += [("placeless", brand) for brand in brands]
    if unit.extra:
        _general(unit, both)
    return Keys([*both, *stored], [*both, *looked], counted)


def _person(unit: Unit, both: dict[Plain, None], stored: list[Plain], looked: list[Plain]) -> None:
    sounds = {pair for name in (*unit.full.values(), *unit.latin.values()) for pair in name.sounds}
    nicked = {pair for name in unit.nicked.values() for pair in name.sounds}
    surnames = {surname for surname, _ in sounds | nicked} | unit.surnames
    cities = {place.city for place in unit.places if place.city}
    for shown in unit.sevens:
        for surname in surnames:
            both["shown+surname", f"{shown} {surname}"] = None
        for city in cities:
            both["shown+city", f"{shown} {city}"] = None
        if shown in unit.masks:
            stored.append(("mask", shown))
            looked.append(("nameless", shown))
        elif not surnames and not cities:
            stored.append(("nameless", shown))
            looked.append(("mask", shown))
    for surname, given in sounds | nicked:
        if given or len(surname) > 6:
            _named(unit, f"{surname} {given}", cities, both)


def _named(unit: Unit, name: str, cities: set[str], both: dict[Plain, None]) -> None:
    for city in cities:
        both["name+city", f"{name} {city}"] = None
    for org in unit.orgs:
        both["name+work", f"{name} {org.sound}"] = None
    for domain in unit.domains:
        both["name+domain", f"{name} {domain}"] = None
    for land in unit.lands:
        both["name+line", f"{name} {land}"] = None


def _areas(unit: Unit) -> set[str]:
    """Where a company is, towns and provinces; a branch has its own place and that of the whole."""
    found = {area for known in whereabouts(unit) for area in known} | {org.branch for org in unit.orgs}
    return found - {"", "*"}


def _placed(unit: Unit, brands: set[str], areas: set[str], both: dict[Plain, None]) -> None:
    for area in areas:
        for brand in brands:
            both["brand+area", f"{brand} {area}"] = None
        for org in unit.orgs:
            if len(org.brand) > 2 and not org.brand.isascii():
                # With one character left out each: a slip in a brand leaves one of these as it is.
                shorter = (org.brand[:i] + org.brand[i + 1 :] for i in range(len(org.brand)))
                both.update({("brand near", f"{part} {area}"): None for part in (org.brand, *shorter) if len(part) < 8})


_WORDY = frozenset({"company", "title", "authors", "name", "text", "address"})
_SHORT = frozenset({"company", "name"})
_PAIRS = (
    *(("given_name", "surname"), ("surname", "birth_date"), ("given_name", "birth_date"), ("birth_date", "postcode")),
    *(("surname", "suburb"), ("given_name", "suburb"), ("house_number", "street"), ("house_number", "postcode")),
    *(("surname", "postcode"), ("given_name", "postcode"), ("surname", "city"), ("given_name", "city"), ("birth_date", "city")),
    *(("given_name", "house_number"), ("surname", "house_number"), ("surname", "street"), ("given_name", "street")),
)


def _general(unit: Unit, both: dict[Plain, None]) -> None:
    """Keys of general data: identifiers, words and neighbouring words, and pairs of fields that survive a slip elsewhere."""
    extra = unit.extra
    for field in ("id_number", "phone", "email", "birth_date", "website"):
        for value in extra.get(field, ()):
            both["x " + field, value] = None
    for field in sorted(_WORDY.intersection(extra)):
        words = [word for value in extra[field] for word in value.split() if len(word) > 2]
        if field in _SHORT:
            both.update({("x word", f"{field} {word}"): None for word in words if len(word) > 3})
        for one, other in (*pairwise(words), *zip(words, words[2:], strict=False)):
            both["x words", f"{field} {one} {other}"] = None
    for one, other in _PAIRS:
        if one in extra and other in extra:
            both["x pair", " ".join(sorted((extra[one][0], extra[other][0])))] = None


def most(kind: str) -> int:
    """Customers that may share a key of the kind before it is a crowd's."""
    return MOST_OF.get(kind) or MOST[role(kind)]


def label(kind: str, unit: Unit) -> str:
    """By what holders of a value are told apart: a person's name, a company's brand; for a brand its place."""
    if unit.kind == "company" or (unit.orgs and not unit.full):
        org = next(iter(unit.orgs), None)
        if org is None:
            return ""
        return (org.branch or org.city or org.province) if kind in ("brand", "domain") else "org " + org.sound
    if kind == "brand":
        return ""
    for name in (*unit.full.values(), *unit.latin.values()):
        if name.sounds:
            return " ".join(min(name.sounds))
    return ""
