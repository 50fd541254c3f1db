"""How good a clustering is, counted from tables of group sizes: no pair is ever listed, a million records take seconds.

A clustering is an array that gives each record, in the order of the truth, a number of its group. Pairs are those of the
final groups, however a group came together. ``reach`` groups the records of one entity that evidence in the data connects;
recall inside reach (Rr) asks only for those pairs, and F1r is the harmonic mean of precision and Rr.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, compress

Groups = Sequence[int]


@dataclass
class Truth:
    """What is known about each record. rids: record id to place. flags: what was done to the record, a bit each."""

    rids: dict[str, int] = field(default_factory=dict)
    entity: array[int] = field(default_factory=lambda: array("q"))
    reach: array[int] = field(default_factory=lambda: array("q"))
    kind: array[int] = field(default_factory=lambda: array("q"))
    source: array[int] = field(default_factory=lambda: array("q"))
    flags: array[int] = field(default_factory=lambda: array("q"))
    names: dict[str, dict[str, int]] = field(default_factory=dict)

    def number(self, family: str, name: str) -> int:
        """A number for a name, the same one each time; numbers of a family are dense from 0."""
        known = self.names.setdefault(family, {})
        return known.setdefault(name, len(known))

    def add(self, rid: str, entity: str, reach: str = "", kind: str = "", flags: str = "", source: str = "") -> None:
        """One record. Without reach, all of an entity can be found. flags: names with | between. ValueError: rid twice."""
        if rid in self.rids:
            raise ValueError(f"record {rid} stands twice in the truth")
        self.rids[rid] = len(self.rids)
        self.entity.append(self.number("entity", entity))
        self.reach.append(self.number("reach", f"{entity}\0{reach}"))
        self.kind.append(self.number("kind", kind))
        self.source.append(self.number("source", source))
        self.flags.append(sum(1 << self.number("flag", name) for name in flags.split("|") if name))


@dataclass(frozen=True)
class Scores:
    """Counts of pairs and what follows from them. found: pairs in one group; hits: those that are right."""

    records: int
    true_pairs: int
    reach_pairs: int
    found: int
    hits: int
    reach_hits: int
    b3_precision: float = 0.0
    b3_recall: float = 0.0
    largest: int = 0
    groups: int = 0

    @property
    def precision(self) -> float:
        """Share of found pairs that are right; 1 when nothing was found."""
        return share(self.hits, self.found)

    @property
    def recall(self) -> float:
        """Share of all true pairs that were found."""
        return share(self.hits, self.true_pairs)

    @property
    def f1(self) -> float:
        """Of precision and recall."""
        return harmonic(self.precision, self.recall)

    @property
    def reach_recall(self) -> float:
        """Rr: share of the pairs inside reach that were found."""
        return share(self.reach_hits, self.reach_pairs)

    @property
    def f1r(self) -> float:
        """Of precision and recall inside reach."""
        return harmonic(self.precision, self.reach_recall)

    @property
    def b3(self) -> float:
        """B-cubed F1: the mean over records instead of over pairs."""
        return harmonic(self.b3_precision, self.b3_recall)


def share(part: int, whole: int) -> float:
    """part / whole, 1 for nothing of nothing."""
    return part / whole if whole else 1.0


def harmonic(one: float, other: float) -> float:
    """Harmonic mean, 0 when both are."""
    return 2 * one * other / (one + other) if one + other else 0.0


def pairs(size: int) -> int:
    """Pairs among so many."""
    return size * (size - 1) // 2


def clustering(truth: Truth, rows: Iterable[tuple[str, str]]) -> array[int]:
    """Groups from rows of (record id, customer id). ValueError: a record that is unknown, twice or missing."""
    groups, numbers = array("q", [-1]) * len(truth.rids), dict[str, int]()
    for rid, customer in rows:
        place = truth.rids.get(rid)
        if place is None:
            raise ValueError(f"record {rid} is not in the truth")
        if groups[place] >= 0:
            raise ValueError(f"record {rid} was given two customers")
        groups[place] = numbers.setdefault(customer, len(numbers))
    if (missing := groups.count(-1)) > 0:
        raise ValueError(f"{missing} records got no customer")
    return groups


def cross(one: Groups, other: Groups) -> array[int]:
    """The groups of records that are together in both clusterings."""
    width = max(other, default=0) + 1
    return array("q", (a * width + b for a, b in zip(one, other, strict=True)))


def together(groups: Groups) -> int:
    """Pairs that share a group."""
    return sum(pairs(size) for size in Counter(groups).values())


def score(truth: Truth, groups: Groups) -> Scores:
    """All figures of a clustering."""
    size, real = Counter(groups), Counter(truth.entity)
    width, n = max(truth.entity, default=0) + 1, len(groups)
    cells = Counter(cross(groups, truth.entity))
    precise = sum(k * k / size[cell // width] for cell, k in cells.items())
    complete = sum(k * k / real[cell % width] for cell, k in cells.items())
    return Scores(
        records=n,
        true_pairs=sum(map(pairs, real.values())),
        reach_pairs=together(truth.reach),
        found=sum(map(pairs, size.values())),
        hits=sum(map(pairs, cells.values())),
        reach_hits=together(cross(groups, truth.reach)),
        b3_precision=precise / max(n, 1),
        b3_recall=complete / max(n, 1),
        largest=max(size.values(), default=0),
        groups=len(size),
    )


def touching(groups: Groups, choices: dict[str, Sequence[int]]) -> dict[str, int]:
    """For each choice of records (their places): pairs that share a group and of which at least one is chosen."""
    size, found = Counter(groups), {}
    for name, chosen in choices.items():
        marked = Counter(groups[place] for place in chosen)
        found[name] = sum(pairs(size[group]) - pairs(size[group] - some) for group, some in marked.items())
    return found


def parts(truth: Truth, groups: Groups, choices: dict[str, Sequence[int]]) -> dict[str, Scores]:
    """For each choice of records (their places): scores of the pairs that touch one of them."""
    counts = [touching(table, choices) for table in tables(truth, groups)]
    return {name: Scores(len(chosen), *(count[name] for count in counts)) for name, chosen in choices.items()}


def tables(truth: Truth, groups: Groups) -> Iterator[Groups]:
    """True groups, those in reach, found groups, right in them, right and in reach: in the order of Scores."""
    yield from (truth.entity, truth.reach, groups)
    yield cross(groups, truth.entity)
    yield cross(groups, truth.reach)


def by_flag(truth: Truth, groups: Groups) -> dict[str, Scores]:
    """Scores of the pairs that touch a record with the flag, and of those that touch none."""
    choices: dict[str, Sequence[int]] = {
        name: [place for place, flags in enumerate(truth.flags) if flags >> bit & 1]
        for name, bit in sorted(truth.names.get("flag", {}).items())
    }
    if not choices:
        return {}
    found = parts(truth, groups, choices | {"(none)": [place for place, flags in enumerate(truth.flags) if flags]})
    return found | {"(none)": less(score(truth, groups), found["(none)"])}


def by_kind(truth: Truth, groups: Groups) -> dict[str, Scores]:
    """Scores of the pairs that touch a record of an entity of the kind (person, company)."""
    choices: dict[str, Sequence[int]] = {
        name: [place for place, kind in enumerate(truth.kind) if kind == number]
        for name, number in sorted(truth.names.get("kind", {}).items())
    }
    return parts(truth, groups, choices)


def less(whole: Scores, some: Scores) -> Scores:
    """The pairs of the whole that are not among some."""
    names = ("records", "true_pairs", "reach_pairs", "found", "hits", "reach_hits")
    return Scores(**{name: getattr(whole, name) - getattr(some, name) for name in names})


def between(groups: Groups, source: Groups, width: int) -> Counter[tuple[int, int]]:
    """Pairs that share a group, by the two sources."""
    each: list[Counter[int]] = [Counter() for _ in range(width)]
    for origin, counter in enumerate(each):
        counter.update(compress(groups, map(origin.__eq__, source)))
    found = Counter({(origin, origin): sum(map(pairs, counter.values())) for origin, counter in enumerate(each)})
    for one, other in combinations(range(width), 2):
        few, many = sorted((each[one], each[other]), key=len)
        found[one, other] = sum(count * many[group] for group, count in few.items() if group in many)
    return found


def by_sources(truth: Truth, groups: Groups) -> dict[str, Scores]:
    """Scores by pair of sources; records is left 0."""
    names = list(truth.names.get("source", {}))
    counts = [between(table, truth.source, len(names)) for table in tables(truth, groups)]
    found: dict[str, Scores] = {}
    for a, b in sorted(set().union(*counts)):
        if any(count[a, b] for count in counts):
            found["+".join(sorted((names[a], names[b])))] = Scores(0, *(count[a, b] for count in counts))
    return dict(sorted(found.items()))


def agreement(one: Groups, other: Groups) -> float:
    """Of the pairs that are together in one clustering or the other, the share that is in both."""
    both = together(cross(one, other))
    return share(both, together(one) + together(other) - both)


def outside_review(truth: Truth, groups: Groups, waiting: Sequence[int]) -> Scores:
    """Scores of the pairs of which no record waits for review (places of records)."""
    return less(score(truth, groups), parts(truth, groups, {"": waiting})[""])


def review_curve(truth: Truth, answered: Iterable[tuple[int, Groups]]) -> list[tuple[float, Scores]]:
    """From clusterings with so many records asked: share asked and scores, from few to many."""
    total = max(len(truth.rids), 1)
    return [(asked / total, score(truth, groups)) for asked, groups in sorted(answered, key=lambda item: item[0])]
