"""The simulator refuses what WeCom refuses: asked here over plain HTTP, without the connector."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests

from connectors.wecom.sim_gate import App
from connectors.wecom.simulator import CORP_ID, SECRET

CONTACT = "externalcontact/"
BATCH = CONTACT + "batch/get_by_user"
TAGS = CONTACT + "get_corp_tag_list"


@pytest.fixture
def ask(corp):
    """Calls a path with a token of the app; answers (errcode, body)."""
    session = requests.Session()

    def call(path, *, token=None, method=None, body=None, secret=SECRET, headers=None, **query):
        if token is None:
            token = corp.sim.gate.issue({"corpid": CORP_ID, "corpsecret": secret}, "t")["access_token"]
        method = method or ("POST" if body is not None else "GET")
        query = {**({"access_token": token} if token else {}), **query}
        answer = session.request(method, f"{corp.url}/cgi-bin/{path}", params=query, json=body, headers=headers, timeout=5)
        assert answer.status_code == 200
        return answer.json()["errcode"], answer.json()

    yield call
    session.close()


def gettoken(corp, **query):
    return requests.get(f"{corp.url}/cgi-bin/gettoken", params=query, timeout=5).json()


# ---------------------------------------------------------------- paths and tokens


@pytest.mark.parametrize("path", ["/cgi-bin/nothing", "/cgi-bin/crm/get_external_contact", "/", "/cgi-bin"])
def test_an_unknown_path_is_an_empty_404(corp, path):
    answer = requests.get(corp.url + path, timeout=5)
    assert (answer.status_code, answer.content) == (404, b"")


def test_gettoken_checks_in_the_observed_order(corp):
    assert gettoken(corp)["errcode"] == 41004
    assert gettoken(corp, corpid=CORP_ID)["errcode"] == 41004
    assert gettoken(corp, corpsecret=SECRET)["errcode"] == 41002
    assert gettoken(corp, corpid="wwOther", corpsecret="wrong")["errcode"] == 40013
    wrong = gettoken(corp, corpid=CORP_ID, corpsecret="wrong")
    assert wrong["errcode"] == 40001 and "hint: [" in wrong["errmsg"] and "from ip: 127.0.0.1" in wrong["errmsg"]
    good = gettoken(corp, corpid=CORP_ID, corpsecret=SECRET)
    assert (good["errcode"], good["expires_in"]) == (0, 7200) and len(good["access_token"]) <= 512


def test_the_token_counts_in_the_query_alone(ask):
    good = ask("get_api_domain_ip")
    assert good[0] == 0
    for attempt in (
        ask("get_api_domain_ip", token=""),
        ask("get_api_domain_ip", token="", headers={"Authorization": "Bearer x", "access_token": "x"}),
        ask(TAGS, token="", body={"access_token": "x"}),
    ):
        assert attempt[0] == 41001
    assert ask("get_api_domain_ip", token="invented")[0] == 40014


def test_errors_keep_their_empty_lists(ask):
    code, body = ask(CONTACT + "list", token="invented", userid="u")
    assert (code, body["external_userid"]) == (40014, [])
    assert ask(CONTACT + "get_follow_user_list", token="invented")[1]["follow_user"] == []


def test_tokens_may_be_repeated_or_new_and_die_early_or_in_time(corp, ask):
    first = gettoken(corp, corpid=CORP_ID, corpsecret=SECRET)["access_token"]
    corp.sim.offset += timedelta(seconds=600)
    again = gettoken(corp, corpid=CORP_ID, corpsecret=SECRET)
    assert (again["access_token"], again["expires_in"]) == (first, 6600)
    corp.sim.gate.same_token = False
    fresh = gettoken(corp, corpid=CORP_ID, corpsecret=SECRET)["access_token"]
    assert fresh != first
    assert ask("get_api_domain_ip", token=first)[0] == ask("get_api_domain_ip", token=fresh)[0] == 0
    corp.sim.offset += timedelta(seconds=6601)
    assert ask("get_api_domain_ip", token=first)[0] == 42001
    assert ask("get_api_domain_ip", token=fresh)[0] == 0
    corp.sim.kill_tokens()
    assert ask("get_api_domain_ip", token=fresh)[0] == 40014


def test_many_wrong_secrets_block_the_address_for_an_hour(corp):
    corp.sim.gate.wrong_secrets = 3
    codes = [gettoken(corp, corpid=CORP_ID, corpsecret="wrong")["errcode"] for _ in range(4)]
    assert codes == [40001, 40001, 40001, 45009]
    assert gettoken(corp, corpid=CORP_ID, corpsecret=SECRET)["errcode"] == 45009
    corp.sim.offset += timedelta(hours=1, seconds=1)
    assert gettoken(corp, corpid=CORP_ID, corpsecret=SECRET)["errcode"] == 0


# ---------------------------------------------------------------- rights


def test_each_secret_opens_only_its_own_doors(corp, ask):
    corp.populate("customer", 1)
    for secret, kind in (("sync-secret", "contacts_sync"), ("archive-secret", "archive")):
        corp.sim.gate.add(App(secret, kind=kind))
    assert ask(CONTACT + "get_follow_user_list")[0] == 0
    assert ask(CONTACT + "get_follow_user_list", secret="sync-secret")[0] == 48002
    assert ask(CONTACT + "get_follow_user_list", secret="archive-secret")[0] == 48002
    assert ask("user/get", secret="sync-secret", userid="sales_wang")[0] == 48009
    assert ask("user/get", secret="archive-secret", userid="sales_wang")[0] == 48002
    corp.sim.app_grant.customer_contact = False
    assert ask(CONTACT + "get_follow_user_list")[0] == 48002
    assert ask("user/get", userid="sales_wang")[0] == 0


def test_an_address_that_is_not_listed_is_refused(corp, ask):
    corp.sim.app_grant.trusted = {"203.0.113.9"}
    assert ask("get_api_domain_ip")[0] == 60020
    corp.sim.app_grant.trusted.add("127.0.0.1")
    assert ask("get_api_domain_ip")[0] == 0


def test_the_visible_range_filters_everything(corp, ask):
    made = corp.populate("customer", 5)
    shared = made[-1].split("/")[1]
    assert len(ask(CONTACT + "get", external_userid=shared)[1]["follow_user"]) == 2
    corp.sim.app_grant.visible = {"sales_wang"}
    assert ask(CONTACT + "get_follow_user_list")[1]["follow_user"] == ["sales_wang"]
    assert ask(CONTACT + "list", userid="sales_li")[0] == 40003
    assert ask("user/get", userid="sales_li")[0] == 60111
    assert [m["userid"] for m in ask("user/simplelist", department_id="1")[1]["userlist"]] == ["sales_wang"]
    assert ask(BATCH, body={"userid_list": ["sales_wang", "sales_li"]})[0] == 40003
    follow = ask(CONTACT + "get", external_userid=shared)[1]["follow_user"]
    assert [entry["userid"] for entry in follow] == ["sales_wang"]
    only_li = next(key.split("/")[1] for key in made if key.startswith("sales_li/") and key.split("/")[1] != shared)
    assert ask(CONTACT + "get", external_userid=only_li)[0] == 84061


# ---------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("path", "request_", "code"),
    [
        (BATCH, {"body": {"userid": "sales_wang"}}, 40058),
        (BATCH, {"body": {}}, 40063),
        (BATCH, {"body": {"userid_list": []}}, 40058),
        (BATCH, {"body": {"userid_list": "sales_wang"}}, 40058),
        (BATCH, {"body": {"userid_list": ["sales_wang"] * 101}}, 40058),
        (BATCH, {"body": {"userid_list": ["sales_wang"], "limit": "100"}}, 40058),
        (BATCH, {"body": {"userid_list": ["sales_wang"], "limit": 0}}, 40058),
        (BATCH, {"body": {"userid_list": ["sales_wang"], "cursor": "invented"}}, 40058),
        (BATCH, {"body": {"userid_list": ["sales_wang"], "offset": 1}}, 40058),
        (BATCH, {"body": ["sales_wang"]}, 40035),
        (BATCH, {"method": "GET"}, 40035),
        (BATCH, {"body": {"userid_list": ["sales_wang"]}, "limit": "1"}, 40035),
        (CONTACT + "list", {"method": "POST", "userid": "sales_wang"}, 40035),
        (CONTACT + "list", {}, 40063),
        (CONTACT + "list", {"userid": "sales_wang", "page": "1"}, 40058),
        (CONTACT + "get", {"external_userid": "wmNobody"}, 40096),
        (TAGS, {"body": {"tag_ids": []}}, 40058),
        (TAGS, {"body": {"tag_id": ["etNobody"]}}, 40068),
        ("user/get", {"userid": "nobody"}, 60111),
        ("user/simplelist", {}, 40063),
    ],
)  # fmt: skip
def test_wrong_requests_are_refused(corp, ask, path, request_, code):
    corp.populate("customer", 2)
    assert ask(path, **request_)[0] == code


def test_a_body_that_is_no_json_is_refused(corp):
    token = gettoken(corp, corpid=CORP_ID, corpsecret=SECRET)["access_token"]
    answer = requests.post(f"{corp.url}/cgi-bin/{TAGS}", params={"access_token": token}, data=b"{tag", timeout=5)
    assert answer.json()["errcode"] == 40035


# ---------------------------------------------------------------- customers


def test_members_without_customers_answer_84061(corp, ask):
    corp.sim.world.add_staff("idle", "闲")
    assert ask(CONTACT + "list", userid="idle")[0] == 84061
    assert ask(BATCH, body={"userid_list": ["idle"]})[0] == 84061
    corp.sim.world.staff["idle"].follows = False
    assert ask(CONTACT + "list", userid="idle")[0] == 84074


def test_the_limit_is_clamped_and_defaults_to_fifty(corp, ask):
    corp.populate("customer", 120)
    users = ["sales_wang", "sales_li"]
    assert len(ask(BATCH, body={"userid_list": users})[1]["external_contact_list"]) == 50
    page = ask(BATCH, body={"userid_list": users, "limit": 1000})[1]
    assert len(page["external_contact_list"]) == 100 and page["next_cursor"]
    rest = ask(BATCH, body={"userid_list": users, "limit": 1000, "cursor": page["next_cursor"]})[1]
    assert (len(rest["external_contact_list"]), rest["next_cursor"]) == (20, "")


def test_a_cursor_belongs_to_its_query(corp, ask):
    corp.populate("customer", 60)
    cursor = ask(BATCH, body={"userid_list": ["sales_wang", "sales_li"], "limit": 5})[1]["next_cursor"]
    assert ask(BATCH, body={"userid_list": ["sales_wang"], "cursor": cursor})[0] == 40058


def test_the_two_readings_differ_as_the_real_ones_do(corp, ask):
    corp.populate("tag", 2)
    made = corp.populate("customer", 2)
    external_userid = made[1].split("/")[1]
    (row,) = ask(BATCH, body={"userid_list": ["sales_li"]})[1]["external_contact_list"]
    assert isinstance(row["follow_info"], dict) and "tags" not in row["follow_info"]
    assert row["follow_info"]["tag_id"] and "老客户" not in str(row)
    (follow,) = ask(CONTACT + "get", external_userid=external_userid)[1]["follow_user"]
    assert "tag_id" not in follow
    assert {tag["type"] for tag in follow["tags"]} == {1, 2}
    (personal,) = [tag for tag in follow["tags"] if tag["type"] == 2]
    assert personal["tag_name"] == "老客户" and "tag_id" not in personal


def test_licences_may_be_missing_for_some_or_all(corp, ask):
    corp.populate("customer", 4)
    corp.sim.world.staff["sales_li"].licensed = False
    body = ask(BATCH, body={"userid_list": ["sales_wang", "sales_li"]})[1]
    assert body["fail_info"] == {"unlicensed_userid_list": ["sales_li"]}
    assert {row["follow_info"]["userid"] for row in body["external_contact_list"]} == {"sales_wang"}
    assert ask(BATCH, body={"userid_list": ["sales_li"]})[0] == 701008


def test_who_left_is_in_no_list(corp, ask):
    corp.populate("customer", 2)
    corp.sim.world.resign("sales_wang")
    assert ask(CONTACT + "get_follow_user_list")[1]["follow_user"] == ["sales_li"]
    assert ask("user/get", userid="sales_wang")[0] == 60111


def test_deleted_tags_are_told_of_by_id_alone(corp, ask):
    first, second = corp.populate("tag", 2)
    corp.sim.world.delete_tag(first)
    (group,) = ask(TAGS, body={})[1]["tag_group"]
    assert [tag["id"] for tag in group["tag"]] == [second] and "deleted" not in group["tag"][0]
    (group,) = ask(TAGS, body={"tag_id": [first]})[1]["tag_group"]
    assert group["tag"] == [{**group["tag"][0], "id": first, "deleted": True}]
    (group,) = ask(TAGS, body={"tag_id": [first], "group_id": [group["group_id"]]})[1]["tag_group"]
    assert [tag["deleted"] for tag in group["tag"]] == [True, False]


# ---------------------------------------------------------------- limits


def test_too_many_calls_in_a_minute_close_that_path_for_a_minute(corp, ask):
    corp.sim.limits.per_minute = 3
    codes = [ask("getcallbackip")[0] for _ in range(4)]
    assert codes == [0, 0, 0, 45009]
    assert ask("get_api_domain_ip")[0] == 0
    corp.sim.offset += timedelta(seconds=59)
    assert ask("getcallbackip")[0] == 45009
    corp.sim.offset += timedelta(seconds=2)
    assert ask("getcallbackip")[0] == 0


def test_too_many_calls_at_once_are_refused(corp, ask):
    corp.sim.limits.parallel, corp.sim.work = 2, 0.3
    token = gettoken(corp, corpid=CORP_ID, corpsecret=SECRET)["access_token"]
    with ThreadPoolExecutor(4) as pool:
        codes = [answer[0] for answer in pool.map(lambda _: ask("getcallbackip", token=token), range(4))]
    assert sorted(codes) == [0, 0, 45033, 45033]
    corp.sim.work = 0.0
    assert ask("getcallbackip", token=token)[0] == 0


# ---------------------------------------------------------------- demonstrations


def test_demonstration_acts_return_the_event_to_push(corp):
    sim = corp.sim
    tag = sim.add_tag("意向", "高")
    assert (tag["ChangeType"], tag["TagType"]) == ("create", "tag")
    added = sim.add_customer("sales_wang", "阿明", "oUnion1", ("13900000001",), (str(tag["Id"]),))
    assert added["ChangeType"] == "add_external_contact"
    external_userid = str(added["ExternalUserID"])
    other = sim.add_tag("意向", "成交")
    event = sim.tag_customer("sales_wang", external_userid, str(other["Id"]))
    assert (event["ChangeType"], event["UserID"]) == ("edit_external_contact", "sales_wang")
    sim.tag_customer("sales_wang", external_userid, str(other["Id"]))
    record = corp.connector().fetch_one("customer", f"sales_wang/{external_userid}")
    assert record["follow_info"]["tag_id"] == sorted([tag["Id"], other["Id"]])
    assert record["external_contact"]["unionid"] == "oUnion1"
    plain = sim.add_customer("sales_wang", "没有绑定")
    assert "unionid" not in sim.world.contacts[str(plain["ExternalUserID"])]


def test_transfers_and_half_relations_have_their_own_events(corp):
    world = corp.sim.world
    corp.populate("customer", 1)
    half = world.add_customer("sales_li", {"external_userid": "wmHalf", "name": "未通过", "type": 1}, half=True, state="展会")
    assert (half["ChangeType"], half["State"]) == ("add_half_external_contact", "展会")
    assert world.drop("sales_li", "wmHalf", by_transfer=True)["Source"] == "DELETE_BY_TRANSFER"
