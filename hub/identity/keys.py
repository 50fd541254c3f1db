"""Identity keys of a profile: value and scope, how much each proves, and its blind index."""

from __future__ import annotations

from collections.abc import Callable
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


def digest_of(ring: KeyRing, kind: str, scope: str, value: str) -> bytes | None:
    """The blind index by which a key that stands in another record (a group, a message) finds its customer."""
    plain = _NORMAL.get(kind, normalise.handle)(value)
    return ring.blind(kind, "" if kind in _NORMAL else scope, plain) if plain else None


class Called(NamedTuple):
    """What a customer is called, in normal form. people: names of a person, real: those that read like one's own name,
    surnames: from titles (张总). organisation: whether it is one itself."""

    people: frozenset[str]
    companies: frozenset[str]
    real: frozenset[str]
    surnames: frozenset[str]
    organisation: bool


def called(fields: dict[str, Any]) -> Called:
    """What the customer with these fields is called."""
    people: set[str] = set()
    companies: set[str] = set()
    for value in [fields.get("display_name", ""), *fields.get("aliases", ())]:
        if normalise.is_organisation(value):
            companies |= {plain for plain in [normalise.company(value)] if plain}
        elif plain := normalise.name(value):
            people.add(plain)
    if plain := normalise.company(fields.get("company", "")):
        companies.add(plain)
    surnames = {surname for surname in map(normalise.surname_of_titled, people) if surname}
    organisation = fields.get("kind") == "company" or normalise.is_organisation(fields.get("display_name", ""))
    real = frozenset(filter(normalise.is_person, people))
    return Called(frozenset(people), frozenset(companies), real, frozenset(surnames), organisation)


def contradict(one: Called, other: Called) -> bool:
    """Whether two cannot be trusted to be one customer though they share a phone or mailbox:

    both carry a person's real name and no name of the one occurs in the other (colleagues share a company, not a name), the
    one is called by a surname (张总) that the other does not have, or both are organisations of another name.
    """
    same_company = bool(one.companies & other.companies)
    if same_company and one.organisation and other.organisation:
        return False
    if any(_agree(a, b) for a in one.people for b in other.people):
        return False
    if (one.real or one.surnames) and (other.real or other.surnames):
        return not (_fits(one.surnames, other) or _fits(other.surnames, one))
    return bool(one.companies and other.companies and not same_company and not one.real and not other.real)


def _agree(a: str, b: str) -> bool:
    """Whether the one name is in the other. A single character ("A", "王") is in many and says nothing."""
    return a == b or (min(len(a), len(b)) > 1 and (a in b or b in a))


def _fits(surnames: frozenset[str], other: Called) -> bool:
    return any(name.startswith(surname) for surname in surnames for name in other.real | other.surnames)
