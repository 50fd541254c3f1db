"""A question of identity is answered on a phone and on a desk: every choice can be read whole before it is made."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hub.identity.desk import review

_CUT = """() => [...document.querySelectorAll('main select')].filter(each => {
  const pen = document.createElement('canvas').getContext('2d'), look = getComputedStyle(each);
  pen.font = look.font;
  const room = each.clientWidth - parseFloat(look.paddingLeft) - parseFloat(look.paddingRight);
  return [...each.options].some(option => pen.measureText(option.text).width > room);
}).map(each => each.name)"""
"""Names of the choices some of whose texts are cut short."""


def test_a_relation_is_read_whole_and_chosen(visitor: Any, site: Any) -> None:
    visitor.sign_in("operator")
    a, b = site.made.question
    visitor.open(f"/reviews/pair?a={quote(a)}&b={quote(b)}")
    page = visitor.page
    assert page.evaluate(_CUT) == [] and visitor.overflow() == 0
    labels = page.locator(".ways label")
    assert labels.count() == 6 and "李建国 替 欧阳晓岚 下单" in [text.strip() for text in labels.all_inner_texts()]
    assert all(label.evaluate("each => each.scrollWidth <= each.clientWidth") for label in labels.all())
    if visitor.size == "phone":
        assert min(label.bounding_box()["height"] for label in labels.all()) >= 36, "a finger meets it"
    page.click("text=不是，但有关系")
    assert page.url.startswith(f"{site.url}/reviews/pair"), "which relation is asked for first"
    page.locator(".ways label", has_text="李建国 替 欧阳晓岚 下单").click()
    page.click("text=不是，但有关系")
    page.wait_for_url("**/reviews*")
    found = review.pair(site.made.hub, a, b)
    assert found is not None and ("orders_for", False) in {(item["kind"], item["forward"]) for item in found["relations"]}
    assert not visitor.complaints, visitor.complaints
