"""Chanjet: tokens that rotate, codes that are good once, encrypted messages, null answers. Traps of the fact sheet, sections
2.3, 4.5, 5.2, 6.3 and 9.12; vectors of sets C and D."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from pydantic import ValidationError

from config.settings import Settings
from connectors import errors, registry
from connectors.base import DOCUMENTS, Credential, Money, RawRequest
from connectors.chanjet import documents, messages
from connectors.chanjet.connector import signature
from connectors.chanjet.simulator import ChanjetSimulator, sealed
from connectors.tokens import MemoryTokens
from tests.connectors.finance import NOW, connected, made, samples

OFFICIAL = (
    "Ww/5c2K+8uJS8F9Z2Gsi3fDvHEhsUNktFRyJZdjSqjeGV8SzbnCiv2oSwRoTft2T6NsHviUS3zHqYwvKVsgOfNR6QVOzerfB+9LekYqf4iGp+D7kKA+v2Mx"
    "Pl84gWB7yJAa10JjEkzZkcb3SL9kLE5ngmJ6furfOXMbls4jg07CN2TaokUDrQudvpX6yAKoEvAHmV2KJBrk/1g/AjxVtSt8rp0Dn/rQn/c1gUVA6cgs9PK"
    "hOEXS/M50xxIatrc17Uv+OCdLpmpmJNeL87DtkBftwDnQhIq2EWc7pIWvi1SUxBwMpAIiIieWiHCHxFMvU"
)
OWN = (
    "RDwncbl26EZqAuKm9cJA5dTR3b36DgYMI/355CB43JbapJFAAFB/aY5m7MhkzyhBx6eGrKTSG5qJ26VT86W3zuyogqVvNFp27PPbmmfkSbVyWedx5AJ7rskb"
    "O0XlGPhkCLeec98Ay+r5Y9Y/oD5J/d2X2evXn82xVikquh/1SwxdElWqUkhvdav2gvsC+irF"
)


@pytest.fixture
def sim() -> ChanjetSimulator:
    return ChanjetSimulator(now=lambda: NOW)


class Account:
    """One saved account: its settings, and what is kept of its credentials."""

    def __init__(self, sim: ChanjetSimulator, url: str) -> None:
        self.sim, self.url = sim, url
        self.settings = sim.settings(url)
        self.kept: dict[str, Credential] = {name: Credential(value, NOW) for name, value in sim.credentials().items()}
        self.spending: dict[str, datetime] = {}
        self.tokens = MemoryTokens(sim.now, kept=self.kept, spending=self.spending)

    def __call__(self, *, restarted: bool = False, **changes: Any) -> Any:
        fresh = MemoryTokens(self.sim.now, kept=self.kept, spending=self.spending)
        return connected(self.sim, {**self.settings, **changes}, tokens=fresh if restarted else self.tokens)


@pytest.fixture
def account(sim, url) -> Account:
    return Account(sim, url)


document = samples()


# ---------------------------------------------------------------- getting in


def test_a_refresh_kills_the_old_token_and_the_new_pair_is_kept(sim, account) -> None:
    account().check()
    first, old = account.tokens.current().value, account.kept["refresh_token"].value
    account().http.renew()
    assert first not in sim.auth.tokens and old not in sim.auth.refreshing
    assert account.kept["refresh_token"].value in sim.auth.refreshing and not account.spending
    assert all(finding.ok for finding in account(restarted=True).check())


def test_a_code_is_used_once_and_a_new_one_is_taken(sim, account) -> None:
    account().check()
    for _ in range(2):
        account(restarted=True).check()
    assert sim.calls["/auth/v2/getToken"] == 1
    account(restarted=True, authorization_code=sim.auth.new_code()).check()
    assert sim.calls["/auth/v2/getToken"] == 2


def test_a_code_that_is_too_old_asks_for_another(sim, account) -> None:
    sim.offset += timedelta(minutes=11)
    with pytest.raises(errors.ReauthNeeded, match=r"chanjet\.authorise"):
        account().find(document())


def test_without_the_second_way_a_lost_refresh_token_is_told_as_lost(sim, account) -> None:
    account.kept.clear()
    account().check()
    sim.faults.cut_after["/auth/v2/refreshToken"] = 1
    with pytest.raises(errors.Unavailable, match="credential_in_doubt"):
        account(restarted=True).find(document())
    for _ in range(2):
        with pytest.raises(errors.ReauthNeeded) as caught:
            account(restarted=True).find(document())
        assert caught.value.key == "error.credential_lost" and caught.value.params["credential"] == "refresh_token"
    account.settings["authorization_code"] = sim.auth.new_code()
    assert all(finding.ok for finding in account(restarted=True).check()) and not account.spending


def test_with_the_permanent_codes_a_lost_refresh_token_costs_nothing(sim, account) -> None:
    account().check()
    assert account.kept["company_code"].value == sim.auth.company and account.kept["user_code"].value == sim.auth.user
    sim.faults.cut_after["/auth/v2/refreshToken"] = 1
    with pytest.raises(errors.Unavailable):
        account(restarted=True).find(document())
    assert account(restarted=True).find(document()) is None
    assert sim.auth.used_today == {"2026-11-02": 1} and not account.spending


def test_the_permanent_code_gives_a_thousand_tokens_a_day(sim, account) -> None:
    account().check()
    sim.auth.refreshing.clear()
    sim.auth.used_today["2026-11-02"] = 1000
    with pytest.raises(errors.ReauthNeeded):
        account(restarted=True).find(document())
    assert any(budget.per_day == 1000 for budget in registry.get("chanjet").manifest.budgets)


def test_a_temporary_code_that_is_too_old_closes_no_other_way(sim, account) -> None:
    sim.auth.temporary.clear()
    assert all(finding.ok for finding in account().check())
    assert account.kept["temp_auth_code"].value == "" and "company_code" not in account.kept


def test_a_self_built_application_needs_the_newest_ticket(sim, account) -> None:
    account.settings = sim.self_built_settings(account.url)
    assert all(finding.ok for finding in account().check())
    sim.offset += timedelta(hours=1)
    with pytest.raises(errors.ReauthNeeded):
        account(restarted=True).find(document())
    account.tokens.keep({"app_ticket": Credential(sim.auth.new_ticket(), sim.now())})
    assert account(restarted=True).find(document()) is None


def test_without_a_ticket_the_platform_is_asked_for_one(sim, account) -> None:
    account.settings = sim.self_built_settings(account.url)
    account.kept.clear()
    with pytest.raises(errors.Unavailable, match="no_ticket"):
        account().find(document())
    assert sim.auth.resent >= 1


def test_each_kind_of_application_says_what_it_lacks(sim, url) -> None:
    kind = registry.get("chanjet").load()
    for changes in ({"app_type": "self_built"}, {"redirect_uri": ""}, {"message_secret": "short"}, {"materials": "A"}):
        with pytest.raises(ValidationError):
            kind.Config(**{**sim.settings(url), **changes})


def test_the_three_headers_and_no_secret_in_an_address(sim, account) -> None:
    account().check()
    seen = account()
    signed = seen.sign(seen_request(), account.tokens.current())
    assert {"appKey", "appSecret", "openToken"} <= set(signed.headers) and signed.query == {}
    answer = requests.post(
        f"{account.url}/tplus/api/v2/partner/Query", json={}, headers={"appKey": sim.auth.app_key}, timeout=5
    )
    assert answer.status_code == 403


def seen_request() -> Any:
    from connectors.base import Request

    return Request("POST", "tplus/api/v2/partner/Query", json={"param": {}})


def test_the_optional_signature_is_that_of_the_java_sdk() -> None:
    body = '{"name": "演示 客户",\n"code": "C-1"}'.encode()
    assert signature("A1demo88", "signkey-demo", body, "1700000000000") == "78aadf923c48e65e6979a702bc12e0f5"


def test_signed_calls_go_through_where_the_application_wants_them(sim, account) -> None:
    sim.auth.sign_key = "signkey-demo"
    with pytest.raises(errors.ReauthNeeded):
        account().find(document())
    account.settings["authorization_code"] = sim.auth.new_code()
    assert account(sign_key="signkey-demo").send(document("receivable", "S1")).complete


# ---------------------------------------------------------------- documents


@pytest.mark.parametrize("kind", ["receivable", "settlement", "sales_order"])
@pytest.mark.parametrize("silent", [True, False])
def test_a_document_goes_all_the_way(sim, account, kind: str, silent: bool) -> None:
    """A creation may answer the literal null, or what it made."""
    sim.silent = silent
    receipt = account().send(document(kind, "LS1", 1_060_000, 318_001))
    assert (receipt.state, receipt.complete, receipt.amount) == ("audited", True, Money(1_378_001))
    assert [(entry["kind"], entry["amount"]) for entry in made(sim, "LS1")] == [(kind, 1_378_001)]
    saved = account(finish="save").send(document(kind, "LS2"))
    assert (saved.state, saved.complete) == ("open", True)


def test_rates_are_fractions_and_numbers_are_text(sim, account) -> None:
    account().send(document("receivable", "LS1", 11_300))
    row = sim.books.vouchers["saleDelivery"]["LS1"]["SaleDeliveryDetails"][0]
    assert (row["TaxRate"], row["OrigTaxPrice"], row["OrigTaxAmount"], row["Quantity"]) == ("0.13", "113.00", "113.00", "1")
    assert sim.books.vouchers["saleDelivery"]["LS1"]["ExternalCode"] == "LS1"


def test_a_number_that_is_replaced_is_noticed(sim, account) -> None:
    sim.books.renumber, sim.silent = True, False
    with pytest.raises(errors.Rejected, match="number_replaced"):
        account().send(document())


def test_a_replaced_number_behind_a_null_stays_in_doubt(sim, account) -> None:
    sim.books.renumber = True
    with pytest.raises(errors.InDoubt, match="unseen"):
        account().send(document())
    with pytest.raises(errors.Duplicate):
        account().send(document())
    assert len(made(sim, "AR1")) == 1


def test_an_external_code_is_taken_once(sim, account) -> None:
    account().send(document())
    with pytest.raises(errors.Duplicate):
        account().send(document())


def test_a_day_with_refunds_is_one_sum(sim, account) -> None:
    assert account().send(document("settlement", "ST1", 13_046, -1_300)).amount == Money(11_746)
    assert len(sim.books.vouchers["saleDelivery"]["ST1"]["SaleDeliveryDetails"]) == 1


@pytest.mark.parametrize(("kind", "fen"), [("receivable", (-500,)), ("sales_order", (500, -100)), ("settlement", (-500,))])
def test_what_is_below_zero_is_for_people(account, kind: str, fen: tuple[int, ...]) -> None:
    with pytest.raises(errors.Rejected, match="negative"):
        account().find(document(kind, "N1", *fen))


def test_tables_translate_and_stop_what_they_lack(sim, account) -> None:
    tabled = {"materials": "SVC-*=SVC-002", "customers": "C000000009=K9"}
    with pytest.raises(errors.Rejected, match="customer_absent"):
        account(**tabled).send(document("receivable", "T1", code="C000000009"))
    sim.books.create_partner({"Code": "K9", "Name": "老客户", "PartnerType": {"Code": "01"}, "PartnerClass": {"Code": "001"}})
    receipt = account(**tabled).send(document("receivable", "T1", code="C000000009", item_code="SVC-77"))
    assert receipt.party_code == "C000000009" and made(sim, "T1")[0]["party_code"] == "K9"
    assert sim.books.vouchers["saleDelivery"]["T1"]["SaleDeliveryDetails"][0]["Inventory"] == {"Code": "SVC-002"}
    with pytest.raises(errors.Rejected, match="material_unmapped"):
        account(**tabled).send(document("receivable", "T2", item_code="OTHER"))
    with pytest.raises(errors.Rejected, match="customer_absent"):
        account(create_customers=False).send(document("receivable", "T3", code="C000000008"))
    sim.books.partners["K9"]["Disabled"] = True
    with pytest.raises(errors.Rejected, match="customer_stopped"):
        account(**tabled).send(document("receivable", "T4", code="C000000009"))


def test_a_refused_audit_leaves_the_document_for_finance(sim, account) -> None:
    sim.books.refuse_audit = "没有审核权限"
    with pytest.raises(errors.Rejected, match="step_refused") as caught:
        account().send(document())
    assert caught.value.params["state"] == "open" and len(made(sim, "AR1")) == 1


def test_a_closed_period_and_a_missing_warehouse_are_said(sim, account) -> None:
    with pytest.raises(errors.ConfigError, match="warehouse"):
        account(warehouse_code="").find(document())
    sim.books.closed_until = "2026-11-30"
    with pytest.raises(errors.Rejected, match="period"):
        account().send(document())


def test_the_months_calls_are_used_up(sim, account) -> None:
    account().check()
    sim.exhausted = True
    with pytest.raises(errors.ConfigError, match=r"chanjet\.quota"):
        account().find(document())


def test_the_gateways_words(sim, account) -> None:
    """409 waits; 403 is another application's token; 404 is an API that is not there; 500 may have written."""
    connector = account()
    connector.check()
    sim.faults.throttle[""] = 1
    assert account().find(document()) is None
    for status, body, error in ((403, "", errors.ConfigError), (404, "", errors.ConfigError),
                                (200, '{"code":"500","message":"x"}', errors.Unavailable),
                                (200, '{"code":"77","message":"x"}', errors.UnknownAnswer),
                                (200, "[1", errors.Unavailable), (200, "null", errors.Unavailable)):  # fmt: skip
        with pytest.raises(error):
            answered(connector, status, body)


def answered(connector: Any, status: int, body: str) -> Any:
    from connectors.base import Request
    from connectors.http import Response, as_error

    request = Request("POST", "tplus/api/v2/partner/Query", json={})
    verdict = connector.interpret(request, Response(status, {}, body.encode()))
    assert verdict.action != "ok"
    raise as_error(verdict, request, "chanjet")


def test_what_a_write_lacks_is_a_refusal_and_no_absence(account) -> None:
    from connectors.base import Request
    from connectors.http import Response

    answer = Response(200, {}, '{"code":"999","message":"存货编码X1不存在"}'.encode())
    for write, action in ((True, "rejected"), (False, "gone")):
        request = Request("POST", "tplus/api/v2/saleOrder/Create", json={}, write=write)
        assert account().interpret(request, answer).action == action


def test_a_wrong_code_is_named_by_the_check(account) -> None:
    findings = account(inventory_code="NO", warehouse_code="99").check()
    assert [finding.ok for finding in findings] == [True, False, False]


# ---------------------------------------------------------------- messages


def push(secret: str, plain: str) -> RawRequest:
    return RawRequest("POST", {}, {}, json.dumps({"encryptMsg": sealed(secret, plain)}).encode())


def config(sim, **changes: Any) -> Any:
    return registry.get("chanjet").load().Config(**{**sim.settings("http://127.0.0.1:9"), **changes})


def test_the_published_message_and_our_own_vector_open(sim) -> None:
    """Set C. The published one bears no time of its own, so only its deciphering is compared."""
    import base64

    published = json.loads(messages._decrypted(b"testchaotestchao", base64.b64decode(OFFICIAL)))
    assert published["bizContent"] == {"name:": "local 测试 2201", "value": "哈哈哈哈", "key": "what is up men ths 测试 2201"}
    plain = (
        '{"id":"m-1","appKey":"A1demo88","appId":"58","msgType":"APP_TICKET","time":"1700000000000",'
        '"bizContent":{"appTicket":"t-票据-1"}}'
    )
    assert sealed("0123456789abcdef", plain) == OWN
    body = json.dumps({"encryptMsg": OWN}).encode()
    at = datetime.fromtimestamp(1_700_000_000, UTC)
    opened = messages.opened(config(sim, message_secret="0123456789abcdef"), RawRequest("POST", {}, {}, body), at)
    assert opened.keep == {"app_ticket": Credential("t-票据-1", at)} and opened.dedup_key == "m-1"


def test_messages_that_are_old_or_for_another_application_are_refused(sim, account) -> None:
    stamp = int(NOW.timestamp() * 1000)
    good = {"id": "1", "appKey": sim.auth.app_key, "msgType": "APP_TEST", "time": str(stamp), "bizContent": {}}
    connector = account()
    assert connector.events(connector.open(push(sim.message_secret, json.dumps(good)))) == []
    for time in (stamp - 27 * 3_600_000, stamp + 600_000):
        with pytest.raises(errors.BadSignature):
            connector.open(push(sim.message_secret, json.dumps({**good, "time": str(time)})))
    for bad in ({"appKey": "another"}, {"time": "yesterday"}):
        with pytest.raises(errors.BadPush):
            connector.open(push(sim.message_secret, json.dumps({**good, **bad})))
    for body in ("[]", "1", "not json"):
        with pytest.raises(errors.BadSignature):
            connector.open(push(sim.message_secret, body))


def test_a_message_about_a_voucher_asks_for_its_state(sim, account) -> None:
    account(finish="save").send(document("receivable", "AR7"))
    content = {"externalCode": "AR7", "voucherID": "23", "voucherDate": "2026/11/2 0:00:00", "voucherCode": "AR7"}
    plain = {"id": "9", "appKey": sim.auth.app_key, "msgType": "SaleDelivery_Audit", "time": str(int(NOW.timestamp() * 1000))}
    connector = account()
    [event] = connector.events(connector.open(push(sim.message_secret, json.dumps({**plain, "bizContent": content}))))
    assert (event.stream, event.record_key) == (DOCUMENTS, "AR7")
    sim.advance("AR7", "approve")
    receipt = connector.find(document("receivable", "AR7"))
    assert connector.status(document("receivable", "AR7"), receipt).approved
    sim.advance("AR7", "remove")
    assert connector.status(document("receivable", "AR7"), receipt).gone


def test_stored_is_success_and_the_rest_comes_again(account) -> None:
    connector = account()
    assert json.loads(connector.reply("stored").body) == {"result": "success"}
    assert all(
        json.loads(connector.reply(outcome).body) == {"result": "fail"} for outcome in ("busy", "bad_push", "bad_signature")
    )


# ---------------------------------------------------------------- in the hub


def test_in_the_hub_a_ticket_arrives_an_account_is_saved_first_and_restarts_cost_nothing(
    sim, url, tmp_path, monkeypatch
) -> None:
    import threading

    from werkzeug.serving import make_server

    from hub import accounts
    from hub.app import create_app
    from hub.core import Hub
    from hub.sync.connect import StoredTokens, connect

    hub = Hub.open(Settings(data_dir=tmp_path))
    monkeypatch.setattr(hub, "clock", sim.now)
    settings = sim.settings(url)
    assert [finding.ok for finding in accounts.check(hub, "chanjet", settings)] == [True]
    assert not sim.calls, "a check before saving used up what was entered"
    number = accounts.add(hub, "chanjet", "tplus", "T+", settings, by="test")
    server = make_server("127.0.0.1", 0, create_app(hub), threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    push_url = f"http://127.0.0.1:{server.server_port}/webhooks/tplus"
    assert [sim.issue(push_url, name) for name in ("app_ticket", "temp_auth_code")] == [200, 200]
    assert sim.issue(push_url, "app_ticket", forged=True) == 403
    assert all(finding.ok for finding in accounts.check_saved(hub, "tplus"))
    first = StoredTokens(hub, number).credentials()["refresh_token"].value
    connect(hub, accounts.get(hub, "tplus")).http.renew()
    kept = StoredTokens(hub, number).credentials()
    assert kept["refresh_token"].value != first and kept["company_code"].value == sim.auth.company
    hub.close()
    again = Hub.open(Settings(data_dir=tmp_path))
    monkeypatch.setattr(again, "clock", sim.now)
    assert connect(again, accounts.get(again, "tplus")).find(document()) is None
    assert sim.calls["/auth/v2/getToken"] == 1
    server.shutdown()
    server.server_close()
    again.close()


def test_the_lines_of_a_document_say_what_is_wrong_with_them(account) -> None:
    for line in ({"quantity": "many"}, {"rate": "130"}):
        with pytest.raises(errors.Rejected, match=r"chanjet\.line"):
            documents.voucher(account().config, document("receivable", "L1", 100, **line), "C1")
