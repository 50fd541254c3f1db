"""Tags written, staff told, staff signed in: the platform's own rules and traps (sections 2.5 and 4 of the fact sheet)."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors import errors
from connectors.people import Notice, TagChange
from connectors.wecom.acting import content, cut
from connectors.wecom.sim_gate import App
from tests.connectors.wecom.conftest import Corp

BACK = "https://hub.example/sign-in/back"


def body_of(corp: Corp, path: str) -> dict:
    """The body of the last request to the path."""
    return json.loads(corp.bodies[path][-1])


@pytest.fixture
def noted(corp: Corp) -> Corp:
    """The corp, with the bodies that it was sent."""
    from flask import request

    def note() -> None:
        corp.bodies.setdefault(request.path.removeprefix("/cgi-bin/"), []).append(request.get_data())

    corp.sim.app.before_request_funcs.setdefault(None, []).insert(0, note)
    return corp


def change(key: str, add: str = "", remove: str = "") -> TagChange:
    return TagChange("customer", key, frozenset(filter(None, [add])), frozenset(filter(None, [remove])))


# ---------------------------------------------------------------- mark_tag


def test_a_list_that_is_empty_is_left_out_and_the_write_sets_off_no_event(noted: Corp) -> None:
    key, tag = noted.populate("customer", 1)[0], noted.sim.tag_keys("customer", 1)[0]
    noted.connector().write_tags(change(key, add=tag))
    assert "remove_tag" not in body_of(noted, "externalcontact/mark_tag")
    userid, _, external = key.rpartition("/")
    assert body_of(noted, "externalcontact/mark_tag")["external_userid"] == external
    assert tag in noted.sim.world.relations[userid, external].tags


def test_a_write_beside_another_is_waited_out(corp: Corp) -> None:
    key, tag = corp.populate("customer", 1)[0], corp.sim.tag_keys("customer", 1)[0]
    corp.sim.desk.busy.add(tuple(key.rsplit("/", 1)))  # type: ignore[arg-type]
    corp.connector().write_tags(change(key, add=tag))
    assert corp.slept[0] == 2.0
    assert corp.sim.tags_of("customer", key) == {tag}
    gates = {gate.match: gate.parallel for gate in corp.connector().manifest.budgets}
    assert gates["externalcontact/mark_tag"] == 1


def test_more_tags_than_a_relation_carries_are_rejected(corp: Corp) -> None:
    key = corp.populate("customer", 1)[0]
    relation = corp.sim.world.relations[tuple(key.rsplit("/", 1))]  # type: ignore[index]
    relation.tags = [f"old{i}" for i in range(3000)]
    one = corp.sim.tag_keys("customer", 1)[0]
    with pytest.raises(errors.Rejected) as caught:
        corp.connector().write_tags(change(key, add=one))
    assert caught.value.key == "wecom.tags_refused" and len(relation.tags) == 3000


def test_a_deleted_tag_is_unknown_and_a_half_relation_is_gone(corp: Corp) -> None:
    key, tag = corp.populate("customer", 1)[0], corp.sim.tag_keys("customer", 1)[0]
    corp.sim.world.relations[tuple(key.rsplit("/", 1))].half = True  # type: ignore[index]
    with pytest.raises(errors.Gone) as gone:
        corp.connector().write_tags(change(key, add=tag))
    assert gone.value.code == "84061"
    corp.sim.world.relations[tuple(key.rsplit("/", 1))].half = False  # type: ignore[index]
    corp.sim.world.delete_tag(tag)
    with pytest.raises(errors.Rejected) as unknown:
        corp.connector().write_tags(change(key, add=tag))
    assert unknown.value.key == "wecom.unknown_tag"


# ---------------------------------------------------------------- message/send


def test_partial_failure_is_errcode_0_and_names_come_back_in_lower_case(corp: Corp) -> None:
    one, two = corp.sim.employ(2)
    corp.sim.world.resign(two)
    assert corp.connector().notify(Notice("k", (one, two), "标题", "内容")) == [two]
    assert two != two.lower(), "the sheet's trap needs a capital"
    assert [message["title"] for message in corp.sim.told(one)] == ["标题"]


def test_outside_the_visible_range_is_not_reached(corp: Corp) -> None:
    one, two = corp.sim.employ(2)
    corp.sim.app_grant.visible = {one}
    assert corp.connector().notify(Notice("k", (one, two), "标题")) == [two]
    assert corp.connector().notify(Notice("k2", (two,), "标题")) == [two]


@pytest.mark.parametrize("member", ["@all", "a|b", "@ALL"])
def test_an_id_never_becomes_a_word_of_the_protocol(corp: Corp, member: str) -> None:
    one = corp.sim.employ(1)[0]
    assert corp.connector().notify(Notice("k", (member,), "标题")) == [member]
    assert corp.calls("message/send") == 0 and not corp.sim.told(one)


def test_the_same_notice_gives_the_same_bytes(noted: Corp) -> None:
    one = noted.sim.employ(1)[0]
    notice = Notice("k", (one,), "合同 <b>已签</b>", "金额 ¥1", "https://hub.example/d/1")
    for _ in range(2):
        noted.connector().notify(notice)
        noted.sim.offset += timedelta(hours=3, minutes=59)
    first, second = noted.bodies["message/send"]
    assert first == second and len(noted.sim.told(one)) == 1
    sent = json.loads(first)
    assert (sent["enable_duplicate_check"], sent["duplicate_check_interval"]) == (1, 14400)
    assert sent["textcard"]["title"] == "合同 ＜b＞已签＜/b＞"
    noted.connector().notify(notice)
    assert len(noted.sim.told(one)) == 2, "the simulator forgets after four hours, as WeCom does"


def test_what_is_too_long_is_cut_at_a_character_with_a_mark() -> None:
    card = content(Notice("k", ("a",), "合" * 60, "同" * 300, "https://hub.example"))["textcard"]
    assert len(card["title"].encode()) <= 128 and card["title"].endswith("…")
    assert len(card["description"].encode()) <= 512 and card["description"].endswith("…")
    assert cut("abc", 3) == "abc"
    assert len(content(Notice("k", ("a",), "题", "文" * 900))["text"]["content"].encode()) <= 2048


def test_more_receivers_than_a_message_takes_are_several_messages(corp: Corp) -> None:
    members = tuple(corp.sim.employ(1001))
    assert corp.connector().notify(Notice("k", members, "标题")) == []
    assert corp.calls("message/send") == 2 and all(len(corp.sim.told(member)) == 1 for member in (members[0], members[-1]))


def test_the_budget_stays_under_what_wecom_drops_in_silence(corp: Corp) -> None:
    limit = next(b.per_minute for b in corp.connector().manifest.budgets if b.match == "message/send")
    assert limit is not None and limit <= 30 and limit * 60 <= 1000
    one = corp.sim.employ(1)[0]
    for number in range(31):
        corp.sim.desk.send(corp.sim.app_grant, {
            "touser": one, "agentid": corp.sim.app_grant.agent, "msgtype": "text", "text": {"content": f"n{number}"},
        })  # fmt: skip
    assert len(corp.sim.told(one)) == 30 and corp.sim.desk.dropped == 1, "dropped without a word"


def test_the_number_of_another_app_is_a_wrong_configuration(corp: Corp) -> None:
    one = corp.sim.employ(1)[0]
    with pytest.raises(errors.ConfigError) as caught:
        corp.connector(agent_id="1000099").notify(Notice("k", (one,), "标题"))
    assert caught.value.code == "301002"
    with pytest.raises(errors.ConfigError) as unset:
        corp.connector(agent_id="").notify(Notice("k", (one,), "标题"))
    assert unset.value.key == "wecom.agent_unset"
    assert any(f.ok and f.fix_en for f in corp.connector(agent_id="").check()), "an account that only reads is healthy"


# ---------------------------------------------------------------- sign-in


def returned(corp: Corp, member: str | None, **changes: str) -> dict[str, str]:
    url = corp.sim.visit(corp.connector(**changes).sign_in_url(BACK, "st"), member)
    return dict(parse_qsl(urlsplit(url).query))


def test_the_address_is_the_documented_one() -> None:
    corp = Corp.__new__(Corp)
    from connectors.wecom.simulator import WeComSimulator

    corp.sim, corp.url, corp.slept = WeComSimulator(), "https://x.example", []
    url = urlsplit(corp.connector(login_base="https://login.work.weixin.qq.com").sign_in_url(BACK, "st"))
    assert (url.netloc, url.path) == ("login.work.weixin.qq.com", "/wwlogin/sso/login")
    asked = {"login_type": "CorpApp", "appid": "ww0123456789abcdef", "agentid": "1000002", "redirect_uri": BACK, "state": "st"}
    assert dict(parse_qsl(url.query)) == asked


def test_an_outsider_has_errcode_0_and_is_refused(corp: Corp) -> None:
    with pytest.raises(errors.SignInRefused):
        corp.connector().signed_in(returned(corp, None))
    assert corp.sim.refusals == 0, "the platform refused nothing; the connector must"


def test_a_member_of_a_linked_corp_is_an_outsider_and_our_own_prefix_is_cut(corp: Corp) -> None:
    with pytest.raises(errors.SignInRefused) as caught:
        corp.connector().signed_in(returned(corp, "wwOtherCorp/boss"))
    assert caught.value.key == "wecom.outsider"
    assert corp.connector().signed_in(returned(corp, "ww0123456789abcdef/boss")) == "boss"


def test_a_code_is_good_for_five_minutes_and_outside_the_visible_range_too(corp: Corp) -> None:
    one = corp.sim.employ(1)[0]
    late = returned(corp, one)
    corp.sim.offset += timedelta(minutes=5, seconds=1)
    with pytest.raises(errors.SignInRefused) as caught:
        corp.connector().signed_in(late)
    assert caught.value.code == "40029"
    corp.sim.app_grant.visible = set()
    assert corp.connector().signed_in(returned(corp, one)) == one


def test_a_wrong_domain_is_told_when_the_code_is_used(corp: Corp) -> None:
    corp.sim.desk.domain = "other.example"
    with pytest.raises(errors.ConfigError) as caught:
        corp.connector().signed_in(returned(corp, corp.sim.employ(1)[0]))
    assert caught.value.code == "50001" and caught.value.key == "wecom.sign_in_domain"


def test_a_code_that_is_too_long_is_not_sent(corp: Corp) -> None:
    with pytest.raises(errors.SignInRefused):
        corp.connector().signed_in({"code": "x" * 513})
    assert not corp.calls("auth/getuserinfo")


def test_the_sync_secret_tells_nobody(corp: Corp) -> None:
    corp.sim.gate.add(App("the-contacts-sync-secret", kind="contacts_sync"))
    with pytest.raises((errors.ConfigError, errors.AuthError)):
        corp.connector(secret="the-contacts-sync-secret").notify(Notice("k", ("a",), "标题"))


def test_the_page_of_the_sandbox_sends_the_browser_back(corp: Corp) -> None:
    one = corp.sim.employ(1)[0]
    client = corp.sim.app.test_client()
    page = urlsplit(corp.connector().sign_in_url(BACK, "st"))
    shown = client.get(f"{page.path}?{page.query}")
    assert one in shown.get_data(as_text=True)
    sent = client.get(f"{page.path}?{page.query}&as={one}")
    query = dict(parse_qsl(urlsplit(sent.headers["Location"]).query))
    assert query["state"] == "st" and corp.connector().signed_in(query) == one
