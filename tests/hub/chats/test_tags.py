"""Tags from chats: what a rule matches, that order and repetition make no difference, versions, preview, undo, evidence."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import text

from config.settings import TagRule
from hub.chats import desk, tagging
from hub.chats.rules import Matcher, Said, faults, plain
from hub.models import ChatHit, ChatRule, ChatTag, Event, Message, Quarantined, TagAssignment
from hub.sync import forget

Site = Any
NOON = 1795320000
DAY = 86400
PRICE = {"name": "price", "tag": "询价", "group": "意向", "keywords": ["报价", "价格"]}


def say(own: str, words: str = "请问价格", *, who: str = "c1", day: float = 0, **more: Any) -> dict[str, Any]:
    at = int(NOON - day * DAY)
    record = {
        "id": own, "customer": who, "staff": "s1", "from": who, "side": "customer", "to": ["s1"], "kind": "text", "text": words,
        "at": at * 1000, "consent": "yes", "consent_at": NOON - 300 * DAY,
    }  # fmt: skip
    return record | more


def group(own: str, name: str, *members: str, **more: Any) -> dict[str, Any]:
    rows = [{"id": who, "kind": 2, "joined": NOON} for who in members]
    return {"id": own, "name": name, "owner": "s1", "state": "on", "created": NOON, "members": rows, **more}


def use(site: Site, *rules: dict[str, Any], enabled: bool = True) -> None:
    made = [TagRule(**{"enabled": enabled, **rule}) for rule in rules]
    site.hub.settings = site.hub.settings.model_copy(update={"tag_rules": made})


def run(site: Site) -> None:
    while tagging.work(site.hub):
        pass
    with site.hub.db.read() as conn:
        assert not tagging.due(site.hub, conn)


def people(site: Site, *unions: str) -> None:
    for union in unions:
        site.land(site.person(f"p-{union}", "王小明", identifiers=[{"kind": "unionid", "scope": "w", "value": union}]))


def tagged(site: Site) -> set[tuple[str, str]]:
    return {(row.profile_ref.split("|")[1], row.tag_ref.split("|")[1]) for row in site.rows(TagAssignment) if row.rule}


def events(site: Site) -> list[str]:
    return sorted(row.kind for row in site.rows(Event) if row.kind.startswith("tag."))


# ---------------------------------------------------------------- rules


@pytest.mark.parametrize(
    ("rule", "said", "fits"),
    [
        ({"keywords": ["报价"]}, {"words": "请报价"}, True),
        ({"keywords": ["ABC"]}, {"words": "型号ａｂｃ-1"}, True),
        ({"keywords": ["a.c"]}, {"words": "abc"}, False),
        ({"patterns": [r"\d{2,}台"]}, {"words": "要30台"}, True),
        ({"patterns": [r"(?i)vip"]}, {"words": "VIP"}, True),
        ({"patterns": [r"vip"]}, {"words": "VIP"}, False),
        ({"keywords": ["报价"]}, {"words": "请报价", "side": "staff"}, False),
        ({"keywords": ["报价"], "side": "staff"}, {"words": "请报价", "side": "staff"}, True),
        ({"keywords": ["报价"], "side": "any"}, {"words": "请报价", "side": "staff"}, True),
        ({"kinds": ["image"]}, {"kind": "image", "words": ""}, True),
        ({"kinds": ["image"]}, {"kind": "text"}, False),
        ({"kinds": ["text"], "keywords": ["报价"]}, {"kind": "file", "words": "报价"}, False),
        ({"keywords": ["报价"], "source": "wecom*"}, {"words": "报价", "account": "ding"}, False),
        ({"keywords": ["报价"], "in_group": "VIP*"}, {"words": "报价", "group": "VIP 一群"}, True),
        ({"keywords": ["报价"], "in_group": "VIP*"}, {"words": "报价"}, False),
        ({"times": 3}, {"words": "随便"}, True),
        ({"times": 3}, {"kind": "recall"}, False),
        ({"member_of": "VIP*"}, {"words": "随便", "group": "VIP"}, False),
    ],
)
def test_what_a_rule_matches(rule: dict[str, Any], said: dict[str, Any], fits: bool) -> None:
    made = {"account": "crm", "side": "customer", "kind": "text", "words": "", **said}
    made["words"] = plain(made["words"])
    assert Matcher(TagRule(name="r", tag="t", **rule)).matches(Said(**made)) is fits


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"keywords": [" "]},
        {"patterns": ["(a"]},
        {"patterns": [r"(a)\1"]},
        {"patterns": ["(?=x)"]},
        {"member_of": "VIP", "keywords": ["a"]},
        {"member_of": "VIP", "times": 2},
        {"keywords": ["a"], "times": 0},
        {"keywords": ["a"], "side": "both"},
        {"keywords": ["a"], "colour": "red"},
    ],
)
def test_what_is_no_rule(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TagRule(name="r", tag="t", **rule)


def test_rules_that_contradict_the_store_are_told() -> None:
    twice = [TagRule(name="r", tag="t", keywords=["a"]), TagRule(name="r", tag="t", kinds=["telegram"])]
    found = faults(twice)
    assert len(found) == 2 and "telegram" in found[1]


def test_no_pattern_can_hang_the_hub() -> None:
    """Patterns that take a backtracking engine longer than the universe has existed."""
    words = plain("a" * 5000 + "!")
    began = time.perf_counter()
    for evil in (r"(a+)+$", r"(a|aa)+$", r"(.*)*(.*)*(.*)*b", r"(a|a?)+$", r"^(([a-z])+.)+[A-Z]([a-z])+$"):
        Matcher(TagRule(name="r", tag="t", patterns=[evil])).matches(Said("a", "customer", "text", words))
    assert time.perf_counter() - began < 2.0


@given(st.lists(st.integers(0, 60), max_size=12), st.integers(1, 4), st.integers(1, 20))
def test_enough_means_some_stretch_of_days_holds_so_many(days: list[int], times: int, within: int) -> None:
    rule = Matcher(TagRule(name="r", tag="t", keywords=["a"], times=times, within_days=within))
    moments = [day * DAY * 1_000_000 for day in days]
    slow = any(sum(start <= day <= start + within for day in days) >= times for start in days)
    assert rule.enough(moments) == slow == rule.enough(list(reversed(moments)))


# ---------------------------------------------------------------- giving and taking


def test_a_tag_with_its_event_and_its_evidence(site: Site) -> None:
    use(site, PRICE)
    people(site, "c1", "c2")
    site.land(say("m1"), say("m2", "你好", who="c2"), stream="message")
    run(site)
    row = next(row for row in site.rows(TagAssignment) if row.rule)
    assert (row.name, row.group, row.by, row.rule) == ("询价", "意向", "rule:price", "chat:price")
    assert tagged(site) == {("p-c1", "chat:price")} and events(site) == ["tag.added"]
    with site.hub.db.read() as conn:
        ((place, found),) = desk.evidence(site.hub, conn, [row.profile_ref]).items()
    assert place == (row.profile_ref, row.tag_ref)
    assert found[0]["words"] == "请问价格" and found[0]["version"] == 1 and found[0]["ref"] == site.ref("crm/m1")


def test_the_source_does_not_take_a_derived_tag_away(site: Site) -> None:
    use(site, PRICE)
    people(site, "c1")
    site.land(say("m1"), stream="message")
    run(site)
    keys = [{"kind": "unionid", "scope": "w", "value": "c1"}]
    site.land(site.person("p-c1", "王小明", identifiers=keys, tags=[{"id": "vip"}], at="2026-11-22 11:00:00"))
    site.land(site.person("p-c1", "王小明", identifiers=keys, tags=[], at="2026-11-22 12:00:00"))
    assert tagged(site) == {("p-c1", "chat:price")}


def test_who_is_not_known_yet_gets_the_tag_when_he_is(site: Site) -> None:
    use(site, PRICE)
    site.land(say("m1"), stream="message")
    run(site)
    assert not tagged(site) and site.one(ChatTag).profile_ref is None
    people(site, "c1")
    run(site)
    assert tagged(site) == {("p-c1", "chat:price")}


def test_what_comes_late_or_twice_changes_nothing_twice(site: Site) -> None:
    use(site, PRICE, {"name": "busy", "tag": "活跃", "times": 3, "within_days": 7})
    people(site, "c1")
    site.land(say("m1"), say("m2", "好", day=3), stream="message")
    run(site)
    assert tagged(site) == {("p-c1", "chat:price")}
    site.land(say("m3", "早先说的", day=6), stream="message")
    run(site)
    assert tagged(site) == {("p-c1", "chat:price"), ("p-c1", "chat:busy")}
    before = site.snapshot()
    site.forward(60)
    site.land(say("m1"), say("m2", "好", day=3), say("m3", "早先说的", day=6), stream="message")
    run(site)
    assert site.snapshot() == before


def test_a_message_that_was_taken_back_takes_its_tag_along(site: Site) -> None:
    use(site, PRICE)
    people(site, "c1")
    site.land(say("m1"), stream="message")
    run(site)
    site.forward(5)
    site.land(say("r1", "", kind="recall", recalls="m1"), stream="message")
    run(site)
    assert not tagged(site) and events(site) == ["tag.added", "tag.removed"] and not site.rows(ChatHit)


def test_members_of_a_group_have_its_tag_while_they_are_members(site: Site) -> None:
    use(site, {"name": "vip", "tag": "VIP", "member_of": "VIP*"})
    people(site, "c1", "c2")
    site.land(group("g1", "VIP 一群", "c1", "c2"), group("g2", "闲聊", "c2"), stream="group")
    run(site)
    assert tagged(site) == {("p-c1", "chat:vip"), ("p-c2", "chat:vip")}
    site.forward(5)
    site.land(group("g1", "VIP 一群", "c1"), stream="group")
    run(site)
    assert tagged(site) == {("p-c1", "chat:vip")}
    site.forward(5)
    site.gone("g1", stream="group")
    run(site)
    assert tagged(site) == set()


def test_a_rule_about_a_group_waits_for_the_groups_name(site: Site) -> None:
    use(site, PRICE | {"in_group": "采购*"})
    people(site, "c1")
    site.land(say("m1", room="g1", staff=""), stream="message")
    run(site)
    assert not tagged(site)
    site.land(group("g1", "采购群", "c1"), stream="group")
    run(site)
    assert tagged(site) == {("p-c1", "chat:price")}


def test_a_withdrawn_consent_takes_the_tag_and_the_retention_date_does_not(site: Site) -> None:
    use(site, PRICE)
    people(site, "c1", "c2")
    site.land(say("m1"), say("m2", who="c2"), stream="message")
    run(site)
    answer = {"id": "a1", "kind": "answer", "customer": "c1", "staff": "s1", "consent": "no", "consent_at": NOON}
    site.land(answer, stream="message")
    run(site)
    assert tagged(site) == {("p-c2", "chat:price")}
    site.forward(200 * DAY)
    with site.hub.db.write() as conn:
        assert forget.forget_expired(conn, site.hub.now_us()) == 1
    run(site)
    assert tagged(site) == {("p-c2", "chat:price")} and not site.rows(Message)
    with site.hub.db.read() as conn:
        ((_, found),) = desk.evidence(site.hub, conn, [site.ref("crm/p-c2")]).items()
    assert "words" not in found[0] and found[0]["ref"] == site.ref("crm/m2"), "which message and when, without its words"


# ---------------------------------------------------------------- versions, preview, undo


def test_a_changed_rule_is_a_new_version_and_looks_at_everything_again(site: Site) -> None:
    use(site, PRICE)
    people(site, "c1", "c2")
    site.land(say("m1"), say("m2", "要合同", who="c2"), stream="message")
    run(site)
    site.forward(5)
    use(site, PRICE | {"keywords": ["合同"]})
    run(site)
    assert tagged(site) == {("p-c2", "chat:price")} and site.one(ChatRule).version == 2
    assert {row.version for row in site.rows(ChatHit)} == {2}
    use(site, PRICE | {"keywords": ["合同"]})
    before = site.snapshot()
    run(site)
    assert site.snapshot() == before, "the same rule again is no change"


def test_a_rule_that_is_off_gives_nothing_and_takes_nothing(site: Site) -> None:
    use(site, PRICE, enabled=False)
    people(site, "c1", "c2")
    site.land(say("m1"), stream="message")
    run(site)
    assert not tagged(site)
    use(site, PRICE)
    run(site)
    assert tagged(site) == {("p-c1", "chat:price")}
    use(site, PRICE, enabled=False)
    site.land(say("m2", who="c2"), stream="message")
    run(site)
    assert tagged(site) == {("p-c1", "chat:price")}
    use(site)
    run(site)
    assert tagged(site) == {("p-c1", "chat:price")} and site.one(ChatRule).state == "off"


def test_a_preview_says_what_would_happen_and_does_nothing(site: Site) -> None:
    use(site, PRICE, enabled=False)
    people(site, "c1")
    site.land(say("m1"), say("m2"), say("m3", who="c9"), say("m4", "你好"), stream="message")
    before = site.snapshot()
    found = desk.preview(site.hub, "price")
    assert site.snapshot() == before
    counts = {name: found[name] for name in ("looked_at", "matches", "customers", "unknown_people", "new", "lost", "complete")}
    assert counts == {
        "looked_at": 4, "matches": 3, "customers": 1, "unknown_people": 1, "new": 2, "lost": 0, "complete": True,
    }  # fmt: skip
    assert "价格" not in str(found) and found["samples"][0]["customer"] == site.home("crm/p-c1")
    use(site, PRICE)
    run(site)
    after = desk.preview(site.hub, "price")
    assert (after["new"], after["lost"]) == (1, 0)
    with pytest.raises(desk.RuleFault, match="price"):
        desk.preview(site.hub, "nosuch")


def test_a_preview_of_members(site: Site) -> None:
    use(site, {"name": "vip", "tag": "VIP", "member_of": "VIP*"}, enabled=False)
    people(site, "c1")
    site.land(group("g1", "VIP 一群", "c1", "c2"), group("g2", "闲聊", "c3"), stream="group")
    found = desk.preview(site.hub, "vip")
    assert (found["customers"], found["unknown_people"], found["matches"]) == (1, 1, 2)


def test_undo_takes_all_tags_of_a_rule_and_no_other(site: Site) -> None:
    use(site, PRICE, {"name": "hello", "tag": "打招呼", "keywords": ["请问"]})
    people(site, "c1", "c2")
    site.land(say("m1"), say("m2", who="c2"), stream="message")
    run(site)
    site.forward(5)
    assert desk.undo(site.hub, "price", by="t") == {"rule": "price", "removed": 2}
    assert tagged(site) == {("p-c1", "chat:hello"), ("p-c2", "chat:hello")}
    assert events(site) == ["tag.added"] * 4 + ["tag.removed"] * 2
    site.land(say("m3"), stream="message")
    run(site)
    assert ("p-c1", "chat:price") not in tagged(site), "it stays undone"
    use(site, PRICE | {"keywords": ["价格"]}, {"name": "hello", "tag": "打招呼", "keywords": ["请问"]})
    run(site)
    assert ("p-c1", "chat:price") in tagged(site), "until the rule changes"
    with pytest.raises(desk.RuleFault):
        desk.undo(site.hub, "nosuch", by="t")


def test_rules_are_listed_with_what_they_did(site: Site) -> None:
    use(site, PRICE)
    people(site, "c1")
    site.land(say("m1"), say("m2", who="c9"), stream="message")
    run(site)
    use(site, {"name": "new", "tag": "新", "times": 5}, enabled=False)
    run(site)
    new, old = desk.rules(site.hub)
    assert (new["name"], new["state"], new["in_settings"]) == ("new", "off", True)
    assert (old["name"], old["state"], old["customers"], old["waiting"], old["matches"]) == ("price", "off", 1, 1, 2)


# ---------------------------------------------------------------- order

RULES = (
    PRICE,
    {"name": "busy", "tag": "活跃", "times": 3, "within_days": 4},
    {"name": "often", "tag": "常问价", "keywords": ["价"], "times": 2},
    {"name": "room", "tag": "群里问价", "keywords": ["价"], "in_group": "采购*"},
    {"name": "vip", "tag": "VIP", "member_of": "采购*"},
)
said = st.builds(
    lambda n, words, who, day, room: say(f"m{n}", words, who=who, day=day, **({"room": "g1", "staff": ""} if room else {})),
    st.integers(0, 30),
    st.sampled_from(["请问价格", "你好", "报价", "讲价"]),
    st.sampled_from(["c1", "c2", "c9"]),
    st.integers(0, 9),
    st.booleans(),
)
takes = st.integers(0, 30).map(lambda n: say(f"r{n}", "", kind="recall", recalls=f"m{n}"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(said, said, takes), max_size=12, unique_by=lambda record: record["id"]), st.randoms(), st.data())
def test_the_same_messages_in_any_order_give_the_same_tags(small: Site, found: list[Any], random: Any, data: Any) -> None:
    use(small, *RULES)
    results = []
    for turn in range(2):
        with small.hub.db.write() as conn:
            for name in (
                "message",
                "source_record",
                "chat_hit",
                "chat_tag",
                "tag_assignment",
                "event",
                "chat_group",
                "group_member",
            ):
                conn.execute(text(f"DELETE FROM {name}"))
        steps: list[tuple[str, Any]] = [("message", record) for record in found] + [
            ("group", group("g1", "采购群", "c1", "c2"))
        ]
        if turn:
            random.shuffle(steps)
            steps += random.sample(steps, len(steps) // 2)  # and some come twice
        people(small, "c1", "c2")
        for stream, record in steps:
            small.land(record, stream=stream)
            small.forward(1)
            if turn and random.random() < 0.5:
                run(small)
        run(small)
        hits = {(row.rule, row.ref, bytes(row.digest)) for row in small.rows(ChatHit)}
        results.append((tagged(small), hits))
    assert results[0] == results[1]


def test_the_planner_rings_while_there_is_something_to_judge(site: Site) -> None:
    from hub.jobs import work
    from hub.jobs.plan import Planner

    planner = Planner(site.hub)
    assert ("tag", "all") not in set(planner.due())
    use(site, PRICE)
    people(site, "c1")
    site.land(say("m1"), stream="message")
    assert ("tag", "all") in set(planner.due())
    work.run(site.hub, "tag", "all")
    assert tagged(site) == {("p-c1", "chat:price")}
    site.forward(30)
    assert ("tag", "all") not in set(planner.due())
    site.forward(40)
    assert ("tag", "all") in set(planner.due()), "whoever was not known may be known now"


def test_housekeeping_deletes_what_is_past_its_date(site: Site) -> None:
    from hub.jobs import work

    site.land(say("m1", day=100), say("m2"), say("bad") | {"at": "soon"}, stream="message")
    site.land(site.person("", "没有编号"))
    work.run(site.hub, "housekeep", "all")
    assert len(site.rows(Message)) == 2 and len(site.rows(Quarantined)) == 2
    site.hub.settings = site.hub.settings.model_copy(update={"chat_keep_days": 30})
    work.run(site.hub, "housekeep", "all")
    assert [row.ref for row in site.rows(Message)] == [site.ref("crm/m2")]
    site.forward(31 * DAY)
    work.run(site.hub, "housekeep", "all")
    assert not site.rows(Message) and [row.stream for row in site.rows(Quarantined)] == ["person"], "bad messages go too"


def test_a_kill_between_the_steps_repeats_and_doubles_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    use(site, PRICE)
    people(site, "c1")
    site.land(say("m1"), stream="message")
    for name in ("judge_groups", "judge_messages", "settle"):
        real, calls = getattr(tagging, name), itertools.count()

        def dies(hub: Any, conn: Any, real: Any = real, calls: Any = calls) -> int:
            done = real(hub, conn)
            if next(calls) == 0:
                raise RuntimeError("killed before the commit")
            return int(done)

        monkeypatch.setattr(tagging, name, dies)
        with pytest.raises(RuntimeError):
            tagging.work(site.hub)
    run(site)
    assert tagged(site) == {("p-c1", "chat:price")} and events(site) == ["tag.added"]
