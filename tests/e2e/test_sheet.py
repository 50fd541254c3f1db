"""The three-way sheet from the menu to the evidence and the file, on a phone and on a desk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.hub.admin.test_sheet import Shop


def test_from_the_sheet_to_the_evidence_and_the_file(visitor: Any, site: Any) -> None:
    shop = Shop(site.made)
    shop.order("fine", 10_000, 10_000)
    shop.order("moved", 20_000, 15_000)
    visitor.sign_in("viewer")
    page = visitor.open("/deliveries")
    page.click("main >> text=三方对账")
    page.select_option("#account", "tmall")
    page.select_option("#days", "31")
    page.click("text=查看")
    page.wait_for_url("**account=tmall**")
    visitor.shoot("zh-sheet")
    assert visitor.overflow() == 0
    assert page.locator("main >> text=入账后来源金额变了").count() == 1 and page.locator("main >> text=Nfine").count() == 0
    with page.expect_download() as started:
        page.click("text=下载这段时间")
    text = Path(started.value.path()).read_text("utf-8-sig")
    assert text.startswith("类别,来源,编号") and "Nmoved" in text and "Nfine" in text
    page.click("main nav >> text=全部")
    page.wait_for_url("**view=all**")
    assert page.locator("main >> text=Nfine").count() == 1
    page.click("text=Nmoved")
    page.wait_for_url("**/reconcile/sheet/fact**")
    visitor.shoot("zh-sheet-fact")
    assert visitor.overflow() == 0 and page.locator("h1").inner_text() == "Nmoved"
    page.click("main >> text=ST0000000000000001")
    page.wait_for_url("**/deliveries/day-1")
    assert not visitor.complaints, visitor.complaints
    page.go_back()
    if visitor.size == "phone":
        page.click("text=菜单")
    page.locator("button:visible", has_text="English").click()
    page.wait_for_load_state()
    assert page.locator("main >> text=Platform says").count() >= 1
