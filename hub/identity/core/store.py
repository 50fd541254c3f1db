"""What the engine asks of a store and what it hands back: values without any SQL.

The engine works on batches. For each batch it reads (``known``, ``holders``, ``members``, ``decisions``, ``counts``), decides
in memory, and hands over one ``Change`` that is everything the batch did. The store applies it in the caller's transaction, so
that a batch is either wholly decided or not at all. Nothing here knows where things are kept.

A *profile* is what one source says of one customer, by its ref. A *customer* is the identity: the profiles that are held to be
one person or organisation. A *digest* is the blind index of a key (kind, scope, value); the store never sees values of keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal, NamedTuple, Protocol

Verdict = Literal["same", "different", "related", "unsure"]
"""A person's answer about two profiles. same and different are constraints for ever; related is different and a relation;
unsure takes the question off the queue and says nothing."""
RelationKind = Literal["household", "works_at", "orders_for", "branch_of", "related"]

MOST_HOLDERS = 61
"""Rows that are read of one key at most. A key with as many is a crowd's and is not used."""


class Key(NamedTuple):
    """A key of a profile. role: proof (equal value is the same customer by the issuer's rule), strong (a phone, a mailbox:
    joins when nothing contradicts), block (finds candidates, and proves nothing)."""

    digest: bytes
    kind: str
    role: Literal["proof", "strong", "block"]


class Holder(NamedTuple):
    """A stored row of a key: whose it is."""

    digest: bytes
    ref: str
    customer: str


class Profile(NamedTuple):
    """A stored profile as the engine needs it. features: `hub.identity.core.features.Features.dump`, stored sealed."""

    ref: str
    customer: str
    features: bytes


class Decision(NamedTuple):
    """What a person decided about two profiles (a < b as texts). It outlives retraining, re-import and re-runs."""

    a: str
    b: str
    verdict: Verdict


class Evidence(NamedTuple):
    """One piece of evidence of a link: kind ("phone", "name" …), level ("same", "sound" …), bits for (+) or against (-).

    No personal value is in it; `hub.identity.desk.explain` makes sentences of kind and level.
    """

    kind: str
    level: str
    bits: float


class Link(NamedTuple):
    """Why a profile is with its customer. other: a profile on the other side, None for the first one.

    rule: "new", "proof:<kind>", "score", "person", "redo". bits: log2 of the odds with the prior. model: version of the
    weights.
    """

    ref: str
    customer: str
    other: str | None
    rule: str
    bits: float
    model: str
    evidence: tuple[Evidence, ...] = ()


class Merge(NamedTuple):
    """All profiles of loser went to survivor; loser remains as an alias. link: what joined the two."""

    survivor: str
    loser: str
    link: Link


class Split(NamedTuple):
    """Profiles that left customer for another one (new or not), because what held them is no longer believed."""

    customer: str
    target: str
    refs: tuple[str, ...]
    rule: str


class Review(NamedTuple):
    """A question for a person: are these two profiles the same customer?

    a < b. worth: expected number of record pairs that the answer puts right; the queue is answered from the largest.
    reason: "uncertain", "conflict" (strong evidence for and against), "ambiguous" (two customers fit equally well).
    """

    a: str
    b: str
    reason: str
    bits: float
    worth: float
    evidence: tuple[Evidence, ...]
    model: str


class Relation(NamedTuple):
    """Profile a stands in a relation to profile b: household, works_at, orders_for (a's account orders for b), branch_of.

    Kept between profiles, so that it follows them through merges and splits. bits: weight of the evidence.
    """

    a: str
    b: str
    kind: RelationKind
    bits: float
    evidence: tuple[Evidence, ...] = ()


class Saved(NamedTuple):
    """A profile to write: new, or with other features, or with another customer. digests: all its keys, replacing the old.

    features is None when only the customer changed (keys then keep their digests and get the new customer).
    """

    ref: str
    customer: str
    features: bytes | None
    keys: tuple[Key, ...]
    new: bool


@dataclass(slots=True)
class Change:
    """Everything that one batch did, in an order that can be applied from top to bottom.

    born: ids of customers that did not exist. moved: refs of stored profiles that changed their customer (also in saved).
    counts: what to add to the counters. queue: customers to look at again (the redo queue), done: those that were taken off it.

    fresh: refs that were compared with all who may be one with them. groups: the group of each ref that was there, by number;
    compared: groups that were compared. What was open between two refs is out of date when ``answered``, and comes again in
    reviews where it still stands.
    """

    born: list[str] = field(default_factory=list)
    saved: list[Saved] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    fresh: set[str] = field(default_factory=set)
    groups: dict[str, int] = field(default_factory=dict)
    compared: set[tuple[int, int]] = field(default_factory=set)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    queue: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def answered(self, a: str, b: str) -> bool:
        """Whether a question about two refs is out of date."""
        if a in self.fresh or b in self.fresh:
            return True
        one, other = self.groups.get(a, -1), self.groups.get(b, -2)
        return one == other or (min(one, other), max(one, other)) in self.compared

    def doubts(self) -> bool:
        """Whether those are to be looked at again between whom something is open, and who were there and not compared. Not
        after a second look: they would call each other for ever."""
        return not self.done and len(self.groups) > 1

    def answered_pairs(self) -> Iterator[tuple[str, str]]:
        """Such pairs (a < b) of refs that are not fresh themselves."""
        inside: dict[int, list[str]] = {}
        for ref, group in self.groups.items():
            if ref not in self.fresh:
                inside.setdefault(group, []).append(ref)
        for refs in inside.values():
            yield from combinations(sorted(refs), 2)
        for one, other in self.compared:
            yield from ((min(a, b), max(a, b)) for a in inside.get(one, ()) for b in inside.get(other, ()))


class Store(Protocol):
    """What the engine needs. All calls are for a whole batch and see what was applied before in the same transaction."""

    def known(self, refs: Collection[str]) -> Mapping[str, Profile]:
        """The stored profiles among refs, also those whose record is deleted at its source: what it said stays evidence."""

    def holders(self, digests: Collection[bytes], most: int = MOST_HOLDERS) -> Iterable[Holder]:
        """Rows of the keys, at most ``most`` of one digest, any of them."""

    def members(self, customers: Collection[str]) -> Iterable[Profile]:
        """All profiles of the customers."""

    def decisions(self, refs: Collection[str]) -> Iterable[Decision]:
        """People's decisions that touch one of the profiles. Must be cheap when there is none at all."""

    def counts(self) -> Mapping[tuple[str, str], int]:
        """All counters: a few thousand rows (characters of names, surnames, regions, phone prefixes, numbers of customers).

        May be some minutes old: they are statistics. The caller keeps them in memory between batches.
        """

    def waiting(self, most: int) -> Sequence[str]:
        """Customers of the redo queue, oldest first."""

    def apply(self, change: Change) -> None:
        """Write what a batch did."""
