"""Questions for people: the queue, answers that count at once and for ever, and taking them back."""

from __future__ import annotations

from typing import Any

import pytest

from hub.identity.desk import relations, review
from hub.identity.desk.service import IdentityFault
from hub.models import AuditEntry, IdentityDecision, IdentityRelation, IdentityReview, LedgerEntry
from hub.security import audit
from tests.hub.conftest import Site
from tests.hub.identity.weighed import bring, crowd

PHONE, ADDRESS = "+8613812345679", "杭州市西湖区文三路5号"
ANNE: dict[str, Any] = {"display_name": "欧阳晓岚", "phones": [PHONE], "address": ADDRESS}
MATE: dict[str, Any] = {"display_name": "李伟", "phones": [PHONE], "address": ADDRESS}


@pytest.fixture
def asked(site: Site) -> Site:
    """Two people of one address and number: they are related, or one who has given another's name."""
    bring(site, ("crm/a", dict(ANNE)), ("shop/b", dict(MATE)))
    return site


def refs(site: Site) -> tuple[str, str]:
    return site.ref("crm/a"), site.ref("shop/b")


def test_a_question_shows_both_sides_and_what_speaks_for_each(asked: Site) -> None:
    (found,) = review.queue(asked.hub)
    assert (found["a"], found["b"], found["reason"]) == (*refs(asked), "conflict")
    assert [side["fields"]["display_name"] for side in found["sides"]] == ["欧阳晓岚", "李伟"]
    assert "电话号码相同" in found["sentence"]["zh"] and "反对：" in found["sentence"]["zh"]
    assert "Against: " in found["sentence"]["en"]
    shown = review.pair(asked.hub, *refs(asked))
    assert shown is not None and not shown["together"] and shown["obstacle"] == "" and shown["decision"] is None
    assert shown["sides"][1]["profile"]["display_name"] == "李伟"
    assert review.pair(asked.hub, refs(asked)[0], "9|nobody") is None
    assert review.counts(asked.hub) == {"open": 1, "kept": 0, "unsure": 0, "answered": 0, "again": 0}


def test_questions_come_by_what_they_are_worth(asked: Site) -> None:
    for number in range(3):
        bring(asked, (f"crm/x{number}", {"display_name": f"赵敏{'甲乙丙'[number]}", "phones": [f"+8613912345{number}00"]}))
    first = {"reason": "uncertain", "bits": 0.5, "evidence": [], "weights": "v", "state": "open", "at": asked.now}
    with asked.hub.db.write() as conn:
        for number, worth in enumerate((2.0, 9.0)):
            a, b = asked.ref(f"crm/x{number}"), asked.ref("crm/x2")
            conn.execute(IdentityReview.__table__.insert().values(a=a, b=b, worth=worth, **first))  # type: ignore[attr-defined]
    worth = [item["worth"] for item in review.queue(asked.hub)]
    assert worth == sorted(worth, reverse=True) and worth[0] == 9.0
    assert [item["worth"] for item in review.queue(asked.hub, 1, skip=1)] == [2.0]


def test_same_joins_at_once_and_can_be_taken_back(asked: Site) -> None:
    a, b = refs(asked)
    done = review.answer(asked.hub, a, b, "same", by="ops@hub.local")
    assert done["customers"][0] == done["customers"][1] and asked.together("crm/a", "shop/b")
    assert asked.one(IdentityReview).state == "same" and asked.one(IdentityDecision).by == "ops@hub.local"
    assert asked.one(AuditEntry, what="identity.answer").who == "ops@hub.local"
    assert asked.one(LedgerEntry, kind="merge").by == "ops@hub.local"
    assert asked.faults() == []
    asked.forward(1)
    review.take_back(asked.hub, b, a, by="ops@hub.local")
    assert not asked.together("crm/a", "shop/b") and asked.rows(IdentityDecision) == []
    assert [item["a"] for item in review.queue(asked.hub)] == [a]
    assert asked.faults() == [] and asked.one(AuditEntry, what="identity.take_back").who == "ops@hub.local"
    with asked.hub.db.read() as conn:
        assert audit.verify(conn)[1] is None
    with pytest.raises(IdentityFault):
        review.take_back(asked.hub, a, b, by="ops@hub.local")


def test_different_holds_whatever_comes(asked: Site) -> None:
    review.answer(asked.hub, *refs(asked), "different", by="ops")
    assert review.queue(asked.hub) == []
    bring(asked, ("shop/b", {**MATE, "display_name": "欧阳晓岚"}))
    assert not asked.together("crm/a", "shop/b"), "the same name and number, and a person's word against it"
    review.take_back(asked.hub, *refs(asked), by="ops")
    assert asked.together("crm/a", "shop/b")


def test_different_parts_what_the_machine_had_joined(site: Site) -> None:
    bring(site, ("crm/a", dict(ANNE)), ("shop/b", {**MATE, "display_name": "欧阳晓岚"}))
    assert site.together("crm/a", "shop/b")
    review.answer(site.hub, *refs(site), "different", by="ops")
    assert not site.together("crm/a", "shop/b") and site.faults() == []


def test_related_is_apart_and_a_relation_from_a_to_b(asked: Site) -> None:
    a, b = refs(asked)
    review.answer(asked.hub, b, a, "related", kind="orders_for", by="ops")
    assert not asked.together("crm/a", "shop/b") and review.queue(asked.hub) == []
    with asked.hub.db.read() as conn:
        assert ("orders_for", False, "ops") in relations.between(conn, a, b)
        mine = {item.kind: item for item in relations.of(conn, [a])}
        theirs = {item.kind: item for item in relations.of(conn, [b])}
    assert (mine["orders_for"].forward, theirs["orders_for"].forward) == (False, True)
    assert mine["orders_for"].customer == asked.home("shop/b")
    assert "电话号码相同" in relations.reason(mine["household"], "zh")
    assert relations.reason(mine["orders_for"], "en") == "Said by ops."
    review.answer(asked.hub, a, b, "different", by="ops")
    assert {row.kind for row in asked.rows(IdentityRelation)} == {"household"}, "what was said before is no more"


def test_not_sure_is_asked_again_later(asked: Site) -> None:
    review.answer(asked.hub, *refs(asked), "unsure", days=7, by="ops")
    assert review.queue(asked.hub) == [] and review.counts(asked.hub)["unsure"] == 1
    assert asked.rows(IdentityDecision) == []
    asked.forward(6 * 86400)
    assert review.queue(asked.hub) == []
    asked.forward(2 * 86400)
    assert len(review.queue(asked.hub)) == 1
    review.answer(asked.hub, *refs(asked), "unsure", by="ops")
    review.take_back(asked.hub, *refs(asked), by="ops")
    assert len(review.queue(asked.hub)) == 1


def test_what_cannot_be_done_says_why_and_changes_nothing(asked: Site) -> None:
    a, b = refs(asked)
    bring(asked, ("crm/firm", {"display_name": "杭州华美科技有限公司", "kind": "company"}))
    before = asked.snapshot()
    wrong: list[tuple[tuple[str, str, str], dict[str, Any], str]] = [
        ((a, b, "perhaps"), {}, "one of"),
        ((a, b, "related"), {"kind": "cousin"}, "relation"),
        ((a, b, "unsure"), {"days": 0}, "days"),
        ((a, a, "same"), {}, "two different"),
        ((a, "9|nobody", "same"), {}, "no profile"),
        ((a, asked.ref("crm/firm"), "same"), {}, "organisation"),
        ((a, asked.ref("crm/firm"), "unsure"), {}, "no open question"),
    ]
    for args, options, told in wrong:
        with pytest.raises(IdentityFault, match=told):
            review.answer(asked.hub, *args, by="ops", **options)
    assert asked.snapshot() == before


def test_two_valid_codes_stay_two(site: Site) -> None:
    firms = [("crm/a", "91310000775785552L"), ("shop/b", "91310000799655058X")]
    for short, code in firms:
        bring(site, (short, {"display_name": "杭州华美科技有限公司", "kind": "company", "tax_id": code}))
    shown = review.pair(site.hub, *refs(site))
    assert shown is not None and shown["obstacle"] == "codes"
    with pytest.raises(IdentityFault, match="credit codes"):
        review.answer(site.hub, *refs(site), "same", by="ops")


def test_an_older_answer_is_taken_back_first(asked: Site) -> None:
    bring(asked, ("shop/c", {**MATE, "keys": [["unionid", "w", "u1"]]}), ("shop/b", {**MATE, "keys": [["unionid", "w", "u1"]]}))
    assert asked.together("shop/b", "shop/c")
    a, b = refs(asked)
    review.answer(asked.hub, a, asked.ref("shop/c"), "different", by="ops")
    with pytest.raises(IdentityFault, match="take that answer back"):
        review.answer(asked.hub, a, b, "same", by="ops")
    review.take_back(asked.hub, a, asked.ref("shop/c"), by="ops")
    review.answer(asked.hub, a, b, "same", by="ops")
    assert asked.together("crm/a", "shop/b", "shop/c")


def test_profiles_are_named_as_people_do(asked: Site) -> None:
    a, b = refs(asked)
    assert review.named(asked.hub, "crm/a") == a and review.named(asked.hub, b) == b
    assert review.named(asked.hub, asked.home("shop/b")) == b
    with pytest.raises(IdentityFault):
        review.named(asked.hub, "crm/none")


def test_uncertain_ones_are_asked_about_in_a_crowd(site: Site) -> None:
    crowd(site, 500_000)
    bring(
        site,
        ("crm/a", {"display_name": "张伟", "address": "杭州市"}),
        ("shop/b", {"display_name": "张伟", "address": "杭州市"}),
    )
    assert not site.together("crm/a", "shop/b")
    assert [item["reason"] for item in review.queue(site.hub)] == ["uncertain"]
    review.answer(site.hub, *refs(site), "same", by="ops")
    assert site.together("crm/a", "shop/b")
