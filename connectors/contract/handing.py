"""Rules about owners that change: who waits is named, what was begun is known, what the platform refused is told apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

from connectors.base import Source
from connectors.contract.acting import breaks_off, calm, on_write, waited
from connectors.contract.bench import Bench
from connectors.contract.scenario import scenario, skip
from connectors.errors import ConnectorError, Duplicate, Rejected
from connectors.messages import explain
from connectors.people import Handed, HandOver, HandOverRules, HandsOver

SOON = timedelta(minutes=30)
"""By then the platform must know what it has taken; some know it a few seconds late."""
MARGIN = timedelta(hours=1)


def giver(bench: Bench) -> HandsOver:
    """A new connector to hand over with."""
    return cast(HandsOver, bench.connector())


def rules(bench: Bench) -> HandOverRules:
    """What the connector says its platform allows."""
    return cast(type[HandsOver], bench.kind).hand_over_rules


def orphans(bench: Bench, name: str, count: int = 2) -> HandOver:
    """Records whose owner has left, and a member to take them."""
    old, new = bench.sim.employ(2)
    keys = bench.sim.serve(name, old, count)
    bench.sim.dismiss(old)
    return HandOver(name, old, new, tuple(keys), left=True)


def kept(bench: Bench, name: str, count: int = 2) -> HandOver:
    """Records whose owner is still here, and a member to take them."""
    old, new = bench.sim.employ(2)
    return HandOver(name, old, new, tuple(bench.sim.serve(name, old, count)), left=False)


def orders(bench: Bench, name: str) -> list[Callable[[], HandOver]]:
    """One way of making an order for each kind of owner that the stream knows."""
    ways = {"left": orphans, "active": kept}
    return [lambda kind=kind: ways[kind](bench, name) for kind in bench.stream(name).handover]  # type: ignore[misc]


def begun(bench: Bench, order: HandOver) -> datetime:
    """The order, begun, and when; the platform has taken all of it."""
    since = bench.sim.now()
    refused = giver(bench).hand_over(order)
    assert not refused, f"the platform took all of it, and the connector names {refused}"
    return since


def after(bench: Bench, order: HandOver, since: datetime, wait: timedelta) -> dict[str, Handed]:
    """What became of it so long after."""
    bench.sleep(wait.total_seconds())
    return giver(bench).handed(order, since)


def effect(bench: Bench) -> timedelta:
    """How long until a hand-over has surely taken effect."""
    return rules(bench).delay + MARGIN


@scenario(each="handed", role="handover")
def who_waits_is_named(bench: Bench, name: str) -> None:
    """Records of a member who has left are named once each, under their keys and with him; those of others are not."""
    order, others = orphans(bench, name, 3), kept(bench, name)
    waiting = [orphan for orphan in giver(bench).waiting() if orphan.stream == name]
    found = [orphan.key for orphan in waiting if orphan.staff == order.staff]
    assert sorted(found) == sorted(order.keys), f"waiting are {sorted(order.keys)}, named were {sorted(found)}"
    assert not set(others.keys) & {orphan.key for orphan in waiting}, "records are said to wait whose owner is still here"


@scenario(each="handed", role="handover")
def the_new_owner_has_them_in_the_end(bench: Bench, name: str) -> None:
    """Begun is known soon, done when it took effect; then the new owner has the record, under the key that it became."""
    for make in orders(bench, name):
        order = make()
        since = begun(bench, order)
        soon = after(bench, order, since, SOON)
        assert set(soon) == set(order.keys), f"begun were {sorted(order.keys)}, the result knows {sorted(soon)}"
        for key, item in soon.items():
            assert item.state in ("waiting", "done"), f"begun, and already {item.state}"
            assert item.state == "waiting" or order.to in bench.sim.owners(name, key), "said to be done before it is"
        done = after(bench, order, since, effect(bench))
        for key, item in done.items():
            assert (item.state, bool(item.becomes)) == ("done", True), f"it took effect over there, and the result says {item}"
            assert order.to in bench.sim.owners(name, key), "the result says done, and the new owner does not have it"
            if "source" in bench.manifest.roles:
                record = cast(Source, bench.connector()).fetch_one(name, item.becomes)
                assert record is not None, "the record is not there under the key that it became"
                shown = bench.mapping(name).apply(record).records[0]["fields"].get("owner")
                assert shown == order.to, f"handed to {order.to}; the record says {shown}"


@scenario(each="handed", role="handover")
def what_is_not_taken_is_named_and_the_rest_is_begun(bench: Bench, name: str) -> None:
    """Of an order with a record that is not the old owner's, that one is named as Rejected, with words; the rest is begun."""
    order = orphans(bench, name)
    stranger = kept(bench, name, 1)
    mixed = HandOver(name, order.staff, order.to, (order.keys[0], stranger.keys[0], order.keys[1]), order.left)
    since = bench.sim.now()
    refused = giver(bench).hand_over(mixed)
    assert set(refused) == set(stranger.keys), f"not taken was {stranger.keys}, named were {sorted(refused)}"
    for error in refused.values():
        assert isinstance(error, Rejected), f"{type(error).__name__}, not Rejected"
        assert all(all(explain(error, lang, bench.manifest)) for lang in ("zh", "en")), "a refusal without words"
    assert set(after(bench, mixed, since, SOON)) == set(order.keys), "what was begun and what was not are mixed up"


@scenario(each="handed", role="handover")
def begun_twice_is_told(bench: Bench, name: str) -> None:
    """The same order again while the first waits: every record is named as Duplicate, and nothing is handed over twice."""
    order = orphans(bench, name)
    since = begun(bench, order)
    bench.sleep(60)
    again = giver(bench).hand_over(order)
    assert set(again) == set(order.keys) and all(isinstance(error, Duplicate) for error in again.values()), f"told was {again}"
    assert set(after(bench, order, since, SOON)) == set(order.keys)


@scenario(each="handed", role="handover")
def an_end_that_is_none_comes_back(bench: Bench, name: str) -> None:
    """The customer refuses: the state is refused. The new owner has no room when it takes effect: the state is full."""
    for what, state in (("refuse", "refused"), ("full", "full")):
        order = orphans(bench, name)
        since = begun(bench, order)
        if not bench.sim.decide(name, order.keys[0], what):
            skip("nobody can refuse, or be full, for records of this stream")
        found = after(bench, order, since, effect(bench))
        assert found[order.keys[0]].state == state, f"{what}: the result says {found[order.keys[0]].state}"
        assert order.to not in bench.sim.owners(name, order.keys[0])


@scenario(each="handed", role="handover")
def what_was_never_begun_has_no_result(bench: Bench, name: str) -> None:
    """An order that was never given has no result, one to somebody else is never done; an error is raised as one."""
    order = orphans(bench, name)
    assert giver(bench).handed(order, bench.sim.now()) == {}, "a result of a hand-over that nobody asked for"
    since = begun(bench, order)
    third = bench.sim.employ(1)[0]
    other = HandOver(name, order.staff, third, order.keys, order.left)
    found = after(bench, other, since, effect(bench))
    assert not [item for item in found.values() if item.state == "done"], "done for a member to whom nothing was given"
    bench.sim.faults.error[""] = [502] * 40
    try:
        found = giver(bench).handed(order, since)
    except ConnectorError:
        return
    finally:
        calm(bench)
    raise AssertionError(f"the platform did not answer, and the result is {found}")


@scenario(each="handed", role="handover")
def a_hand_over_that_breaks_off_is_in_doubt_and_can_be_asked_about(bench: Bench, name: str) -> None:
    """Cut before or after it was begun, or answered 502: InDoubt after one call; the result then says whether it was begun."""
    for fault, made in (("cut_before", False), ("cut_after", True), ("error", False)):
        order = orphans(bench, name)
        since = bench.sim.now()
        breaks_off(bench, fault, lambda order=order: giver(bench).hand_over(order))  # type: ignore[misc]
        found = after(bench, order, since, SOON)
        assert set(found) == (set(order.keys) if made else set()), f"{fault}: begun is {made}, and the result says {found}"


@scenario(each="handed", role="handover")
def a_throttled_hand_over_is_made_or_handed_back(bench: Bench, name: str) -> None:
    """A limit answer: waited out, or raised as Throttled, and begun when it is asked for again."""
    order = orphans(bench, name)
    since = bench.sim.now()
    on_write(bench, lambda: bench.sim.faults.throttle.update({"": 1}))
    assert waited(bench, lambda: giver(bench).hand_over(order)) == {}
    assert set(after(bench, order, since, SOON)) == set(order.keys)


@scenario(each="handed", role="handover")
def more_than_a_call_takes_is_not_sent(bench: Bench, name: str) -> None:
    """An order with more records than ``batch`` is a ValueError before any writing call."""
    order = orphans(bench, name, 1)
    many = tuple(f"{order.keys[0]}{number}" for number in range(rules(bench).batch + 1))
    before = len(bench.calls)
    try:
        giver(bench).hand_over(HandOver(name, order.staff, order.to, many, left=True))
    except ValueError:
        assert not any(request.write for request in bench.calls[before:]), "an order that is too big was sent all the same"
        return
    raise AssertionError("an order that is too big was taken")
