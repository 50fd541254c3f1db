"""The simulator keeps the product's rules, asked by a client that shares nothing with the connector."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests

PAGE = "queryPageList"


def test_get_is_no_right_and_an_unknown_path_is_404(place, browser):
    answer = requests.get(f"{place.served.url}/crmCustomer/{PAGE}", timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (200, 401)
    assert browser.json("crmCustomer/nothing", {})["code"] == 404


def test_each_path_has_its_body_type(place, browser):
    key = place.sim.add_customer("甲")
    assert browser.form(f"crmCustomer/{PAGE}", page=1)["code"] == 500
    assert browser.json(f"crmCustomer/queryById/{key}", {})["code"] == 400
    assert browser.form(f"crmCustomer/queryById/{key}")["code"] == 0


def test_login_codes(place, browse):
    url, good = place.served.url, place.sim.settings("")
    place.sim.add_user("13900000001", "Sales@2026", "停用", status=0)
    assert browse(url, "", "x").login["code"] == 1002
    assert browse(url, good["username"], "").login["code"] == 1003
    assert browse(url, "13911111111", "x").login["code"] == 1004
    assert browse(url, "13900000001", "Sales@2026").login["code"] == 1007
    assert browse(url, f" {good['username']} ", f" {good['password']} ").login["code"] == 0
    answer = requests.post(f"{url}/login", json={"password": "x"}, timeout=5).json()
    assert answer["code"] == 500


def test_the_lock_is_not_cleared_by_a_good_login(place, browse):
    """The counter keeps standing through a success; the third failure locks for 120 seconds, right password or not."""
    url, good = place.served.url, place.sim.settings("")

    def login(password):
        return browse(url, good["username"], password).login["code"]

    assert [login("a"), login("b"), login(good["password"]), login("c")] == [1004, 1004, 0, 1004]
    assert login(good["password"]) == 1010
    place.sleep(119)
    assert login(good["password"]) == 1010
    place.sleep(2)
    assert login(good["password"]) == 0


def test_a_list_shows_100_at_most_and_15_by_default(place, browser):
    place.sim.populate("customer", 120, start=place.sim.now(), step=timedelta(0))
    assert len(browser.json(f"crmCustomer/{PAGE}", {})["data"]["list"]) == 15
    data = browser.json(f"crmCustomer/{PAGE}", {"limit": 5000})["data"]
    assert (len(data["list"]), data["totalRow"], data["totalPage"], data["pageSize"]) == (100, 120, 2, 100)


def test_page_101_is_page_1_again_unless_all_before_it_were_read(place, browser):
    place.sim.populate("customer", 103, start=place.sim.now(), step=timedelta(seconds=1))

    def number(page):
        return browser.json(f"crmCustomer/{PAGE}", {"page": page, "limit": 1})["data"]["pageNumber"]

    assert [number(page) for page in (99, 101, 102)] == [99, 1, 1]
    assert [number(page) for page in (100, 101, 102, 104)] == [100, 101, 102, 1]
    place.sleep(3601)
    assert number(103) == 1


def test_lists_show_visible_columns_ids_behind_names_and_blanks(place, browser):
    customer = place.sim.add_customer("甲")
    place.sim.add_contract(customer, "HT-1", 1, "2026-03-01")
    (row,) = browser.rows("crmContract")
    assert row["businessName"] == "" and row["customerId"] == customer and row["ownerUserId"] == 14773
    assert "batchId" not in row and "examineRecordId" not in row
    place.sim.logins.users[14773].hidden[6] = {"money", "customerName"}
    (row,) = browser.rows("crmContract")
    assert "money" not in row and "customerName" not in row and "customerId" not in row
    heads = [head["fieldName"] for head in browser.form("crmField/queryListHead/6")["data"]]
    assert "money" not in heads and "checkStatus" in heads


def test_sorting_by_a_hidden_column_falls_back_to_the_update_time(place, browser):
    place.sim.populate("customer", 3, start=place.sim.now(), step=timedelta(seconds=1))
    sort = {"sortField": "createTime", "order": 2}
    rising = [row["customerId"] for row in browser.rows("crmCustomer", **sort)]
    place.sim.logins.users[14773].hidden[2] = {"createTime"}
    assert [row["customerId"] for row in browser.rows("crmCustomer", **sort)] == rising[::-1]


@pytest.mark.parametrize(
    ("name", "form", "kind", "values", "expected"),
    [
        ("customerName", "text", 1, ["甲公司", "丙公司"], "甲丙"),
        ("customerName", "text", 2, ["甲公司"], "乙丙"),
        ("customerName", "text", 3, ["公司"], "甲乙丙"),
        ("customerName", "text", 4, ["乙"], "甲丙"),
        ("mobile", "mobile", 5, [], "乙"),
        ("mobile", "mobile", 6, [], "甲丙"),
        ("customerName", "text", 12, ["丙"], "丙"),
        ("mobile", "mobile", 13, ["01"], "甲"),
        ("createTime", "datetime", 7, ["2026-03-01 09:00:00"], "乙丙"),
        ("createTime", "datetime", 8, ["2026-03-01 09:00:00"], "甲乙丙"),
        ("createTime", "datetime", 9, ["2026-03-01 09:00:02"], "甲乙"),
        ("createTime", "datetime", 10, ["2026-03-01 09:00:02"], "甲乙丙"),
        ("createTime", "datetime", 14, ["2026-03-01 09:00:01", "2026-03-01 09:00:02"], "乙丙"),
        ("ownerUserName", "user", 3, ["14773"], "甲乙丙"),
        ("ownerUserName", "user", 3, ["1477"], ""),
    ],
)
def test_filters(place, browser, name, form, kind, values, expected):
    for number, (first, mobile) in enumerate((("甲", "13800000001"), ("乙", ""), ("丙", "13800000003"))):
        place.sim.add_customer(f"{first}公司", mobile=mobile, at=place.sim.now() + timedelta(seconds=number))
    rows = browser.rows("crmCustomer", searchList=[{"name": name, "formType": form, "type": kind, "values": values}])
    assert "".join(sorted((row["customerName"][0] for row in rows), key="甲乙丙".index)) == expected


def test_a_date_filter_needs_values(browser):
    for kind, values in ((8, []), (14, ["2026-03-01 00:00:00"])):
        search = {"name": "updateTime", "formType": "datetime", "type": kind, "values": values}
        assert browser.json(f"crmCustomer/{PAGE}", {"searchList": [search]})["code"] == 400


def test_a_contract_list_is_filtered_by_customer_under_another_name(place, browser):
    one, two = place.sim.add_customer("甲"), place.sim.add_customer("乙")
    place.sim.add_contract(one, "HT-1", 1, "2026-03-01")
    place.sim.add_contract(two, "HT-2", 1, "2026-03-01")
    search = {"formType": "text", "type": 1, "values": [str(one)]}
    assert [row["num"] for row in browser.rows("crmContract", searchList=[{"name": "customer_id", **search}])] == ["HT-1"]
    assert browser.rows("crmContract", searchList=[{"name": "customerId", **search}]) == []
    word = {"formType": "text", "type": 11, "values": [str(one), str(two)]}
    assert len(browser.rows("crmCustomer", searchList=[{"name": "customerId", **word}])) == 2


def test_sums_are_over_approved_contracts_alone(place, browser):
    customer = place.sim.add_customer("甲")
    for number, status in enumerate((1, 10, 3)):
        place.sim.add_contract(customer, f"HT-{number}", "100.50", "2026-03-01", status)
    assert browser.json(f"crmContract/{PAGE}", {})["data"]["extraData"]["money"]["contractMoney"] == 100.5


def test_data_check_with_an_empty_name_gives_everything(place, browser):
    for number in range(12):
        place.sim.add_customer(f"客户{number}", mobile=f"1380000{number:04d}")
    assert len(browser.json("crmCustomer/dataCheck", {"name": ""})["data"]) == 10
    assert len(browser.json("crmCustomer/dataCheck", {"name": "", "phone": "13800000001"})["data"]) == 10
    assert [one["name"] for one in browser.json("crmCustomer/dataCheck", {"phone": "13800000001"})["data"]] == ["客户1"]


def test_masks_as_a_role_sees_them(place, browse):
    hidden = {"mobile", "email", "money"}
    user = place.sim.add_user("13900000001", "Sales@2026", "李雷", masked=hidden)
    own = {"ownerUserId": user.id}
    key = place.sim.add_customer("甲", mobile="13800000001", email="someone@example.com", **own)
    place.sim.add_customer("别人的", mobile="13800000002")
    place.sim.add_contract(key, "HT-1", 1000, "2026-03-01", 1, **own)
    sales = browse(place.served.url, user.username, user.password)
    (row,) = sales.rows("crmCustomer")
    assert (row["mobile"], row["email"]) == ("138****0001", "so*****example.com")
    assert sales.rows("crmContract")[0]["money"] == "***"
    assert sales.form(f"crmCustomer/queryById/{key}")["data"]["mobile"] == "138****0001"
    assert sales.form(f"crmCustomer/queryById/{key + 1}")["data"] == {"dataAuth": 0}


def test_the_index_lags_when_told_to(place, browser):
    place.sim.store.index_delay = timedelta(seconds=1)
    key = browser.json("crmCustomer/add", {"entity": {"customerName": "甲"}})["data"]["customerId"]
    assert browser.rows("crmCustomer") == []
    assert browser.form(f"crmCustomer/queryById/{key}")["data"]["customerName"] == "甲"
    place.sleep(1)
    assert [row["customerName"] for row in browser.rows("crmCustomer")] == ["甲"]


def test_a_write_under_a_foreign_batch_is_no_write_back(place, browser):
    key = place.sim.add_customer("甲")
    field = next(one for one in browser.form("crmCustomer/field", type=1)["data"] if one["name"] == "财务单据号")
    body = {"id": key, "batchId": "0" * 32, "list": [{**field, "value": "HT-1:AR-1"}]}
    assert browser.json("crmCustomer/updateInformation", body)["code"] == 0
    assert place.sim.ledger == []
    assert browser.form(f"crmCustomer/queryById/{key}")["data"]["field_1numbr"] is None


def test_the_gateway_answers_its_own_way(place, browser):
    place.sim.logins.users[14773].denied.add("crmContract")
    answer = requests.post(f"{place.served.url}/crmContract/{PAGE}", json={}, headers=browser.headers, timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (401, 401)
    place.sim.faults.throttle["crmCustomer"] = 1
    answer = requests.post(f"{place.served.url}/crmCustomer/{PAGE}", json={}, headers=browser.headers, timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (400, 403)
