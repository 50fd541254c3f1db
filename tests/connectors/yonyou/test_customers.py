"""Reading customers: an array without total, ids beyond 2^53, what is left out. Traps of the fact sheet, sections 3.1 and 7."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors import errors
from connectors.base import Window


def window(sim) -> Window:
    return Window(sim.now() - timedelta(hours=1), sim.now())


def test_ids_of_nineteen_digits_survive(sim, connect) -> None:
    """They are JSON numbers beyond 2^53."""
    row = sim.books.add_customer("000805", "云杉", 0, {})
    (page,) = connect().pages("customer", window(sim), None)
    assert page.records[0]["id"] == row["id"] > 2**53 and float(row["id"]) != row["id"]


def test_customers_made_for_our_own_documents_are_left_out(sim, connect, document) -> None:
    connect().send(document(code="CN45UJKPLTCED3WFA"))
    connect().send(document("receivable", "AR2", code="SN45UJKPLTCED3WFA", party=document(code="SN45UJKPLTCED3WFA").party))
    sim.books.add_customer("000805", "老客户", 0, {})
    (page,) = connect().pages("customer", window(sim), None)
    assert [row["code"] for row in page.records] == ["000805"]


def test_an_id_card_is_never_kept(sim, connect) -> None:
    """It stands where a company has its credit code."""
    sim.books.add_customer("1", "张三", 1, {"creditCode": "110101190001010014", "licenseType": 3})
    shop = sim.books.add_customer("2", "李四商行", 0, {"creditCode": "110101190001010014", "licenseType": 3})
    shop["leaderNameIdNo"] = "110101"
    sim.books.add_customer("3", "云杉", 0, {"creditCode": "91330100MA2XXXXX0X"})
    sink = connect()
    (page,) = sink.pages("customer", window(sim), None)
    assert "1101" not in str(page.records) and "91330100MA2XXXXX0X" in str(page.records)
    assert "1101" not in str(sink.fetch_one("customer", "2"))


def test_a_stopped_customer_is_still_one(sim, connect) -> None:
    sim.books.add_customer("000805", "云杉", 0, {})["stopStatus"] = True
    assert connect().fetch_one("customer", "000805")["stopStatus"] is True


def test_pages_end_where_one_is_not_full(sim, connect) -> None:
    sim.populate("customer", 400, start=sim.now(), step=timedelta(0))
    pages = list(connect().pages("customer", window(sim), None))
    assert [len(page.records) for page in pages] == [200, 200, 0] and pages[-1].last and pages[0].resume == "2"


def test_another_shape_than_an_array_is_an_error(sim, connect) -> None:
    sim.apis["/yonbip/digitalModel/merchant/newlist"] = ("POST", lambda body: {"code": "200", "data": {"recordList": []}})
    with pytest.raises(errors.UnknownAnswer):
        list(connect().pages("customer", window(sim), None))
    with pytest.raises(errors.UnknownAnswer):
        connect().fetch_one("customer", "1")
