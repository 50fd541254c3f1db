"""Fellegi and Sunter's arithmetic between two units: evidence in bits, each kind of fact counted once, the prior, and what forbids.

bits = prior + sum of log2(m / u), the log2 of the odds that the two are one. The prior is -log2 of the number of identities; u of
an equal identifier is how many others have the value, of an equal name its share among people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import log2
from typing import NamedTuple

from hub.identity.frequency import Frequency
from hub.identity.store import Evidence
from hub.identity.unit import Unit
from hub.identity.weights import Model

Others = Callable[[str, str, Unit, Unit], int]
"""(kind of key, value, a, b) -> how many further customers than these two have the value; -1 for a crowd's."""


class Score(NamedTuple):
    """bits with the prior; evidence without it. forbidden: the rule that keeps the two apart whatever the evidence, '' for none.

    conflict: strong evidence for stands against strong evidence against.
    """

    bits: float
    evidence: tuple[Evidence, ...]
    forbidden: str = ""

    @property
    def conflict(self) -> bool:
        """Whether a person should look although the sum is low."""
        gain = sum(item.bits for item in self.evidence if item.bits > 0)
        loss = sum(item.bits for item in self.evidence if item.bits < 0)
        return gain > 18 and loss < -5


class Context:
    """What scoring needs beside the two units."""

    def __init__(self, model: Model, frequency: Frequency, others: Others, *, single_source: bool = False) -> None:
        self.model, self.frequency, self.others, self.single_source = model, frequency, others, single_source
        self.person, self.company = model.group("person"), model.group("company")
        self._priors = {kind: -log2(frequency.identities(kind)) for kind in ("person", "company", "other")}

    def prior(self, kind: str) -> float:
        """log2 of the odds before any evidence."""
        return self._priors["person" if kind not in self._priors else kind]


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
        return "*" not in a and "*" not in b and not a & b
    whole = other if a else one
    return bool(a or b) and any(org.legal for org in whole.orgs)


def compare(a: Unit, b: Unit, context: Context) -> Score:
    """How likely the two are one customer."""
    from hub.identity import score_company, score_other, score_person

    if rule := forbidden(a, b, context):
        return Score(-99.0, (), rule)
    kind = a.kind or b.kind or "person"
    if kind == "company":
        evidence = score_company.evidence(a, b, context)
    elif kind == "person":
        evidence = score_person.evidence(a, b, context)
    else:
        evidence = []
    if a.extra and b.extra:
        evidence += score_other.evidence(a, b, context)
    bits = context.prior(kind) + sum(item.bits for item in evidence)
    if kind == "person":
        return _with_alternatives(bits, evidence, context)
    return Score(bits, tuple(evidence))


def _with_alternatives(bits: float, evidence: list[Evidence], context: Context) -> Score:
    """Odds against strangers, one of the household and a colleague together: who lives with somebody shares his number and his
    address, so that these two say little about which of them it is."""
    kinds = {item.kind for item in evidence if item.bits > 0}
    total, nearest, name = 2.0**-bits, bits, ""
    for other, needed in (("household", _HOME), ("colleagues", _OFFICE)):
        if kinds.isdisjoint(needed):
            continue
        table = context.model.alternatives[other]
        against = table.prior + sum(table.bits.get((item.kind, item.level), item.bits) for item in evidence)
        total += 2.0**-against
        if against < nearest:
            nearest, name = against, other
    combined = -log2(total)
    if name and combined < bits - 1.0:
        evidence = [*evidence, Evidence("alternative", name, combined - bits)]
    return Score(combined, tuple(evidence))


_HOME, _OFFICE = frozenset({"phone", "place", "mail"}), frozenset({"work", "mail"})


def one_wrong(a: str, b: str) -> bool:
    """Whether two texts differ by one character, one left out, or two neighbours exchanged."""
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    if len(a) != len(b):
        short, long = sorted((a, b), key=len)
        place = next((i for i, char in enumerate(short) if char != long[i]), len(short))
        return short[place:] == long[place + 1 :]
    wrong = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    return len(wrong) == 1 or (len(wrong) == 2 and wrong[1] == wrong[0] + 1 and a[wrong[0]] == b[wrong[1]] and a[wrong[1]] == b[wrong[0]])


def any_one_wrong(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a text of the one is a text of the other with one slip."""
    rest = list(others)
    return any(one_wrong(a, b) for a in some for b in rest)
