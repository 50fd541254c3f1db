"""What the simulated gateway refuses, and the form of its answers: a lenient simulator would prove nothing."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from connectors.jd.sim_access import App

SEARCH, GET = "jingdong.pop.order.enSearch", "jingdong.pop.order.enGet"
REFUNDS, SCAN = "jingdong.pop.afs.soa.refundapply.queryPageList", "jingdong.crm.member.scan"
ROOT = "jingdong_pop_order_enSearch_responce"


def result(answer):
    return answer[ROOT]["searchorderinfo_result"]


def test_the_root_bears_the_misspelling_and_the_methods_case(shop):
    answer = shop.call()
    assert list(answer) == [ROOT] and answer[ROOT]["code"] == "0"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"app_key": None}, "20"), ({"app_key": "nobody"}, "21"), ({"v": None}, "4"), ({"v": "1.0"}, "5"),
        ({"timestamp": None}, "6"), ({"timestamp": "yesterday"}, "7"), ({"sign": None}, "11"), ({"sign": "0" * 32}, "12"),
        ({"method": None}, "14"), ({"method": "jingdong.no.such"}, "15"), ({"access_token": None}, "18"),
        ({"access_token": ""}, "18"), ({"access_token": "dead"}, "19"), ({"strange": "1"}, "50"),
    ],
)  # fmt: skip
def test_system_parameters(shop, changes, code):
    assert shop.error(**changes) == code


@pytest.mark.parametrize(("minutes", "refused"), [(-7, True), (-5, False), (5, False), (7, True)])
def test_the_clock_may_be_six_minutes_off(shop, minutes, refused):
    at = shop.text(shop.sim.now() + timedelta(minutes=minutes))
    answer = shop.call(timestamp=at)
    assert (answer.get("error_response", {}).get("code") == "8") is refused


def test_both_forms_of_the_timestamp(shop):
    assert ROOT in shop.call(timestamp=f"{shop.text(shop.sim.now())}.000+0800")


def test_the_order_of_checks(shop):
    """A wrong key is told before a wrong clock, that before a wrong signature, that before an unknown method."""
    old = "2020-01-01 00:00:00"
    assert shop.error(app_key="nobody", timestamp=old, sign="x") == "21"
    assert shop.error(timestamp=old, sign="x") == "8"
    assert shop.error(method="jingdong.no.such", sign="x") == "12"
    assert shop.error(method="jingdong.no.such", access_token="dead") == "15"


def test_get_and_post_both_count(shop):
    params = shop.params()
    assert ROOT in json.loads(shop.client.get("/routerjson", query_string=params).data)


@pytest.mark.parametrize("body", ["not json", "[1]"])
def test_the_business_parameters_are_one_json_object(shop, body):
    assert shop.error(body=body) == "62"


def test_the_java_container_must_not_appear(shop):
    assert shop.error(body={"paramOrderJSFQuery": shop.window_params()}) == "61"


def test_a_missing_parameter_is_named(shop):
    assert shop.error(method=GET, body={"optional_fields": "orderId"}) == "60"


def refused(answer, holder="searchorderinfo_result"):
    root = next(iter(answer.values()))
    assert root["code"] == "0"
    return root[holder]["apiResult"]["success"]


@pytest.mark.parametrize(
    "changes",
    [
        {"optional_fields": ""}, {"page_size": "101"}, {"page": "0"}, {"order_state": "4"},
        {"start_date": "2026-01-01 00:00:00"}, {"end_date": ""}, {"start_date": "2026-03-01"},
    ],
)  # fmt: skip
def test_the_service_refuses_inside_a_success(shop, changes):
    assert refused(shop.call(body=shop.window_params() | changes)) is False
    shop.sim.success = "false"
    assert refused(shop.call(body=shop.window_params() | changes)) == "false"


def test_an_unknown_field_is_refused_by_the_gateway(shop):
    assert shop.error(body=shop.window_params() | {"optional_fields": "orderId,phone"}) == "63"


def test_only_named_fields_are_returned(shop):
    shop.fill("order", 1)
    assert set(result(shop.call())["orderInfoList"][0]) == {"orderId", "modified"}


def test_to_be_shipped_needs_no_window(shop):
    shop.fill("order", 9)
    body = {name: value for name, value in shop.window_params().items() if not name.endswith("_date")}
    assert result(shop.call(body=body | {"order_state": "WAIT_SELLER_STOCK_OUT"}))["orderTotal"] == 2
    assert refused(shop.call(body=body)) is False


def test_modified_reaches_three_months_and_created_two_years(shop):
    shop.sim.populate("order", 1, start=shop.sim.now() - timedelta(days=100), step=timedelta(0))
    start, end = (shop.text(shop.sim.now() - timedelta(days=days)) for days in (101, 99))
    body = shop.window_params() | {"start_date": start, "end_date": end}
    assert result(shop.call(body=body | {"dateType": 0}))["orderTotal"] == 0
    assert result(shop.call(body=body | {"dateType": 2}))["orderTotal"] == 0
    assert result(shop.call(body=body | {"dateType": 1}))["orderTotal"] == 1


def test_sorting(shop):
    keys = shop.fill("order", 3)
    up = [row["orderId"] for row in result(shop.call())["orderInfoList"]]
    down = [row["orderId"] for row in result(shop.call(body=shop.window_params() | {"sortType": 1}))["orderInfoList"]]
    assert up == keys and down == keys[::-1]


@pytest.mark.parametrize("changes", [{"pageIndex": 101}, {"pageSize": 51}])
def test_refunds_stop_at_a_hundred_pages_of_fifty(shop, changes):
    answer = shop.call(REFUNDS, {"pageIndex": 1, "pageSize": 50} | changes)
    assert next(iter(answer.values()))["queryResult"]["success"] is False


def test_a_detail_takes_a_number(shop):
    [key] = shop.fill("order", 1)
    assert shop.error(GET, {"order_id": key, "optional_fields": "orderId"}) == "61"
    answer = shop.call(GET, {"order_id": int(key), "optional_fields": "orderId"})
    assert next(iter(answer.values()))["orderDetailInfo"]["orderInfo"] == {"orderId": key}


def test_the_daily_quota(shop):
    shop.sim.access.apps[shop.settings["app_key"]].quota = 2
    assert ROOT in shop.call() and ROOT in shop.call()
    assert shop.error() == "2"
    shop.sim.offset += timedelta(hours=12)  # noon in Beijing is over, the next day has begun
    assert ROOT in shop.call()


def test_sensitive_interfaces_want_the_cloud_or_a_registered_address(shop):
    app: App = shop.sim.access.apps[shop.settings["app_key"]]
    app.inside = False
    assert shop.error() == "73"
    app.inside, app.allowed = True, {"10.0.0.1"}
    assert shop.error() == "80"


def test_an_application_without_the_right(shop):
    shop.sim.access.apps[shop.settings["app_key"]].forbidden = {SEARCH}
    assert shop.error() == "24"


def test_a_token_ends(shop):
    shop.sim.offset += timedelta(days=366)
    assert shop.error() == "19"


def test_a_scan_moves_on_with_each_answer(shop):
    shop.fill("member", 5)
    first = next(iter(shop.call(SCAN, {"page_size": 2}).values()))["crm_member_scan_result"]
    scroll = {"scroll_id": first["scroll_id"]}
    sizes = [len(next(iter(shop.call(SCAN, scroll).values()))["crm_member_scan_result"]["crm_members"]) for _ in range(3)]
    assert (len(first["crm_members"]), sizes, first["total_result"]) == (2, [2, 1, 0], 5)
    assert refused(shop.call(SCAN, {**scroll, "page_size": 2}), "crm_member_scan_result") is False
    shop.sim.offset += timedelta(minutes=6)
    assert refused(shop.call(SCAN, scroll), "crm_member_scan_result") is False


def test_an_authorisation_code_works_once_and_for_five_minutes(shop):
    access, key = shop.sim.access, shop.settings["app_key"]
    asked = {"app_key": key, "app_secret": shop.settings["app_secret"], "grant_type": "authorization_code"}

    def ask(code):
        return json.loads(shop.client.get("/oauth2/access_token", query_string={**asked, "code": code}).data)

    code = access.code(key, "10000001", shop.sim.now())
    assert ask(code)["access_token"] in access.grants
    assert ask(code)["code"] != 0
    late = access.code(key, "10000001", shop.sim.now())
    shop.sim.offset += timedelta(minutes=6)
    assert "access_token" not in ask(late)
