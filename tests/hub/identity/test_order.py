"""Who shares a key stands side by side, nobody is lost, and which keys somebody elsewhere has is told without a miss."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest

from hub.identity.core.order import Elsewhere, Order, mark


def digest(key: object) -> bytes:
    return sha256(f"{key}".encode()).digest()


def made(records: list[tuple[str, set[str]]]) -> Order:
    """records: the name of each and its keys."""
    order = Order()
    for name, keys in records:
        order.add(mark(digest(("own", name))), [mark(digest(key)) for key in keys])
    return order


def line(order: Order) -> list[int]:
    return [number for batch in order.batches(1000) for number in batch]


def test_nothing_comes_in_no_batch() -> None:
    assert made([]).batches(10) == []


def test_a_rare_key_brings_nearer_than_a_common_one() -> None:
    records = [(f"r{number}", {"common", f"rare {number % 10}"}) for number in range(20)]
    found = line(made(records))
    place = {number: where for where, number in enumerate(found)}
    assert all(abs(place[number] - place[number + 10]) == 1 for number in range(10))


def test_what_thousands_have_puts_nobody_beside_another() -> None:
    records = [(f"r{number}", {"crowd"}) for number in range(100)]
    assert line(made(records)) == list(range(100))


@pytest.mark.parametrize("size", [1, 3, 50, 1000])
def test_the_same_record_is_never_parted(size: int) -> None:
    chance = random.Random(size)
    records = [(f"r{chance.randrange(200)}", {f"k{chance.randrange(150)}" for _ in range(3)}) for _ in range(400)]
    batches = made(records).batches(size)
    assert sorted(number for batch in batches for number in batch) == list(range(400))
    for name in {name for name, _ in records}:
        assert sum(any(records[number][0] == name for number in batch) for batch in batches) == 1


@pytest.mark.parametrize("seed", range(5))
def test_nobody_is_lost_and_the_same_record_keeps_its_order(seed: int) -> None:
    chance = random.Random(seed)
    records = [(f"r{chance.randrange(200)}", {f"k{chance.randrange(150)}" for _ in range(3)}) for _ in range(400)]
    found = line(made(records))
    assert sorted(found) == list(range(400))
    for name in {name for name, _ in records}:
        mine = [number for number in found if records[number][0] == name]
        assert mine == sorted(mine)
        assert found.index(mine[-1]) - found.index(mine[0]) == len(mine) - 1, "side by side"


@pytest.mark.parametrize("size", [1, 7, 400])
def test_a_key_that_another_batch_has_is_never_missed(size: int) -> None:
    chance = random.Random(3)
    records = [(f"r{number}", {f"k{chance.randrange(300)}" for _ in range(3)}) for number in range(400)]
    order = made(records)
    batches = order.batches(size)
    elsewhere = order.elsewhere(batches)
    homes: dict[str, set[int]] = {}
    for place, numbers in enumerate(batches):
        for key in set().union(*(records[number][1] for number in numbers)):
            homes.setdefault(key, set()).add(place)
    parted = {key for key, found in homes.items() if len(found) > 1}
    assert {key for key in homes if elsewhere(digest(key))} == parted
    assert bool(parted) == (size < 400)


def test_keys_that_a_group_comes_to_are_told_afterwards() -> None:
    elsewhere = Elsewhere()
    assert not elsewhere(digest("theirs"))
    elsewhere.add([digest("theirs")])
    assert elsewhere(digest("theirs")) and not elsewhere(digest("mine"))
