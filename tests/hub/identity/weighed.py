"""Customers brought in through the evidence engine, for tests of what stands on it."""

from __future__ import annotations

from typing import Any

from hub.events.mint import insert_events
from hub.identity.deciding import resolver
from hub.identity.resolve import Incoming
from tests.hub.conftest import Site


def bring(site: Site, *given: tuple[str, dict[str, Any]]) -> None:
    """Profiles ('account key/id', fields and perhaps keys) in one batch."""
    items = []
    for short, fields in given:
        ref = site.ref(short)
        account, own = ref.split("|", 1)
        keys = fields.pop("keys", [])
        record = {"kind": "customer", "id": own, "fields": fields, "keys": keys}
        items.append(Incoming(ref, int(account), f"{account}|person|{own}", site.hub.now_us(), record))
    with site.hub.db.write() as conn:
        done = resolver(site.hub).resolve(conn, items, site.hub.now_us())
        insert_events(conn, done.events)


def crowd(site: Site, people: int) -> None:
    """As if there were so many people: what is common among many proves less."""
    with site.hub.db.write() as conn:
        conn.exec_driver_sql(f"INSERT INTO identity_count (kind, value, n) VALUES ('n', 'person', {people})")
