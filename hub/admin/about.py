"""About: what is running, and is it well."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version

from flask import render_template
from sqlalchemy import func, select

from hub.admin import overview
from hub.admin.web import page, the_hub
from hub.identity import again

pages = page("about", "/about")


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
    present, newest = versions(hub.db)
    return render_template(
        "about.html", version=_version(), hub=hub, waiting=waiting, held=held, looks=looks, sizes=sizes,
        present=present, newest=newest, keys=sorted(hub.ring.numbers),
    )  # fmt: skip


def _version() -> str:
    try:
        return version("lianshu")
    except PackageNotFoundError:
        return "–"
