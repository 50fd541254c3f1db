"""wechatpy, written by others: it drives our simulator, our connector opens its callbacks, and it opens our simulator's.

Known defects of wechatpy 2.0.0a26 that are not ours: the batch call sends ``userid`` instead of ``userid_list``, and a
token that stays invalid makes it recurse without end.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import requests
from requests.adapters import HTTPAdapter

pytest.importorskip("wechatpy", reason="wechatpy is a development dependency")
pytest.importorskip("xmltodict", reason="comes with wechatpy")

from wechatpy.exceptions import InvalidSignatureException, WeChatClientException
from wechatpy.work import WeChatClient, parse_message
from wechatpy.work.crypto import PrpCrypto, WeChatCrypto
from wechatpy.work.events import ChangeExternalContactEvent, ChangeExternalTagEvent
from wechatpy.work.exceptions import InvalidCorpIdException

from connectors import registry
from connectors.base import RawRequest
from connectors.errors import BadSignature
from connectors.http import Runtime
from connectors.sandbox import Served
from connectors.wecom.sim_callback import event_xml, seal, sign
from connectors.wecom.simulator import AGENT, CALLBACK_KEY, CALLBACK_TOKEN, CORP_ID, SECRET, WeComSimulator

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLATFORM = "https://qyapi.weixin.qq.com"


class _ToLoopback(HTTPAdapter):
    """Sends what is meant for the platform to the simulator; wechatpy names the host itself for gettoken."""

    def __init__(self, url):
        super().__init__()
        self.url = url

    def send(self, request, **options):
        assert request.url.startswith(PLATFORM)
        request.url = self.url + request.url.removeprefix(PLATFORM)
        return super().send(request, **options)


@pytest.fixture
def sim():
    simulator = WeComSimulator(now=lambda: NOW)
    simulator.app.logger.disabled = True
    return simulator


@pytest.fixture
def url(sim):
    served = Served(sim)
    yield served.url
    served.close()


def client_for(url, secret=SECRET, corp_id=CORP_ID):
    client = WeChatClient(corp_id, secret)
    client._http = requests.Session()
    client._http.trust_env = False
    client._http.mount("https://", _ToLoopback(url))
    return client


@pytest.fixture
def client(url):
    return client_for(url)


@pytest.fixture
def connector(sim, url):
    kind = registry.get("wecom").load()
    return kind(kind.Config(**sim.settings(url)), Runtime(clock=sim.now, sleep=lambda seconds: None))


@pytest.fixture
def crypto():
    return WeChatCrypto(CALLBACK_TOKEN, CALLBACK_KEY, CORP_ID)


def populate(sim, stream, count):
    return sim.populate(stream, count, start=NOW - timedelta(hours=1), step=timedelta(seconds=1))


# ---------------------------------------------------------------- wechatpy drives the simulator


def test_it_reads_staff_customers_and_tags(sim, client):
    tags = populate(sim, "tag", 7)
    made = populate(sim, "customer", 10)
    contact = client.external_contact
    assert contact.get_follow_user_list()["follow_user"] == ["sales_wang", "sales_li"]
    listed = [f"{user}/{item}" for user in ("sales_wang", "sales_li") for item in contact.list(user)["external_userid"]]
    assert sorted(listed) == sorted(made)
    detail = contact.get(made[0].split("/")[1])
    assert detail["follow_user"][0]["remark"].endswith("采购")
    groups = contact.get_corp_tag_list()["tag_group"]
    assert [tag["id"] for group in groups for tag in group["tag"]] == tags
    (group,) = contact.get_corp_tag_list([tags[0]])["tag_group"]
    assert [tag["id"] for tag in group["tag"]] == [tags[0]]
    assert client.user.get("sales_wang")["name"] == "王珊"
    assert [user["userid"] for user in client.user.list(1, simple=True)] == ["sales_wang", "sales_li"]
    assert client.misc.get_wechat_ips()


def test_it_and_our_connector_read_the_same_customers(sim, client, connector):
    populate(sim, "tag", 3)
    made = populate(sim, "customer", 12)
    ours = {}
    for page in connector.pages("customer", None, None):
        for record in page.records:
            ours[f"{record['follow_info']['userid']}/{record['external_contact']['external_userid']}"] = record
    assert sorted(ours) == sorted(made)
    for key, record in ours.items():
        userid, external_userid = key.split("/")
        theirs = client.external_contact.get(external_userid)
        assert theirs["external_contact"]["name"] == record["external_contact"]["name"]
        (follow,) = [item for item in theirs["follow_user"] if item["userid"] == userid]
        assert follow["remark"] == record["follow_info"]["remark"]
        corp_tags = sorted(tag["tag_id"] for tag in follow["tags"] if tag["type"] == 1)
        assert corp_tags == record["follow_info"].get("tag_id", [])


def test_it_renews_an_expired_token(sim, client):
    populate(sim, "customer", 2)
    client.external_contact.get_follow_user_list()
    sim.gate.expire_all()
    assert client.external_contact.get_follow_user_list()["errcode"] == 0
    assert sim.calls["/cgi-bin/gettoken"] == 2


@pytest.mark.parametrize(("changes", "code"), [({"secret": "wrong"}, 40001), ({"corp_id": "wwOther"}, 40013)])
def test_it_understands_wrong_credentials(url, changes, code):
    with pytest.raises(WeChatClientException) as caught:
        client_for(url, **changes).fetch_access_token()
    assert caught.value.errcode == code


def test_it_understands_other_refusals(sim, client):
    sim.world.add_staff("idle", "闲")
    with pytest.raises(WeChatClientException) as caught:
        client.external_contact.list("idle")
    assert caught.value.errcode == 84061
    sim.app_grant.customer_contact = False
    with pytest.raises(WeChatClientException) as caught:
        client.external_contact.get_follow_user_list()
    assert caught.value.errcode == 48002


def test_its_batch_call_with_the_old_parameter_is_refused(sim, client):
    populate(sim, "customer", 2)
    with pytest.raises(WeChatClientException) as caught:
        client.external_contact.batch_get_by_user("sales_wang", "", 10)
    assert caught.value.errcode == 40058


# ---------------------------------------------------------------- its callbacks, opened by our connector


def theirs(crypto, message, nonce="nonceT", timestamp="1767225600"):
    """A push as wechatpy encrypts and signs it."""
    xml = crypto.encrypt_message(message, nonce, timestamp)
    encrypted, signature = (re.search(rf"<{name}><!\[CDATA\[(.*?)\]\]>", xml)[1] for name in ("Encrypt", "MsgSignature"))
    body = f"<xml><ToUserName><![CDATA[{CORP_ID}]]></ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    return RawRequest("POST", {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce}, {}, body.encode())


EVENT = {
    "Event": "change_external_contact",
    "ChangeType": "add_external_contact",
    "CreateTime": 1767225600,
    "UserID": "sales_wang",
    "ExternalUserID": "wmHubTestAAAA0001",
    "State": "展会渠道😀",
}


@pytest.mark.parametrize("padding", range(32))
def test_our_connector_opens_its_callbacks(connector, crypto, padding):
    message = event_xml(CORP_ID, {**EVENT, "WelcomeCode": "w" * padding})
    opened = connector.open(theirs(crypto, message))
    assert opened.plaintext.decode() == message
    assert connector.events(opened)[0].record_key == "sales_wang/wmHubTestAAAA0001"


def test_our_connector_answers_its_handshake(connector, crypto):
    echo = PrpCrypto(crypto.key).encrypt("1616140317555161061", CORP_ID).decode()
    signature = sign(CALLBACK_TOKEN, "1", "2", echo)
    raw = RawRequest("GET", {"msg_signature": signature, "timestamp": "1", "nonce": "2", "echostr": echo}, {}, b"")
    assert connector.open(raw).answer == b"1616140317555161061"
    assert crypto.check_signature(signature, "1", "2", echo) == "1616140317555161061"


def test_our_connector_refuses_its_callbacks_with_another_token(connector):
    stranger = WeChatCrypto("another", CALLBACK_KEY, CORP_ID)
    with pytest.raises(BadSignature):
        connector.open(theirs(stranger, event_xml(CORP_ID, EVENT)))


# ---------------------------------------------------------------- our simulator's callbacks, opened by it


def pushed(sim, message, receiver=CORP_ID):
    encrypted = seal(sim.sender.aes_key, message, receiver)
    return sim.sender.envelope(encrypted), sign(sim.sender.token, "1767225600", "n", encrypted)


@pytest.mark.parametrize("pretty", [False, True])
def test_it_opens_and_parses_our_customer_events(sim, crypto, pretty):
    body, signature = pushed(sim, event_xml(CORP_ID, EVENT, pretty))
    event = parse_message(crypto.decrypt_message(body, signature, "1767225600", "n"))
    assert isinstance(event, ChangeExternalContactEvent)
    assert (event.change_type, event.user_id, event.external_user_id) == (
        "add_external_contact",
        "sales_wang",
        EVENT["ExternalUserID"],
    )
    assert event.state == "展会渠道😀" and event.target == CORP_ID and event.source == "sys"


def test_it_opens_and_parses_the_acts_of_our_simulator(sim, crypto):
    tag = sim.add_tag("意向", "高")
    added = sim.add_customer("sales_wang", "阿明")
    dropped = sim.world.drop("sales_wang", str(added["ExternalUserID"]), by_transfer=True)
    parsed = [
        parse_message(crypto.decrypt_message(*pushed(sim, event_xml(CORP_ID, event)), "1767225600", "n"))
        for event in (tag, added, dropped)
    ]
    assert isinstance(parsed[0], ChangeExternalTagEvent)
    assert (parsed[0].change_type, parsed[0].tag_id, parsed[0].tag_type) == ("create", tag["Id"], "tag")
    assert [event.change_type for event in parsed[1:]] == ["add_external_contact", "del_external_contact"]
    assert parsed[2].del_source == "DELETE_BY_TRANSFER"


def test_it_refuses_our_forged_and_misdirected_callbacks(sim, crypto):
    body, signature = pushed(sim, event_xml(CORP_ID, EVENT))
    wrong = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    with pytest.raises(InvalidSignatureException):
        crypto.decrypt_message(body, wrong, "1767225600", "n")
    body, signature = pushed(sim, event_xml(CORP_ID, EVENT), receiver="wwSomebodyElse")
    with pytest.raises(InvalidCorpIdException):
        crypto.decrypt_message(body, signature, "1767225600", "n")


def test_it_reads_our_groups(sim, client):
    keys = sim.populate("group", 3, start=NOW - timedelta(hours=1), step=timedelta(seconds=1))
    listed = client.external_contact.get_group_chat_list(limit=100)
    assert [entry["chat_id"] for entry in listed["group_chat_list"]] == sorted(keys)
    found = client.external_contact.get_group_chat_info(keys[0])["group_chat"]
    assert found["owner"] == "sales_wang" and [member["type"] for member in found["member_list"]] == [1, 2]
    with pytest.raises(WeChatClientException) as refused:
        client.external_contact.get_group_chat_info("wrNobody")
    assert refused.value.errcode == 40050


# ---------------------------------------------------------------- what WeCom does for people


def test_wechatpy_marks_tags_and_meets_the_same_refusals(sim, url):
    key = sim.populate("customer", 1, start=NOW, step=timedelta(seconds=1))[0]
    userid, _, external = key.rpartition("/")
    one, two = sim.tag_keys("customer", 2)
    client = client_for(url)
    client.external_contact.mark_tag(userid, external, add_tag=[one, two])
    assert sim.tags_of("customer", key) == {one, two}
    client.external_contact.mark_tag(userid, external, remove_tag=[one])
    assert sim.tags_of("customer", key) == {two}
    for add, code in (([], 40063), (["etNoSuchTag"], 40068)):
        with pytest.raises(WeChatClientException) as caught:
            client.external_contact.mark_tag(userid, external, add_tag=add)
        assert caught.value.errcode == code


def test_wechatpy_sends_a_message_and_learns_who_was_not_reached(sim, url):
    one = sim.employ(1)[0]
    answer = client_for(url).message.send_text(AGENT, [one, "Nobody"], "合同已签订\n样例科技")
    assert answer["invaliduser"] == "nobody"
    assert sim.told(one) == [{"title": "合同已签订", "text": "样例科技", "url": ""}]
    with pytest.raises(WeChatClientException) as caught:
        client_for(url).message.send_text(AGENT, ["Nobody"], "x")
    assert caught.value.errcode == 81013


def test_wechatpy_reads_who_waits_by_page_and_by_cursor(sim, url):
    old, new = sim.employ(2)
    keys = sim.serve("customer", old, 3)
    sim.dismiss(old)
    contact = client_for(url).external_contact
    pages = [contact.get_unassigned_list(page, 2) for page in (0, 1)]
    rows = [row for page in pages for row in page["info"]]
    assert [f"{row['handover_userid']}/{row['external_userid']}" for row in rows] == keys
    assert [page["is_last"] for page in pages] == [False, True]
    with pytest.raises(WeChatClientException) as caught:
        contact.get_unassigned_list(0, 1001)
    assert caught.value.errcode == 40058
    # Its hand-over is the call of before 2021, which WeCom has replaced.
    with pytest.raises(WeChatClientException):
        contact.transfer(keys[0].split("/")[1], old, new)
    assert sim.ledger == []


def test_wechatpy_parses_the_events_of_a_hand_over(sim):
    old, new = sim.employ(2)
    key = sim.serve("customer", old, 1)[0].split("/")[1]
    sim.transfers.transfer(sim.app_grant, {"handover_userid": old, "takeover_userid": new, "external_userid": [key]})
    sim.decide("customer", key, "refuse")
    (failed,) = [parse_message(event_xml(CORP_ID, event)) for event in sim.transfers.events]
    assert isinstance(failed, ChangeExternalContactEvent)
    assert (failed.change_type, failed.user_id, failed.external_user_id) == ("transfer_fail", new, key)


def test_wechatpy_parses_the_event_of_an_approval(sim, url):
    from wechatpy.work.events import SysApprovalChangeEvent

    sim.world.add_staff("sales_wang", "王珊")
    form = sim.approvals.submit("sales_wang", "100.00", "北辰贸易")
    event = parse_message(event_xml(CORP_ID, sim.approvals.decide(form.number, 2)))
    assert isinstance(event, SysApprovalChangeEvent)
    assert event._data["ApprovalInfo"]["SpNoStr"] == form.number
