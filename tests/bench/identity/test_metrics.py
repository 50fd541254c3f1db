"""The figures of the identity benchmark on clusterings small enough to count by hand, and against listing every pair."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations

import pytest

from tests.bench.identity import metrics
from tests.bench.identity.metrics import Truth


def truth() -> Truth:
    """a1 a2 a3 are one person, a3 out of reach; b1 b2 another; c1 alone. Six records, 4 true pairs, 2 inside reach."""
    known = Truth()
    known.add("a1", "A", "0", "person", "", "crm")
    known.add("a2", "A", "0", "person", "typo_name|gift", "jd")
    known.add("a3", "A", "1", "person", "gift", "jd")
    known.add("b1", "B", "0", "company", "", "crm")
    known.add("b2", "B", "0", "company", "", "crm")
    known.add("c1", "C", "0", "person", "", "jd")
    return known


def grouped(known: Truth, *groups: str) -> Sequence[int]:
    return metrics.clustering(known, [(rid, str(number)) for number, group in enumerate(groups) for rid in group.split()])


def test_pairs_are_counted_by_hand() -> None:
    """Groups a1 a2 b1 | a3 | b2 | c1: three pairs found, one of them right."""
    known = truth()
    found = metrics.score(known, grouped(known, "a1 a2 b1", "a3", "b2", "c1"))
    assert (found.found, found.hits, found.true_pairs, found.reach_pairs, found.reach_hits) == (3, 1, 4, 2, 1)
    assert found.precision == pytest.approx(1 / 3)
    assert found.recall == pytest.approx(1 / 4)
    assert found.f1 == pytest.approx(2 / 7)
    assert found.reach_recall == pytest.approx(1 / 2)
    assert found.f1r == pytest.approx(2 / 5)
    assert (found.largest, found.groups, found.records) == (3, 4, 6)


def test_b_cubed_is_the_mean_over_records() -> None:
    """a1, a2: 2/3 right of their group, 2/3 of A found; b1: 1/3 and 1/2; a3: 1 and 1/3; b2: 1 and 1/2; c1: 1 and 1."""
    known = truth()
    found = metrics.score(known, grouped(known, "a1 a2 b1", "a3", "b2", "c1"))
    assert found.b3_precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1 + 1) / 6)
    assert found.b3_recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 2 + 1 / 3 + 1 / 2 + 1) / 6)
    assert found.b3 == pytest.approx(metrics.harmonic(found.b3_precision, found.b3_recall))


def test_a_pair_out_of_reach_is_right_but_nobody_had_to_find_it() -> None:
    known = truth()
    all_found = metrics.score(known, grouped(known, "a1 a2 a3", "b1 b2", "c1"))
    reach_only = metrics.score(known, grouped(known, "a1 a2", "a3", "b1 b2", "c1"))
    assert all_found.precision == reach_only.precision == all_found.f1r == reach_only.f1r == 1
    assert (all_found.recall, reach_only.recall) == (1, 0.5)


def test_nothing_found_is_precise_and_useless() -> None:
    known = truth()
    found = metrics.score(known, grouped(known, *known.rids))
    assert (found.precision, found.reach_recall, found.f1r, found.largest) == (1, 0, 0, 1)


def test_slices_hold_the_pairs_that_touch_a_flagged_record() -> None:
    known = truth()
    slices = metrics.by_flag(known, grouped(known, "a1 a2 b1", "a3", "b2", "c1"))
    typo, gift, plain = slices["typo_name"], slices["gift"], slices["(none)"]
    assert (typo.records, typo.found, typo.hits, typo.reach_pairs) == (1, 2, 1, 1)
    assert (gift.records, gift.true_pairs, gift.reach_pairs, gift.reach_hits) == (2, 3, 1, 1)
    assert (plain.records, plain.found, plain.hits, plain.reach_pairs) == (4, 1, 0, 1)
    kinds = metrics.by_kind(known, grouped(known, "a1 a2 b1", "a3", "b2", "c1"))
    assert (kinds["company"].found, kinds["company"].hits, kinds["company"].true_pairs) == (2, 0, 1)


def test_pairs_of_sources() -> None:
    known = truth()
    slices = metrics.by_sources(known, grouped(known, "a1 a2 b1", "a3 c1", "b2"))
    assert set(slices) == {"crm+crm", "crm+jd", "jd+jd"}
    assert (slices["crm+jd"].found, slices["crm+jd"].hits, slices["crm+jd"].true_pairs, slices["crm+jd"].reach_pairs) == (
        2,
        1,
        2,
        1,
    )
    assert (slices["jd+jd"].found, slices["jd+jd"].hits, slices["jd+jd"].true_pairs) == (1, 0, 1)


def test_agreement_is_of_pairs_in_either() -> None:
    known = truth()
    one, other = grouped(known, "a1 a2 a3", "b1", "b2", "c1"), grouped(known, "a1 a2", "a3", "b1 b2", "c1")
    assert metrics.agreement(one, other) == pytest.approx(1 / 4)
    assert metrics.agreement(one, one) == 1


def test_outside_review_and_the_curve() -> None:
    known = truth()
    groups = grouped(known, "a1 a2 b1", "a3", "b2", "c1")
    rest = metrics.outside_review(known, groups, [known.rids["b1"]])
    assert (rest.found, rest.hits, rest.precision) == (1, 1, 1)
    curve = metrics.review_curve(known, [(3, grouped(known, "a1 a2", "b1 b2", "a3", "c1")), (0, groups)])
    assert [(asked, scores.hits) for asked, scores in curve] == [(0, 1), (0.5, 2)]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("a1", "x")], "5 records got no customer"),
        ([("zz", "x")], "zz is not in the truth"),
        ([("a1", "x"), ("a1", "y")], "a1 was given two customers"),
    ],
)
def test_an_incomplete_answer_is_refused(rows: list[tuple[str, str]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        metrics.clustering(truth(), rows)


@pytest.mark.parametrize("seed", range(5))
def test_tables_count_what_listing_every_pair_counts(seed: int) -> None:
    dice = random.Random(seed)
    known = Truth()
    for number in range(60):
        flags = "|".join(name for name in ("x", "y") if dice.random() < 0.3)
        known.add(f"r{number}", f"e{dice.randrange(15)}", str(dice.randrange(2)), "person", flags, dice.choice("stu"))
    groups = metrics.clustering(known, [(rid, str(dice.randrange(12))) for rid in known.rids])
    every = list(combinations(range(60), 2))
    found = [(a, b) for a, b in every if groups[a] == groups[b]]
    hits = [(a, b) for a, b in found if known.entity[a] == known.entity[b]]
    reach = [(a, b) for a, b in every if known.reach[a] == known.reach[b]]
    scores = metrics.score(known, groups)
    assert (scores.found, scores.hits, scores.reach_pairs) == (len(found), len(hits), len(reach))
    assert scores.reach_hits == sum(groups[a] == groups[b] for a, b in reach)
    bit = known.names["flag"]["x"]
    assert metrics.by_flag(known, groups)["x"].hits == sum((known.flags[a] | known.flags[b]) >> bit & 1 for a, b in hits)
    s, t = known.names["source"]["s"], known.names["source"]["t"]
    both = metrics.by_sources(known, groups)
    assert both["s+t"].hits == sum({known.source[a], known.source[b]} == {s, t} for a, b in hits)
