"""Invoice requests land beside the order they are about, tell once that they are wanted, and once that they are not."""

from __future__ import annotations

from typing import Any

from hub.models import Event, InvoiceApplication, Order
from tests.hub.conftest import Site


def order(hour: int = 10, **invoice: Any) -> dict[str, Any]:
    at = f"2026-11-22 {hour:02d}:00:00"
    return {
        "id": "o1", "state": "paid", "total": "128.50", "paid": "128.50", "created_at": at, "paid_at": at, "updated_at": at,
        "buyer": {"id": "b1", "name": "李华", "phone": "13912365678"}, "lines": [], "invoice": {"state": "asked", **invoice},
    }  # fmt: skip


def kinds(site: Site) -> list[str]:
    return sorted(row.kind for row in site.rows(Event) if row.kind.startswith("invoice."))


def amendments(site: Site) -> list[tuple[int | None, int | None]]:
    """(before, amount) of each, in their order."""
    told = sorted((row for row in site.rows(Event) if row.kind == "invoice.amended"), key=lambda row: row.recorded_at)
    return [(row.data["before"], row.data["amount"]) for row in told]


def test_an_invoice_in_an_order_is_a_request_about_it(site: Site) -> None:
    site.land(order(kind="digital_general", sort="company", title="样例有限公司", tax_id="913100001234567883"), stream="order")
    request = site.one(InvoiceApplication)
    assert request.order_ref == site.one(Order).ref and request.deal_ref is None
    assert (request.state, request.invoice_kind, request.buyer_kind) == ("requested", "digital_general", "company")
    assert kinds(site) == ["invoice.requested"]


def test_the_same_again_tells_nothing_and_taking_it_back_tells_once(site: Site) -> None:
    for hour, state in ((10, "asked"), (11, "asked"), (12, "back"), (13, "back")):
        site.land(order(hour, state=state, title="样例"), stream="order")
    assert site.one(InvoiceApplication).state == "withdrawn"
    assert kinds(site) == ["invoice.requested", "invoice.withdrawn"]


def test_one_that_waits_for_approval_or_was_issued_by_hand_is_not_wanted(site: Site) -> None:
    for hour, state in ((10, "waiting"), (11, "done")):
        site.land(order(hour, state=state), stream="order")
    assert site.one(InvoiceApplication).state == "issued" and kinds(site) == []


def test_an_order_without_an_invoice_asks_for_none(site: Site) -> None:
    record = order()
    del record["invoice"]
    site.land(record, stream="order")
    assert site.rows(InvoiceApplication) == []


def test_a_request_whose_record_is_gone_is_not_wanted_any_more(site: Site) -> None:
    site.land(order(), stream="order")
    site.gone("o1", stream="order")
    assert site.one(InvoiceApplication).deleted and kinds(site) == ["invoice.requested", "invoice.withdrawn"]


def test_a_request_over_another_amount_is_told_each_time(site: Site) -> None:
    steps = [
        ("waiting", "100"),
        ("asked", "90"),
        ("asked", "90"),
        ("asked", None),
        ("asked", "80"),
        ("back", "70"),
        ("asked", "60"),
    ]
    for hour, (state, amount) in enumerate(steps, 10):
        site.forward(60)
        site.land(order(hour, state=state, amount=amount, title="样例"), stream="order")
    changes = amendments(site)
    assert changes == [(10_000, 9_000), (9_000, None), (None, 8_000)], "one that was taken back is not amended"
    assert {row.subject for row in site.rows(Event) if row.kind == "invoice.amended"} == {site.one(InvoiceApplication).ref}


def test_another_buyer_is_told_each_time_and_no_other_change_is(site: Site) -> None:
    steps: list[dict[str, Any]] = [
        {"state": "waiting", "title": "样例甲"},
        {"state": "asked", "title": "样例乙"},
        {"state": "asked", "title": "样例乙"},
        {"state": "asked", "title": "样例丙"},
        {"state": "asked", "title": "样例丙", "tax_id": "913100001234567883"},
        {"state": "asked", "title": "样例丙", "tax_id": "913100001234567883", "kind": "digital_special"},
        {"state": "asked", "title": "样例丙", "tax_id": "", "kind": "digital_special"},
        {"state": "asked", "title": "样例丙", "kind": "digital_special"},
        {"state": "back", "title": "样例丁"},
    ]
    told = []
    for hour, step in enumerate(steps, 10):
        site.forward(60)
        site.land(order(hour, amount="100", **step), stream="order")
        told.append(len(amendments(site)))
    assert told == [0, 0, 0, 1, 2, 3, 4, 4, 4]
    assert set(amendments(site)) == {(10_000, 10_000)}, "the amount is what it was"
