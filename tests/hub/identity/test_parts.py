"""Groups on the table stay what they would be if all had come at once."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from hub.identity.core.parts import Tie, Ties, claims
from hub.identity.core.unit import Unit


def units(count: int) -> dict[str, Unit]:
    return {f"r{i:02d}": Unit([f"r{i:02d}"], ["crm"]) for i in range(count)}


def groups(ties: Ties, roots: set[str]) -> set[tuple[tuple[tuple[str, ...], ...], tuple[tuple[int, int], ...]]]:
    found = set()
    for root in roots:
        atoms, pairs = ties.component(root)
        found.add((tuple(tuple(sorted(atom.refs)) for atom in atoms), tuple(pairs)))
    return found


def test_who_shares_nothing_is_alone() -> None:
    ties = Ties(units(3))
    ties.tie(Tie(["r00", "r02", "elsewhere"], 12))
    assert [unit.refs for unit in ties.alone()] == [["r01"]]
    assert groups(ties, ties.touched) == {((("r00",), ("r02",)), ((0, 1),))}


def test_a_crowd_ties_nobody() -> None:
    ties = Ties(units(4))
    ties.tie(Tie(["r00", "r01", "r02", "r03"], 3))
    assert len(list(ties.alone())) == 4 and not ties.touched


def test_atoms_count_once_in_a_crowd() -> None:
    ties = Ties(units(4))
    ties.prove([("r00", "r01", False), ("r01", "r02", True)], lambda a, b, said: True)
    ties.tie(Tie(["r00", "r01", "r02", "r03"], 3))
    assert groups(ties, ties.touched) == {((("r00", "r01", "r02"), ("r03",)), ((0, 1),))}


def test_a_proof_that_the_first_refuses_may_join_the_second() -> None:
    ties = Ties(units(3))
    parted = {"r00", "r02"}
    ties.prove(claims([["r02", "r00", "r01"]]), lambda a, b, said: not parted <= {*a, *b})
    assert sorted(map(len, (unit.refs for root in ties.touched for unit in ties.component(root)[0]))) == [2]
    assert [unit.refs for unit in ties.alone()] == [["r02"]]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_and_the_rounds_do_not_matter(seed: int) -> None:
    chance = random.Random(seed)
    shared = [chance.sample(range(30), chance.randint(2, 5)) for _ in range(12)]
    refs = [[f"r{i:02d}" for i in found] for found in shared]
    at_once = Ties(units(30))
    for found in refs:
        at_once.tie(Tie(found, 12))
    in_rounds, known, growing = Ties(units(30)), set[str](), defaultdict[int, list[str]](list)
    steps = [(number, ref) for number, found in enumerate(refs) for ref in found]
    chance.shuffle(steps)
    for number, ref in steps:
        growing[number].append(ref)
        in_rounds.tie(Tie(growing[number], 12))
        known = (known | in_rounds.touched) - in_rounds.gone
        in_rounds.touched, in_rounds.gone = set(), set()
    assert groups(in_rounds, known) == groups(at_once, at_once.touched)
