"""What raw WeCom records become."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.errors import MappingError
from connectors.wecom import shape
from mappings.compile import load_mapping

FOLDER = Path(__file__).parents[3] / "mappings" / "wecom"
CONTEXT = {"corp_id": "ww0123456789abcdef", "open_account": "brand-a", "account": "main"}
SAMPLE = {
    "external_contact": {
        "external_userid": "wmHubTestAAAA0001", "name": "阿明", "type": 1, "avatar": "https://img.example/1.png",
        "gender": 1, "unionid": "oHubUnion0001",
    },
    "follow_info": {
        "userid": "sales_wang", "remark": "明哥 采购", "description": "", "createtime": 1767225600,
        "tag_id": ["etHubTag0001"], "remark_corp_name": "北辰贸易", "remark_mobiles": ["13900000001"], "add_way": 1,
        "oper_userid": "wmHubTestAAAA0001", "state": "expo2026",
    },
}  # fmt: skip


def mapped(stream, record):
    found = load_mapping(FOLDER / f"{stream}.yaml", zone=None, context=CONTEXT).apply(record)
    assert not found.unknown_fields and not found.unknown_values
    (one,) = found.records
    return one


def test_a_customer_of_a_wechat_user():
    assert mapped("customer", shape.pair(SAMPLE)) == {
        "kind": "customer",
        "id": "sales_wang/wmHubTestAAAA0001",
        "fields": {
            "kind": "person",
            "display_name": "阿明",
            "aliases": ["明哥 采购"],
            "phones": ["13900000001"],
            "company": "北辰贸易",
            "owner": "sales_wang",
            "source": "expo2026",
            "tags": [{"key": "etHubTag0001"}],
            "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        },
        "keys": [
            ("external_userid", "wecom:ww0123456789abcdef", "wmHubTestAAAA0001"),
            ("unionid", "wechat:brand-a", "oHubUnion0001"),
        ],
    }


def test_a_customer_of_another_company_on_wecom():
    contact = {
        "external_userid": "woHub1", "name": "刘经理", "type": 2, "corp_name": "远山", "corp_full_name": "远山科技有限公司",
        "position": "采购经理", "external_profile": {"external_attr": []},
    }  # fmt: skip
    follow = {"userid": "sales_li", "createtime": 1767225600, "add_way": 3, "remark_corp_name": "远山(旧)"}
    one = mapped("customer", shape.pair({"external_contact": contact, "follow_info": follow}))
    assert one["fields"]["company"] == "远山科技有限公司" and one["fields"]["title"] == "采购经理"
    assert one["fields"]["kind"] == "person" and one["fields"]["tags"] == []
    assert one["keys"] == [("external_userid", "wecom:ww0123456789abcdef", "woHub1")]


def test_both_forms_of_a_pair_have_one_shape():
    batch = {
        "external_contact": {"external_userid": "wm1", "name": "阿明", "type": 1, "unionid": ""},
        "follow_info": {
            "userid": "u", "remark": "", "createtime": 1, "tag_id": ["b", "a"], "remark_mobiles": [], "state": "", "add_way": 0,
        },
    }  # fmt: skip
    follower = {
        "userid": "u", "createtime": 1, "add_way": 0,
        "tags": [
            {"tag_name": "甲", "group_name": "g", "tag_id": "a", "type": 1}, {"tag_name": "私", "group_name": "p", "type": 2},
            {"tag_name": "乙", "group_name": "s", "tag_id": "b", "type": 3},
        ],
    }  # fmt: skip
    single = {
        "external_contact": {"external_userid": "wm1", "name": "阿明", "type": 1},
        "follow_info": shape.follow_info(follower),
    }
    assert shape.pair(batch) == shape.pair(single)
    assert shape.pair(batch)["follow_info"] == {"userid": "u", "createtime": 1, "tag_id": ["a", "b"], "add_way": 0}


def test_shaping_leaves_malformed_records_to_the_mapping():
    assert shape.pair({"external_contact": None, "follow_info": "x"}) == {"external_contact": None, "follow_info": "x"}
    odd = shape.pair({"external_contact": {}, "follow_info": {"tag_id": [3, "a"]}})
    assert odd["follow_info"]["tag_id"] == [3, "a"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"createtime": "昨天"}, "created_at"),
        ({"remark": {"a": 1}}, "aliases"),
        ({"createtime": None}, "customer.created_at"),
    ],
)
def test_a_malformed_customer_is_refused_by_field(change, field):
    record = {**SAMPLE, "follow_info": {**SAMPLE["follow_info"], **change}}
    with pytest.raises(MappingError) as caught:
        mapped("customer", record)
    assert caught.value.params["field"] == field
    assert "昨天" not in str(caught.value)


@pytest.mark.parametrize(("status", "state"), [(1, "active"), (2, "inactive"), (4, "inactive"), (5, "left")])
def test_staff(status, state):
    body = {"errcode": 0, "errmsg": "ok", "userid": "sales_wang", "name": "王珊", "department": [1, 7], "main_department": 7}
    one = mapped("staff", shape.member({**body, "status": status, "alias": "", "position": "销售", "mobile": ""}))
    assert one["id"] == "sales_wang"
    assert one["fields"] == {"name": "王珊", "department": "7", "state": state}


def test_tags():
    body = {
        "tag_group": [
            {
                "group_id": "g1", "group_name": "意向", "create_time": 1, "order": 0, "deleted": False,
                "tag": [
                    {"id": "t1", "name": "高", "create_time": 1, "order": 0, "deleted": False},
                    {"id": "t2", "name": "低", "create_time": 1, "order": 1, "deleted": True},
                ],
            },
            {"group_id": "g2", "group_name": "旧", "deleted": True, "tag": [{"id": "t3", "name": "旧"}]},
        ]
    }  # fmt: skip
    (record,) = shape.tags(body)
    one = mapped("tag", record)
    assert (one["id"], one["fields"]) == ("t1", {"name": "高", "group": "意向"})
