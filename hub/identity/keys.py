"""Identity keys of a profile: value and scope, how much each proves, and its blind index."""

from __future__ import annotations

from typing import Any, NamedTuple

from hub.identity import normalise
from hub.security.keyring import KeyRing

PROOF = frozenset({"credit_code", "unionid", "openid", "external_userid", "open_uid", "ouid", "platform_id", "custom"})
"""Kinds whose equal value (in an equal scope) is the same customer by the issuer's own rule."""
STRONG = frozenset({"phone", "email"})
"""Kinds that need a name which does not contradict."""


class Key(NamedTuple):
    """One key. digest: the blind index of kind, scope and normal value."""

    digest: bytes
    kind: str


def keys_of(ring: KeyRing, record: dict[str, Any]) -> list[Key]:
    """The keys of a canonical customer record: those its mapping gave, and phones, e-mails and credit code."""
    fields = record["fields"]
    found = {(kind, scope, value): None for kind, scope, value in record.get("keys", ()) if value and kind not in STRONG}
    phones = [*fields.get("phones", ()), *(value for kind, _, value in record.get("keys", ()) if kind == "phone")]
    for value in phones:
        if plain := normalise.mobile(value):
            found["phone", "", plain] = None
    for value in fields.get("emails", ()):
        if plain := normalise.email(value):
            found["email", "", plain] = None
    if code := normalise.credit_code(fields.get("tax_id", "")):
        found["credit_code", "", code] = None
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

    both carry a person's real name and no name of the one occurs in the other, or both are organisations of another name.
    """
    people_a, companies_a = names_of(one)
    people_b, companies_b = names_of(other)
    if any(a in b or b in a for a in people_a for b in people_b) or companies_a & companies_b:
        return False
    real_a, real_b = any(map(normalise.is_person, people_a)), any(map(normalise.is_person, people_b))
    if real_a and real_b:
        return True
    return bool(companies_a and companies_b and not real_a and not real_b)
