"""What the simulated gateway refuses, and the form of its answers: a lenient simulator would prove nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from defusedxml import ElementTree

from connectors.taobao import sim_data

ORDERS, ENTERED = "taobao.trades.sold.increment.get", "taobao.trades.sold.incrementv.get"
FULLINFO, REFUNDS, REFUND = "taobao.trade.fullinfo.get", "taobao.refunds.receive.get", "taobao.refund.get"
REFRESH = "taobao.top.auth.token.refresh"
ALL = "guarantee_trade,auto_delivery,ec,cod,step,eticket,tmall_i18n"
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def rows(answer):
    return answer["trades_sold_increment_get_response"].get("trades", {}).get("trade", [])


# -- signature, clock, missing pieces


@pytest.mark.parametrize("how", ["md5", "hmac", "hmac-sha256"])
def test_all_three_signatures_are_taken(shop, how):
    assert "trades_sold_increment_get_response" in shop.call(how=how)


@pytest.mark.parametrize("how", ["md5", "hmac", "hmac-sha256"])
def test_a_wrong_secret_is_an_invalid_signature(shop, how):
    assert shop.error(how=how, secret="not the secret")[0] == 25


def test_a_parameter_changed_after_signing_is_an_invalid_signature(shop):
    params = shop.params() | {"page_size": "99"}
    answer = json.loads(shop.client.post("/router/rest", data=params).data)
    assert answer["error_response"]["code"] == 25


def test_parameters_count_wherever_they_travel(shop):
    params = shop.params(page_no="1")
    common = {
        name: params.pop(name) for name in ("method", "app_key", "session", "v", "timestamp", "sign", "sign_method", "format")
    }
    ways = [
        shop.client.get("/router/rest?" + urlencode({**common, **params})),
        shop.client.post("/router/rest", data={**common, **params}),
        shop.client.post("/router/rest?" + urlencode(common), data=params),
        shop.client.post("/router/rest?" + urlencode(common), data=params, content_type="multipart/form-data"),
    ]
    assert ["error" in way.text for way in ways] == [False] * 4
    smuggled = shop.client.post("/router/rest?" + urlencode({**common, "status": "TRADE_CLOSED"}), data=params)
    assert '"code":25' in smuggled.text


@pytest.mark.parametrize(
    ("gone", "code"),
    [("method", 21), ("sign", 24), ("app_key", 28), ("timestamp", 30), ("v", 32), ("session", 26), ("fields", 40)],
)
def test_missing_pieces_have_their_own_codes(shop, gone, code):
    params = shop.params() if gone in ("sign", "method") else shop.params(**{gone: None})
    params.pop(gone, None)
    assert json.loads(shop.client.post("/router/rest", data=params).data)["error_response"]["code"] == code


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"method": "taobao.no.such.method"}, 22),
        ({"app_key": "87654321"}, 29),
        ({"v": "1.0"}, 33),
        ({"timestamp": "yesterday"}, 31),
        ({"session": "somebody else's"}, 27),
    ],
)
def test_wrong_pieces_have_their_own_codes(shop, wrong, code):
    assert shop.error(**wrong)[0] == code


def test_another_digest_is_not_taken(shop):
    params = shop.params() | {"sign_method": "sha1"}
    assert json.loads(shop.client.post("/router/rest", data=params).data)["error_response"]["code"] == 25


@pytest.mark.parametrize(("minutes", "taken"), [(0, True), (9, True), (-9, True), (11, False), (-11, False)])
def test_the_clock_may_be_ten_minutes_off_in_both_forms(shop, minutes, taken):
    moment = shop.sim.now() + minutes * MINUTE
    for form in (shop.text(moment), str(int(moment.timestamp() * 1000))):
        assert ("error_response" not in shop.call(timestamp=form)) == taken


def test_an_empty_parameter_is_not_accepted(shop):
    assert shop.error(status="")[0] == 25


def test_an_error_is_http_200_with_a_request_id(shop):
    response = shop.client.post("/router/rest", data=shop.params(v=None))
    assert response.status_code == 200
    assert json.loads(response.data)["error_response"]["request_id"]


# -- form of the answers


def test_xml_is_the_default_format(shop):
    shop.orders(2)
    response = shop.client.post("/router/rest", data=shop.params(format=None, fields="tid,num,orders"))
    root = ElementTree.fromstring(response.data)
    assert root.tag == "trades_sold_increment_get_response"
    assert root.find("trades").get("list") == "true"
    assert len(root.findall("trades/trade")) == 2
    assert root.find("trades/trade/orders/order/oid").text.isdigit()
    refused = shop.client.post("/router/rest", data=shop.params(format=None, v=None))
    assert ElementTree.fromstring(refused.data).find("code").text == "32"


def test_lists_are_wrapped_twice_unless_simplified(shop):
    shop.orders(1)
    wrapped = shop.call(fields="tid,orders")
    assert list(wrapped["trades_sold_increment_get_response"]["trades"]) == ["trade"]
    assert "order" in rows(wrapped)[0]["orders"]
    plain = shop.call(fields="tid,orders", simplify="true")
    assert isinstance(plain["trades"], list)
    assert isinstance(plain["trades"][0]["orders"], list)


def test_an_empty_list_is_an_absent_key(shop):
    assert "trades" not in shop.call()["trades_sold_increment_get_response"]


def test_numbers_of_nineteen_digits_come_as_json_numbers(shop):
    (key,) = shop.orders(1)
    text = shop.client.post("/router/rest", data=shop.params()).text
    assert len(key) == 19
    assert f'"tid":{key}' in text
    assert int(float(key)) != int(key)


def test_only_the_fields_asked_for_come_back(shop):
    shop.orders(4)
    assert {frozenset(row) for row in rows(shop.call(fields="tid,payment"))} == {frozenset({"tid", "payment"})}
    part = rows(shop.call(fields="orders.oid,orders.title"))[0]["orders"]["order"][0]
    assert set(part) == {"oid", "title"}


@pytest.mark.parametrize("method", [ORDERS, FULLINFO, REFUNDS, REFUND])
def test_unknown_parameters_and_fields_are_refused(shop, method):
    more = {FULLINFO: {"tid": "1"}, REFUND: {"refund_id": "1"}}.get(method, {})
    more = {"fields": "tid", **more}
    assert shop.error(method, **more, colour="red") == (41, "isv.invalid-parameter:colour")
    assert shop.error(method, **more | {"fields": "tid,colour"}) == (41, "isv.invalid-parameter:fields")


# -- sessions, packages, limits


def test_sessions_end_and_are_withdrawn(shop):
    old = shop.settings["session"]
    new = shop.sim.access.authorise(shop.settings["app_key"], shop.settings["shop"], shop.sim.now(), timedelta(days=1))
    assert shop.error(session=old) == (27, "invalid-sessionkey")
    assert "error_response" not in shop.call(session=new.value)
    shop.sim.offset += timedelta(days=1, seconds=1)
    assert shop.error(session=new.value) == (27, "session-expired")
    shop.sim.access.withdraw(shop.settings["app_key"], shop.settings["shop"])
    assert shop.error(session=new.value) == (27, "invalid-sessionkey")


def test_a_session_belongs_to_its_application(shop):
    shop.sim.access.add_app("99990000", shop.settings["app_secret"], "back_office")
    assert shop.error(app_key="99990000") == (27, "invalid-sessionkey")


def test_the_sensitive_level_ends_before_the_session(shop):
    session = shop.sim.access.sessions[shop.settings["session"]]
    session.sensitive_until = shop.sim.now()
    assert shop.error()[1] == "isv.r2-security-authorize-invalid"
    assert "error_response" not in shop.call("taobao.user.seller.get", fields="nick")


def test_service_market_applications_renew_their_sessions(shop):
    answer = shop.call(REFRESH, session=None, refresh_token=shop.settings["refresh_token"])
    token = json.loads(answer["top_auth_token_refresh_response"]["token_result"])
    assert token["expires_in"] > 0
    assert "error_response" not in shop.call(session=token["access_token"])
    assert shop.error()[0] == 27
    assert shop.error(REFRESH, session=None, refresh_token=shop.settings["refresh_token"])[0] == 15


def test_back_office_applications_cannot_renew(back_office):
    session = back_office.sim.access.sessions[back_office.settings["session"]]
    assert back_office.error(REFRESH, session=None, refresh_token=session.refresh_token)[0] == 11


@pytest.mark.parametrize(
    ("method", "more"), [(ORDERS, {}), (FULLINFO, {"fields": "tid", "tid": "1"}), (REFUNDS, {"fields": "tid"})]
)
def test_crm_applications_have_no_order_calls(crm, method, more):
    assert crm.error(method, **more) == (11, "isv.permission-api-package-limit")


def test_a_missing_package_is_named(shop):
    shop.sim.access.apps[shop.settings["app_key"]].packages.remove("refund")
    assert shop.error(REFUNDS, fields="tid") == (11, "isv.permission-api-package-limit")
    assert "error_response" not in shop.call()


def test_buckets_per_application_and_per_api(shop):
    shop.sim.limits.per_app, shop.sim.limits.per_api = 10, 4
    shop.sim.limits.ban = timedelta(seconds=2)
    codes = [shop.call().get("error_response", {}).get("sub_code") for _ in range(6)]
    assert codes == [None] * 4 + ["accesscontrol.limited-by-app-api-access-count"] * 2
    assert shop.call()["error_response"]["sub_msg"] == "This ban will last for 2 more seconds"
    others = [shop.call("taobao.time.get", session=None).get("error_response", {}).get("sub_code") for _ in range(4)]
    assert others[-1] == "accesscontrol.limited-by-app-access-count"
    shop.sim.offset += timedelta(seconds=3)
    assert "error_response" not in shop.call()


def test_remote_timeouts_at_a_set_rate(shop):
    shop.sim.limits.fault_rate = 0.3
    found = [shop.call().get("error_response", {}) for _ in range(200)]
    assert 30 < sum(error.get("sub_code") == "isp.top-remote-connection-timeout" for error in found) < 90


# -- lists


@pytest.mark.parametrize(
    ("start", "end", "ok"),
    [(-24 * 60, 0, True), (-24 * 60 - 1, 0, False), (0, 0, False), (0, -1, False), (-30, 0, True)],
)
def test_a_window_is_positive_and_at_most_a_day(shop, start, end, ok):
    now = shop.sim.now()
    answer = shop.call(start_modified=shop.text(now + start * MINUTE), end_modified=shop.text(now + end * MINUTE))
    assert ("error_response" not in answer) == ok
    if not ok:
        assert answer["error_response"]["sub_code"] == "isv.invalid-parameter:end_modified"


@pytest.mark.parametrize(("size", "ok"), [("1", True), ("100", True), ("101", False), ("0", False), ("x", False)])
def test_page_size_is_one_to_a_hundred(shop, size, ok):
    assert ("error_response" not in shop.call(page_size=size)) == ok


def test_newest_first_with_a_total_or_with_has_next(shop):
    keys = shop.orders(45)
    for row in shop.sim.trades.rows.values():
        row.type = "fixed"
    first = shop.call()
    assert [str(row["tid"]) for row in rows(first)] == keys[:4:-1]
    assert first["trades_sold_increment_get_response"]["total_results"] == 45
    second = shop.call(page_no="2", use_has_next="true")["trades_sold_increment_get_response"]
    assert [str(row["tid"]) for row in second["trades"]["trade"]] == keys[4::-1]
    assert second["has_next"] is False
    assert "total_results" not in second
    assert shop.call(use_has_next="true")["trades_sold_increment_get_response"]["has_next"] is True


def test_types_are_missing_in_silence_unless_named(shop):
    shop.orders(32)
    there = {row.type for row in shop.sim.trades.rows.values()}
    assert {"eticket", "tmall_i18n"} < there
    assert {row["type"] for row in rows(shop.call(fields="type"))} == there - {"eticket", "tmall_i18n"}
    assert {row["type"] for row in rows(shop.call(fields="type", type=ALL))} == there
    assert "guarantee_trade" not in there
    assert shop.error(type="fixed,no_such_type") == (41, "isv.invalid-parameter:type")


def test_rows_older_than_three_months_are_not_served(shop):
    (old,) = shop.orders(1, ago=timedelta(days=91))
    window = {"start_modified": shop.text(shop.sim.now() - timedelta(days=91, hours=1))}
    window["end_modified"] = shop.text(shop.sim.now() - timedelta(days=90, hours=2))
    assert rows(shop.call(**window)) == []
    assert shop.error(FULLINFO, fields="tid", tid=old) == (15, "isv.trade-not-exist")


def test_a_client_that_pages_forwards_loses_an_order(shop):
    keys = shop.orders(10)
    for row in shop.sim.trades.rows.values():
        row.type = "fixed"
    window = {name: shop.params()[name] for name in ("start_modified", "end_modified")}
    got, page, more = [], 1, True
    while more:
        body = shop.call(page_no=str(page), page_size="4", use_has_next="true", **window)["trades_sold_increment_get_response"]
        got += [str(row["tid"]) for row in body.get("trades", {}).get("trade", [])]
        more, page = body["has_next"], page + 1
        if page == 2:
            shop.sim.offset += MINUTE
            shop.sim.touch("order", keys[-1])
    assert set(keys) - set(got) == {keys[5]}


def test_a_late_row_shows_up_after_its_time_and_by_its_entry(shop):
    moment = shop.sim.now() - MINUTE
    key = shop.sim.arrive_late(7, moment, timedelta(seconds=90))
    window = {"start_modified": shop.text(moment - SECOND), "end_modified": shop.text(moment + SECOND)}
    assert rows(shop.call(type=ALL, **window)) == []
    assert shop.error(FULLINFO, fields="tid", tid=key)[0] == 15
    shop.sim.offset += timedelta(seconds=31)
    assert [str(row["tid"]) for row in rows(shop.call(type=ALL, **window))] == [key]
    entered = {"start_create": shop.text(shop.sim.now() - 5 * SECOND), "end_create": shop.text(shop.sim.now())}
    answer = shop.call(ENTERED, fields="tid", type=ALL, **entered)["trades_sold_incrementv_get_response"]
    assert [str(row["tid"]) for row in answer["trades"]["trade"]] == [key]


def test_filters_by_state_and_buyer(shop):
    shop.orders(40)
    paid = rows(shop.call(fields="tid,status,buyer_open_uid", type=ALL, status="WAIT_SELLER_SEND_GOODS"))
    assert {row["status"] for row in paid} == {"WAIT_SELLER_SEND_GOODS"}
    one = rows(shop.call(fields="buyer_open_uid", type=ALL, buyer_open_uid=paid[0]["buyer_open_uid"]))
    assert {row["buyer_open_uid"] for row in one} == {paid[0]["buyer_open_uid"]}
    by_nick = rows(shop.call(fields="buyer_nick", type=ALL, buyer_nick="买家3"))
    assert [row["buyer_nick"] for row in by_nick] == ["买**"]
    assert shop.error(status="PAID")[1] == "isv.invalid-parameter:status"


def test_the_hook_after_each_page_is_called(shop):
    seen = []
    shop.sim.faults.after_page = lambda method, page: seen.append((method, page))
    shop.call()
    shop.call(page_no="3")
    shop.call("taobao.time.get", session=None)
    assert seen == [(ORDERS, 1), (ORDERS, 3)]


# -- one order, refunds


def test_receivers_are_masked_and_oaid_needs_its_five_fields(shop):
    (key,) = shop.orders(1)
    five = "receiver_name,receiver_address,receiver_mobile,receiver_phone,created"
    found = shop.call(FULLINFO, tid=key, fields="oaid," + five)["trade_fullinfo_get_response"]["trade"]
    assert "*" in found["receiver_name"]
    assert "*" in found["receiver_mobile"]
    assert set(found["receiver_address"]) == {"*"}
    assert found["oaid"]
    less = shop.call(FULLINFO, tid=key, fields="oaid,receiver_name,created")["trade_fullinfo_get_response"]["trade"]
    assert "oaid" not in less
    assert shop.error(FULLINFO, tid=key, fields="tid,created", include_oaid="true") == (15, "isv.oaid-field-miss")


def test_an_unknown_order_does_not_exist(shop):
    assert shop.error(FULLINFO, tid="1234567890123456789", fields="tid") == (15, "isv.trade-not-exist")
    assert shop.error(FULLINFO, tid="x", fields="tid") == (41, "isv.invalid-parameter:tid")


def test_a_trade_of_several_lines_has_num_zero_and_no_postage_in_its_lines(shop):
    for key in shop.orders(6):
        fields = "num,payment,post_fee,orders,total_fee,discount_fee"
        trade = shop.call(FULLINFO, tid=key, fields=fields)["trade_fullinfo_get_response"]["trade"]
        lines = trade["orders"]["order"]
        if len(lines) == 1:
            assert trade["num"] == lines[0]["num"]
            assert lines[0]["payment"] == trade["payment"]
        else:
            assert trade["num"] == 0
            assert [line["payment"] for line in lines] == [line["total_fee"] for line in lines]
        spread = sum(fen(line["divide_order_fee"]) for line in lines)
        assert spread + fen(trade["post_fee"]) == fen(trade["payment"])


def fen(text):
    return int(text.replace(".", ""))


def test_refunds_have_fewer_types_by_default_and_text_numbers(shop):
    shop.orders(16)
    keys = shop.sim.populate("refund", 16, start=shop.sim.now() - 20 * MINUTE, step=SECOND)
    fields = "refund_id,tid,status"
    some = shop.call(REFUNDS, fields=fields)["refunds_receive_get_response"]
    everything = shop.call(REFUNDS, fields=fields, type=ALL)["refunds_receive_get_response"]
    assert [row["refund_id"] for row in everything["refunds"]["refund"]] == keys[::-1]
    assert some["total_results"] < everything["total_results"] == 16
    one = shop.call(REFUND, refund_id=keys[0], fields=fields)["refund_get_response"]["refund"]
    assert one == everything["refunds"]["refund"][-1]
    assert shop.error(REFUND, refund_id="1", fields=fields) == (15, "isv.refund-not-exist")


def test_buyers_are_stable_within_an_application_and_strangers_across():
    assert sim_data.handle("open", "app 1", "buyer 1") == sim_data.handle("open", "app 1", "buyer 1")
    assert sim_data.handle("open", "app 1", "buyer 1") != sim_data.handle("open", "app 2", "buyer 1")
