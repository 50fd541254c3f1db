"""A document's number in the seller's memo: behind what people wrote, once, and never at the cost of it."""

from __future__ import annotations

from datetime import date

import pytest

from connectors.base import Document, Money, Party
from connectors.errors import Rejected, ScopeMissing

UPDATE = "taobao.trade.memo.update"


def document(shop, number="AR2222222222222222", note="应收单 100.00", **source):
    found = shop.sim.document_source("write_back", 1) | source
    party = Party("C1", "示例")
    return Document("write_back", number, date(2026, 3, 1), Money(100), party, note=note, source=found)


def row(shop, made):
    return shop.sim.trades.rows[int(made.source["key"])]


def test_the_number_stands_behind_what_people_wrote(shop):
    made = document(shop)
    shop.connector().send(made)
    assert row(shop, made).record["seller_memo"] == "加急发货\nAR2222222222222222 应收单 100.00"
    assert row(shop, made).record["seller_flag"] == 1, "the shop's flag stays"


@pytest.mark.parametrize("flag", [0, 5])
def test_a_flag_is_set_where_the_account_wants_one(shop, flag):
    made = document(shop)
    shop.connector(memo_flag=flag).send(made)
    assert row(shop, made).record["seller_flag"] == flag


@pytest.mark.parametrize("flag", [-1, 6])
def test_there_are_six_flags(shop, flag):
    with pytest.raises(ValueError, match="memo_flag"):
        shop.connector(memo_flag=flag)
    assert shop.error(UPDATE, tid=document(shop).source["key"], memo="x", flag=str(flag))[0] == 41


def test_what_stands_there_is_not_written_again(shop):
    made = document(shop)
    shop.connector().send(made)
    shop.connector().send(made)
    assert shop.sim.calls[f"/router/rest {UPDATE}"] == 1 and len(shop.sim.ledger) == 1


def test_a_longer_number_is_another(shop):
    made = document(shop)
    row(shop, made).record["seller_memo"] = "AR2222222222222222-2"
    assert shop.connector().find(made) is None


@pytest.mark.parametrize(("used", "expected"), [(975, "number"), (985, None)])
def test_a_memo_has_a_thousand_bytes(shop, used, expected):
    """Chinese takes three bytes a character. The note gives way first; then the write is refused, and nothing is cut."""
    made = document(shop, note="应收单" * 20)
    before = "备" * (used // 3)
    row(shop, made).record["seller_memo"] = before
    if expected is None:
        with pytest.raises(Rejected) as caught:
            shop.connector().send(made)
        assert caught.value.key == "taobao.memo_full"
        assert row(shop, made).record["seller_memo"] == before
    else:
        shop.connector().send(made)
        assert row(shop, made).record["seller_memo"] == f"{before}\n{made.number}"


def test_the_simulator_refuses_a_longer_one(shop):
    made = document(shop)
    assert shop.error(UPDATE, tid=made.source["key"], memo="备" * 334) == (41, "isv.invalid-parameter:memo")


def test_an_empty_memo_clears_nothing_unless_told(shop):
    key = document(shop).source["key"]
    shop.call(UPDATE, tid=key, flag="3")
    assert shop.sim.trades.rows[int(key)].record["seller_memo"] == "加急发货"
    shop.call(UPDATE, tid=key, reset="true")
    assert shop.sim.trades.rows[int(key)].record["seller_memo"] == ""


@pytest.mark.parametrize("source", [{"key": "1"}, {"stream": "refund"}, {"key": "no number"}])
def test_without_an_order_there_is_nothing_to_write_to(shop, source):
    made = document(shop, **source)
    assert shop.connector().find(made) is None
    with pytest.raises(Rejected) as caught:
        shop.connector().send(made)
    assert caught.value.key == "taobao.memo_no_order"


def test_the_echo_of_a_write_changes_no_order(shop):
    """The write moves the order's time of change; what is read again maps to the same order but for that time."""
    from tests.connectors.taobao.test_members import mapped

    made = document(shop)
    connector = shop.connector()
    before = mapped("order", connector.fetch_one("order", made.source["key"])).records
    shop.sim.offset += type(shop.window().end - shop.window().start)(minutes=1)
    connector.send(made)
    after = mapped("order", connector.fetch_one("order", made.source["key"])).records
    assert before != after
    for records in (before, after):
        for record in records:
            record["fields"].pop("changed_at", None)
    assert before == after


def test_a_write_is_told_to_who_listens(shop):
    made = document(shop)
    heard = shop.connector().listen()
    assert next(heard) is None
    shop.connector().send(made)
    item = next(item for item in heard if item is not None)
    assert [event.record_key for event in shop.connector().events(item)] == [made.source["key"]]
    heard.close()


def test_an_application_of_the_crm_kind_may_not_write(crm):
    with pytest.raises(ScopeMissing):
        crm.connector().send(document(crm))
