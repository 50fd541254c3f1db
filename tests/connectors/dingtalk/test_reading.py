"""Traps of reading: tokens that are offsets, crowded seconds, values in three forms, departments, missing rows."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from connectors import errors
from connectors.dingtalk import crm_walk
from connectors.dingtalk.sim_crm import TAGS
from connectors.dingtalk.simulator import STAFF

PERSON = "crm_customer_personal"


def person(org, name="王小明", at=None, **more):
    return org.sim.crm.add(PERSON, {"customer_name": name, **more.pop("data", {})}, at, **more)


# -- the CRM's list


def test_a_second_with_more_rows_than_a_page_is_read_to_its_end(org):
    at = org.ms(minutes=5) // 1000 * 1000
    wanted = {person(org, f"客户{i}", at).id for i in range(250)}
    later = person(org, "后来", at + 1000).id
    found = [row["instanceId"] for row in org.read("person", org.window(hours=1))]
    assert set(found) == {*wanted, later} and len(found) == 251


def test_a_row_that_leaves_a_crowded_second_hides_no_other(org):
    at = org.ms(minutes=5) // 1000 * 1000
    rows = [person(org, f"客户{i}", at).id for i in range(250)]
    left = iter(rows[:2])

    def edit(name, number):
        if number in (2, 3) and (key := next(left, None)):
            org.sim.crm.edit(key, customer_name="改了")

    org.sim.faults.after_page = edit
    found = {row["instanceId"] for row in org.read("person", org.window(hours=1))}
    assert set(rows[2:]) <= found


def test_contacts_without_a_total_are_read_until_two_passes_agree(org):
    at = org.ms(minutes=5) // 1000 * 1000
    rows = [org.sim.crm.add("crm_contact", {"contact_name": f"人{i}"}, at).id for i in range(150)]
    org.sim.faults.after_page = lambda name, number: number == 2 and org.sim.crm.edit(rows[0], contact_name="改了")
    assert set(rows[1:]) <= {row["instanceId"] for row in org.read("contact", org.window(hours=1))}


def test_the_walk_goes_on_in_the_middle_of_a_crowded_second(org):
    at = org.ms(minutes=5) // 1000 * 1000
    wanted = {person(org, f"客户{i}", at).id for i in range(250)}
    window, found = org.window(hours=1), set()
    resume = None
    while True:
        page = next(iter(org.connector().pages("person", window, resume)))
        found |= {row["instanceId"] for row in page.records}
        if page.last:
            break
        resume = page.resume
    assert found == wanted


def test_a_list_in_the_wrong_order_is_not_trusted():
    rows = [
        {"instanceId": "1", "gmtModified": "2026-01-01 10:00:01"},
        {"instanceId": "2", "gmtModified": "2026-01-01 10:00:00"},
    ]
    with pytest.raises(errors.ConfigError, match="order_ignored"):
        crm_walk._check_order(rows, 0)


def test_times_without_zone_are_shanghai(org):
    row = person(org)
    (record,) = org.read("person", org.window(hours=1))
    (customer,) = org.mapped("person", record)
    assert customer["fields"]["created_at"] == org.sim.now() and record["gmtCreate"] == "2026-01-20 12:00:00"
    assert row.id == customer["id"]


@pytest.mark.parametrize("shape", ["label", "json", "object", "key"])
def test_tags_are_read_in_every_form_they_may_come_in(org, shape):
    for label in ("高意向", "老客户"):
        org.sim.crm.add_option(PERSON, label)
    person(org, data={TAGS[PERSON]: ["高意向", "老客户"], "customer_follow_up_status": "成交"})
    org.sim.crm.shape = shape
    (record,) = org.read("person", org.window(hours=1))
    (customer,) = org.mapped("person", record)
    assert [tag["name"] for tag in customer["fields"]["tags"]] == ["高意向", "老客户"]
    assert customer["fields"]["stage"] == "成交"
    asked_for_the_form = org.sim.calls["/v1.0/crm/personalCustomers/objectMeta"]
    assert asked_for_the_form == (1 if shape == "key" else 0), "the form costs a counted call"


def test_a_tag_of_a_customer_is_the_tag_of_the_form(org):
    org.sim.crm.add_option(PERSON, "高意向")
    person(org, data={TAGS[PERSON]: ["高意向"]})
    (tag,) = [org.mapped("crm_tag", r)[0] for r in org.read("crm_tag")]
    (customer,) = org.mapped("person", org.read("person", org.window(hours=1))[0])
    assert customer["fields"]["tags"][0]["key"] == tag["id"] and tag["fields"]["group"] == "客户标签"


def test_a_draft_that_waits_for_approval_is_no_customer_yet(org):
    row = person(org, status="RUNNING")
    (record,) = org.read("person", org.window(hours=1))
    assert org.mapped("person", record) == []
    row.status = "COMPLETED"
    assert len(org.mapped("person", org.connector().fetch_one("person", row.id))) == 1


def test_a_misspelt_state_is_no_change(org):
    states = set()
    for n in range(2):
        row = person(org, id="INST-" + "a" * (5 + n))
        states.add(org.connector().fetch_one("person", row.id)["procInstStatus"])
    assert states == {"COMPLETED"}


@pytest.mark.parametrize(
    ("phone", "extend", "whole"),
    [
        ("13800000001", '{"countryCode":"+86"}', "+8613800000001"),
        ("85212345678", None, "85212345678"),
        ("+85212345678", '{"countryCode":"+86"}', "+85212345678"),
    ],
)
def test_the_country_code_stands_beside_the_phone(org, phone, extend, whole):
    person(org, data={"customer_phone": phone}, extend={"customer_phone": extend} if extend else {})
    assert org.read("person", org.window(hours=1))[0]["_phones"] == [whole]


def test_a_contact_names_his_company(org):
    org.sim.populate("contact", 1, start=org.sim.now() - timedelta(minutes=5), step=timedelta(0))
    (record,) = org.read("contact", org.window(hours=1))
    (contact,) = org.mapped("contact", record)
    assert contact["fields"]["company"] == "远山科技有限公司" and contact["fields"]["title"] == "采购"


@pytest.mark.parametrize("stream", ["company", "person", "contact"])
def test_both_ways_of_reading_give_the_very_same_record(org, stream):
    (key,) = org.sim.populate(stream, 1, start=org.sim.now() - timedelta(minutes=5), step=timedelta(0))
    assert org.read(stream, org.window(hours=1)) == [org.connector().fetch_one(stream, key)]


def test_ids_are_asked_for_fifty_at_once(org):
    keys = [person(org, f"客户{i}").id for i in range(120)]
    found = dict(org.connector().fetch_many("person", keys))
    assert None not in found.values() and org.sim.calls["/v1.0/crm/personalCustomers/batchQuery"] == 3


def test_what_a_batch_leaves_out_is_asked_for_alone_before_it_is_gone(org):
    keys = [person(org, f"客户{i}").id for i in range(3)]
    del org.sim.crm.rows[keys[1]]
    found = dict(org.connector().fetch_many("person", keys))
    assert [found[key] is None for key in keys] == [False, True, False]
    assert org.sim.calls["/v1.0/crm/personalCustomers/batchQuery"] == 2


@pytest.mark.parametrize("stream", ["company", "person", "contact", "crm_tag", "group"])
def test_without_the_crm_app_nothing_is_asked(org, stream):
    assert org.read(stream, org.window(hours=1), with_crm=False) == []
    assert list(org.connector(with_crm=False).fetch_many(stream, ["x"])) == []
    assert not org.sim.calls


def test_a_missing_crm_app_is_told(org):
    org.sim.crm.installed = False
    with pytest.raises(errors.ConfigError) as caught:
        org.read("person", org.window(hours=1))
    assert caught.value.key == "dingtalk.no_crm"


def test_groups_are_read_to_the_end_and_alike_in_both_ways(org):
    keys = [org.sim.crm.add_group(f"群{n}", "u1", org.ms(days=1)) for n in range(120)]
    found = {row["openConversationId"]: row for row in org.read("group")}
    assert set(found) == set(keys) and org.sim.calls["/v1.0/crm/crmGroupChats"] == 3
    assert org.connector().fetch_one("group", keys[7]) == found[keys[7]]
    (group,) = org.mapped("group", found[keys[7]])
    assert group["fields"]["identity"] == ("chat_id", "dingtalk:ding0a1b2c3d4e5f6a7b", keys[7])
    assert group["fields"]["owner"] == "u1" and "lines" not in group


# -- people


def test_somebody_in_two_departments_comes_once(org):
    sales, service = org.sim.people.add_department("销售"), org.sim.people.add_department("客服")
    org.sim.people.add_staff("u1", "王珊", [service, sales])
    org.sim.people.add_staff("u2", "李强", [1, service])
    assert Counter(user["userid"] for user in org.read("staff")) == {"u1": 1, "u2": 1}


def test_departments_are_found_level_by_level(org):
    number = 1
    for name in ("华东", "杭州", "一组"):
        number = org.sim.people.add_department(name, number)
    org.sim.people.add_staff("u1", "王珊", [number])
    assert [user["userid"] for user in org.read("staff")] == ["u1"]


def test_a_hidden_department_is_skipped_and_a_hidden_company_is_told(org):
    org.sim.people.add_staff("u1", "王珊", [1])
    secret = org.sim.people.add_department("董事会")
    org.sim.people.add_staff("u2", "某人", [secret])
    org.sim.people.hidden = {secret}
    assert [user["userid"] for user in org.read("staff")] == ["u1"]
    org.sim.people.hidden = {1}
    with pytest.raises(errors.ScopeMissing) as caught:
        org.read("staff")
    assert caught.value.key == "dingtalk.visible_range"


def test_the_detail_of_a_member_is_the_member_of_the_list(org):
    org.sim.people.add_staff("u1", "王珊", [1], mobile="13700000000")
    assert org.read("staff") == [org.connector().fetch_one("staff", "u1")]


def test_an_exact_page_of_contacts_takes_one_more_call(org):
    keys = org.sim.populate("external", 100, start=org.sim.now(), step=timedelta(0))
    assert [row["userid"] for row in org.read("external")] == keys
    assert org.sim.calls["/topapi/extcontact/list"] == 2


def test_labels_are_numbers_and_have_their_group_beside_them(org):
    label = org.sim.people.add_label("级别", "重点客户")
    org.sim.people.add_contact("陈先生", "13600000001", label_ids=[label], state_code="852")
    (tag,) = [org.mapped("label", r)[0] for r in org.read("label")]
    (contact,) = [org.mapped("external", r)[0] for r in org.read("external")]
    assert tag["fields"] == {"name": "重点客户", "group": "级别"}
    assert contact["fields"]["tags"] == [{"key": tag["id"]}] and contact["fields"]["phones"] == ["+85213600000001"]


def test_staff_and_contacts_eat_nothing_of_the_quota(org):
    org.sim.people.add_staff("u1", "王珊", [1])
    org.sim.people.add_contact("陈先生", "13600000001")
    for stream in ("staff", "external", "label"):
        org.read(stream)
    assert not org.sim.gate.spent
    org.read("person", org.window(hours=1))
    assert sum(org.sim.gate.spent.values()) == 1


def test_a_missing_permission_names_the_points_that_dingtalk_wants(org):
    org.sim.gate.rights.discard("qyapi_crm_maindata_read")
    (bad,) = [finding for finding in org.connector().check() if not finding.ok]
    assert "qyapi_crm_maindata_read" in bad.fix_zh and "qyapi_crm_maindata_read" in bad.fix_en
    org.sim.gate.rights.discard(STAFF)
    with pytest.raises(errors.ScopeMissing):
        org.read("staff")
