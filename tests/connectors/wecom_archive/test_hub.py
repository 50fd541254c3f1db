"""The archive through the whole hub: stored once, sealed, gone on from after a kill, deleted when consent is withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from config.settings import Settings
from connectors.contract.pushed import Receiver
from connectors.errors import Stop
from hub import accounts
from hub.chats import media
from hub.core import Hub
from hub.sync.connect import connect
from hub.sync.foreground import sync
from hub.sync.inbox import process
from hub.sync.pull import pull
from webhooks.inbox import Inbox, push_of

Vault = Any


@pytest.fixture
def hub(vault: Vault, tmp_path: Path) -> Iterator[Hub]:
    made = Hub.open(Settings(data_dir=tmp_path / "var"))
    made.clock = vault.sim.now
    accounts.add(made, "wecom_archive", "archive", "存档", vault.sim.settings(vault.url), by="test")
    yield made
    made.close()


def read(hub: Hub, sql: str) -> list[Any]:
    with hub.db.read() as conn:
        return list(conn.execute(text(sql)).scalars())


def test_messages_are_stored_once_and_sealed(vault: Vault, hub: Hub) -> None:
    for place in range(5):
        vault.say(f"机密内容{place}")
    vault.say("没同意", sender="wmStranger")
    first = sync(hub, "archive", by="test")
    assert first["message"]["changed"] == 5 and first["consent"]["changed"] == 1
    assert sync(hub, "archive", by="test")["message"]["changed"] == 0
    repeated = vault.sim.archive.said[0]
    vault.sim.archive.put(repeated.payload, at=repeated.at, msgid=repeated.msgid)
    sync(hub, "archive", by="test")
    assert len(read(hub, "SELECT ref FROM message")) == 5, "the same message under another number is the same message"
    file = b"".join(path.read_bytes() for path in Path(hub.settings.data_dir).glob("hub.db*"))
    assert "机密内容".encode() not in file and "没同意".encode() not in file


def test_a_kill_between_pages_loses_and_doubles_nothing(vault: Vault, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(350):
        vault.say(str(place))
    monkeypatch.setattr("hub.sync.pull.GATHER", 1)
    (account,) = read(hub, "SELECT id FROM account")
    hub.stopping = lambda: bool(read(hub, "SELECT 1 FROM message LIMIT 1"))
    with pytest.raises(Stop):
        pull(hub, account, "message", seconds=60)
    hub.stopping = lambda: False
    half = len(read(hub, "SELECT ref FROM message"))
    assert 0 < half < 350
    vault.process.close()
    sync(hub, "archive", ["message"], by="test")
    assert len(read(hub, "SELECT ref FROM message")) == 350


def test_a_withdrawal_in_the_chat_deletes_what_is_there(vault: Vault, hub: Hub) -> None:
    vault.sim.archive.agree("sales_wang", "wmB")
    vault.say("留下的", sender="wmB")
    vault.say("要删的")
    sync(hub, "archive", by="test")
    vault.sim.offset += timedelta(minutes=5)
    vault.sim.archive.answer("sales_wang", "wmA", "Disagree")
    vault.say("之后说的")
    told = sync(hub, "archive", ["message"], by="test")
    assert told["message"]["withheld"] == 0, "it does not even leave the connector"
    assert len(read(hub, "SELECT ref FROM message")) == 1
    assert read(hub, "SELECT count(*) FROM source_record WHERE stream = 'message'") == [2], "one message, one answer"


def test_a_withdrawal_elsewhere_is_found_by_asking_again(vault: Vault, hub: Hub) -> None:
    vault.say("要删的")
    sync(hub, "archive", by="test")
    vault.sim.offset += timedelta(minutes=5)
    vault.sim.archive.agree("sales_wang", "wmA", "Disagree")
    (account,) = read(hub, "SELECT id FROM account")
    with hub.db.write() as conn:
        conn.execute(text("UPDATE account_stream SET next_run_at = 0 WHERE task = 'rescan'"))
    outcome = pull(hub, account, "consent", task="rescan")
    assert outcome is not None and outcome.error is None and outcome.counts.changed == 1
    assert read(hub, "SELECT state FROM consent") == ["refused"] and read(hub, "SELECT ref FROM message") == []


def test_a_missing_key_stops_the_account_and_says_which(vault: Vault, hub: Hub) -> None:
    vault.sim.archive.version = 3
    vault.say()
    told = sync(hub, "archive", ["message"], by="test")
    assert told["message"]["error"]["key"] == "wecom_archive.key_missing"
    assert read(hub, "SELECT state FROM account") == ["failed"]


def test_a_file_is_fetched_when_somebody_asks_and_that_is_on_record(vault: Vault, hub: Hub) -> None:
    vault.sim.archive.files["file-1"] = b"x" * 700_000
    image = {"msgtype": "image", "image": {"sdkfileid": "file-1", "md5sum": "", "filesize": 9}}
    vault.sim.archive.put({"from": "wmA", "tolist": ["sales_wang"], "roomid": "", **image})
    vault.say("没有文件")
    sync(hub, "archive", ["message"], by="test")
    assert not vault.sim.calls["/finance/GetMediaData"], "nothing is fetched by itself"
    picture, words = read(hub, "SELECT ref FROM message ORDER BY seq")
    assert media.fetch(hub, picture, by="test") == vault.sim.archive.files["file-1"]
    assert read(hub, "SELECT subject FROM audit_entry WHERE what = 'chats.media'") == [picture]
    for ref in (words, "1|nosuch"):
        with pytest.raises(media.MediaFault):
            media.fetch(hub, ref, by="test")


def ring(hub: Hub, vault: Vault) -> None:
    """The platform says that there is something new, and the inbox is worked on."""
    account = accounts.get(hub, "archive")
    connector = connect(hub, account)
    inbox = Inbox(hub)
    with Receiver(connector) as receiver:
        vault.sim.push(receiver.url, "message", "")
    inbox.store(push_of(connector, account, receiver.opened[0]))
    assert process(hub, account.id or 0) == 1


def test_the_doorbell_has_the_messages_read_at_once(vault: Vault, hub: Hub) -> None:
    (account,) = read(hub, "SELECT id FROM account")
    sync(hub, "archive", by="test")
    vault.say("刚说的")
    assert pull(hub, account, "message", seconds=5) is None, "it is not due for a minute"
    ring(hub, vault)
    outcome = pull(hub, account, "message", seconds=5)
    assert outcome is not None and outcome.counts.changed == 1
    assert pull(hub, account, "consent", seconds=5) is None, "only the stream that was named"


def test_the_doorbell_does_not_hurry_a_stream_that_fails(vault: Vault, hub: Hub) -> None:
    (account,) = read(hub, "SELECT id FROM account")
    sync(hub, "archive", by="test")
    with hub.db.write() as conn:
        conn.execute(text("UPDATE account_stream SET failures = 3"))
    ring(hub, vault)
    assert pull(hub, account, "message", seconds=5) is None
