"""The simulator's writes, approvals and deletions follow the product's rules."""

from __future__ import annotations

import pytest

FLOW = {"dataMap": {}, "optionalList": []}


def codes(answers):
    return [answer["code"] for answer in answers]


def add_contract(browser, num="HT-1", customer=None, **entity):
    if customer is None:
        customer = browser.json("crmCustomer/add", {"entity": {"customerName": f"甲{num}"}})["data"]["customerId"]
    body = {"entity": {"num": num, "customerId": customer, "money": 1200, "orderDate": "2026-03-01", **entity}}
    return browser.json("crmContract/add", {**body, "product": [], "field": [], "examineFlowData": FLOW})


def listed(browser, path, **body):
    return {row[f"{path.removeprefix('crm').lower()}Id"]: row for row in browser.rows(path, **body)}


def times(place, stream, key):
    row = place.sim.row(stream, key)
    return row.index["updateTime"], row.detail["updateTime"]


def test_which_changes_move_the_list_time(place, browser):
    key = place.sim.add_customer("甲")
    contract = place.sim.add_contract(key, "HT-1", 1, "2026-03-01", 3)
    born = times(place, "customer", key)[0]
    place.sleep(60)
    place.sim.approve(contract)
    assert times(place, "deal", contract) == (born, "2026-03-01 09:01:00")
    assert (browser.rows("crmCustomer")[0]["dealStatus"], times(place, "customer", key)[0]) == (1, born)
    form = {"ids": key, "status": 2}
    assert browser.form("crmCustomer/lock", **form)["code"] == 0
    assert times(place, "customer", key)[0] == born
    place.sim.discard(contract)
    assert times(place, "deal", contract)[0] == "2026-03-01 09:01:00"


def test_a_renamed_customer_shows_in_its_contracts_without_a_new_time(place, browser):
    key = place.sim.add_customer("甲")
    contract = place.sim.add_contract(key, "HT-1", 1, "2026-03-01")
    place.sleep(60)
    batch = browser.form(f"crmCustomer/queryById/{key}")["data"]["batchId"]
    field = next(one for one in browser.form("crmCustomer/field", type=1)["data"] if one["fieldName"] == "customerName")
    body = {"id": key, "batchId": batch, "list": [{**field, "value": "乙"}]}
    assert browser.json("crmCustomer/updateInformation", body)["code"] == 0
    (row,) = browser.rows("crmContract")
    assert row["customerName"] == "乙"
    assert times(place, "deal", contract)[0] == "2026-03-01 09:00:00"
    assert times(place, "customer", key)[0] == "2026-03-01 09:01:00"


@pytest.mark.parametrize(("flow", "status"), [("active", 3), ("inactive", 10), ("no_step", 1)])
def test_what_a_submitted_contract_becomes(place, browser, flow, status):
    place.sim.flow.states[6] = flow
    assert add_contract(browser) == {"code": 0, "msg": "success", "data": None}
    (row,) = browser.rows("crmContract")
    assert row["checkStatus"] == status and row["ownerUserId"] == 14773
    detail = browser.form(f"crmContract/queryById/{row['contractId']}")["data"]
    assert (detail["examineRecordId"] is not None) is (flow == "active")
    assert browser.rows("crmCustomer")[0]["dealStatus"] == int(status != 3)


def test_an_active_flow_needs_the_empty_list(place, browser):
    key = place.sim.add_customer("甲")
    body = {"entity": {"num": "HT-1", "customerId": key, "money": 1}}
    assert browser.json("crmContract/add", body)["code"] == 500
    assert browser.json("crmContract/add", {**body, "examineFlowData": {"dataMap": {}}})["code"] == 500
    body["entity"]["checkStatus"] = 5
    assert browser.json("crmContract/add", {**body, "examineFlowData": FLOW})["code"] == 0
    assert browser.rows("crmContract")[0]["checkStatus"] == 5


def test_the_approval_log_begins_with_the_creation(place, browser):
    contract = place.sim.add_contract(place.sim.add_customer("甲"), "HT-1", 1, "2026-03-01")
    place.sleep(60)
    place.sim.approve(contract)
    log = place.sim.row("deal", contract).detail["examineRecordId"]
    items = browser.form("examineRecord/queryExamineRecordLog", recordId=log)["data"]
    assert [(item["examineStatus"], item["examineTime"]) for item in items] == [(6, None), (1, "2026-03-01 09:01:00")]


def test_numbers_and_dates_of_contracts_are_checked(browser):
    assert codes([add_contract(browser, "HT-1"), add_contract(browser, "HT-1"), add_contract(browser, "HT-2")]) == [0, 2010, 0]
    assert add_contract(browser, "HT-3", startTime="2026-03-02", endTime="2026-03-01")["code"] == 2009
    key = browser.rows("crmContract")[0]["contractId"]
    number = browser.rows("crmContract")[0]["num"]
    assert browser.json("crmContract/deleteByIds", [key])["code"] == 0
    assert add_contract(browser, number)["code"] == 0, "a deleted contract still holds its number"


def test_add_makes_twins_and_updateInformation_does_not(place, browser):
    first = browser.json("crmCustomer/add", {"entity": {"customerName": "甲"}})["data"]
    second = browser.json("crmCustomer/add", {"entity": {"customerName": "甲"}})["data"]
    assert first["customerName"] == second["customerName"] and first["customerId"] != second["customerId"]
    field = next(one for one in browser.form("crmCustomer/field", type=1)["data"] if one["fieldName"] == "customerName")
    assert browser.json("crmField/verify", {"fieldId": field["fieldId"], "value": "甲"})["data"]["status"] == 0
    assert browser.json("crmField/verify", {"fieldId": field["fieldId"], "value": "乙"})["data"]["status"] == 1
    assert browser.json("crmField/verify", {"fieldId": 1, "value": "乙"})["code"] == 500
    body = {"id": place.sim.add_customer("丙"), "batchId": "x", "list": [{**field, "value": "甲"}]}
    assert browser.json("crmCustomer/updateInformation", body)["code"] == 2079


def test_update_without_batch_id_parts_list_and_detail(place, browser):
    key = place.sim.add_customer("甲", 客户标签="重点", 财务单据号="旧")
    detail = browser.form(f"crmCustomer/queryById/{key}")["data"]
    tag = next(one for one in browser.form("crmCustomer/field", type=1)["data"] if one["name"] == "客户标签")
    orphan = {"entity": {"customerId": key, "website": "x.cn"}, "field": [{**tag, "value": "流失"}]}
    assert browser.json("crmCustomer/update", orphan)["code"] == 0
    after = browser.form(f"crmCustomer/queryById/{key}")["data"]
    assert browser.rows("crmCustomer")[0]["fieldTagabc"] == "流失"
    assert (after["fieldTagabc"], after["website"]) == ("重点", "x.cn")
    orphan["entity"]["batchId"] = detail["batchId"]
    assert browser.json("crmCustomer/update", orphan)["code"] == 0
    after = browser.form(f"crmCustomer/queryById/{key}")["data"]
    assert after["fieldTagabc"] == "流失"
    assert after["field_1numbr"] is None, "field[] replaces all custom values"


def test_contacts_need_a_customer_and_answer_nothing(browser):
    assert browser.json("crmContacts/add", {"entity": {"name": "王"}})["code"] == 2083
    key = browser.json("crmCustomer/add", {"entity": {"customerName": "甲"}})["data"]["customerId"]
    body = {"entity": {"name": "王", "customerId": key, "ownerUserId": 5}}
    assert browser.json("crmContacts/add", body) == {"code": 0, "msg": "success", "data": None}
    (row,) = browser.rows("crmContacts")
    assert (row["ownerUserId"], row["customerName"]) == (14773, "甲")


def test_linked_records_cannot_be_deleted_and_deleted_ones_say_so(place, browser):
    key = place.sim.add_customer("甲")
    contact = place.sim.add_contact(key, "王")
    assert browser.json("crmCustomer/deleteByIds", [key])["code"] == 2017
    assert browser.json("crmContacts/deleteByIds", [contact])["code"] == 0
    assert browser.form(f"crmContacts/queryById/{contact}")["data"] is None
    assert browser.json("crmCustomer/deleteByIds", [key])["code"] == 0
    assert browser.form(f"crmCustomer/queryById/{key}")["code"] == 2064
    assert browser.rows("crmCustomer") == []


def test_a_pool_takes_a_customer_out_of_the_list(place, browser, browse):
    key = place.sim.add_customer("甲")
    assert browser.json("crmCustomer/updateCustomerByIds", {"ids": [key], "poolId": 1})["code"] == 0
    assert browser.rows("crmCustomer") == []
    (row,) = browser.rows("crmCustomerPool", poolId=1)
    assert (row["customerId"], row["ownerUserId"], row["preOwnerUserId"]) == (key, "", 14773)
    assert browser.form("crmCustomerPool/queryPoolNameList")["data"][0]["poolId"] == 1
    assert browser.json("crmCustomerPool/queryPageList", {})["code"] == 500
    user = place.sim.add_user("13900000001", "Sales@2026", "李雷")
    sales = browse(place.served.url, user.username, user.password)
    assert sales.json("crmCustomerPool/queryPageList", {"poolId": 1})["code"] == 2091
    assert sales.json("crmCustomer/receiveByIds", {"ids": [key], "poolId": 1})["code"] == 0
    assert [row["ownerUserId"] for row in sales.rows("crmCustomer")] == [user.id]


def test_states_forbid_edits(place, browser):
    key = place.sim.add_customer("甲")
    ids = {status: place.sim.add_contract(key, f"HT-{status}", 1, "2026-03-01", status) for status in (1, 2, 3, 4, 5, 8, 10)}
    found = {}
    for status, contract in ids.items():
        body = {"entity": {"contractId": contract, "remark": "x"}, "field": [], "examineFlowData": FLOW}
        found[status] = browser.json("crmContract/update", body)["code"]
    assert found == {1: 2085, 2: 0, 3: 2015, 4: 0, 5: 0, 8: 0, 10: 0}
    assert {row["checkStatus"] for row in browser.rows("crmContract")} == {1, 3}, "an edit falls back to the flow"


def test_a_changed_owner_needs_the_key_and_no_void_contract(place, browser):
    key = place.sim.add_customer("甲")
    contract = place.sim.add_contract(key, "HT-1", 1, "2026-03-01", 8)
    body = {"ids": [key], "ownerUserId": 2, "transferType": 1}
    assert browser.json("crmCustomer/changeOwnerUser", body)["code"] == 500
    assert browser.json("crmCustomer/changeOwnerUser", {**body, "changeType": []})["code"] == 0
    assert browser.json("crmContract/changeOwnerUser", {**body, "ids": [contract]})["code"] == 2016


def test_only_contracts_in_force_are_made_void(place, browser):
    key = place.sim.add_customer("甲")
    waiting, signed = (place.sim.add_contract(key, f"HT-{status}", 1, "2026-03-01", status) for status in (3, 1))
    assert browser.form("crmContract/contractDiscard", contractId=waiting)["code"] == 2013
    assert browser.form("crmContract/contractDiscard", contractId=signed)["code"] == 0
    assert {row["num"]: row["checkStatus"] for row in browser.rows("crmContract")} == {"HT-3": 3, "HT-1": 8}


def test_receivables_need_a_contract_in_force_and_a_free_number(place, browser):
    key = place.sim.add_customer("甲")
    waiting, signed = (place.sim.add_contract(key, f"HT-{status}", 1000, "2026-03-01", status) for status in (3, 1))

    def add(number, contract):
        entity = {"number": number, "customerId": key, "contractId": contract, "money": 400}
        return browser.json("crmReceivables/add", {"entity": entity, "examineFlowData": FLOW})["code"]

    assert [add("HK-1", waiting), add("HK-1", signed), add("HK-1", signed)] == [2018, 0, 2019]
    assert listed(browser, "crmContract")[signed]["receivedMoney"] == 0
    (row,) = browser.rows("crmReceivables")
    place.sim.flow.decide(7, row["receivablesId"], 1)
    assert listed(browser, "crmContract")[signed]["receivedMoney"] == 400
    assert browser.json("crmContract/deleteByIds", [signed])["code"] == 2017


def test_an_invoice_number_is_written_in_every_state(place, browser):
    key = place.sim.add_customer("甲")
    contract = place.sim.add_contract(key, "HT-1", 1, "2026-03-01", 1)
    entity = {"invoiceApplyNumber": "FP-1", "customerId": key, "contractId": contract, "invoiceMoney": 1}
    for _ in range(2):
        assert browser.json("crmInvoice/add", {"entity": entity, "examineFlowData": FLOW})["data"] is None
    first = browser.rows("crmInvoice")[0]["invoiceId"]
    for number in ("26412000000012345678", "26412000000012345679"):
        body = {"invoiceId": first, "invoiceNumber": number, "realInvoiceDate": "2026-03-05"}
        assert browser.json("crmInvoice/updateInvoiceStatus", body)["code"] == 0
    row = next(row for row in browser.rows("crmInvoice") if row["invoiceId"] == first)
    assert (row["invoiceNumber"], row["invoiceStatus"], row["checkStatus"]) == ("26412000000012345679", 1, 3)
