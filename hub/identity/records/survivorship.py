"""Whose value a golden record has where sources disagree: criteria for each field, in the order that the settings give.

A value that a person has set outranks all until it is taken back. No value is lost: those that lose stay in their profiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from sqlmodel import select

from config.settings import FieldRule
from connectors import registry
from hub.core import Hub
from hub.identity.normal import codes, names, phones
from hub.models import Account

DEFAULT = ("valid", "source", "newest")
GONE = 1000
"""Added to the rank of a profile whose record is deleted at its source."""
LISTS = frozenset({"phones", "emails", "aliases"})
NOTHING: tuple[Any, ...] = (None, "", [])


class View(NamedTuple):
    """A profile as the golden record needs it. rank: place of its source in the configured order, 0 = best.

    by: the person who set these values by hand ('' for what a source says); they stand with the profile that ref names.
    """

    ref: str
    rank: int
    version: int
    fields: Mapping[str, Any]
    by: str = ""


def valid(name: str, value: Any) -> bool:
    """Whether a value is what its field is for: no mask, no placeholder, a check character that holds."""
    if name in LISTS:
        return any(_VALID.get(name, _plain)(item) for item in value)
    return _VALID.get(name, _plain)(value)


def _name(value: Any) -> bool:
    found = names.name(str(value))
    return found is not None and found.kind != "mask"


def _plain(value: Any) -> bool:
    return "*" not in str(value)


_VALID: dict[str, Callable[[Any], bool]] = {
    "display_name": _name, "aliases": _name, "kind": lambda value: value != "unknown",
    "gender": lambda value: value != "unknown", "tax_id": lambda value: bool(codes.credit_code(str(value))),
    "phones": lambda value: any(number.kind == "mobile" for number in phones.phones(str(value)).found),
    "emails": lambda value: codes.mail(str(value)) is not None,
}  # fmt: skip


def _size(value: Any) -> int:
    return len(value) if isinstance(value, list) else len(str(value).replace("*", ""))


@dataclass(frozen=True)
class Rules:
    """What the settings say. place: (field, account id) -> place among the field's own sources; None where it has none."""

    fields: Mapping[str, FieldRule] = field(default_factory=dict)
    place: Callable[[str, int], int | None] = lambda name, account: None

    def criteria(self, name: str) -> Sequence[str]:
        """By what the field's value is chosen, a person's own choice left out."""
        rule = self.fields.get(name) or self.fields.get("default")
        return [each for each in rule.by if each != "manual"] if rule else DEFAULT

    def ordered(self, name: str, views: Iterable[View]) -> list[View]:
        """The views that say something of a field, the best first."""
        said = [view for view in views if view.fields.get(name) not in NOTHING]
        if len(said) < 2:
            return said
        criteria = self.criteria(name)
        if criteria is not DEFAULT:
            return sorted(said, key=lambda view: self._key(name, view, criteria))
        # Mostly all say the same, which then is as good from each.
        alike = all(view.fields[name] == said[0].fields[name] for view in said)
        said.sort(key=lambda view: (not view.by, view.rank, -view.version, view.ref))
        return said if alike else sorted(said, key=lambda view: (not view.by, not valid(name, view.fields[name])))

    def _key(self, name: str, view: View, criteria: Sequence[str]) -> tuple[Any, ...]:
        value, key = view.fields[name], [not view.by]
        gone = view.rank >= GONE
        for place, criterion in enumerate(criteria):
            # What has gone at its source loses against anything that is there, except against what is not valid.
            if place == 0 and criterion != "valid":
                key.append(gone)
            key.append(self._measure(name, view, value, criterion))
            if place == 0 and criterion == "valid":
                key.append(gone)
        return (*key, view.rank, -view.version, view.ref)

    def _measure(self, name: str, view: View, value: Any, criterion: str) -> Any:
        if criterion == "valid":
            return not valid(name, value)
        if criterion == "newest":
            return -view.version
        if criterion == "complete":
            return -_size(value)
        own = self.place(name, int(view.ref.split("|")[0])) if "|" in view.ref else None
        return (view.rank >= GONE, own if own is not None else GONE, view.rank)


def rules_of(hub: Hub) -> Rules:
    """The rules of the hub's settings."""
    return Rules(hub.settings.golden, Places(hub)) if hub.settings.golden else Rules()


class Places:
    """(field, account id) -> place of the account among the sources that the field's rule names."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._known: dict[int, tuple[str, str]] = {}

    def __call__(self, name: str, account_id: int) -> int | None:
        """None where the rule names no sources."""
        rule = self._hub.settings.golden.get(name) or self._hub.settings.golden.get("default")
        if rule is None or not rule.sources:
            return None
        key, category = self._account(account_id)
        found = (n for n, wanted in enumerate(rule.sources) if wanted == category or fnmatchcase(key, wanted))
        return next(found, len(rule.sources))

    def _account(self, account_id: int) -> tuple[str, str]:
        if account_id not in self._known:
            with self._hub.db.read() as conn:
                for number, key, platform in conn.execute(select(Account.id, Account.key, Account.platform)):
                    installed = registry.entries().get(platform)
                    self._known[number] = (key, installed.manifest.category if installed else "")
        return self._known.get(account_id, ("", ""))
