"""Customers, contacts and staff: what a record holds, pools, masks, tags, and the other dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from connectors.base import Document, Money, Party
from connectors.errors import ConfigError, MappingError


def test_a_customer(place):
    key = str(
        place.sim.add_customer(
            "郑州甲方有限公司", mobile="13800000001", telephone="0371-60000000", email="a@example.com",
            address="河南省,郑州市,金水区", detailAddress="文化路1号", 客户标签="重点,续费", 客户来源="电话咨询",
        )
    )  # fmt: skip
    record = place.read(place.connector(), "customer")[key]
    found = place.mapped("customer", record)
    assert found["id"] == key
    assert found["keys"] == [("platform_id", "wukong:sandbox:customer", key)]
    fields = found["fields"]
    assert "kind" not in fields, "Wukong does not say whether a customer is a person or a company"
    assert fields["phones"] == ["13800000001", "0371-60000000"]
    assert fields["emails"] == ["a@example.com"]
    assert [tag["key"] for tag in fields["tags"]] == ["重点", "续费"]
    assert fields["created_at"] == datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
    assert fields["address"] == "河南省,郑州市,金水区 文化路1号"
    assert record["_custom"]["财务单据号"] == ""
    assert "batchId" not in record and "poolDay" not in record


def test_a_contact_is_a_person_of_its_own(place):
    customer = place.sim.add_customer("郑州甲方有限公司")
    key = str(place.sim.add_contact(customer, "王小明", mobile="13700000001", post="采购经理"))
    found = place.mapped("contact", place.read(place.connector(), "contact")[key])
    assert found["id"] == f"contact:{key}"
    assert found["keys"] == [("platform_id", "wukong:sandbox:contact", key)]
    assert found["fields"]["kind"] == "person"
    assert found["fields"]["company"] == "郑州甲方有限公司"
    assert found["fields"]["phones"] == ["13700000001"]


def test_staff_without_the_service_account_and_without_password_hashes(place):
    user = place.sim.add_user("13900000001", "Sales@2026", "李雷", email="l@example.com")
    user.extra["password"] = "0123456789abcdef"
    (record,) = place.read(place.connector(), "staff").values()
    assert "password" not in record
    assert place.mapped("staff", record)["fields"] == {
        "name": "李雷",
        "phone": "13900000001",
        "email": "l@example.com",
        "department": "销售部",
        "state": "active",
    }


def test_a_customer_in_a_pool_is_not_deleted(place, browser):
    keys = [str(place.sim.add_customer(f"郑州{name}有限公司", mobile="13800000001")) for name in "甲乙丙"]
    connector = place.connector()
    before = place.read(connector, "customer")
    assert browser.json("crmCustomer/updateCustomerByIds", {"ids": [int(keys[1])], "poolId": 1})["code"] == 0
    place.sim.delete("customer", keys[2])
    assert set(place.read(connector, "customer")) == {keys[0]}
    found = dict(connector.fetch_many("customer", keys))
    assert found[keys[0]] == before[keys[0]]
    assert found[keys[2]] is None
    pooled = place.mapped("customer", found[keys[1]])
    assert "owner" not in pooled["fields"]
    assert {**pooled, "fields": {**pooled["fields"], "owner": "14773"}} == place.mapped("customer", before[keys[1]])


def test_a_new_owner_comes_with_the_next_reading_by_key(place, browser):
    key = str(place.sim.add_customer("郑州甲方有限公司"))
    user = place.sim.add_user("13900000001", "Sales@2026", "李雷")
    place.sleep(3600)
    body = {"ids": [int(key)], "ownerUserId": user.id, "transferType": 1, "changeType": []}
    assert browser.json("crmCustomer/changeOwnerUser", body)["code"] == 0
    connector = place.connector()
    assert place.read(connector, "customer", place.window(30)) == {}
    assert place.mapped("customer", connector.fetch_one("customer", key))["fields"]["owner"] == str(user.id)


def test_masked_values_never_become_phones(place):
    user = place.sim.add_user("13900000001", "Sales@2026", "李雷", masked={"mobile", "email", "money"})
    mine = {"ownerUserId": user.id}
    key = str(place.sim.add_customer("郑州甲方有限公司", mobile="13800000001", email="someone@example.com", **mine))
    deal = str(place.sim.add_contract(int(key), "HT-1", 5, "2026-03-01", **mine))
    connector = place.connector(username=user.username, password=user.password)
    record = connector.fetch_one("customer", key)
    assert record["mobile"] == "138****0001"
    fields = place.mapped("customer", record)["fields"]
    assert "phones" not in fields and "emails" not in fields
    with pytest.raises(MappingError):
        place.mapped("deal", connector.fetch_one("deal", deal))


def test_tags_need_their_column(place):
    place.sim.add_customer("郑州甲方有限公司")
    with pytest.raises(ConfigError) as caught:
        place.read(place.connector(tag_field="标签"), "customer")
    assert caught.value.key == "wukong.tag_field"
    (record,) = place.read(place.connector(tag_field=""), "customer").values()
    assert "_tags" not in record
    assert place.mapped("customer", record)["fields"]["tags"] == []


@pytest.fixture
def later_edition(install: Callable[..., Any]) -> Iterator[Any]:
    installation = install("auth_token")
    yield installation
    installation.served.close()


def test_the_later_dialect_has_its_own_header_and_ids_as_text(later_edition):
    place = later_edition
    customer = place.sim.add_customer("郑州甲方有限公司")
    key = str(place.sim.add_contract(customer, "HT-1", "9.99", "2026-03-01", 1))
    connector = place.connector()
    assert all(finding.ok for finding in connector.check())
    record = place.read(connector, "deal")[key]
    assert record["contractId"] == key and len(key) == 19
    assert place.mapped("deal", record)["fields"]["customer"] == str(customer)
    assert connector.fetch_one("deal", key) == record
    source = {"stream": "deal", "key": key, "customer": str(customer)}
    paper = Document("write_back", "AR-1", date(2026, 3, 1), Money(999), Party("C1", "甲方"), source=source)
    assert connector.find(paper) is None
    assert connector.send(paper) == connector.find(paper)
    assert [entry["number"] for entry in place.sim.ledger] == ["AR-1"]


def test_the_wrong_dialect_is_told(later_edition):
    (finding,) = later_edition.connector(dialect="admin_token").check()
    assert not finding.ok and finding.fix_en
