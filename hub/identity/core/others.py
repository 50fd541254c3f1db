"""How much of a value is others': who has it besides the two that are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from hub.identity.core.keying import label
from hub.identity.core.unit import Unit

MOST_OTHERS = 2
"""Further names that a telephone or mailbox may have before it is nobody's."""


class Shown(NamedTuple):
    """Who has a key: the profiles that are there, by what they are called, and how many of each customer that is not there."""

    kind: str
    labels: Counter[str]
    beyond: list[int]

    def others(self, a: Unit, b: Unit) -> float:
        """See `hub.identity.core.score.Others`."""
        labels, mine = self.labels, {label(self.kind, a), label(self.kind, b)}
        if self.kind == "brand":
            return len(labels) - len(mine & labels.keys()) + len(self.beyond)
        rest = [count for name, count in labels.items() if name not in mine] + self.beyond
        if not rest:
            return 0
        own = max((labels[name] for name in mine), default=0) or 1
        return -1 if len(rest) > MOST_OTHERS else sum(count * count for count in rest) / own**2


def shown(kind: str, units: Iterable[Unit], beyond: Iterable[int]) -> Shown:
    """Of the holders of a key."""
    labels = Counter(label(kind, unit) for unit in units)
    del labels[""]
    return Shown(kind, labels, list(beyond))
