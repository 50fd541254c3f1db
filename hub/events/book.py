"""The rules as this hub can use them: each checked against the accounts and what their platforms take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import and_, or_, select

from config.settings import Rule
from connectors import registry
from connectors.errors import ConfigError
from connectors.manifest import Manifest
from hub.core import Hub
from hub.events.outbox import ACCOUNT
from hub.models import Event
from hub.models.base import table

EVENT = table(Event)
ORIGIN = "@origin"
ADVICE = ("rule.source_unmatched", "rule.overlap")
"""Findings that hold nothing back."""


@dataclass
class Book:
    """The rules as this hub can use them. faults: by place in the settings."""

    rules: Sequence[Rule]
    accounts: dict[int, Any]
    faults: dict[int, list[ConfigError]] = field(default_factory=dict)

    @classmethod
    def load(cls, hub: Hub) -> Book:
        """The rules, each checked against the accounts there are."""
        with hub.db.read() as conn:
            columns = (ACCOUNT.c.id, ACCOUNT.c.key, ACCOUNT.c.platform, ACCOUNT.c.state)
            accounts = {row.id: row for row in conn.execute(select(*columns))}
        book = cls(hub.settings.rules, accounts)
        for place, rule in enumerate(book.rules):
            if found := [*book._faults(rule), *book._beside(place, rule)]:
                book.faults[place] = found
        return book

    @property
    def usable(self) -> list[Rule]:
        """The rules that make deliveries."""
        return [rule for place, rule in enumerate(self.rules) if not self._broken(place)]

    def held_back(self) -> Any:
        """SQL: the events that a broken rule wants. They wait for it, so that its mistake loses nothing."""
        waiting = []
        for rule in (rule for place, rule in enumerate(self.rules) if self._broken(place)):
            kinds = {rule.on, "refund.succeeded"} if rule.per == "day" else {rule.on}
            ids = [account.id for account in self._sources(rule)]
            waiting.append(and_(EVENT.c.kind.in_(kinds - {"deal.reversed", "deal.amended"}), EVENT.c.account_id.in_(ids)))
        return or_(*waiting) if waiting else None

    def _broken(self, place: int) -> bool:
        return any(error.key not in ADVICE for error in self.faults.get(place, ()))

    def _sources(self, rule: Rule) -> list[Any]:
        return [account for account in self.accounts.values() if rule.takes(rule.on, account.key)]

    def _faults(self, rule: Rule) -> Iterable[ConfigError]:
        if not self._sources(rule):
            yield ConfigError("rule.source_unmatched", rule=rule.name, source=rule.source)
        try:
            starts(rule)
        except ZoneInfoNotFoundError:
            yield ConfigError("rule.zone", rule=rule.name, zone=rule.zone)
        except ValueError:
            yield ConfigError("rule.not_before", rule=rule.name, value=rule.not_before)
        yield from self._destination(rule)

    def _destination(self, rule: Rule) -> Iterable[ConfigError]:
        if rule.to == ORIGIN:
            targets = self._sources(rule)
        else:
            targets = [account for account in self.accounts.values() if account.key == rule.to]
            if not targets:
                keys = ", ".join(sorted(account.key for account in self.accounts.values())) or "-"
                yield ConfigError("rule.account_unknown", rule=rule.name, account=rule.to, accounts=keys)
        manifests = [manifest for account in targets if (manifest := _manifest(account.platform))]
        if targets and not any(rule.make in manifest.documents for manifest in manifests):
            kinds = ", ".join(sorted({kind for manifest in manifests for kind in manifest.documents})) or "-"
            yield ConfigError("rule.kind_unknown", rule=rule.name, kind=rule.make, platform=targets[0].platform, kinds=kinds)

    def _beside(self, place: int, rule: Rule) -> Iterable[ConfigError]:
        for other in self.rules[:place]:
            if other.name == rule.name:
                yield ConfigError("rule.name_twice", rule=rule.name)
            same = (other.on, other.to, other.make, other.per) == (rule.on, rule.to, rule.make, rule.per)
            if same and {row.id for row in self._sources(rule)} & {row.id for row in self._sources(other)}:
                yield ConfigError("rule.overlap", rule=rule.name, other=other.name)


def _manifest(platform: str) -> Manifest | None:
    try:
        return registry.get(platform).manifest
    except registry.UnknownConnector:
        return None


def starts(rule: Rule) -> datetime:
    """The instant before which events are none of the rule's business. Raises ValueError or ZoneInfoNotFoundError."""
    zone = ZoneInfo(rule.zone)
    if not rule.not_before:
        return datetime.min.replace(tzinfo=UTC)
    if len(rule.not_before) == len("2026-01-01"):
        return datetime.combine(date.fromisoformat(rule.not_before), time.min, zone)
    moment = datetime.fromisoformat(rule.not_before)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
