"""Retention: messages whose date has come, and what of message streams lies in quarantine, are deleted by housekeeping."""

from __future__ import annotations

from datetime import timedelta

import yaml
from sqlalchemy import text

from connectors import registry
from hub import accounts
from hub.core import Hub
from hub.sync import forget

_US = timedelta(microseconds=1)


def forget_old(hub: Hub) -> None:
    """Delete what is past its date, in batches, until it is gone or the process is asked to stop."""
    keep = timedelta(days=hub.settings.chat_keep_days) // _US
    with hub.db.write() as conn:
        forget.shorten(conn, keep)
        # What could not be read has no date of its own: it has the day on which it came.
        statement = text("DELETE FROM quarantined WHERE account_id = :account AND stream = :stream AND first_at <= :before")
        for account, stream in message_streams(hub):
            conn.execute(statement, {"account": account, "stream": stream, "before": hub.now_us() - keep})
    more = True
    while more and not hub.stopping():
        with hub.db.write() as conn:
            more = forget.forget_expired(conn, hub.now_us()) == forget.BATCH


def message_streams(hub: Hub) -> list[tuple[int, str]]:
    """(account, stream) of all streams whose mapping makes messages."""
    found, known = [], registry.entries()
    for account in accounts.all_accounts(hub):
        entry = known.get(account.platform)
        for stream in entry.manifest.streams if entry else ():
            assert entry is not None
            path = entry.mappings / f"{stream}.yaml"
            source = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
            if any(emit.get("kind") == "message" for emit in source.get("emits", ())):
                found.append((account.id or 0, stream))
    return found
