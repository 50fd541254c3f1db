"""Keys of a unit: by which of them it is found, and by which it looks for others.

A key is (kind, value). Most are both stored and looked for; a masked number is stored apart, because only one without a name
has to look for all masks that fit.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from hub.identity.unit import Unit, domain_label

Plain = tuple[str, str]
Role = Literal["proof", "strong", "block"]

ROLES: dict[str, Role] = {"phone": "strong", "mail": "strong", "code": "proof"}
"""Roles of kinds; kinds of proofs are their own, anything else is a block."""


class Keys(NamedTuple):
    """stored: what others find it by; looked: what it looks for."""

    stored: list[Plain]
    looked: list[Plain]


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
    if unit.kind == "company":
        _company(unit, both)
    else:
        _person(unit, both, stored, looked)
        if not unit.kind:
            _company(unit, both)
    for field, values in unit.extra.items():
        _extra(field, values, both)
    return Keys([*both, *stored], [*both, *looked])


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


def _company(unit: Unit, both: dict[Plain, None]) -> None:
    for land in unit.lands:
        both["phone", land] = None
    for org in unit.orgs:
        both["brand", org.sound] = None
        if area := org.branch or org.city or org.province:
            both["brand+area", f"{org.sound} {area}"] = None
    for domain in unit.domains:
        both["domain", domain] = None
        if label := domain_label(domain):
            both["brand", label] = None


def _extra(field: str, values: list[str], both: dict[Plain, None]) -> None:
    for value in values:
        both[field, value] = None
