"""U8: tokens, write ids, answers that come later, a proxy that is off. Traps of the fact sheet, sections 2.2, 4.4, 6.2."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from connectors import errors
from connectors.base import Money
from connectors.u8 import documents
from connectors.u8.simulator import U8Simulator
from tests.connectors.finance import NOW, connected, made, samples


@pytest.fixture
def sim() -> U8Simulator:
    return U8Simulator(now=lambda: NOW)


@pytest.fixture
def connect(sim, url):
    def make(**changes: Any) -> Any:
        return connected(sim, {**sim.settings(url), **changes})

    return make


document = samples(amount=1_130_000)


@pytest.mark.parametrize("kind", ["receivable", "settlement", "sales_order"])
def test_a_document_goes_all_the_way(sim, connect, kind: str) -> None:
    receipt = connect().send(document(kind, "LS1", 1_060_000, 318_001))
    assert (receipt.state, receipt.complete, receipt.amount) == ("verified", True, Money(1_378_001))
    assert [(entry["kind"], entry["amount"]) for entry in made(sim, "LS1")] == [(kind, 1_378_001)]
    saved = connect(finish="save").send(document(kind, "LS2"))
    assert (saved.state, saved.complete) == ("open", True)


def test_a_day_with_refunds_is_one_sum(sim, connect) -> None:
    """A red line has no published form; the day's net has."""
    assert connect().send(document("settlement", "ST1", 13_046, -1_300)).amount == Money(11_746)
    assert len(sim.books.objects["oughtreceive"]["ST1"]["entry"]) == 1


def test_every_number_is_text(connect) -> None:
    """The gateway hands them to U8 as they are."""

    def numbers(node: Any) -> list[Any]:
        items = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        return [item for item in items if isinstance(item, int | float | Decimal)] + [
            n for item in items for n in numbers(item)
        ]

    for kind in documents.OBJECTS:
        assert numbers(documents.model(connect().config, document(kind))) == []


def test_the_same_write_never_makes_a_second_document(sim, connect) -> None:
    connect(finish="save").send(document())
    sim.offset += timedelta(days=400)
    assert connect(finish="save").send(document()).complete
    assert len(made(sim, "AR1")) == 1 and len(sim.biz_ids) == 2  # customer and document


def test_a_corrected_document_is_another_write(sim, connect) -> None:
    sim.books.closed_until = "2026-11-30"
    with pytest.raises(errors.Rejected, match="会计期间已结账"):
        connect().send(document())
    sim.books.closed_until = ""
    assert connect().send(document()).complete
    with pytest.raises(errors.Duplicate):
        connect().send(document("receivable", "AR1", 500))
    assert len(made(sim, "AR1")) == 1


def test_the_simulator_wants_exactly_one_write_id(sim, url, connect) -> None:
    connect()._rows("customer", "0")
    token = next(iter(sim.tokens))
    who = {"from_account": sim.from_account, "to_account": sim.to_account, "app_key": sim.app_key, "token": token}
    add = f"{url}/api/customer/add"
    assert "tradeid" in requests.post(add, json={}, params=who, timeout=5).json()["errmsg"]
    trade = requests.get(f"{url}/system/tradeid", who, timeout=5).json()["trade"]["id"]
    both = {**who, "tradeid": trade, "biz_id": "x"}
    assert "tradeid" in requests.post(add, json={}, params=both, timeout=5).json()["errmsg"]
    body = {"customer": {"code": "C9", "name": "云杉", "abbrname": "C9", "sort_code": "01"}}
    ids = {
        requests.post(add, json=body, params={**who, "tradeid": trade, "sync": "1"}, timeout=5).json()["id"] for _ in range(2)
    }
    assert ids == {"C9"} and len(sim.books.objects["customer"]) == 1


@pytest.mark.parametrize("polls", [1, 3])
def test_an_accepted_write_is_followed_to_its_outcome(sim, connect, polls: int) -> None:
    sim.asynchronous, sim.polls = True, polls
    assert connect(finish="save").send(document()).complete
    assert len(made(sim, "AR1")) == 1


def test_an_accepted_write_without_an_outcome_is_in_doubt(sim, connect) -> None:
    connect(finish="save").send(document("receivable", "AR0"))
    sim.asynchronous, sim.polls = True, 9
    with pytest.raises(errors.InDoubt, match=r"u8\.accepted"):
        connect(finish="save").send(document())
    assert connect().find(document()) is None
    sim.polls = 1
    for key, (_, do) in sim.accepted.items():
        sim.accepted[key] = (1, do)
    assert connect(finish="save").send(document()).complete  # the same write: its outcome is fetched now
    assert len(made(sim, "AR1")) == 1


def test_an_accepted_write_that_is_refused_later_is_refused(sim, connect) -> None:
    connect(finish="save").send(document("receivable", "AR0"))
    sim.asynchronous, sim.books.closed_until = True, "2026-11-30"
    with pytest.raises(errors.Rejected, match="会计期间已结账"):
        connect(finish="save").send(document())
    assert not made(sim, "AR1")


def test_an_outcome_is_fetched_from_the_gateway_alone(sim, connect) -> None:
    sink = connect()
    with pytest.raises(errors.InDoubt, match=r"u8\.accepted"):
        sink._outcome("http://elsewhere.example/result/1", "AR1")


def test_a_proxy_that_is_off_is_not_absence(sim, connect) -> None:
    sim.offline = True
    with pytest.raises(errors.Unavailable, match=r"u8\.offline"):
        connect().find(document())
    assert [finding.ok for finding in connect().check()] == [False]
    sim.offline = False
    sink = connect()
    sink._ensure_customer(document().party)
    rows = sink._rows
    sink._rows = lambda name, code: [sim.__setattr__("offline", True)] if name == "customer" else rows(name, code)
    with pytest.raises(errors.InDoubt):
        sink.send(document())


def test_tokens_die_in_words(sim, connect) -> None:
    sink = connect()
    sink.find(document())
    sim.kill_tokens()
    assert sink.find(document()) is None and len(sim.tokens) == 1
    sim.offset += timedelta(hours=3)
    assert sink.find(document()) is None and len(sim.tokens) == 2
    with pytest.raises(errors.ReauthNeeded, match=r"u8\.application"):
        connect(app_secret="wrong-wrong").find(document())


def test_a_list_without_rows_is_no_absence(sim, connect) -> None:
    sim._read = lambda name, known, operation: {"errcode": "0", "errmsg": ""}
    with pytest.raises(errors.UnknownAnswer):
        connect().find(document())


def test_a_refused_verification_says_where_it_stands(sim, connect) -> None:
    sim.books.refuse_verify = "没有审核权限"
    with pytest.raises(errors.Rejected) as refused:
        connect().send(document())
    assert (refused.value.key, refused.value.params["state"]) == ("u8.step_refused", "open")
    assert "没有审核权限" in refused.value.params["message"]
    sim.books.refuse_verify = ""
    assert connect().finish(document(), connect().find(document())).state == "verified"


def test_what_somebody_else_verified_is_done(sim, connect) -> None:
    saved = connect(finish="save").send(document())
    sim.books.verify("oughtreceive", "AR1")
    assert connect().finish(document(), saved).complete


def test_a_conflict_is_not_verified(sim, connect) -> None:
    saved = connect(finish="save").send(document())
    for other in (document("receivable", "AR1", 500), document(code="C000000002")):
        with pytest.raises(errors.Rejected, match=r"u8\.conflict"):
            connect().finish(other, saved)
    sim.books.objects["oughtreceive"].clear()
    with pytest.raises(errors.Rejected, match=r"u8\.vanished"):
        connect().finish(document(), saved)


@pytest.mark.parametrize(
    ("changes", "made_of", "key"),
    [
        ({}, {"kind": "voucher"}, "u8.kind"),
        ({}, {"fen": (-100,)}, "u8.negative"),
        ({}, {"kind": "sales_order", "fen": (200, -100)}, "u8.negative"),
        ({"inventory_code": ""}, {"kind": "sales_order"}, "u8.order_codes"),
        ({}, {"kind": "sales_order", "rate": "x"}, "u8.line"),
        ({}, {"kind": "sales_order", "rate": "100"}, "u8.line"),
    ],
)
def test_what_stops_before_a_document_is_written(sim, connect, changes, made_of, key) -> None:
    wanted = document(made_of.get("kind", "receivable"), "AR1", *made_of.get("fen", ()), rate=made_of.get("rate", "13"))
    with pytest.raises((errors.Rejected, errors.ConfigError)) as stop:
        connect(**changes).send(wanted)
    assert stop.value.key == key and not made(sim, "AR1")


@pytest.mark.parametrize(("changes", "words"), [({"customer_class": "99"}, "sort_code"), ({"dept_code": "D99"}, "deptcode")])
def test_a_missing_code_stops_clearly(connect, changes, words) -> None:
    with pytest.raises(errors.Rejected, match=words):
        connect(**changes).send(document())


def test_a_customer_made_meanwhile_is_adopted(sim, connect) -> None:
    sink = connect()
    rows, asked = sink._rows, []

    def late(name, code):
        if name == "customer" and not asked:
            asked.append(sim.books.add("customer", {"code": code, "name": "云杉", "abbrname": code, "sort_code": "01"}))
            return []
        return rows(name, code)

    sink._rows = late
    assert sink.send(document()).complete and len(sim.books.objects["customer"]) == 1
