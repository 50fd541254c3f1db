"""How the connector reads: windows, pages from the last to the first, restarts, late rows, single records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Window
from connectors.errors import Gone, Throttled, Unavailable, UnknownAnswer

ORDERS, LATE = "taobao.trades.sold.increment.get", "taobao.trades.sold.incrementv.get"
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def asked(shop, connector):
    """What the connector sends from here on: (method, form) in order."""
    sent, sign = [], connector.sign

    def watch(request, token):
        sent.append((request.name, dict(request.form)))
        return sign(request, token)

    vars(connector)["sign"] = watch
    return sent


def test_counts_first_then_pages_from_the_last_to_the_first(shop):
    keys = shop.orders(250)
    connector = shop.connector()
    sent = asked(shop, connector)
    pages = list(connector.pages("order", shop.window(), None))
    assert [len(page.records) for page in pages[:3]] == [50, 100, 100]
    assert {str(record["tid"]) for page in pages for record in page.records} == set(keys)
    assert [page.last for page in pages][-2:] == [False, True]
    count, *walk = [form for method, form in sent if method == ORDERS]
    assert (count["fields"], count["page_size"], count["use_has_next"]) == ("tid", "1", "false")
    assert [(form["page_no"], form["use_has_next"]) for form in walk] == [("3", "true"), ("2", "true"), ("1", "false")]
    assert {form["page_size"] for form in walk} == {"100"}


def test_asks_for_every_type_and_sends_nothing_empty(shop):
    keys = shop.orders(32)
    connector = shop.connector()
    sent = asked(shop, connector)
    assert set(shop.read(connector=connector)) == set(keys)
    assert all(value for _, form in sent for value in form.values())
    assert all("eticket" in form["type"] for _, form in sent)


def test_does_not_ask_for_the_receiver(shop):
    shop.orders(1)
    page = next(shop.connector().pages("order", shop.window(), None))
    assert not {name for name in page.records[0] if name.startswith("receiver_")} & {"receiver_name", "receiver_mobile"}


def test_an_order_that_changes_while_pages_are_read_takes_no_other_with_it(shop):
    keys = shop.orders(250)
    window = shop.window()
    shop.sim.offset += MINUTE
    moved = iter(keys[::-1])
    shop.sim.faults.after_page = lambda method, page: shop.sim.touch("order", next(moved))
    got = shop.read(window=window)
    shop.sim.faults.after_page = None
    assert set(keys[:-4]) <= set(got)
    assert set(keys) == set(got) | set(shop.read(window=Window(window.end - 3 * MINUTE, shop.sim.now() + SECOND)))


def test_late_rows_that_push_others_onto_pages_already_read_cause_another_walk(shop):
    keys = shop.orders(250)
    window = shop.window()
    late = [shop.sim.arrive_late(900 + n, window.end - 20 * SECOND, timedelta(seconds=90)) for n in range(3)]
    pages_read = []

    def make_visible(method, page):
        if method == ORDERS:
            pages_read.append(page)
        if page == 3:
            shop.sim.offset += timedelta(seconds=75)

    shop.sim.faults.after_page = make_visible
    got = shop.read(window=window)
    assert set(keys) | set(late) == set(got)
    assert pages_read == [1, 3, 2, 1, 3, 2, 1]


def test_a_window_that_never_comes_to_rest_is_left_to_the_overlap(shop):
    shop.orders(150)
    window = shop.window()

    def one_more(method, page):
        shop.sim.arrive_late(1000 + len(shop.sim.trades), window.end - MINUTE, timedelta(0))

    shop.sim.faults.after_page = one_more
    assert len(list(shop.connector().pages("order", window, None))) <= 8


def test_goes_on_after_a_restart_with_the_next_page(shop):
    keys = shop.orders(250)
    window = shop.window()
    first = next(iter(shop.connector().pages("order", window, None)))
    assert first.resume == "0/2/250"
    rest = shop.read(window=window, resume=first.resume)
    assert len(rest) == 200
    assert {str(record["tid"]) for record in first.records} | set(rest) == set(keys)


def test_a_restart_after_rows_left_meets_every_row_that_is_still_there(shop):
    keys = shop.orders(250)
    window = shop.window()
    first = next(iter(shop.connector().pages("order", window, None)))
    shop.sim.offset += MINUTE
    for key in keys[-120:]:
        shop.sim.touch("order", key)
    rest = shop.read(window=window, resume=first.resume)
    assert set(keys[:-120]) <= {str(record["tid"]) for record in first.records} | set(rest)


def test_a_restart_after_rows_came_late_starts_the_window_again(shop):
    shop.orders(250)
    window = shop.window()
    first = next(iter(shop.connector().pages("order", window, None)))
    for number in range(60):
        shop.sim.arrive_late(900 + number, window.end - MINUTE, timedelta(0))
    assert len(shop.read(window=window, resume=first.resume)) == 310


def test_long_windows_are_cut_into_days(shop):
    keys = shop.orders(70, ago=timedelta(hours=70), step=timedelta(hours=1))
    window = Window(shop.sim.now() - timedelta(hours=72), shop.sim.now())
    connector = shop.connector()
    sent = asked(shop, connector)
    pages = list(connector.pages("order", window, None))
    assert {str(record["tid"]) for page in pages for record in page.records} == set(keys)
    assert [page.resume for page in pages] == [f"{number}/0/0" for number in range(1, 7)]
    assert [page.last for page in pages] == [False] * 5 + [True]
    assert len({(form["start_modified"], form["end_modified"]) for method, form in sent if method == ORDERS}) == 3
    assert len({(form["start_create"], form["end_create"]) for method, form in sent if method == LATE}) == 3
    half = shop.read(window=window, resume="2/0/0")
    assert 20 <= len(half) <= 25
    done = list(shop.connector().pages("order", window, "6/0/0"))
    assert [(len(page.records), page.last) for page in done] == [(0, True)]


def test_bounds_are_beijing_seconds_rounded_outwards(shop):
    connector = shop.connector()
    sent = asked(shop, connector)
    start = datetime(2026, 2, 28, 18, 0, 0, 900_000, tzinfo=UTC)
    list(connector.pages("order", Window(start, start + timedelta(milliseconds=50)), None))
    assert sent[0][1]["start_modified"] == "2026-03-01 02:00:00"
    assert sent[0][1]["end_modified"] == "2026-03-01 02:00:01"
    list(connector.pages("order", Window(start, start + timedelta(seconds=5)), None))
    assert sent[-1][1]["end_create"] == "2026-03-01 02:00:06"


def test_an_empty_parameter_is_left_out(shop):
    connector = shop.connector()
    sent = asked(shop, connector)
    connector.fetch_one("order", "1")
    connector._call("taobao.user.seller.get", {"fields": "nick", "status": ""})
    assert set(sent[-1][1]) == {"fields"}


def test_an_empty_window_costs_one_call_of_each_list(shop):
    connector = shop.connector()
    sent = asked(shop, connector)
    pages = list(connector.pages("order", shop.window(), None))
    assert [(list(page.records), page.last) for page in pages] == [([], False), ([], True)]
    assert [method for method, _ in sent] == [ORDERS, LATE]


def test_a_row_that_comes_after_its_window_was_read_is_found_by_its_time_of_entry(shop):
    """Modified an hour ago, known only now: no window by modification will ever hold it again."""
    modified = shop.sim.now() - 60 * MINUTE
    key = shop.sim.arrive_late(900, modified, timedelta(minutes=58))
    recent = Window(shop.sim.now() - 5 * MINUTE, shop.sim.now())
    assert shop.read(window=recent) == [key]
    assert shop.read(window=Window(shop.sim.now() - 60 * MINUTE - SECOND, shop.sim.now())).count(key) == 1


def test_old_windows_are_not_asked_for_late_rows(shop):
    connector = shop.connector()
    sent = asked(shop, connector)
    end = shop.sim.now() - timedelta(days=5)
    list(connector.pages("order", Window(end - 60 * MINUTE, end), None))
    assert {method for method, _ in sent} == {ORDERS}


def test_a_stream_without_window_is_a_mistake_of_the_caller(shop):
    with pytest.raises(ValueError, match="windows"):
        list(shop.connector().pages("order", None, None))


def test_refunds_are_read_the_same_way(shop):
    shop.orders(8)
    keys = shop.sim.populate("refund", 230, start=shop.sim.now() - 50 * MINUTE, step=SECOND)
    assert set(shop.read("refund")) == set(keys)


def test_reads_one_order_and_one_refund(shop):
    (key,) = shop.orders(1)
    (number,) = shop.sim.populate("refund", 1, start=shop.sim.now() - MINUTE, step=SECOND)
    connector = shop.connector()
    assert str(connector.fetch_one("order", key)["tid"]) == key
    assert connector.fetch_one("refund", number)["refund_id"] == number


def test_what_is_gone_is_none(shop):
    (key,) = shop.orders(1)
    shop.sim.remove("order", key)
    assert shop.connector().fetch_one("order", key) is None
    assert shop.connector().fetch_one("refund", "1") is None
    assert dict(shop.connector().fetch_many("order", [key])) == {key: None}


def test_single_record_and_list_give_the_same_record(shop):
    keys = shop.orders(6)
    connector = shop.connector()
    listed = {str(record["tid"]): record for page in connector.pages("order", shop.window(), None) for record in page.records}
    for key in keys:
        assert connector.fetch_one("order", key) == listed[key]


def test_a_refused_list_call_stops_the_stream_and_is_no_bad_record(shop, monkeypatch):
    shop.orders(1)
    monkeypatch.setattr("connectors.taobao.reading.TYPES", "fixed,no_such_type")
    with pytest.raises(UnknownAnswer) as caught:
        shop.read()
    assert caught.value.code == "41/isv.invalid-parameter:type"


def test_control_characters_in_texts_do_no_harm(shop):
    (key,) = shop.orders(1)
    shop.sim.trades.rows[int(key)].record["orders"]["order"][0]["title"] = "一\t二\n三"
    response = shop.client.post("/router/rest", data=shop.params(fields="orders"))
    raw = response.text.replace("\\t", "\t").replace("\\n", "\n")
    from connectors.http import Response

    record = Response(200, {}, raw.encode()).json["trades_sold_increment_get_response"]["trades"]["trade"][0]
    assert record["orders"]["order"][0]["title"] == "一\t二\n三"


def test_waits_as_long_as_the_ban_says_and_goes_on(shop):
    keys = shop.orders(3)
    shop.sim.limits.ban = timedelta(seconds=3)
    shop.sim.faults.throttle[ORDERS] = 1
    assert set(shop.read()) == set(keys)
    assert 3 < shop.slept[0] <= 4


def test_a_ban_until_midnight_goes_back_to_the_planner(shop):
    shop.sim.limits.ban = timedelta(hours=5)
    shop.sim.faults.throttle[ORDERS] = 1
    with pytest.raises(Throttled) as caught:
        shop.read()
    assert 18_000 < caught.value.wait <= 18_001
    assert caught.value.code == "7/accesscontrol.limited-by-app-api-access-count"
    assert shop.slept == []


def test_remote_timeouts_are_asked_again(shop):
    keys = shop.orders(150)
    shop.sim.limits.fault_rate = 0.2
    assert set(shop.read()) == set(keys)
    assert shop.slept


def test_answers_of_somebody_in_between_are_not_an_empty_page(shop, monkeypatch):
    shop.orders(3)
    monkeypatch.setattr("connectors.taobao.sim_protocol._json", lambda body: "{}")
    with pytest.raises(Unavailable) as caught:
        shop.read()
    assert caught.value.code == "not a TOP answer"


def test_a_simplified_gateway_is_read_all_the_same(shop, monkeypatch):
    from connectors.taobao import sim_protocol

    keys = shop.orders(5)
    real = sim_protocol.answer
    monkeypatch.setattr(sim_protocol, "answer", lambda params, *rest: real({**params, "simplify": "true"}, *rest))
    assert set(shop.read()) == set(keys)


def test_a_count_without_total_is_an_odd_answer(shop, monkeypatch):
    monkeypatch.setattr("connectors.taobao.sim_api.Api._page", lambda *_: {"has_next": False})
    with pytest.raises(UnknownAnswer, match=r"taobao\.odd_answer"):
        shop.read()


def test_gone_is_only_what_the_platform_says(shop):
    with pytest.raises(Exception, match=r"taobao\.parameter") as caught:
        shop.connector().fetch_one("order", "not-a-number")
    assert not isinstance(caught.value, Gone)
