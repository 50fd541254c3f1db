"""Adding, checking, changing, pausing and removing accounts."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors import registry
from connectors.sandbox import serving
from hub import accounts
from hub.models import Account, AccountStream, AuditEntry
from hub.models.base import table

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER = "whsec_" + base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()


def draft(text: str) -> str:
    found = re.search(r'name="draft" value="([^"]+)"', text)
    assert found
    return found[1]


def test_an_account_is_checked_before_it_is_saved(admin: Any, made: Any) -> None:
    assert 'value="inbound"' in admin.get("/accounts/new/inbound")
    fields = {"do": "check", "key": "landing", "title": "活动页", "c.secret": SECRET}
    text = admin.post("/accounts/new/inbound", **fields)
    assert "全部通过" in text and SECRET not in text and base64.b64decode(SECRET[6:]).decode() not in text
    assert all(account.key != "landing" for account in accounts.all_accounts(made.hub))
    text = admin.post("/accounts/new/inbound", do="save", draft=draft(text))
    assert "已连接“活动页”" in text
    assert accounts.get(made.hub, "landing").config["secret"] == SECRET


def test_a_failed_check_says_what_to_do_and_may_be_saved_paused(admin: Any, made: Any) -> None:
    text = admin.post("/accounts/new/inbound", do="check", key="landing", title="活动页", **{"c.secret": "whsec_tooshort"})
    assert "有未通过的项" in text and "openssl rand" in text
    admin.post("/accounts/new/inbound", do="save_paused", draft=draft(text))
    account = accounts.get(made.hub, "landing")
    assert (account.state, account.state_by) == ("paused", "admin@hub.local")
    assert account.state_reason


def test_after_a_failed_check_the_secret_need_not_be_typed_again(admin: Any, made: Any) -> None:
    text = admin.post(
        "/accounts/new/inbound", do="check", key="landing", title="活动页", **{"c.secret": SECRET, "c.old_secret": "x"}
    )
    assert "有未通过的项" in text
    text = admin.post(
        "/accounts/new/inbound", do="check", key="landing", title="活动页", draft=draft(text), **{"c.old_secret": OTHER}
    )
    assert "全部通过" in text
    admin.post("/accounts/new/inbound", do="save", draft=draft(text))
    assert accounts.get(made.hub, "landing").config["secret"] == SECRET


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"key": "Bad Key", "title": "x"}, "小写字母"),
        ({"key": "crm", "title": "x"}, "已经有了"),
        ({"key": "fine", "title": ""}, "必填"),
        ({"key": "fine", "title": "x", "c.secret": ""}, "必填"),
    ],
)
def test_each_field_says_what_is_wrong_with_it(admin: Any, fields: dict[str, str], said: str) -> None:
    text = admin.post("/accounts/new/inbound", 422, do="check", **{"c.secret": SECRET, **fields})
    assert said in re.sub(r"<[^>]+>", " ", "".join(re.findall(r'class="problem"[^>]*>[^<]*', text)))


def test_problems_are_told_in_the_readers_language(admin: Any) -> None:
    fields = {"key": "w", "title": "w", "c.corp_id": "w", "c.secret": "12345678", "c.callback_token": "not allowed!"}
    text = admin.post("/accounts/new/wecom", 422, do="check", **fields)
    assert "太短，至少 4 个字符" in text and "格式不对" in text
    admin.post("/language", language="en")
    assert "Too short: at least 4 characters" in admin.post("/accounts/new/wecom", 422, do="check", **fields)


def test_the_check_asks_the_platform(admin: Any) -> None:
    simulator = registry.get("wecom").simulator()()  # type: ignore[misc]
    with serving(simulator) as url:
        config = {f"c.{name}": value for name, value in simulator.settings(url).items()}
        text = admin.post("/accounts/new/wecom", do="check", key="corp", title="企业微信", **config)
        assert "检查结果" in text and config["c.secret"] not in text
        assert sum(simulator.calls.values()) > 0
        wrong = admin.post(
            "/accounts/new/wecom", do="check", key="corp", title="企业微信", **{**config, "c.secret": "wrong-secret"}
        )
    assert "有未通过的项" in wrong and "下一步" in wrong


def test_a_draft_is_of_one_person_and_one_form(admin: Any, app: Any, made: Any) -> None:
    from hub.admin import users
    from tests.hub.admin.conftest import Browser
    from tests.hub.admin.seed import PASSWORD

    text = admin.post("/accounts/new/inbound", do="check", key="landing", title="x", **{"c.secret": SECRET})
    users.create_user(made.hub, "other@hub.local", PASSWORD, ["admin"])
    other = Browser(app.test_client())
    other.post("/login", email="other@hub.local", password=PASSWORD)
    assert "已过期" in other.post("/accounts/new/inbound", do="save", draft=draft(text))
    assert "已过期" in admin.post("/accounts/new/wecom", do="save", draft=draft(text))
    assert "已过期" in admin.post("/accounts/new/inbound", do="save", draft="nonsense")
    later = made.hub.now() + timedelta(minutes=31)
    made.hub.clock = lambda: later
    assert "已过期" in admin.post("/accounts/new/inbound", do="save", draft=draft(text))


def test_secrets_are_never_shown_and_empty_keeps_them(admin: Any, made: Any) -> None:
    accounts.change_config(made.hub, "form", {"secret": SECRET}, by="test")
    text = admin.get("/accounts/form/config")
    assert SECRET not in text and "已保存，不填则不变" in text
    text = admin.post("/accounts/form/config", do="check", **{"c.old_secret": OTHER})
    assert SECRET not in text and OTHER not in text
    admin.post("/accounts/form/config", do="save", draft=draft(text))
    assert accounts.get(made.hub, "form").config == {"secret": SECRET, "old_secret": OTHER}


def test_pausing_needs_a_reason_and_says_who(operator: Any, made: Any) -> None:
    assert "请写明原因" in operator.post("/accounts/crm/pause", reason="  ")
    assert accounts.get(made.hub, "crm").state == "active"
    text = operator.post("/accounts/crm/pause", reason="平台升级")
    assert "operator@hub.local" in text and "平台升级" in text
    account = accounts.get(made.hub, "crm")
    assert (account.state, account.state_by, account.state_reason) == ("paused", "operator@hub.local", "平台升级")
    operator.post("/accounts/crm/resume")
    assert accounts.get(made.hub, "crm").state == "active"


def test_sync_now_makes_the_streams_due(operator: Any, made: Any) -> None:
    stream = table(AccountStream)
    first = next(iter(registry.get("taobao").manifest.streams))
    operator.post("/accounts/tmall/sync", stream=first)
    with made.hub.db.read() as conn:
        due = conn.execute(
            select(stream.c.stream).where(stream.c.account_id == made.account["tmall"], stream.c.next_run_at <= made.hub.now())
        )
        assert set(due.scalars()) == {first}
        entry = conn.execute(select(table(AuditEntry)).order_by(table(AuditEntry).c.seq.desc())).first()
    assert (entry.who, entry.what, entry.detail) == ("operator@hub.local", "account.sync", {"streams": [first]})
    operator.post("/accounts/tmall/pause", reason="x")
    assert "请先恢复" in operator.post("/accounts/tmall/sync")


def test_removing_asks_for_the_key(admin: Any, made: Any) -> None:
    assert "输入代号 form 确认" in admin.post("/accounts/form/remove", again="fomr")
    admin.post("/accounts/form/remove", again="form")
    account = accounts.get(made.hub, "form")
    assert account.state == "removed" and "secret" not in account.config
    assert "官网表单" not in admin.get("/accounts")
    assert "已移除" in admin.get("/accounts/form")


def test_saving_wakes_what_had_failed_but_not_what_a_person_paused(admin: Any, made: Any) -> None:
    for state, after in (("failed", "active"), ("paused", "paused")):
        accounts.set_state(made.hub, "form", state, reason="盘点", by="operator@hub.local")
        text = admin.post("/accounts/form/config", do="check", **{"c.secret": SECRET})
        admin.post("/accounts/form/config", do="save", draft=draft(text))
        account = accounts.get(made.hub, "form")
        assert account.state == after
    assert (account.state_reason, account.state_by) == ("盘点", "operator@hub.local")


def test_the_check_button_says_when_the_configuration_is_incomplete(operator: Any, made: Any) -> None:
    with made.hub.db.write() as conn:
        conn.execute(update(table(Account)).where(table(Account).c.key == "form").values(config={}))
    assert "未通过" in operator.post("/accounts/form/check")
    accounts.remove(made.hub, "form", by="test")
    operator.post("/accounts/form/check", 404)


def test_the_check_button_tries_what_is_saved(operator: Any, made: Any) -> None:
    accounts.change_config(made.hub, "form", {"secret": SECRET}, by="test")
    assert "签名密钥可以用" in operator.post("/accounts/form/check")


def test_an_account_whose_connector_is_gone_is_still_shown(admin: Any, made: Any) -> None:
    with made.hub.db.write() as conn:
        conn.execute(update(table(Account)).where(table(Account).c.key == "form").values(platform="vanished"))
    assert "没有安装平台“vanished”的连接器" in admin.get("/accounts/form")
    for path in ("/", "/accounts", "/inbox", "/customers", "/runs"):
        admin.get(path)
    admin.get("/accounts/form/config", 404)


def test_the_push_address_is_shown(viewer: Any) -> None:
    assert "http://localhost/webhooks/form" in viewer.get("/accounts/form")
    assert "/webhooks/" not in viewer.get("/accounts/erp")


@pytest.mark.parametrize("platform", sorted(registry.entries()))
def test_every_connector_has_a_form_and_a_page(admin: Any, platform: str) -> None:
    model = registry.get(platform).load().Config
    text = admin.get(f"/accounts/new/{platform}")
    for name in model.model_fields:
        assert f'name="c.{name}"' in text
    admin.get(f"/connectors/{platform}")
