"""Groups, messages and consents: what is stored, for whom, for how long, and what never is."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import orjson
import pytest

from hub.models import (
    ChatGroup,
    Consent,
    GroupMember,
    IdentityKey,
    Message,
    Profile,
    Quarantined,
    SourceRecord,
)
from hub.store.types import to_us
from hub.sync import forget

Site = Any
NOON = 1795320000  # 2026-11-22 12:00 in Shanghai


def say(own: str, text: str = "报价多少", *, at: int = NOON - 60, **more: Any) -> dict[str, Any]:
    """A customer's message to a member of staff."""
    record = {
        "id": own, "customer": "c1", "staff": "s1", "from": "c1", "side": "customer", "to": ["s1"], "kind": "text",
        "text": text,
        "at": at * 1000, "seq": 7, "consent": "yes", "consent_at": NOON - 86400,
    }  # fmt: skip
    return {name: value for name, value in (record | more).items() if value is not None}


def answer(consent: str, at: int, **more: Any) -> dict[str, Any]:
    """What the customer says about keeping."""
    return {
        "id": f"{consent}{at}",
        "kind": "answer",
        "customer": "c1",
        "staff": "s1",
        "consent": consent,
        "consent_at": at,
        **more,
    }


def group(*members: dict[str, Any], own: str = "g1", **more: Any) -> dict[str, Any]:
    return {"id": own, "name": "大客户群", "owner": "s1", "state": "on", "created": NOON, "members": list(members), **more}


def member(own: str, kind: int = 2) -> dict[str, Any]:
    return {"id": own, "kind": kind, "joined": NOON, "by": "s1"}


def body(site: Site, row: Any) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(site.hub.ring.unpack(row.body, row.ref))
    return found


def kept(site: Site) -> set[str]:
    return {row.ref.split("|")[1] for row in site.rows(Message)}


def person(site: Site, own: str = "a", union: str = "c1", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = site.person(own, "王小明", identifiers=[{"kind": "unionid", "scope": "w", "value": union}], **more)
    return made


def test_a_message_is_stored_sealed_with_its_customer_and_its_retention_date(site: Site) -> None:
    counts = site.land(say("m1", media="file-1"), stream="message")
    row = site.one(Message)
    assert counts.changed == 1 and counts.withheld == 0 and not counts.unknown
    assert (row.side, row.kind, row.sender, row.staff, row.seq, row.consent) == ("customer", "text", "c1", "s1", 7, "agreed")
    assert body(site, row) == {"text": "报价多少", "receivers": ["s1"], "media": "file-1"}
    assert "报价".encode() not in bytes(row.body)
    assert row.keep_until - row.at == timedelta(days=180)
    site.land(person(site))
    assert [key.profile_ref for key in site.rows(IdentityKey, digest=row.digest)] == [site.ref("crm/a")], "found when he comes"


def test_a_group_has_its_members_and_a_customer_among_them_is_the_customer(site: Site) -> None:
    site.land(person(site))
    site.land(group(member("s1", 1), member("c1"), member("stranger")), stream="group")
    row = site.one(ChatGroup)
    assert (row.name, row.owner, row.state, row.members) == ("大客户群", "s1", "active", 3)
    found = {m.member: m for m in site.rows(GroupMember)}
    assert found["s1"].digest is None and found["s1"].kind == "staff"
    assert site.one(IdentityKey, digest=found["c1"].digest).customer_id == site.home("crm/a")
    assert found["c1"].invited_by == "s1" and to_us(found["c1"].joined_at) == NOON * 1_000_000
    site.land(say("m1", room="g1", staff=None, to=None), stream="message")
    assert site.one(Message).group_digest == row.digest


def test_who_has_left_the_group_is_no_member(site: Site) -> None:
    site.land(group(member("c1"), member("c2")), stream="group")
    site.land(group(member("c2")), stream="group")
    assert [row.member for row in site.rows(GroupMember)] == ["c2"]
    assert site.land(group(member("c2")), stream="group").unchanged == 1
    site.gone("g1", stream="group")
    assert site.one(ChatGroup).deleted


@pytest.mark.parametrize("ground", [{"consent": "no"}, {"consent": "whatever"}, {"consent": None}])
def test_without_a_ground_nothing_of_a_message_is_stored(site: Site, ground: dict[str, Any]) -> None:
    counts = site.land(say("m1", **ground), say("m2"), stream="message")
    assert (counts.withheld, counts.changed) == (1, 1)
    assert kept(site) == {"m2"}
    assert [row.source_id for row in site.rows(SourceRecord)] == ["m2"] and not site.rows(Quarantined)


def test_a_message_past_its_retention_date_is_not_stored(site: Site) -> None:
    assert site.land(say("m1", at=NOON - 181 * 86400), stream="message").withheld == 1
    assert not site.rows(Message) and not site.rows(SourceRecord)


def test_what_comes_twice_or_under_another_number_is_there_once(site: Site) -> None:
    site.land(say("m1"), stream="message")
    before = site.snapshot()
    assert site.land(say("m1"), stream="message").unchanged == 1
    assert site.snapshot() == before


def test_a_withdrawn_consent_deletes_and_stops(site: Site) -> None:
    site.land(say("m1"), say("m2", customer="c2", consent="default"), say("m3", staff="s2"), stream="message")
    counts = site.land(answer("no", NOON), stream="message")
    assert counts.changed == 1 and kept(site) == {"m2", "m3"}, "this customer, this member of staff"
    assert {row.source_id for row in site.rows(SourceRecord)} == {"m2", "m3", f"no{NOON}"}
    assert site.land(say("m4", at=NOON - 30), stream="message").withheld == 1, "consent that was given before the refusal"
    site.land(answer("yes", NOON + 60), stream="message")
    assert site.land(say("m5", at=NOON + 90, consent_at=NOON + 60), stream="message").changed == 1
    assert kept(site) == {"m2", "m3", "m5"}


def test_a_refusal_in_the_same_batch_counts(site: Site) -> None:
    counts = site.land(say("m1"), answer("no", NOON), say("m2", customer="c2"), stream="message")
    assert counts.withheld == 1 and kept(site) == {"m2"}


def test_a_refusal_that_comes_late_does_not_outdo_a_newer_consent(site: Site) -> None:
    site.land(answer("yes", NOON), say("m1", consent_at=NOON), stream="message")
    site.land(answer("no", NOON - 100), stream="message")
    assert site.one(Consent).state == "agreed" and kept(site) == {"m1"}


def test_a_withdrawn_consent_may_keep_what_is_there(site: Site) -> None:
    site.land(say("m1"), stream="message")
    site.hub.settings = site.hub.settings.model_copy(update={"chat_withdrawn": "keep"})
    site.land(answer("no", NOON), stream="message")
    assert kept(site) == {"m1"}
    assert site.land(say("m2"), stream="message").withheld == 1


def test_in_a_group_consent_counts_for_the_group(site: Site) -> None:
    site.land(say("m1", room="g1", staff=None, to=None), say("m2", room="g2", staff=None, to=None), stream="message")
    site.land(answer("no", NOON, room="g1"), stream="message")
    assert kept(site) == {"m2"}


@pytest.mark.parametrize("order", list(itertools.permutations(("m1", "r1"))))
def test_a_message_that_was_taken_back_is_marked_whichever_came_first(site: Site, order: tuple[str, ...]) -> None:
    made = {"m1": say("m1"), "r1": say("r1", None, kind="recall", recalls="m1")}
    for own in order:
        site.land(made[own], stream="message")
    assert {row.ref.split("|")[1]: row.recalled for row in site.rows(Message)} == {"m1": True, "r1": False}


def test_expired_messages_go_with_their_raw_records(site: Site) -> None:
    site.land(say("m1", at=NOON - 100 * 86400), say("m2"), stream="message")
    site.forward(81 * 86400)
    with site.hub.db.write() as conn:
        assert forget.forget_expired(conn, site.hub.now_us()) == 1
        assert forget.forget_expired(conn, site.hub.now_us()) == 0
    assert kept(site) == {"m2"} and [row.source_id for row in site.rows(SourceRecord)] == ["m2"]
    with site.hub.db.write() as conn:
        forget.shorten(conn, 10 * 86400 * 1_000_000)
        assert forget.forget_expired(conn, site.hub.now_us()) == 1
    assert not site.rows(Message)


def test_erasing_a_customer_takes_messages_and_memberships_and_keeps_the_refusal(site: Site) -> None:
    site.land(say("m1"), say("m2", customer="c2"), answer("yes", NOON), stream="message")
    site.land(group(member("c1"), member("c2")), stream="group")
    digest = site.one(Consent).digest
    with site.hub.db.write() as conn:
        assert forget.forget_customer(conn, [digest]) == 1
    assert kept(site) == {"m2"} and [row.member for row in site.rows(GroupMember)] == ["c2"] and site.rows(Consent)


def test_a_bad_message_harms_no_other_and_shows_nothing(site: Site) -> None:
    counts = site.land({**say("m1"), "at": "soon"}, say("m2"), stream="message")
    assert counts.quarantined == 1 and kept(site) == {"m2"}
    assert "报价" not in orjson.dumps(site.one(Quarantined).error).decode()


def test_messages_move_no_customer(site: Site) -> None:
    site.land(person(site))
    before = site.rows(Profile)
    site.land(say("m1"), stream="message")
    assert site.rows(Profile) == before
