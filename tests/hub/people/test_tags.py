"""Tags written back: durable, repeated, without loops, and settled by one rule when both sides change them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub import accounts
from hub.models import AuditEntry
from hub.people import tags
from hub.people.wishes import SETTLE
from tests.hub.people.conftest import House

BOTH = ("tag.added", "tag.removed")


@pytest.fixture
def shop(house: House) -> tuple[House, str, str]:
    """A customer without tags, and a tag."""
    key = house.sim.populate("customer", 1, start=house.sim.now(), step=timedelta(0))[0]
    tag = house.sim.tag_keys("customer", 1)[0]
    house.read()
    return house, key, tag


def test_a_wish_goes_out_is_shown_and_read_back(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    house.wish(key, tag)
    assert house.assigned(key) == set(), "shown as a tag only when the platform has it"
    assert house.work() == 1
    assert house.sim.tags_of("customer", key) == {tag} and house.assigned(key) == {tag}
    assert house.wishes() == [(True, "written")]
    house.later(SETTLE)
    assert house.work() == 1 and house.wishes() == [(True, "done")]
    assert house.events(*BOTH) == ["tag.added"]


def test_the_tag_that_comes_back_is_no_new_change(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    house.wish(key, tag)
    house.work()
    for _ in range(3):
        house.later(timedelta(minutes=10))
        house.read()
        house.work()
    assert house.events(*BOTH) == ["tag.added"] and house.sim.calls["/cgi-bin/externalcontact/mark_tag"] == 1


@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "throttle", "error"])
def test_whatever_breaks_the_wish_is_written_in_the_end(shop: tuple[House, str, str], fault: str) -> None:
    house, key, tag = shop
    house.wish(key, tag)
    if fault == "error":
        house.sim.faults.error["mark_tag"] = [502]
    else:
        getattr(house.sim.faults, fault)["mark_tag"] = 1
    house.work()
    assert house.wishes() == [(True, "pending")]
    house.later(timedelta(minutes=2))
    house.work()
    assert house.sim.tags_of("customer", key) == {tag} and house.wishes() == [(True, "written")]
    assert house.events(*BOTH) == ["tag.added"]


def test_a_process_that_died_while_writing_is_followed_by_another(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    house.wish(key, tag)
    row = tags.QUEUE.claim(house.hub, house.account.id or 0)
    assert row is not None and tags._begin(house.hub, row)
    assert house.work() == 0, "its lease still runs"
    house.later(timedelta(seconds=house.hub.settings.lease_seconds + 1))
    assert house.work() == 1 and house.sim.tags_of("customer", key) == {tag}
    tags._written(house.hub, row)
    assert house.wishes() == [(True, "written")] and house.events(*BOTH) == ["tag.added"], "the first one's lease is lost"


def test_one_account_writes_one_at_a_time(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    house.wish(key, tag)
    assert tags.QUEUE.claim(house.hub, house.account.id or 0) is not None
    assert tags.QUEUE.claim(house.hub, house.account.id or 0) is None


def test_a_newer_wish_supersedes_an_older_one(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    house.wish(key, tag)
    house.wish(key, tag, add=False)
    house.work()
    assert house.wishes() == [(True, "superseded"), (False, "written")] and house.sim.tags_of("customer", key) == set()


def test_a_wish_over_one_that_is_being_written_is_written_after_it(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    house.wish(key, tag)
    row = tags.QUEUE.claim(house.hub, house.account.id or 0)
    assert row is not None and tags._begin(house.hub, row)
    house.wish(key, tag, add=False)
    tags._written(house.hub, row)
    house.work()
    assert house.wishes()[-1] == (False, "written") and house.assigned(key) == set()


# ---------------------------------------------------------------- changed on both sides


def test_the_same_done_over_there_fulfils_an_open_wish(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    house.wish(key, tag)
    house.sim.tag_customer(*key.split("/"), tag)
    house.read()
    assert house.wishes() == [(True, "done")] and house.work() == 0
    assert house.events(*BOTH) == ["tag.added"]


def test_what_is_taken_off_over_there_later_stands(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    house.wish(key, tag)
    house.work()
    house.later(timedelta(seconds=30))
    house.sim.world.relations[tuple(key.split("/"))].tags.clear()  # type: ignore[index]
    house.read()
    assert house.assigned(key) == {tag}, "this soon it may be a reading from before the write"
    house.later(SETTLE)
    house.work()
    assert house.assigned(key) == set() and house.wishes() == [(True, "superseded")]
    assert sorted(house.events(*BOTH)) == ["tag.added", "tag.removed"]
    assert house.sim.tags_of("customer", key) == set(), "the hub does not put it on again"


def test_a_page_from_before_the_write_takes_nothing_away(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    from hub.sync.connect import connect

    before: dict[str, Any] = connect(house.hub, house.account).fetch_one("customer", key)  # type: ignore[attr-defined]
    before["follow_info"]["remark"] = "another remark"
    house.wish(key, tag)
    house.work()
    house.put("customer", [before])
    assert house.assigned(key) == {tag}
    house.later(SETTLE)
    house.work()
    assert house.assigned(key) == {tag} and house.wishes() == [(True, "done")] and house.events(*BOTH) == ["tag.added"]


# ---------------------------------------------------------------- what cannot be done


def test_a_tag_deleted_over_there_is_refused_with_its_reason_and_can_be_retried(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    number = house.wish(key, tag)
    house.sim.world.delete_tag(tag)
    house.work()
    (row,) = tags.list_(house.hub)
    assert row["state"] == "refused" and row["error"]["key"] == "wecom.unknown_tag"
    house.sim.world.tags[tag].deleted = False
    tags.retry(house.hub, number, by="ops@hub.local")
    house.work()
    assert house.sim.tags_of("customer", key) == {tag}
    assert {"tag.ask", "tag.retry"} <= {row.what for row in house.rows(AuditEntry)}
    with pytest.raises(tags.TagFault):
        tags.retry(house.hub, 999, by="ops@hub.local")


def test_what_cannot_be_wished(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    for ref, tag_ref in (
        (house.ref("nobody/none"), house.ref(tag)),
        (house.ref(key), "99|x"),
        (house.ref(key), house.ref("no")),
    ):
        with pytest.raises(tags.TagFault):
            tags.ask(house.hub, ref, tag_ref, add=True, by="ops@hub.local")
    assert house.wishes() == []


def test_a_paused_account_waits_and_a_dead_secret_stops_it(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    house.wish(key, tag)
    accounts.set_state(house.hub, "wecom", "paused", reason="holiday", by="ops@hub.local")
    assert tags.QUEUE.due_accounts(house.hub) == [] and house.work() == 0
    accounts.set_state(house.hub, "wecom", "active", reason="", by="ops@hub.local")
    house.sim.app_grant.customer_contact = False
    house.work()
    assert accounts.get(house.hub, "wecom").state == "needs_auth" and house.wishes() == [(True, "pending")]


# ---------------------------------------------------------------- wished by rules


def test_a_rules_tag_goes_to_the_platforms_tag_of_that_name_and_comes_off_with_it(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    name = str(house.sim.world.tags[tag].name)
    with house.hub.db.write() as conn:
        tags.wish_named(conn, house.hub.now(), house.ref(key), "no such name", None, by="rule:r")
        tags.wish_named(conn, house.hub.now(), house.ref(key), name, "another group", by="rule:r")
        tags.wish_named(conn, house.hub.now(), house.ref(key), name, None, by="rule:r")
    house.work()
    assert house.wishes() == [(True, "written")] and house.sim.tags_of("customer", key) == {tag}
    with house.hub.db.write() as conn:
        tags.withdraw(conn, house.hub.now(), house.ref(key), by="rule:other")
        tags.withdraw(conn, house.hub.now(), house.ref(key), by="rule:r")
    house.work()
    assert house.sim.tags_of("customer", key) == set()


def test_a_rule_takes_nothing_off_about_which_a_person_has_decided(shop: tuple[House, str, str]) -> None:
    house, key, tag = shop
    with house.hub.db.write() as conn:
        tags.wish_named(conn, house.hub.now(), house.ref(key), str(house.sim.world.tags[tag].name), None, by="rule:r")
    house.wish(key, tag)
    with house.hub.db.write() as conn:
        tags.withdraw(conn, house.hub.now(), house.ref(key), by="rule:r")
    house.work()
    assert house.sim.tags_of("customer", key) == {tag}
