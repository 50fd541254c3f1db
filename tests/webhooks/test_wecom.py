"""WeCom's callback through the whole hub: handshake, an event, and what it is about is read anew."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from werkzeug.serving import make_server

from config.settings import Settings
from connectors import registry
from connectors.sandbox import serving
from hub import accounts
from hub.app import create_app
from hub.core import Hub
from hub.sync import inbox
from hub.sync.foreground import sync


def land_event(hub: Hub, account: int, corp: Any, event: dict[str, Any]) -> int:
    """Put the event into the inbox as the receiver would, and work on it; how many pushes were taken."""
    app = create_app(hub)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        assert corp.push_event(f"http://127.0.0.1:{server.server_port}/webhooks/wecom", event) == 200
    finally:
        server.shutdown()
        server.server_close()
    return inbox.process(hub, account)


def test_a_tag_set_in_wecom_reaches_the_customer(tmp_path: Path) -> None:
    kind = registry.get("wecom").simulator()
    assert kind is not None
    corp: Any = kind()
    hub = Hub.open(Settings(data_dir=tmp_path / "var"))
    tag = corp.world.add_tag("等级", "重点客户").id
    (key,) = corp.populate("customer", 1, start=datetime(2026, 3, 1, tzinfo=UTC), step=timedelta(minutes=1))
    server = make_server("127.0.0.1", 0, create_app(hub), threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/webhooks/wecom"
    try:
        with serving(corp) as address:
            accounts.add(hub, "wecom", "wecom", "wecom", corp.settings(address), by="test")
            sync(hub, "wecom", by="test")
            event = corp.world.edit(*corp._pair(key), tags=[tag])
            assert corp.push_event(url, event) == 200
            assert corp.push_event(url, event, forged=True) == 403
            (account,) = inbox.due_accounts(hub)
            assert inbox.process(hub, account) == 1
            with hub.db.read() as conn:
                names = (
                    conn.execute(text("SELECT t.name FROM tag_assignment a JOIN tag t ON t.ref = a.tag_ref")).scalars().all()
                )
                kinds = conn.execute(text("SELECT count(*) FROM event WHERE kind = 'tag.added'")).scalar_one()
            assert names == ["重点客户"]
            assert kinds == 1
            corp.remove("customer", key)
            assert corp.push(url, "customer", key) == 200
            assert inbox.process(hub, account) == 1
            with hub.db.read() as conn:
                assert conn.execute(text("SELECT deleted FROM source_record WHERE stream = 'customer'")).scalars().all() == [1]
                assert conn.execute(text("SELECT count(*) FROM tag_assignment")).scalar_one() == 0
    finally:
        server.shutdown()
        server.server_close()
        hub.close()


def test_who_joins_a_group_is_found_as_a_customer(tmp_path: Path) -> None:
    kind = registry.get("wecom").simulator()
    assert kind is not None
    corp: Any = kind()
    hub = Hub.open(Settings(data_dir=tmp_path / "var"))
    joined = (
        "SELECT p.ref FROM group_member m JOIN identity_key k ON k.digest = m.digest JOIN profile p ON p.ref = k.profile_ref "
        "ORDER BY p.ref"
    )
    try:
        with serving(corp) as address:
            (pair,) = corp.populate("customer", 1, start=datetime(2026, 3, 1, tzinfo=UTC), step=timedelta(minutes=1))
            (chat,) = corp.populate("group", 1, start=datetime(2026, 3, 1, tzinfo=UTC), step=timedelta(minutes=1))
            account = accounts.add(hub, "wecom", "wecom", "wecom", corp.settings(address), by="test")
            sync(hub, "wecom", by="test")
            event = corp.chats.join(chat, pair.partition("/")[2], "sales_wang")
            assert land_event(hub, account, corp, event) == 1
            with hub.db.read() as conn:
                refs = list(conn.execute(text(joined)).scalars())
                assert f"{account}|{pair}" in refs and len(refs) == 2
            assert land_event(hub, account, corp, corp.chats.dismiss(chat)) == 1
            with hub.db.read() as conn:
                assert conn.execute(text("SELECT deleted FROM chat_group")).scalar_one() == 1
    finally:
        hub.close()
