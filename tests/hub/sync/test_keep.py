"""A field that a mapping keeps stays where a record lacks it, and goes nowhere else; other mappings may empty their fields."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from connectors import registry
from hub import accounts, privacy
from hub.identity import resolve
from hub.identity.desk import service
from hub.models import Event, IdentityKey, Profile, Staff, TagAssignment
from hub.store.bulk import select_in
from hub.sync.landing import Counts, Lander
from mappings.compile import CompiledMapping

Site = Any
OLD, NEW = "13900000001", "13900000002"
KEEP = {"person": ["phones", "emails"], "contact": ["phones"], "staff": ["phone", "email"]}
FULL = {"id": "a", "name": "张伟", "phones": [OLD], "emails": ["zw@x.cn"], "updated_at": "2026-11-22 09:00:00"}


def bare(hour: int = 10, **more: Any) -> dict[str, Any]:
    """The same customer, read without the permission for phones and mailboxes."""
    return {"id": "a", "name": "张伟", "updated_at": f"2026-11-22 {hour}:00:00", **more}


def land(site: Site, *records: dict[str, Any], stream: str = "person", keep: bool = True, key: str = "crm") -> Counts:
    entry = registry.get("feed")
    source = yaml.safe_load((entry.mappings / f"{stream}.yaml").read_text("utf-8"))
    if keep:
        source["emits"][0]["keep"] = KEEP[stream]
    mapping = CompiledMapping(source, zone=entry.manifest.streams[stream].cursor.zone, context={"account": key}, place="test")
    lander = Lander(site.hub, accounts.by_id(site.hub, site.account(key)), stream, mapping=mapping)
    with site.hub.db.write() as conn:
        return lander.land(conn, records)


def phones(site: Site, ref: str = "crm/a") -> Any:
    return site.golden(site.home(ref)).get("phones")


def test_what_is_missing_keeps_its_value_its_key_and_its_place_in_search(site: Site) -> None:
    land(site, FULL)
    keys = {bytes(row.digest) for row in site.rows(IdentityKey)}
    assert land(site, bare(note="改过")).changed == 1
    found = site.golden(site.home("crm/a"))
    assert (found["phones"], found["emails"], found["note"]) == ([OLD], ["zw@x.cn"], "改过")
    assert {bytes(row.digest) for row in site.rows(IdentityKey)} == keys != set()
    assert [each["id"] for each in service.find(site.hub, OLD)] == [site.home("crm/a")]
    assert [each["id"] for each in service.find(site.hub, OLD[-4:])] == [site.home("crm/a")]
    assert site.faults() == []


def test_a_record_of_another_source_is_still_found_by_a_number_that_is_not_shown_any_more(site: Site) -> None:
    land(site, FULL)
    land(site, bare(note="改过"))
    site.land(site.person("b", "张伟", OLD), key="shop")
    assert site.together("crm/a", "shop/b")


def test_a_record_that_only_lost_its_permission_changes_nothing_and_tells_nobody(site: Site) -> None:
    land(site, FULL)
    profile, events = site.one(Profile), site.rows(Event)
    land(site, bare())
    land(site, bare())
    assert site.one(Profile) == profile and site.rows(Event) == events
    again = site.snapshot()
    assert land(site, bare()).unchanged == 1 and site.snapshot() == again


def test_a_new_value_overwrites_and_an_older_record_does_not(site: Site) -> None:
    land(site, FULL)
    land(site, bare(11, phones=[NEW]))
    assert phones(site) == [NEW]
    land(site, bare(10, phones=[OLD]))
    land(site, bare(12))
    assert phones(site) == [NEW] and service.find(site.hub, OLD) == []


def test_each_field_is_kept_for_itself(site: Site) -> None:
    land(site, FULL)
    land(site, bare(phones=[NEW]))
    found = site.golden(site.home("crm/a"))
    assert (found["phones"], found["emails"]) == ([NEW], ["zw@x.cn"])


def test_fields_that_are_not_kept_go_when_the_source_empties_them(site: Site) -> None:
    land(site, {**FULL, "note": "旧", "address": "文三路1号"})
    land(site, bare())
    assert "note" not in site.golden(site.home("crm/a")) and "address" not in site.golden(site.home("crm/a"))


def test_a_mapping_that_keeps_nothing_lets_a_source_empty_a_field(site: Site) -> None:
    land(site, FULL, keep=False)
    land(site, bare(), keep=False)
    assert phones(site) is None and service.find(site.hub, OLD) == []


def test_a_first_record_without_the_field_has_none(site: Site) -> None:
    land(site, bare())
    assert phones(site) is None


def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The readings of stored profiles that resolving does from now on: table, and how many were asked for."""
    read: list[tuple[str, int]] = []

    def asked(conn: Any, name: str, columns: Any, where: str, values: Any) -> Any:
        read.extend([(name, len(values))] if values else ())
        return select_in(conn, name, columns, where, values)

    monkeypatch.setattr(resolve, "select_in", asked)
    return read


def test_many_records_at_once_are_filled_by_one_reading(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [{**FULL, "id": str(n), "name": f"张{n}", "phones": [f"139000010{n:02}"], "emails": []} for n in range(40)]
    land(site, *people)
    read = counted(monkeypatch)
    land(site, *({**bare(), "id": str(n), "name": f"张{n}", "note": "改"} for n in range(40)))
    assert read == [("profile", 40)]
    assert [phones(site, f"crm/{n}") for n in range(40)] == [[f"139000010{n:02}"] for n in range(40)]
    assert site.faults() == []


def test_nothing_is_read_where_nothing_lacks_or_the_mapping_keeps_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    land(site, FULL)
    read = counted(monkeypatch)
    land(site, {**FULL, "updated_at": "2026-11-22 10:00:00", "note": "改"})
    land(site, bare(11), keep=False)
    assert read == []


def test_tags_of_a_record_without_the_permission_are_read_as_before(site: Site) -> None:
    land(site, {**FULL, "tags": [{"id": "vip", "name": "大客户"}]})
    land(site, bare(tags=[{"id": "new", "name": "新客"}]))
    assert {row.tag_ref.split("|")[1] for row in site.rows(TagAssignment)} == {"new"} and phones(site) == [OLD]


def test_a_customer_deleted_and_read_again_has_its_number(site: Site) -> None:
    land(site, FULL)
    site.gone("a")
    land(site, bare(12))
    assert phones(site) == [OLD]


def test_what_was_erased_does_not_come_back(site: Site) -> None:
    land(site, FULL)
    privacy.erase(site.hub, site.home("crm/a"), reason="77", by="test")
    land(site, bare(12))
    assert service.find(site.hub, OLD) == [] and phones(site) is None


def test_staff_keep_telephone_and_mailbox(site: Site) -> None:
    full = {"id": "s1", "name": "赵磊", "phone": OLD, "email": "zl@x.cn", "state": "on"}
    land(site, full, {**full, "id": "s2", "name": "钱进"}, stream="staff")
    land(site, {"id": "s1", "name": "赵磊磊", "state": "on"}, {**full, "id": "s2", "phone": NEW}, stream="staff")
    data = {row.ref.split("|")[1]: row.data for row in site.rows(Staff)}
    assert data["s1"] == {"name": "赵磊磊", "phone": OLD, "email": "zl@x.cn"}
    assert data["s2"]["phone"] == NEW


def test_staff_of_a_mapping_that_keeps_nothing_lose_what_the_source_empties(site: Site) -> None:
    land(site, {"id": "s1", "name": "赵磊", "phone": OLD, "state": "on"}, stream="staff", keep=False)
    land(site, {"id": "s1", "name": "赵磊", "state": "on"}, stream="staff", keep=False)
    (row,) = site.rows(Staff)
    assert "phone" not in row.data


@pytest.mark.parametrize("stream", ["person", "contact", "external", "staff"])
def test_dingtalk_keeps_what_its_permissions_may_hide(stream: str) -> None:
    entry = registry.get("dingtalk")
    source = yaml.safe_load((entry.mappings / f"{stream}.yaml").read_text("utf-8"))
    wanted = {name for name in ("phones", "emails", "phone", "email") if name in source["emits"][0]["fields"]}
    assert set(source["emits"][0]["keep"]) == wanted != set()
