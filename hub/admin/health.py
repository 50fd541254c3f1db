"""Is each stream as fresh as its manifest promises, and if not, what does a person do next?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.admin.i18n import both, t
from hub.admin.words import Told, error_words, manifest_of

IDLE = timedelta(minutes=2)
"""A stream that is due for longer than this while nobody holds it: no worker is running."""


@dataclass(frozen=True)
class Health:
    """One stream of an account. state: fresh | late | due (an error, still within the promise) | new | off."""

    stream: str
    task: str
    title: str
    state: str
    last_ok: datetime | None
    promise: timedelta | None
    error: Told | None
    step: str
    row: Mapping[str, Any]

    @property
    def shown(self) -> str:
        """The stream's name, marked where it is not the pull itself."""
        return self.title if self.task == "pull" else f"{self.title} · {t('task.' + self.task)}"


def health_of(account: Mapping[str, Any], streams: Iterable[Mapping[str, Any]], now: datetime) -> list[Health]:
    """The health of an account's streams, in the order in which they are pulled."""
    manifest = manifest_of(account["platform"])
    order = manifest.ordered_streams if manifest else []
    place = {name: number for number, name in enumerate(order)}
    found = sorted(streams, key=lambda row: (place.get(row["stream"], 99), row["stream"], row["task"]))
    return [_health(account, row, now) for row in found]


def _health(account: Mapping[str, Any], row: Mapping[str, Any], now: datetime) -> Health:
    manifest = manifest_of(account["platform"])
    spec = manifest.streams.get(row["stream"]) if manifest else None
    promise = spec.fresh_within if spec and row["task"] == "pull" else None
    since = row["last_ok_at"] or account["created_at"]
    late = promise is not None and now - since > promise
    error = error_words(row["error"], account["platform"])
    state = "late" if late else _calm(account, row, error)
    step = _next_step(account, row, error, now) if state in ("late", "due") else ""
    title = both(spec.title) if spec else row["stream"]
    return Health(row["stream"], row["task"], title, state, row["last_ok_at"], promise, error, step, row)


def _calm(account: Mapping[str, Any], row: Mapping[str, Any], error: Told | None) -> str:
    if not row["enabled"] or account["state"] != "active":
        return "off"
    if error:
        return "due"
    return "fresh" if row["last_ok_at"] else "new"


def _next_step(account: Mapping[str, Any], row: Mapping[str, Any], error: Told | None, now: datetime) -> str:
    if account["state"] == "paused":
        return t("next.paused", reason=account["state_reason"] or "–")
    if account["state"] in ("needs_auth", "failed"):
        return error.fix if error else t(f"next.{account['state']}")
    if error:
        return error.fix
    if row["lease_until"] > now:
        return t("next.running")
    if row["next_run_at"] < now - IDLE:
        return t("next.no_worker")
    return t("next.waits")
