"""Who gets in, what a browser is told, and that nothing is changed without a token of ours."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import select

from config.settings import Settings
from hub.admin import users
from hub.app import create_app
from hub.core import Hub
from hub.models import AuditEntry, User
from hub.models.base import table
from tests.hub.admin.conftest import Browser
from tests.hub.admin.seed import PASSWORD

OPEN = {
    "static", "bootstrap.static", "security.login", "security.static", "healthz", "_language", "sign_in.begin", "sign_in.back",
}  # fmt: skip
"""The ways in with a platform are for people who are not signed in yet: tests/hub/people/test_sign_in.py."""


def audit(hub: Hub) -> list[str]:
    with hub.db.read() as conn:
        return list(conn.execute(select(table(AuditEntry).c.what)).scalars())


def filled(rule: Any) -> str:
    values = {
        name: 1 if (name.endswith("id") and "run" in name) or name in ("user_id", "number") else "x" for name in rule.arguments
    }
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), rule.rule)


def test_without_signing_in_there_is_nothing(app: Flask, anyone: Any) -> None:
    seen = 0
    for rule in app.url_map.iter_rules():
        if rule.endpoint in OPEN:
            continue
        for method in {"GET", "POST"} & set(rule.methods or ()):
            token = {"csrf_token": anyone.token()} if method == "POST" else None
            answer = anyone.client.open(filled(rule), method=method, data=token)
            assert answer.status_code in (302, 303), f"{method} {rule.rule}: {answer.status_code}"
            assert answer.headers["Location"].startswith("/login"), rule.rule
            seen += 1
    assert seen > 50


def test_nothing_is_posted_without_a_token(app: Flask, admin: Any) -> None:
    posts = [rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ()) and rule.endpoint != "security.static"]
    assert len(posts) > 20
    for rule in posts:
        answer = admin.client.post(filled(rule))
        assert answer.status_code == 400 and "页面已过期" in answer.text, f"{rule.rule}: {answer.status_code}"


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("operator", False), ("admin", True)])
def test_only_admins_change_accounts_and_users(request: pytest.FixtureRequest, role: str, may: bool) -> None:
    person = request.getfixturevalue(role)
    for path in ("/accounts/new", "/accounts/new/inbound", "/accounts/crm/config", "/users"):
        person.get(path, 200 if may else 403)
    if not may:
        for path in ("/accounts/new/inbound", "/accounts/crm/config", "/accounts/crm/remove", "/users", "/users/1"):
            person.post(path, 403)


def test_viewers_change_nothing(app: Flask, viewer: Any, made: Any) -> None:
    own = {"security.login", "security.logout", "security.change_password", "security.verify", "_language"}
    before = audit(made.hub)
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or ()) and rule.endpoint not in own and not rule.endpoint.endswith("static"):
            viewer.post(filled(rule), 403)
    assert audit(made.hub) == before


def test_headers_tell_the_browser_what_to_refuse(admin: Any) -> None:
    answer = admin.client.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'") and "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY" and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


def test_static_files_change_their_address_with_their_content(anyone: Any) -> None:
    text = anyone.get("/login")
    [mark] = set(re.findall(r"/static/hub\.css\?v=(\w{8})", text))
    answer = anyone.client.get(f"/static/hub.css?v={mark}")
    assert "max-age=86400" in answer.headers["Cache-Control"] and answer.status_code == 200


def test_pages_hold_no_inline_script_or_style(admin: Any, made: Any) -> None:
    from tests.hub.admin.test_pages import pages

    for url in pages(made):
        text = admin.get(url)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|https?://(?!127\.0\.0\.1)[^\"' ]*\.(?:js|css)", text), (
            url
        )
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), url


@pytest.mark.parametrize(("public", "secure"), [("", False), ("https://hub.example.com", True)])
def test_the_cookie(tmp_path: Any, public: str, secure: bool) -> None:
    hub = Hub.open(Settings(data_dir=tmp_path, public_url=public))
    answer = create_app(hub).test_client().get("/login")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and ("Secure" in cookie) == secure
    assert ("Strict-Transport-Security" in answer.headers) == secure
    hub.close()


def test_the_key_of_the_cookies_outlives_a_restart(app: Flask, made: Any, admin: Any) -> None:
    again = create_app(made.hub)
    again.testing = True
    name = again.config["SESSION_COOKIE_NAME"]
    client = again.test_client()
    client.set_cookie(name, admin.client.get_cookie(name).value)
    assert client.get("/users").status_code == 200


def test_hubs_on_one_host_do_not_sign_each_other_out(tmp_path: Any) -> None:
    names = set()  # browsers keep cookies by host, whatever the port
    for folder in ("one", "other", "one"):
        hub = Hub.open(Settings(data_dir=tmp_path / folder))
        config = create_app(hub).config
        names |= {config["SESSION_COOKIE_NAME"], config["REMEMBER_COOKIE_NAME"]}
        hub.close()
    assert len(names) == 4, "of its own for each hub, and the same after a restart"


def test_a_wrong_password_says_no_more_than_an_unknown_address(anyone: Any) -> None:
    for email in ("admin@hub.local", "nobody@hub.local", "no address"):
        text = anyone.post("/login", email=email, password="wrong password")
        assert "邮箱或密码不对" in text
    assert anyone.client.get("/").status_code == 302


def test_signing_in_is_limited(anyone: Any) -> None:
    token = anyone.token()
    wrong = {"csrf_token": token, "email": "admin@hub.local", "password": "wrong password"}
    codes = [anyone.client.post("/login", data=wrong).status_code for _ in range(11)]
    assert codes[:10] == [200] * 10 and codes[10] == 429
    assert "尝试太多次" in anyone.client.post("/login", data=wrong).text


def test_signing_in_leads_to_pages_of_ours_only(anyone: Any) -> None:
    for target in ("https://evil.example/x", "//evil.example"):
        fields = {"csrf_token": anyone.token(), "email": "admin@hub.local", "password": PASSWORD, "next": target}
        answer = anyone.client.post("/login", data=fields)
        assert "evil" not in answer.headers.get("Location", "") and "evil" not in answer.text, target
    fields = {"csrf_token": anyone.token(), "email": "admin@hub.local", "password": PASSWORD, "next": "/customers"}
    assert anyone.client.post("/login", data=fields).headers["Location"] == "/customers"


def test_a_password_is_changed_by_its_owner(operator: Any, anyone: Any) -> None:
    fields = {"password": PASSWORD, "new_password": "another long one 2", "new_password_confirm": "another long one 2"}
    assert "problem" in operator.post("/password", **{**fields, "password": "wrong password"})
    assert "problem" in operator.post("/password", **{**fields, "new_password": "short", "new_password_confirm": "short"})
    operator.post("/password", **fields)
    anyone.post("/login", email="operator@hub.local", password="another long one 2")
    anyone.get("/")


def test_signing_in_and_out_is_seen(admin: Any, made: Any) -> None:
    assert "user.sign_in" in audit(made.hub)
    with made.hub.db.read() as conn:
        seen = conn.execute(select(table(User).c.seen_at).where(table(User).c.email == "admin@hub.local")).scalar()
    assert seen is not None
    admin.post("/logout")
    assert admin.client.get("/").status_code == 302


def test_a_closed_account_is_out_at_once(admin: Any, operator: Any, made: Any) -> None:
    operator.get("/customers")
    with made.hub.db.read() as conn:
        number = conn.execute(select(table(User).c.id).where(table(User).c.email == "operator@hub.local")).scalar()
    admin.post(f"/users/{number}", do="close")
    operator.get("/customers", 302)
    assert "邮箱或密码不对" in operator.post("/login", email="operator@hub.local", password=PASSWORD)


def test_there_is_no_user_to_begin_with(tmp_path: Any) -> None:
    hub = Hub.open(Settings(data_dir=tmp_path))
    with hub.db.read() as conn:
        assert conn.execute(select(table(User))).first() is None
    client = create_app(hub).test_client()
    for path in ("/register", "/reset", "/confirm", "/us-signin", "/tf-setup"):
        assert client.get(path).status_code == 404
    hub.close()


def test_health_is_for_all_and_tells_nothing(app: Flask, anyone: Any, made: Any) -> None:
    answer = anyone.client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})
    assert "Set-Cookie" not in answer.headers
    made.hub.db.reader.dispose()
    made.hub.db.read = lambda: (_ for _ in ()).throw(RuntimeError("gone"))
    answer = anyone.client.get("/healthz")
    assert (answer.status_code, answer.json) == (503, {"status": "unavailable"})


def test_pushes_need_no_token_and_get_no_session(anyone: Any) -> None:
    answer = anyone.client.post("/webhooks/form", data=b"{}")
    assert answer.status_code == 401 and answer.json == {"outcome": "bad_signature"}
    assert "Set-Cookie" not in answer.headers
    assert anyone.client.post("/webhooks/nobody").status_code == 404


def test_a_fault_shows_a_page_and_no_detail(app: Flask, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    app.testing = False
    monkeypatch.setattr("hub.admin.overview.accounts", lambda conn: 1 / 0)
    text = admin.get("/", 500)
    assert "系统出错了" in text and "division" not in text
    assert "没有找到" in admin.get("/no-such-page", 404)


def test_the_first_admin_is_made_by_hand(tmp_path: Any) -> None:
    hub = Hub.open(Settings(data_dir=tmp_path))
    with pytest.raises(users.UserFault):
        users.create_user(hub, "ops@hub.local", "short", ["admin"])
    with pytest.raises(users.UserFault):
        users.create_user(hub, "ops@hub.local", PASSWORD, ["root"])
    users.create_user(hub, " Ops@Hub.local ", PASSWORD, ["admin"], by="hub users add")
    with pytest.raises(users.UserFault):
        users.create_user(hub, "ops@hub.local", PASSWORD, ["admin"])
    with hub.db.read() as conn:
        stored = conn.execute(select(table(User).c.password)).scalar()
    assert stored.startswith("$argon2id$")
    assert len({users.generate_password() for _ in range(50)}) == 50
    hub.close()


def test_a_stolen_table_of_passwords_is_expensive_to_guess(tmp_path: Any, monkeypatch: Any) -> None:
    """With the costs of the product: the other tests take cheap ones."""
    asked = "from hub.admin.users import HASHER as h; print(h.time_cost, h.memory_cost, h.parallelism)"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    rounds, memory, lanes = map(int, told.stdout.split())
    assert rounds >= 3 and memory >= 64 * 1024 and lanes >= 4, "RFC 9106, section 4"
    monkeypatch.setattr(users, "HASHER", PasswordHasher(rounds, memory_cost=memory, parallelism=lanes))
    hub = Hub.open(Settings(data_dir=tmp_path))
    users.create_user(hub, "ops@hub.local", PASSWORD, ["admin"])
    password = select(table(User).c.password)
    with hub.db.read() as conn:
        made = conn.execute(password).scalar()
    person = Browser(create_app(hub).test_client())
    person.post("/login", email="ops@hub.local", password=PASSWORD)
    person.get("/users")
    with hub.db.read() as conn:
        assert conn.execute(password).scalar() == made, "what checks it has the same costs: nothing to hash again"
    assert f"m={memory},t={rounds},p={lanes}$" in made
    hub.close()
