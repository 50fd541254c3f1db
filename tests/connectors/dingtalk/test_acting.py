"""Traps of labels, work notices and signing in."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors import errors
from connectors.dingtalk import robot
from connectors.dingtalk.acting import content
from connectors.dingtalk.sim_desk import ROBOT_SECRET, ROBOT_TOKEN
from connectors.people import Notice, TagChange


def notice(*to, key="n1", text="样例科技 · ¥13,780.01", url="https://hub.example/deals/1"):
    return Notice(key, to, "合同已签订", text, url)


# -- labels


def test_writing_labels_leaves_everything_else_as_it_was(org):
    label = org.sim.people.add_label("级别", "重点客户")
    key = org.sim.people.add_contact(
        "陈先生", "13600000001", title="采购", remark="展会", share_dept_ids=[1], follower_user_id="u1"
    )
    before = dict(org.sim.people.contacts[key])
    org.connector().write_tags(TagChange("external", key, add=frozenset({str(label)})))
    assert org.sim.people.contacts[key] == {**before, "label_ids": [label]}


def test_what_is_so_already_is_not_written(org):
    label = org.sim.people.add_label("级别", "重点客户")
    key = org.sim.people.add_contact("陈先生", "13600000001", label_ids=[label])
    org.connector().write_tags(TagChange("external", key, add=frozenset({str(label)}), remove=frozenset({"9"})))
    assert not org.sim.calls["/topapi/extcontact/update"]


def test_more_than_twenty_labels_are_refused_before_anything_is_written(org):
    labels = [org.sim.people.add_label("级别", f"标签{n}") for n in range(21)]
    key = org.sim.people.add_contact("陈先生", "13600000001", label_ids=labels[:20])
    with pytest.raises(errors.Rejected) as caught:
        org.connector().write_tags(TagChange("external", key, add=frozenset({str(labels[20])})))
    assert caught.value.key == "dingtalk.too_many_labels" and len(org.sim.people.contacts[key]["label_ids"]) == 20


def test_writing_labels_needs_a_right_of_its_own(org):
    label = org.sim.people.add_label("级别", "重点客户")
    key = org.sim.people.add_contact("陈先生", "13600000001")
    org.sim.gate.rights.discard("qyapi_ext_write")
    with pytest.raises(errors.ScopeMissing):
        org.connector().write_tags(TagChange("external", key, add=frozenset({str(label)})))


# -- notices


def test_two_notices_with_the_same_words_are_both_shown(org):
    (one,) = org.sim.employ(1)
    for key in ("n1", "n2", "n2"):
        org.connector().notify(notice(one, key=key))
    assert len(org.sim.told(one)) == 2, "what differs is the key, and the platform compares bodies"


def test_without_an_address_it_is_a_text(org):
    (one,) = org.sim.employ(1)
    org.connector().notify(notice(one, url=""))
    shown = org.sim.told(one)[0]
    assert shown["title"] == "合同已签订" and shown["text"].startswith("样例科技")


def test_a_long_notice_is_cut_visibly_and_fits(org):
    (one,) = org.sim.employ(1)
    for url in ("", "https://hub.example/deals/1?" + "x" * 100):
        assert org.connector().notify(notice(one, key=f"k{len(url)}", text="长" * 3000, url=url)) == []
    assert all("…" in shown["text"] for shown in org.sim.told(one)) and len(org.sim.told(one)) == 2


def test_more_than_a_hundred_receivers_take_two_messages(org):
    people = org.sim.employ(101)
    assert org.connector().notify(notice(*people)) == []
    assert all(len(org.sim.told(one)) == 1 for one in people)
    assert org.sim.calls["/topapi/message/corpconversation/asyncsend_v2"] == 2


def test_a_comma_in_an_id_reaches_nobody_else(org):
    one, two = org.sim.employ(2)
    assert org.connector().notify(notice(f"{one},{two}")) == [f"{one},{two}"]
    assert not org.sim.told(one) and not org.sim.told(two)


def test_without_agent_id_there_are_no_notices(org):
    with pytest.raises(errors.ConfigError) as caught:
        org.connector(agent_id="").notify(notice("u1"))
    assert caught.value.key == "dingtalk.no_agent"


def test_a_notice_holds_no_more_than_it_was_given():
    assert content(notice("u1"))["oa"]["body"] == {"title": "合同已签订", "content": "样例科技 · ¥13,780.01"}


# -- the group's robot


@pytest.mark.parametrize(
    ("timestamp", "secret", "sign"),
    [
        (1767225600000, "this is secret", "Ihwj8FyPJfT4YIXi/adIQljYfR8hNknkj4tQ+v3VTqM="),
        (1767225600123, "SEC000aaa111bbb222ccc333ddd444eee555fff666", "tsqp7C1z4ldAagndLQj8Y77CNmRFcjYIib2wQSF9ads="),
        (1767225601999, "SEC中文密钥", "FTJTpBIsDdUxdVQ58QvU2BwYKGNnJi2xXTPRQk6nNOs="),
    ],
)
def test_a_robots_signature_has_known_answers(timestamp, secret, sign):
    assert robot.signature(secret, timestamp) == sign


def with_robot(org, **changes):
    return org.connector(**{"robot_token": ROBOT_TOKEN, "robot_secret": ROBOT_SECRET, **changes})


def test_a_notice_is_repeated_in_the_group_once(org):
    (one,) = org.sim.employ(1)
    for _ in range(2):
        with_robot(org).notify(notice(one))
    assert org.sim.desk.group == ["合同已签订\n样例科技 · ¥13,780.01\nhttps://hub.example/deals/1"]
    assert len(org.sim.told(one)) == 1


@pytest.mark.parametrize("wrong", [{"robot_secret": "SECwrong"}, {"robot_token": "deadbeef"}, {"robot_secret": ""}])
def test_a_robot_that_is_set_up_wrongly_is_told(org, wrong):
    (one,) = org.sim.employ(1)
    with pytest.raises(errors.ConfigError) as caught:
        with_robot(org, **wrong).notify(notice(one))
    assert caught.value.key == "dingtalk.robot" and not org.sim.desk.group


def test_after_twenty_in_a_minute_the_robot_keeps_silent_for_ten(org):
    (one,) = org.sim.employ(1)
    org.sim.gate.per_second = 1000
    for number in range(20):
        with_robot(org).notify(notice(one, key=f"k{number}"))
    with pytest.raises(errors.Throttled) as caught:
        with_robot(org).notify(notice(one, key="k20"))
    assert caught.value.wait == 600
    org.sleep(600)
    with_robot(org).notify(notice(one, key="k20"))
    assert len(org.sim.desk.group) == 21


# -- signing in


def returned(org, member):
    url = org.sim.visit(org.connector().sign_in_url("https://hub.example/back", "s1"), member)
    return dict(parse_qsl(urlsplit(url).query))


def test_the_code_comes_back_as_auth_code(org):
    (one,) = org.sim.employ(1)
    query = returned(org, one)
    assert set(query) == {"authCode", "state"}
    with pytest.raises(errors.SignInRefused):
        org.connector().signed_in({"code": query["authCode"], "state": "s1"})
    assert org.connector().signed_in(query) == one


def test_an_external_contact_is_known_and_still_no_member(org):
    with pytest.raises(errors.SignInRefused) as caught:
        org.connector().signed_in(returned(org, None))
    assert caught.value.key == "dingtalk.outsider"


def test_a_late_code_is_refused(org):
    (one,) = org.sim.employ(1)
    query = returned(org, one)
    org.sleep(301)
    with pytest.raises(errors.SignInRefused):
        org.connector().signed_in(query)


def test_an_unregistered_address_is_not_sent_to(org):
    (one,) = org.sim.employ(1)
    org.sim.desk.registered = {"https://other.example/back"}
    assert "authCode" not in returned(org, one)


def test_somebody_unknown_to_the_organisation_is_refused(org):
    (one,) = org.sim.employ(1)
    query = returned(org, one)
    del org.sim.people.staff[one]
    with pytest.raises(errors.SignInRefused):
        org.connector().signed_in(query)


def test_signing_in_eats_nothing_of_the_quota(org):
    (one,) = org.sim.employ(1)
    org.connector().signed_in(returned(org, one))
    assert not org.sim.gate.spent


def test_a_wrong_secret_is_no_matter_of_the_person(org):
    (one,) = org.sim.employ(1)
    with pytest.raises(errors.ConfigError):
        org.connector(client_secret="wrong-secret-wrong").signed_in(returned(org, one))
