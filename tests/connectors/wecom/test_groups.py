"""Customer groups: the list and its filter, the detail that lags behind its event, members who are customers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from connectors import errors, registry
from connectors.wecom.groups import AT, newest
from connectors.wecom.sim_callback import event_xml
from connectors.wecom.simulator import CORP_ID
from mappings.compile import load_mapping

ID = ["chat_id"]


def mapped(record: dict[str, Any]) -> Any:
    context = {"corp_id": CORP_ID, "account": "a"}
    return load_mapping(registry.get("wecom").mappings / "group.yaml", zone=None, context=context).apply(record)


def ids(corp: Any, pages: Any) -> list[str]:
    return [record["chat_id"] for page in pages for record in page.records]


def test_a_group_is_read_with_members_who_are_known_as_customers(corp: Any) -> None:
    (chat,) = corp.populate("group", 1)
    corp.sim.chats.join(chat, "sales_wang2", "sales_wang")
    (page,) = corp.connector().pages("group", None, None)
    made = mapped(page.records[0])
    (group,) = made.records
    assert not made.unknown_fields and not made.unknown_values
    assert group["id"] == chat and group["fields"]["owner"] == "sales_wang" and group["fields"]["state"] == "active"
    assert group["fields"]["identity"] == ("chat_id", f"wecom:{CORP_ID}", chat)
    kinds = {line["key"]: (line["kind"], line.get("customer"), line.get("invited_by")) for line in group["lines"]}
    customer = next(who for who in kinds if who.startswith("w"))
    assert kinds[customer] == ("customer", ("external_userid", f"wecom:{CORP_ID}", customer), "sales_wang")
    assert kinds["sales_wang"] == ("staff", None, None)


def test_names_of_members_are_not_asked_for(corp: Any) -> None:
    corp.populate("group", 1)
    (page,) = corp.connector().pages("group", None, None)
    assert all("name" not in member for member in page.records[0]["member_list"])


def test_one_group_has_the_same_form_as_in_the_walk(corp: Any) -> None:
    keys = corp.populate("group", 3)
    source = corp.connector()
    walked = {record["chat_id"]: record for page in source.pages("group", None, None) for record in page.records}
    corp.sim.chats.chats[keys[0]].members.reverse()
    assert {key: source.fetch_one("group", key) for key in keys} == walked


def test_the_state_of_a_group_whose_owner_has_left(corp: Any) -> None:
    (chat,) = corp.populate("group", 1)
    corp.sim.chats.owner_left("sales_wang")
    source = corp.connector()
    (page,) = source.pages("group", None, None)
    assert mapped(page.records[0]).records[0]["fields"]["state"] == "ownerless"
    assert source.fetch_one("group", chat) == page.records[0], "a departed owner is refused as filter, which says it all"


def test_a_thousand_visible_staff_need_an_owner_filter(corp: Any) -> None:
    """81017: asked for in parts of 100 owners; each group once, and a kill costs nothing."""
    keys = corp.populate("group", 120)
    for number in range(230):
        corp.sim.world.add_staff(f"staff_{number:03d}", "员工")
    for number in range(7):
        keys.append(str(corp.sim.chats.open(f"staff_{number * 30:03d}", "群")["ChatId"]))
    corp.sim.chats.most_visible = 100
    pages = list(corp.connector().pages("group", None, None))
    assert sorted(ids(corp, pages)) == sorted(keys) and [page.last for page in pages].count(True) == 1
    for place in range(len(pages) - 1):
        rest = corp.connector().pages("group", None, pages[place].resume)
        assert sorted(ids(corp, pages[: place + 1]) + ids(corp, rest)) == sorted(keys)


def test_an_owner_who_has_just_left_does_not_hide_the_groups_of_others(corp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = corp.populate("group", 2)
    for number in range(9):
        corp.sim.world.add_staff(f"staff_{number}", "员工")
    keys.append(str(corp.sim.chats.open("staff_7", "群")["ChatId"]))
    corp.sim.chats.most_visible = 3
    source = corp.connector()
    monkeypatch.setattr(source, "_follow_users", lambda: [*(f"staff_{n}" for n in range(9)), "sales_wang", "staff_left"])
    pages = list(source.pages("group", None, None))
    assert sorted(ids(corp, pages)) == sorted(keys) and pages[-1].last


def test_a_dead_cursor_begins_the_list_again_once(corp: Any) -> None:
    keys = corp.populate("group", 60)
    corp.sim.chats.stale_cursors = 1
    assert set(ids(corp, corp.connector().pages("group", None, None))) == set(keys)
    corp.sim.chats.stale_cursors = 9
    with pytest.raises(errors.ConnectorError):
        list(corp.connector().pages("group", None, None))


def test_the_detail_is_read_until_it_has_the_version_of_the_event(corp: Any) -> None:
    (chat,) = corp.populate("group", 1)
    corp.sim.chats.lag = 2.5
    event = corp.sim.chats.join(chat, "wmNewcomer", "sales_wang")
    source = corp.connector()
    opened = source.open(corp.push(event_xml(CORP_ID, event)))
    (told,) = source.events(opened)
    assert (told.stream, told.record_key) == ("group", f"{chat}{AT}{event['CurMemVer']}")
    ((key, record),) = source.fetch_many("group", [told.record_key])
    assert key == chat and record["member_version"] == event["CurMemVer"] and corp.slept == [1.0, 2.0]
    assert "wmNewcomer" in [member["userid"] for member in record["member_list"]]


def test_a_version_that_never_comes_is_waited_for_only_so_long(corp: Any) -> None:
    (chat,) = corp.populate("group", 1)
    ((key, record),) = corp.connector().fetch_many("group", [f"{chat}{AT}overtaken"])
    assert key == chat and record is not None and sum(corp.slept) == 7.0


def test_of_several_events_the_last_version_is_waited_for(corp: Any) -> None:
    assert newest(["a#1", "b", "a#2", "c#9"]) == ["a#2", "b", "c#9"]


def test_a_dissolved_group_is_gone(corp: Any) -> None:
    keys = corp.populate("group", 2)
    event = corp.sim.chats.dismiss(keys[0])
    source = corp.connector()
    (told,) = source.events(source.open(corp.push(event_xml(CORP_ID, event))))
    assert (told.record_key, told.kind) == (keys[0], "dismiss")
    assert dict(source.fetch_many("group", [told.record_key])) == {keys[0]: None}


def test_a_group_without_customers_is_none_of_ours(corp: Any) -> None:
    keys = corp.populate("group", 1)
    corp.sim.chats.chats[keys[0]].external = False
    assert corp.connector().fetch_one("group", keys[0]) is None


def test_members_who_change_while_the_walk_runs_change_only_their_group(corp: Any) -> None:
    keys = corp.populate("group", 120)
    moves = itertools.count()
    corp.sim.faults.after_page = lambda name, number: corp.sim.chats.leave(keys[next(moves)], "sales_wang") and None
    assert sorted(ids(corp, corp.connector().pages("group", None, None))) == sorted(keys)


@pytest.mark.parametrize("body", [{}, {"limit": 0}, {"limit": 1001}, {"limit": "9"}, {"limit": 9, "owner_filter": {}}])
def test_the_simulator_refuses_what_wecom_refuses(corp: Any, body: dict[str, Any]) -> None:
    with pytest.raises(errors.UnknownAnswer) as refused:
        corp.connector().http.post("externalcontact/groupchat/list", body)
    assert refused.value.code == "40058"
