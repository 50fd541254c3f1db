"""How lists are read: windows, slices, pages that move meanwhile, the two times of refunds, members, unpaid orders."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from connectors.base import Window
from connectors.errors import UnknownAnswer
from connectors.jd import sim_data

SEARCH, REFUNDS = "/routerjson jingdong.pop.order.enSearch", "/routerjson jingdong.pop.afs.soa.refundapply.queryPageList"
SCAN = "/routerjson jingdong.crm.member.scan"
DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)


def ids(records, key="orderId"):
    return [str(record[key]) for record in records]


def test_a_short_window_takes_one_call(shop):
    keys = shop.fill("order", 100)
    assert ids(shop.read(connector=shop.connector(invoices=False, consignee="leave_out"))) == keys
    assert shop.sim.calls[SEARCH] == 1


def test_an_order_that_changes_between_pages_pushes_none_out(shop):
    """The list is by modification and ends with the window: a changed row leaves it, and the rest move up."""
    keys = shop.fill("order", 250)

    def change(method, page):
        if method.endswith("enSearch") and page > 1:
            shop.sim.touch("order", keys[0])
            shop.sim.touch("order", keys[120])

    shop.sim.faults.after_page = change
    window = Window(shop.sim.now() - 60 * MINUTE, shop.sim.now() - MINUTE)
    assert set(keys) - {keys[0], keys[120]} <= set(ids(shop.read(window=window)))


def test_late_rows_make_the_window_be_walked_again(shop):
    keys = shop.fill("order", 250)
    late = []

    def arrive(method, page):
        if method.endswith("enSearch") and page == 3 and not late:
            late.append(shop.fill("order", 1, ago=50 * MINUTE)[0])

    shop.sim.faults.after_page = arrive
    assert set(ids(shop.read())) == {*keys, *late}


def test_ties_in_one_second_are_all_read(shop):
    keys = shop.fill("order", 230, step=timedelta(0))
    assert sorted(ids(shop.read())) == sorted(keys)


def test_old_windows_are_asked_for_by_creation(shop):
    start = shop.sim.now() - 200 * DAY
    keys = shop.sim.populate("order", 3, start=start + 60 * MINUTE, step=SECOND)
    assert ids(shop.read(window=Window(start, start + DAY))) == keys


def test_a_window_over_the_edge_is_asked_for_both_ways(shop):
    """Nothing comes twice, and what was created before and changed since comes too."""
    edge = shop.sim.now() - timedelta(days=88)
    old = shop.sim.populate("order", 2, start=edge - timedelta(hours=5), step=SECOND)
    new = shop.sim.populate("order", 2, start=edge + timedelta(hours=5), step=SECOND)
    across = shop.sim.populate("order", 1, start=edge + timedelta(minutes=10), step=SECOND)
    got = ids(shop.read(window=Window(edge - timedelta(hours=12), edge + timedelta(hours=11))))
    assert sorted(got) == sorted(old + new + across)


def test_windows_are_written_in_beijing_time_by_modification(shop):
    asked = []
    sign = type(shop.connector()).sign

    def watch(self, request, token):
        asked.append(json.loads(request.form["360buy_param_json"]))
        return sign(self, request, token)

    connector = shop.connector()
    connector.sign = watch.__get__(connector)
    shop.read(connector=connector)
    assert asked[0]["start_date"] == "2026-03-01 11:00:00" and asked[0]["end_date"] == "2026-03-01 12:00:00"
    assert (asked[0]["dateType"], asked[0]["sortType"], asked[0]["order_state"]) == (0, 0, "ALL")
    assert "source_id" not in asked[0] and "paramOrderJSFQuery" not in asked[0]


def test_resuming_in_the_middle(shop):
    keys = shop.fill("order", 350)
    window, got, resume = shop.window(), [], None
    for _ in range(9):
        page = next(shop.connector().pages("order", window, resume))
        got += ids(page.records)
        if page.last:
            break
        resume = page.resume
    assert set(got) == set(keys) and len(got) == len(keys)


def test_a_missing_order_is_gone_and_other_refusals_are_not(shop):
    connector = shop.connector()
    assert connector.fetch_one("order", "123") is None
    shop.sim.access.apps[shop.settings["app_key"]].forbidden = {"jingdong.pop.order.enGet"}
    with pytest.raises(Exception, match="permission"):
        connector.fetch_one("order", "123")


# -- refunds


def test_refunds_are_asked_for_by_application_and_by_check(shop):
    now = shop.sim.api.now()
    checked = sim_data.refund(1, "290000000001", 100, 3, now - 9 * DAY, now - 30 * MINUTE, "b")
    applied = sim_data.refund(2, "290000000001", 100, 0, now - 30 * MINUTE, None, "b")
    both = sim_data.refund(3, "290000000001", 100, 1, now - 30 * MINUTE, now - 20 * MINUTE, "b")
    before = sim_data.refund(4, "290000000001", 100, 1, now - 9 * DAY, now - 8 * DAY, "b")
    for row in (checked, applied, both, before):
        shop.sim.shop.add("refund", row)
    assert sorted(ids(shop.read("refund"), "id")) == ["1", "2", "3"]


def test_more_than_a_query_gives_is_sliced(shop, monkeypatch):
    """5,000 rows are the most of one query; here 2 pages of 50 are, and 240 refunds fall into one hour."""
    import dataclasses

    from connectors.jd import connector as module

    short = dataclasses.replace(module.LISTINGS["refund"], most=2)
    monkeypatch.setitem(module.LISTINGS, "refund", short)
    keys = shop.fill("refund", 240, step=10 * SECOND)
    # A slice ends where the next begins, and both ends are inside: a row there may come twice, which changes nothing.
    assert set(ids(shop.read("refund"), "id")) == set(keys)
    window, got, resume = shop.window(), [], None
    for _ in range(60):
        page = next(shop.connector().pages("refund", window, resume))
        got += ids(page.records, "id")
        if page.last:
            break
        resume = page.resume
    assert set(got) == set(keys)


def test_open_refunds_are_asked_for_fifty_at_a_time(shop):
    keys = shop.fill("refund", 120)
    shop.sim.remove("refund", keys[7])
    found = dict(shop.connector().fetch_many("refund", keys))
    assert list(found) == keys and [key for key in keys if found[key] is None] == [keys[7]]
    assert shop.sim.calls[REFUNDS] == 3


def test_after_sale_refunds_are_found_by_order_and_number(shop):
    keys = shop.fill("after_sale", 3)
    record = shop.connector().fetch_one("after_sale", keys[1])
    assert f"{record['sameOrderServiceBill']['orderId']}/{record['afsRefundId']}" == keys[1]
    assert shop.connector().fetch_one("after_sale", keys[1].split("/")[0] + "/1") is None


# -- unpaid orders


def test_unpaid_orders_stand_apart(shop):
    keys = shop.fill("unpaid", 130)
    assert sorted(ids(shop.read("unpaid"))) == sorted(keys) and not shop.read("order")
    shop.sim.remove("unpaid", keys[0])
    assert shop.connector().fetch_one("unpaid", keys[0]) is None


def test_an_unpaid_walk_that_goes_on_keeps_its_window(shop):
    keys = shop.fill("unpaid", 130)
    first = next(shop.connector().pages("unpaid", None, None))
    shop.sim.offset += timedelta(hours=3)
    more = shop.fill("unpaid", 1, ago=timedelta(0))
    rest = [row for page in shop.connector().pages("unpaid", None, first.resume) for row in page.records]
    got = ids(first.records) + ids(rest)
    assert sorted(got) == sorted(keys) and more[0] not in got


# -- members


def test_a_lost_answer_of_a_scan_is_noticed(shop):
    """The platform moves on with an answer that nobody heard: the scan begins anew, for it knows how many there are."""
    keys = shop.fill("member", 350)
    cut = []

    def lose(method, page):
        if method.endswith("scan") and shop.sim.calls[SCAN] == 2 and not cut:
            cut.append(1)
            shop.sim.faults.cut_after[SCAN] = 1

    shop.sim.faults.after_page = lose
    got = {record["opened"]["buyer"] for record in shop.read("member")}
    assert got == set(keys) and cut


def test_a_scan_whose_place_is_forgotten_begins_anew(shop):
    keys = shop.fill("member", 250)
    first = next(shop.connector().pages("member", None, None))
    shop.sim.offset += timedelta(hours=1)
    rest = [row for page in shop.connector().pages("member", None, first.resume) for row in page.records]
    assert {row["opened"]["buyer"] for row in rest} == set(keys)


def test_a_scan_that_never_adds_up_ends(shop, monkeypatch):
    shop.fill("member", 150)
    batch = shop.sim.shop._batch
    monkeypatch.setattr(shop.sim.shop, "_batch", lambda scroll, now: batch(scroll, now)[1:])
    assert len(shop.read("member")) > 0 and shop.sim.calls[SCAN] < 12


@pytest.mark.parametrize("stage", ["pin", "both", "xid"])
def test_a_member_is_found_by_whichever_id_he_has(shop, stage):
    shop.sim.shop.stage = stage
    shop.fill("member", 12)
    connector = shop.connector(convert_pins=False)
    for record in shop.read("member", connector=connector)[:3]:
        assert connector.fetch_one("member", record["opened"]["buyer"]) == record
    assert connector.fetch_one("member", "nobody") is None


def test_a_prefix_is_not_the_member(shop):
    """customer_pin matches from the front: a longer name must not be taken for the one asked for."""
    shop.sim.shop.stage = "pin"
    shop.fill("member", 3)
    connector = shop.connector(convert_pins=False)
    assert connector.fetch_one("member", shop.read("member", connector=connector)[0]["opened"]["buyer"][:-2]) is None


def test_a_refused_scan_stops_in_the_end(shop):
    shop.fill("member", 150)
    pages = shop.connector().pages("member", None, "2/100/1/scroll-of-nobody")
    with pytest.raises(UnknownAnswer):
        list(pages)
