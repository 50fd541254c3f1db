"""A store in dictionaries: for tests, for tuning, and for what the protocol means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from hub.identity.core.store import MOST_HOLDERS, Change, Decision, Holder, Link, Profile, Relation, Review


class MemoryStore:
    """Implements `hub.identity.core.store.Store`."""

    def __init__(self) -> None:
        self.profiles: dict[str, Profile] = {}
        self.members_of: dict[str, dict[str, None]] = {}
        self.keys_of: dict[str, tuple[bytes, ...]] = {}
        self.rows: dict[bytes, dict[str, None]] = {}
        self.links: dict[str, Link] = {}
        self.alias: dict[str, str] = {}
        self.decided: dict[tuple[str, str], Decision] = {}
        self.reviews: dict[tuple[str, str], Review] = {}
        self.relations: dict[tuple[str, str, str], Relation] = {}
        self.counters: Counter[tuple[str, str]] = Counter()
        self.queue: dict[str, str] = {}
        self._asked: dict[str, set[tuple[str, str]]] = {}

    # -- reading

    def known(self, refs: Collection[str]) -> Mapping[str, Profile]:
        """See the protocol."""
        return {ref: self.profiles[ref] for ref in refs if ref in self.profiles}

    def holders(self, digests: Collection[bytes], most: int = MOST_HOLDERS) -> Iterable[Holder]:
        """See the protocol."""
        for digest in digests:
            for number, ref in enumerate(self.rows.get(digest, ())):
                if number >= most:
                    break
                yield Holder(digest, ref, self.profiles[ref].customer)

    def members(self, customers: Collection[str]) -> Iterable[Profile]:
        """See the protocol."""
        return [self.profiles[ref] for customer in customers for ref in self.members_of.get(customer, ())]

    def decisions(self, refs: Collection[str]) -> Iterable[Decision]:
        """See the protocol."""
        if not self.decided:
            return []
        wanted = set(refs)
        return [found for found in self.decided.values() if found.a in wanted or found.b in wanted]

    def counts(self) -> Mapping[tuple[str, str], int]:
        """See the protocol."""
        return self.counters

    def waiting(self, most: int) -> Sequence[str]:
        """See the protocol."""
        return list(self.queue)[:most]

    # -- writing

    def decide(self, decision: Decision) -> None:
        """Remember what a person said."""
        self.decided[decision.a, decision.b] = decision

    def apply(self, change: Change) -> None:
        """See the protocol."""
        for saved in change.saved:
            self._save(saved.ref, saved.customer, saved.features)
            if saved.features is not None or saved.keys:
                self._rekey(saved.ref, tuple(key.digest for key in saved.keys))
        for merge in change.merges:
            self.alias[merge.loser] = merge.survivor
            self.members_of.pop(merge.loser, None)
        self.links.update((link.ref, link) for link in change.links)
        self.relations.update(((item.a, item.b, item.kind), item) for item in change.relations)
        for pair in {pair for ref in change.groups for pair in self._asked.get(ref, ())}:
            if change.answered(*pair):
                del self.reviews[pair]
                for ref in pair:
                    self._asked[ref].discard(pair)
            elif change.doubts() and change.groups.keys() >= set(pair):
                self.queue.setdefault(self.profiles[pair[0]].customer, "question")
        for item in change.reviews:
            self.reviews[item.a, item.b] = item
            for ref in (item.a, item.b):
                self._asked.setdefault(ref, set()).add((item.a, item.b))
        self.counters.update(change.counts)
        self.queue.update(change.queue)
        for customer in change.done:
            self.queue.pop(customer, None)

    def _save(self, ref: str, customer: str, features: bytes | None) -> None:
        old = self.profiles.get(ref)
        if old is not None and old.customer != customer:
            self.members_of.get(old.customer, {}).pop(ref, None)
        data = features if features is not None or old is None else old.features
        self.profiles[ref] = Profile(ref, customer, data or b"")
        self.members_of.setdefault(customer, {})[ref] = None

    def _rekey(self, ref: str, digests: tuple[bytes, ...]) -> None:
        for digest in self.keys_of.get(ref, ()):
            self.rows[digest].pop(ref, None)
        self.keys_of[ref] = digests
        for digest in digests:
            self.rows.setdefault(digest, {})[ref] = None
