"""Versioned weights: data, shipped with the product, that work from the first record and can be fitted anew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from math import log2
from typing import Any

from hub.identity.core.store import Evidence
from mappings import plain


@dataclass(frozen=True, slots=True)
class Level:
    """A level of agreement. m: log2 of how often true pairs show it; u: log2 of how often others do, None when the value's own
    frequency says so; shared: further customers to expect behind an equal value."""

    m: float
    u: float | None = None
    shared: float = 0.0

    @property
    def bits(self) -> float:
        """Weight of a level with a fixed u."""
        return self.m - (self.u or 0.0)


@dataclass(frozen=True)
class Alternative:
    """Who else a look-alike may be: one of the household, a colleague. prior: bits that it is the same person and not that one.
    bits: (kind, level) -> weight against that other; kinds that are not there weigh as against strangers."""

    prior: float
    bits: dict[tuple[str, str], float]


@dataclass(frozen=True)
class Preset:
    """merge: bits (with the prior) from which two are joined; review: from which a person is asked."""

    name: str
    merge: float
    review: float


@dataclass(frozen=True)
class Model:
    """Weights of one version. levels: (group, kind, level) -> Level."""

    version: str
    least: float
    levels: dict[tuple[str, str, str], Level]
    alternatives: dict[str, Alternative]
    presets: dict[str, Preset]
    source: dict[str, Any]

    @cached_property
    def person(self) -> dict[tuple[str, str], Level]:
        """(kind, level) -> Level of persons."""
        return {(kind, level): found for (group, kind, level), found in self.levels.items() if group == "person"}

    @cached_property
    def company(self) -> dict[tuple[str, str], Level]:
        """(kind, level) -> Level of companies."""
        return {(kind, level): found for (group, kind, level), found in self.levels.items() if group == "company"}

    @cached_property
    def fixed(self) -> dict[str, dict[tuple[str, str], Evidence]]:
        """person, company: (kind, level) -> evidence of the level's own weight."""
        groups = {"person": self.person, "company": self.company}
        return {
            name: {(kind, level): Evidence(kind, level, entry.bits) for (kind, level), entry in levels.items()}
            for name, levels in groups.items()
        }


def model(data: dict[str, Any]) -> Model:
    """A model from its data (the form of weights.yaml). KeyError or TypeError: the data has another form."""
    levels = {}
    for group in ("person", "company"):
        for kind, entries in data[group].items():
            for level, entry in entries.items():
                u = log2(entry["u"]) if "u" in entry else None
                levels[group, kind, level] = Level(log2(entry["m"]), u, entry.get("shared", 0.0))
    others = {name: _alternative(data[name], levels) for name in ("household", "colleagues")}
    presets = {name: Preset(name, entry["merge"], entry["review"]) for name, entry in data["presets"].items()}
    return Model(str(data["version"]), float(data["prior"]["least"]), levels, others, presets, data)


def _alternative(data: dict[str, Any], levels: dict[tuple[str, str, str], Level]) -> Alternative:
    bits = {}
    for kind, entries in data["u"].items():
        for level, u in entries.items():
            bits[kind, level] = levels["person", kind, level].m - log2(u)
    return Alternative(float(data["prior"]), bits)


@cache
def shipped() -> Model:
    """The weights that come with the product."""
    return model(plain.load(files("hub.identity.core").joinpath("weights.yaml").read_text("utf-8")))
