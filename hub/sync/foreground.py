"""Sync by hand: the same pull, in the foreground, until nothing is left; and a preview that writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlmodel import col, select, update

from connectors import registry
from connectors.base import Source, Window
from connectors.errors import ConnectorError, MappingError, Throttled
from hub import accounts
from hub.core import Hub
from hub.models import Account, AccountStream
from hub.sync.connect import connect
from hub.sync.cursor import Cursor
from hub.sync.landing import Counts, Lander
from hub.sync.pull import pull


def sync(
    hub: Hub, key: str, streams: Sequence[str] = (), *, since: datetime | None = None, until: datetime | None = None,
    by: str, progress: Callable[[str, Counts], None] = lambda stream, counts: None,
) -> dict[str, Any]:  # fmt: skip
    """Pull an account's streams (all, in their order) until nothing is left; counts and error per stream."""
    account = _working(hub, key)
    _check_stretch(hub, since, until)
    accounts.plan_streams(hub)
    specs = registry.get(account.platform).manifest.streams
    found = {}
    for stream in pulled_streams(account, streams):
        stretch = (since, until) if specs[stream].cursor.kind == "time" else (None, None)
        total = Counts()
        error = _drain(hub, account, stream, "pull", stretch, by, total, progress)
        if specs[stream].rescan and error is None:
            error = _drain(hub, account, stream, "rescan", (None, None), by, total, progress)
        found[stream] = _told(total, error)
    return found


def pulled_streams(account: Account, wanted: Sequence[str] = ()) -> list[str]:
    """The streams that can be pulled, in their order; those wanted, where some are named. Raises AccountFault."""
    manifest = registry.get(account.platform).manifest
    there = [name for name in manifest.ordered_streams if manifest.streams[name].pulled] if "source" in manifest.roles else []
    if unknown := [name for name in wanted if name not in there]:
        names = ", ".join(unknown)
        raise accounts.AccountFault({"stream": f"没有数据流 / no stream {names}; 现有 / there are: {', '.join(there) or '–'}"})
    return [name for name in there if not wanted or name in wanted]


def _working(hub: Hub, key: str) -> Account:
    account = accounts.get(hub, key)
    if account.state in ("paused", "removed"):
        raise accounts.AccountFault(
            {"": f"账号 {key} 没有在运行 / account {key} is {account.state}: hub accounts resume {key}"}
        )
    return account


def _check_stretch(hub: Hub, since: datetime | None, until: datetime | None) -> None:
    if since is not None and until is not None and until <= since:
        raise accounts.AccountFault({"until": "不晚于起点 / is not after since"})
    if since is not None and since > hub.now():
        raise accounts.AccountFault({"since": "还没有到 / lies in the future"})


def _told(total: Counts, error: ConnectorError | None) -> dict[str, Any]:
    names = ("fetched", "changed", "unchanged", "older", "quarantined", "withheld", "events")
    said = {name: getattr(total, name) for name in names}
    return {**said, "unknown": dict(total.unknown), "error": error.as_dict() if error else None}


def _drain(
    hub: Hub, account: Account, stream: str, task: str, stretch: tuple[datetime | None, datetime | None], by: str,
    total: Counts, progress: Callable[[str, Counts], None],
) -> ConnectorError | None:  # fmt: skip
    _make_due(hub, account.id or 0, stream, task, *stretch)
    while True:
        outcome = pull(hub, account.id or 0, stream, task=task, seconds=2.0, by=by)
        if outcome is None:
            if not _abandoned(hub, account.id or 0, stream, task):
                return ConnectorError("error.stream_busy")
            _make_due(hub, account.id or 0, stream, task)
            continue
        total.add(outcome.counts)
        progress(stream, total)
        if isinstance(outcome.error, Throttled):
            hub.sleep(min(outcome.error.wait, 60))
            _make_due(hub, account.id or 0, stream, task)
        elif outcome.error is not None or not outcome.more:
            return outcome.error


def _abandoned(hub: Hub, account_id: int, stream: str, task: str) -> bool:
    """Wait for a lease that nobody renews, whose holder was killed; False when somebody is at work on the stream."""
    mine = (col(AccountStream.account_id) == account_id, col(AccountStream.stream) == stream, col(AccountStream.task) == task)
    held: datetime | None = None
    while True:
        with hub.db.read() as conn:
            until = conn.execute(select(AccountStream.lease_until).where(*mine)).scalar_one()
        if until < hub.now():
            return True
        if held is not None and until != held:
            return False
        held = until
        hub.sleep(1.0)


def _make_due(
    hub: Hub, account_id: int, stream: str, task: str, since: datetime | None = None, until: datetime | None = None
) -> None:
    mine = (col(AccountStream.account_id) == account_id, col(AccountStream.stream) == stream, col(AccountStream.task) == task)
    with hub.db.write() as conn:
        values: dict[str, Any] = {"next_run_at": hub.now() - timedelta(seconds=1)}
        if since is not None or until is not None:
            stored = conn.execute(select(AccountStream.cursor).where(*mine)).scalar_one()
            values["cursor"] = Cursor.load(stored).stretch(since, until).dump()
        conn.execute(update(AccountStream).where(*mine).values(**values))


def preview(hub: Hub, key: str, stream: str, *, since: datetime | None, until: datetime | None, sample: int) -> dict[str, Any]:
    """Read and map without writing: what would come, the first records as they would be, and what would go wrong."""
    account = accounts.get(hub, key)
    pulled_streams(account, [stream])
    _check_stretch(hub, since, until)
    connector, lander = connect(hub, account, priority=0), Lander(hub, account, stream)
    assert isinstance(connector, Source)
    window = None
    if lander.spec.cursor.kind == "time":
        end = until or hub.now()
        window = Window(since or end - lander.spec.cursor.max_window, end)
    pages = islice(connector.pages(stream, window, None), 5)
    records = [record for page in pages for record in page.records]
    good, bad = [], []
    for record in records:
        try:
            good.append(lander.mapping.apply(record))
        except MappingError as error:
            bad.append(error.as_dict())
    unknown = sorted({name for mapped in good for name in mapped.unknown_fields | mapped.unknown_values})
    shown = [mapped.records for mapped in good[:sample]]
    return {"fetched": len(records), "mapped": len(good), "bad": bad[:sample], "unknown": unknown, "sample": shown}
