"""What a scenario is, and how scenarios are declared: one short function each, with a docstring that says the rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import pytest

if TYPE_CHECKING:
    from connectors.registry import Entry

Each = Literal["connector", "stream", "tagged", "handed", "document", "spent", "sent"]


@dataclass(frozen=True)
class Rule:
    """A declared scenario before it meets a connector. each: what it is run for. role: only for connectors with it."""

    check: Callable[..., None]
    each: Each
    role: str | None


RULES: list[Rule] = []


def scenario(each: Each = "connector", role: str | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declares a scenario. ``check(bench)``; or ``check(bench, name)`` for each stream, each document kind, or each credential
    that changes by use (spent) or push (sent)."""

    def declare(check: Callable[..., None]) -> Callable[..., None]:
        RULES.append(Rule(check, each, role))
        return check

    return declare


@dataclass(frozen=True)
class Scenario:
    """One rule about one connector; ``run`` raises AssertionError when it is broken and skips with a reason."""

    entry: Entry
    rule: Rule
    subject: str | None = None

    def __str__(self) -> str:
        name = f"{self.entry.name}-{self.rule.check.__name__}"
        return f"{name}-{self.subject}" if self.subject else name

    @property
    def description(self) -> str:
        """The rule in words."""
        return (self.rule.check.__doc__ or "").strip()

    def run(self) -> None:
        """Check the rule on a fresh simulator."""
        from connectors.contract.bench import Bench

        arguments: list[Any] = [self.subject] if self.subject else []
        with Bench(self.entry) as bench:
            self.rule.check(bench, *arguments)


def skip(reason: str) -> NoReturn:
    """The rule cannot be asked of this connector, and why."""
    pytest.skip(reason)
