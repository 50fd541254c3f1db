"""Reading through the real door from the served simulator: walks, resuming, odd pages, single reads that agree."""

from __future__ import annotations

import json

import pytest

from connectors import errors
from connectors.wecom.walk import Place

BATCH = "externalcontact/batch/get_by_user"
LIST = "externalcontact/get_follow_user_list"


def walk(connector, stream="customer", resume=None):
    return list(connector.pages(stream, None, resume))


def records(pages, keys):
    return dict(zip(keys(pages), (record for page in pages for record in page.records), strict=True))


def crowd(corp, count, customers=1):
    """So many members with so many customers each; all keys."""
    made = []
    for i in range(count):
        userid = f"m{i:04d}"
        for _ in range(customers):
            event = corp.sim.add_customer(userid, f"客户{i}")
            made.append(f"{userid}/{event['ExternalUserID']}")
        if not customers:
            corp.sim.world.add_staff(userid, userid)
    return made


# ---------------------------------------------------------------- the walk


def test_every_pair_comes_once_in_full_pages(corp, keys):
    made = corp.populate("customer", 230)
    pages = walk(corp.connector())
    assert sorted(keys(pages)) == sorted(made)
    assert [len(page.records) for page in pages] == [100, 100, 30]
    assert [page.last for page in pages] == [False, False, True]


def test_a_customer_of_two_members_is_two_records(corp, keys):
    corp.populate("customer", 5)
    found = keys(walk(corp.connector()))
    customers = [key.split("/")[1] for key in found]
    assert len(found) == 5 and len(set(customers)) == 4


def test_many_members_are_asked_in_chunks_of_a_hundred(corp, keys):
    made = crowd(corp, 205)
    pages = walk(corp.connector())
    assert sorted(keys(pages)) == sorted(made)
    assert corp.calls(BATCH) == 3
    assert [json.loads(page.resume)["after"] for page in pages] == ["m0099", "m0199", "m0204"]


def test_short_and_empty_pages_in_the_middle_are_not_the_end(corp, keys):
    made = corp.populate("customer", 20)
    corp.sim.api.short_pages = [7, 0, 3]
    pages = walk(corp.connector())
    assert [len(page.records) for page in pages] == [7, 0, 3, 10]
    assert sorted(keys(pages)) == sorted(made)


def test_rows_repeated_across_pages_are_the_same_record(corp, keys):
    made = corp.populate("customer", 20)
    corp.sim.api.short_pages, corp.sim.api.repeat_row = [8], True
    pages = walk(corp.connector())
    found = keys(pages)
    assert len(found) == 21 and set(found) == set(made)
    assert pages[0].records[-1] == pages[1].records[0]


@pytest.mark.parametrize("served", ["nobody", "idle"])
def test_nothing_to_read_is_one_empty_last_page(corp, served):
    if served == "idle":
        crowd(corp, 3, customers=0)
    pages = walk(corp.connector())
    assert [(len(page.records), page.last) for page in pages] == [(0, True)]


def test_relations_that_are_not_mutual_are_not_read(corp, keys):
    made = corp.populate("customer", 2)
    userid, external_userid = made[0].split("/")
    corp.sim.world.edit(userid, external_userid, half=True)
    assert keys(walk(corp.connector())) == made[1:]
    assert corp.connector().fetch_one("customer", made[0]) is None


def test_members_who_cannot_be_asked_cost_only_themselves(corp, keys):
    """A member out of sight refuses the whole batch: halving finds him, everybody else is read."""
    made = crowd(corp, 60)
    connector = corp.connector()
    pages = connector.pages("customer", None, None)
    for userid in ("m0007", "m0033"):
        corp.sim.world.staff[userid].present = False
    found = keys(list(pages))
    assert sorted(found) == sorted(key for key in made if key[:5] not in ("m0007", "m0033"))
    assert corp.calls(BATCH) <= 24


def test_a_chunk_of_members_without_customers_is_taken_apart_once(corp, keys):
    """Each of them refuses whatever batch he is in alone: no more than two calls a member."""
    crowd(corp, 99, customers=0)
    event = corp.sim.add_customer("m0099", "阿明")
    corp.sim.world.staff["m0099"].licensed = False
    corp.sim.add_customer("m0100", "小满")
    pages = walk(corp.connector())
    assert [key.split("/")[0] for key in keys(pages)] == ["m0100"]
    assert event["ExternalUserID"] not in str(pages)
    assert corp.calls(BATCH) <= 201


def test_a_member_without_the_contact_function_costs_only_himself(corp, keys):
    made = crowd(corp, 3)
    pages = corp.connector().pages("customer", None, None)
    corp.sim.world.staff["m0002"].follows = False
    assert keys(list(pages)) == made[:2]


# ---------------------------------------------------------------- licences


def test_unlicensed_members_are_left_out_of_a_partial_answer(corp, keys):
    made = crowd(corp, 3)
    corp.sim.world.staff["m0001"].licensed = False
    assert keys(walk(corp.connector())) == [made[0], made[2]]


def test_a_chunk_without_licences_does_not_stop_the_others(corp, keys):
    made = crowd(corp, 105)
    for i in range(100):
        corp.sim.world.staff[f"m{i:04d}"].licensed = False
    pages = walk(corp.connector())
    assert sorted(keys(pages)) == sorted(made[100:])
    assert pages[-1].last


def test_nobody_licensed_is_a_missing_right(corp):
    crowd(corp, 2)
    for member in corp.sim.world.staff.values():
        member.licensed = False
    with pytest.raises(errors.ScopeMissing) as caught:
        walk(corp.connector())
    assert (caught.value.key, caught.value.code) == ("wecom.licence", "701008")


# ---------------------------------------------------------------- going on


def test_a_killed_walk_goes_on_with_the_next_page(corp, keys):
    made = corp.populate("customer", 250)
    found, resume = [], None
    for _ in range(10):
        page = next(iter(corp.connector().pages("customer", None, resume)))
        found += keys([page])
        resume = page.resume
        if page.last:
            break
    assert sorted(found) == sorted(made)
    assert corp.calls(BATCH) == 3


def test_a_dead_cursor_restarts_the_chunk(corp, keys):
    made = corp.populate("customer", 150)
    first = next(iter(corp.connector().pages("customer", None, None)))
    corp.sim.api.stale_cursors = 1
    rest = walk(corp.connector(), resume=first.resume)
    assert set(keys([first, *rest])) == set(made)
    assert len(keys(rest)) == 150


def test_a_cursor_that_keeps_dying_is_an_error_not_a_loop(corp):
    corp.populate("customer", 150)
    corp.sim.api.stale_cursors = 10**6
    with pytest.raises(errors.UnknownAnswer) as caught:
        walk(corp.connector())
    assert caught.value.key == "wecom.bad_request"
    assert corp.calls(BATCH) == 4


def test_a_cursor_of_other_members_is_not_used(corp, keys):
    """Somebody joins while the hub is down: the chunk is another one, so its cursor is dropped before it can be refused."""
    made = corp.populate("customer", 150)
    first = next(iter(corp.connector().pages("customer", None, None)))
    event = corp.sim.add_customer("sales_aaa", "小满")
    before = corp.sim.refusals
    rest = walk(corp.connector(), resume=first.resume)
    assert set(keys(rest)) == {*made, f"sales_aaa/{event['ExternalUserID']}"}
    assert corp.sim.refusals == before


def test_members_who_are_done_are_not_read_again(corp, keys):
    made = crowd(corp, 150)
    first = next(iter(corp.connector().pages("customer", None, None)))
    rest = walk(corp.connector(), resume=first.resume)
    assert sorted(keys([first])) == made[:100] and sorted(keys(rest)) == made[100:]


def test_a_cursor_that_never_moves_is_an_error(corp, monkeypatch):
    corp.populate("customer", 150)
    monkeypatch.setattr(corp.sim.api, "_cursor", lambda query, position: "stuck")
    corp.sim.api._cursors["stuck"] = (("batch", "sales_li", "sales_wang"), 0)
    with pytest.raises(errors.UnknownAnswer) as caught:
        walk(corp.connector())
    assert caught.value.key == "wecom.cursor_stuck"


def test_a_place_survives_its_own_text():
    place = Place("u1", "c", "b", [3, 2])
    assert Place.read(place.text()) == place
    assert Place.read(None) == Place() and Place().size == 100


# ---------------------------------------------------------------- a platform that misbehaves


@pytest.mark.parametrize("death", ["kill_tokens", "expire"])
def test_tokens_that_die_in_mid_run_are_fetched_once(corp, keys, death):
    made = corp.populate("customer", 250)
    pages = []
    for page in corp.connector().pages("customer", None, None):
        pages.append(page)
        if len(pages) == 1:
            corp.sim.kill_tokens() if death == "kill_tokens" else corp.sim.gate.expire_all()
    assert sorted(keys(pages)) == sorted(made)
    assert corp.calls("gettoken") == 2


def test_a_frequency_limit_goes_back_to_the_planner_and_the_walk_goes_on(corp, keys):
    made = corp.populate("customer", 150)
    source = corp.connector()
    pages = source.pages("customer", None, None)
    first = next(pages)
    corp.sim.faults.throttle[BATCH] = 1
    with pytest.raises(errors.Throttled) as caught:
        next(pages)
    assert (caught.value.wait, caught.value.key) == (60.0, "wecom.frequency")
    rest = walk(source, resume=first.resume)
    assert sorted(keys([first, *rest])) == sorted(made)


def test_too_many_at_once_is_waited_out(corp, keys):
    made = corp.populate("customer", 3)
    source, waits = corp.connector(), []
    source.http.get(LIST)

    def wait(seconds):
        waits.append(seconds)
        corp.sim.limits.parallel = 100

    source.http.runtime.sleep = wait
    corp.sim.limits.parallel = 0
    assert sorted(keys(walk(source))) == sorted(made)
    assert waits and max(waits) == 2.0


# ---------------------------------------------------------------- single reads


def test_a_single_read_is_the_same_record_as_the_walks(corp, keys):
    """Not only the same meaning: the very same content, or every event would look like a change."""
    corp.populate("tag", 4)
    made = corp.populate("customer", 30)
    userid, external_userid = made[1].split("/")
    corp.sim.world.edit(userid, external_userid, strategy_tags=["stHubTag1"], mobiles=["13900000001", "13900000002"])
    source = corp.connector()
    walked = records(walk(source), keys)
    assert len(walked) == 30
    for key, record in walked.items():
        assert source.fetch_one("customer", key) == record
    assert "stHubTag1" in walked[made[1]]["follow_info"]["tag_id"]
    assert "tags" not in walked[made[1]]["follow_info"]


def test_a_personal_tag_does_not_change_the_record(corp, keys):
    (key,) = corp.populate("customer", 1)
    source = corp.connector()
    before = source.fetch_one("customer", key)
    corp.sim.world.edit(*key.split("/"), personal=["脾气急"])
    assert source.fetch_one("customer", key) == before == walk(source)[0].records[0]


def test_a_follower_beyond_the_first_page_is_found(corp):
    event = corp.sim.add_customer("m0000", "大客户")
    contact = corp.sim.world.contacts[event["ExternalUserID"]]
    for i in range(1, 7):
        corp.sim.world.add_staff(f"m{i:04d}", "成员")
        corp.sim.world.add_customer(f"m{i:04d}", contact, remark=f"备注{i}")
    corp.sim.api.followers_page = 2
    source = corp.connector()
    record = source.fetch_one("customer", f"m0006/{event['ExternalUserID']}")
    assert record["follow_info"]["remark"] == "备注6"
    assert corp.calls("externalcontact/get") == 4
    assert source.fetch_one("customer", f"m9999/{event['ExternalUserID']}") is None


def test_userids_are_compared_without_case(corp):
    event = corp.sim.add_customer("ZhangSan", "阿明")
    record = corp.connector().fetch_one("customer", f"zhangsan/{event['ExternalUserID']}")
    assert record["follow_info"]["userid"] == "ZhangSan"


def test_what_is_gone_is_none(corp):
    made = corp.populate("customer", 3)
    (staff,), (tag,) = corp.populate("staff", 1), corp.populate("tag", 1)
    source = corp.connector()
    corp.sim.remove("customer", made[0])
    corp.sim.remove("staff", staff)
    corp.sim.remove("tag", tag)
    assert source.fetch_one("customer", made[0]) is None
    assert source.fetch_one("customer", "sales_wang/wmNobody") is None
    assert source.fetch_one("staff", staff) is None
    assert source.fetch_one("tag", tag) is None
    assert source.fetch_one("tag", "etNobody") is None
    assert source.fetch_one("customer", made[1]) is not None


def test_a_customer_who_removed_the_member_stays_readable(corp):
    (key,) = corp.populate("customer", 1)
    event = corp.sim.world.leave(*key.split("/"))
    assert event["ChangeType"] == "del_follow_user"
    assert corp.connector().fetch_one("customer", key) is not None


def test_customers_of_a_member_out_of_sight_are_gone(corp, keys):
    corp.populate("customer", 4)
    corp.sim.app_grant.visible = {"sales_li"}
    source = corp.connector()
    found = keys(walk(source))
    assert found and all(key.startswith("sales_li/") for key in found)
    other = next(key for key in map("/".join, corp.sim.world.relations) if key.startswith("sales_wang/"))
    assert source.fetch_one("customer", other) is None


# ---------------------------------------------------------------- staff and tags


def test_staff_come_in_pages_with_their_details(corp, keys):
    made = corp.populate("staff", 45)
    pages = walk(corp.connector(), "staff")
    assert keys(pages, ["userid"]) == sorted(made)
    assert [len(page.records) for page in pages] == [20, 20, 5]
    record = pages[0].records[0]
    assert record["status"] == 1 and "errcode" not in record
    resumed = walk(corp.connector(), "staff", pages[0].resume)
    assert keys(resumed, ["userid"]) == sorted(made)[20:]


def test_a_member_who_leaves_during_the_walk_is_left_out(corp, keys):
    made = corp.populate("staff", 25)
    pages = corp.connector().pages("staff", None, None)
    first = next(pages)
    corp.sim.world.resign(made[-1])
    assert keys([first, *pages], ["userid"]) == sorted(made)[:-1]


def test_tags_carry_their_group_and_agree_with_a_single_read(corp, keys):
    made = corp.populate("tag", 12)
    source = corp.connector()
    (page,) = walk(source, "tag")
    assert keys([page], ["id"]) == made and page.last
    assert page.records[0]["group"]["group_name"] == "意向1"
    assert [source.fetch_one("tag", tag) for tag in made] == list(page.records)


def test_a_group_key_stands_for_the_groups_tags(corp):
    made = corp.populate("tag", 7)
    world, source = corp.sim.world, corp.connector()
    group = world.tags[made[0]].group
    world.rename_group(group, "购买意向")
    world.delete_tag(made[1])
    found = dict(source.fetch_many("tag", [f"group:{group}", made[6]]))
    assert set(found) == {*made[:5], made[6]}
    assert found[made[1]] is None and found[made[0]]["group"]["group_name"] == "购买意向"
    world.delete_group(group)
    assert set(dict(source.fetch_many("tag", [f"group:{group}"])).values()) == {None}
    assert list(source.fetch_many("tag", ["group:etNobody"])) == []


def test_a_deleted_tag_leaves_the_customers(corp, keys):
    made = corp.populate("tag", 3)
    corp.populate("customer", 3)
    source = corp.connector()
    tagged = {tag for record in walk(source)[0].records for tag in record["follow_info"].get("tag_id", [])}
    assert made[0] in tagged
    corp.sim.remove("tag", made[0])
    assert made[0] not in str(walk(source))
