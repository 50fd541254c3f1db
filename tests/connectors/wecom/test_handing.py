"""Hand-over of customers and groups: what the platform refuses, how long it takes, and what its results hide (section 3.7)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors import errors
from connectors.base import Request
from connectors.messages import explain
from connectors.people import Handed, HandOver, Orphan
from connectors.wecom.handing import outcome
from connectors.wecom.sim_gate import App, Refusal
from tests.connectors.wecom.conftest import NOW, Corp

DAY = timedelta(days=1)
BEGUN = timedelta(minutes=1)


def order(corp: Corp, count: int = 1, *, left: bool = True, stream: str = "customer", message: str = "") -> HandOver:
    """Customers of one member, and another to take them."""
    old, new = corp.sim.employ(2)
    keys = corp.sim.serve(stream, old, count)
    if left:
        corp.sim.dismiss(old)
    return HandOver(stream, old, new, tuple(keys), left, message)


def later(corp: Corp, span: timedelta) -> None:
    corp.sim.offset += span


def ended(corp: Corp, given: HandOver, since: datetime) -> dict[str, str]:
    return {key: item.state for key, item in corp.connector().handed(given, since).items()}


def ask(corp: Corp, path: str, **body: Any) -> Any:
    """The simulator's answer to a call that the connector would not make."""
    return corp.connector().http.post(f"externalcontact/{path}", body)


# ---------------------------------------------------------------- who waits


def test_waiting_customers_are_read_page_by_page_with_the_day_their_owner_left(corp: Corp) -> None:
    given, _ = order(corp, 5), order(corp, 2, left=False)
    corp.sim.transfers.page = 2
    found = list(corp.connector().waiting())
    assert found == [Orphan("customer", key, given.staff, NOW.replace(microsecond=0)) for key in given.keys]
    assert corp.calls("externalcontact/get_unassigned_list") == 3


def test_members_outside_the_visible_range_are_not_told(corp: Corp) -> None:
    given = order(corp)
    corp.sim.app_grant.visible = {given.to}
    assert list(corp.connector().waiting()) == []


def test_groups_of_who_left_wait_too_also_when_he_had_no_customers(corp: Corp) -> None:
    old = corp.sim.employ(1)[0]
    chat = str(corp.sim.chats.open(old, "售后群")["ChatId"])
    corp.sim.dismiss(old)
    assert list(corp.connector().waiting()) == [Orphan("group", chat, old)]


@pytest.mark.parametrize("departed", [True, False])
def test_with_too_many_staff_groups_are_asked_for_by_owner_and_customers_are_listed_anyway(corp: Corp, departed: bool) -> None:
    given = order(corp)
    chat = str(corp.sim.chats.open(given.staff, "售后群")["ChatId"])
    corp.sim.chats.chats[chat].status = 1
    corp.sim.chats.most_visible, corp.sim.chats.departed_owners = 0, departed
    found = list(corp.connector().waiting())
    assert [item.key for item in found if item.stream == "customer"] == list(given.keys)
    groups = [item for item in found if item.stream == "group"]
    assert groups == ([Orphan("group", chat, given.staff)] if departed else [])
    one = HandOver("group", given.staff, given.to, (chat,), left=True)
    assert corp.connector().hand_over(one) == {}
    assert ended(corp, one, NOW) == {}, "what is under way cannot be listed"
    later(corp, DAY + BEGUN)
    assert ended(corp, one, NOW) == {chat: "done"}


def test_the_older_way_of_paging_is_kept_by_the_simulator(corp: Corp) -> None:
    order(corp, 3)
    first, second = (ask(corp, "get_unassigned_list", page_id=page, page_size=2) for page in (0, 1))
    assert (len(first["info"]), first["is_last"], len(second["info"]), second["is_last"]) == (2, False, 1, True)
    assert "next_cursor" not in first
    for body in ({"page_size": 1001}, {"page_size": 0}, {"page_id": 50, "page_size": 1000}, {"cursor": "made up"}):
        with pytest.raises(errors.UnknownAnswer):
            ask(corp, "get_unassigned_list", **body)


# ---------------------------------------------------------------- beginning, and what is refused


def test_a_day_passes_before_anything_changes(corp: Corp) -> None:
    given, since = order(corp), corp.sim.now()
    assert corp.connector().hand_over(given) == {}
    later(corp, BEGUN)
    (item,) = corp.connector().handed(given, since).values()
    assert item.state == "waiting" and item.at == NOW.replace(microsecond=0) + DAY
    later(corp, DAY - 2 * BEGUN)
    assert corp.sim.owners("customer", given.keys[0]) == set()
    later(corp, 2 * BEGUN)
    (item,) = corp.connector().handed(given, since).values()
    assert (item.state, item.becomes) == ("done", f"{given.to}/{given.keys[0].split('/')[1]}")
    assert list(corp.connector().waiting()) == []


def test_a_result_is_listed_some_seconds_after_it_was_begun(corp: Corp) -> None:
    given, since = order(corp), corp.sim.now()
    corp.connector().hand_over(given)
    assert corp.connector().handed(given, since) == {}, "so absence means nothing in the first minutes"


def test_the_two_kinds_of_owner_have_calls_and_words_of_their_own(corp: Corp) -> None:
    from flask import request

    seen: list[tuple[str, dict[str, Any]]] = []
    corp.sim.app.before_request_funcs.setdefault(None, []).insert(
        0, lambda: seen.append((request.path, json.loads(request.get_data() or b"{}"))) if "transfer" in request.path else None
    )
    corp.connector().hand_over(order(corp, message="以后由我的同事为您服务。"))
    corp.connector().hand_over(order(corp, left=False, message="以" * 300))
    assert [path.removeprefix("/cgi-bin/externalcontact/") for path, _ in seen] == [
        "resigned/transfer_customer", "transfer_customer",
    ]  # fmt: skip
    assert "transfer_success_msg" not in seen[0][1] and len(seen[1][1]["transfer_success_msg"]) == 200
    for body in ({"transfer_success_msg": "以" * 201}, {"external_userid": ["x"] * 101}, {"external_userid": "x"}):
        given = order(corp, left=False)
        good = {"handover_userid": given.staff, "takeover_userid": given.to, "external_userid": ["x"]}
        with pytest.raises(errors.UnknownAnswer) as caught:
            ask(corp, "transfer_customer", **(good | body))
        assert caught.value.code == "40058"


def codes(corp: Corp, given: HandOver) -> list[str]:
    """The codes with which single customers are refused."""
    return [str(error.code) for error in corp.connector().hand_over(given).values()]


def test_a_customer_of_an_active_member_changes_hands_twice_in_90_days(corp: Corp) -> None:
    given = order(corp, left=False)
    customer = given.keys[0].split("/")[1]
    for _ in range(2):
        assert codes(corp, given) == []
        later(corp, DAY + BEGUN)
        given = HandOver("customer", given.to, given.staff, (f"{given.to}/{customer}",), left=False)
    assert codes(corp, given) == ["40128"]
    later(corp, timedelta(days=87))
    assert codes(corp, given) == ["40128"], "the 90 days begin with the first of the two"
    later(corp, 2 * DAY)
    assert codes(corp, given) == []
    rules = corp.connector().hand_over_rules
    assert rules.often == (2, timedelta(days=90)) and rules.delay == DAY and rules.left_within == timedelta(days=365)


@pytest.mark.parametrize("left", [True, False])
def test_what_is_under_way_is_not_begun_again(corp: Corp, left: bool) -> None:
    given = order(corp, left=left)
    assert codes(corp, given) == []
    (error,) = corp.connector().hand_over(given).values()
    assert isinstance(error, errors.Duplicate) and error.code == ("40100" if left else "40129")
    assert len(corp.sim.ledger) == 1


def test_each_customer_is_judged_by_itself(corp: Corp) -> None:
    given, other = order(corp, 2), order(corp, left=False)
    corp.sim.world.relations[tuple(given.keys[1].split("/"))].half = True  # type: ignore[index]
    keys = (given.keys[0], f"{given.staff}/wmNobody", other.keys[0], given.keys[1])
    refused = corp.connector().hand_over(HandOver("customer", given.staff, given.to, keys, left=True))
    assert {key: error.code for key, error in refused.items()} == {keys[1]: "40096", keys[2]: "40131", keys[3]: "40131"}
    assert [entry["number"] for entry in corp.sim.ledger] == [keys[0]]


TAKERS: list[tuple[str, Any, str, str]] = [
    ("present", False, "40003", "wecom.member_unknown"),
    ("follows", False, "84074", "wecom.no_contact_function"),
    ("idle", True, "84074", "wecom.no_contact_function"),
    ("verified", False, "40098", "wecom.not_verified"),
]


@pytest.mark.parametrize(("field", "value", "code", "key"), TAKERS, ids=[item[0] for item in TAKERS])
@pytest.mark.parametrize("stream", ["customer", "group"])
def test_who_cannot_take_is_told_with_what_to_do(corp: Corp, stream: str, field: str, value: Any, code: str, key: str) -> None:
    given = order(corp, stream=stream)
    setattr(corp.sim.world.staff[given.to], field, value)
    with pytest.raises(errors.Rejected) as caught:
        corp.connector().hand_over(given)
    assert (caught.value.code, caught.value.key) == (code, key) and corp.sim.ledger == []
    assert all(explain(caught.value, "zh", corp.connector().manifest))


def test_who_cannot_give(corp: Corp) -> None:
    here, gone = order(corp, left=False), order(corp)
    for given, left, code in ((here, True, "40097"), (gone, False, "40003")):
        with pytest.raises(errors.Rejected) as caught:
            corp.connector().hand_over(HandOver("customer", given.staff, given.to, given.keys, left))
        assert caught.value.code == code
    later(corp, timedelta(days=366))
    with pytest.raises(errors.Rejected) as caught:
        corp.connector().hand_over(gone)
    assert caught.value.key == "wecom.member_unknown", "a year after he left it is too late"
    same = {"handover_userid": here.staff, "takeover_userid": here.staff.lower(), "external_userid": ["x"]}
    with pytest.raises(errors.Rejected) as caught:
        ask(corp, "transfer_customer", **same)
    assert caught.value.code == "40130"


def test_a_taker_without_room_is_told_at_once_or_at_the_end(corp: Corp) -> None:
    given, since = order(corp, 3), corp.sim.now()
    corp.sim.world.staff[given.to].room = 2
    assert codes(corp, given) == []
    later(corp, DAY + BEGUN)
    assert sorted(ended(corp, given, since).values()) == ["done", "done", "full"]
    assert codes(corp, HandOver("customer", given.staff, given.to, given.keys[2:], left=True)) == ["40099"]
    assert "transfer_fail" in [event["ChangeType"] for event in corp.sim.transfers.events]


# ---------------------------------------------------------------- results


def test_a_refusal_of_an_earlier_attempt_stays_listed_and_does_not_count(corp: Corp) -> None:
    given, since = order(corp), corp.sim.now()
    corp.connector().hand_over(given)
    corp.sim.decide("customer", given.keys[0], "refuse")
    later(corp, DAY)
    assert ended(corp, given, since) == {given.keys[0]: "refused"}
    again = corp.sim.now()
    corp.connector().hand_over(given)
    later(corp, BEGUN)
    assert ended(corp, given, again) == {given.keys[0]: "waiting"}
    later(corp, DAY)
    assert ended(corp, given, again) == {given.keys[0]: "done"}
    assert len(corp.sim.transfers.made) == 2


def test_a_hand_over_of_before_is_not_taken_for_this_one(corp: Corp) -> None:
    given, since = order(corp, left=False), corp.sim.now()
    corp.connector().hand_over(given)
    later(corp, DAY + BEGUN)
    assert ended(corp, given, since) == {given.keys[0]: "done"}
    later(corp, timedelta(days=100))
    assert ended(corp, given, corp.sim.now()) == {}, "done a hundred days before it was asked for"


def test_results_come_in_pages_and_an_unknown_state_is_none(corp: Corp) -> None:
    given, since = order(corp, 5), corp.sim.now()
    corp.connector().hand_over(given)
    later(corp, BEGUN)
    corp.sim.transfers.page = 2
    assert set(ended(corp, given, since)) == set(given.keys)
    assert corp.calls("externalcontact/resigned/transfer_result") == 3
    for status in (0, 5, 9):
        assert outcome({"status": status, "takeover_time": 0}, "a/b", since) is None
    assert outcome({"status": 3, "takeover_time": 0}, "a/b", since) == Handed("refused", None, "a/b")


def test_a_customer_who_removed_the_old_owner_counts_as_a_refusal(corp: Corp) -> None:
    given, since = order(corp, left=False), corp.sim.now()
    corp.connector().hand_over(given)
    corp.sim.world.drop(*given.keys[0].split("/"))
    later(corp, DAY + BEGUN)
    assert ended(corp, given, since) == {given.keys[0]: "refused"}


def test_an_answer_that_leaves_customers_out_leaves_them_in_doubt(corp: Corp) -> None:
    given = order(corp, 2)
    connector = corp.connector()
    call = connector.http.call

    def shortened(request: Request) -> Any:
        answer = call(request)
        return answer | {"customer": answer["customer"][:1]} if request.write else answer

    connector.http.call = shortened  # type: ignore[method-assign]
    (item,) = connector.hand_over(given).items()
    assert item[0] == given.keys[1] and isinstance(item[1], errors.InDoubt)


def test_the_callbacks_of_a_hand_over_name_the_records_that_changed(corp: Corp) -> None:
    given = order(corp, left=False)
    corp.connector().hand_over(given)
    later(corp, DAY + BEGUN)
    corp.sim.transfers.settle()
    removed, added = corp.sim.transfers.events
    assert (removed["ChangeType"], removed["Source"]) == ("del_external_contact", "DELETE_BY_TRANSFER")
    assert (added["ChangeType"], added["UserID"]) == ("add_external_contact", given.to)
    record = corp.connector().fetch_one("customer", f"{given.to}/{given.keys[0].split('/')[1]}")
    assert record is not None and record["follow_info"]["add_way"] == 202
    assert corp.connector().fetch_one("customer", given.keys[0]) is None


# ---------------------------------------------------------------- groups


def test_groups_are_inherited_and_each_refusal_has_its_reason(corp: Corp) -> None:
    given, mine = order(corp, 2, stream="group"), order(corp, stream="group", left=False)
    corp.sim.chats.chats[given.keys[1]].external = False
    keys = (*given.keys, mine.keys[0], "wrNobody")
    refused = corp.connector().hand_over(HandOver("group", given.staff, given.to, keys, left=True))
    assert {key: error.code for key, error in refused.items()} == {
        given.keys[1]: "90501", mine.keys[0]: "90500", "wrNobody": "40050",
    }  # fmt: skip
    one = HandOver("group", given.staff, given.to, given.keys[:1], left=True)
    assert ended(corp, one, NOW) == {given.keys[0]: "waiting"}
    later(corp, DAY + BEGUN)
    assert ended(corp, one, NOW) == {given.keys[0]: "done"}
    (error,) = corp.connector().hand_over(one).values()
    assert error.key == "wecom.inherited"


def test_300_groups_of_one_owner_are_given_in_a_day(corp: Corp) -> None:
    old, new = corp.sim.employ(2)
    keys = corp.sim.serve("group", old, 301)
    corp.sim.dismiss(old)
    for start in (0, 100, 200):
        assert codes(corp, HandOver("group", old, new, tuple(keys[start : start + 100]), left=True)) == []
    assert codes(corp, HandOver("group", old, new, (keys[300],), left=True)) == ["45009"]
    later(corp, DAY)
    assert codes(corp, HandOver("group", old, new, (keys[300],), left=True)) == []
    assert corp.connector().hand_over_rules.a_day == {"group": 300}


# ---------------------------------------------------------------- rights


def test_other_secrets_hand_nothing_over(corp: Corp) -> None:
    corp.sim.gate.add(App("the-contacts-sync-secret", kind="contacts_sync"))
    given = order(corp)
    with pytest.raises(errors.ScopeMissing):
        corp.connector(secret="the-contacts-sync-secret").hand_over(given)
    assert corp.sim.ledger == []


def test_a_cursor_of_another_query_is_refused(corp: Corp) -> None:
    given = order(corp, 3)
    corp.connector().hand_over(given)
    later(corp, BEGUN)
    corp.sim.transfers.page = 1
    app = corp.sim.app_grant
    asked = {"handover_userid": given.staff, "takeover_userid": given.to}
    cursor = corp.sim.transfers.resigned_result(app, asked)["next_cursor"]
    with pytest.raises(Refusal):
        corp.sim.transfers.result(app, asked | {"cursor": cursor})
