"""What the platform's pages call traps, each by itself: amounts of lines, whom to believe, what is a number and what a text."""

from __future__ import annotations

import json

import pytest

from tests.connectors.taobao.test_mapping import order, trade


def lines(**changes):
    from tests.connectors.taobao.test_mapping import mapped

    return mapped(trade(**changes)).records[-1]["lines"]


def line(**changes):
    first = json.loads(json.dumps(trade(), default=str))["orders"]["order"][0]
    return {**first, **changes}


def test_the_postage_inside_a_single_lines_payment_is_no_revenue_of_the_line():
    """order.payment includes postage when the trade has one line (apiId 128): only divide_order_fee is the line's own."""
    single = {"order": [line(payment="121.20", divide_order_fee="111.20")]}
    [found] = lines(orders=single, payment="121.20", total_fee="128.00", post_fee="10.00")
    assert found["amount"] == 11_120
    whole = order(orders=single, payment="121.20", total_fee="128.00", post_fee="10.00")
    assert (whole["paid"], whole["shipping"]) == (12_120, 1_000) and found["amount"] + whole["shipping"] == whole["paid"]


def test_discounts_on_the_whole_trade_are_missing_from_the_payments_of_its_lines():
    """With several lines payment is before trade-level discounts: the sum of the payments is more than was paid."""
    found, whole = lines(), order()
    payments = 12_800 + 10_000
    assert payments > whole["paid"] - whole["shipping"] == sum(each["amount"] for each in found)


def test_a_refunded_line_may_still_show_a_payment():
    """What went back is said by the refund alone: neither line nor order is lowered, so nothing is taken off twice."""
    back = {"payment": "128.00", "refund_status": "SUCCESS", "refund_id": "6000000000000000123", "status": "TRADE_CLOSED"}
    refunded = {"order": [line(**back)]}
    [found] = lines(orders=refunded)
    assert found["amount"] == 11_120 and order(orders=refunded)["paid"] == 20_807


@pytest.mark.parametrize("life", [90, "90"])
def test_the_life_of_a_token_comes_as_number_or_text(shop, life, monkeypatch):
    connector = shop.connector()
    connector.pages("tag", None, None)
    connector.http.tokens.renew(None, connector.fetch_token)
    answer = {"access_token": "6" * 40, "refresh_token": "7" * 40, "expires_in": life}
    monkeypatch.setattr(connector, "_call", lambda *args, **kwargs: {"token_result": json.dumps(answer)})
    token = connector.fetch_token()
    assert token.value == "6" * 40 and token.extra["refresh_token"] == "7" * 40 and token.extra["renew_at"]


def test_a_star_makes_a_nick_nobody():
    """Nicks are blurred: two buyers may show the same one, so it is no key, and the receiver's stars are nobody's phone."""
    from tests.connectors.taobao.test_mapping import mapped

    first, second = (mapped(trade(buyer_open_uid=uid, buyer_nick="示**")).records[0] for uid in ("AA1", "AA2"))
    assert first["keys"] != second["keys"] and not {"phones", "display_name"} & first["fields"].keys()
