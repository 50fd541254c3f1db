"""A platform in memory: what it holds and how it misbehaves is scripted by the test that owns its ``World``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base import (
    Config,
    EventSource,
    Finding,
    Opened,
    Page,
    PlatformEvent,
    RawRequest,
    Record,
    Source,
    Token,
    Window,
    setting,
)
from connectors.errors import BadSignature, ConnectorError, Gone


@dataclass
class World:
    """The other side. streams: name -> key -> record. before_page, before_fetch: called first, may raise or change things.

    last_flag: whether the last page says that it is the last. asked: what was asked for, in order.
    """

    streams: dict[str, dict[str, Record]] = field(default_factory=dict)
    before_page: Callable[[str, int], None] = lambda stream, number: None
    before_fetch: Callable[[str, str], None] = lambda stream, key: None
    check_error: ConnectorError | None = None
    last_flag: bool = True
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    tokens: int = 0

    def put(self, stream: str, *records: Record) -> None:
        """Create or change records."""
        for record in records:
            self.streams.setdefault(stream, {})[str(record["id"])] = record

    def drop(self, stream: str, *keys: str) -> None:
        """Delete records."""
        for key in keys:
            del self.streams[stream][key]

    def changed_in(self, stream: str, window: Window) -> list[Record]:
        """The records changed in the window, oldest first."""
        found = [r for r in self.streams.get(stream, {}).values() if window.start <= moment(r) < window.end]
        return sorted(found, key=lambda record: (moment(record), str(record["id"])))


def moment(record: Record) -> datetime:
    """When the record was changed, in Shanghai time unless it says another zone."""
    found = datetime.fromisoformat(record["updated_at"])
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo("Asia/Shanghai"))


WORLDS: dict[str, World] = {}


class FeedConfig(Config):
    """world: which World this account sees."""

    world: str = setting("世界", "World")
    secret: str = setting("密钥", "Secret", secret=True, min_length=4)
    spare: str = setting("备用密钥", "Spare secret", secret=True, default="")


class Feed(Source, EventSource):
    """Reads a World."""

    Config = FeedConfig
    base_url = "http://127.0.0.1:9/"

    @property
    def world(self) -> World:
        """The other side."""
        return WORLDS[self.config.world]

    def check(self) -> list[Finding]:
        """Whether the world is there."""
        if self.world.check_error is not None:
            raise self.world.check_error
        return [Finding("连接", "Connection", self.config.secret != "wrong", "换一个密钥", "Use another secret")]

    def fetch_token(self) -> Token:
        """A fresh token."""
        self.world.tokens += 1
        return Token(f"token-{self.world.tokens}", 7200)

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """Pages in the order of change (time) or key."""
        world, size = self.world, self.manifest.streams[stream].page_size
        if window is not None:
            world.windows.append(window)
        world.asked.append(("pages", stream, window, resume))
        start, number = int(resume or 0), 0
        while True:
            world.before_page(stream, number)
            held = sorted(world.streams.get(stream, {}).values(), key=lambda record: str(record["id"]))
            rows = held if window is None else world.changed_in(stream, window)
            part, number = rows[start : start + size], number + 1
            start += len(part)
            last = start >= len(rows)
            after = None if self.manifest.streams[stream].cursor.kind == "sequence" and not part else str(start)
            yield Page(part, after, last=last and world.last_flag)
            if last:
                return

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """The record as it is now."""
        self.world.asked.append(("one", stream, key))
        self.world.before_fetch(stream, key)
        found = self.world.streams.get(stream, {}).get(key)
        if found is None and key.startswith("gone"):
            raise Gone
        return found

    def open(self, request: RawRequest) -> Opened:
        """A push signed with the secret itself."""
        if request.header("x-secret") != self.config.secret:
            raise BadSignature
        return Opened(plaintext=request.body, payload=json.loads(request.body))

    def events(self, opened: Opened) -> list[PlatformEvent]:
        """One event for each key."""
        return [PlatformEvent(f"{e['stream']}:{e['key']}", e["stream"], e["key"], "changed") for e in opened.payload]
