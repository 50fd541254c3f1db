"""The message service by API: groups, what is asked for, what is confirmed, and what comes again."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from connectors import registry
from connectors.contract import listening
from connectors.contract.bench import Bench
from connectors.errors import ConfigError, ScopeMissing
from connectors.taobao import queue
from connectors.taobao.connector import Taobao

SHOP = "示例旗舰店"
MANY = 250


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(queue, "LOOK", 0.01)


def asking(shop, **changes):
    """A connector that asks for messages, already let in."""
    heard = shop.connector(**{"messages": "pull", "message_pause": 1, **changes}).listen()
    assert next(heard) is None
    return heard


def put(shop, number=1, nick=SHOP):
    return shop.sim.tmc.put("taobao_trade_TradeChanged", nick, {"tid": number})


def following(heard):
    return next(item for item in heard if item is not None)


def calls(shop, name):
    return sum(count for call, count in shop.sim.calls.items() if name in call)


@pytest.mark.parametrize(
    "rule", [listening.a_push_over_the_connection_names_a_record, listening.what_was_not_stored_is_not_acknowledged]
)
def test_the_rules_for_kept_connections_hold_for_asking_too(rule, monkeypatch):
    plain = Bench.__init__

    def made(self, entry):
        plain(self, entry)
        self.settings |= {"messages": "pull", "message_pause": 1}
        self.config = self.kind.Config(**self.settings)

    monkeypatch.setattr(Bench, "__init__", made)
    with Bench(registry.get("taobao")) as bench:
        rule(bench)


def test_a_message_is_the_same_whichever_way_it_comes(shop):
    """An account may be switched from one way to the other: what comes again is known by its id."""
    first = shop.connector().listen()
    assert next(first) is None
    put(shop, 2211223344556677889)
    pushed = following(first)
    first.close()
    shop.sim.tmc.again()
    asked = shop.connector(messages="pull", message_pause=1).listen()
    taken = following(asked)
    assert taken.dedup_key == pushed.dedup_key
    assert taken.payload["content"] == {"tid": 2211223344556677889}, "nineteen digits, none lost"
    assert taken.payload["time"] // 1000 == pushed.payload["time"] // 1000
    [event] = shop.connector().events(taken)
    assert (event.stream, event.record_key) == ("order", "2211223344556677889")


def test_only_what_was_stored_is_confirmed_and_the_rest_comes_again_later(shop):
    heard = asking(shop)
    numbers = [put(shop, number) for number in (1, 2, 3)]
    item, outcomes = following(heard), iter(["stored", "busy", "stored"])
    for outcome in outcomes:
        item = heard.send(outcome)
    assert item is None and shop.sim.tmc.log == [numbers[0], numbers[2]]
    shop.sim.offset += timedelta(minutes=4)
    assert shop.sim.tmc.take("default", 10) == [], "not before its time"
    shop.sim.offset += timedelta(minutes=2)
    again = following(heard)
    assert again.dedup_key == str(numbers[1])
    heard.send("stored")
    assert shop.sim.tmc.confirmed(numbers[1]) and not shop.sim.tmc.waiting


def test_a_backlog_is_taken_without_a_pause(shop, monkeypatch):
    asking(shop).close()
    for number in range(MANY):
        put(shop, number + 1)
    monkeypatch.setattr(queue, "_quiet", lambda seconds: iter([None]))
    heard, got = shop.connector(messages="pull").listen(), 0
    while next(heard) if got == 0 else heard.send("stored"):
        got += 1
    assert got == MANY == len(shop.sim.tmc.log)
    assert (calls(shop, "consume"), calls(shop, "confirm")) == (1 + 3, 3)


def test_messages_are_confirmed_only_once_they_are_stored(shop):
    """A kill in the middle of a batch: nothing of it was confirmed, and all of it comes again."""
    heard = asking(shop)
    put(shop, 1), put(shop, 2)
    following(heard)
    heard.send("stored")
    heard.close()
    assert shop.sim.tmc.log == [] and len(shop.sim.tmc.waiting) == 2


# -- groups


def test_without_a_group_none_is_named(shop):
    """Naming one is an error as long as the application has none. (docs: apiId 21986)"""
    asking(shop)
    assert shop.sim.tmc.groups == {}
    assert shop.error("taobao.tmc.messages.consume", group_name="default") == (41, "isv.invalid-parameter:group_name")


def test_a_shop_is_put_into_its_group_once(shop):
    for _ in range(2):
        asking(shop, message_group="shop-a").close()
    assert shop.sim.tmc.groups == {SHOP: "shop-a"} and calls(shop, "group.add") == 1


def test_two_shops_of_one_application_do_not_take_each_others_messages(shop):
    tmc = shop.sim.tmc
    tmc.permitted.add("别人的店")
    tmc.groups["别人的店"] = "shop-b"
    heard = asking(shop, message_group="shop-a")
    other, ours = put(shop, 1, "别人的店"), put(shop, 2)
    assert following(heard).dedup_key == str(ours)
    heard.send("stored")
    assert list(tmc.waiting) == [other]


def test_a_confirmation_counts_in_its_own_group_only(shop):
    heard = asking(shop, message_group="shop-a")
    number = put(shop)
    shop.call("taobao.tmc.messages.confirm", s_message_ids=str(number))
    assert list(shop.sim.tmc.waiting) == [number]
    heard.close()


def test_what_came_before_the_group_stays_in_the_old_one(shop):
    asking(shop).close()
    before = put(shop)
    heard = asking(shop, message_group="shop-a")
    after = put(shop)
    assert following(heard).dedup_key == str(after) and before in shop.sim.tmc.waiting


def test_the_connection_hears_its_group(shop):
    heard = shop.connector(message_group="shop-a").listen()
    assert next(heard) is None
    number = put(shop)
    assert following(heard).dedup_key == str(number)
    heard.close()
    shop.sim.tmc.groups.clear()
    other = queue.Queue(shop.connector()._call, SHOP, "default-2")
    other.enter()
    assert shop.sim.tmc.groups == {}, "nobody is put into a group of the platform's own"


# -- what is refused


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("messages.consume", {"quantity": "9"}, (41, "isv.invalid-parameter:quantity")),
        ("messages.consume", {"quantity": "201"}, (41, "isv.invalid-parameter:quantity")),
        ("messages.confirm", {"s_message_ids": ",".join(map(str, range(201)))}, (41, "isv.invalid-parameter:s_message_ids")),
        ("messages.confirm", {"s_message_ids": "x"}, (41, "isv.invalid-parameter:s_message_ids")),
        ("messages.confirm", {}, (40, "isv.missing-parameter:s_message_ids")),
        ("group.add", {"group_name": "default-a", "nicks": SHOP}, (41, "isv.invalid-parameter:group_name")),
        ("group.add", {"group_name": "a" * 33, "nicks": SHOP}, (41, "isv.invalid-parameter:group_name")),
        ("group.add", {"group_name": "a", "nicks": SHOP}, (15, "isv.user-not-exist:invalid-nick")),
        ("user.get", {"fields": "group_name", "nick": SHOP}, (41, "isv.invalid-parameter:fields")),
    ],
)
def test_what_the_platform_refuses(shop, method, params, expected):
    assert shop.error(f"taobao.tmc.{method}", **params) == expected


@pytest.mark.parametrize(("address", "good"), [("wss://mc.api.taobao.com/", True), ("ws://mc.api.taobao.com/", True),
                                               ("https://mc.api.taobao.com/", False)])  # fmt: skip
def test_the_connection_may_be_encrypted_where_the_platform_takes_it(shop, address, good):
    kind = shop.connector().Config
    if good:
        assert kind(**{**shop.settings, "message_channel": address}).message_channel == address
        return
    with pytest.raises(ValueError, match="message_channel"):
        kind(**{**shop.settings, "message_channel": address})


def test_a_dead_session_does_not_stop_what_needs_none(shop):
    heard = asking(shop)
    shop.sim.kill_tokens()
    number = put(shop)
    assert following(heard).dedup_key == str(number)
    heard.send("stored")
    assert shop.sim.tmc.confirmed(number)


def test_an_application_without_the_message_package_is_told_so(shop):
    shop.sim.access.apps[shop.settings["app_key"]].packages.discard("message")
    with pytest.raises(ScopeMissing):
        next(shop.connector(messages="pull").listen())
    [finding] = [found for found in shop.connector().check() if not found.ok]
    assert finding.what_en == "The message service can be used" and finding.code.startswith("11")


def test_a_permission_that_ran_out_is_told(shop):
    asking(shop).close()
    assert all(finding.ok for finding in shop.connector().check())
    shop.sim.tmc.expired.add(SHOP)
    [finding] = [found for found in shop.connector().check() if not found.ok]
    assert "permission for messages" in finding.fix_en
    with pytest.raises(ConfigError):
        queue.Queue(shop.connector()._call, SHOP).probe()


@pytest.mark.parametrize("message", [{"id": 5, "content": "<xml/>"}, {"id": 5, "pub_time": "soon", "topic": None}])
def test_a_message_of_another_form_is_kept_and_is_about_nothing(message):
    found = queue._opened(message)
    assert found.dedup_key == "5" and json.loads(found.plaintext)["time"] is None
    assert Taobao.events.__get__(type("T", (), {"config": type("C", (), {"shop": SHOP})}))(found) == []
