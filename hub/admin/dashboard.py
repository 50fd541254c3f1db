"""The dashboard: what needs a person first, then every account with its numbers, each a link to its evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import render_template, url_for
from sqlalchemy import Connection

from hub.admin import overview
from hub.admin.health import Health, health_of
from hub.admin.i18n import both, t
from hub.admin.web import page, the_hub
from hub.admin.words import manifest_of, platform_title
from hub.core import Hub
from hub.people import orphans
from hub.sync.quotas import Usage

pages = page("dashboard")


@dataclass
class Line:
    """One account on the dashboard."""

    account: dict[str, Any]
    platform: str
    roles: list[str]
    health: list[Health]
    last_run: dict[str, Any] | None
    last_push: Any
    today: dict[str, int]
    deliveries: dict[str, int]
    quarantine: int
    inbox_failed: int
    refused: int
    orphans: int
    not_handed: int
    quotas: list[Usage]
    notices: list[Notice] = field(default_factory=list)


@dataclass(frozen=True)
class Notice:
    """Something a person can act on. step: what to do. url: where."""

    tone: str
    subject: str
    text: str
    step: str
    url: str


@pages.get("/")
def show() -> str:
    """The page."""
    hub = the_hub()
    with hub.db.read() as conn:
        lines = _lines(hub, conn)
        customers = overview.estimate(hub, conn, "customer")
    notices = [notice for line in lines for notice in _notices(line)]
    notices.sort(key=lambda notice: ("bad", "warn").index(notice.tone))
    sums = {state: sum(line.deliveries[state] for line in lines) for state in (*overview.OPEN_STATES, "sent")}
    return render_template(
        "dashboard.html", lines=lines, notices=notices, customers=customers, sums=sums, cap=overview.CAP,
        quarantine=sum(line.quarantine for line in lines), inbox_failed=sum(line.inbox_failed for line in lines),
        changed=sum(line.today.get("changed", 0) for line in lines),
    )  # fmt: skip


def _lines(hub: Hub, conn: Connection) -> list[Line]:
    now = hub.now()
    streams, runs, today = overview.streams(conn), overview.last_runs(conn), overview.today(conn, now)
    deliveries, quarantine = overview.deliveries(conn, now), overview.quarantined(conn)
    failed, refused, pushes = overview.inbox(conn), overview.refused(conn, now), overview.last_pushes(conn)
    waiting, not_handed = orphans.counted(hub), overview.not_handed(conn, now)
    lines = []
    for account in overview.accounts(conn):
        key, manifest = account["id"], manifest_of(account["platform"])
        lines.append(
            Line(
                account, platform_title(account["platform"]), list(manifest.roles) if manifest else [],
                health_of(account, streams.get(key, ()), now), runs.get(key), pushes.get(key), today.get(key, {}),
                {state: counts.get(key, 0) for state, counts in deliveries.items()},
                quarantine.get(key, 0), failed.get(key, 0), refused.get(key, 0),
                waiting.get(key, 0), not_handed.get(key, 0),
                overview.quotas(hub, conn, account),
            )
        )  # fmt: skip
    return lines


def _notices(line: Line) -> list[Notice]:
    key, title = line.account["key"], line.account["title"]
    home = url_for("accounts.detail", key=key)
    found: list[Notice] = []

    def add(tone: str, text: str, step: str, url: str) -> None:
        found.append(Notice(tone, title, text, step, url))

    if line.account["state"] in ("needs_auth", "failed"):
        state = line.account["state"]
        told = next((item.error for item in line.health if item.error), None)
        add("bad", t(f"notice.{state}"), told.fix if told else t(f"next.{state}"), home)
    else:
        for item in line.health:
            if item.state == "late" and line.account["state"] == "active":
                add("warn", t("notice.late", stream=item.shown), item.step, home)
    if line.deliveries["rejected"]:
        url = url_for("deliveries.index", state="rejected", account=key)
        add("bad", t("notice.rejected", n=line.deliveries["rejected"]), t("next.rejected"), url)
    if line.deliveries["in_doubt"]:
        url = url_for("deliveries.index", state="in_doubt", account=key)
        add("warn", t("notice.in_doubt", n=line.deliveries["in_doubt"]), t("next.in_doubt"), url)
    if line.deliveries["to_do"]:
        url = url_for("deliveries.index", state="to_do", account=key)
        add("bad", t("notice.to_do", n=line.deliveries["to_do"]), t("next.to_do"), url)
    if line.quarantine:
        url = url_for("quarantine.index", account=key)
        add("warn", t("notice.quarantine", n=line.quarantine), t("next.quarantine"), url)
    if line.inbox_failed:
        url = url_for("inbox.index", state="stuck", account=key)
        add("warn", t("notice.inbox", n=line.inbox_failed), t("next.inbox"), url)
    if line.refused:
        add("warn", t("notice.refused", n=line.refused), t("next.refused"), home)
    _of_hand_over(line, add)
    for quota in line.quotas:
        if quota.level != "fine":
            add(quota.level, _of_quota(quota), t("next.quota"), home)
    line.notices = found
    return found


def _of_hand_over(line: Line, add: Callable[[str, str, str, str], None]) -> None:
    if line.orphans:
        add("warn", t("notice.orphans", n=line.orphans), t("next.orphans"), url_for("handover.index"))
    if line.not_handed:
        add("warn", t("notice.not_handed", n=line.not_handed), t("next.not_handed"), url_for("handover.index", state="failed"))


def _of_quota(quota: Usage) -> str:
    title = both(quota.title)
    if quota.runs_out:
        return t("notice.quota_ends", title=title, day=quota.runs_out)
    return t("notice.quota_used", title=title, used=quota.used, limit=quota.limit)
