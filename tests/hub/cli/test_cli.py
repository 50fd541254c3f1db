"""Every command: what scripts get, what people read, and what a mistake is answered with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.security.keyring import KeyRing
from hub.store import migrate

Desk = Any
NO_ACCOUNT = "没有账号 nosuch，现有 / no account 'nosuch', there are: "


def person(own: str, name: str, *phones: str, **more: Any) -> dict[str, Any]:
    return {"id": own, "name": name, "phones": list(phones), "updated_at": "2026-11-22 10:00:00", **more}


@pytest.fixture
def filled(desk: Desk) -> Desk:
    """Two customers, one bad record, one order, synced."""
    world = desk.connected()
    world.put("contact", {"id": "1", "name": "[VIP] 张伟 :key:", "phones": ["13812365678"], "remark": "[/x] [b]"}, {"id": "2"})
    world.put("contact", {"id": "3", "name": "李强", "phones": ["13912345679"]})
    desk.run("sync", "crm", "contact", "staff")
    return desk


def found(desk: Desk, query: str) -> str:
    return str(desk.run("customers", "find", query, "--json").json["customers"][0]["id"])


# -- setting up


def test_init_makes_keys_and_database(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "var" / "hub.db").unlink()
    made = desk.run("init", "--json").json
    assert made["database"] == "sqlite" and Path(made["keys"]).exists() and Path(made["data_dir"]) == Path("var")
    assert "下一步 / next" in desk.run("init").out, "a second time changes nothing"


def test_migrate_tells_the_version(desk: Desk) -> None:
    newest = max(path.name[:4] for path in (Path(migrate.__file__).parent / "migrations" / "versions").glob("[0-9]*.py"))
    assert desk.run("migrate", "--json").json["version"] == newest
    assert "数据库版本 / database at" in desk.run("migrate").out


def test_doctor_finds_what_is_wrong(desk: Desk) -> None:
    desk.connected()
    told = desk.run("doctor", "--json", code=None).json
    assert set(told) >= {"ok", "problems", "database", "version", "accounts"} and told["accounts"] == {"crm": "active"}
    desk.run("accounts", "pause", "crm", "--reason", "盘点")
    sick = desk.run("doctor", "--json", code=1).json
    assert sick["ok"] is False and any("crm" in line and "paused" in line for line in sick["problems"])


def test_connectors_are_listed_with_what_they_can_do(desk: Desk) -> None:
    listed = {item["name"]: item for item in desk.run("connectors", "--json").json["connectors"]}
    assert set(listed["feed"]) == {"name", "title", "roles", "streams", "documents", "capabilities", "verified"}
    assert listed["feed"]["roles"] == ["source", "events"] and "taobao" in desk.run("connectors").out


def test_a_connector_is_scaffolded_once(desk: Desk, tmp_path: Path) -> None:
    made = desk.run("new-connector", "acme", "--into", str(tmp_path), "--json").json["files"]
    assert made and all(Path(path).exists() for path in made)
    assert "acme" in desk.run("new-connector", "acme", "--into", str(tmp_path), code=2).err
    assert desk.run("new-connector", "Bad Name!", "--into", str(tmp_path), code=2).err


# -- accounts


def test_an_account_is_added_checked_paused_resumed_removed(desk: Desk, tmp_path: Path) -> None:
    desk.feed.WORLDS["w"] = desk.feed.World()
    (tmp_path / "c.yaml").write_text("world: w\nsecret: s3cret\n")
    assert desk.run("accounts", "add", "feed", "crm", "--config", "c.yaml", "--json").json == {"id": 1, "key": "crm"}
    assert (
        desk.run("accounts", "add", "feed", "two", "--set", "world=w", "--set", "secret=s3cret=x").out.strip().endswith("two")
    )
    checked = desk.run("accounts", "check", "crm", "--json").json
    assert checked["ok"] is True and set(checked["findings"][0]) == {"what_zh", "what_en", "ok", "fix_zh", "fix_en", "code"}
    assert "✓ 连接 / Connection" in desk.run("accounts", "check", "crm").out
    paused = desk.run("accounts", "pause", "crm", "--reason", "盘点", "--json").json
    assert paused == {"key": "crm", "state": "paused", "reason": "盘点"}
    desk.run("accounts", "resume", "crm")
    listed = desk.run("accounts", "list", "--json").json["accounts"]
    assert [(item["key"], item["state"], item["platform"]) for item in listed] == [
        ("crm", "active", "feed"),
        ("two", "active", "feed"),
    ]
    assert "s3cret" not in desk.run("accounts", "list").out
    assert desk.run("accounts", "remove", "two", code=1, input="n\n").code == 1
    assert desk.run("accounts", "remove", "two", "--yes", "--json").json == {"key": "two", "state": "removed"}
    assert "已断开" in desk.run("accounts", "resume", "two", code=1).err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["accounts", "add", "nosuch", "x", "--set", "a=b"], 1, "no connector 'nosuch'; installed: "),
        (["accounts", "add", "feed", "x", "--set", "secret=s3cret"], 1, "world: Field required"),
        (
            ["accounts", "add", "feed", "x", "--set", "world=w", "--set", "secret=abc"],
            1,
            "secret: String should have at least 4",
        ),
        (
            ["accounts", "add", "feed", "x", "--set", "world=w", "--set", "secret=wrong"],
            1,
            "✗ 连接 / Connection\n  → 换一个密钥",
        ),
        (["accounts", "add", "feed", "Bad Key", "--set", "world=w", "--set", "secret=s3cret"], 1, "小写字母"),
        (["accounts", "add", "feed", "crm", "--set", "world=w", "--set", "secret=s3cret"], 1, "已有账号 crm"),
        (["accounts", "add", "feed", "x", "--set", "s3cret"], 2, "--set: NAME=VALUE"),
        (
            ["accounts", "add", "feed", "x", "--config", "absent.yaml"],
            2,
            "absent.yaml: 没有这个文件，请核对路径 / there is no such file",
        ),
        (["accounts", "add", "feed", "x", "--config", "broken.yaml"], 2, "broken.yaml: 不是 YAML"),
        (["accounts", "add", "feed", "x", "--config", "list.yaml"], 2, "list.yaml: 应当是"),
        (["accounts", "add", "feed", "x", "--config", "binary.yaml"], 2, "binary.yaml: 不是 YAML"),
        (["accounts", "check", "nosuch"], 1, NO_ACCOUNT + "crm"),
        (["accounts", "pause", "nosuch", "--reason", "x"], 1, NO_ACCOUNT),
        (["accounts", "pause", "crm"], 2, "--reason"),
        (["accounts", "resume", "nosuch"], 1, NO_ACCOUNT),
        (["accounts", "remove", "nosuch", "--yes"], 1, NO_ACCOUNT),
        (["accounts", "nosuch"], 2, "No such command"),
        (["sync", "nosuch"], 1, NO_ACCOUNT),
        (["sync", "crm", "nosuch"], 1, "没有数据流 / no stream nosuch; 现有 / there are: staff, tag"),
        (["sync", "crm", "nosuch", "--dry-run"], 1, "no stream nosuch"),
        (["sync", "nosuch", "--dry-run"], 1, NO_ACCOUNT),
        (["sync", "crm", "--since", "yesterday"], 2, "yesterday: 时间写成 2026-03-01"),
        (["sync", "crm", "--since", "2026-13-01"], 2, "a time is like"),
        (["sync", "crm", "--since", "0001-01-01"], 2, "a time is like"),
        (["sync", "crm", "--until", "x", "--dry-run"], 2, "a time is like"),
        (["sync", "crm", "--since", "2999-01-01"], 1, "since: 还没有到 / lies in the future"),
        (["sync", "crm", "--since", "2026-03-02", "--until", "2026-03-01"], 1, "until: 不晚于起点"),
        (["sync", "crm", "--sample", "many"], 2, "valid integer"),
        (["import", "absent.xlsx"], 2, "absent.xlsx: 没有这个文件"),
        (["import", "broken.yaml"], 1, "→"),
        (["import", "noheads.csv"], 1, "→"),
        (["import", "noheads.csv", "--account", "nosuch"], 1, NO_ACCOUNT),
        (["import", "noheads.csv", "--account", "crm"], 1, "crm 不收文件"),
        (["customers", "show", "cnothing"], 1, "没有这个客户 / no customer cnothing"),
        (["customers", "explain", "cnothing"], 1, "没有这个客户"),
        (["customers", "explain", "cnothing", "--lang", "fr"], 2, "--lang: zh | en"),
        (["customers", "merge", "a", "b"], 1, "两个编号必须是两个不同的客户。 / the two ids must be"),
        (["customers", "split", "cnothing", "1|a"], 1, "请选择这个客户的一部分档案"),
        (["customers", "undo", "77"], 1, "只能撤销尚未撤销的合并。 / only a merge"),
        (["customers", "undo", "x"], 2, "valid integer"),
        (["quarantine", "list", "--account", "nosuch"], 1, NO_ACCOUNT),
        (["quarantine", "replay", "1|contact|none"], 1, "有的编号不在隔离区"),
        (["quarantine", "replay", "--account", "nosuch"], 1, NO_ACCOUNT),
        (["inbox", "list", "--account", "nosuch"], 1, NO_ACCOUNT),
        (["inbox", "replay", "1|none"], 1, "有的推送不存在"),
        (["deliveries", "list", "--account", "nosuch"], 1, NO_ACCOUNT),
        (["deliveries", "show", "none"], 1, "没有这个交付 / no delivery none"),
        (["deliveries", "retry", "none"], 1, "\n→ "),
        (["deliveries", "amend", "none"], 1, "\n→ "),
        (["deliveries", "sheet", "--source", "nosuch"], 1, NO_ACCOUNT),
        (["users", "add", "no-mailbox", "--password", "long enough 77"], 2, " / "),
        (["users", "add", "a@b.cn", "--password", "short"], 2, " / "),
        (["users", "add", "a@b.cn", "--password", "long enough 77", "--role", "king"], 2, "viewer, operator, admin"),
        (["sandbox", "nosuch"], 2, "no connector 'nosuch'"),
        (["sandbox", "feed"], 2, "feed: 没有模拟器 / has no simulator"),
        (["sandbox", "--seed", "absent.csv"], 2, "--seed: 只能配一个平台"),
        (["nosuch"], 2, "No such command 'nosuch'"),
    ],
)
def test_a_mistake_is_answered_in_words(desk: Desk, tmp_path: Path, words: list[str], code: int, told: str) -> None:
    desk.connected()
    desk.feed.WORLDS["w"] = desk.feed.World()
    (tmp_path / "broken.yaml").write_text("secret: [s3cret\n")
    (tmp_path / "list.yaml").write_text("- a\n")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00secret")
    (tmp_path / "noheads.csv").write_text("a,b\n1,2\n")
    for more in (
        ([], ["--json"]) if words[0] != "sandbox" and words != ["nosuch"] and words != ["accounts", "nosuch"] else ([],)
    ):
        answer = desk.run(*words, *more, code=code)
        assert told in answer.err, answer.err
        assert "s3cret" not in answer.err


# -- syncing and importing


def test_sync_tells_each_stream(filled: Desk) -> None:
    filled.world.put("staff", {"id": "s1", "name": "赵磊", "state": "on"}, {"id": "s2"})
    told = filled.run("sync", "crm", "staff", "tag", "--json").json
    assert told["account"] == "crm" and list(told["streams"]) == ["staff", "tag"]
    assert told["streams"]["staff"] == {
        "fetched": 2, "changed": 1, "unchanged": 0, "older": 0, "quarantined": 1, "withheld": 0, "events": 0,
        "unknown": {}, "error": None,
    }  # fmt: skip
    assert "staff" in filled.run("sync", "crm", "staff").out


def test_sync_with_an_error_ends_with_one_and_says_what_to_do(filled: Desk) -> None:
    from connectors import errors

    def trouble(stream: str, number: int) -> None:
        raise errors.Unavailable(name="list")

    filled.world.before_page = trouble
    said = filled.run("sync", "crm", "staff", code=1)
    assert "staff: " in said.out and "→" in said.out and "{" not in said.out
    assert filled.run("sync", "crm", "staff", "--json", code=1).json["streams"]["staff"]["error"]["key"] == "error.unavailable"


def test_a_dry_run_shows_what_would_come(filled: Desk) -> None:
    shown = filled.run("sync", "crm", "contact", "--dry-run", "--sample", "1", "--json").json["contact"]
    assert (shown["fetched"], shown["mapped"], len(shown["sample"]), len(shown["bad"])) == (3, 2, 1, 1)
    assert filled.run("quarantine", "list", "--json").json["open"] == 1


def test_import_and_its_dry_run(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "客户.csv").write_text("姓名,手机,客户编号\n张伟,13812365678,K1\n,13900000000,K2\n", "utf-8")
    dry = desk.run("import", "客户.csv", "--dry-run", "--errors-to", "bad.xlsx", "--json").json
    assert (dry["rows"], dry["bad"], dry["run"], dry["workbook"]) == (2, 1, None, "bad.xlsx") and (
        tmp_path / "bad.xlsx"
    ).exists()
    told = desk.run("import", "客户.csv", "--json").json
    assert set(told) >= {"stream", "rows", "bad", "changed", "unchanged", "problems", "workbook", "run", "quarantined"}
    assert "2 行 / rows, 0 条变更 / changed, 1 行有问题 / bad" in desk.run("import", "客户.csv").out


# -- customers


def test_customers_are_found_shown_and_explained(filled: Desk) -> None:
    told = filled.run("customers", "find", "张伟", "--json").json["customers"]
    assert len(told) == 1 and set(told[0]) >= {"id", "display_name", "company", "phones", "profiles"}
    assert "[VIP] 张伟 :key:" in filled.run("customers", "find", "张伟").out, "what people type is no markup"
    assert filled.run("customers", "find", "没有的人").out.strip() == "(none)"
    shown = filled.run("customers", "show", told[0]["id"], "--json").json
    assert shown["fields"]["display_name"]["value"] == "[VIP] 张伟 :key:" and shown["profiles"][0]["account"] == "crm"
    text = filled.run("customers", "show", told[0]["id"]).out
    assert "[/x] [b]" in text and "订单 / orders: 0" in text
    assert "第一份档案" in filled.run("customers", "explain", told[0]["id"]).out
    assert "First profile" in filled.run("customers", "explain", told[0]["id"], "--lang", "en").out
    assert set(filled.run("customers", "explain", told[0]["id"], "--json").json) == {"id", "profiles", "ledger"}


def test_merge_undo_and_split(filled: Desk) -> None:
    one, two = found(filled, "张伟"), found(filled, "李强")
    kept = filled.run("customers", "merge", one, two, "--json").json["customer"]
    assert kept in (one, two) and filled.run("customers", "show", one, "--json").json["id"] == kept
    assert "cli:" in filled.run("customers", "explain", kept).out
    other = filled.run("customers", "undo", "1", "--json").json["customer"]
    assert {kept, other} == {one, two}
    kept = filled.run("customers", "merge", one, two).out.strip()
    profile = filled.run("customers", "show", kept, "--json").json["profiles"][0]["ref"]
    assert filled.run("customers", "split", kept, profile, "--json").json["customer"] not in (kept,)


# -- records, users, audit


def test_quarantine_is_listed_and_replayed(filled: Desk) -> None:
    told = filled.run("quarantine", "list", "--json").json
    assert told["open"] == 1 and set(told["quarantine"][0]) >= {"ref", "account", "error", "last_at", "attempts", "state"}
    ref = told["quarantine"][0]["ref"]
    assert ref in filled.run("quarantine", "list").out
    assert filled.run("quarantine", "replay", ref, "--json").json == {"tried": 1, "landed": 0, "failed": 1}
    assert "1 条仍有问题 / still bad" in filled.run("quarantine", "replay", "--account", "crm").out


def test_inbox_and_deliveries_are_listed(filled: Desk) -> None:
    assert filled.run("inbox", "list", "--json").json == {"inbox": []}
    told = filled.run("deliveries", "list", "--json").json
    assert filled.run("deliveries", "list", "--to-do", "--json").json["deliveries"] == []
    assert told["deliveries"] == [] and set(told) == {"deliveries", "counts"}
    assert filled.run("inbox", "list", "--account", "crm").out.strip() == "(none)"


def test_the_sheet_is_told_and_written(filled: Desk, tmp_path: Path) -> None:
    """No rule is there, so every paid order waits for one, and says so; nothing is left without a cause."""
    at = f"{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%d %H:%M:%S}"
    paid = {"state": "paid", "total": "30.00", "paid": "30.00", "paid_at": at, "created_at": at, "updated_at": at, "lines": []}
    filled.world.put("order", {"id": "T-1", **paid})
    filled.run("sync", "crm", "order")
    told = filled.run("deliveries", "sheet", "--out", str(tmp_path / "sheet.csv"), "--json").json
    assert told["unexplained"] == 0 and told["documents"] == [] and told["finance"] is None
    (row,) = told["rows"]
    assert (row["kind"], row["amount"], row["booked"], row["causes"]) == (
        "order",
        3000,
        0,
        {"no_rule": {"count": 1, "amount": 3000}},
    )
    head, line = (tmp_path / "sheet.csv").read_text("utf-8-sig").splitlines()
    assert head.startswith("类别,来源,编号") and line.startswith("订单,crm,T-1,") and "没有规则管这一类" in line
    assert "✓ 每一分差额都有原因" in filled.run("deliveries", "sheet").out


def test_users_are_added_and_listed(desk: Desk) -> None:
    made = desk.run("users", "add", "Wang@Example.CN", "--role", "admin", "--password", "long enough 77", "--json")
    assert made.json["roles"] == ["admin"] and "long enough" not in made.out
    asked = desk.run("users", "add", "li@example.cn", input="another long one\nanother long one\n")
    assert "li@example.cn" in asked.out
    listed = desk.run("users", "list", "--json").json["users"]
    assert [(user["email"], user["roles"]) for user in listed] == [
        ("li@example.cn", ["operator"]),
        ("wang@example.cn", ["admin"]),
    ]
    assert " / " in desk.run("users", "add", "li@example.cn", "--password", "long enough 77", code=2).err


def test_audit_verify(filled: Desk) -> None:
    told = filled.run("audit", "verify", "--json").json
    assert told["broken_at"] is None and told["checked"] >= 1
    hub = filled.hub()
    with hub.db.write() as conn:
        conn.exec_driver_sql("UPDATE audit_entry SET who = 'nobody' WHERE seq = 1")
    hub.close()
    assert filled.run("audit", "verify", "--json", code=1).json["broken_at"] == 1
    assert "broken at 1" in filled.run("audit", "verify", code=1).out


# -- an installation that is wrong


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("port: many\n", "port: Input should be a valid integer"),
        ("port: [\n", "not readable as YAML"),
        ("- x\n", "names with values"),
    ],
)
def test_broken_settings_are_told(desk: Desk, tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "hub.yaml").write_text(content)
    for words in (["accounts", "list"], ["doctor"], ["serve"]):
        assert told in desk.run(*words, code=2).err


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"HUB_CONFIG": "absent.yaml"}, "absent.yaml: there is no such settings file"),
        ({"HUB_LANGUAGE": "fr"}, "language"),
        ({"HUB_DATABASE_URL": "mysql://x"}, "SQLite or PostgreSQL, not mysql"),
        ({"HUB_DATABASE_URL": "nonsense"}, "数据库不可用"),
        ({"HUB_DATABASE_URL": "postgresql://hub:geheim@127.0.0.1:9/none"}, "数据库不可用"),
        ({"HUB_DATA_DIR": "file/x"}, "数据库不可用"),
        ({"HUB_DATABASE_URL": "sqlite:///folder"}, "数据库不可用"),
        ({"HUB_KEY_FILE": "broken.json"}, "broken.json is not usable"),
        ({"HUB_KEY_FILE": "other.json"}, "密钥文件 other.json 不是这个数据库的"),
        ({"HUB_KEY_FILE": "absent.json"}, "密钥文件 absent.json 不见了"),
    ],
)
def test_an_installation_that_cannot_be_opened_is_told(desk: Desk, tmp_path: Path, env: dict[str, str], told: str) -> None:
    desk.connected()
    (tmp_path / "broken.json").write_text("{}")
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    KeyRing.new().save(tmp_path / "other.json")
    answer = desk.run("accounts", "list", code=2, **env)
    assert told in answer.err and "geheim" not in answer.err
    assert not (tmp_path / "absent.json").exists()


def test_a_database_that_was_never_migrated_is_told(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL nothing migrates by itself."""
    from hub.store import migrate

    monkeypatch.setattr(migrate, "upgrade", lambda db: None)
    (tmp_path / "var" / "hub.db").unlink()
    assert "hub migrate" in desk.run("accounts", "list", code=2).err


def test_who_runs_it_may_have_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass

    from hub.cli import accounts

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert accounts._user().isdigit()


# -- as a process


def process(*words: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return subprocess.run(
        [sys.executable, "-c", "from hub.cli import main; main()", *words],
        cwd=folder,
        env={**clean, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_as_a_process(tmp_path: Path) -> None:
    made = process("init", "--json", folder=tmp_path)
    assert made.returncode == 0 and json.loads(made.stdout)["database"] == "sqlite", made.stderr
    assert (tmp_path / "var" / "keys.json").stat().st_mode & 0o777 == 0o600
    wrong = process("sync", "nosuch", folder=tmp_path)
    assert (
        wrong.returncode == 1 and "没有账号 nosuch" in wrong.stderr and wrong.stdout == "" and "Traceback" not in wrong.stderr
    )


# -- tags from chats


def test_tag_rules_are_listed_tried_and_undone(filled: Desk) -> None:
    rule = [{"name": "price", "tag": "询价", "keywords": ["报价"], "enabled": True}]
    settings = {"HUB_TAG_RULES": json.dumps(rule)}
    (told,) = filled.run("tags", "rules", "--json", **settings).json["rules"]
    assert (told["name"], told["tag"], told["state"]) == ("price", "询价", "new")
    assert filled.run("tags", "preview", "price", "--json", **settings).json["looked_at"] == 0
    assert "looked_at" in filled.run("tags", "preview", "price", **settings).out
    assert filled.run("tags", "undo", "price", "--json", **settings).json == {"rule": "price", "removed": 0}
    assert "price" in filled.run("tags", "preview", "nosuch", code=1, **settings).err
    assert "nosuch" in filled.run("tags", "undo", "nosuch", code=1, **settings).err


def test_doctor_tells_of_tag_rules_that_match_nothing(filled: Desk) -> None:
    rule = json.dumps([{"name": "r", "tag": "t", "kinds": ["telegram"]}])
    sick = filled.run("doctor", "--json", code=1, HUB_TAG_RULES=rule).json
    assert any("telegram" in line for line in sick["problems"])


def test_a_file_of_no_message_is_said(filled: Desk, tmp_path: Path) -> None:
    told = filled.run("chats", "media", "1|nosuch", str(tmp_path / "file"), code=1)
    assert "没有这条消息" in told.err and not (tmp_path / "file").exists()
