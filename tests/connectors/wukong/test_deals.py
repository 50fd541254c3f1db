"""Contracts: approval that no modification time shows, when a contract was signed, and how it ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from connectors.errors import ScopeMissing
from connectors.registry import get
from connectors.wukong.sim_flow import REFUSED, WITHDRAWN
from mappings.compile import load_mapping

LINES = [
    {"productId": 1, "productName": "年度服务", "price": 1000, "salesPrice": 900, "num": 1, "discount": 10, "subtotal": 900.1},
    {"productId": 2, "productName": "实施", "price": 300, "salesPrice": 300, "num": 1, "discount": 0, "subtotal": 300.4},
]


def contract(place, status=3, num="HT-2026-001", **options):
    customer = place.sim.add_customer("郑州甲方有限公司")
    return str(place.sim.add_contract(customer, num, "1200.50", "2026-02-27", status, lines=LINES, **options))


def is_open(record):
    path = get("wukong").mappings / "deal.yaml"
    return load_mapping(path, zone="Asia/Shanghai", context={"instance": "x", "account": "x"}).apply(record).is_open


def test_an_approval_is_seen_by_key_though_the_list_time_stands_still(place):
    key = contract(place)
    connector = place.connector()
    before = place.read(connector, "deal")[key]
    assert place.mapped("deal", before)["fields"]["state"] == "in_review"
    assert is_open(before), "an unsigned contract is not read again"
    place.sleep(3600)
    place.sim.approve(key)
    listed, stored = place.sim.row("deal", key).index, place.sim.row("deal", key).detail
    assert listed["updateTime"] == before["updateTime"] != stored["updateTime"]
    assert place.read(connector, "deal", place.window(30)) == {}, "the list's time moved: the trap is gone, look again"
    ((found, after),) = connector.fetch_many("deal", [key])
    assert found == key
    fields = place.mapped("deal", after)["fields"]
    assert fields["state"] == "signed"
    assert fields["effective_at"] == datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
    assert fields["signed_on"] == date(2026, 2, 27)
    assert not is_open(after), "a signed contract would cost three calls every five minutes"


def test_reading_twice_by_either_way_gives_the_same_record(place):
    for number, status in enumerate((0, 1, 2, 3, 4, 5, 8, 10)):
        contract(place, status, f"HT-{number}")
    connector = place.connector()
    first, second = place.read(connector, "deal"), place.read(connector, "deal")
    assert first == second == dict(connector.fetch_many("deal", list(first)))
    assert len(first) == 8


@pytest.mark.parametrize(
    ("status", "state", "signed", "lines"),
    [
        (0, "in_review", False, 0),
        (1, "signed", True, 2),
        (2, "refused", False, 0),
        (3, "in_review", False, 0),
        (4, "draft", False, 0),
        (5, "draft", False, 0),
        (8, "reversed", True, 2),
        (10, "signed", True, 2),
    ],
)
def test_states(place, status, state, signed, lines):
    key = contract(place, status)
    found = place.mapped("deal", place.read(place.connector(), "deal")[key])
    assert found["fields"]["state"] == state
    assert ("effective_at" in found["fields"]) is signed
    assert len(found["lines"]) == lines


def test_amounts_are_exact_and_lines_are_theirs(place):
    key = contract(place, 10)
    found = place.mapped("deal", place.read(place.connector(), "deal")[key])
    assert found["fields"]["amount"] == 120_050
    assert found["fields"]["received"] == 0
    assert found["fields"]["customer"] == str(place.sim.row("deal", key).detail["customerId"])
    assert [line["amount"] for line in found["lines"]] == [90_010, 30_040]
    assert [line["key"] for line in found["lines"]] == ["1", "2"]


def test_the_last_approval_counts_not_the_first(place):
    key = contract(place)
    log = place.sim.row("deal", key).detail["examineRecordId"]
    place.sim.flow._log(log, 1)
    place.sleep(7200)
    place.sim.approve(key)
    found = place.mapped("deal", place.connector().fetch_one("deal", key))
    assert found["fields"]["effective_at"] == datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def test_a_flow_without_a_step_signs_at_creation(place, browser):
    place.sim.flow.states[6] = "no_step"
    customer = place.sim.add_customer("郑州乙方有限公司")
    body = {"entity": {"num": "HT-9", "customerId": customer, "money": 5}, "examineFlowData": {"optionalList": []}}
    assert browser.json("crmContract/add", body) == {"code": 0, "msg": "success", "data": None}
    (record,) = place.read(place.connector(), "deal").values()
    assert record["checkStatus"] == 1
    assert record["_signedTime"] == record["createTime"]


def test_a_void_contract_arrives_by_time_and_is_reversed(place):
    key = contract(place, 1)
    connector = place.connector()
    place.sleep(7200)
    place.sim.discard(key)
    record = place.read(connector, "deal", place.window(30))[key]
    assert place.mapped("deal", record)["fields"]["state"] == "reversed"


def test_a_deleted_contract_is_gone(place):
    keys = [contract(place, 3, "HT-1"), contract(place, 3, "HT-2")]
    place.sim.delete("deal", keys[0])
    assert {key: record is None for key, record in place.connector().fetch_many("deal", keys)} == {
        keys[0]: True,
        keys[1]: False,
    }


def test_a_refused_or_withdrawn_contract_stays_watched(place):
    for status in (REFUSED, WITHDRAWN):
        key = contract(place, num=f"HT-{status}")
        place.sim.flow.decide(6, int(key), status)
        assert is_open(place.connector().fetch_one("deal", key))


def test_a_hundred_and_thirty_contracts_are_two_list_calls(place):
    customer = place.sim.add_customer("郑州丙方有限公司")
    keys = [str(place.sim.add_contract(customer, f"HT-{number}", 1, "2026-03-01")) for number in range(130)]
    connector = place.connector()
    assert [key for key, record in connector.fetch_many("deal", keys) if record] == keys
    assert place.sim.calls["/crmContract/queryPageList"] == 2


def test_what_a_signed_contract_costs(place):
    """Three calls for an approved contract, one for one without a flow, none for the others."""
    connector = place.connector()
    for status, calls in ((1, 3), (10, 1), (3, 0), (5, 0)):
        key = contract(place, status, f"HT-{status}")
        connector.fetch_one("deal", key)
        before = sum(place.sim.calls.values())
        connector.fetch_one("deal", key)
        assert sum(place.sim.calls.values()) - before == calls + 2, f"status {status}"


def test_lines_can_be_left_out(place):
    key = contract(place, 10)
    assert "_products" not in place.connector(with_lines=False).fetch_one("deal", key)


def test_more_than_a_hundred_lines_are_read_page_by_page(place):
    customer = place.sim.add_customer("郑州丁方有限公司")
    lines = [{"productId": number, "productName": f"产品{number}", "num": 1, "subtotal": 1} for number in range(230)]
    key = str(place.sim.add_contract(customer, "HT-L", 230, "2026-03-01", 10, lines=lines))
    assert len(place.connector().fetch_one("deal", key)["_products"]) == 230


def test_a_row_that_is_not_for_us_is_no_deletion(place):
    """Without the super-administrator role a foreign row answers dataAuth 0: a missing right, not a deleted contract."""
    key = contract(place)
    place.sim.add_user("13800000009", "Sales@2026", "销售")
    with pytest.raises(ScopeMissing) as caught:
        place.connector(username="13800000009", password="Sales@2026").fetch_one("deal", key)
    assert caught.value.key == "wukong.no_right"


def test_received_money_does_not_move_the_time(place, browser):
    """Why received amounts wait for the daily sweep."""
    key = contract(place, 10)
    place.sleep(3600)
    place.sim.flow.states[7] = "inactive"
    entity = {"number": "HK-1", "customerId": 1, "contractId": int(key), "money": 200.05, "returnTime": "2026-03-01"}
    assert browser.json("crmReceivables/add", {"entity": entity})["code"] == 0
    assert place.read(place.connector(), "deal", place.window(30)) == {}
    found = place.mapped("deal", place.connector().fetch_one("deal", key))
    assert found["fields"]["received"] == 20_005
    assert place.sim.row("deal", key).detail["unreceivedMoney"] == Decimal("1000.45")
    assert timedelta(minutes=5) == get("wukong").manifest.streams["deal"].rescan
