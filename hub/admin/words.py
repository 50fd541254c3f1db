"""Facts of the store as sentences: errors and how far a stream has been read; names of platforms, streams, documents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from connectors import registry
from connectors.manifest import Manifest, Stream
from connectors.messages import explain
from hub.admin.i18n import both, language, t
from hub.admin.show import stamp


class Told(NamedTuple):
    """What happened, and what the reader does next."""

    what: str
    fix: str


def manifest_of(platform: str) -> Manifest | None:
    """The platform's manifest; None where its connector is not installed (any more) or cannot be read."""
    try:
        return registry.get(platform).manifest
    except (registry.UnknownConnector, ValueError):
        return None


CATEGORIES = ("chat", "shop", "crm", "finance", "generic", "file")
"""The order in which platforms are shown."""


def category_place(platform: str) -> int:
    """The platform's place in that order; unknown ones come last."""
    manifest = manifest_of(platform)
    return CATEGORIES.index(manifest.category) if manifest else len(CATEGORIES)


def platform_title(platform: str) -> str:
    """The platform's name in the reader's language."""
    manifest = manifest_of(platform)
    return both(manifest.title) if manifest else platform


def stream_title(platform: str, stream: str) -> str:
    """The stream's name in the reader's language."""
    manifest = manifest_of(platform)
    spec = manifest.streams.get(stream) if manifest else None
    return both(spec.title) if spec else stream


def document_title(platform: str, kind: str) -> str:
    """The document kind's name in the reader's language."""
    manifest = manifest_of(platform)
    spec = manifest.documents.get(kind) if manifest else None
    return both(spec.title) if spec else kind


def error_words(error: Mapping[str, Any] | None, platform: str) -> Told | None:
    """A stored error as words."""
    if not error:
        return None
    return Told(*explain(error, language(), manifest_of(platform)))


def _time(text: Any) -> str:
    return stamp(datetime.fromisoformat(text)) if isinstance(text, str) else "–"


def cursor_words(cursor: Mapping[str, Any], spec: Stream | None, task: str, last_ok: datetime | None) -> str:
    """How far a stream has been read."""
    if task in ("rescan", "sweep"):
        return t(f"cursor.{task}")
    kind = spec.cursor.kind if spec else "time"
    if not cursor:
        return t("cursor.begins") if last_ok is None else t("cursor.walked", at=stamp(last_ok))
    if cursor.get("window"):
        start, end = cursor["window"]
        return t("cursor.window", start=_time(start), end=_time(end))
    if cursor.get("done_to"):
        return t("cursor.done_to", at=_time(cursor["done_to"]))
    if kind == "none":
        if cursor.get("sweep") is not None:
            return t("cursor.sweeping")
        if cursor.get("resume") is not None:
            return t("cursor.walking", n=cursor.get("walk", 1))
        return t("cursor.walked", at=stamp(last_ok)) if last_ok else t("cursor.walking", n=cursor.get("walk", 1))
    return t("cursor.token")
