"""How likely two units are one customer: what forbids it, the evidence, and who else they may be."""

from __future__ import annotations

from math import log2

from hub.identity.core import score_company, score_other, score_person
from hub.identity.core.score import Context, Score
from hub.identity.core.store import Evidence
from hub.identity.core.unit import Unit
from hub.identity.normal.areas import overlap

ASKED = -1.0
"""Bits that a name alone, or a masked number alone, reaches at most: it may raise a question, and never merges."""
NAMESAKES = -6.0
"""And when the telephones differ, not even that: a large town has many namesakes."""
_NAMED = frozenset({"name", "gender", "nick", "orders"})
_TOWNS = frozenset({"province", "city", "city_only", "district"})


def forbidden(a: Unit, b: Unit, context: Context) -> str:
    """The rule by which two units are never one customer, '' when there is none."""
    if a.kind and b.kind and a.kind != b.kind:
        return "kinds"
    if a.code and b.code and not a.code & b.code:
        return "codes"
    if context.single_source and set(a.sources) & set(b.sources):
        return "source"
    if "company" in (a.kind, b.kind) and a.orgs and b.orgs and not (a.code & b.code):
        branches, others = {org.branch for org in a.orgs if org.branch}, {org.branch for org in b.orgs if org.branch}
        if _apart(branches, others, a, b):
            return "branch"
    return ""


def _apart(a: set[str], b: set[str], one: Unit, other: Unit) -> bool:
    """Two branches of different places, or a branch and a whole company of the same brand."""
    if a and b:
        return "*" not in a and "*" not in b and not any(overlap(x, y) for x in a for y in b)
    whole = other if a else one
    return bool(a or b) and any(org.legal or org.trade or org.province for org in whole.orgs)


def compare(a: Unit, b: Unit, context: Context) -> Score:
    """How likely the two are one customer."""
    if rule := forbidden(a, b, context):
        return Score(-99.0, (), rule)
    kind = a.kind or b.kind or "person"
    if a.extra and b.extra:
        evidence = score_other.evidence(a, b, context)
        return Score(context.prior(kind) + sum(item.bits for item in evidence), tuple(evidence))
    if kind == "company":
        evidence = score_company.evidence(a, b, context)
    elif kind == "person":
        evidence = score_person.evidence(a, b, context)
    else:
        evidence = []
    bits = context.prior(kind) + sum(item.bits for item in evidence)
    if kind == "person" and bits > ASKED and _alone(evidence):
        return Score(NAMESAKES if _other_phone(evidence) else ASKED, tuple(evidence))
    if kind == "person":
        return _with_alternatives(bits, evidence, context)
    return Score(bits, tuple(evidence))


def _alone(evidence: list[Evidence]) -> bool:
    """Whether too little speaks for the two: nothing but a name, or a name and a town where the telephones differ, or nothing
    but two equal masks."""
    gains = [item for item in evidence if item.bits > 0]
    rest = [item for item in gains if item.kind not in _NAMED]
    if not rest or [item.level for item in gains] == ["masks"]:
        return True
    return _other_phone(evidence) and all(item.kind == "place" and item.level in _TOWNS for item in rest)


def _other_phone(evidence: list[Evidence]) -> bool:
    return any(item.kind == "phone" and item.bits < 0 for item in evidence)


def _with_alternatives(bits: float, evidence: list[Evidence], context: Context) -> Score:
    """Odds against strangers, one of the household and a colleague together: who lives with somebody shares his number and his
    address, so that these two say little about which of them it is."""
    kinds = {item.kind for item in evidence if item.bits > 0}
    if kinds.isdisjoint(_SHARED):
        return Score(bits, tuple(evidence))
    total, nearest, name = 2.0**-bits, bits, ""
    for other, needed in (("household", _HOME), ("colleagues", _OFFICE)):
        if kinds.isdisjoint(needed):
            continue
        table = context.model.alternatives[other]
        lent = context.borrowed if other == "household" and _LENT in kinds else 0.0
        against = table.prior - lent + sum(table.bits.get((item.kind, item.level), item.bits) for item in evidence)
        total += 2.0**-against
        if against < nearest:
            nearest, name = against, other
    combined = -log2(total)
    if name and combined < bits - 1.0:
        evidence = [*evidence, Evidence("alternative", name, combined - bits)]
    return Score(combined, tuple(evidence))


_LENT = "phone"
_HOME, _OFFICE = frozenset({"phone", "place", "mail"}), frozenset({"work", "mail"})
_SHARED = _HOME | _OFFICE
