"""What people do with customers: find, look, merge, split, undo; and what the machine may not do against them."""

from __future__ import annotations

from typing import Any

import pytest

from hub.identity.desk import explain, service
from hub.identity.sources import Sources
from hub.models import AuditEntry, Customer, CustomerAlias, Event, IdentityDecision, LedgerEntry, Profile
from hub.security import audit

A, B, C = "13812365678", "13912349012", "13712347777"
Site = Any


def people(site: Site, *names: str) -> dict[str, str]:
    """Customers 'a', 'b' … of different names and phones; key -> customer id."""
    for number, name in enumerate(names):
        site.land(site.person("abcdefgh"[number], name, f"1381234560{number}"))
        site.forward(1)
    return {own: site.home(f"crm/{own}") for own in "abcdefgh"[: len(names)]}


def refs(site: Site, *owns: str) -> list[str]:
    return [site.ref(f"crm/{own}") for own in owns]


# -- merge


def test_a_person_merges_and_the_one_with_more_profiles_survives(site: Site) -> None:
    ids = people(site, "张伟", "李强")
    site.land(site.person("a2", "张伟", "13812345600"))
    assert service.merge(site.hub, ids["b"], ids["a"], by="cli:wang") == ids["a"]
    assert site.together("crm/a", "crm/b") and site.faults() == []
    golden = site.golden(ids["a"])
    assert set(golden["phones"]) == {"13812345600", "13812345601"}
    entry = site.one(LedgerEntry)
    assert (entry.kind, entry.rule, entry.by, entry.other_id) == ("merge", "person", "cli:wang", ids["b"])
    assert [row.what for row in site.rows(AuditEntry)][-1] == "customer.merge"
    assert site.one(Event, kind="customer.merged").subject == ids["a"]


@pytest.mark.parametrize("pair", [("a", "a"), ("a", "x"), ("x", "a"), ("", "")])
def test_only_two_different_customers_can_be_merged(small: Site, pair: tuple[str, str]) -> None:
    ids = people(small, "张伟") | {"x": "cnothing", "": ""}
    with pytest.raises(service.IdentityFault) as caught:
        service.merge(small.hub, ids[pair[0]], ids[pair[1]], by="w")
    assert caught.value.zh and caught.value.en and small.rows(LedgerEntry) == []


def test_an_old_id_still_works_after_merges_of_merges(site: Site) -> None:
    ids = people(site, "张伟", "李强", "王芳", "刘洋")
    service.merge(site.hub, ids["a"], ids["b"], by="w")
    service.merge(site.hub, ids["c"], ids["d"], by="w")
    last = service.merge(site.hub, ids["b"], ids["d"], by="w")
    with site.hub.db.read() as conn:
        assert {service.current_id(conn, cid) for cid in ids.values()} == {last}
        assert service.current_id(conn, "cnothing") is None
    assert all(service.show(site.hub, cid)["id"] == last for cid in ids.values())
    assert site.faults() == []


def test_merging_what_was_split_takes_the_decision_back(site: Site) -> None:
    site.land(site.person("a", "张伟", A), site.person("b", "张伟", A))
    fresh = service.split(site.hub, site.home("crm/a"), refs(site, "b"), by="w")
    service.merge(site.hub, site.home("crm/a"), fresh, by="w")
    assert site.together("crm/a", "crm/b") and site.rows(IdentityDecision, verdict="different") == [] and site.faults() == []


# -- split


def test_a_split_is_remembered_for_ever(site: Site) -> None:
    specs = [site.person("a", "张伟", A), site.person("b", "张伟", A), site.person("c", "张伟", A)]
    site.land(*specs)
    old = site.home("crm/a")
    fresh = service.split(site.hub, old, refs(site, "b"), by="cli:wang")
    assert fresh != old and site.home("crm/b") == fresh and site.home("crm/c") == old
    row = site.one(Profile, ref=site.ref("crm/b"))
    assert (row.rule, row.evidence) == ("person", {"from": old})
    assert {(pair.a, pair.b) for pair in site.rows(IdentityDecision)} == {
        tuple(sorted(refs(site, "a", "b"))), tuple(sorted(refs(site, "b", "c"))),
    }  # fmt: skip
    # the same records again, changed records, records that a proof joins: nothing brings them together again
    site.land(*specs)
    site.land(*(site.person(own, "张伟", A, at="2026-11-22 12:00:00", stage="x") for own in "abc"))
    identifiers = [{"kind": "unionid", "scope": "w", "value": "u1"}]
    site.land(*(site.person(own, "张伟", A, at="2026-11-22 13:00:00", identifiers=identifiers) for own in "abc"))
    site.land(site.person("d", "张伟", A, identifiers=identifiers), key="other")
    assert not site.together("crm/a", "crm/b") and site.together("crm/a", "crm/c")
    assert site.home("other/d") in (old, fresh) and site.faults() == []


def test_a_split_outlives_a_later_merge_of_one_side(site: Site) -> None:
    site.land(site.person("a", "张伟", A), site.person("b", "张伟", A))
    fresh = service.split(site.hub, site.home("crm/a"), refs(site, "b"), by="w")
    site.land(site.person("z", "王芳", C))
    service.merge(site.hub, fresh, site.home("crm/z"), by="w")
    site.land(site.person("link", "", A, C))
    assert not site.together("crm/a", "crm/b") and site.faults() == []


@pytest.mark.parametrize("chosen", [[], ["a", "b"], ["x"], ["a", "x"], ["z"]])
def test_some_profiles_must_go_and_some_must_stay(small: Site, chosen: list[str]) -> None:
    small.land(small.person("a", "张伟", A), small.person("b", "张伟", A), small.person("z", "王芳", B))
    with pytest.raises(service.IdentityFault):
        service.split(small.hub, small.home("crm/a"), refs(small, *chosen), by="w")
    assert small.rows(LedgerEntry) == [] and small.rows(IdentityDecision) == []


def test_splitting_a_customer_that_is_none(small: Site) -> None:
    with pytest.raises(service.IdentityFault):
        service.split(small.hub, "cnothing", ["1|a"], by="w")


def test_both_halves_have_their_own_golden_record_keys_and_tokens(site: Site) -> None:
    site.land(site.person("a", "张伟", A), site.person("b", "Blue 太阳", A, B, stage="won"))
    old = site.home("crm/a")
    fresh = service.split(site.hub, old, refs(site, "b"), by="w")
    assert site.golden(old) == {"display_name": "张伟", "phones": [A], "kind": "person"}
    assert site.golden(fresh)["phones"] == [A, B] and site.golden(fresh)["stage"] == "won"
    assert site.one(Customer, id=old).stage is None and site.one(Customer, id=fresh).stage == "won"
    assert {item["id"] for item in service.find(site.hub, B)} == {fresh}
    assert {item["id"] for item in service.find(site.hub, "太阳")} == {fresh}
    assert [event.data for event in site.rows(Event, kind="customer.split")] == [{"other": fresh}]


# -- undo


def history(site: Site) -> dict[str, list[Any]]:
    """Everything that an undo must restore: who belongs where, and the golden records."""
    customers = {row.id: (row.state, row.merged_into, row.profiles, row.kind, row.stage) for row in site.rows(Customer)}
    golden = {cid: site.golden(cid) for cid, row in customers.items() if row[0] == "active"}
    profiles = {row.ref: (row.customer_id, row.rule, row.evidence) for row in site.rows(Profile)}
    return {"customers": customers, "golden": golden, "profiles": profiles}


def test_undo_restores_everything(site: Site) -> None:
    site.land(site.person("a", "张伟", A, stage="won", tags=[{"id": "vip"}]), site.person("a2", "张伟", A))
    site.land(site.person("b", "李强", B, stage="lead", tags=[{"id": "cold"}]))
    site.land(order("o1", "b"), stream="order")
    before, loser = history(site), site.home("crm/b")
    shown = service.show(site.hub, loser)
    service.merge(site.hub, site.home("crm/a"), loser, by="w")
    assert len(service.show(site.hub, loser)["orders"]) == 1
    site.forward(60)
    assert service.undo(site.hub, site.one(LedgerEntry).id, by="cli:li") == loser
    assert history(site) == before and site.rows(CustomerAlias) == [] and site.faults() == []
    again = service.show(site.hub, loser)
    assert {name: again[name] for name in ("fields", "tags", "orders", "deals")} == {
        name: shown[name] for name in ("fields", "tags", "orders", "deals")
    }
    assert service.show(site.hub, site.home("crm/a"))["orders"] == []


def order(own: str, buyer: str) -> dict[str, Any]:
    return {
        "id": own,
        "state": "paid",
        "total": "10.00",
        "paid": "10.00",
        "buyer": {"id": buyer},
        "created_at": "2026-11-22 09:00:00",
        "paid_at": "2026-11-22 09:01:00",
        "updated_at": "2026-11-22 09:02:00",
    }


def test_what_a_person_undid_the_machine_does_not_do_again(site: Site) -> None:
    identifiers = [{"kind": "unionid", "scope": "w", "value": "u1"}]
    site.land(site.person("a", "张伟", A))
    site.forward(60)
    site.land(site.person("b", "张伟", identifiers=identifiers))
    site.land(site.person("link", "张伟", A, identifiers=identifiers))
    entry = site.one(LedgerEntry, kind="merge")
    loser = service.undo(site.hub, entry.id, by="w")
    assert site.home("crm/b") == loser
    site.land(site.person("link", "张伟", A, identifiers=identifiers, at="2026-11-22 12:00:00", stage="x"))
    site.land(site.person("b", "张伟", A, identifiers=identifiers, at="2026-11-22 12:00:00"))
    assert site.home("crm/b") == loser and not site.together("crm/a", "crm/b") and site.faults() == []


@pytest.mark.parametrize("first", [0, 1])
def test_undo_in_any_order_after_later_merges(site: Site, first: int) -> None:
    """b into a, then a into c (c has more profiles). Either may be undone first."""
    ids = people(site, "张伟", "李强", "王芳")
    site.land(*(site.person(f"c{n}", "王芳", "13812345602") for n in range(3)))
    before = history(site)
    service.merge(site.hub, ids["a"], ids["b"], by="w")
    service.merge(site.hub, ids["a"], ids["c"], by="w")
    assert {site.home(f"crm/{own}") for own in "abc"} == {ids["c"]}
    entries = sorted(site.rows(LedgerEntry, kind="merge"), key=lambda row: row.id)
    service.undo(site.hub, entries[first].id, by="w")
    assert site.faults() == []
    with site.hub.db.read() as conn:
        wanted = {"a": ids["c"], "b": ids["b"]} if first == 0 else {"a": ids["a"], "b": ids["a"]}
        assert {own: service.current_id(conn, ids[own]) for own in "ab"} == wanted
    service.undo(site.hub, entries[1 - first].id, by="w")
    assert history(site) == before and site.faults() == [] and site.rows(CustomerAlias) == []


def test_undo_follows_the_survivor_where_it_went(site: Site) -> None:
    ids = people(site, "张伟", "李强", "王芳", "刘洋")
    service.merge(site.hub, ids["a"], ids["b"], by="w")
    service.merge(site.hub, ids["a"], ids["c"], by="w")
    site.land(*(site.person(f"d{n}", "刘洋", "13812345603") for n in range(6)))
    service.merge(site.hub, ids["a"], ids["d"], by="w")
    assert site.home("crm/b") == ids["d"]
    entries = sorted(site.rows(LedgerEntry, kind="merge"), key=lambda row: row.id)
    service.undo(site.hub, entries[1].id, by="w")
    assert site.home("crm/c") == ids["c"] and site.home("crm/a") == site.home("crm/b") == ids["d"]
    with site.hub.db.read() as conn:
        assert [service.current_id(conn, ids[own]) for own in "abcd"] == [ids["d"], ids["d"], ids["c"], ids["d"]]
    assert site.faults() == []


def test_profiles_that_a_split_took_elsewhere_stay_there(site: Site) -> None:
    ids = people(site, "张伟", "李强")
    site.land(site.person("b2", "李强", "13812345601"))
    site.land(*(site.person(f"a{n}", "张伟", "13812345600") for n in range(3)))
    service.merge(site.hub, ids["a"], ids["b"], by="w")
    elsewhere = service.split(site.hub, ids["a"], refs(site, "b2"), by="w")
    service.undo(site.hub, site.one(LedgerEntry, kind="merge").id, by="w")
    assert (site.home("crm/b"), site.home("crm/b2")) == (ids["b"], elsewhere) and site.faults() == []


def test_what_cannot_be_undone_is_said(small: Site) -> None:
    ids = people(small, "张伟", "李强", "王芳")
    service.merge(small.hub, ids["a"], ids["b"], by="w")
    merged = small.one(LedgerEntry).id
    service.undo(small.hub, merged, by="w")
    split = max(row.id for row in small.rows(LedgerEntry))
    for number in (merged, split, 999):
        with pytest.raises(service.IdentityFault):
            service.undo(small.hub, number, by="w")
    service.merge(small.hub, ids["a"], ids["b"], by="w")
    again = max(row.id for row in small.rows(LedgerEntry))
    service.split(small.hub, ids["a"], refs(small, "b"), by="w")
    with pytest.raises(service.IdentityFault, match="no longer with this customer"):
        service.undo(small.hub, again, by="w")
    assert small.faults() == []


def test_every_decision_is_in_the_audit_log(small: Site) -> None:
    ids = people(small, "张伟", "李强")
    service.merge(small.hub, ids["a"], ids["b"], by="cli:wang")
    service.undo(small.hub, small.one(LedgerEntry).id, by="cli:li")
    service.merge(small.hub, ids["a"], ids["b"], by="cli:wang")
    service.split(small.hub, ids["a"], refs(small, "b"), by="cli:wang")
    said = [(row.who, row.what) for row in small.rows(AuditEntry) if row.what.startswith("customer.")]
    assert said == [
        ("cli:wang", "customer.merge"),
        ("cli:li", "customer.undo"),
        ("cli:wang", "customer.merge"),
        ("cli:wang", "customer.split"),
    ]
    with small.hub.db.read() as conn:
        assert audit.verify(conn)[1] is None


# -- find and show


def test_find(site: Site) -> None:
    site.land(
        site.person("CUST-1", "王小明", A, emails=["xm@huamei.cn"], company="杭州华美科技有限公司", tax_id="91350100M000100Y43")
    )
    site.land(site.person("CUST-2", "王小红", "138****9999"), site.person("CUST-3", "曾伟", B))
    site.land(order("NO-778", "CUST-2"), stream="order")
    site.land({"id": "HT-9", "amount": "5", "customer": "CUST-3", "updated_at": "2026-11-22 09:00:00"}, stream="deal")
    one, two, three = (site.home(f"crm/CUST-{n}") for n in (1, 2, 3))

    def found(query: str) -> list[str]:
        return [item["id"] for item in service.find(site.hub, query)]

    assert found("小明") == found("wxm")[:1] == found(A) == found("+86 138-1236-5678") == found("XM@huamei.cn") == [one]
    assert found("华美") == found("91350100m000100y43") == found("CUST-1") == found(one) == found("5678")[:1] == [one]
    assert found("NO-778") == [two] and found("9999") == [two] and found("HT-9") == [three] and found("zw") == [three]
    assert set(found("王小")) == {one, two} and found("没有这个人") == [] and found("c" + "0" * 26) == []
    assert [item["id"] for item in service.find(site.hub, "  ")] == [item["id"] for item in service.newest(site.hub)]
    assert len(service.find(site.hub, "王小", limit=1)) == 1


def test_a_merged_customer_is_found_by_its_old_id_under_the_new_one(site: Site) -> None:
    ids = people(site, "张伟", "李强")
    service.merge(site.hub, ids["a"], ids["b"], by="w")
    assert [item["id"] for item in service.find(site.hub, ids["b"])] == [ids["a"]]
    assert [item["id"] for item in service.find(site.hub, "李强")] == [] or service.find(site.hub, "李强")[0]["id"] == ids["a"]


def test_the_newest_come_first_page_by_page(small: Site) -> None:
    ids = people(small, "张伟", "李强", "王芳")
    first = service.newest(small.hub, 2)
    assert [item["id"] for item in first] == [ids["c"], ids["b"]]
    assert [item["id"] for item in service.newest(small.hub, 2, before=first[-1]["changed_us"])] == [ids["a"]]


def test_show_tells_sources_tags_and_reasons_in_both_languages(site: Site) -> None:
    site.land({"id": "vip", "name": "大客户", "group": "等级"}, stream="tag")
    site.land(site.person("a", "张伟", A, tags=[{"id": "vip"}, {"id": "x", "name": "自定义"}]), site.person("b", "张伟", A))
    shown = service.show(site.hub, site.home("crm/a"))
    assert {(tag["name"], tag["group"]) for tag in shown["tags"]} == {("大客户", "等级"), ("自定义", None)}
    reasons = {profile["source_id"]: profile["reason"] for profile in shown["profiles"]}
    assert "电话号码相同" in str(reasons) and "the same telephone number" in str(reasons) and "bits" in str(reasons)
    assert {profile["account"] for profile in shown["profiles"]} == {"crm"}
    assert shown["fields"]["display_name"] == {"value": "张伟", "from": site.ref("crm/a")}
    assert service.show(site.hub, "cnothing") is None


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("rule", ["new", "person", "redo", "score", "proof:unionid", "proof:code", "proof:something_new"])
def test_every_rule_has_a_sentence(rule: str, lang: str) -> None:
    sentence = explain.link(rule, {"with": "x"}, "微信 x", lang)
    assert sentence.endswith("." if lang == "en" else "。")
    assert explain.entry("merge", rule, "hub", None, lang) != explain.entry("split", rule, "hub", None, lang) != ""


def test_an_account_that_is_not_there_is_asked_for_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's lists are no accounts: each profile of a customer would read the table once more."""
    account, asked = site.account(), 0
    plain = site.hub.db.read

    def reading() -> Any:
        nonlocal asked
        asked += 1
        return plain()

    monkeypatch.setattr(site.hub.db, "read", reading)
    sources = Sources(site.hub)
    assert {sources.rank(4711) for _ in range(3)} == {99} and sources.name(4711) == sources.name(4711) == "?:4711"
    assert sources.rank(account) < 99 and asked == 1
