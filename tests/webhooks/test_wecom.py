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
