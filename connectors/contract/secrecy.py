"""Rules about what may be seen: no secret in logs and errors, and every call under a declared budget."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import structlog
from structlog.testing import capture_logs

from connectors.base import Document
from connectors.contract.acting import NOBODY, notice, returned
from connectors.contract.bench import Bench
from connectors.contract.delivering import sample_document
from connectors.contract.handing import orphans
from connectors.contract.pushed import Receiver
from connectors.contract.scenario import scenario, skip
from connectors.errors import ConnectorError
from connectors.people import TagChange


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "werkzeug":  # the simulator's own access log
            self.lines.append(self.format(record))


@contextmanager
def everything_logged() -> Iterator[tuple[list[Any], list[str]]]:
    """What is logged meanwhile: by structlog at every level, and by the standard library from INFO."""
    handler, root, before = _Lines(), logging.getLogger(), structlog.get_config()
    root.addHandler(handler)
    structlog.configure(wrapper_class=structlog.BoundLogger)
    try:
        with capture_logs() as logged:
            yield logged, handler.lines
    finally:
        structlog.configure(**before)
        root.removeHandler(handler)


def tried(bench: Bench) -> list[str]:
    """One of everything, in health and in trouble; the texts of all errors met."""
    said: list[str] = []
    for fault in ("none", "throttle", "error", "cut"):
        bench.sim.faults.clear()
        connector = bench.connector()
        said.append(repr(connector.check()))
        if fault == "throttle":
            bench.sim.faults.throttle[""] = 40
        if fault == "error":
            bench.sim.faults.error[""] = [500] * 40
        if fault == "cut":
            bench.sim.faults.cut_after[""] = 40
        steps: list[Callable[[], object]] = [connector.check]
        if "source" in bench.manifest.roles:
            steps += [partial(walked, bench, connector, name) for name in bench.manifest.streams]
        if "sink" in bench.manifest.roles:
            steps += [partial(connector.send, document) for document in documents(bench)]
        steps += acts(bench, connector)
        for step in steps:
            try:
                said.append(repr(step()))
            except ConnectorError as error:
                said.append(f"{error} {error!r} {error.as_dict()}")
    bench.sim.faults.clear()
    return said


def walked(bench: Bench, connector: Any, name: str) -> list[object]:
    """All pages of a stream."""
    return list(connector.pages(name, bench.window(name), None))


def acts(bench: Bench, connector: Any) -> list[Callable[[], object]]:
    """What the connector does for people, each act ready to be tried once."""
    steps: list[Callable[[], object]] = []
    for name, stream in bench.manifest.streams.items():
        if stream.tags == "written":
            change = TagChange(name, bench.populate(name, 1)[0], add=frozenset(bench.sim.tag_keys(name, 1)))
            steps.append(partial(connector.write_tags, change))
    if "notices" in bench.manifest.roles:
        steps.append(lambda: connector.notify(notice(bench.sim.employ(1)[0], NOBODY)))
    if "sign_in" in bench.manifest.roles:
        steps.append(lambda: connector.signed_in(returned(bench, bench.sim.employ(1)[0])))
    for name, stream in bench.manifest.streams.items():
        if stream.handover:
            order = orphans(bench, name)
            steps += [lambda: list(connector.waiting()), partial(connector.hand_over, order)]
            steps.append(partial(connector.handed, order, bench.sim.now()))
    return steps


def documents(bench: Bench) -> list[Document]:
    """A document of each kind, each with a number of its own."""
    return [sample_document(bench, kind, number) for number, kind in enumerate(bench.manifest.documents, 1)]


@scenario()
def secrets_are_never_seen(bench: Bench) -> None:
    """Reading, writing, receiving and failing leave no secret and no token in logs, errors or results."""
    with everything_logged() as (logged, lines):
        said = tried(bench)
        if "events" in bench.manifest.roles:
            said += forged(bench)
    text = "\n".join([*map(str, logged), *lines, *said])
    shown = [f"{value[:2]}… ({len(value)} characters)" for value in bench.secrets() if value in text]
    assert not shown, f"secrets or tokens were shown: {shown}"


def forged(bench: Bench) -> list[str]:
    """The errors of forged pushes."""
    said = []
    for name in bench.manifest.streams:
        key = bench.populate(name, 1)[0]
        with Receiver(bench.listener()) as receiver:
            try:
                bench.sim.push(receiver.url, name, key, forged=True)
            except (TypeError, ValueError, LookupError):
                continue
            said += [f"{error} {error!r}" for error in receiver.errors]
    return said


@scenario()
def every_call_has_a_budget(bench: Bench) -> None:
    """Each call's name matches a budget of the manifest that limits something."""
    for name in bench.manifest.streams if "source" in bench.manifest.roles else ():
        bench.populate(name, 2)
        bench.pull(name)
    for document in documents(bench) if "sink" in bench.manifest.roles else ():
        bench.sink().send(document)
    for act in acts(bench, bench.connector()):
        act()
    if not bench.calls:
        skip("this connector makes no calls")
    limiting = [b.match for b in bench.manifest.budgets if b.per_second or b.per_minute or b.per_day or b.parallel]
    free = [name for name in bench.budgets.names if not any(fnmatchcase(name, match) for match in limiting)]
    assert not free, f"calls without a budget: {sorted(free)}"
