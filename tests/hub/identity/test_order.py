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


def test_nothing_comes_in_no_order() -> None:
    order = made([])
    assert list(order.order()) == [] and len(order) == 0


def test_a_rare_key_brings_nearer_than_a_common_one() -> None:
    records = [(f"r{number}", {"common", f"rare {number % 10}"}) for number in range(20)]
    found = list(made(records).order())
    place = {number: where for where, number in enumerate(found)}
    assert all(abs(place[number] - place[number + 10]) == 1 for number in range(10))


def test_what_thousands_have_puts_nobody_beside_another() -> None:
    records = [(f"r{number}", {"crowd"}) for number in range(100)]
    assert list(made(records).order()) == list(range(100))


@pytest.mark.parametrize("seed", range(5))
def test_nobody_is_lost_and_the_same_record_keeps_its_order(seed: int) -> None:
    chance = random.Random(seed)
    records = [(f"r{chance.randrange(200)}", {f"k{chance.randrange(150)}" for _ in range(3)}) for _ in range(400)]
    found = list(made(records).order())
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
    found = order.order()
    elsewhere = order.elsewhere(found, size)
    batches: dict[str, set[int]] = {}
    for place, number in enumerate(found):
        for key in records[number][1]:
            batches.setdefault(key, set()).add(place // size)
    parted = {key for key, homes in batches.items() if len(homes) > 1}
    assert {key for key in batches if elsewhere(digest(key))} == parted
    assert bool(parted) == (size < 400)


def test_keys_that_a_group_comes_to_are_told_afterwards() -> None:
    elsewhere = Elsewhere()
    assert not elsewhere(digest("theirs"))
    elsewhere.add([digest("theirs")])
    assert elsewhere(digest("theirs")) and not elsewhere(digest("mine"))
