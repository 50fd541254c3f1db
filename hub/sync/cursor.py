"""How far a stream has been read, as the JSON that commits together with each page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connectors.base import Window
from connectors.manifest import Cursor as Spec


@dataclass(frozen=True, slots=True)
class Cursor:
    """done_to: everything changed before it has been read. until: the frozen upper bound of the running pull.

    window, resume: the window being read, and the point in it after the last committed page. walk: number of the running
    full walk. sweep: where the search for deleted records stands ('' = at its start, None = not sweeping). after: where
    a re-scan of open records stands.
    """

    done_to: datetime | None = None
    until: datetime | None = None
    window: Window | None = None
    resume: str | None = None
    walk: int = 0
    sweep: str | None = None
    after: str | None = None

    @classmethod
    def load(cls, data: dict[str, Any]) -> Cursor:
        """From the stored JSON."""
        values = dict(data)
        for name in ("done_to", "until"):
            if values.get(name):
                values[name] = datetime.fromisoformat(values[name])
        if values.get("window"):
            start, end = map(datetime.fromisoformat, values["window"])
            values["window"] = Window(start, end)
        return cls(**values)

    def dump(self) -> dict[str, Any]:
        """As JSON, without what is empty."""
        data: dict[str, Any] = {"resume": self.resume, "walk": self.walk or None, "sweep": self.sweep, "after": self.after}
        data["done_to"] = self.done_to.isoformat() if self.done_to else None
        data["until"] = self.until.isoformat() if self.until else None
        data["window"] = [self.window.start.isoformat(), self.window.end.isoformat()] if self.window else None
        return {name: value for name, value in data.items() if value is not None}

    def next_window(self, spec: Spec, now: datetime) -> Cursor | None:
        """The cursor with the next window to read; None when everything up to ``until`` has been read."""
        if self.window is not None:
            return self
        until = self.until or now - spec.lag
        if self.done_to is not None and self.done_to >= until:
            return None
        start = self.done_to - spec.overlap if self.done_to else now - spec.first
        if start >= until:
            return None
        return replace(self, until=until, window=Window(start, min(start + spec.max_window, until)), resume=None)

    def after_page(self, resume: str | None, *, last: bool) -> Cursor:
        """The cursor after a page was committed."""
        if not last:
            return replace(self, resume=resume)
        if self.window is not None:
            return replace(self, done_to=self.window.end, window=None, resume=None)
        return replace(self, resume=resume)

    def backwards(self, since: datetime, until: datetime | None) -> Cursor:
        """A cursor that reads again from ``since`` (a person asked for it)."""
        return Cursor(done_to=since, until=until, walk=self.walk)
