"""Traps of the sheet that no other file tests: codes that look alike, amounts that come late, ids of several kinds at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.registry import get
from tests.connectors.jd.test_records import PAID, fields


@pytest.mark.parametrize(
    ("code", "hint"), [("12", "jd.secret"), ("19", "jd.reauth"), ("21", "jd.app_key"), ("20", "jd.app_key")]
)
def test_an_unknown_application_is_not_taken_for_a_wrong_signature(code, hint):
    """12 is the signature, 19 the token, 21 the app key: each has its own next step."""
    assert get("jd").manifest.errors.table[code].hint == hint


def test_windows_overlap_by_more_than_amounts_are_late():
    """actualPay and the receivable come up to ten minutes after the payment, and the modification time does not move."""
    assert get("jd").manifest.streams["order"].cursor.overlap >= timedelta(minutes=10)


def test_an_amount_that_comes_late_is_a_change_of_the_same_version(shop):
    """The second reading has the same ``modified``: what is new in it counts all the same."""
    before, after = shop.mapped(**{**PAID, "actualPay": ""}), shop.mapped(**{**PAID, "actualPay": "222.00"})
    first, second = fields(before), fields(after)
    assert first["changed_at"] == second["changed_at"]
    assert "paid" not in first and first["state"] == "pending_payment"
    assert (second["paid"], second["state"]) == (22_200, "paid")


def test_no_order_is_its_own_parent(shop):
    """parentOrderId is "0" where there is none: such an order is no child of an order 0."""
    found = fields(shop.mapped(parentOrderId="0", directParentOrderId="0"))
    assert found["number"] != "0" and found["state"] == fields(shop.mapped())["state"]
