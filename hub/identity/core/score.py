"""What scoring works with: the model's weights, frequencies, who else has a value, and how texts differ by one slip.

Fellegi and Sunter's arithmetic: bits = prior + sum of log2(m / u) is the log2 of the odds that two units are one. The prior is
-log2 of the number of identities; u of an equal identifier is how many others have the value, of an equal name its share among
people. Each kind of fact counts once, at its best level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import log2
from typing import NamedTuple

from hub.identity.core.frequency import Frequency
from hub.identity.core.store import Evidence
from hub.identity.core.unit import Unit
from hub.identity.core.weights import Model

Others = Callable[[str, str, Unit, Unit], float]
"""(kind of key, value, a, b) -> how many further customers than these two have the value, each by the square of how many of its
profiles show it against theirs (who shows a number three times owns it, who shows it once borrowed it); -1: a crowd."""


class Score(NamedTuple):
    """bits with the prior; evidence without it. forbidden: the rule that keeps the two apart whatever else, '' for none.

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
        self.person, self.company = model.person, model.company
        self.fixed_person, self.fixed_company = model.fixed["person"], model.fixed["company"]
        self.people, self.companies = frequency.identities("person"), frequency.identities("company")
        self.borrowed = frequency.borrowed()
        self._priors = {kind: -log2(frequency.identities(kind)) for kind in ("person", "company", "other")}

    def prior(self, kind: str) -> float:
        """log2 of the odds before any evidence."""
        return self._priors["person" if kind not in self._priors else kind]


def one_wrong(a: str, b: str) -> bool:
    """Whether two texts differ by one character, one left out, or two neighbours exchanged."""
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    if len(a) != len(b):
        short, long = sorted((a, b), key=len)
        place = next((i for i, char in enumerate(short) if char != long[i]), len(short))
        return short[place:] == long[place + 1 :]
    wrong = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    if len(wrong) != 2 or wrong[1] != wrong[0] + 1:
        return len(wrong) == 1
    return a[wrong[0]] == b[wrong[1]] and a[wrong[1]] == b[wrong[0]]


def any_one_wrong(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a text of the one is a text of the other with one slip."""
    rest = list(others)
    return any(one_wrong(a, b) for a in some for b in rest)
