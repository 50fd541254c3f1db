"""The traps of the chat archive, each as a test: consent, keys by version, numbers, crashes, five days."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from typing import Any

import pytest

from connectors import errors, registry
from connectors.wecom_archive.keys import KeyRing
from connectors.wecom_archive.sim_world import Agreement, pem
from connectors.wecom_archive.simulator import CORP_ID
from mappings.compile import load_mapping

Vault = Any


def mapped(record: dict[str, Any], stream: str = "message") -> Any:
    context = {"corp_id": CORP_ID, "account": "a"}
    return load_mapping(registry.get("wecom_archive").mappings / f"{stream}.yaml", zone=None, context=context).apply(record)


# ---------------------------------------------------------------- consent


def test_only_what_was_agreed_to_leaves_the_connector(vault: Vault) -> None:
    vault.say("同意的")
    vault.say("没问过的", sender="wmStranger")
    vault.sim.archive.agree("sales_wang", "wmNo", "Disagree")
    vault.say("拒绝的", sender="wmNo")
    vault.say("对拒绝的人说的", sender="sales_wang", to="wmNo")
    vault.sim.archive.agree("sales_wang", "wmQuiet", "Default_Agree")
    vault.say("默认同意的", sender="wmQuiet")
    assert vault.texts() == ["同意的", "默认同意的"]
    (first, second) = [mapped(record).records[0]["fields"] for record in vault.records()]
    assert (first["consent"], second["consent"]) == ("agreed", "default")
    assert first["customer"] == ("external_userid", f"wecom:{CORP_ID}", "wmA") and first["side"] == "customer"


def test_chats_among_staff_are_nobodys_business(vault: Vault) -> None:
    vault.sim.archive.seats.append("sales_li")
    vault.say("内部", sender="sales_li", to="sales_wang")
    vault.say("没有名额的同事", sender="boss", to="sales_wang")
    assert vault.texts() == []


def test_a_room_needs_the_consent_of_who_can_read(vault: Vault) -> None:
    rooms = vault.sim.archive.rooms
    rooms["wrAll"] = {"wmA": Agreement("Agree", 1), "wmB": Agreement("Default_Agree", 1)}
    rooms["wrSome"] = {"wmA": Agreement("Agree", 1), "wmB": Agreement("Disagree", 2)}
    for room in ("wrAll", "wrSome", "wrInternal"):
        vault.say(f"A在{room}", roomid=room)
        vault.say(f"B在{room}", sender="wmB", roomid=room)
        vault.say(f"员工在{room}", sender="sales_wang", roomid=room)
        vault.say(f"没问过的人在{room}", sender="wmStranger", roomid=room)
        vault.say(f"机器人在{room}", sender="wbRobot", roomid=room)
    assert vault.texts() == ["A在wrAll", "B在wrAll", "员工在wrAll", "A在wrSome"]
    staff = mapped(vault.records()[2]).records[0]["fields"]
    assert staff["side"] == "staff" and staff["consent"] == "default" and "customer" not in staff
    assert staff["group"] == ("chat_id", f"wecom:{CORP_ID}", "wrAll")


def test_a_change_of_mind_in_the_chat_is_a_consent(vault: Vault) -> None:
    vault.sim.archive.answer("sales_wang", "wmA", "Disagree")
    (record,) = vault.records()
    (made,) = mapped(record).records
    assert made["kind"] == "consent" and made["id"] == "sales_wang/wmA" and made["fields"]["state"] == "refused"


def test_consents_are_told_once_a_run_and_asked_again_a_hundred_at_a_time(vault: Vault) -> None:
    customers = [f"wm{number:03d}" for number in range(130)]
    for customer in customers:
        vault.sim.archive.agree("sales_wang", customer)
        vault.say(sender=customer)
        vault.say(sender=customer)
    vault.sim.archive.rooms["wr1"] = {"wmA": Agreement("Disagree", 5)}
    vault.say("群里", roomid="wr1")
    records = vault.records("consent")
    keys = [f"{r['place']}/{r['id']}/{r['exteranalopenid']}" for r in records]
    assert len(keys) == len(set(keys)) == 131
    made = mapped(records[-1], "consent")
    assert made.records[0]["id"] == "wr1/wmA" and made.records[0]["fields"]["state"] == "refused" and not made.is_open
    assert mapped(records[0], "consent").is_open, "a consent that stands is looked at again"
    before = vault.sim.calls["/cgi-bin/msgaudit/check_single_agree"]
    found = dict(vault.connector().fetch_many("consent", keys[:100]))
    assert list(found.values()) == records[:100]
    assert vault.sim.calls["/cgi-bin/msgaudit/check_single_agree"] - before == 1


def test_one_who_refuses_a_whole_call_is_found(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    source = vault.connector()
    vault.sim.archive.agree("sales_wang", "wmB")
    for who in ("wmA", "wmGhost", "wmB"):
        vault.say(who, sender=who)
    post = source.http.post

    def picky(path: str, body: Any = None, **options: Any) -> Any:
        if "wmGhost" in str(body):
            raise errors.Gone(code="40096")
        return post(path, body, **options)

    monkeypatch.setattr(source.http, "post", picky)
    found = [record for page in source.pages("message", None, None) for record in page.records]
    assert [record["message"]["from"] for record in found] == ["wmA", "wmB"]


# ---------------------------------------------------------------- keys and what cannot be opened


def test_a_message_opens_with_the_key_of_its_version(vault: Vault) -> None:
    vault.say("旧公钥")
    vault.sim.archive.version = 2
    vault.say("新公钥")
    assert vault.texts() == ["旧公钥", "新公钥"]
    with pytest.raises(errors.ConfigError) as missing:
        vault.texts(private_keys=f"1:{pem(1)}")
    assert missing.value.key == "wecom_archive.key_missing" and missing.value.params["version"] == 2


def test_a_wrong_key_is_noticed_though_the_cipher_says_nothing(vault: Vault) -> None:
    vault.say()
    with pytest.raises(errors.ConfigError) as wrong:
        vault.texts(private_keys=f"1:{pem(2)}")
    assert wrong.value.key == "wecom_archive.key_wrong"


def test_what_cannot_be_opened_leaves_its_number_and_no_content(vault: Vault) -> None:
    vault.say("一")
    for broken in ("", "AAAA", "A" * 80):
        vault.say("坏的")
        vault.sim.archive.said[-1].sealed = broken
    vault.say("二")
    found = vault.records()
    assert [record.get("failed") for record in found] == [None, 10006, 10008, 10008, None]
    assert all(set(record) == {"seq", "publickey_ver", "msgid", "failed"} for record in found[1:4])
    with pytest.raises(errors.MappingError) as bad:
        mapped(found[1])
    assert bad.value.params["field"] == "message.id"


def test_keys_are_read_however_they_were_pasted() -> None:
    flat = f"3 : {pem(1)} 4:{pem(2)}".replace("\n", "")
    ring = KeyRing.read(flat)
    assert 3 in ring and 4 in ring and 1 not in ring


@pytest.mark.parametrize("text", ["", "1:abc", "1:-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----", pem(1)])
def test_what_is_no_key_is_said_without_showing_it(vault: Vault, text: str) -> None:
    vault.say()
    with pytest.raises(errors.ConfigError) as bad:
        vault.texts(private_keys=text.ljust(40, "."))
    assert bad.value.key == "wecom_archive.keys" and "AAAA" not in str(bad.value)


# ---------------------------------------------------------------- numbers, pages, content


def test_reading_goes_on_behind_the_number_and_gaps_do_not_end_it(vault: Vault) -> None:
    numbers = [vault.say(str(place)) for place in range(20)]
    assert numbers != list(range(1, 21)), "the archive has gaps"
    assert [record["seq"] for record in vault.records(resume=str(numbers[9]))] == numbers[10:]
    pages = list(vault.connector().pages("message", None, str(numbers[-1])))
    assert [(list(page.records), page.resume, page.last) for page in pages] == [([], None, True)]


def test_a_page_without_consent_still_moves_on(vault: Vault) -> None:
    for _ in range(120):
        vault.say(sender="wmStranger")
    vault.say("同意的")
    pages = list(vault.connector().pages("message", None, None))
    assert [len(page.records) for page in pages] == [0, 1, 0] and pages[0].resume


def test_messages_older_than_five_days_are_gone(vault: Vault) -> None:
    number = vault.say()
    vault.sim.offset += timedelta(days=6)
    assert vault.texts() == [] and vault.connector().fetch_one("message", str(number)) is None


def test_an_answer_that_grows_too_big_is_asked_for_in_parts(vault: Vault) -> None:
    for place in range(30):
        vault.say(str(place))
    vault.sim.biggest = 20
    assert vault.texts() == [str(place) for place in range(30)]


def test_control_characters_and_emoji_survive(vault: Vault) -> None:
    vault.say("第一行\x0b第二行\n😀")
    assert vault.texts() == ["第一行\x0b第二行\n😀"]


def test_a_kind_nobody_knows_is_kept_and_counted(vault: Vault) -> None:
    vault.sim.archive.put({"from": "wmA", "tolist": ["sales_wang"], "roomid": "", "msgtype": "jielong", "jielong": {"a": 1}})
    made = mapped(vault.records()[0])
    assert made.records[0]["fields"]["kind"] == "unknown"
    assert made.unknown_values == {"kind=jielong"} and made.unknown_fields == {"message.jielong"}


def test_a_switch_of_account_says_nothing(vault: Vault) -> None:
    vault.sim.archive.put({"action": "switch", "time": 1, "user": "sales_wang"})
    assert vault.records() == []


def test_a_recall_names_what_it_takes_back(vault: Vault) -> None:
    vault.say("发错了")
    msgid = vault.sim.archive.said[-1].msgid
    vault.sim.archive.put(
        {
            "action": "recall",
            "from": "wmA",
            "tolist": ["sales_wang"],
            "roomid": "",
            "msgtype": "revoke",
            "revoke": {"pre_msgid": msgid},
        }
    )
    fields = mapped(vault.records()[1]).records[0]["fields"]
    assert fields["kind"] == "recall" and fields["recalls"] == msgid


def test_files_are_noted_and_fetched_only_when_asked_for(vault: Vault) -> None:
    vault.sim.archive.files["file-1"] = b"x" * (512 * 1024 + 7)
    image = {"msgtype": "image", "image": {"sdkfileid": "file-1", "md5sum": "", "filesize": 9}}
    vault.sim.archive.put({"from": "wmA", "tolist": ["sales_wang"], "roomid": "", **image})
    fields = mapped(vault.records()[0]).records[0]["fields"]
    assert fields["media"] == "file-1" and fields["kind"] == "image"
    assert not vault.sim.calls["/finance/GetMediaData"]
    assert vault.connector().media("file-1") == vault.sim.archive.files["file-1"]
    assert vault.sim.calls["/finance/GetMediaData"] == 2
    with pytest.raises(errors.Gone):
        vault.connector().media("nothing")


# ---------------------------------------------------------------- the process


def test_one_process_and_one_init_serve_many_runs(vault: Vault) -> None:
    vault.say()
    for _ in range(3):
        assert vault.texts() == ["你好"]
    assert len(vault.sim.inits) == 1


def test_a_process_that_was_killed_is_started_again(vault: Vault) -> None:
    vault.say()
    assert vault.texts() == ["你好"]
    os.kill(vault.process._child.pid, signal.SIGKILL)
    assert vault.texts() == ["你好"] and vault.process.started == 2


def test_a_message_that_kills_the_process_is_found_and_harms_no_other(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(9):
        vault.say(str(place))
    vault.sim.archive.said[4].sealed = "poison"
    honest = vault.sim._decrypt
    monkeypatch.setattr(
        vault.sim, "_decrypt", lambda asked: {"ret": 0, "abort": True} if asked["body"] == "poison" else honest(asked)
    )
    found = vault.records()
    assert [record.get("failed") for record in found] == [None] * 4 + [-1] + [None] * 4


def test_a_passing_fault_of_the_library_is_tried_again(vault: Vault) -> None:
    vault.say()
    vault.sim.faults.error["GetChatData"] = [502, 502]
    assert vault.texts() == ["你好"] and vault.slept == [0.5, 1.0]
    vault.sim.faults.error["GetChatData"] = [502] * 9
    with pytest.raises(errors.Unavailable):
        vault.texts()


@pytest.mark.parametrize(
    ("code", "kind", "key"),
    [
        (301042, errors.ConfigError, "wecom_archive.trusted_ip"),
        (301052, errors.ConfigError, "wecom_archive.closed"),
    ],
)
def test_what_closes_the_archive_is_said(vault: Vault, code: int, kind: type[Exception], key: str) -> None:
    vault.say()
    vault.sim.closed = code
    with pytest.raises(kind) as refused:
        vault.texts()
    assert refused.value.key == key  # type: ignore[attr-defined]
    bad = [finding for finding in vault.connector().check() if not finding.ok]
    assert bad and bad[0].fix_zh


def test_too_many_calls_are_waited_out(vault: Vault) -> None:
    vault.sim.per_minute = 1
    vault.say()
    with pytest.raises(errors.Throttled) as limit:
        vault.texts()
    assert limit.value.wait == 60


def test_no_secret_is_in_the_command_line_of_the_process(vault: Vault) -> None:
    vault.say()
    vault.texts()
    pid = vault.process._child.pid
    for name in ("cmdline", "environ"):
        with open(f"/proc/{pid}/{name}", "rb") as file:
            assert vault.sim.settings("x")["secret"].encode() not in file.read()


def test_without_the_library_a_real_account_says_what_to_do(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WECOM_FINANCE_SDK", raising=False)
    source = vault.connector(api_base="https://qyapi.weixin.qq.com")
    with pytest.raises(errors.ConfigError) as missing:
        source._envelopes(0)
    assert missing.value.key == "wecom_archive.library"
    monkeypatch.setenv("WECOM_FINANCE_SDK", "/nowhere/lib.so")
    with pytest.raises(errors.ConfigError) as broken:
        source._envelopes(0)
    assert broken.value.key == "wecom_archive.library"
