"""A connector on the test bench: its simulator on a loopback port, the real door, and a clock that sleeping moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from connectors.base import (
    Connector,
    EventSource,
    Page,
    Record,
    Request,
    Sink,
    Source,
    Token,
    Window,
    record_key,
    secret_fields,
)
from connectors.contract.scenario import skip
from connectors.credentials import Credential
from connectors.http import Runtime
from connectors.manifest import Stream
from connectors.registry import Entry
from connectors.sandbox import Served, Simulator
from connectors.tokens import MemoryTokens, Tokens
from mappings.compile import CompiledMapping, load_mapping

ACCOUNT = "contract"
ATTEMPTS = 4
SECOND = timedelta(seconds=1)
_ALLOWED: dict[str, str] = {
    "touch": "changes",
    "remove": "deletes",
    "spoil": "bad_records",
    "add_field": "new_fields",
    "kill_tokens": "tokens",
    "push": "pushes",
    "issue": "pushes",
}
"""Steering method -> the capability that the manifest must declare ``cannot`` when the simulator lacks the method."""


@dataclass
class Pulled:
    """What a walk gave: records by key, keys in order (repeated ones too), pages, and where to go on."""

    records: dict[str, Record] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    resume: str | None = None

    def add(self, page: Page, key_paths: list[str]) -> None:
        """Take in a page."""
        self.pages.append(page)
        self.resume = page.resume if page.resume is not None else self.resume
        for record in page.records:
            key = record_key(record, key_paths)
            self.keys.append(key)
            self.records[key] = record


class OpenBudgets:
    """Budgets that never make anybody wait, and note what was asked of them."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.slowed: list[float] = []

    @contextmanager
    def hold(self, name: str, priority: int, sleep: Callable[[float], None]) -> Iterator[None]:
        """Note the name."""
        self.names.add(name)
        yield

    def slow(self, seconds: float) -> None:
        """Note the wait."""
        self.slowed.append(seconds)


class Bench:
    """One connected account on a fresh simulator. calls: requests as they left, before signing; tokens: those fetched."""

    def __init__(self, entry: Entry) -> None:
        self.entry, self.manifest, self.kind = entry, entry.manifest, entry.load()
        simulator = entry.simulator()
        assert simulator is not None, f"{entry.folder}: there is no simulator.py; without one nothing can be proved"
        self.sim = simulator()
        self.served = Served(self.sim)
        self.sim.app.logger.disabled = True
        self.settings = self.sim.settings(self.served.url)
        self.config = self.kind.Config(**self.settings)
        self.budgets = OpenBudgets()
        self.calls: list[Request] = []
        self.tokens: list[Token] = []
        self.slept = 0.0
        self.arm: Callable[[int, Request], None] = lambda number, request: None
        self.base = self.sim.now().replace(microsecond=0)
        self.kept = {name: Credential(value, self.base) for name, value in self.sim.credentials().items()}
        self.spending: dict[str, datetime] = {}
        self._fetching, self._exchanges = False, set[int]()
        self._shared = self.restarted()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *exc: object) -> None:
        self.served.close()

    # -- connectors

    def connector(
        self,
        *,
        clock: Callable[[], datetime] | None = None,
        changes: dict[str, Any] | None = None,
        tokens: Tokens | None = None,
    ) -> Any:
        """A new connector instance with its own token store, as after a restart. changes: settings to replace.

        Where credentials change by use, all instances of the saved account share one store, as they do in the hub.
        """
        config = self.kind.Config(**{**self.settings, **changes}) if changes else self.config
        if tokens is None and not changes and self.manifest.credentials:
            tokens = self.restarted(clock) if clock else self._shared
        clock = clock or self.sim.now
        tokens = tokens or MemoryTokens(clock)
        runtime = Runtime(
            clock=clock, sleep=self.sleep, tokens=tokens, budgets=self.budgets, attempts=ATTEMPTS, account=ACCOUNT
        )  # fmt: skip
        connector = self.kind(config, runtime)
        self._watch(connector)
        return connector

    def restarted(self, clock: Callable[[], datetime] | None = None) -> MemoryTokens:
        """The account's kept credentials without its token."""
        return MemoryTokens(clock or self.sim.now, kept=self.kept, spending=self.spending)

    def source(self) -> Source:
        """A new connector to read with."""
        return cast(Source, self.connector())

    def sink(self) -> Sink:
        """A new connector to write with."""
        return cast(Sink, self.connector())

    def listener(self) -> EventSource:
        """A new connector to receive with."""
        return cast(EventSource, self.connector())

    def _watch(self, connector: Connector) -> None:
        sign, fetch = connector.sign, connector.fetch_token

        def watched_sign(request: Request, token: Token | None) -> Request:
            self.calls.append(request)
            if self._fetching:
                self._exchanges.add(id(request))
            self.arm(len(self.calls) - 1, request)
            return sign(request, token)

        def watched_fetch() -> Token | None:
            self._fetching = True
            try:
                token = fetch()
            finally:
                self._fetching = False
            if token is not None:
                self.tokens.append(token)
            return token

        vars(connector).update(sign=watched_sign, fetch_token=watched_fetch)

    def writes(self, request: Request) -> bool:
        """Whether it changes what people see over there; the exchange of a credential is a write too, and none of these."""
        return request.write and id(request) not in self._exchanges

    def with_sessions(self) -> None:
        """From now on the account signs in in the way that has tokens, where the simulator's usual one has none."""
        if type(self.sim).session_settings is not Simulator.session_settings:
            self.settings = self.sim.session_settings(self.served.url)
            self.config = self.kind.Config(**self.settings)

    @property
    def has_tokens(self) -> bool:
        """Whether this connector fetches tokens at all."""
        return self.kind.fetch_token is not Connector.fetch_token

    @property
    def tokenless(self) -> bool:
        """Whether tokens play no part: the connector fetches none, and the simulator knows none that could die."""
        return not self.has_tokens and type(self.sim).kill_tokens is Simulator.kill_tokens

    def secrets(self) -> set[str]:
        """Values that must never be seen: secret settings and every token fetched so far."""
        values = {str(self.settings[name]) for name in secret_fields(self.kind.Config) if self.settings.get(name)}
        for token in self.tokens:
            values |= {token.value, *token.extra.values(), *token.keep.values()}
        values |= {one.value for one in self.kept.values()}
        return {value for value in values if len(value) >= 4}

    # -- time

    def sleep(self, seconds: float) -> None:
        """Sleeping costs no time: it moves the simulator's clock."""
        self.slept += seconds
        self.sim.offset += timedelta(seconds=seconds)

    def window(self, name: str) -> Window | None:
        """The window in which ``populate`` puts its records: one run's worth that ended just now."""
        cursor = self.stream(name).cursor
        if cursor.kind != "time":
            return None
        end = self.base - cursor.lag
        return Window(end - min(timedelta(hours=1), cursor.max_window), end)

    def later(self, name: str, since: datetime) -> list[Window]:
        """The windows of the following run, with the overlap and length that the manifest declares."""
        cursor = self.stream(name).cursor
        self.sleep(cursor.lag.total_seconds() + 5)
        until = (self.sim.now() - cursor.lag).replace(microsecond=0)
        windows: list[Window] = []
        start = since - cursor.overlap
        while not windows or windows[-1].end < until:
            windows.append(Window(start, min(start + cursor.max_window, until)))
            start = windows[-1].end - cursor.overlap
        return windows

    # -- streams

    def stream(self, name: str) -> Stream:
        """The manifest's entry."""
        return self.manifest.streams[name]

    def mapping(self, name: str) -> CompiledMapping:
        """The stream's mapping, compiled as for this account."""
        secret = secret_fields(self.kind.Config)
        context = {key: str(value) for key, value in self.config.model_dump().items() if key not in secret}
        zone = self.stream(name).cursor.zone
        return load_mapping(self.entry.mappings / f"{name}.yaml", zone=zone, context={**context, "account": ACCOUNT})

    def populate(self, name: str, count: int, *, at: datetime | None = None) -> list[str]:
        """Records of the stream inside ``window``, a second apart; all at one instant when ``at`` is given."""
        window = self.window(name)
        start = at or (window.start if window else self.base - timedelta(hours=1))
        step = timedelta(0) if at else SECOND
        keys = self.sim.populate(name, count, start=start, step=step)
        assert len(set(keys)) == count, f"populate({name!r}, {count}) gave {len(set(keys))} different keys"
        return keys

    def steer(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call a steering method of the simulator; skip only where the manifest says that the platform has no such thing."""
        try:
            return getattr(self.sim, method)(*arguments, **options)
        except TypeError as error:
            if f"has no {method}()" not in str(error):
                raise
            capability = self.manifest.capabilities.get(_ALLOWED.get(method, ""))
            if capability is not None and capability.level == "cannot":
                skip(f"the manifest says of {_ALLOWED[method]!r}: {capability.title.en} (cannot)")
            raise AssertionError(
                f"the simulator has no {method}(); write it, or declare capability {_ALLOWED.get(method)!r} with level: cannot"
            ) from None

    def walk(
        self,
        source: Source,
        name: str,
        window: Window | None = None,
        resume: str | None = None,
        between: Callable[[Page], None] | None = None,
    ) -> Pulled:
        """All pages of one walk. between: called after each page, while the iterator stands still."""
        pulled = Pulled()
        for page in source.pages(name, window, resume):
            assert not (pulled.pages and pulled.pages[-1].last), f"{name}: there is a page after the one marked last"
            pulled.add(page, self.stream(name).key)
            if between:
                between(page)
        assert not pulled.pages or pulled.pages[-1].last, f"{name}: no page is marked last"
        return pulled

    def pull(self, name: str, resume: str | None = None) -> Pulled:
        """One calm walk of the populated window by a new connector."""
        return self.walk(self.source(), name, self.window(name), resume)


def canonical(mapping: CompiledMapping, record: Record) -> str:
    """The canonical records of a raw one as comparable text."""
    return json.dumps(mapping.apply(record).records, sort_keys=True, default=str, ensure_ascii=False)


def evenly(count: int, most: int) -> list[int]:
    """At most ``most`` of the numbers below ``count``, first and last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})
