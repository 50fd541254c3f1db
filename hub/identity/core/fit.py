"""New weights from what a company's own data and people have shown.

m of a level is how often pairs that are one customer show it: counted over pairs that an identifier proves or a person has
confirmed, and over open pairs by the chance that they are one, which the weights themselves give (expectation and maximisation,
a few rounds). u of a level with a fixed u is counted over pairs of strangers. Shipped weights count as so many pairs, so that a
handful of answers does not turn the model over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from hub.identity.core.compare import compare
from hub.identity.core.features import Features
from hub.identity.core.frequency import Frequency
from hub.identity.core.score import Context
from hub.identity.core.unit import Unit, of_profile
from hub.identity.core.weights import Model, model

TRUST, ROUNDS = 200.0, 4
_LEAST, _MOST = 1e-4, 0.99
_SEEN = 5.0
"""Strangers that must show a level, or be expected to, before its u is counted: of what one in a million shows a sample of
thousands says nothing."""

Shown = dict[tuple[str, str], str]


class Pair(NamedTuple):
    """Two profiles. same: True by a proof or a person, False by a person or because they are strangers, None: open."""

    a: Features
    b: Features
    same: bool | None = None


def fit(pairs: Sequence[Pair], base: Model, frequency: Frequency, *, version: str) -> Model:
    """A model of a new version. ValueError: no pair at all, or the version is the base's."""
    if not pairs:
        raise ValueError("no pairs to learn from")
    if version == base.version:
        raise ValueError("a fitted model needs a version of its own")
    units = [(of_profile("a", pair.a), of_profile("b", pair.b)) for pair in pairs]
    current = base
    for _ in range(ROUNDS if any(pair.same is None for pair in pairs) else 1):
        current = _round(pairs, units, base, current, frequency, version)
    return current


def _round(
    pairs: Sequence[Pair], units: Sequence[tuple[Unit, Unit]], base: Model, current: Model, frequency: Frequency, version: str
) -> Model:
    """One step: chances by the current weights, then new weights by those chances."""
    context = Context(current, frequency, lambda kind, value, a, b: 0)
    ones: dict[tuple[str, str, str], float] = defaultdict(float)
    others: dict[tuple[str, str, str], float] = defaultdict(float)
    for pair, (a, b) in zip(pairs, units, strict=True):
        score = compare(a, b, context)
        if score.forbidden:
            continue
        chance = float(pair.same) if pair.same is not None else 1 / (1 + 2.0 ** -max(min(score.bits, 40.0), -40.0))
        group = "company" if "company" in (a.kind, b.kind) else "person"
        for item in score.evidence:
            if (group, item.kind, item.level) in base.levels:
                ones[group, item.kind, item.level] += chance
                others[group, item.kind, item.level] += 1 - chance
    return _model(base, ones, others, version)


def _model(
    base: Model, ones: dict[tuple[str, str, str], float], others: dict[tuple[str, str, str], float], version: str
) -> Model:
    data: dict[str, Any] = deepcopy(base.source)
    data["version"] = version
    for group in ("person", "company"):
        for kind, levels in data[group].items():
            seen = sum(ones[group, kind, level] for level in levels)
            strange = sum(others[group, kind, level] for level in levels)
            for level, entry in levels.items():
                entry["m"] = _blend(entry["m"], ones[group, kind, level], seen)
                if "u" in entry and max(entry["u"] * strange, others[group, kind, level]) >= _SEEN:
                    entry["u"] = _blend(entry["u"], others[group, kind, level], strange)
    return model(data)


def _blend(shipped: float, count: float, total: float) -> float:
    return min(max((count + TRUST * shipped) / (total + TRUST), _LEAST), _MOST)
