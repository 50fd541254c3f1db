"""Kingdee Xingchen: the doubly encoded signature, secrets of the day, addresses of account sets, two tokens a minute, bills.
Traps of the fact sheet, section 2.5; vectors of set 3."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
import requests
from pydantic import ValidationError

from connectors import errors, registry
from connectors.base import Document, Money, Party, Request
from connectors.http import Response, as_error
from connectors.kingdee_cloud import signin
from connectors.kingdee_cloud.simulator import KingdeeCloudSimulator
from connectors.tokens import MemoryTokens
from tests.connectors.finance import NOW, connected, made, samples

STAMP, NONCE = "1700000000000", "1234567890"
APP_SIGNATURE = "ZDljMTI3NGIyNTE1MTRkYzlkNjc1MDNhYjUzMzgzNWMyY2M4YTdjMzdmNmM3YTVlNDkxMTkzNjdiOTFjNzUyZQ=="


@pytest.fixture
def sim() -> KingdeeCloudSimulator:
    return KingdeeCloudSimulator(now=lambda: NOW)


class Account:
    """One saved account; ``shift`` is how far its clock is off."""

    def __init__(self, sim: KingdeeCloudSimulator, url: str) -> None:
        self.sim, self.url, self.shift = sim, url, timedelta(0)
        self.tokens = MemoryTokens(sim.now)

    def __call__(self, **changes: Any) -> Any:
        tokens = MemoryTokens(self.sim.now) if changes else self.tokens
        settings = {**self.sim.settings(self.url), **changes}
        return connected(self.sim, settings, clock=lambda: self.sim.now() + self.shift, tokens=tokens)


@pytest.fixture
def account(sim, url) -> Account:
    return Account(sim, url)


document = samples()


# ---------------------------------------------------------------- getting in


def test_the_published_app_signature() -> None:
    assert signin.app_signature("abc", "abc123") == APP_SIGNATURE


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", "/jdy/v2/bd/customer", {"page": "1", "page_size": "10", "search": "演示 客户"},
         "YWM0ZWUxMzBiOGUwYTgzOTFiY2U1YTI2ZmQ4YzJkNjFkZjIyMDE1MDQyOWI0ZjdiY2ViMTliYmNhYzM5ODMyNw=="),
        ("GET", "/jdyconnector/app_management/kingdee_auth_token", {"app_signature": APP_SIGNATURE, "app_key": "abc"},
         "OTg5NGMzMzMyZDE2MjUxMGY3M2NmN2Y5ZDkwYjRkNDRlNzQ3MjliYTE4YzgyMDI5ZmUxMjczZWQyOWYwZjMxNg=="),
        ("POST", "/jdy/v2/bd/customer", {},
         "M2Q5ZTMwNmQ4MWYxOTg1YzNhODYzYzI1N2Q0Mzk2MWIzNzA4NTEzMmQ2NzA1ZDIzYmVkMTU2MjVmOWU0ZDNjMw=="),
    ],
)  # fmt: skip
def test_the_signature_encodes_values_twice(method: str, path: str, query: dict[str, str], expected: str) -> None:
    assert signin.signature("abc123", method, path, query, NONCE, STAMP) == expected


def test_the_address_carries_the_query_as_it_was_signed(account) -> None:
    """A blank as '+' would be another signature."""
    signed = account().sign(Request("GET", "jdy/v2/bd/customer", query={"search": "演示 客户+1"}), None)
    assert signed.path.endswith("?search=%E6%BC%94%E7%A4%BA%20%E5%AE%A2%E6%88%B7%2B1") and signed.query == {}
    assert signed.headers["X-Api-Nonce"].isdigit() and len(signed.headers["X-Api-TimeStamp"]) == 13


def test_a_customer_whose_number_needs_encoding_is_found(sim, account) -> None:
    receipt = account().send(document("receivable", "E-1", code="客户 1/2+%&=?"))
    assert receipt.party_code == "客户 1/2+%&=?" and "客户 1/2+%&=?" in sim.books.customers


def test_each_nonce_is_another(account) -> None:
    signed = {account().sign(Request("GET", "x"), None).headers["X-Api-Nonce"] for _ in range(20)}
    assert len(signed) == 20


def test_the_secret_of_the_day_is_asked_for_before_each_token(sim, account) -> None:
    account().find(document())
    sim.offset += timedelta(days=1)
    assert account().find(document()) is None
    assert sim.gate.asked == ["authorise", "token"] * 2


def test_a_secret_that_changes_between_the_two_calls_is_asked_for_again(sim, account) -> None:
    kept, turned = sim.gate.authorise, iter((1, 0))

    def authorise() -> Any:
        rows = kept()
        sim.gate.turns += next(turned)
        return rows

    sim.app.view_functions["authorise"] = sim._outside(authorise)
    assert account().find(document()) is None
    assert sim.gate.asked == ["authorise", "token"] * 2


def test_a_secret_that_stays_wrong_asks_a_person(sim, account) -> None:
    kept = sim.gate.authorise
    sim.app.view_functions["authorise"] = sim._outside(lambda: [{**row, "appSecret": "wrong"} for row in kept()])
    with pytest.raises(errors.ReauthNeeded, match="not_authorised"):
        account().find(document())
    assert sim.gate.asked.count("token") == 2


def test_two_tokens_a_minute_are_waited_for(sim, account) -> None:
    for _ in range(3):
        sim.kill_tokens()
        account().find(document())
    assert sim.now() - NOW >= timedelta(seconds=25) and sim.calls["GET /jdyconnector/app_management/kingdee_auth_token"] > 3


def test_the_budget_holds_tokens_back_before_the_platform_does() -> None:
    budgets = registry.get("kingdee_cloud").manifest.budgets
    assert any(budget.match.endswith("kingdee_auth_token") and budget.per_minute == 2 for budget in budgets)


def test_an_account_set_that_has_moved_is_found_again(sim, account) -> None:
    account().find(document())
    sim.gate.domain = "https://tf.jdy.com"
    assert account().send(document()).complete and len(made(sim, "AR1")) == 1
    assert account.tokens.current().extra["domain"] == "https://tf.jdy.com"


def test_an_api_that_is_nowhere_is_said_after_a_few_tries(sim, account) -> None:
    kept = sim.gate.authorise
    sim.app.view_functions["authorise"] = sim._outside(lambda: [{**row, "domain": "https://other"} for row in kept()])
    with pytest.raises(errors.Unavailable, match=r"kingdee_cloud\.route"):
        account().find(document())
    assert sim.gate.asked.count("authorise") == 4


@pytest.mark.parametrize("minutes", [-6, 6])
def test_five_minutes_off_is_said(account, minutes: int) -> None:
    account.shift = timedelta(minutes=minutes)
    with pytest.raises(errors.ReauthNeeded, match="sign_in"):
        account().find(document())


def test_four_minutes_off_is_let_through(account) -> None:
    account.shift = timedelta(minutes=4)
    assert account().find(document()) is None


def test_which_account_set_is_meant(sim, account) -> None:
    sim.gate.accounts.append(sim.gate.account("8826002", "第二个账套"))
    with pytest.raises(errors.ConfigError, match="which_account"):
        account().find(document())
    assert account(account_id="8826002").find(document()) is None
    with pytest.raises(errors.ReauthNeeded, match="not_authorised"):
        account(account_id="1").find(document())
    sim.gate.accounts[1]["status"] = "0"
    assert account().find(document()) is None
    sim.gate.accounts[0]["status"] = 0
    with pytest.raises(errors.ReauthNeeded, match="not_authorised"):
        account(outer_instance_id=sim.gate.instance, account_id="").find(document())


def test_a_wrong_instance_or_secret_is_said(sim, account) -> None:
    with pytest.raises(errors.ReauthNeeded, match="not_authorised"):
        account(outer_instance_id="other").find(document())
    with pytest.raises(errors.ReauthNeeded, match="sign_in"):
        account(client_secret="other").find(document())
    assert not account(client_secret="other").check()[0].ok


def test_the_simulator_turns_an_unsigned_call_away(url, sim) -> None:
    answer = requests.get(f"{url}/jdy/v2/bd/customer", headers={"X-Api-ClientID": sim.gate.client_id}, timeout=5)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "changes", [{"materials": "A"}, {"tax_rate": "130"}, {"server_url": "api.kingdee.com"}, {"client_id": ""}]
)
def test_settings_that_cannot_be_are_named(sim, url, changes: dict[str, str]) -> None:
    kind = registry.get("kingdee_cloud").load()
    with pytest.raises(ValidationError):
        kind.Config(**{**sim.settings(url), **changes})


# ---------------------------------------------------------------- documents


@pytest.mark.parametrize("kind", ["receivable", "settlement", "sales_order"])
def test_a_document_goes_all_the_way(sim, account, kind: str) -> None:
    receipt = account().send(document(kind, "LS1", 1_060_000, 318_001))
    assert (receipt.state, receipt.complete, receipt.amount) == ("audited", True, Money(1_378_001))
    assert [(entry["kind"], entry["amount"]) for entry in made(sim, "LS1")] == [(kind, 1_378_001)]
    saved = account(finish="save").send(document(kind, "LS2"))
    assert (saved.state, saved.complete) == ("open", True)


def test_amounts_are_numbers_and_add_up(sim, account) -> None:
    account().send(document("receivable", "LS1", 11_301, quantity="3"))
    row = sim.books.bills["sal_out_bound"]["LS1"]["material_entity"][0]
    assert (str(row["qty"]), str(row["tax_price"]), str(row["all_amount"])) == ("3", "37.67", "113.01")
    assert str(row["amount"] + row["tax_amount"]) == "113.01" and row["stock_number"] == "CK001"
    account().send(document("sales_order", "LS2"))
    assert "stock_number" not in sim.books.bills["sal_order"]["LS2"]["material_entity"][0]


def test_goods_need_a_stock(account) -> None:
    with pytest.raises(errors.Rejected, match="refused"):
        account(material_number="GOODS-1", stock_number="").send(document())
    assert account(material_number="GOODS-1").send(document()).complete


def test_a_number_that_is_replaced_is_noticed(sim, account) -> None:
    sim.books.renumber = True
    with pytest.raises(errors.Rejected, match="number_replaced"):
        account().send(document())


def test_a_number_is_taken_once(sim, account) -> None:
    account().send(document())
    with pytest.raises(errors.Duplicate):
        account().send(document())
    assert len(made(sim, "AR1")) == 1


def test_absent_is_what_both_detail_and_list_say(sim, account) -> None:
    """A detail that says 'absent' of a bill that the list shows is no absence."""
    account().send(document())
    kept = sim.books.held
    sim.books.held = lambda kind, number: kept(kind, number + "?")
    with pytest.raises(errors.Unavailable, match="unreadable"):
        account().find(document())
    assert account().find(document("receivable", "AR")) is None


def test_a_day_with_refunds_is_one_sum(sim, account) -> None:
    assert account().send(document("settlement", "ST1", 13_046, -1_300)).amount == Money(11_746)
    assert len(sim.books.bills["sal_out_bound"]["ST1"]["material_entity"]) == 1


@pytest.mark.parametrize(("kind", "fen"), [("receivable", (-500,)), ("sales_order", (500, -100)), ("settlement", (-500,))])
def test_what_is_below_zero_is_for_people(account, kind: str, fen: tuple[int, ...]) -> None:
    with pytest.raises(errors.Rejected, match="negative"):
        account().find(document(kind, "N1", *fen))


def test_tables_translate_and_stop_what_they_lack(sim, account) -> None:
    tabled = account(materials="SVC-*=SVC-002", customers="C000000009=K9")
    with pytest.raises(errors.Rejected, match="customer_absent"):
        tabled.send(document("receivable", "T1", code="C000000009"))
    sim.books.save_customer({"number": "K9", "name": "老客户"})
    receipt = tabled.send(document("receivable", "T1", code="C000000009", item_code="SVC-77"))
    assert receipt.party_code == "C000000009" and made(sim, "T1")[0]["party_code"] == "K9"
    assert sim.books.bills["sal_out_bound"]["T1"]["material_entity"][0]["material_number"] == "SVC-002"
    with pytest.raises(errors.Rejected, match="material_unmapped"):
        tabled.send(document("receivable", "T2", item_code="OTHER"))
    with pytest.raises(errors.Rejected, match="customer_absent"):
        account(create_customers=False).send(document("receivable", "T3", code="C000000008"))
    sim.books.customers["K9"]["enable"] = "0"
    with pytest.raises(errors.Rejected, match="customer_stopped"):
        tabled.send(document("receivable", "T4", code="C000000009"))


@pytest.mark.parametrize("number", ["NO-1", "OLD-1"])
def test_a_material_that_is_absent_or_stopped_is_named(sim, account, number: str) -> None:
    with pytest.raises(errors.Rejected, match="material_absent"):
        account(material_number=number).send(document())
    assert [finding.ok for finding in account(material_number=number).check()] == [True, False]
    assert not sim.ledger and all(finding.ok for finding in account().check())


def test_a_refused_audit_leaves_the_document_for_finance(sim, account) -> None:
    sim.books.refuse_audit = "没有审核权限"
    with pytest.raises(errors.Rejected, match="step_refused") as caught:
        account().send(document())
    assert caught.value.params["state"] == "open" and len(made(sim, "AR1")) == 1


def test_a_code_that_the_bill_names_in_vain_is_a_refusal(sim, account) -> None:
    with pytest.raises(errors.Rejected, match="refused"):
        account(emp_number="P99").send(document())
    sim.books.closed_until = "2026-11-30"
    with pytest.raises(errors.Rejected, match="period"):
        account().send(document())


def test_what_was_received_is_the_total_less_what_is_open(sim, account) -> None:
    receipt = account().send(document("receivable", "AR1", 100_003))
    sim.advance("AR1", "pay", 33_334)
    status = account().status(document("receivable", "AR1", 100_003), receipt)
    assert (status.approved, status.received) == (True, Money(33_334))
    order = account().send(document("sales_order", "SO1"))
    assert account().status(document("sales_order", "SO1"), order).received is None


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, "No Route", errors.ReauthNeeded),
        (519, "API Not Found", errors.ReauthNeeded),
        (429, "", errors.Throttled),
        (200, '{"errcode":2000002000,"description":"系统异常"}', errors.Unavailable),
        (200, '{"errcode":4012,"description":"没有权限"}', errors.ScopeMissing),
        (200, '{"errcode":77,"description":"x"}', errors.UnknownAnswer),
        (200, '{"errcode":1,"description":"","description_cn":"参数number[A]不存在"}', errors.Gone),
        (200, '{"errcode":1,"description":"app-token 已过期"}', errors.ReauthNeeded),
        (200, "<html>", errors.Unavailable),
        (200, "[]", errors.Unavailable),
    ],
)
def test_what_an_answer_means_for_a_read(account, status: int, body: str, error: type[Exception]) -> None:
    request = Request("GET", "jdy/v2/bd/customer")
    verdict = account().interpret(request, Response(status, {}, body.encode()))
    with pytest.raises(error):
        raise as_error(verdict, request, "kingdee_cloud")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"errcode": 2000002000, "description": "系统异常"}, errors.InDoubt),
        ({"errcode": 1, "description": "参数customer_number[A]不存在"}, errors.Rejected),
        ({"errcode": 1, "description": "单据编号[A]已存在"}, errors.Duplicate),
        ({"errcode": 77, "description": "x"}, errors.Rejected),
    ],
)
def test_what_an_answer_means_for_a_write(account, body: dict[str, Any], error: type[Exception]) -> None:
    request = Request("POST", "jdy/v2/scm/sal_order", json={}, write=True)
    verdict = account().interpret(request, Response(200, {}, json.dumps(body).encode()))
    with pytest.raises(error):
        raise as_error(verdict, request, "kingdee_cloud")


@pytest.mark.parametrize("answer", [{"data": "x"}, {"data": [{"status": "1"}]}, {"data": None}])
def test_an_authorisation_that_cannot_be_read(sim, account, answer: dict[str, Any]) -> None:
    sim.app.view_functions["authorise"] = sim._outside(lambda: answer["data"])
    with pytest.raises((errors.UnknownAnswer, errors.ReauthNeeded)):
        account().find(document())


def test_other_kinds_currencies_and_numbers_are_refused(account) -> None:
    with pytest.raises(errors.ConfigError, match="kind"):
        account().find(document("voucher"))
    dollars = Document("receivable", "D1", date(2026, 11, 2), Money(100, "USD"), Party("C1", "x"))
    with pytest.raises(errors.Rejected, match="currency"):
        account().find(dollars)
    for line in ({"quantity": "many"}, {"rate": "130"}):
        with pytest.raises(errors.Rejected, match=r"kingdee_cloud\.line"):
            account().send(document("receivable", "L1", 100, **line))
