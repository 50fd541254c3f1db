"""The document number written back to the customer of a contract."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from connectors.base import Document, Money, Party
from connectors.errors import ConfigError, InDoubt, Rejected, ScopeMissing
from connectors.wukong.writeback import holds, with_entry

FIELD = "field_1numbr"
WRITE = "/crmCustomer/updateInformation"


def document(place, key, number="AR2026110001", customer=None, note=""):
    row = place.sim.row("deal", key)
    source = {"stream": "deal", "key": str(key), "customer": str(customer or row.detail["customerId"])}
    return Document(
        "write_back", number, date(2026, 3, 1), Money(120_050), Party("C1", "郑州甲方有限公司"), note=note, source=source
    )


def signed(place, num="HT-2026-001", customer=None):
    customer = customer or place.sim.add_customer("郑州甲方有限公司", mobile="13800000001", 客户标签="重点")
    return place.sim.add_contract(customer, num, "1200.50", "2026-02-27", 1)


def text_of(place, key):
    row = place.sim.row("customer", place.sim.row("deal", key).detail["customerId"])
    return place.sim.store.detail(2, row).get(FIELD)


def test_the_number_stands_beside_the_contract_number(place):
    key = signed(place)
    sink, paper = place.connector(), document(place, key, note="金蝶应收单\n已审核")
    assert sink.find(paper) is None
    receipt = sink.send(paper)
    assert receipt.complete and receipt.number == paper.number
    assert text_of(place, key) == "HT-2026-001:AR2026110001 金蝶应收单 已审核"
    assert sink.find(paper) == receipt
    (entry,) = place.sim.ledger
    assert (entry["kind"], entry["number"], entry["contract"]) == ("write_back", "AR2026110001", "HT-2026-001")
    assert str(entry["customerId"]) == receipt.platform_id


def test_a_contract_of_its_own_could_not_take_it(place, browser):
    """Why the customer is written: an approved contract refuses both kinds of change."""
    key = signed(place)
    field = {"fieldId": 1, "fieldName": "remark", "fieldType": 1, "name": "备注", "type": 2, "value": "AR1"}
    assert browser.json("crmContract/updateInformation", {"id": key, "batchId": "x", "list": [field]})["code"] == 2014
    assert browser.json("crmContract/update", {"entity": {"contractId": key, "remark": "AR1"}, "field": []})["code"] == 2085


def test_what_stood_there_stays(place):
    customer = place.sim.add_customer("郑州甲方有限公司", 财务单据号="人工备注", 客户标签="重点")
    first, second = signed(place, "HT-1", customer), signed(place, "HT-2", customer)
    sink = place.connector()
    sink.send(document(place, first, "AR-1"))
    sink.send(document(place, second, "AR-2"))
    assert text_of(place, first) == "人工备注\nHT-1:AR-1\nHT-2:AR-2"
    row = place.sim.row("customer", customer)
    assert row.index["fieldTagabc"] == place.sim.store.detail(2, row)["fieldTagabc"] == "重点"
    assert row.index[FIELD] == text_of(place, first), "list and detail part company: the wrong batchId was sent"


def test_sending_twice_writes_once(place):
    key = signed(place)
    paper = document(place, key)
    place.connector().send(paper)
    place.connector().send(paper)
    assert place.sim.calls[WRITE] == 1
    assert len(place.sim.ledger) == 1


def test_a_write_cut_after_it_was_done_is_found(place):
    key = signed(place)
    paper = document(place, key)
    place.sim.faults.cut_after = Counter({WRITE: 1})
    with pytest.raises(InDoubt):
        place.connector().send(paper)
    assert place.sim.calls[WRITE] == 1
    assert place.connector().find(paper).complete
    assert len(place.sim.ledger) == 1


def test_a_write_cut_before_it_was_done_is_absent(place):
    key = signed(place)
    paper = document(place, key)
    place.sim.faults.cut_before = Counter({WRITE: 1})
    with pytest.raises(InDoubt):
        place.connector().send(paper)
    assert place.connector().find(paper) is None
    assert place.sim.ledger == []


def test_the_index_delay_does_not_hide_what_was_written(place):
    place.sim.store.index_delay = timedelta(seconds=1)
    key = signed(place)
    place.sleep(1)
    paper = document(place, key)
    place.connector().send(paper)
    assert place.connector().find(paper) is not None


def test_a_longer_number_is_another_number(place):
    key = signed(place)
    place.connector().send(document(place, key, "AR-11"))
    assert place.connector().find(document(place, key, "AR-1")) is None
    assert place.connector().find(document(place, key, "R-11")) is None
    assert holds({"value": "HT:A-1; HT2:A-12"}, "A-1")
    assert not holds({"value": "HT:A-12\nHT2:XA-1"}, "A-1")


def test_a_full_field_is_refused_and_nothing_is_cut(place):
    customer = place.sim.add_customer("郑州甲方有限公司", 财务单据号="满" * 795)
    key = signed(place, "HT-1", customer)
    with pytest.raises(Rejected) as caught:
        place.connector().send(document(place, key))
    assert caught.value.key == "wukong.field_full"
    assert place.sim.calls[WRITE] == 0
    assert text_of(place, key) == "满" * 795


def test_the_note_gives_way_before_the_number_does():
    field = {"type": 1, "maxLength": 20, "name": "单号", "value": "HT-1:AR-1"}
    assert with_entry(field, "HT-2", "AR-2", "") == "HT-1:AR-1; HT-2:AR-2"
    assert with_entry(field, "HT-2", "AR-2", "金蝶") == "HT-1:AR-1; HT-2:AR-2"
    assert with_entry({**field, "maxLength": None}, "HT-2", "AR-2", "金; 蝶") == "HT-1:AR-1; HT-2:AR-2 金, 蝶"
    with pytest.raises(Rejected):
        with_entry({**field, "maxLength": 19}, "HT-2", "AR-2", "")


def test_a_deleted_contract_or_customer_is_refused(place):
    key = signed(place)
    paper = document(place, key)
    place.sim.delete("deal", key)
    with pytest.raises(Rejected) as caught:
        place.connector().send(paper)
    assert caught.value.key == "wukong.nothing_to_write_to"
    place.sim.delete("customer", paper.source["customer"])
    assert place.connector().find(paper) is None
    with pytest.raises(Rejected):
        place.connector().send(paper)


def test_a_document_without_its_customer_asks_the_contract(place):
    key = signed(place)
    paper = document(place, key)
    del paper.source["customer"]
    assert place.connector().send(paper).platform_id == str(place.sim.row("deal", key).detail["customerId"])
    assert place.connector().find(paper) is not None


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"writeback_field": ""}, "wukong.no_field"),
        ({"writeback_field": "没有的字段"}, "wukong.field_missing"),
        ({"writeback_field": "客户名称"}, "wukong.field_unusable"),
        ({"writeback_field": "客户标签"}, "wukong.field_unusable"),
    ],
)
def test_a_wrong_field_is_named_before_anything_is_written(place, change, error):
    key = signed(place)
    with pytest.raises(ConfigError) as caught:
        place.connector(**change).send(document(place, key))
    assert caught.value.key == error
    assert place.sim.calls[WRITE] == 0
    bad = [finding for finding in place.connector(**change).check() if not finding.ok]
    assert len(bad) == (0 if change["writeback_field"] == "" else 1)


def test_a_unique_field_is_refused(place):
    next(field for field in place.sim.store.objects[2].fields if field.name == FIELD).unique = True
    with pytest.raises(ConfigError) as caught:
        place.connector().send(document(place, signed(place)))
    assert caught.value.key == "wukong.field_unusable"


def test_a_missing_right_wrote_nothing(place):
    key = signed(place)
    place.sim.logins.users[14773].denied.add("crmCustomer/updateInformation")
    with pytest.raises(ScopeMissing):
        place.connector().send(document(place, key))
    assert place.sim.ledger == []


def test_a_session_that_ends_before_the_write_is_renewed_and_written_once(place):
    key = signed(place)
    sink = place.connector()
    field = sink.write_field

    def and_die(customer=""):
        found = field(customer)
        place.sim.kill_tokens()
        return found

    sink.write_field = and_die  # type: ignore[method-assign]
    sink.send(document(place, key))
    assert len(place.sim.ledger) == 1
