"""Identity keys of a profile: value and scope, how much each proves, and its blind index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hub.identity import normalise
from hub.security.keyring import KeyRing

PROOF = frozenset({"credit_code", "unionid", "openid", "external_userid", "open_uid", "ouid", "platform_id", "custom"})
"""Kinds whose equal value (in an equal scope) is the same customer by the issuer's own rule."""
STRONG = frozenset({"phone", "email"})
"""Kinds that need a name which does not contradict."""


_NORMAL: dict[str, Callable[[str], str | None]] = {
    "phone": normalise.mobile,
    "email": normalise.email,
    "credit_code": normalise.credit_code,
}
"""Keys without a scope, and the normal form of each."""


class Key(NamedTuple):
    """One key. digest: the blind index of kind, scope and normal value."""

    digest: bytes
    kind: str


def keys_of(ring: KeyRing, record: dict[str, Any]) -> list[Key]:
    """The keys of a canonical customer record: those its mapping gave, and phones, e-mails and credit code.

    What is no phone, mailbox, valid code or handle is no key: "无" in a column of tax numbers would join all its rows.
    """
    fields = record["fields"]
    found: dict[tuple[str, str, str], None] = {}
    given = list(record.get("keys", ()))
    given += [("phone", "", value) for value in fields.get("phones", ())]
    given += [("email", "", value) for value in fields.get("emails", ())]
    if "tax_id" in fields:
        given.append(("credit_code", "", fields["tax_id"]))
    for kind, scope, value in given:
        plain = _NORMAL.get(kind, normalise.handle)(value)
        if plain:
            found[kind, "" if kind in _NORMAL else scope, plain] = None
    return [Key(ring.blind(*key), key[0]) for key in found]


def names_of(fields: dict[str, Any]) -> tuple[set[str], set[str]]:
    """(names a person goes by, company names) in normal form."""
    people: set[str] = set()
    companies: set[str] = set()
    for value in [fields.get("display_name", ""), *fields.get("aliases", ())]:
        if normalise.is_organisation(value):
            companies |= {plain for plain in [normalise.company(value)] if plain}
        elif plain := normalise.name(value):
            people.add(plain)
    if plain := normalise.company(fields.get("company", "")):
        companies.add(plain)
    return people, companies


def contradict(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two sets of fields cannot be trusted to be one customer though they share a phone or mailbox:

    both carry a person's real name and no name of the one occurs in the other (colleagues share a company, not a name), the
    one is called by a surname (张总) that the other does not have, or both are organisations of another name.
    """
    people_a, companies_a = names_of(one)
    people_b, companies_b = names_of(other)
    if companies_a & companies_b and _organisation(one) and _organisation(other):
        return False
    if any(_agree(a, b) for a in people_a for b in people_b):
        return False
    real_a, real_b = set(filter(normalise.is_person, people_a)), set(filter(normalise.is_person, people_b))
    called_a, called_b = _called(people_a), _called(people_b)
    if (real_a or called_a) and (real_b or called_b):
        return not any(_fits(surname, names) for surname, names in _surnames(real_a, called_a, real_b, called_b))
    return bool(companies_a and companies_b and not companies_a & companies_b and not real_a and not real_b)


def _organisation(fields: dict[str, Any]) -> bool:
    return fields.get("kind") == "company" or normalise.is_organisation(fields.get("display_name", ""))


def _agree(a: str, b: str) -> bool:
    """Whether the one name is in the other. A single character ("A", "王") is in many and says nothing."""
    return a == b or (min(len(a), len(b)) > 1 and (a in b or b in a))


def _called(people: set[str]) -> set[str]:
    return {surname for surname in map(normalise.surname_of_titled, people) if surname}


def _surnames(real_a: set[str], called_a: set[str], real_b: set[str], called_b: set[str]) -> Iterator[tuple[str, set[str]]]:
    """Surnames by which the one is called, each with what the other is called."""
    yield from ((surname, real_b | called_b) for surname in called_a)
    yield from ((surname, real_a | called_a) for surname in called_b)


def _fits(surname: str, names: set[str]) -> bool:
    return any(name.startswith(surname) for name in names)
