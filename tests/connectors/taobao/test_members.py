"""Members, grades and tags; and the two kinds of application with what each may see."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from mappings.compile import load_mapping

MEMBERS, PRIVY, GROUPS = "taobao.crm.members.search", "taobao.crm.members.search.privy", "taobao.crm.groups.get"
SIMPLE, ONE = "taobao.trades.simple.sold.increment.get", "taobao.trade.simple.get"
SECOND = timedelta(seconds=1)
SHOP = "示例旗舰店"


def mapped(stream, record):
    from connectors import registry

    path = registry.get("taobao").mappings / f"{stream}.yaml"
    return load_mapping(path, zone="Asia/Shanghai", context={"app_key": "12345678", "shop": SHOP, "account": "a"}).apply(record)


def whole(shop, stream, connector=None):
    return [row for page in (connector or shop.connector()).pages(stream, None, None) for row in page.records]


def fill(shop, stream, count):
    return shop.sim.populate(stream, count, start=shop.sim.now(), step=SECOND)


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (100, 1), (101, 2), (250, 3)])
def test_members_are_read_page_by_page(shop, count, calls):
    keys = fill(shop, "member", count)
    assert [row["ouid"] for row in whole(shop, "member")] == keys
    assert shop.sim.calls[f"/router/rest {MEMBERS}"] == calls


def test_a_page_beyond_the_end_is_empty_and_one_beyond_a_thousand_refused(shop):
    fill(shop, "member", 3)
    empty = shop.call(MEMBERS, current_page="9", page_size="100")["crm_members_search_response"]
    assert empty["total_result"] == 3 and "members" not in empty
    assert shop.error(MEMBERS, current_page="1001") == (41, "isv.invalid-parameter:current_page")
    assert shop.error(MEMBERS, current_page="1", page_size="101") == (41, "isv.invalid-parameter:page_size")


def test_reading_stops_at_the_thousandth_page(shop, monkeypatch):
    monkeypatch.setattr("connectors.taobao.reading.MOST_PAGES", 2)
    fill(shop, "member", 350)
    assert len(whole(shop, "member")) == 200


def test_a_member_has_tags_and_a_grade_and_no_name(shop):
    fill(shop, "member", 1)
    fill(shop, "tag", 3)
    [record] = whole(shop, "member")
    [customer] = mapped("member", record).records
    assert customer["fields"]["tags"] == [{"key": "500"}]
    assert customer["fields"]["stage"] == record["grade_name"]
    assert not {"display_name", "phones", "emails"} & set(customer["fields"])
    assert customer["keys"] == [("ouid", f"taobao:{SHOP}", record["ouid"])]


def test_a_blurred_nick_is_no_key(shop):
    fill(shop, "member", 1)
    [customer] = mapped("member", whole(shop, "member")[0]).records
    assert "买**" not in {value for _, _, value in customer["keys"]}


def test_a_tag_has_its_name_also_while_it_is_being_counted(shop):
    [key] = fill(shop, "tag", 1)
    shop.sim.api.tags[key].count = -1
    [tag] = mapped("tag", whole(shop, "tag")[0]).records
    assert (tag["id"], tag["fields"]["name"]) == (key, "标签0")


def test_a_refund_joins_the_two_ids_of_a_buyer_inside_the_platform(shop):
    shop.orders(1)
    [number] = shop.sim.populate("refund", 1, start=shop.sim.now() - SECOND, step=SECOND)
    record = shop.connector().fetch_one("refund", number)
    customer = next(item for item in mapped("refund", record).records if item["kind"] == "customer")
    assert {(kind, scope) for kind, scope, _ in customer["keys"]} == {
        ("open_uid", "taobao:12345678"), ("ouid", f"taobao:{SHOP}"),
    }  # fmt: skip


# -- the two kinds of application


def test_a_crm_application_reads_reduced_orders(crm):
    keys = crm.orders(120)
    rows = [row for page in crm.connector().pages("order", crm.window(), None) for row in page.records]
    assert [str(row["tid"]) for row in rows][::-1] == keys or {str(row["tid"]) for row in rows} == set(keys)
    assert all("receiver_city" not in row and "receiver_district" not in row and row["ouid"] for row in rows)
    assert crm.sim.calls["/router/rest taobao.trades.sold.increment.get"] == 0


def test_its_single_order_bears_a_text_and_is_the_same_order(crm):
    [key] = crm.orders(1)
    connector = crm.connector()
    [listed] = [row for page in connector.pages("order", crm.window(), None) for row in page.records]
    one = connector.fetch_one("order", key)
    assert one["tid"] == key and mapped("order", one).records == mapped("order", listed).records
    assert connector.fetch_one("order", "1") is None


def test_its_buyers_are_known_by_both_ids(crm):
    [key] = crm.orders(1)
    customer = mapped("order", crm.connector().fetch_one("order", key)).records[0]
    assert {kind for kind, _, _ in customer["keys"]} == {"open_uid", "ouid"}


def test_refunds_are_closed_to_it_and_that_stops_nothing(crm):
    crm.orders(1)
    crm.sim.populate("refund", 2, start=crm.sim.now() - SECOND, step=SECOND)
    pages = list(crm.connector().pages("refund", crm.window(), None))
    assert [(list(page.records), page.last) for page in pages] == [([], True)]
    assert crm.connector().fetch_one("refund", "1") is None
    assert all(finding.ok for finding in crm.connector().check())


def test_its_members_come_without_nick(crm):
    fill(crm, "member", 2)
    rows = whole(crm, "member")
    assert len(rows) == 2 and not any("buyer_nick" in row for row in rows)
    assert crm.connector().fetch_one("member", rows[0]["ouid"]) == rows[0]
    assert crm.sim.calls[f"/router/rest {MEMBERS}"] == 0


@pytest.mark.parametrize(("method", "more"), [(SIMPLE, {"fields": "tid"}), (ONE, {"fields": "tid", "tid": "1"})])
def test_reduced_orders_are_closed_to_the_other_kind(shop, method, more):
    assert shop.error(method, **more) == (11, "isv.permission-api-package-limit")


def test_the_receiver_is_not_to_be_had(crm):
    start, end = crm.text(crm.sim.now() - timedelta(hours=1)), crm.text(crm.sim.now())
    window = {"start_modified": start, "end_modified": end}
    assert crm.error(SIMPLE, fields="tid,receiver_name", **window) == (41, "isv.invalid-parameter:fields")
    answer = json.loads(crm.client.post("/router/rest", data=crm.params(SIMPLE, fields="tid,ouid", **window)).data)
    assert "trades_simple_sold_increment_get_response" in answer
