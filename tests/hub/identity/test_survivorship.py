"""Whose value wins, by criteria from the settings; values set by hand; golden records made anew after a change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.settings import CUSTOMER_FIELDS, FieldRule, Settings
from hub.admin.customers import FIELDS
from hub.identity import rebuild
from hub.identity.desk import review, service, setting
from hub.identity.desk.service import IdentityFault
from hub.identity.records import golden
from hub.identity.records.survivorship import DEFAULT, GONE, Rules, View
from hub.models import AuditEntry, Bookmark, ManualValue
from mappings.canonical import FIELDS as CANONICAL
from tests.hub.conftest import Site
from tests.hub.identity.weighed import bring

PHONE = "+8613812345679"
ANNE: dict[str, Any] = {"display_name": "欧阳晓岚", "phones": [PHONE]}


def chosen(name: str, rule: Any, *views: View) -> Any:
    rules = Rules({name: FieldRule.model_validate(rule)} if rule else {})
    return golden.build(views, rules)[name]["value"]


def view(ref: str, rank: int, version: int, **fields: Any) -> View:
    return View(ref, rank, version, fields)


SAID = st.tuples(
    st.sampled_from(["", "anne"]), st.integers(0, 3), st.booleans(), st.integers(0, 3), st.sampled_from(["王*", "王伟", "李娜"])
)


@given(st.lists(SAID, min_size=1, max_size=6))
def test_without_settings_the_order_is_that_of_the_criteria_by_name(said: list[Any]) -> None:
    views = [
        View(f"{number}|r", rank + GONE * gone, version, {"display_name": name}, by)
        for number, (by, rank, gone, version, name) in enumerate(said)
    ]
    named = Rules({"display_name": FieldRule(by=list(DEFAULT))})
    assert Rules().ordered("display_name", views) == named.ordered("display_name", views)


@pytest.mark.parametrize(
    ("rule", "wins"),
    [
        (None, "文三路"),
        (["source"], "文三路"),
        (["newest"], "江南大道100号"),
        (["complete", "newest"], "杭州市西湖区文三路5号3幢"),
        ({"by": ["source"], "sources": ["x"]}, "文三路"),
    ],
)
def test_each_criterion_decides(rule: Any, wins: str) -> None:
    views = [
        view("1|a", 0, 10, address="文三路"),
        view("2|b", 1, 20, address="杭州市西湖区文三路5号3幢"),
        view("3|c", 2, 30, address="江南大道100号"),
    ]
    assert chosen("address", rule, *views) == wins


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("display_name", "张**", "张晓伟"),
        ("display_name", "微信用户", "张晓伟"),
        ("kind", "unknown", "company"),
        ("gender", "unknown", "male"),
        ("tax_id", "91310000775785552A", "91310000775785552L"),
        ("address", "西湖区****", "文三路5号"),
    ],
)
def test_what_is_valid_beats_the_better_source_unless_the_rule_says_otherwise(name: str, bad: str, good: str) -> None:
    views = [view("1|a", 0, 10, **{name: bad}), view("2|b", 5, 1, **{name: good})]
    assert chosen(name, None, *views) == good
    assert chosen(name, ["source"], *views) == bad


def test_what_is_gone_at_its_source_loses_against_what_is_there() -> None:
    views = [view("1|a", 1000, 99, address="很长很长的旧地址一百号"), view("2|b", 5, 1, address="新址")]
    for rule in (None, ["newest"], ["complete"], ["source"], ["valid", "complete"]):
        assert chosen("address", rule, *views) == "新址"
    named = [view("1|a", 1000, 99, display_name="张晓伟"), view("2|b", 5, 1, display_name="张**")]
    assert chosen("display_name", None, *named) == "张晓伟"


def test_lists_are_joined_best_first_and_a_persons_list_stands_alone() -> None:
    views = [view("1|a", 0, 1, phones=["0571-88886666"]), view("2|b", 1, 2, phones=[PHONE])]
    assert chosen("phones", None, *views) == [PHONE, "0571-88886666"], "a mobile number first"
    assert chosen("phones", ["source"], *views) == ["0571-88886666", PHONE]
    by_hand = View("1|a", -1, 3, {"phones": ["+8613900001111"]}, "ops")
    entry = golden.build([*views, by_hand])["phones"]
    assert entry == {"value": ["+8613900001111"], "from": "1|a", "by": "ops"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"adress": ["newest"]}, "no field 'adress'"),
        ({"address": []}, "at least 1"),
        ({"address": ["oldest"]}, "'manual', 'valid', 'source', 'newest' or 'complete'"),
        ({"address": ["newest", "newest"]}, "stands twice"),
        ({"address": ["newest", "manual"]}, "manual first"),
        ({"address": ["manual"]}, "at least one of"),
        ({"address": {"by": ["newest"], "sources": ["crm"]}}, "source is not among"),
        ({"address": {"by": ["newest"], "from": ["crm"]}}, "Extra inputs"),
    ],
)
def test_a_rule_that_cannot_be_used_is_told(given: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Settings(golden=given)


def test_fields_are_those_of_the_canonical_model() -> None:
    assert set(CUSTOMER_FIELDS) == set(CANONICAL["customer"]) - {"tags"} == set(FIELDS)


def configured(site: Site, **rules: Any) -> None:
    settings = Settings(data_dir=site.hub.settings.data_dir, golden=rules)
    site.hub.settings = site.hub.settings.model_copy(update={"golden": settings.golden})


def two(site: Site) -> str:
    bring(site, ("crm/a", {**ANNE, "stage": "签约", "address": "文三路5号"}))
    site.forward(60)
    bring(site, ("shop/a", {**ANNE, "stage": "下单", "address": "杭州市西湖区文三路5号3幢2单元"}))
    assert site.together("crm/a", "shop/a")
    return site.home("crm/a")


def test_a_rebuild_applies_new_settings_and_writes_only_what_differs(site: Site) -> None:
    cid = two(site)
    bring(site, ("crm/b", {"display_name": "王建国", "phones": ["+8613512340000"]}))
    assert rebuild.records(site.hub, by="ops") == {"looked": 2, "changed": 0}
    assert site.golden(cid)["stage"] == "下单", "two sources of one rank: the newer one"
    configured(site, stage={"by": ["source"], "sources": ["cr*", "shop"]}, address=["complete"])
    seen: list[dict[str, int]] = []
    assert rebuild.records(site.hub, by="ops", progress=seen.append) == {"looked": 2, "changed": 1}
    assert (site.golden(cid)["stage"], site.golden(cid)["address"]) == ("签约", "杭州市西湖区文三路5号3幢2单元")
    assert seen == [{"changed": 1, "looked": 2}] and site.rows(Bookmark) == []
    configured(site, stage={"by": ["source"], "sources": ["shop"]})
    assert rebuild.records(site.hub, by="ops")["changed"] == 1 and site.golden(cid)["stage"] == "下单"
    assert [row.who for row in site.rows(AuditEntry, what="identity.rebuild.golden")] == ["ops"] * 3


def test_new_records_follow_the_rules_at_once(site: Site) -> None:
    configured(site, stage=["newest"])
    site.land({**site.person("a", "欧阳晓岚", PHONE, stage="签约", at="2026-11-22 10:00:00")}, key="crm")
    site.land({**site.person("a", "欧阳晓岚", PHONE, stage="下单", at="2026-11-22 11:00:00")}, key="shop")
    assert site.together("crm/a", "shop/a") and site.golden(site.home("crm/a"))["stage"] == "下单"


def test_a_value_set_by_hand_outranks_all_until_it_is_taken_back(site: Site) -> None:
    cid = two(site)
    assert setting.put(site.hub, cid, "phones", "138 1234 5679\n139-0000-1111", by="ops") == [PHONE, "+8613900001111"]
    setting.put(site.hub, cid, "stage", "重点", by="ops")
    shown = service.show(site.hub, cid)
    assert shown is not None and shown["fields"]["stage"]["value"] == "重点" and shown["fields"]["stage"]["by"] == "ops"
    assert site.one(ManualValue, field="stage").by == "ops"
    site.forward(60)
    bring(site, ("crm/a", {**ANNE, "stage": "流失"}))
    assert site.golden(cid)["stage"] == "重点"
    assert service.find(site.hub, "1111")[0]["id"] == cid, "search finds what was set"
    setting.take_back(site.hub, cid, "stage", by="ops")
    assert site.golden(cid)["stage"] in ("流失", "下单")
    assert [row.what for row in site.rows(AuditEntry) if row.who == "ops"] == ["customer.set"] * 2 + ["customer.unset"]
    with pytest.raises(IdentityFault):
        setting.take_back(site.hub, cid, "stage", by="ops")


def test_it_follows_its_profile_through_splits_and_merges(site: Site) -> None:
    cid = two(site)
    setting.put(site.hub, cid, "stage", "重点", by="ops")
    home = site.one(ManualValue).profile_ref
    other = next(ref for ref in (site.ref("crm/a"), site.ref("shop/a")) if ref != home)
    review.answer(site.hub, home, other, "different", by="ops")
    with site.hub.db.read() as conn:
        homes = dict(conn.exec_driver_sql("SELECT ref, customer_id FROM profile").fetchall())
    assert site.golden(homes[home])["stage"] == "重点" and site.golden(homes[other])["stage"] != "重点"
    review.take_back(site.hub, home, other, by="ops")
    assert site.golden(site.home("crm/a"))["stage"] == "重点"


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("phones", "138", "whole number"),
        ("phones", "138****1234", "whole number"),
        ("emails", "nobody", "no mail address"),
        ("tax_id", "91310000775785552A", "check character"),
        ("kind", "robot", "options"),
        ("created_at", "2026-01-01", "cannot be set"),
        ("owner", "zhang", "owners are decided"),
        ("stage", "  ", "give a value"),
        ("note", "x" * 501, "at most"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(small: Site, name: str, given: str, told: str) -> None:
    cid = two(small)
    with pytest.raises(IdentityFault, match=told):
        setting.put(small.hub, cid, name, given, by="ops")
    with pytest.raises(IdentityFault, match="no such customer"):
        setting.put(small.hub, "c-none", "stage", "x", by="ops")
    assert small.rows(ManualValue) == []
