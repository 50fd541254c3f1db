"""Tag rules, ready to be asked: which messages a rule matches, and when that is enough for its tag."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

import re2

from config.settings import TagRule, compiled_pattern
from mappings.canonical import MESSAGE_KINDS

LONGEST = 4000
"""Characters of a message that rules look at; WeCom's longest text is shorter."""
PREFIX = "chat:"
"""Before a rule's name in the key of its tag and in ``tag_assignment.rule``."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a rule sees of a message. account: key of the account. group: name of the group, '' in a direct chat."""

    account: str
    side: str
    kind: str
    words: str
    group: str = ""


def plain(words: str) -> str:
    """Words as rules compare them: full and half width alike, and no longer than rules look at."""
    return unicodedata.normalize("NFKC", words[:LONGEST])


class Matcher:
    """A rule, compiled once. Its time grows with the text and no faster."""

    def __init__(self, rule: TagRule) -> None:
        self.rule = rule
        self._kinds = frozenset(rule.kinds)
        wanted = "|".join(re2.escape(plain(word).casefold()) for word in rule.keywords)
        self._keywords = compiled_pattern(wanted) if wanted else None
        self._patterns = [compiled_pattern(pattern) for pattern in rule.patterns]
        self._within = timedelta(days=rule.within_days) // timedelta(microseconds=1) if rule.within_days else None

    def matches(self, said: Said) -> bool:
        """Whether the message counts for this rule."""
        rule = self.rule
        if rule.member_of or (rule.side != "any" and said.side != rule.side) or not fnmatchcase(said.account, rule.source):
            return False
        if (self._kinds and said.kind not in self._kinds) or said.kind in ("recall", "consent"):
            return False
        if rule.in_group is not None and not (said.group and fnmatchcase(said.group, rule.in_group)):
            return False
        return self._has_words(said.words)

    def _has_words(self, words: str) -> bool:
        if self._keywords is None and not self._patterns:
            return True
        if self._keywords is not None and self._keywords.search(words.casefold()):
            return True
        return any(pattern.search(words) for pattern in self._patterns)

    def takes_members_of(self, account: str, group: str) -> bool:
        """Whether to be in this group is what the rule looks at."""
        return bool(
            self.rule.member_of and group and fnmatchcase(group, self.rule.member_of) and fnmatchcase(account, self.rule.source)
        )

    def enough(self, moments: Iterable[int]) -> bool:
        """Whether matches at these moments (microseconds) give the tag: so many of them in some stretch, wherever it lies, so
        that the order in which they came, and when they are looked at, make no difference."""
        found = sorted(moments)
        times = self.rule.times
        if len(found) < times:
            return False
        if self._within is None:
            return True
        return any(found[i + times - 1] - found[i] <= self._within for i in range(len(found) - times + 1))


def definition(rule: TagRule) -> dict[str, Any]:
    """The rule without its switch: what makes a version."""
    return rule.model_dump(mode="json", exclude={"enabled"}, exclude_defaults=True)


def faults(rules: Sequence[TagRule]) -> list[str]:
    """What is wrong with the rules beyond their form, as texts in both languages."""
    found = []
    names = [rule.name for rule in rules]
    for name in sorted({name for name in names if names.count(name) > 1}):
        found.append(f"标签规则 {name} 有两条：改掉一条的名字 / there are two tag rules named {name}: rename one")
    for rule in rules:
        if unknown := sorted(set(rule.kinds) - set(MESSAGE_KINDS)):
            known = ", ".join(MESSAGE_KINDS)
            found.append(f"标签规则 {rule.name}：没有消息种类 {unknown}，有 / no such message kinds, there are: {known}")
    return found
