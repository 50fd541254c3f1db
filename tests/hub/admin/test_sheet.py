"""The three-way sheet in the browser: the same lines and sums as the command, each number with its evidence, never slow."""

from __future__ import annotations

import csv
import html
import io
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from hub.events import sheet as service
from hub.events.mint import event_id
from hub.events.sheet_file import written
from hub.events.sheet_page import View
from hub.models import AuditEntry, Deal, Delivery, DocumentStatus, Event, Order, Refund, SettlementItem
from hub.models.base import table
from hub.store.types import EPOCH, to_us
from tests.hub.admin.test_speed import LIMIT
from tests.hub.admin.test_speed import deliveries as insert_deliveries
from tests.yardstick import slower

MANY = 30_000
DAY = "ST0000000000000001"


class Shop:
    """A shop whose payments of a day are in one document; and short ways to break each of them."""

    def __init__(self, made: Any) -> None:
        self.made, self.shop, self.erp = made, made.account["tmall"], made.account["erp"]
        self.at = made.hub.now() - timedelta(days=3)
        self.day(DAY, "day-1")

    def put(self, model: Any, *rows: dict[str, Any]) -> None:
        with self.made.hub.db.write() as conn:
            conn.execute(insert(table(model)), list(rows))

    def day(self, number: str, key: str, **more: Any) -> None:
        row = {
            "id": key, "event_id": f"{key}-fact", "rule": "shop-day", "account_id": self.erp, "source_account_id": self.shop,
            "subject": f"{self.shop}|settlement|{key}", "kind": "settlement", "number": number, "day": self.at.date(),
            "amount": 0, "currency": "CNY", "document": {}, "state": "sent", "attempts": 1, "absent": 0, "next_at": self.at,
            "lease_until": EPOCH, "fence": 1, "created_at": self.at, "sent_at": self.at,
        } | more  # fmt: skip
        self.put(Delivery, row)

    def order(self, own: str, paid: int, booked: int | None, *, day: str = "day-1", rule: str = "shop-day", **more: Any) -> str:
        ref = f"{self.shop}|{own}"
        row = {"ref": ref, "account_id": self.shop, "source_ref": f"{self.shop}|order|{own}", "number": f"N{own}", "paid": paid}
        row |= {"state": "paid", "currency": "CNY", "paid_at": self.at, "deleted": False}
        self.put(Order, row | more)
        event = event_id("order.paid", ref)
        told = {"id": event, "kind": "order.paid", "account_id": self.shop, "subject": ref, "pending": False}
        self.put(Event, {**told, "at": self.at, "recorded_at": self.at, "data": {"amount": paid, "currency": "CNY"}})
        if booked is not None:
            item = {"event_id": event, "rule": rule, "account_id": self.shop, "day": self.at.date(), "amount": booked}
            self.put(SettlementItem, {**item, "currency": "CNY", "delivery_id": day})
        return ref


@pytest.fixture
def shop(made: Any) -> Shop:
    return Shop(made)


def told(person: Any, query: str) -> list[list[str]]:
    """The cells of the list of facts, as text."""
    page = person.get(f"/reconcile/sheet?{query}")
    body = page.rpartition("<tbody>")[2].partition("</tbody>")[0]
    cells = [re.findall(r"<td.*?</td>", row, re.S) for row in re.findall(r"<tr>.*?</tr>", body, re.S)]
    return [[html.unescape(re.sub(r"<[^>]+>", " ", cell)).strip() for cell in row] for row in cells]


def test_what_differs_is_listed_with_its_cause_and_the_rest_is_not(viewer: Any, shop: Shop) -> None:
    shop.order("fine", 10_000, 10_000)
    shop.order("moved", 20_000, 15_000)
    shop.order("lost", 3_000, None)
    rows = {row[0].split()[0]: [*row[1:5], row[5]] for row in told(viewer, "account=tmall&kind=order")}
    assert rows.keys() == {"Nmoved", "Nlost", "3829104477120012"}
    assert rows["Nmoved"] == ["¥200.00", "¥150.00", "¥150.00", "¥50.00", "入账后来源金额变了，差额需要财务处理"]
    assert rows["Nlost"][:4] == ["¥30.00", "¥0.00", "¥0.00", "¥30.00"]
    everything = {row[0].split()[0] for row in told(viewer, "account=tmall&kind=order&view=all")}
    assert everything == rows.keys() | {"Nfine"}


def test_what_is_gone_over_there_is_in_the_hub_and_not_in_finance(viewer: Any, shop: Shop) -> None:
    shop.day("ST2", "day-2")
    shop.order("gone", 700, 700, day="day-2")
    status = {"delivery_id": "day-2", "account_id": shop.erp, "source_account_id": shop.shop, "gone": True, "fence": 0}
    blank = {"state": "", "approved": False, "problem": "", "invoices": [], "payments": [], "final": True, "quiet": 0}
    shop.put(DocumentStatus, {**status, **blank, "next_at": shop.at, "lease_until": EPOCH})
    (row,) = [row for row in told(viewer, "account=tmall&kind=order") if row[0].startswith("Ngone")]
    assert row[1:] == ["¥7.00", "¥7.00", "¥0.00", "¥7.00", "送达过，但对方已没有"]


@pytest.mark.parametrize("name", ["deal", "order", "refund"])
def test_sums_lines_and_filters_are_those_of_the_command(made: Any, shop: Shop, name: str) -> None:
    fill(shop)
    agrees(made, name)


def agrees(made: Any, name: str) -> None:
    """What the page finds by SQL is what the command finds line by line. A fact without an amount counts under each rule."""
    hub, kind = made.hub, next(kind for kind in service.KINDS if kind.name == name)
    period = (hub.now() - timedelta(days=40), hub.now() + timedelta(days=1))
    with hub.db.read() as conn:
        for key in ("tmall", "crm"):
            view = View(conn, hub, kind, Key(made.account[key], key), period)
            lines = [line for line in service.lines(conn, hub, key, service.known_gone(conn), period) if line.kind == name]
            rules = [rule.name for rule in service.rules_of(hub, kind, key)]
            names = ("n", "amount", "sent", "booked", "differ", "off")
            for differing in (False, True):
                sums, places = view.looked(differing=differing, size=1000)
                assert {row["rule"]: [row[each] for each in names] for row in sums} == summed(lines, rules), key
                refs = [ref for _, ref in places]
                assert len(refs) == len(set(refs))
                shown = [line for line in view.lines(refs) if line.cause or not differing]
                assert sorted(shown, key=str) == sorted((line for line in lines if line.cause or not differing), key=str)


def summed(lines: list[service.Line], rules: list[str]) -> dict[str, list[int]]:
    """Rule -> n, amount, sent, booked, differ, off."""
    sums: dict[str, list[int]] = {}
    for line in lines:
        off = line.cause != ""
        values = (1, line.amount, line.sent, line.booked, off, off * (line.amount - line.booked))
        under = {"rule_gone": ["-"], "amount_missing": rules or [""]}.get(line.cause, [line.rule])
        for rule in under:
            row = sums.setdefault(rule, [0] * 6)
            row[:] = [have + more for have, more in zip(row, values, strict=True)]
    return sums


class Key:
    """An account, as the sheet asks for it."""

    def __init__(self, number: int, key: str) -> None:
        self.id, self.key = number, key


def fill(shop: Shop) -> None:
    """Facts of every fate."""
    made, crm = shop.made, shop.made.account["crm"]
    shop.day("ST2", "day-2")
    shop.day("ST3", "day-3", state="pending")
    shop.day("ST4", "day-4")
    shop.day("ST5", "back", event_id="day-4|delivery.reversing", rule="reversal")
    status = {"delivery_id": "day-2", "account_id": shop.erp, "source_account_id": shop.shop, "gone": True, "fence": 0}
    blank = {"state": "", "approved": False, "problem": "", "invoices": [], "payments": [], "final": True, "quiet": 0}
    shop.put(DocumentStatus, {**status, **blank, "next_at": shop.at, "lease_until": EPOCH})
    for own, paid, booked, more in (
        ("a", 100, 100, {}), ("b", 100, 90, {}), ("c", 100, None, {}), ("d", 70, 70, {"day": "day-2"}), ("zero", 0, None, {}),
        ("e", 60, 60, {"day": "day-3"}), ("f", 50, 50, {"day": "day-4"}), ("g", 40, 40, {"rule": "gone"}),
    ):  # fmt: skip
        shop.order(own, paid, booked, **more)
    shop.put(Order, {"ref": f"{shop.shop}|none", "account_id": shop.shop, "source_ref": f"{shop.shop}|order|none",
                     "number": "none", "paid": None, "state": "paid", "currency": "CNY", "paid_at": shop.at,
                     "deleted": False})  # fmt: skip
    refund = {"account_id": shop.shop, "order_ref": f"{shop.shop}|a", "state": "succeeded", "currency": "CNY", "deleted": False}
    for own, amount, when in (("r1", 30, shop.at), ("r2", 40, None)):
        row = {"ref": f"{shop.shop}|{own}", "source_ref": f"{shop.shop}|refund|{own}", "number": own, "amount": amount}
        shop.put(Refund, {**refund, **row, "succeeded_at": when})
    sent = made.deliveries["sent"]
    with made.hub.db.write() as conn:
        conn.execute(update(table(Delivery)).where(table(Delivery).c.id == sent).values(subject=f"{crm}|d2"))
    deal = {"account_id": crm, "state": "signed", "currency": "CNY", "deleted": False, "effective_at": shop.at}
    fates: list[tuple[str, int | None, dict[str, Any]]] = [
        ("d2", 12345678, {}), ("d3", 5, {"state": "reversed"}), ("d4", None, {}), ("d5", 9, {"deleted": True}),
        ("d6", 8, {"effective_at": None}),
    ]  # fmt: skip
    for own, amount, more in fates:
        row = {"ref": f"{crm}|{own}", "source_ref": f"{crm}|deal|{own}", "number": f"HT-{own}", "amount": amount}
        shop.put(Deal, {**deal, **row, **more})


def test_every_number_leads_to_its_evidence(viewer: Any, made: Any, shop: Shop) -> None:
    fill(shop)
    for query in ("account=tmall&kind=order&view=all", "account=tmall&kind=refund", "account=crm&days=31&view=all"):
        page = viewer.get(f"/reconcile/sheet?{query}")
        cells = re.findall(r'<td class="num"[^>]*><div>(.*?)</div>', page.rpartition("<tbody>")[2])
        assert len(cells) > 4 and all("href=" in cell or "zero" in cell for cell in cells), cells
        for link in {html.unescape(link).partition("#")[0] for link in re.findall(r'href="(/[^"]+)"', page)}:
            if link.startswith(("/deliveries/", "/reconcile/sheet")) and "/file" not in link:
                viewer.get(link)


def test_a_fact_shows_what_the_three_have(viewer: Any, shop: Shop) -> None:
    fill(shop)
    page = viewer.get(f"/reconcile/sheet/fact?kind=order&ref={shop.shop}%7Ca")
    assert "Na" in page and "/deliveries/day-1" in page and DAY in page and "¥1.00" in page and "订单付款" in page
    assert "已退款" in page and "kind=refund" in page
    assert "¥-" not in page and "-¥0.30" in viewer.get(f"/reconcile/sheet/fact?kind=refund&ref={shop.shop}%7Cr1")
    assert "HT-2026-0117" in viewer.get(f"/reconcile/sheet/fact?kind=deal&ref={shop.made.account['crm']}%7Cd1")
    for wrong in ("kind=order&ref=nothing", "kind=staff&ref=1", ""):
        viewer.get(f"/reconcile/sheet/fact?{wrong}", 404)


def test_the_file_is_the_one_that_the_command_writes(viewer: Any, made: Any, shop: Shop, tmp_path: Any) -> None:
    fill(shop)
    path = tmp_path / "sheet.csv"
    with written(path, "zh") as each:
        service.sheet(made.hub, "tmall", each=each)
    whole = viewer.client.get("/reconcile/sheet/file?account=tmall")
    assert whole.data == path.read_bytes() and "attachment" in whole.headers["Content-Disposition"]
    some = viewer.get("/reconcile/sheet/file?account=tmall&days=7")
    numbers = [row[2] for row in csv.reader(io.StringIO(some.lstrip("﻿")))]
    assert "Na" in numbers and "3829104477120011" not in numbers, "that one was paid forty days ago"
    with made.hub.db.read() as conn:
        found = [row for row in conn.execute(select(table(AuditEntry))) if row.what == "sheet.download"]
    assert [(row.who, row.subject) for row in found] == [("viewer@hub.local", "account:tmall")] * 2
    viewer.get("/reconcile/sheet/file?account=nosuch", 404)
    viewer.get("/reconcile/sheet/file?account=erp", 404)


def test_the_period_counts_days_in_china_and_the_number_finds_beyond_it(viewer: Any, made: Any, shop: Shop) -> None:
    day = (shop.at + timedelta(hours=8)).date()
    midnight = shop.at.replace(hour=16, minute=0, second=0, microsecond=0)
    begins = midnight if midnight <= shop.at else midnight - timedelta(days=1)
    for own, at in (("in", begins), ("late", begins + timedelta(days=1)), ("early", begins - timedelta(seconds=1))):
        shop.order(own, 100, None, paid_at=at)
    rows = told(viewer, f"account=tmall&kind=order&view=all&days=1&until={day}")
    assert [row[0].split()[0] for row in rows] == ["Nin"]
    assert [row[0].split()[0] for row in told(viewer, "account=tmall&kind=order&number=3829104477120011")] == [
        "3829104477120011"
    ]
    assert "这段时间没有" in viewer.get("/reconcile/sheet?account=tmall&kind=order&number=nosuch")
    for wrong in (
        "until=soon&days=x",
        "until=9999-12-31",
        "until=0001-01-01",
        "before=x~y",
        "before=99999999999999999999~y",
        "kind=x&view=y",
    ):
        viewer.get(f"/reconcile/sheet?account=tmall&{wrong}")


def test_nobody_sees_it_who_is_not_signed_in_and_english_is_english(anyone: Any, operator: Any, shop: Shop) -> None:
    for path in ("/reconcile/sheet", "/reconcile/sheet/file?account=tmall", "/reconcile/sheet/fact?kind=order&ref=1"):
        anyone.get(path, 302)
    shop.order("moved", 20_000, 15_000)
    operator.post("/language", language="en", next="/reconcile/sheet")
    page = operator.get("/reconcile/sheet?account=tmall&kind=order")
    assert "Three-way sheet" in page and "the amount changed at the source" in page
    words = re.sub(r"<[^>]*>", " ", page.partition('<main id="main">')[2])
    assert set(re.findall("[一-鿿]+", words)) <= {"天猫旗舰店", "悟空", "企业微信", "华东", "官网表单", "金蝶云星空"}
    assert operator.get("/reconcile/sheet/file?account=tmall").startswith("﻿kind,source,number")


def test_pages_follow_each_other_without_gap_or_double(viewer: Any, shop: Shop) -> None:
    for number in range(120):
        shop.order(f"p{number:03}", 100, None, paid_at=shop.at + timedelta(seconds=number // 2))
    seen, url = [], "/reconcile/sheet?account=tmall&kind=order"
    while url:
        page = viewer.get(url)
        seen += re.findall(r">(Np\d+)</a>", page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        url = html.unescape(older[1]) if older else ""
    assert seen == sorted((f"Np{number:03}" for number in range(120)), reverse=True)


def test_no_page_waits_for_a_month_of_a_big_shop(viewer: Any, made: Any, shop: Shop) -> None:
    busy(shop, MANY)
    took = {}
    for query in ("", "&view=all", "&view=all&before=" + f"{to_us(shop.at - timedelta(days=9))}~x", "&number=B77", "&days=7"):
        each = []
        for _ in range(3):
            began = time.perf_counter()
            page = viewer.get(f"/reconcile/sheet?account=tmall&kind=order&days=31{query}")
            each.append(time.perf_counter() - began)
        took[query] = round(min(each), 3)
        assert "sheet/fact" in page
    assert max(took.values()) < LIMIT * slower(), took


def busy(shop: Shop, count: int) -> None:
    """A month of a shop: so many orders, one in a thousand of which differs; and as many documents of others."""
    orders, items = [], []
    days = [f"busy-{n}" for n in range(30)]
    for n, key in enumerate(days):
        shop.day(f"BS{n:04}", key)
    for n in range(count):
        ref, at = f"{shop.shop}|b{n}", shop.at - timedelta(days=n % 27, seconds=n % 80_000)
        row = {"ref": ref, "account_id": shop.shop, "source_ref": f"{shop.shop}|order|b{n}", "number": f"B{n}", "paid": 9_900}
        orders.append({**row, "state": "paid", "currency": "CNY", "paid_at": at, "deleted": False})
        items.append({"event_id": f"{ref}|order.paid", "rule": "shop-day", "account_id": shop.shop, "day": at.date(),
                      "amount": 9_900 if n % 1_000 else 9_000, "currency": "CNY", "delivery_id": days[n % 30]})  # fmt: skip
    shop.put(Order, *orders)
    shop.put(SettlementItem, *items)
    hub, crm = shop.made.hub, shop.made.account["crm"]
    now, day, empty = hub.now_us(), hub.now().date().isoformat(), hub.ring.seal(b"{}", b"delivery.document")
    with hub.db.write() as conn:
        insert_deliveries(
            conn,
            [(f"x{n}", f"x{n}", "deal-receivable", shop.erp, crm, f"{crm}|x{n}", "receivable", f"X{n}", day, 1, "CNY", empty,
              "sent", 1, 0, now, 0, 1, now, now) for n in range(count)],
        )  # fmt: skip
