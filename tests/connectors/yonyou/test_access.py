"""Data centre, token, signature, and what the gateway's refusals mean. Traps of the fact sheet, sections 2.1, 6.1."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
import requests

from connectors import errors
from connectors.yonyou.calls import resubmit_key, signature

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("parameters", "secret", "shown"),
    [
        (
            {"timestamp": "1568098531823", "appKey": "41832a3d2df94989b500da6a22268747"},
            SECRET,
            "dxWS6v0E1SRO2AzXYRguZuJYgLZn2mPwpMYDTRQT1IU%3D",
        ),
        (
            {"appKey": "demoAppKey", "timestamp": "1700000000000"},
            "测试密钥-secret",
            "V1MK9J5Efhj2y4w73tItAkfApZxu5qkwrj6uLI%2B8npQ%3D",
        ),
        (
            {"tenantId": "t0001", "suiteKey": "suite-demo", "timestamp": "1700000000000"},
            SECRET,
            "jJIFFEX0zMCpytGrjKI6CgfqvOanuVyavSh6NSQL2sU%3D",
        ),
    ],
)
def test_published_signatures(parameters: dict[str, str], secret: str, shown: str) -> None:
    """Set A, shown as the URL has it: encoded once."""
    assert quote(signature(secret, parameters), safe="") == shown


def test_the_token_is_encoded_exactly_once(sim, connect) -> None:
    assert connect().fetch_one("customer", "X") is None
    assert any(set("+/=") <= set(token) for token in sim.gate.tokens)
    assert sim.violations == []


def test_a_token_encoded_twice_is_noticed(sim, url, connect) -> None:
    """The simulator sees it, so that a test can."""
    connect().fetch_one("customer", "X")
    token = next(iter(sim.gate.tokens))
    there = f"{url}/iuap-api-gateway/yonbip/sd/voucherorder/list?access_token="
    assert requests.post(there + quote(quote(token, safe=""), safe=""), json={}, timeout=5).json()["code"] == "310036"
    assert requests.post(there + token.replace("=", ""), json={}, timeout=5).json()["code"] == "310036"


def test_an_unknown_tenant_is_http_200_and_a_configuration_fault(connect) -> None:
    with pytest.raises(errors.ConfigError) as fault:
        connect(tenant_id="nobody").fetch_one("customer", "X")
    assert (fault.value.key, fault.value.code) == ("yonyou.tenant", "500/tenant")


def test_a_wrong_secret_needs_a_person_and_is_asked_once(sim, connect) -> None:
    with pytest.raises(errors.ReauthNeeded) as fault:
        connect(app_secret="f" * 32).fetch_one("customer", "X")
    assert (fault.value.key, fault.value.code) == ("yonyou.app", "10018")
    assert sum(count for path, count in sim.calls.items() if "getAccessToken" in path) == 1


def test_a_token_is_renewed_at_four_fifths_of_its_life(sim, connect) -> None:
    sink = connect()
    sink.fetch_one("customer", "X")
    sim.offset += timedelta(seconds=7200 * 0.8 - 301)
    sink.fetch_one("customer", "X")
    assert len(sim.gate.tokens) == 1
    sim.offset += timedelta(seconds=310)
    sink.fetch_one("customer", "X")
    assert len(sim.gate.tokens) == 2


def test_a_dead_token_is_renewed_whichever_way_it_is_said(sim, connect) -> None:
    """310036 in JSON, and as plain text from APIs that answer so."""
    sink = connect()
    sink.fetch_one("customer", "X")
    sim.kill_tokens()
    sink.fetch_one("customer", "X")
    sim.kill_tokens()
    assert all(finding.ok for finding in sink.check())
    sim.answers["orgunit"] = ["310036"]
    assert all(finding.ok for finding in sink.check())
    sim.answers["merchant"] = ["310036"] * 5
    with pytest.raises(errors.Unavailable, match=r"error\.token_refused"):
        sink.fetch_one("customer", "X")


def test_a_tenant_that_moved_is_found_again(sim, connect) -> None:
    """The gateway of another data centre does not know the path: the data centre is asked for anew, once."""
    sink = connect()
    sink.fetch_one("customer", "X")
    asked = sim.calls["/open-auth/dataCenter/getGatewayAddress"]
    sim.answers["merchant"] = ["310404"]
    assert sink.fetch_one("customer", "X") is None
    assert sim.calls["/open-auth/dataCenter/getGatewayAddress"] == asked + 1
    sim.gate.moved = True
    with pytest.raises(errors.Unavailable) as fault:
        sink.fetch_one("customer", "X")
    assert (fault.value.key, fault.value.code) == ("yonyou.route", "310404")


@pytest.mark.parametrize(
    ("code", "kind", "key"),
    [
        ("310037", errors.ScopeMissing, "yonyou.permission"),
        ("310031", errors.ConfigError, "yonyou.address"),
        ("310038", errors.ConfigError, "yonyou.address"),
        ("310041", errors.ConfigError, "yonyou.address"),
        ("310047", errors.ConfigError, "yonyou.address"),
        ("310032", errors.Throttled, "yonyou.limit"),
        ("310039", errors.Throttled, "yonyou.limit"),
        ("310042", errors.Throttled, "yonyou.limit"),
        ("310046", errors.Throttled, "yonyou.limit"),
        ("310043", errors.Throttled, "yonyou.limit"),
        ("310001", errors.ConfigError, "yonyou.call"),
        ("310002", errors.ConfigError, "yonyou.call"),
        ("310008", errors.ConfigError, "yonyou.call"),
        ("310015", errors.ConfigError, "yonyou.call"),
        ("310061", errors.ConfigError, "yonyou.call"),
        ("310405", errors.ConfigError, "yonyou.call"),
        ("1090003500084", errors.ConfigError, "yonyou.user_binding"),
        ("999", errors.Rejected, "yonyou.refused"),
        ("1002", errors.Gone, "yonyou.vanished"),
        ("315001", errors.UnknownAnswer, "error.unknown_answer"),
        ("310072", errors.UnknownAnswer, "error.unknown_answer"),
    ],
)
def test_codes_of_the_gateway(sim, connect, code: str, kind: type[Exception], key: str) -> None:
    sim.answers["merchant/newlist"] = [code]
    with pytest.raises(kind) as fault:
        connect().fetch_one("customer", "X")
    assert (type(fault.value), fault.value.key) == (kind, key)
    assert getattr(fault.value, "wait", 60) >= 60


@pytest.mark.parametrize("code", ["310504", "310078", "310071"])
def test_a_read_that_timed_out_over_there_is_repeated(sim, connect, code: str) -> None:
    sim.answers["merchant/newlist"] = [code, code]
    assert connect().fetch_one("customer", "X") is None
    assert sim.calls["/iuap-api-gateway/yonbip/digitalModel/merchant/newlist"] == 3


def test_the_gateway_asks_in_its_order(sim, url, connect) -> None:
    """Path before token (HTTP 404), then token, then address, then grant; a limit of sixty a minute for each API."""
    connect().fetch_one("customer", "X")
    token, there = next(iter(sim.gate.tokens)), f"{url}/iuap-api-gateway"
    ask = lambda path, token="": requests.post(there + path, params={"access_token": token}, json={}, timeout=5)  # noqa: E731
    answer = ask("/yonbip/digitalModel/merchant/newinsert_copy")
    assert (answer.status_code, answer.json()["code"]) == (404, "310404")
    assert ask("/yonbip/sd/voucherorder/list").json()["code"] == "310001"
    assert ask("/yonbip/sd/voucherorder/list", "stale").json()["code"] == "310036"
    assert requests.get(f"{there}/yonbip/sd/voucherorder/list", timeout=5).json()["code"] == "310405"
    sim.gate.blocked = True
    assert ask("/yonbip/sd/voucherorder/list", token).json()["code"] == "310047"
    sim.gate.blocked = False
    sim.gate.denied = {"/yonbip/sd/voucherorder/list"}
    assert ask("/yonbip/sd/voucherorder/list", token).json()["code"] == "310037"
    sim.gate.denied = set()
    codes = [ask("/yonbip/sd/voucherorder/list", token).json()["code"] for _ in range(61)]
    assert codes == ["310061"] * 60 + ["310046"]  # no pageIndex, then the limit
    sim.offset += timedelta(seconds=61)
    assert ask("/yonbip/sd/voucherorder/list", token).json()["code"] == "310061"


def test_the_check_names_what_is_missing(sim, connect) -> None:
    sim.gate.denied = {"/yonbip/EFI/receivable/list"}
    bad = [finding for finding in connect(org_code="9999", material_code="NONE").check() if not finding.ok]
    assert [finding.what_en for finding in bad] == ["Receivables can be read", "Organisation 9999", "Material NONE"]
    assert "API authorisation" in bad[0].fix_en and bad[0].code == "310037"
    assert [finding.ok for finding in connect(tenant_id="nobody").check()] == [False]


def test_the_key_of_a_write_follows_its_facts() -> None:
    one = resubmit_key("t", "receivable", "AR1", "{}")
    assert len(one) == 32 and one == resubmit_key("t", "receivable", "AR1", "{}")
    assert len({one, resubmit_key("t2", "receivable", "AR1", "{}"), resubmit_key("t", "receivable", "AR1", "{ }")}) == 3


@pytest.mark.parametrize(
    "changes",
    [{"tax_codes": "13"}, {"tax_codes": "13=VAT 13"}, {"tax_rate": "100"}, {"discovery_url": "ftp://x"}, {"ext_system": "a b"}],
)
def test_settings_that_cannot_be_meant(connect, changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        connect(**changes)
