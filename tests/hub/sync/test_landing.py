"""Landing: what a batch writes, what it does not, what it puts aside, and what it never shows."""

from __future__ import annotations

import copy
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from hub.models import (
    Customer,
    Deal,
    DealLine,
    Event,
    Order,
    OrderLine,
    Profile,
    Quarantined,
    Refund,
    SourceRecord,
    Staff,
    Tag,
    TagAssignment,
)
from hub.sync import landing, quarantine
from hub.sync.landing import Lander
from hub.sync.raw import dump, parse

Site = Any
AT = "2026-11-22 {:02d}:00:00"


def order(own: str = "o1", hour: int = 10, **more: Any) -> dict[str, Any]:
    return {
        "id": own, "state": "paid", "total": "128.50", "paid": "128.50", "created_at": AT.format(9), "paid_at": AT.format(9),
        "updated_at": AT.format(hour), "buyer": {"id": "b1", "name": "王小明", "phone": "13812365678"},
        "lines": [{"key": "1", "title": "杯子", "quantity": "2", "amount": "100"}, {"key": "2", "amount": "28.50"}], **more,
    }  # fmt: skip


def deal(own: str = "d1", hour: int = 10, **more: Any) -> dict[str, Any]:
    return {
        "id": own, "state": "signed", "amount": "5000", "customer": "a", "title": "年度合同", "signed_at": AT.format(8),
        "signed_on": "2026-11-22", "updated_at": AT.format(hour), **more,
    }  # fmt: skip


def refund(own: str = "r1", hour: int = 10, **more: Any) -> dict[str, Any]:
    return {
        "id": own,
        "order": "o1",
        "state": "done",
        "amount": "10",
        "done_at": AT.format(9),
        "updated_at": AT.format(hour),
        **more,
    }


EVERYTHING: list[tuple[str, list[dict[str, Any]]]] = [
    ("staff", [{"id": "s1", "name": "赵磊", "phone": "13700000001", "state": "on"}]),
    ("tag", [{"id": "vip", "name": "大客户", "group": "等级"}]),
    (
        "person",
        [
            {
                "id": "a",
                "name": "张伟",
                "phones": ["13900000001"],
                "tags": [{"id": "vip"}],
                "owner": "s1",
                "updated_at": AT.format(9),
            }
        ],
    ),
    ("contact", [{"id": "7", "name": "李强", "phones": ["13900000002"], "tags": ["老客户"]}]),
    ("order", [order(), order("o2", buyer={"id": "b2"})]),
    ("refund", [refund()]),
    ("deal", [deal()]),
]


def land_all(site: Site) -> None:
    for stream, records in EVERYTHING:
        site.land(*copy.deepcopy(records), stream=stream)


# -- unchanged, older, newer


def test_a_record_that_has_not_changed_changes_nothing(site: Site) -> None:
    land_all(site)
    before = site.snapshot()
    site.forward(86400)
    for stream, records in EVERYTHING:
        counts = site.land(*copy.deepcopy(records), stream=stream)
        assert (counts.fetched, counts.unchanged, counts.changed, counts.events) == (len(records), len(records), 0, 0)
    assert site.snapshot() == before


def test_the_order_of_keys_in_a_record_is_no_change(small: Site) -> None:
    small.land(order(), stream="order")
    counts = small.land(dict(reversed(order().items())), stream="order")
    assert (counts.unchanged, counts.changed) == (1, 0)


def test_an_older_version_never_overwrites_a_newer_one(site: Site) -> None:
    site.land(order(hour=12, total="200", state="done"), stream="order")
    before = site.snapshot()
    counts = site.land(order(hour=11), stream="order")
    assert (counts.older, counts.changed) == (1, 0) and site.snapshot() == before


def test_of_two_versions_in_one_batch_the_newer_is_landed(site: Site) -> None:
    site.land(order(hour=12, total="200"), order(hour=11), stream="order")
    assert site.one(Order).total == 20000 and len(site.rows(SourceRecord)) == 1
    site.land(order(hour=13, total="300"), order(hour=14, total="400"), stream="order")
    assert site.one(Order).total == 40000


def test_new_content_of_the_same_version_is_taken(site: Site) -> None:
    """Modification times have seconds, and two changes fit into one."""
    site.land(order(), stream="order")
    counts = site.land(order(total="300"), stream="order")
    assert counts.changed == 1 and site.one(Order).total == 30000


def test_a_record_without_version_is_taken_as_it_comes(site: Site) -> None:
    site.land({"id": "7", "name": "李强"}, stream="contact")
    site.land({"id": "7", "name": "李大强"}, stream="contact")
    assert site.golden(site.home("crm/c-7"))["display_name"] == "李大强"


@pytest.mark.parametrize("early", ["1700000000000", 1700000000000])
def test_numbers_are_versions_too(small: Site, early: Any) -> None:
    small.land({"id": "a", "updated_at": 1700000000001, "name": "张伟"})
    assert small.land({"id": "a", "updated_at": early, "name": "旧"}).older == 1


# -- what is derived


def test_an_order_with_all_that_belongs_to_it(site: Site) -> None:
    site.land(order(), stream="order")
    row = site.one(Order)
    assert (row.number, row.state, row.state_raw, row.currency, row.total, row.paid) == (
        "o1",
        "paid",
        "paid",
        "CNY",
        12850,
        12850,
    )
    assert row.profile_ref == site.ref("crm/b1") and row.paid_at.isoformat() == "2026-11-22T01:00:00+00:00"
    lines = [(line.key, line.title, line.quantity, line.amount) for line in site.rows(OrderLine)]
    assert sorted(lines) == [("1", "杯子", "2", 10000), ("2", None, None, 2850)]
    assert site.golden(site.home("crm/b1"))["phones"] == ["13812365678"]


def test_lines_follow_the_record(site: Site) -> None:
    site.land(order(), stream="order")
    site.land(
        order(hour=11, lines=[{"key": "2", "title": "盘子", "amount": "1"}, {"title": "无号", "amount": "2"}]), stream="order"
    )
    assert sorted((line.key, line.title) for line in site.rows(OrderLine)) == [("1", "无号"), ("2", "盘子")]
    site.land(order(hour=12, lines=[]), stream="order")
    assert site.rows(OrderLine) == []


def test_two_lines_with_one_key_both_stay(site: Site) -> None:
    """One product at two prices: the lines must still add up to the amount."""
    lines = [{"product": "p7", "amount": "4000"}, {"product": "p7", "amount": "1000"}, {"product": "p8", "amount": "0"}]
    site.land(deal(lines=lines), stream="deal")
    assert sum(line.amount for line in site.rows(DealLine)) == 500000 and len(site.rows(DealLine)) == 3


def test_staff_and_tags_of_lists(site: Site) -> None:
    land_all(site)
    staff = site.one(Staff)
    assert (staff.data, staff.state) == ({"name": "赵磊", "phone": "13700000001"}, "active")
    tag = site.one(Tag)
    assert (tag.name, tag.group, tag.deleted) == ("大客户", "等级", False)


def test_unknown_fields_and_words_are_counted_by_name(small: Site) -> None:
    counts = small.land(
        order(state="lost", colour="red", gift={"x": 1}), order("o2", state="lost", colour="blue"), stream="order"
    )
    assert counts.unknown == {"colour": 2, "gift": 1, "state=lost": 2} and counts.changed == 2
    assert {row.state for row in small.rows(Order)} == {"unknown"} and small.rows(Order)[0].state_raw == "lost"


def test_what_is_unknown_is_counted_without_end_and_kept_with_one(small: Site) -> None:
    """A field of free text that is mapped as a list of words must not fill the memory and the run."""
    world = small.world()
    for number in range(1200):
        world.put("order", order(f"o{number}", state=f"word {number}" if number % 2 else "often"))
    from hub.sync.foreground import sync

    found = sync(small.hub, "crm", ["order"], by="t")["order"]
    assert found["changed"] == 1200 and found["unknown"]["state=often"] == 600 and len(found["unknown"]) <= landing.MOST_UNKNOWN
    from hub.models import Run

    stored = small.rows(Run)[0].unknown
    assert stored["state=often"] == 600 and len(stored) <= landing.MOST_UNKNOWN


# -- a buyer in an order and a record of his own


def buyer(own: str, name: str, hour: int, **more: Any) -> dict[str, Any]:
    return order(f"of-{own}-{hour}", hour) | {"buyer": {"id": own, "name": name, **more}}


def test_an_order_does_not_overwrite_what_the_buyers_own_record_says(site: Site) -> None:
    site.land(site.person("a", "张伟", "13900000001", at=AT.format(9), stage="won"))
    site.land(buyer("a", "阿伟", 12), stream="order")
    assert site.golden(site.home("crm/a")) == {
        "display_name": "张伟",
        "phones": ["13900000001"],
        "stage": "won",
        "kind": "person",
    }
    assert site.one(Order).profile_ref == site.ref("crm/a")


def test_the_buyers_own_record_overwrites_what_orders_said(site: Site) -> None:
    site.land(buyer("a", "阿伟", 12), stream="order")
    site.land(buyer("a", "大伟", 13), stream="order")
    assert site.golden(site.home("crm/a"))["display_name"] == "大伟"
    site.land(site.person("a", "张伟", "13900000001", at=AT.format(9)))
    assert site.golden(site.home("crm/a"))["display_name"] == "张伟" and len(site.rows(Profile)) == 1 and site.faults() == []


# -- events


def told(site: Site, kind: str) -> list[Any]:
    return sorted(site.rows(Event, kind=kind), key=lambda row: (row.at, row.subject))


def test_events_of_orders_refunds_and_deals_come_once(site: Site) -> None:
    land_all(site)
    (paid,) = told(site, "order.paid")[:1]
    assert paid.data == {"amount": 12850, "currency": "CNY", "number": "o1"} and paid.subject == site.ref("crm/o1")
    (back,) = told(site, "refund.succeeded")
    assert back.data == {"amount": 1000, "currency": "CNY", "number": "r1", "order": "o1"}
    (signed,) = told(site, "deal.signed")
    assert signed.data["amount"] == 500000 and signed.at.isoformat() == "2026-11-22T00:00:00+00:00"
    count = len(site.rows(Event))
    site.land(order(hour=15, region="x"), stream="order")
    site.land(refund(hour=15, reason="y"), stream="refund")
    site.land(deal(hour=15, title="z"), stream="deal")
    assert len(site.rows(Event)) == count


def test_an_order_goes_its_way_with_one_event_for_each_step(site: Site) -> None:
    unpaid = order(state="unpaid", paid=None, paid_at=None)
    assert site.land(unpaid, stream="order").events == 1  # the customer
    assert site.land(order(hour=11), stream="order").events == 1
    assert site.land(order(hour=12, state="done", closed_at=AT.format(12)), stream="order").events == 1
    assert site.land(order(hour=13, state="done", closed_at=AT.format(12), region="x"), stream="order").events == 0
    kinds = [row.kind for row in site.rows(Event, subject=site.ref("crm/o1"))]
    assert sorted(kinds) == ["order.completed", "order.paid"]


def test_a_deal_that_is_void_is_reversed_once(site: Site) -> None:
    site.land(deal(state="draft"), stream="deal")
    assert told(site, "deal.signed") == []
    for hour, state in ((11, "signed"), (12, "void"), (13, "void")):
        site.land(deal(hour=hour, state=state, title=f"t{hour}"), stream="deal")
    assert len(told(site, "deal.signed")) == len(told(site, "deal.reversed")) == 1


def test_a_signed_deal_over_another_amount_is_amended_each_time(site: Site) -> None:
    site.land(deal(state="draft", amount="4000.00"), stream="deal")
    for hour, amount in ((11, "5000.00"), (12, "5000.00"), (13, "4500.00"), (14, "5000.00"), (15, "4500.00")):
        site.land(deal(hour=hour, state="signed", amount=amount, title=f"t{hour}"), stream="deal")
    site.land(deal(hour=15, state="signed", amount="4500.00", title="t15"), stream="deal")
    site.land(deal(hour=16, state="void", amount="0.00"), stream="deal")
    assert len(told(site, "deal.signed")) == 1, "it is signed once"
    changes = sorted((row.data["before"], row.data["amount"]) for row in told(site, "deal.amended"))
    assert changes == [(450000, 500000), (500000, 450000), (500000, 450000)], "a draft and a void deal are not amended"
    assert {row.data["number"] for row in told(site, "deal.amended")} == {"d1"}


def test_a_signed_deal_that_is_given_to_another_customer_is_amended(site: Site) -> None:
    """Over the same amount: whoever reads the event sees that it is about somebody else."""
    site.land(site.person("one", "张伟"), site.person("two", "王强"))
    for hour, whose in ((11, None), (12, "one"), (13, "two"), (14, "two"), (15, None)):
        site.land(deal(hour=hour, state="signed", amount="5000.00", title=f"t{hour}", customer=whose), stream="deal")
    assert [(row.data["before"], row.data["amount"]) for row in told(site, "deal.amended")] == [(500000, 500000)]


def tag_events(site: Site) -> list[tuple[str, str]]:
    rows = [row for row in site.rows(Event) if row.kind.startswith("tag.")]
    return [
        (row.kind, row.data["tag"].split("|")[1])
        for row in sorted(rows, key=lambda row: (row.recorded_at, row.kind, row.data["tag"]))
    ]


def test_tags_follow_the_record_with_one_event_for_each_change(site: Site) -> None:
    def tagged(hour: int, *tags: str) -> None:
        site.forward(60)
        site.land(
            site.person(
                "a", "张伟", at=AT.format(hour), tags=[{"id": tag, "name": tag.upper()} for tag in tags], tagged_by="s1"
            )
        )

    tagged(9, "vip", "new")
    since = {row.tag_ref: row.since for row in site.rows(TagAssignment)}
    tagged(10, "vip", "old")
    tagged(10, "vip", "old")
    assert {row.tag_ref: row.name for row in site.rows(TagAssignment)} == {
        site.ref("crm/vip"): "VIP",
        site.ref("crm/old"): "OLD",
    }
    assert site.one(TagAssignment, tag_ref=site.ref("crm/vip")).since == since[site.ref("crm/vip")], "since when it is there"
    assert tag_events(site) == [("tag.added", "new"), ("tag.added", "vip"), ("tag.added", "old"), ("tag.removed", "new")]
    assert site.rows(Event, kind="tag.added")[0].data["by"] == "s1"
    tagged(11)
    assert site.rows(TagAssignment) == [] and len(tag_events(site)) == 6


def test_a_tag_that_goes_and_comes_back_is_told_each_time(site: Site) -> None:
    """The record without times is the same, byte for byte, when the tag is back."""
    for tags in (["vip"], [], ["vip"], []):
        site.forward(60)
        site.land({"id": "7", "name": "李强", "tags": tags}, stream="contact")
    assert tag_events(site) == [("tag.added", "vip"), ("tag.removed", "vip")] * 2


# -- quarantine


def test_one_bad_record_never_stops_the_others(site: Site) -> None:
    bad = order("bad", total="一百")
    counts = site.land(order("o1"), bad, order("o3"), stream="order")
    assert (counts.fetched, counts.changed, counts.quarantined) == (3, 2, 1)
    assert {row.number for row in site.rows(Order)} == {"o1", "o3"}
    row = site.one(Quarantined)
    assert (row.source_id, row.stream, row.state, row.attempts) == ("bad", "order", "open", 1)
    assert row.error["key"] == "mapping.value" and row.error["params"]["field"] == "total"
    assert quarantine.show(site.hub, row.ref)["body"] == parse(dump(bad))
    assert "一百" not in str(row.error) and "一百".encode() not in bytes(row.body)


@pytest.mark.parametrize(
    "broken",
    [
        {"id": ""},
        {"id": None},
        {"updated_at": "gestern"},
        {"updated_at": "0001-01-01 00:00:00"},
        {"updated_at": "9" * 30},
        {"updated_at": {}},
        {"total": 1.5},
        {"total": "1e999"},
        {"total": [1]},
        {"created_at": "2026-13-45"},
        {"created_at": None},
        {"lines": [{"amount": "x"}]},
        {"total": True},
        {"paid_at": 5},
        {"buyer": {"id": {}, "name": "x"}},
        {"lines": [5]},
        {"total": "9" * 40},
        {"paid": "-" * 5},
    ],
)
def test_every_kind_of_broken_record_is_put_aside(site: Site, broken: dict[str, Any]) -> None:
    counts = site.land(order("good"), order("bad") | broken, stream="order")
    assert {row.number for row in site.rows(Order)} >= {"good"}
    if counts.quarantined:
        shown = quarantine.show(site.hub, site.one(Quarantined).ref)
        assert shown["body"]["total"] is not None and "gestern" not in str(shown["error"])
    else:
        assert len(site.rows(Order)) == 2
    assert counts.quarantined == (broken not in ({"lines": [5]},)), "a line that is no object has no fields"


@pytest.mark.parametrize("text", ["half \ud83d", "nul \x00 nul", "\udfff", "both \x00\ud800"])
@pytest.mark.parametrize("place", ["id", "region", "state", "other", "name"])
def test_text_that_no_store_takes_loses_no_order(site: Site, text: str, place: str) -> None:
    record = order("o9") | ({"buyer": {"id": "b", "name": text}} if place == "name" else {place: text})
    counts = site.land(order("good"), record, stream="order")
    assert {row.number for row in site.rows(Order)} >= {"good"}
    assert counts.changed + counts.quarantined == 2 and len(site.rows(Order)) + len(site.rows(Quarantined)) == 2
    assert site.land(order("good"), record, stream="order").changed == 0


def test_numbers_keep_every_digit(site: Site) -> None:
    record = order("o1", total=Decimal("123456789012.30"), weight=Decimal("0.10000000000000000001"), big=2**70, neg=-(2**80))
    assert site.land(record, stream="order").changed == 1
    assert site.one(Order).total == 12345678901230
    with site.hub.db.read() as conn:
        row = conn.exec_driver_sql("SELECT ref, body FROM source_record").one()
    stored = parse(site.hub.ring.unpack(bytes(row[1]), row[0]))
    assert stored["weight"] == Decimal("0.10000000000000000001") and (stored["big"], stored["neg"]) == (2**70, -(2**80))


def test_a_record_without_key_is_put_aside_once_however_often_it_comes(site: Site) -> None:
    for _ in range(3):
        assert site.land({"name": "没有编号", "updated_at": AT.format(9)}, order_free()).quarantined == 1
        site.forward(60)
    row = site.one(Quarantined)
    assert row.attempts == 3 and row.source_id.startswith("?") and row.last_at > row.first_at


def order_free() -> dict[str, Any]:
    return {"id": "a", "name": "张伟", "updated_at": AT.format(9)}


def test_a_record_that_comes_good_leaves_the_quarantine(site: Site) -> None:
    site.land(order(total="x"), stream="order")
    site.land(order(hour=11), stream="order")
    assert site.rows(Quarantined) == [] and site.one(Order).total == 12850


def test_a_record_that_turns_bad_keeps_its_last_good_state(site: Site) -> None:
    site.land(order(), stream="order")
    site.land(order(hour=11, total="x"), stream="order")
    assert site.one(Order).total == 12850 and site.one(Quarantined).state == "open"


def test_a_record_that_goes_back_to_what_it_was_leaves_the_quarantine(site: Site) -> None:
    """Else the stale bad body would lie there, and a replay of it would overwrite what is good."""
    good = {"id": "7", "name": "李强"}
    for record in (good, {"id": "7", "name": None}, good):
        site.forward(60)
        site.land(record, stream="contact")
    assert site.rows(Quarantined) == [] and site.golden(site.home("crm/c-7"))["display_name"] == "李强"


def test_a_stale_page_does_not_clear_what_is_newer(site: Site) -> None:
    """A push brought a newer version, which is bad; then a page arrives that was read before."""
    site.land(order(hour=10), stream="order")
    site.land(order(hour=11, total="x"), stream="order")
    site.land(order(hour=10), stream="order")
    assert site.one(Quarantined).state == "open"


def test_a_dismissed_record_comes_back_only_when_it_has_changed(site: Site) -> None:
    site.land(order(total="x"), stream="order")
    quarantine.dismiss(site.hub, site.one(Quarantined).ref, by="w", reason="测试单")
    site.forward(60)
    assert site.land(order(total="x"), stream="order").quarantined == 0
    assert site.one(Quarantined).state == "dismissed"
    assert site.land(order(total="y"), stream="order").quarantined == 1
    assert site.one(Quarantined).state == "open"


def test_replay_lands_what_is_good_by_now_and_keeps_the_rest(site: Site) -> None:
    lander = site.lander("order")
    site.land(order("o1"), order("o2", total="x"), order("o3", total="y"), stream="order")
    from mappings.compile import CompiledMapping

    strict = CompiledMapping(
        {"stream": "order", "emits": [{"kind": "order", "id": "id", "fields": {"number": "nowhere"}, "required": ["number"]}]},
        zone="Asia/Shanghai", context={}, place="test",
    )  # fmt: skip
    lander = Lander(site.hub, lander.account, "order", mapping=strict)
    with site.hub.db.write() as conn:
        assert lander.land(conn, [order("o4")]).quarantined == 1
    assert quarantine.count(site.hub) == 3
    assert quarantine.replay(site.hub, by="cli:wang") == {"tried": 3, "landed": 1, "failed": 2}
    assert {row.number for row in site.rows(Order)} == {"o1", "o4"}
    assert {row.source_id for row in site.rows(Quarantined)} == {"o2", "o3"}
    assert quarantine.replay(site.hub, [site.rows(Quarantined)[0].ref], by="w") == {"tried": 1, "landed": 0, "failed": 1}
    assert quarantine.replay(site.hub, ["1|order|nothing"], by="w") == {"tried": 0, "landed": 0, "failed": 0}
    dismissed = site.rows(Quarantined)[1].ref
    quarantine.dismiss(site.hub, dismissed, by="w", reason="x")
    assert (
        quarantine.replay(site.hub, [dismissed], by="w")["failed"] == 1 and site.one(Quarantined, ref=dismissed).state == "open"
    )


def test_replay_never_overwrites_something_newer(site: Site) -> None:
    site.land(order(hour=10, total="x"), stream="order")
    ref = site.one(Quarantined).ref
    body = bytes(site.one(Quarantined).body)
    site.land(order(hour=12, total="300"), stream="order")
    old = order(hour=10, total="100")
    with site.hub.db.write() as conn:
        from sqlalchemy import insert

        from hub.models.base import table

        values = {
            "ref": ref,
            "account_id": site.account(),
            "stream": "order",
            "source_id": "o1",
            "error": {},
            "state": "open",
            "attempts": 1,
            "body": site.hub.ring.pack(dump(old), ref),
            "first_at": site.now,
            "last_at": site.now,
        }
        conn.execute(insert(table(Quarantined)), [values])
    quarantine.replay(site.hub, by="w")
    assert site.one(Order).total == 30000 and site.rows(Quarantined) == [] and body


def test_the_list_of_the_quarantine_shows_no_body(site: Site) -> None:
    site.land(order("o1", total="x"), order("o2", total="x"), stream="order")
    listed = quarantine.list_(site.hub)
    assert len(listed) == 2 and all("body" not in row and row["account"] == "crm" for row in listed)
    assert quarantine.list_(site.hub, account="crm", limit=1) and quarantine.list_(site.hub, account="other") == []
    assert quarantine.count(site.hub, "crm") == 2 and quarantine.show(site.hub, "1|order|none") is None


# -- gone


def test_what_is_gone_is_marked_and_a_signed_deal_is_reversed(site: Site) -> None:
    land_all(site)
    assert site.gone("a") == 1 and site.gone("a", "never-known") == 0
    assert site.gone("o1", stream="order") == site.gone("d1", stream="deal") == site.gone("r1", stream="refund") == 1
    assert site.gone("s1", stream="staff") == site.gone("vip", stream="tag") == 1
    assert site.one(Profile, ref=site.ref("crm/a")).deleted and site.one(Order, number="o1").deleted and site.one(Deal).deleted
    assert (
        site.one(Refund).deleted
        and site.one(Staff).deleted
        and site.one(Tag).deleted
        and not site.one(Order, number="o2").deleted
    )
    (event,) = told(site, "deal.reversed")
    assert event.data == {"amount": 500000, "currency": "CNY", "number": "d1"}
    assert ("tag.removed", "vip") in tag_events(site)
    assert not [row for row in site.rows(TagAssignment) if row.profile_ref == site.ref("crm/a")]
    assert site.faults() == []


@pytest.mark.parametrize("state", ["draft", "void"])
def test_a_deal_that_was_not_signed_is_not_reversed(site: Site, state: str) -> None:
    site.land(deal(state="void" if state == "void" else "draft"), stream="deal")
    before = len(told(site, "deal.reversed"))
    site.gone("d1", stream="deal")
    assert len(told(site, "deal.reversed")) == before


def test_what_appears_again_lives_again(site: Site) -> None:
    land_all(site)
    before = {
        name: rows
        for name, rows in site.snapshot().items()
        if name in ("orders", "deal", "staff", "tag", "refund", "order_line")
    }
    for stream, ids in {
        "person": ["a"],
        "order": ["o1"],
        "deal": ["d1"],
        "staff": ["s1"],
        "tag": ["vip"],
        "refund": ["r1"],
    }.items():
        site.gone(*ids, stream=stream)
    site.forward(60)
    land_all(site)
    after = site.snapshot()
    plain = {"orders", "order_line", "tag"}
    assert {name: after[name] for name in plain} == {name: before[name] for name in plain}
    assert not [
        row for model in (Profile, Order, Deal, Staff, Tag, Refund, SourceRecord) for row in site.rows(model) if row.deleted
    ]
    assert site.one(TagAssignment, profile_ref=site.ref("crm/a")).tag_ref == site.ref("crm/vip")
    assert tag_events(site).count(("tag.added", "vip")) == 2
    assert site.faults() == []


def test_a_deleted_profile_gives_its_values_only_when_nobody_else_has_them(site: Site) -> None:
    site.land(site.person("a", "张伟", "13900000001", stage="won"), site.person("b", "张大伟", "13900000001"))
    site.land(site.person("c", "张伟", "13900000001", at=AT.format(8), stage="lead"))
    site.gone("a")
    customer = site.golden(site.home("crm/a"))
    assert site.one(Customer, state="active", id=site.home("crm/a")).profiles >= 1
    assert customer["stage"] == ("lead" if site.together("crm/a", "crm/c") else "won") and site.faults() == []


def test_deleting_twice_changes_nothing_the_second_time(site: Site) -> None:
    land_all(site)
    site.gone("d1", stream="deal")
    before = site.snapshot()
    site.forward(60)
    assert site.gone("d1", stream="deal") == 0 and site.snapshot() == before


# -- what is open


def test_open_records_are_known(site: Site) -> None:
    site.land(order("o1", state="unpaid"), order("o2"), stream="order")
    assert {row.source_id: row.is_open for row in site.rows(SourceRecord)} == {"o1": True, "o2": False}
    site.land(order("o1", hour=11), stream="order")
    assert not site.one(SourceRecord, source_id="o1").is_open


def test_times_of_the_hub_are_its_clock(small: Site) -> None:
    small.land(order(), stream="order")
    moment = small.now
    small.forward(3600)
    small.land(order("o2"), stream="order")
    rows = {row.source_id: row.changed_at for row in small.rows(SourceRecord)}
    assert rows == {"o1": moment, "o2": moment + timedelta(hours=1)}
