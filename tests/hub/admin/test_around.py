"""What stands around a customer on its page: conflicts of owners, relations, groups, messages, fields set by hand."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hub.identity.desk import review
from hub.identity.tables.digests import digest_of
from hub.models import AuditEntry, ChatGroup, GroupMember
from hub.models.base import table
from tests.hub.admin.seed import WORDS


def audited(made: Any, what: str) -> list[str]:
    entries = table(AuditEntry)
    with made.hub.db.read() as conn:
        return [row.who for row in conn.execute(entries.select().where(entries.c.what == what))]


def side(made: Any, place: int = 0) -> str:
    found = review.pair(made.hub, *made.question)
    assert found is not None
    return str(found["sides"][place]["customer"])


def test_both_owners_stand_on_the_list_and_on_the_page(viewer: Any, made: Any) -> None:
    for url in ("/conflicts", f"/customers/{made.customers['撞单']}"):
        shown = viewer.get(url)
        assert "张磊" in shown and "王芳" in shown and "企业微信·华东" in shown and "悟空 CRM" in shown
        assert "来源里的负责人不同" in shown and "归这位" not in shown
    assert "没有这样的客户" in viewer.get("/conflicts?state=decided")
    viewer.post(f"/conflicts/{made.customers['撞单']}/decide", 403, owner="x")


def test_ops_decides_whose_it_is(operator: Any, made: Any) -> None:
    cid, owner = made.customers["撞单"], f"{made.account['wecom']}|zhanglei"
    shown = operator.post(f"/conflicts/{cid}/decide", owner=owner)
    assert "已决定归属" in shown and "已定" in shown and "operator@hub.local 人工填写" in shown
    assert audited(made, "owner.decide") == ["operator@hub.local"]
    assert "张磊" in operator.get("/conflicts?state=decided")
    shown = operator.post(f"/conflicts/{cid}/take-back", **{"from": "list"})
    assert "已收回" in shown and "归这位" in shown
    assert "没有执行" in operator.post(f"/conflicts/{cid}/decide", owner="9|nobody")


def test_relations_lead_to_the_other_and_say_why(operator: Any, made: Any) -> None:
    one, other = side(made), side(made, 1)
    shown = operator.get(f"/customers/{one}")
    assert "是一家人或同住" in shown and f'href="/customers/{other}"' in shown and "电话号码相同" in shown
    operator.post("/reviews/answer", a=made.question[0], b=made.question[1], verdict="related", kind="orders_for:ab")
    assert "欧阳晓岚 替 李建国 下单" in operator.get(f"/customers/{other}")
    assert "operator@hub.local 判定" in operator.get(f"/customers/{other}")


def test_groups_and_messages_stand_on_the_page(operator: Any, viewer: Any, made: Any) -> None:
    wecom, cid = made.account["wecom"], made.customers["王小红"]
    ref = f"{wecom}|g1"
    group = {
        "ref": ref,
        "account_id": wecom,
        "source_ref": "s",
        "digest": b"g",
        "name": "老客户群",
        "state": "active",
        "members": 7,
    }
    made.insert(ChatGroup, {**group, "judged": 0, "deleted": False})
    digest = digest_of(made.hub.ring, "unionid", "t", "o1")
    made.insert(
        GroupMember, {"group_ref": ref, "member": "wm01", "kind": "customer", "digest": digest, "joined_at": made.ago(days=9)}
    )
    shown = operator.get(f"/customers/{cid}")
    assert "老客户群" in shown and "7 人" in shown and "存档消息 1 条" in shown and f"/customers/{cid}/messages" in shown
    assert WORDS not in shown
    assert WORDS in operator.get(f"/customers/{cid}/messages") and audited(made, "customer.messages") == ["operator@hub.local"]
    shown = viewer.get(f"/customers/{cid}")
    assert "存档消息 1 条" in shown and f"/customers/{cid}/messages" not in shown
    viewer.get(f"/customers/{cid}/messages", 403)


def test_a_field_is_set_by_hand_and_taken_back(operator: Any, viewer: Any, made: Any) -> None:
    cid = made.customers["王小红"]
    shown = operator.post(f"/customers/{cid}/fields", field="stage", value="重点客户")
    assert "重点客户" in shown and "operator@hub.local 人工填写" in shown and "企业微信·华东 写的是：成交" in shown
    assert "重点客户" in operator.get("/customers?q=王小红")
    shown = operator.post(f"/customers/{cid}/fields", field="stage", do="take_back")
    assert "已收回，恢复来源的值" in shown and "重点客户" not in shown
    assert audited(made, "customer.set") == audited(made, "customer.unset") == ["operator@hub.local"]
    assert "校验位不对" in operator.post(f"/customers/{cid}/fields", field="tax_id", value="913")
    viewer.post(f"/customers/{cid}/fields", 403, field="stage", value="x")
    assert "人工填写一个字段" not in viewer.get(f"/customers/{cid}")


@pytest.mark.parametrize("path", ["/conflicts", "/customers/{cid}", "/customers/{cid}/messages"])
def test_in_english(operator: Any, made: Any, path: str) -> None:
    operator.post("/language", language="en", next="/")
    shown = operator.get(path.format(cid=made.customers["撞单"]))
    assert orjson.dumps(shown) and '<html lang="en">' in shown and "客户资料" not in shown
