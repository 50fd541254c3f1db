"""How far a stream has been read, as the JSON that commits together with each page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connectors.base import Window
from connectors.manifest import Cursor as Spec

_MOMENTS = ("done_to", "until", "kept")


@dataclass(frozen=True, slots=True)
class Cursor:
    """done_to: everything changed before it has been read. until: the frozen upper bound of the running pull.

    window, resume: the window being read, and the point in it after the last committed page. walk: number of the running
    full walk. sweep: where the search for deleted records stands ('' = at its start, None = not sweeping). after: where
    a re-scan of open records stands. kept: what had been read before a person asked for a stretch of his own.
    """

    done_to: datetime | None = None
    until: datetime | None = None
    window: Window | None = None
    resume: str | None = None
    walk: int = 0
    sweep: str | None = None
    after: str | None = None
    kept: datetime | None = None

    @classmethod
    def load(cls, data: dict[str, Any]) -> Cursor:
        """From the stored JSON."""
        values = dict(data)
        for name in _MOMENTS:
            if values.get(name):
                values[name] = datetime.fromisoformat(values[name])
        if values.get("window"):
            start, end = map(datetime.fromisoformat, values["window"])
            values["window"] = Window(start, end)
        return cls(**values)

    def dump(self) -> dict[str, Any]:
        """As JSON, without what is empty."""
        data: dict[str, Any] = {"resume": self.resume, "walk": self.walk or None, "sweep": self.sweep, "after": self.after}
        for name in _MOMENTS:
            moment: datetime | None = getattr(self, name)
            data[name] = moment.isoformat() if moment else None
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
        if last and self.window is not None:
            return replace(self, done_to=self.window.end, window=None, resume=None)
        # A page without a point to go on from has nothing new: to start again from the beginning is never meant.
        return replace(self, resume=self.resume if resume is None else resume)

    def ended(self) -> Cursor:
        """The cursor when everything up to ``until`` has been read."""
        done_to = max(self.done_to, self.kept) if self.done_to and self.kept else self.done_to
        return replace(self, done_to=done_to, until=None, kept=None)

    def stretch(self, since: datetime | None, until: datetime | None) -> Cursor:
        """A cursor that reads from ``since`` (or where it stands) to ``until`` (or now), as a person asks.

        What lies between the point that was reached and a later ``since`` is read too, or nobody ever would; and what has
        been read beyond ``until`` stays read.
        """
        reached = max(filter(None, (self.done_to, self.kept)), default=None)
        start = min(filter(None, (since, reached)), default=None)
        if since is None and reached is not None and until is not None and until <= reached:
            return self
        return replace(self, done_to=start, until=until, window=None, resume=None, kept=reached)
