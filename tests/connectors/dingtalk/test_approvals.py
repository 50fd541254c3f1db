"""Traps of approvals: late ones, changed and revoked ones, forms whose components have other names."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors import errors
from connectors.dingtalk import approvals
from connectors.dingtalk.simulator import CONTRACT


def deals(org, **changes):
    return {r["processInstanceId"]: r for r in org.read("deal", org.window(days=30), **changes)}


def deal(org, key, **changes):
    """The canonical deal, as it is read by its key."""
    return org.mapped("deal", org.connector(**changes).fetch_one("deal", key))[-1]["fields"]


def test_an_agreed_contract_is_a_signed_deal(org):
    item = org.sim.flow.start("12800.50", "远山科技有限公司", number="HT-9", phone="13500000001", tax_id="91330106MA2DEM0001")
    assert deal(org, item.id)["state"] == "in_review"
    org.sim.flow.finish(item.id)
    customer, found = org.mapped("deal", deals(org)[item.id])
    assert (found["fields"]["state"], found["fields"]["amount"], found["fields"]["number"]) == ("signed", 1280050, "HT-9")
    assert found["fields"]["customer"] == customer["id"] and customer["fields"]["phones"] == ["13500000001"]
    assert customer["fields"]["tax_id"] == "91330106MA2DEM0001"


def test_times_are_utc_to_the_minute(org):
    item = org.sim.flow.start("1", "甲", at=org.ms(hours=1))
    org.sim.flow.finish(item.id)
    assert deal(org, item.id)["effective_at"] == datetime(2026, 1, 20, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(("result", "state"), [("agree", "signed"), ("refuse", "refused")])
def test_only_agreement_signs(org, result, state):
    item = org.sim.flow.finish(org.sim.flow.start("1", "甲").id, result)
    assert deal(org, item.id)["state"] == state


def test_a_withdrawn_approval_voids_the_deal(org):
    item = org.sim.flow.terminate(org.sim.flow.start("1", "甲").id)
    assert deal(org, item.id)["state"] == "reversed" and "effective_at" not in deal(org, item.id)


def test_a_revocation_voids_the_deal_when_it_is_agreed_and_not_before(org):
    item = org.sim.flow.finish(org.sim.flow.start("100", "甲").id)
    child = org.sim.flow.amend(item.id, "REVOKE")
    assert deal(org, item.id)["state"] == "signed"
    org.sleep(3600)
    org.sim.flow.finish(child.id)
    found = deal(org, item.id)
    assert found["state"] == "reversed" and found["amount"] == 10000
    assert found["changed_at"] == datetime(2026, 1, 20, 5, 0, tzinfo=UTC)


def test_a_refused_revocation_changes_nothing(org):
    item = org.sim.flow.finish(org.sim.flow.start("100", "甲").id)
    org.sim.flow.finish(org.sim.flow.amend(item.id, "REVOKE").id, "refuse")
    assert deal(org, item.id)["state"] == "signed"


def test_an_agreed_change_gives_the_amount(org):
    item = org.sim.flow.finish(org.sim.flow.start("100", "甲").id)
    for amount, result in (("120", "agree"), ("999", "refuse")):
        org.sleep(60)
        org.sim.flow.finish(org.sim.flow.amend(item.id, "MODIFY", amount).id, result)
    found = deal(org, item.id)
    assert (found["state"], found["amount"]) == ("signed", 12000)


def test_an_event_about_a_change_reads_the_contract_that_it_changes(org):
    item = org.sim.flow.finish(org.sim.flow.start("100", "甲").id)
    child = org.sim.flow.finish(org.sim.flow.amend(item.id, "REVOKE").id)
    ((key, record),) = org.connector().fetch_many("deal", [child.id])
    assert key == item.id == record["processInstanceId"]
    assert set(deals(org)) == {item.id}, "the list brings the contract once, and the change as no deal of its own"


def test_a_late_decision_is_found_by_reading_open_ones_again(org):
    item = org.sim.flow.start("100", "甲", at=org.ms(days=200))
    assert deals(org) == {}
    org.sim.flow.finish(item.id)
    assert deals(org) == {}, "the list knows the time of creation alone"
    assert deal(org, item.id)["state"] == "signed"


def test_open_approvals_are_marked_to_be_read_again(org):
    from connectors import registry
    from mappings.compile import load_mapping

    item = org.sim.flow.start("100", "甲")
    mapping = load_mapping(registry.get("dingtalk").mappings / "deal.yaml", zone="Asia/Shanghai", context={})
    assert mapping.apply(org.connector().fetch_one("deal", item.id)).is_open
    org.sim.flow.finish(item.id)
    assert not mapping.apply(org.connector().fetch_one("deal", item.id)).is_open
    child = org.sim.flow.amend(item.id, "REVOKE")
    assert mapping.apply(org.connector().fetch_one("deal", item.id)).is_open, "a revocation that is not decided yet may be late"
    org.sim.flow.finish(child.id)
    found = mapping.apply(org.connector().fetch_one("deal", item.id))
    assert not found.is_open and found.records[-1]["fields"]["state"] == "reversed"


def test_a_customer_that_is_linked_is_named_by_its_id(org):
    item = org.sim.flow.start("100", "远山", link="INST-0000002a")
    (only,) = org.mapped("deal", org.connector().fetch_one("deal", item.id))
    assert only["kind"] == "deal" and only["fields"]["customer"] == "INST-0000002a"


def test_without_a_number_of_its_own_the_approvals_number_stands(org):
    item = org.sim.flow.start("100", "甲")
    item.form["合同编号"] = ("TextField", "null", None)
    assert deal(org, item.id)["number"] == item.business_id


def test_components_are_found_by_alias_id_or_name(org):
    item = org.sim.flow.start("100", "甲")
    item.form["总价（含税）"] = item.form.pop("合同金额")
    assert deal(org, item.id, amount_field="合同金额, 总价（含税）")["amount"] == 10000
    form = [{"id": "MoneyField-1", "name": "改过的名字", "bizAlias": "total", "value": "5"}]
    for title in ("total", "MoneyField-1", "改过的名字"):
        assert approvals._component(form, title) is form[0]


def test_a_contract_without_amount_is_told_by_field(org):
    item = org.sim.flow.start("", "甲")
    with pytest.raises(errors.MappingError) as caught:
        deal(org, item.id)
    assert caught.value.params["field"] == "deal.amount"


def test_a_list_never_begins_more_than_a_year_back(org):
    old = org.window(days=30)
    before = type(old)(org.sim.now() - timedelta(days=400), org.sim.now() - timedelta(days=300))
    assert list(org.connector().pages("deal", before, None))[-1].last
    gone = type(old)(org.sim.now() - timedelta(days=430), org.sim.now() - timedelta(days=400))
    assert [page.records for page in org.connector().pages("deal", gone, None)] == [[]]


def test_a_list_that_reaches_its_ceiling_is_an_error_and_no_loss(org):
    for _ in range(21):
        org.sim.flow.start("1", "甲")
    connector = org.connector()
    ids = connector._approval_ids
    connector._approval_ids = lambda *asked: {**ids(*asked), "nextToken": "10000"}
    with pytest.raises(errors.ConfigError) as caught:
        list(connector.pages("deal", org.window(days=30), None))
    assert caught.value.key == "dingtalk.too_many_approvals"


def test_several_templates_are_read_one_after_the_other(org):
    org.sim.flow.codes.add("PROC-OTHER")
    keys = {org.sim.flow.start("1", "甲", code=code).id for code in [CONTRACT] * 25 + ["PROC-OTHER"] * 2}
    codes = f"{CONTRACT}，PROC-OTHER".replace("，", ", ")
    assert set(deals(org, process_codes=codes)) == keys


def test_without_templates_nothing_is_asked(org):
    assert deals(org, process_codes="") == {} and not org.sim.calls


def test_an_unknown_template_is_told(org):
    with pytest.raises(errors.ConfigError) as caught:
        deals(org, process_codes="PROC-NOWHERE")
    assert caught.value.key == "dingtalk.process_code"


def test_a_form_of_strange_values_harms_nobody():
    form = [{"name": "客户名称", "componentType": "RelateField", "value": "[broken", "extValue": "{also broken"}]
    component = approvals._component(form, "客户名称")
    assert approvals._linked(component) == "" and approvals._typed(component) == "[broken"
    assert approvals._typed({"value": json.dumps(["甲", "乙"])}) == "甲, 乙"
