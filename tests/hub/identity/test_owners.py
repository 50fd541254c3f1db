"""Owners in conflict (撞单): found in profiles and open deals, told to both, decided by ops, over when they agree."""

from __future__ import annotations

from typing import Any

import pytest

from config.settings import NoticeRule
from hub import privacy
from hub.identity.desk.service import IdentityFault
from hub.models import AuditEntry, Customer, ManualValue, OwnerCheck, OwnerConflict, Staff, StaffNotice
from hub.models.base import table
from hub.people import owners, ownership
from tests.hub.conftest import Site
from tests.hub.identity.weighed import bring

ANNE: dict[str, Any] = {"display_name": "欧阳晓岚", "phones": ["+8613812345679"]}


def staff(site: Site, key: str, own: str, name: str, state: str = "active", **more: str) -> None:
    row = {"ref": site.ref(f"{key}/{own}"), "account_id": site.account(key), "source_ref": f"s|{key}|{own}", "state": state}
    with site.hub.db.write() as conn:
        conn.execute(table(Staff).insert().values(**row, data={"name": name, **more}, deleted=False))


@pytest.fixture
def two(site: Site) -> Site:
    """One customer, served by 张磊 in the chat and by 王芳 in the CRM."""
    staff(site, "chat", "zhanglei", "张磊", phone="13900001111")
    staff(site, "crm", "12", "王芳")
    bring(site, ("chat/a", {**ANNE, "owner": "zhanglei"}), ("crm/a", {**ANNE, "owner": "12"}))
    assert site.together("chat/a", "crm/a")
    return site


def conflict(site: Site) -> Any:
    owners.look(site.hub)
    return owners.of(site.hub, site.home("chat/a"))


def deal(site: Site, number: str, owner: str, state: str = "draft") -> None:
    at = "2026-11-22 10:00:00" if state == "draft" else "2026-11-22 11:00:00"
    record = {"id": number, "state": state, "owner": owner, "customer": "a", "amount": "100.00", "updated_at": at}
    site.land(record, stream="deal", key="crm")


def test_two_owners_are_a_conflict(two: Site) -> None:
    found = conflict(two)
    assert (found["state"], found["reason"]) == ("open", "profiles")
    assert [(item["owner"], item["name"]) for item in found["owners"]] == [
        (two.ref("chat/zhanglei"), "张磊"), (two.ref("crm/12"), "王芳"),
    ]  # fmt: skip
    assert found["owners"][0]["since"] == two.now and found["owners"][0]["account"] == two.account("chat")
    (listed,) = owners.list_(two.hub)
    assert listed["fields"]["display_name"] == "欧阳晓岚"
    sealed = two.hub.db
    with sealed.read() as conn:
        raw = conn.exec_driver_sql("SELECT owners FROM owner_conflict").scalar_one()
    assert "张磊".encode() not in bytes(raw)


def test_one_person_on_two_platforms_is_no_conflict(site: Site) -> None:
    staff(site, "chat", "zhanglei", "张磊", phone="13900001111")
    staff(site, "crm", "12", "Zhang Lei", phone="13900001111")
    bring(
        site,
        ("chat/a", {**ANNE, "owner": "zhanglei"}),
        ("crm/a", {**ANNE, "owner": "12"}),
        ("erp/a", {**ANNE, "owner": "张磊"}),
    )
    assert site.together("chat/a", "crm/a", "erp/a") and conflict(site) is None


def test_namesakes_in_one_account_are_two(site: Site) -> None:
    for own in ("z1", "z2"):
        staff(site, "chat", own, "张磊")
    bring(site, ("chat/a", {**ANNE, "owner": "z1"}), ("chat/b", {**ANNE, "owner": "z2"}))
    assert conflict(site)["reason"] == "profiles"


def test_who_has_left_owns_nobody(site: Site) -> None:
    staff(site, "chat", "zhanglei", "张磊", state="left")
    bring(site, ("chat/a", {**ANNE, "owner": "zhanglei"}), ("crm/a", {**ANNE, "owner": "12"}))
    assert conflict(site) is None


def test_an_open_deal_of_somebody_else_is_a_conflict_until_it_closes(site: Site) -> None:
    bring(site, ("crm/a", {**ANNE, "owner": "12"}), ("chat/a", dict(ANNE)))
    assert conflict(site) is None
    deal(site, "HT-1", "77")
    assert len(site.rows(OwnerCheck)) == 1
    found = conflict(site)
    assert found["reason"] == "deal" and [item["deals"] for item in found["owners"]] == [[], ["HT-1"]]
    assert site.rows(OwnerCheck) == []
    site.forward(60)
    deal(site, "HT-1", "77", state="signed")
    assert conflict(site) is None and site.one(OwnerConflict).state == "agreed"


def test_it_is_over_when_the_owners_agree(two: Site) -> None:
    assert conflict(two)
    two.forward(60)
    bring(two, ("crm/a", {**ANNE, "owner": "张磊"}))
    assert conflict(two) is None and two.one(OwnerConflict).state == "agreed"
    two.forward(60)
    bring(two, ("crm/a", {**ANNE, "owner": "12"}))
    found = conflict(two)
    assert found["state"] == "open" and found["since"] == two.now


def test_it_is_over_when_one_leaves_though_no_customer_changes(two: Site) -> None:
    assert conflict(two)
    two.forward(3600)
    owners.look(two.hub)
    with two.hub.db.write() as conn:
        conn.execute(table(Staff).update().values(state="left").where(table(Staff).c.ref == two.ref("crm/12")))
    owners.look(two.hub)
    assert conflict(two) is None


def test_ops_decides_and_takes_it_back(two: Site) -> None:
    assert conflict(two)
    cid = two.home("crm/a")
    found = ownership.decide(two.hub, cid, two.ref("chat/zhanglei"), by="ops@hub.local")
    assert (found["state"], found["decided"], found["by"]) == ("decided", two.ref("chat/zhanglei"), "ops@hub.local")
    assert two.golden(cid)["owner"] == "zhanglei" and two.one(Customer, id=cid).owner == two.ref("chat/zhanglei")
    assert two.one(AuditEntry, what="owner.decide").who == "ops@hub.local"
    two.forward(600)
    bring(two, ("crm/a", {**ANNE, "owner": "12", "stage": "签约"}))
    assert conflict(two)["state"] == "decided" and two.golden(cid)["owner"] == "zhanglei", (
        "what sources say again changes nothing"
    )
    ownership.take_back(two.hub, cid, by="ops@hub.local")
    assert owners.of(two.hub, cid)["state"] == "open" and two.rows(ManualValue) == []  # type: ignore[index]
    assert two.golden(cid)["owner"] == "12"
    with pytest.raises(IdentityFault):
        ownership.take_back(two.hub, cid, by="ops")
    with pytest.raises(IdentityFault):
        ownership.decide(two.hub, cid, "9|nobody", by="ops")
    with pytest.raises(IdentityFault):
        ownership.decide(two.hub, "c-none", two.ref("crm/12"), by="ops")


def test_a_third_owner_opens_it_again(two: Site) -> None:
    conflict(two)
    ownership.decide(two.hub, two.home("crm/a"), two.ref("crm/12"), by="ops")
    two.forward(600)
    bring(two, ("erp/a", {**ANNE, "owner": "赵六"}))
    found = conflict(two)
    assert found["state"] == "open" and found["decided"] is None and len(found["owners"]) == 3


def test_both_are_told_once(two: Site) -> None:
    staff(two, "chat", "wangfang", "王芳")
    rule = NoticeRule(name="two", event="owner.conflict", through="chat", otherwise=["boss"])
    two.hub.settings = two.hub.settings.model_copy(update={"notices": [rule]})
    owners.look(two.hub)
    assert two.rows(StaffNotice) == [], "what a first reading brings is no news"
    bring(two, ("chat/n", {"display_name": "赵敏", "phones": ["+8613512340001"], "owner": "zhanglei"}),
          ("crm/n", {"display_name": "赵敏", "phones": ["+8613512340001"], "owner": "12"}))  # fmt: skip
    owners.look(two.hub)
    told = two.one(StaffNotice)
    assert sorted(told.receivers) == ["wangfang", "zhanglei"] and told.state == "pending"
    assert "赵**" in told.content["title"] and "赵敏" not in str(told.content) and "张磊、王芳" in told.content["text"]
    two.forward(600)
    bring(two, ("crm/n", {"display_name": "赵敏", "phones": ["+8613512340001"], "owner": "12", "stage": "x"}))
    owners.look(two.hub)
    assert len(two.rows(StaffNotice)) == 1
    privacy.erase(two.hub, two.home("crm/n"), reason="17", by="test")
    assert two.rows(StaffNotice) == [] and [row.customer_id for row in two.rows(OwnerConflict)] == [two.home("crm/a")]


def test_a_merged_customer_has_one_conflict(two: Site) -> None:
    conflict(two)
    two.forward(600)
    with two.hub.db.write() as conn:
        conn.exec_driver_sql("UPDATE customer SET state = 'merged', owner = NULL")
        owners.check(two.hub, conn, [two.home("crm/a")])
    assert two.rows(OwnerConflict) == []
