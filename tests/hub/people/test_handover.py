"""Hand-overs: ordered, sent once whatever happens, asked about, and the customer's owner follows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from connectors import errors
from hub import accounts, privacy
from hub.identity.desk import service
from hub.models import AuditEntry, Handover, Inbox, Orphan
from hub.models.base import table
from hub.people import handing, handover, orphans
from hub.sync import inbox
from tests.hub.people.conftest import House

DAY = timedelta(days=1)
SOON = timedelta(minutes=11)
GIVEN = "/cgi-bin/externalcontact/resigned/transfer_customer"
ASKED = "/cgi-bin/externalcontact/resigned/transfer_result"
LITE = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
"""Where the database makes no difference."""


class Office:
    """A corp whose member ``old`` has left three customers; ``new`` may take them."""

    def __init__(self, house: House, *, left: bool = True, count: int = 3, stream: str = "customer") -> None:
        self.house, self.hub, self.sim = house, house.hub, house.sim
        self.old, self.new, self.third = house.sim.employ(3)
        self.keys = house.sim.serve(stream, self.old, count)
        self.stream, self.left = stream, left
        self.read()
        if left:
            house.sim.dismiss(self.old)
            self.read()
            orphans.look(self.hub, self.number)

    @property
    def number(self) -> int:
        return self.house.account.id or 0

    def read(self) -> None:
        """Staff and records as they are; what is there no more is gone."""
        from hub.sync.landing import Lander

        self.house.read()
        lander = Lander(self.hub, self.house.account, "staff")
        with self.hub.db.write() as conn:
            lander.gone(conn, [member.userid for member in self.sim.world.staff.values() if not member.present])

    def order(self, to: str = "", **more: Any) -> dict[str, Any]:
        options = {"stream": self.stream, "left": self.left, "by": "ops@hub.local", **more}
        return handover.order(self.hub, "wecom", self.old, to or self.new, **options)

    def work(self, *, after: timedelta = timedelta(0)) -> int:
        self.house.later(after)
        return handing.work(self.hub, self.number)

    def states(self) -> list[str]:
        return [row.state for row in self.house.rows(Handover)]

    def begun(self) -> list[str]:
        """Keys of all that the platform has taken, each as often as it has."""
        return [entry["number"] for entry in self.sim.ledger]

    def owner(self, key: str) -> str:
        """The owner of the canonical customer whose record had this key."""
        external = key.split("/")[1]
        found = {
            item["id"]
            for row in service.newest(self.hub, 50)
            if (item := service.show(self.hub, row["id"])) and any(external in each["ref"] for each in item["profiles"])
        }
        (customer,) = found
        shown = service.show(self.hub, customer)
        assert shown is not None
        return str(shown["fields"]["owner"]["value"])


@pytest.fixture
def office(house: House) -> Office:
    return Office(house)


# ---------------------------------------------------------------- the good way


def test_customers_of_who_left_go_to_another_and_the_owner_follows(office: Office) -> None:
    (entry,) = orphans.summary(office.hub)
    assert (entry["staff"], entry["counts"], entry["late"]) == (office.old, {"customer": 3}, False)
    assert office.order() == {"queued": [1, 2, 3], "skipped": {}}
    assert orphans.summary(office.hub) == [], "what is on its way waits no more"
    assert office.work() == 3 and office.states() == ["sent"] * 3 and office.sim.calls[GIVEN] == 1
    assert office.work(after=SOON) == 3 and office.states() == ["sent"] * 3
    assert office.owner(office.keys[0]) == office.old, "until the platform says so"
    office.work(after=DAY)
    assert office.states() == ["accepted"] * 3
    assert {office.owner(key) for key in office.keys} == {office.new}
    assert office.house.rows(Orphan) == [] and office.work(after=DAY) == 0
    row = office.house.rows(Handover)[0]
    assert row.becomes == f"{office.new}/{office.keys[0].split('/')[1]}" and row.done_at and row.effective_at
    (order,) = [entry for entry in office.house.rows(AuditEntry) if entry.what == "handover.order"]
    assert order.who == "ops@hub.local" and order.detail["queued"] == 3


def counted(patch: pytest.MonkeyPatch) -> list[str]:
    """Refs of the profiles that are opened from now on."""
    opened: list[str] = []
    read = handover.golden.read_profile

    def reading(ring: Any, ref: str, data: bytes) -> Any:
        opened.append(ref)
        return read(ring, ref, data)

    patch.setattr(handover.golden, "read_profile", reading)
    return opened


@LITE
def test_customers_of_a_member_who_is_here_are_those_that_name_him(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(house, left=False)
    other = office.sim.serve("customer", office.third, 1)[0]
    office.read()
    assert handover.offered(office.hub, office.number, office.old.upper(), "customer", left=False) == sorted(office.keys)
    opened = counted(monkeypatch)
    assert handover.offered(office.hub, office.number, office.old, "customer", left=False) == sorted(office.keys)
    assert not opened, "his key says whose a customer is: there may be a million to open"
    of = (office.number, "customer")
    with office.hub.db.read() as conn:
        inside = sorted(handover._said_inside(office.hub, conn, of, office.old))
    assert inside == sorted(office.keys) and len(opened) > len(inside), "the other way comes to the same"
    for odd in ("%", "_" * len(office.old), office.old[:-1], office.old + "/", "", "张"):
        assert handover.offered(office.hub, office.number, odd, "customer", left=False) == []
    done = office.order(keys=[office.keys[0], other], message="以后由我的同事为您服务。")
    assert (len(done["queued"]), done["skipped"]) == (1, {"strange": 1})
    office.work()
    assert office.sim.transfers.made[0].message == "以后由我的同事为您服务。"
    office.work(after=DAY + SOON)
    assert office.owner(office.keys[0]) == office.new and office.owner(office.keys[1]) == office.old


@LITE
def test_groups_of_who_left_get_another_owner(house: House) -> None:
    office = Office(house, stream="group", count=2)
    (entry,) = orphans.summary(office.hub)
    assert entry["counts"]["group"] == 2
    office.order()
    office.work()
    office.work(after=DAY + SOON)
    assert office.states() == ["accepted"] * 2 and office.sim.owners("group", office.keys[0]) == {office.new}


@LITE
def test_a_batch_is_what_one_call_takes(house: House) -> None:
    office = Office(house, count=130)
    office.order()
    office.work()
    assert office.sim.calls[GIVEN] == 2 and len(set(office.begun())) == 130
    assert sorted({(row.began_at, row.attempts) for row in office.house.rows(Handover)})[0][1] == 1
    office.work(after=SOON)
    assert office.sim.calls[ASKED] == 2, "asked for as they were begun"


@LITE
def test_more_groups_than_a_day_takes_wait_for_the_next(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(house, stream="group", count=5)
    rules = orphans.rules_of("wecom")
    monkeypatch.setitem(rules.a_day, "group", 3)  # type: ignore[arg-type]
    office.order()
    office.work()
    assert sorted(office.states()) == ["sent"] * 3 + ["waiting"] * 2
    office.work(after=timedelta(hours=23))
    assert len(office.begun()) == 3
    office.work(after=timedelta(hours=2))
    assert len(office.begun()) == 5


# ---------------------------------------------------------------- what comes to nothing


@LITE
def test_a_customer_who_refuses_and_a_taker_without_room(office: Office) -> None:
    office.order()
    office.work()
    office.sim.decide("customer", office.keys[0], "refuse")
    office.sim.world.staff[office.new].room = 1
    office.work(after=DAY + SOON)
    assert sorted(office.states()) == ["accepted", "failed", "refused"]
    told = {row.state: row.error for row in office.house.rows(Handover)}
    assert told["failed"]["key"] == "handover.full" and told["refused"] is None
    refused = next(row for row in office.house.rows(Handover) if row.state == "refused")
    office.sim.world.staff[office.new].room = 9
    handover.retry(office.hub, refused.id, by="ops@hub.local")
    office.work(after=SOON)
    office.work(after=SOON)
    assert office.house.rows(Handover)[refused.id - 1].state == "sent", "the refusal of before is not taken for this one"
    office.work(after=DAY)
    assert office.house.rows(Handover)[refused.id - 1].state == "accepted"


@LITE
def test_what_the_platform_does_not_take_has_its_reason(office: Office) -> None:
    external = office.keys[0].split("/")[1]
    office.order()
    del office.sim.world.relations[office.old, external]
    office.work()
    assert sorted(office.states()) == ["failed", "sent", "sent"]
    failed = next(row for row in office.house.rows(Handover) if row.state == "failed")
    assert (failed.error["key"], failed.error["code"]) == ("wecom.not_his_customer", "40131")


@LITE
def test_an_order_as_a_whole_that_is_refused(office: Office) -> None:
    office.order()
    office.sim.world.staff[office.new].verified = False
    office.work()
    assert set(office.states()) == {"failed"} and office.begun() == []
    assert {row.error["key"] for row in office.house.rows(Handover)} == {"wecom.not_verified"}


@LITE
def test_begun_by_somebody_else_is_not_ours(office: Office) -> None:
    external = [key.split("/")[1] for key in office.keys]
    asked = {"handover_userid": office.old, "takeover_userid": office.third, "external_userid": external[:1]}
    office.sim.transfers.resigned(office.sim.app_grant, asked)
    office.order()
    office.work()
    assert sorted(office.states()) == ["failed", "sent", "sent"]
    assert [row.error["key"] for row in office.house.rows(Handover) if row.error] == ["wecom.under_way"]


@LITE
def test_a_dead_secret_is_tried_once_and_stops_the_account(house: House) -> None:
    office = Office(house, count=250)
    office.order()
    office.sim.app_grant.customer_contact = False
    before = office.sim.calls[GIVEN]
    office.work()
    assert office.sim.calls[GIVEN] == before + 1 and set(office.states()) == {"waiting"}
    assert accounts.get(office.hub, "wecom").state == "needs_auth" and office.work(after=DAY) == 0
    office.sim.app_grant.customer_contact = True
    accounts.set_state(office.hub, "wecom", "active", reason="", by="ops@hub.local")
    office.work()
    assert set(office.states()) == {"sent"}


# ---------------------------------------------------------------- never twice


def test_an_answer_that_never_came_is_asked_about_and_not_sent_again(office: Office) -> None:
    office.order()
    office.sim.faults.cut_after["transfer_customer"] = 1
    office.work()
    assert set(office.states()) == {"in_doubt"} and len(office.begun()) == 3
    assert office.work(after=timedelta(minutes=1)) == 0, "some list it late"
    office.work(after=timedelta(minutes=2))
    assert set(office.states()) == {"sent"} and office.sim.calls[GIVEN] == 1
    office.work(after=DAY)
    assert set(office.states()) == {"accepted"} and len(office.begun()) == 3


def test_a_call_that_never_arrived_is_sent_again_when_the_platform_has_said_twice_that_it_knows_of_none(office: Office) -> None:
    office.order()
    office.sim.faults.cut_before["transfer_customer"] = 1
    office.work()
    assert set(office.states()) == {"in_doubt"} and office.begun() == []
    office.work(after=timedelta(minutes=3))
    assert set(office.states()) == {"in_doubt"} and office.sim.calls[ASKED] == 1
    office.work(after=SOON)
    assert set(office.states()) == {"sent"} and office.sim.calls[ASKED] == 2 and len(office.begun()) == 3
    assert {row.doubts for row in office.house.rows(Handover)} == {1}


@LITE
def test_an_error_when_it_is_asked_about_is_no_absence(office: Office) -> None:
    office.order()
    office.sim.faults.cut_after["transfer_customer"] = 1
    office.work()
    for _ in range(6):
        office.sim.faults.error["transfer_result"] = [502] * 4
        office.work(after=SOON)
        assert set(office.states()) == {"in_doubt"}
    office.sim.faults.clear()
    office.work(after=timedelta(hours=1))
    assert set(office.states()) == {"sent"} and len(office.begun()) == 3


def test_one_that_is_listed_late_is_taken_for_ours_when_it_is_under_way(office: Office) -> None:
    office.order()
    office.sim.transfers.lag = 3600
    office.sim.faults.cut_after["transfer_customer"] = 1
    office.work()
    office.work(after=SOON)
    office.work(after=SOON)
    assert set(office.states()) == {"sent"} and office.sim.calls[GIVEN] == 2
    assert len(office.begun()) == 3, "the platform did not count the second"
    office.work(after=DAY)
    assert set(office.states()) == {"accepted"}


@LITE
def test_one_that_never_arrives_is_given_to_a_person(office: Office) -> None:
    office.order()
    office.sim.faults.cut_before["transfer_customer"] = 9
    for _ in range(9):
        office.work(after=SOON)
    assert office.sim.calls[GIVEN] == 3
    assert set(office.states()) == {"failed"} and office.begun() == []
    assert {row.error["key"] for row in office.house.rows(Handover)} == {"handover.never_taken"}


@pytest.mark.parametrize("arrived", [True, False])
def test_a_sender_that_vanished_is_followed_by_a_question(office: Office, arrived: bool) -> None:
    office.order()
    rows = handing.claim(office.hub, office.number)
    assert len(handing._begin(office.hub, rows)) == 3
    if arrived:
        orphans.giving(office.hub, office.house.account).hand_over(handing.ordered(rows))
    assert office.work() == 0, "its lease still runs"
    office.work(after=timedelta(seconds=office.hub.settings.lease_seconds + 1))
    assert set(office.states()) == ({"sent"} if arrived else {"in_doubt"})
    office.work(after=SOON)
    office.work(after=SOON)
    assert set(office.states()) == {"sent"} and len(office.begun()) == 3
    with office.hub.db.write() as conn:
        for row in rows:
            handing._sent(conn, office.hub, row, None)
    office.work(after=DAY)
    assert set(office.states()) == {"accepted"}, "the first one's lease is lost"


@LITE
def test_a_fault_in_the_middle_of_the_answers_leaves_those_before_it_as_they_are(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.order()
    rows = handing.claim(office.hub, office.number)
    handing._begin(office.hub, rows)
    orphans.giving(office.hub, office.house.account).hand_over(handing.ordered(rows))
    follow, calls = handing._follow, []

    def fails_second(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise errors.Unavailable
        follow(*arguments)

    monkeypatch.setattr(handing, "_follow", fails_second)
    office.work(after=DAY + SOON)
    assert office.states() == ["accepted", "in_doubt", "in_doubt"]
    office.work(after=DAY)
    assert office.states() == ["accepted"] * 3 and len(office.begun()) == 3


@pytest.mark.parametrize("fault", ["throttle", "error"])
def test_a_limit_waits_and_a_bad_gateway_is_a_doubt(office: Office, fault: str) -> None:
    office.order()
    if fault == "error":
        office.sim.faults.error["transfer_customer"] = [502]
    else:
        office.sim.faults.throttle["transfer_customer"] = 1
    office.work()
    assert set(office.states()) == ({"in_doubt"} if fault == "error" else {"waiting"})
    for _ in range(3):
        office.work(after=SOON)
    assert set(office.states()) == {"sent"} and len(office.begun()) == 3


def test_one_account_hands_over_one_batch_at_a_time(office: Office) -> None:
    office.order()
    assert len(handing.claim(office.hub, office.number)) == 3 and handing.claim(office.hub, office.number) == []


# ---------------------------------------------------------------- what cannot be ordered


@LITE
def test_what_is_on_its_way_is_not_ordered_again(office: Office) -> None:
    office.order(keys=office.keys[:1])
    done = office.order(to=office.third)
    assert (len(done["queued"]), done["skipped"]) == (2, {"open": 1})
    office.work()
    assert sorted(office.begun()) == sorted(office.keys)


@LITE
def test_twice_in_90_days_is_kept_here_before_the_platform_has_to_say_so(house: House) -> None:
    office = Office(house, left=False, count=1)
    external = office.keys[0].split("/")[1]
    for staff, to in ((office.old, office.new), (office.new, office.third)):
        done = handover.order(
            office.hub, "wecom", staff, to, stream="customer", left=False, by="x", keys=[f"{staff}/{external}"]
        )
        assert len(done["queued"]) == 1
        office.work()
        office.work(after=DAY + SOON)
    assert office.states() == ["accepted"] * 2
    last = {"stream": "customer", "left": False, "by": "x", "keys": [f"{office.third}/{external}"]}
    assert handover.order(office.hub, "wecom", office.third, office.old, **last)["skipped"] == {"often": 1}
    office.house.later(timedelta(days=88))
    assert len(handover.order(office.hub, "wecom", office.third, office.old, **last)["queued"]) == 1
    assert office.sim.calls["/cgi-bin/externalcontact/transfer_customer"] == 2


@LITE
def test_who_left_more_than_a_year_ago_is_shown_as_too_late(office: Office) -> None:
    office.house.later(timedelta(days=366))
    orphans.look(office.hub, office.number)
    (entry,) = orphans.summary(office.hub)
    assert entry["late"] and office.order() == {"queued": [], "skipped": {"late": 3}}


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"to": "nobody"}, "handover.fault_taker"),
    ({"stream": "tag"}, "handover.fault_stream"),
    ({"stream": "group", "left": False}, "handover.fault_stream"),
]


@LITE
@pytest.mark.parametrize(("change", "key"), FAULTS, ids=[item[1] + str(n) for n, item in enumerate(FAULTS)])
def test_orders_that_cannot_be_given(office: Office, change: dict[str, Any], key: str) -> None:
    with pytest.raises(handover.HandoverFault) as caught:
        office.order(**change)
    assert caught.value.key == key and office.states() == []


@LITE
def test_who_has_left_takes_nothing_and_nobody_takes_from_himself(office: Office) -> None:
    for to, key in ((office.old.upper(), "handover.fault_same"), (office.third, "handover.fault_taker")):
        office.sim.dismiss(office.third) if to == office.third else None
        office.read()
        with pytest.raises(handover.HandoverFault) as caught:
            office.order(to=to)
        assert caught.value.key == key
    with pytest.raises(handover.HandoverFault) as caught:
        handover.order(office.hub, "none", "a", "b", stream="customer", left=True, by="x")
    assert caught.value.key == "handover.fault_account"


# ---------------------------------------------------------------- taking back, trying again


def test_what_waits_here_is_taken_back_and_what_has_begun_is_not(office: Office) -> None:
    done = office.order()
    assert handover.withdraw(office.hub, done["queued"][:1], by="ops@hub.local") == 1
    office.work()
    assert office.states() == ["withdrawn", "sent", "sent"] and len(office.begun()) == 2
    with pytest.raises(handover.HandoverFault) as caught:
        handover.withdraw(office.hub, done["queued"], by="ops@hub.local")
    assert caught.value.key == "handover.fault_begun"
    handover.retry(office.hub, done["queued"][0], by="ops@hub.local")
    office.work(after=SOON)
    assert office.states() == ["sent"] * 3
    with pytest.raises(handover.HandoverFault) as caught:
        handover.retry(office.hub, done["queued"][0], by="ops@hub.local")
    assert caught.value.key == "handover.fault_state"
    assert {"handover.withdraw", "handover.retry"} <= {entry.what for entry in office.house.rows(AuditEntry)}


def test_one_that_failed_is_not_tried_again_beside_a_newer_one(office: Office) -> None:
    number = office.order(keys=office.keys[:1])["queued"][0]
    handover.withdraw(office.hub, [number], by="ops@hub.local")
    office.order(to=office.third, keys=office.keys[:1])
    with pytest.raises(handover.HandoverFault) as caught:
        handover.retry(office.hub, number, by="ops@hub.local")
    assert caught.value.key == "handover.fault_open"


def test_a_push_about_the_customer_has_the_outcome_asked_for_at_once(office: Office) -> None:
    office.order()
    office.work()
    office.work(after=SOON)
    office.sim.decide("customer", office.keys[0], "refuse")
    (event,) = office.sim.transfers.events
    record = f"{event['UserID']}/{event['ExternalUserID']}"
    events = [
        {"key": "e1", "stream": "customer", "record_key": record, "kind": event["ChangeType"], "time": None, "record": None}
    ]
    now = office.hub.now()
    row = {
        "key": "p1", "account_id": office.number, "body": office.hub.ring.pack(json.dumps({"events": events}).encode(), "p1"),
        "state": "pending", "attempts": 0, "times": 1, "received_at": now, "next_at": now,
    }  # fmt: skip
    with office.hub.db.write() as conn:
        conn.execute(insert(table(Inbox)), [row])
    assert handover.QUEUE.due_accounts(office.hub) == []
    assert inbox.process(office.hub, office.number) == 1
    assert office.work() == 1 and sorted(office.states()) == ["refused", "sent", "sent"]


# ---------------------------------------------------------------- the list of who waits


def test_the_list_is_asked_for_every_hour_and_stays_when_the_platform_fails(office: Office) -> None:
    assert orphans.due_accounts(office.hub) == []
    office.house.later(timedelta(hours=1, minutes=1))
    assert orphans.due_accounts(office.hub) == [office.number]
    office.sim.faults.error["get_unassigned_list"] = [502] * 9
    assert orphans.look(office.hub, office.number) == 0
    (look,) = orphans.looks(office.hub)
    assert look["error"]["type"] == "Unavailable" and len(office.house.rows(Orphan)) == 3
    assert orphans.due_accounts(office.hub) == []
    office.sim.faults.clear()
    orphans.soon(office.hub, "wecom")
    assert orphans.due_accounts(office.hub) == [office.number] and orphans.look(office.hub, office.number) == 3
    (look,) = orphans.looks(office.hub)
    assert look["error"] is None


def test_an_erased_customer_leaves_no_hand_over(office: Office) -> None:
    office.order()
    (found, *_) = service.newest(office.hub, 1)
    privacy.erase(office.hub, found["id"], reason="r", by="ops@hub.local")
    assert len(office.house.rows(Handover)) == 2 and len(office.house.rows(Orphan)) == 2
