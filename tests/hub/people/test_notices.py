"""Notices: one fact is told once, to whoever owns it, in words from a table; shown and retried like the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from config.settings import NoticeRule
from hub.events import outbox
from hub.events.mint import insert_events, mint
from hub.events.outbox import DELIVERY
from hub.models import Deal, StaffNotice
from hub.models.base import table
from hub.people import drafting, notices
from hub.store.types import EPOCH, to_us
from tests.hub.people.conftest import House

SIGNED = NoticeRule(name="signed", event="deal.signed", through="wecom", otherwise=["boss"])
FIXED = NoticeRule(name="fixed", event="deal.signed", through="wecom", to=["boss", "ghost"], language="en")
ISSUED = NoticeRule(name="issued", event="invoice.issued", through="wecom")
STUCK = NoticeRule(name="stuck", event="delivery.in_doubt", through="wecom", to=["boss"], after=30)
AMENDED = NoticeRule(name="amended", event="deal.amended", through="wecom", to=["boss"])
REFUSED = NoticeRule(name="refused", event="delivery.rejected", through="wecom", to=["boss"])
TO_DO = NoticeRule(name="to-do", event="delivery.to_do", through="wecom", to=["boss"])


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"notices": [SIGNED, FIXED, STUCK, REFUSED, TO_DO, ISSUED, AMENDED], "public_url": "https://hub.example"}


@pytest.fixture
def office(house: House) -> tuple[House, str]:
    """A customer whom a member serves, and a boss."""
    house.sim.world.add_staff("boss", "老板")
    key = house.sim.populate("customer", 1, start=house.sim.now(), step=timedelta(0))[0]
    house.read()
    return house, key


def sign(house: House, key: str, number: str = "HT-1", *, ago: timedelta = timedelta(0)) -> str:
    """A deal with the customer, signed a while ago, and its event."""
    ref = f"{house.account.id}|{number}"
    now = to_us(house.hub.now() - ago)
    with house.hub.db.write() as conn:
        conn.execute(insert(table(Deal)).values(
            ref=ref, account_id=house.account.id, source_ref="s", profile_ref=house.ref(key) if key else None, number=number,
            state="signed", currency="CNY", amount=1234501, deleted=False,
        ))  # fmt: skip
        data = {"amount": 1234501, "currency": "CNY", "number": number}
        insert_events(conn, [mint("deal.signed", house.account.id or 0, ref, now, now, data, pending=True)])
    return ref


def send(house: House) -> int:
    house.dispatch()
    drafting.from_deliveries(house.hub)
    return notices.work(house.hub, house.account.id or 0)


def states(house: House) -> dict[str, str]:
    return {row.rule: row.state for row in house.rows(StaffNotice)}


def test_the_owner_is_told_once_in_the_hubs_language_and_others_in_theirs(office: tuple[House, str]) -> None:
    house, key = office
    sign(house, key)
    send(house)
    (told,) = house.sim.told(key.split("/")[0])
    assert told["title"] == "合同已签订：HT-1" and "¥12345.01" in told["text"]
    (english,) = house.sim.told("boss")
    assert english["title"] == "Deal signed: HT-1"
    rows = {row.rule: row for row in house.rows(StaffNotice)}
    assert rows["fixed"].missed == ["ghost"] and rows["fixed"].state == "sent"
    for _ in range(3):
        send(house)
    assert len(house.sim.told("boss")) == 1 and house.sim.desk.messages == 2


@pytest.mark.parametrize(("before", "title"), [(1_000, "合同金额变了：HT-1"), (1234501, "合同换了客户：HT-1")])
def test_a_deal_over_the_same_amount_has_another_customer(office: tuple[House, str], before: int, title: str) -> None:
    house, key = office
    ref, now = sign(house, key), to_us(house.hub.now())
    data = {"amount": 1234501, "before": before, "currency": "CNY", "number": "HT-1"}
    with house.hub.db.write() as conn:
        insert_events(conn, [mint("deal.amended", house.account.id or 0, ref, now, now, data, fact="f", pending=True)])
    send(house)
    assert title in [told["title"] for told in house.sim.told("boss")]


def test_a_persons_name_is_masked_and_a_companys_is_not(office: tuple[House, str]) -> None:
    house, key = office
    sign(house, key)
    send(house)
    name = house.sim.world.contacts[key.split("/")[1]]["name"]
    text = house.sim.told("boss")[0]["text"]
    assert name not in text and ("北辰贸易" in text or "**" in text)


def test_where_there_is_no_owner_the_others_are_told_or_nobody(office: tuple[House, str]) -> None:
    house, _ = office
    sign(house, "", "HT-9")
    send(house)
    assert {row.rule: row.receivers for row in house.rows(StaffNotice)}["signed"] == ["boss"]
    house.sim.world.resign("boss")


def test_an_owner_who_has_left_is_not_told(office: tuple[House, str]) -> None:
    house, key = office
    house.sim.world.resign(key.split("/")[0])
    house.put("staff", [])
    from hub.sync.landing import Lander

    with house.hub.db.write() as conn:
        Lander(house.hub, house.account, "staff").gone(conn, [key.split("/")[0]])
    sign(house, key)
    send(house)
    assert {row.rule: row.receivers for row in house.rows(StaffNotice)}["signed"] == ["boss"]


def test_each_issued_invoice_of_a_document_is_told_to_the_owner_of_its_deal(office: tuple[House, str]) -> None:
    house, key = office
    deal = sign(house, key)
    now = to_us(house.hub.now())
    with house.hub.db.write() as conn:
        for number in ("24312000000000000001", "24312000000000000002"):
            data = {"subject": deal, "invoice": number, "amount": 100, "currency": "CNY", "document": "SK1"}
            made = mint("invoice.issued", house.account.id or 0, "d1", now, now, data, fact=number, pending=True)
            insert_events(conn, [made])
    send(house)
    titles = [row["title"] for row in house.sim.told(key.split("/")[0])]
    assert sorted(titles)[:2] == ["发票已开具：24312000000000000001", "发票已开具：24312000000000000002"]


def test_old_facts_are_no_news(office: tuple[House, str]) -> None:
    house, key = office
    sign(house, key, ago=timedelta(hours=49))
    send(house)
    assert states(house) == {}


@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "throttle", "error"])
def test_whatever_breaks_the_member_sees_it_once(office: tuple[House, str], fault: str) -> None:
    house, key = office
    sign(house, key)
    if fault == "error":
        house.sim.faults.error["message/send"] = [502]
    else:
        getattr(house.sim.faults, fault)["message/send"] = 1
    for _ in range(6):
        send(house)
        house.later(timedelta(minutes=1, seconds=1))
    assert set(states(house).values()) == {"sent"}
    assert len(house.sim.told("boss")) == 1 and len(house.sim.told(key.split("/")[0])) == 1


def test_doubt_without_end_waits_for_a_person(office: tuple[House, str]) -> None:
    house, key = office
    sign(house, key)
    house.sim.faults.cut_after["message/send"] = 100
    for _ in range(20):
        send(house)
        house.later(timedelta(minutes=2))
    assert set(states(house).values()) == {"in_doubt"}
    assert len(house.sim.told("boss")) == 1, "the platform's own check shows it once"


def test_a_platform_that_cannot_tell_is_asked_once(office: tuple[House, str], monkeypatch: pytest.MonkeyPatch) -> None:
    house, key = office
    monkeypatch.setattr(notices, "tells_apart", lambda account: False)
    sign(house, key)
    house.sim.faults.cut_before["message/send"] = 100
    for _ in range(5):
        send(house)
        house.later(timedelta(minutes=2))
    assert set(states(house).values()) == {"in_doubt"} and house.sim.calls["/cgi-bin/message/send"] == 2


def test_nobody_reached_is_refused_with_its_reason_and_can_be_retried(office: tuple[House, str]) -> None:
    house, key = office
    sign(house, key)
    house.sim.app_grant.visible = set()
    send(house)
    assert set(states(house).values()) == {"refused"}
    house.sim.app_grant.visible = None
    for row in house.rows(StaffNotice):
        notices.retry(house.hub, row.id, by="ops@hub.local")
    house.later(timedelta(minutes=2))
    send(house)
    assert set(states(house).values()) == {"sent"} and len(house.sim.told("boss")) == 1
    with pytest.raises(notices.NoticeFault):
        notices.retry(house.hub, next(row.id for row in house.rows(StaffNotice) if row.rule == "signed"), by="ops@hub.local")


def test_a_retry_goes_to_those_who_were_missed(office: tuple[House, str]) -> None:
    house, key = office
    sign(house, key)
    send(house)
    house.sim.world.add_staff("ghost", "新人")
    (row,) = [row for row in house.rows(StaffNotice) if row.rule == "fixed"]
    notices.retry(house.hub, row.id, by="ops@hub.local")
    send(house)
    assert len(house.sim.told("ghost")) == 1 and len(house.sim.told("boss")) == 1


def a_delivery(house: House) -> dict[str, Any]:
    """A document's row, without its id, number and state."""
    now = house.hub.now()
    return {
        "rule": "r", "account_id": house.account.id, "source_account_id": house.account.id, "subject": "1|x",
        "kind": "receivable", "day": now.date(), "amount": 100, "currency": "CNY", "document": {}, "attempts": 1, "absent": 0,
        "next_at": now, "lease_until": EPOCH, "fence": 0, "created_at": now,
    }  # fmt: skip


def test_stuck_documents_are_told_once_each(office: tuple[House, str]) -> None:
    house, _ = office
    now, common = house.hub.now(), a_delivery(house)
    error = {"type": "Rejected", "key": "error.rejected", "code": "E1", "params": {}}
    with house.hub.db.write() as conn:
        conn.execute(insert(DELIVERY).values(id="d1", event_id="e1", number="SK1", state="in_doubt", doubt_at=now, **common))
        conn.execute(insert(DELIVERY).values(id="d2", event_id="e2", number="SK2", state="rejected", error=error, **common))
    send(house)
    assert [row["title"] for row in house.sim.told("boss")] == ["单据被退回：SK2"], "half an hour in doubt is no news yet"
    house.later(timedelta(minutes=31))
    for _ in range(2):
        send(house)
    assert [row["title"] for row in house.sim.told("boss")] == ["单据被退回：SK2", "单据结果不明：SK1"]
    assert house.sim.told("boss")[1]["url"] == "https://hub.example/deliveries/d1"
    with house.hub.db.write() as conn:
        conn.execute(update(DELIVERY).values(created_at=now - timedelta(days=3)))
    assert drafting.from_deliveries(house.hub) == 0


def test_a_document_that_waits_for_a_person_is_told_once_for_each_time_it_is_marked(office: tuple[House, str]) -> None:
    house, _ = office

    def mark(step: str, outcome: str = "needs_amendment") -> None:
        house.later(timedelta(minutes=1))
        with house.hub.db.write() as conn:
            outbox.note(conn, "d1", step, outcome, house.hub.now())

    sent = {"id": "d1", "event_id": "e1", "number": "SK1", "state": "sent"}
    with house.hub.db.write() as conn:
        conn.execute(insert(DELIVERY).values(**sent, **a_delivery(house)))
    send(house)
    assert house.sim.told("boss") == []
    mark("party")
    mark("amend")
    for _ in range(3):
        send(house)
    (told,) = house.sim.told("boss")
    assert told["title"] == "单据等人处理：SK1" and told["url"] == "https://hub.example/deliveries/d1"
    assert "金额后来改了；后来知道是另一位客户的" in told["text"]
    mark("party", "done")
    send(house)
    assert len(house.sim.told("boss")) == 1, "the other question was told already"
    mark("buyer")
    mark("buyer", "done")
    send(house)
    assert len(house.sim.told("boss")) == 1, "what was settled before anybody was told is no news"
    mark("reverse", "needs_reversal")
    send(house)
    assert "作废" in house.sim.told("boss")[1]["text"]
    mark("amend", "done")
    mark("reverse", "done")
    mark("party")
    house.later(timedelta(hours=49))
    assert drafting.from_deliveries(house.hub) == 0, "too old to be news"


def test_a_rule_without_a_usable_account_is_told_by_the_doctor(house: House) -> None:
    from hub.events import rules

    assert not [text for text in rules.check(house.hub) if "through" in text]
    bad = SIGNED.model_copy(update={"through": "nowhere"})
    hub = replace(house.hub, settings=house.hub.settings.model_copy(update={"notices": [bad]}))
    (told,) = [text for text in rules.check(hub) if "through" in text]
    assert "signed" in told and "nowhere" in told


def test_every_kind_has_words_in_both_languages() -> None:
    from typing import get_args

    kinds = get_args(NoticeRule.model_fields["on"].annotation)
    assert set(drafting.words()) == {*kinds, "deal.given"}
    assert all(set(part) == {"zh", "en"} for kind in drafting.words().values() for part in kind.values())
