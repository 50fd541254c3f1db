"""The jobs: plain functions that claim a key, work for a slice, commit under their fence, and are due again.

They import no engine. ``NAMES`` is what a runner may be asked to do; a key is text such as '3:order:pull'.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlmodel import col, delete

from connectors.errors import Stop
from hub import accounts, privacy
from hub.chats import retention, tagging
from hub.core import Hub
from hub.events import delivery, rules, settle, walk
from hub.identity import again
from hub.invoices import follow as following
from hub.invoices import queue
from hub.models import Inbox as InboxRow
from hub.models import PushCounter
from hub.people import drafting, handing, notices, orphans, owners
from hub.people import tags as written
from hub.sync import alive, inbox, quotas, runs
from hub.sync.pull import pull

KEEP_PUSHES = timedelta(days=30)
"""Longer than any platform's re-push ladder, so that a late repeat is still known."""


def do_pull(hub: Hub, key: str) -> None:
    """One slice of one stream."""
    account, stream, task = key.split(":")
    pull(hub, int(account), stream, task=task)


def do_inbox(hub: Hub, key: str) -> None:
    """All waiting pushes of one account."""
    while inbox.process(hub, int(key)) and not hub.stopping():
        pass


def do_dispatch(hub: Hub, key: str) -> None:
    """Events to deliveries."""
    while rules.dispatch(hub) and not hub.stopping():
        pass


def do_settle(hub: Hub, key: str) -> None:
    """Close the days that have ended."""
    settle.close_days(hub)


def do_deliver(hub: Hub, key: str) -> None:
    """The due deliveries of one destination account."""
    delivery.deliver(hub, int(key), seconds=hub.settings.slice_seconds)


def do_tag(hub: Hub, key: str) -> None:
    """Tags from chats: whatever the rules have not seen yet."""
    while tagging.work(hub) and not hub.stopping():
        pass


def do_identity(hub: Hub, key: str) -> None:
    """Customers whose neighbourhood has changed, for one slice."""
    until = hub.now() + timedelta(seconds=hub.settings.slice_seconds)
    while again.work(hub) and not hub.stopping() and hub.now() < until:
        pass


def do_invoices(hub: Hub, key: str) -> None:
    """Documents whose customer has changed, and incomplete invoices, from the data as they are now."""
    walk.look(hub)
    queue.look_again(hub)


def do_renew(hub: Hub, key: str) -> None:
    """The token of an account that is to be renewed though nobody needs it."""
    alive.renew(hub, int(key))


def do_follow(hub: Hub, key: str) -> None:
    """What became of the documents at one destination account."""
    following.follow(hub, int(key), seconds=hub.settings.slice_seconds)


def do_write_back(hub: Hub, key: str) -> None:
    """The due wishes about tags of one account."""
    written.work(hub, int(key), seconds=hub.settings.slice_seconds)


def do_notify(hub: Hub, key: str) -> None:
    """The due notices of one account."""
    notices.work(hub, int(key), seconds=hub.settings.slice_seconds)


def do_hand_over(hub: Hub, key: str) -> None:
    """The due hand-overs of one account: those to be begun, and those whose outcome is to be asked for."""
    handing.work(hub, int(key), seconds=hub.settings.slice_seconds)


def do_orphans(hub: Hub, key: str) -> None:
    """What waits for a new owner at one account."""
    orphans.look(hub, int(key))


def do_watch(hub: Hub, key: str) -> None:
    """Notices of documents that are stuck."""
    drafting.from_deliveries(hub)


def do_owners(hub: Hub, key: str) -> None:
    """Customers whom several of the company's people call theirs."""
    owners.look(hub)


def do_housekeep(hub: Hub, key: str) -> None:
    """Drop what is no longer needed: pushes done long ago, counters of last season, what names erased people again; close runs
    whose process was killed; plan what a newer connector brings."""
    accounts.plan_streams(hub)
    now = hub.now()
    with hub.db.write() as conn:
        old = delete(InboxRow).where(col(InboxRow.state) == "done", col(InboxRow.received_at) < now - KEEP_PUSHES)
        conn.execute(old)
        conn.execute(delete(PushCounter).where(col(PushCounter.last_at) < now - timedelta(days=90)))
        privacy.erase_again(hub, conn)
        runs.close_abandoned(conn, now)
        quotas.forget(conn, now)
    retention.forget_old(hub)


NAMES: dict[str, Callable[[Hub, str], None]] = {
    "pull": do_pull,
    "inbox": do_inbox,
    "dispatch": do_dispatch,
    "settle": do_settle,
    "deliver": do_deliver,
    "tag": do_tag,
    "identity": do_identity,
    "invoices": do_invoices,
    "renew": do_renew,
    "follow": do_follow,
    "write_back": do_write_back,
    "notify": do_notify,
    "hand_over": do_hand_over,
    "orphans": do_orphans,
    "watch": do_watch,
    "owners": do_owners,
    "housekeep": do_housekeep,
}


def run(hub: Hub, job: str, key: str) -> None:
    """Run a job by name; a request to stop is no error."""
    try:
        NAMES[job](hub, key)
    except Stop:
        return
