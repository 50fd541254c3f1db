"""The official Python SDK (chanjet-openapi-python-sdk 1.0.2) against our simulator.

It pins an old ``requests`` and cannot stand among the development dependencies: CI installs it without its dependencies.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from connectors import registry
from connectors.base import Document, DocumentLine, Money, Party
from connectors.budgets import MemoryBudgets
from connectors.chanjet.simulator import ChanjetSimulator
from connectors.http import Runtime
from connectors.sandbox import Served

client_of = pytest.importorskip(
    "chanjet_openapi_python_sdk.chanjet_client",
    reason="install it with: pip install --no-deps chanjet-openapi-python-sdk==1.0.2",
).ChanjetClient
SDK = "chanjet_openapi_python_sdk"


def sdk(module: str, name: str) -> Any:
    return getattr(pytest.importorskip(f"{SDK}.{module}"), name)


@pytest.fixture
def sim() -> ChanjetSimulator:
    return ChanjetSimulator()


@pytest.fixture
def url(sim) -> Iterator[str]:
    served = Served(sim)
    sim.app.logger.disabled = True
    yield served.url
    served.close()


@pytest.fixture
def official(sim, url) -> Any:
    """The vendor's client, with a token that its own calls have fetched."""
    client = client_of(url, sim.auth.app_key, sim.auth.app_secret)
    request = sdk("request.get_token_request", "GetTokenRequest")()
    request.request_uri = "/auth/getToken"
    grant = {"grantType": "authorization_code", "appKey": sim.auth.app_key}
    request.add_query_params({**grant, "redirectUri": sim.auth.redirect_uri, "code": sim.auth.new_code()})
    client.token = client.execute(request)["result"]
    client.open_token = client.token["access_token"]
    return client


def call(client: Any, module: str, path: str, content: Any) -> Any:
    request = sdk(f"request.{module}", "".join(part.title() for part in module.split(".")[-1].split("_")))()
    request.request_uri, request.content = path, content
    return client.execute(request)


def partner(client: Any, code: str = "00101") -> Any:
    content = sdk("content.tplus.create_partner_content", "CreatePartnerContent")
    made = content(code, "河北电力公司", "HBDLGS", "河北电力公司", "01", "001")
    request = sdk("request.tplus.create_inventory_request", "CreateInventoryRequest")()
    request.request_uri, request.content = "/tplus/api/v2/partner/Create", made
    return client.execute(request)


def test_its_refresh_kills_the_token_before_it(sim, official) -> None:
    request = sdk("request.refresh_token_request", "RefreshTokenRequest")()
    request.request_uri = "/auth/refreshToken"
    grant = {"grantType": "refresh_token", "appKey": sim.auth.app_key, "refreshToken": official.token["refresh_token"]}
    request.add_query_params(grant)
    fresh = official.execute(request)
    assert fresh["code"] == "200" and fresh["result"]["refresh_token"] != official.token["refresh_token"]
    assert official.open_token not in sim.auth.tokens
    assert official.execute(request)["code"] == "4003", "a refresh token is good once"


def test_its_silent_way_in(sim, official) -> None:
    def result(module: str, path: str, body: dict[str, str]) -> Any:
        return call(official, module, path, body)["result"]

    app = result("get_app_access_token_request", "/auth/appAuth/getAppAccessToken", {"appTicket": sim.auth.new_ticket()})
    asked = {"tempAuthCode": sim.auth.new_temporary(), "appAccessToken": app["appAccessToken"]}
    company = result("get_permanent_auth_code_request", "/auth/orgAuth/getPermanentAuthCode", asked)["permanentAuthCode"]
    asked = {"permanentAuthCode": company, "appAccessToken": app["appAccessToken"]}
    organisation = result("get_org_access_token_request", "/auth/orgAuth/getOrgAccessToken", asked)["orgAccessToken"]
    asked = {"orgAccessToken": organisation, "userAuthPermanentCode": official.token["user_auth_permanent_code"]}
    token = result("get_token_by_permanent_code_request", "/auth/token/getTokenByPermanentCode", asked)
    assert token["access_token"] in sim.auth.tokens


def test_its_sales_order_is_booked_and_ours_is_refused_under_its_number(sim, url, official) -> None:
    assert partner(official) is None, "a creation answers the literal null"
    order = sdk("content.tplus.create_sale_order_content", "CreateSaleOrderContent")
    line = sdk("content.tplus.create_sale_order_content", "SaleOrderDetail")
    made = order("2026-11-02", "LS0000000001", "00101", "北京市海淀区", "张三", "13611111111", ["isautoaudit"], [True])
    made.dto.SaleOrderDetails.append(line("SVC-001", "个", 5, 6.4, ["priuserdefnvc1"], ["sn001"]))
    assert call(official, "tplus.create_sale_order_request", "/tplus/api/v2/saleOrder/Create", made) is None
    again = call(official, "tplus.create_sale_order_request", "/tplus/api/v2/saleOrder/Create", made)
    assert again["code"] == "999" and "LS0000000001" in again["message"]
    [booked] = [entry for entry in sim.ledger if entry["number"] == "LS0000000001"]
    assert (booked["kind"], booked["amount"], booked["party_code"]) == ("sales_order", 3_200, "00101")
    [held] = sim.books.vouchers["saleOrder"].values()
    assert held["VoucherState"]["Name"] == "已审"


def test_its_queries_see_what_we_have_written(sim, url, official) -> None:
    kind = registry.get("chanjet").load()
    for name, value in sim.credentials().items():
        assert name and value
    connector = kind(kind.Config(**sim.settings(url)), Runtime(clock=sim.now, budgets=MemoryBudgets([])))
    lines = (DocumentLine("年度服务", Money(11_300), tax_rate="13"),)
    party = Party("C000000001", "杭州云杉软件有限公司")
    connector.send(Document("receivable", "LS1", date(2026, 11, 2), Money(11_300), party, lines))
    query = sdk("content.tplus.query_partner_content", "QueryPartnerContent")("C000000001", "", "")
    [row] = call(official_again(sim, url, connector), "tplus.query_partner_request", "/tplus/api/v2/partner/Query", query)
    assert row["Name"] == "杭州云杉软件有限公司"


def official_again(sim: ChanjetSimulator, url: str, connector: Any) -> Any:
    """The vendor's client with our connector's token."""
    return client_of(url, sim.auth.app_key, sim.auth.app_secret, connector.http.tokens.current().value)
