"""alibabacloud-dingtalk 2.2.65, the platform's own library, drives the simulator's new generation."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

pytest.importorskip("alibabacloud_dingtalk", reason="alibabacloud-dingtalk is a development dependency")

from alibabacloud_dingtalk.crm_1_0 import models as crm
from alibabacloud_dingtalk.crm_1_0.client import Client as Crm
from alibabacloud_dingtalk.oauth2_1_0 import models as oauth
from alibabacloud_dingtalk.oauth2_1_0.client import Client as OAuth
from alibabacloud_dingtalk.workflow_1_0 import models as workflow
from alibabacloud_dingtalk.workflow_1_0.client import Client as Workflow
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

from connectors.dingtalk.sim_crm import TAGS
from connectors.dingtalk.simulator import CLIENT_ID, CONTRACT, SECRET, DingTalkSimulator
from connectors.sandbox import Served

NOW = datetime(2026, 1, 20, 4, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)
PERSON = "crm_customer_personal"


class Library:
    """The library's clients, pointed at the simulator."""

    def __init__(self, sim, url):
        self.sim = sim
        self.config = Config(protocol="http", endpoint=url.removeprefix("http://"))
        self.token = self.fetch()

    def fetch(self, secret=SECRET):
        asked = oauth.GetAccessTokenRequest(app_key=CLIENT_ID, app_secret=secret)
        return OAuth(self.config).get_access_token(asked).body.access_token

    def call(self, kind, name, model, request, *arguments):
        headers = getattr(model, "".join(part.capitalize() for part in name.split("_")) + "Headers")()
        headers.x_acs_dingtalk_access_token = self.token
        ask = getattr(kind(self.config), f"{name}_with_options")
        return ask(*arguments, request, headers, RuntimeOptions(autoretry=False)).body


@pytest.fixture
def library():
    sim = DingTalkSimulator(now=lambda: NOW)
    sim.app.logger.disabled = True
    server = Served(sim)
    yield Library(sim, server.url)
    server.close()


def test_customers_by_condition(library):
    tags = TAGS[PERSON]
    for n in range(3):
        library.sim.crm.add(PERSON, {"customer_name": f"客户{n}", tags: ["高意向"] if n else []}, MS - 1000 * n)
    condition = {"fieldId": tags, "filterType": "IN", "value": ["高意向"]}
    groups = [{"logicType": "AND", "queryObjectList": [condition]}]
    dsl = json.dumps({"queryGroupList": groups, "order": "ASC", "orderFieldId": "gmt_modified"}, ensure_ascii=False)
    asked = crm.QueryCrmPersonalCustomerRequest(relation_type=PERSON, max_results=1, next_token="0", query_dsl=dsl)
    first = library.call(Crm, "query_crm_personal_customer", crm, asked)
    assert (first.has_more, first.total_count, first.values[0].data["customer_name"]) == (True, 2, "客户2")
    asked.next_token = first.next_token
    second = library.call(Crm, "query_crm_personal_customer", crm, asked)
    assert (second.has_more, second.values[0].data["customer_name"]) == (False, "客户1")
    assert second.values[0].gmt_modified == "2026-01-20 11:59:59"


def test_customers_by_ids_and_their_form(library):
    row = library.sim.crm.add(PERSON, {"customer_name": "王小明"}, owners=["u1"])
    library.sim.crm.add_option(PERSON, "老客户")
    asked = crm.ListCrmPersonalCustomersRequest(relation_type=PERSON, body=[row.id, "INST-none"])
    (found,) = library.call(Crm, "list_crm_personal_customers", crm, asked).result
    assert (found.instance_id, found.permission.owner_staff_ids, found.form_code) == (row.id, ["u1"], "PROC-FORM-CRM")
    asked = crm.DescribeCrmPersonalCustomerObjectMetaRequest(relation_type=PERSON)
    fields = library.call(Crm, "describe_crm_personal_customer_object_meta", crm, asked).fields
    (tags,) = [field for field in fields if field.type == "MultiTag"]
    assert [option.value for option in tags.select_options] == ["老客户"]


def test_contacts(library):
    library.sim.crm.add("crm_contact", {"contact_name": "陈先生"}, owners=["u1"])
    asked = crm.GetContactsRequest(object_type="crm_contact", max_results=100, next_token="0")
    found = library.call(Crm, "get_contacts", crm, asked).result
    assert (found.has_more, found.values[0].data["contact_name"], found.values[0].permission.owner_user_ids) == (
        False, "陈先生", ["u1"],
    )  # fmt: skip


def test_approvals(library):
    item = library.sim.flow.start("12800.50", "远山", at=MS - 60_000)
    library.sim.flow.finish(item.id)
    asked = workflow.ListProcessInstanceIdsRequest(
        process_code=CONTRACT, start_time=MS - 3_600_000, end_time=MS, next_token=0, max_results=20
    )
    found = library.call(Workflow, "list_process_instance_ids", workflow, asked)
    assert found.success is True and found.result.list == [item.id]
    asked = workflow.GetProcessInstanceRequest(process_instance_id=item.id)
    one = library.call(Workflow, "get_process_instance", workflow, asked)
    amounts = [part.value for part in one.result.form_component_values if part.component_type == "MoneyField"]
    assert (one.result.status, one.result.result, one.result.biz_action, amounts) == (
        "COMPLETED",
        "agree",
        "NONE",
        ["12800.50"],
    )
    assert one.success == "true", "a text, where the list has a boolean"


def test_groups(library):
    key = library.sim.crm.add_group("北辰采购群", "u1")
    asked = crm.QueryCrmGroupChatsRequest(relation_type="crm_customer", max_results=100)
    found = library.call(Crm, "query_crm_group_chats", crm, asked)
    assert (found.has_more, found.result_list[0].name, found.result_list[0].gmt_create) == (False, "北辰采购群", MS)
    asked = crm.GetCrmGroupChatMultiRequest(open_conversation_ids=[key, "cid-none"])
    (one,) = library.call(Crm, "get_crm_group_chat_multi", crm, asked).result
    assert (one.open_conversation_id, one.owner_user_id) == (key, "u1")


@pytest.mark.parametrize(
    ("spoil", "code", "status"),
    [
        (lambda library: library.sim.kill_tokens(), "InvalidAuthentication", 400),
        (lambda library: library.sim.gate.rights.clear(), "Forbidden.AccessDenied.AccessTokenPermissionDenied", 403),
        (lambda library: setattr(library.sim.gate, "quota", 0), "Forbidden.AccessDenied.ApiCountLimitForOrg", 403),
        (lambda library: setattr(library.sim.gate, "per_second", 0), "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", 403),
        (lambda library: setattr(library.sim.crm, "installed", False), "crmAppNotExisted", 400),
    ],
)
def test_it_reads_our_refusals(library, spoil, code, status):
    spoil(library)
    asked = crm.QueryCrmPersonalCustomerRequest(relation_type=PERSON, max_results=1)
    with pytest.raises(Exception) as caught:
        library.call(Crm, "query_crm_personal_customer", crm, asked)
    assert (caught.value.code, caught.value.data["statusCode"]) == (code, status)


def test_a_wrong_secret_gives_no_token(library):
    with pytest.raises(Exception) as caught:
        library.fetch("wrong")
    assert caught.value.code == "invalidClientIdOrSecret"
