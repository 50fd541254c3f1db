"""About: what is running, is it well, and the newest entries of the audit log."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

from flask import render_template
from sqlalchemy import func, select

from hub.admin import overview
from hub.admin.i18n import catalogue, t
from hub.admin.web import may, page, rows, the_hub
from hub.identity import again
from hub.models import AuditEntry
from hub.models.base import table

pages = page("about", "/about")
AUDIT = table(AuditEntry)


@pages.get("")
def show() -> str:
    """The page."""
    from hub.store.migrate import versions

    hub = the_hub()
    now = hub.now()
    with hub.db.read() as conn:
        stream, account = overview.STREAM.c, overview.ACCOUNT.c
        due = (
            select(func.count())
            .select_from(overview.STREAM.join(overview.ACCOUNT, account.id == stream.account_id))
            .where(stream.enabled.is_(True), stream.next_run_at < now - timedelta(minutes=2), stream.lease_until < now)
            .where(account.state == "active")
        )
        waiting = int(conn.execute(due).scalar_one())
        looks = again.waiting(conn)
        held = int(conn.execute(select(func.count()).where(stream.lease_until >= now)).scalar_one())
        sizes = {name: overview.estimate(hub, conn, name) for name in ("customer", "source_record", "orders", "delivery")}
        newest_first = select(AUDIT).order_by(AUDIT.c.seq.desc()).limit(20)
        entries = [entry(row) for row in rows(conn, newest_first)] if may("admin") else []
    present, newest = versions(hub.db)
    return render_template(
        "about.html", version=_version(), hub=hub, waiting=waiting, held=held, looks=looks, sizes=sizes, entries=entries,
        present=present, newest=newest, keys=sorted(hub.ring.numbers),
    )  # fmt: skip


PLACES = {
    "account": "/accounts/{}",
    "customer": "/customers/{}",
    "delivery": "/deliveries/{}",
    "quarantine": "/quarantine/record?ref={}",
    "inbox": "/inbox/push?key={}",
    "notice": "/outgoing#{}",
    "handover": "/handover#{}",
    "user": "/users",
}
"""Where the subject of an entry is shown, by its kind."""
ALONE = {
    "customer": ("customer.", "owner.", "privacy.", "identity.answer", "identity.take_back"),
    "quarantine": ("quarantine.dismiss",),
}
"""Entries whose subject is an id alone, by the kind of what they are about."""


def entry(row: dict[str, Any]) -> dict[str, Any]:
    """An entry of the audit log in the reader's words. did: what was done; on, place: to what, and where that is shown.

    An entry of an older version may have a name that no text is for: it stays as it is.
    """
    kind, _, own = row["subject"].partition(":")
    for about, names in ALONE.items():
        if row["what"].startswith(names) and kind != about:
            kind, own = about, row["subject"]
    did, on = f"did.{row['what']}", f"on.{kind}"
    known = catalogue()
    return {
        **row,
        "did": t(did) if did in known else row["what"],
        "on": f"{t(on)} {own}".strip() if on in known else row["subject"],
        "place": PLACES.get(kind, "").format(quote(own, safe="")) if own else "",
    }


def _version() -> str:
    try:
        return version("lianshu")
    except PackageNotFoundError:
        return "–"
