"""The pages: tags put on and taken off a customer, what goes out, users linked to members."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from hub.admin.users import create_user
from hub.app import create_app
from hub.identity.desk import service
from hub.models import StaffNotice, TagWrite
from hub.models.base import table
from hub.people import links, tags
from hub.store.database import Database
from tests.hub.admin.conftest import Browser
from tests.hub.admin.seed import PASSWORD
from tests.hub.people.conftest import House


@pytest.fixture
def db(lite: Database) -> Database:
    """Pages are the same on both databases; what they call is tested on both."""
    return lite


@pytest.fixture
def desk(house: House) -> tuple[House, str, str, str, dict[str, Browser]]:
    """A customer, a tag, and a browser for each role."""
    key = house.sim.populate("customer", 1, start=house.sim.now(), step=timedelta(0))[0]
    tag = house.sim.tag_keys("customer", 1)[0]
    house.read()
    app = create_app(house.hub)
    app.testing = True
    found = {}
    for role in ("viewer", "operator", "admin"):
        create_user(house.hub, f"{role}@hub.local", PASSWORD, [role])
        found[role] = Browser(app.test_client()).sign_in(role)
    return house, key, tag, service.newest(house.hub)[0]["id"], found


def test_an_operator_puts_a_tag_on_and_takes_it_off(desk: tuple[House, str, str, str, dict[str, Browser]]) -> None:
    house, key, tag, customer, people = desk
    page = people["operator"].get(f"/customers/{customer}")
    value = f"{house.ref(key)} {house.ref(tag)}"
    assert f'<option value="{value}">' in page
    page = people["operator"].post(f"/customers/{customer}/tags", tag=value)
    assert "等待发出" in page
    house.work()
    page = people["operator"].get(f"/customers/{customer}")
    assert "等待发出" not in page and f'<option value="{value}">' not in page
    people["operator"].post(f"/customers/{customer}/tags", tag=value, do="remove")
    house.work()
    assert house.sim.tags_of("customer", key) == set()
    shown = people["viewer"].get("/outgoing?what=tags")
    assert "已写入，待核对</span>" in shown and "已被后来的改动取代</span>" in shown


def test_a_viewer_sees_and_may_not_change(desk: tuple[House, str, str, str, dict[str, Browser]]) -> None:
    house, key, tag, customer, people = desk
    assert "new-tag" not in people["viewer"].get(f"/customers/{customer}")
    people["viewer"].post(f"/customers/{customer}/tags", 403, tag=f"{house.ref(key)} {house.ref(tag)}")
    assert house.wishes() == []


def test_a_form_for_another_customer_is_refused(desk: tuple[House, str, str, str, dict[str, Browser]]) -> None:
    house, _, tag, customer, people = desk
    for value in ("", "x", f"1|no/body {house.ref(tag)}"):
        people["operator"].post(f"/customers/{customer}/tags", tag=value)
    assert house.wishes() == []


def test_a_refused_one_is_told_and_tried_again(desk: tuple[House, str, str, str, dict[str, Browser]]) -> None:
    house, key, tag, customer, people = desk
    house.wish(key, tag)
    house.sim.world.delete_tag(tag)
    house.work()
    page = people["operator"].get("/outgoing?what=tags")
    assert "企业标签库里没有这个标签" in page
    assert "企业标签库里没有这个标签" in people["operator"].get(f"/customers/{customer}")
    house.sim.world.tags[tag].deleted = False
    people["operator"].post(f"/outgoing/tags/{tags.list_(house.hub)[0]['id']}")
    house.work()
    assert house.sim.tags_of("customer", key) == {tag}
    people["operator"].post("/outgoing/notices/none")
    people["viewer"].post("/outgoing/notices/none", 403)


def test_an_admin_links_a_user_to_a_member(desk: tuple[House, str, str, str, dict[str, Browser]]) -> None:
    house, key, _, _, people = desk
    member = key.split("/")[0]
    page = people["admin"].get("/users")
    assert f'<option value="{member}">' in page
    page = people["admin"].post("/users/links", user="1", account="wecom", member=member)
    assert member in page and "已关联" in page
    people["admin"].post("/users/links", user="2", account="wecom", member=member)
    (item,) = links.links(house.hub)
    people["admin"].post("/users/links", user="x", account="wecom", member="other")
    people["operator"].post(f"/users/links/{item['id']}", 403)
    people["admin"].post(f"/users/links/{item['id']}")
    assert links.links(house.hub) == []


def test_both_lists_say_what_to_do_when_empty(desk: tuple[Any, ...]) -> None:
    people = desk[-1]
    assert "notices" in people["viewer"].get("/outgoing") and "客户页" in people["viewer"].get("/outgoing?what=tags")


def test_a_notice_leads_to_what_it_tells_of(desk: tuple[House, str, str, str, dict[str, Browser]]) -> None:
    house, _, _, customer, people = desk
    places = {
        ("delivery.to_do", "d1"): "/deliveries/d1", ("invoice.issued", "d2"): "/deliveries/d2",
        ("deal.signed", "1|HT-1"): "/reconcile/sheet/fact?kind=deal&amp;ref=1%7CHT-1",
        ("owner.conflict", customer): f"/customers/{customer}",
        ("invoice.requested", "1|SQ-1"): "/invoices/request?ref=1%7CSQ-1",
    }  # fmt: skip
    now = house.hub.now()
    with house.hub.db.write() as conn:
        for number, (kind, subject) in enumerate([*places, ("thing.unheard_of", "x")]):
            conn.execute(insert(table(StaffNotice)).values(
                id=f"n{number}", rule="r", kind=kind, subject=subject, account_id=house.account.id, receivers=["boss"],
                content={"title": f"事{number}", "text": "", "url": ""}, state="sent", attempts=1, next_at=now, lease_until=now,
                fence=0, missed=[], created_at=now,
            ))  # fmt: skip
    page = people["viewer"].get("/outgoing")
    for number, place in enumerate(places.values()):
        assert f'<a href="{place}">事{number}</a>' in page
    assert f"<div>事{len(places)}<span" in page, "a kind that nobody knows leads nowhere"
    alone = people["viewer"].get("/outgoing?number=n1")
    assert "事1<" in alone and "事0<" not in alone and "没有" not in people["viewer"].get("/outgoing?state=sent")
    assert "还没有通知" in people["viewer"].get("/outgoing?state=refused")


def test_every_notice_and_wish_can_be_reached(desk: tuple[House, str, str, str, dict[str, Browser]]) -> None:
    house, key, tag, _, people = desk
    now = house.hub.now()
    with house.hub.db.write() as conn:
        for number in range(120):
            conn.execute(insert(table(StaffNotice)).values(
                id=f"n{number:03d}", rule="r", kind="k", subject="s", account_id=house.account.id, receivers=["boss"],
                content={"title": f"事{number}。", "text": "", "url": ""}, state="sent" if number % 3 else "refused",
                attempts=1, next_at=now, lease_until=now, fence=0, missed=[], created_at=now - timedelta(minutes=number // 4),
            ))  # fmt: skip
            conn.execute(insert(table(TagWrite)).values(
                account_id=house.account.id, stream="customer", key=key, profile_ref=house.ref(key), tag_ref=house.ref(tag),
                add=True, by=f"人{number}。", state="superseded", attempts=1, next_at=now, lease_until=now, fence=0,
                asked_at=now,
            ))  # fmt: skip
    for url, name in (("/outgoing", "事"), ("/outgoing?what=tags", "人")):
        assert sorted(map(int, people["viewer"].walk(url, rf"{name}(\d+)。"))) == list(range(120))
    refused = people["viewer"].walk("/outgoing?state=refused", r"事(\d+)。")
    assert sorted(map(int, refused)) == list(range(0, 120, 3))
