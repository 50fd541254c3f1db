"""Killed while customers are handed over: each is begun once at the platform, and in the end has its new owner here too."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.settings import Settings
from connectors.sandbox import Served
from connectors.wecom.simulator import WeComSimulator
from hub import accounts
from hub.core import Hub
from hub.identity.desk import service
from hub.models import AuditEntry, Handover
from hub.models.base import table
from hub.people import handing, handover, orphans
from hub.store.migrate import upgrade
from hub.sync.connect import connect
from hub.sync.landing import Lander
from tests.faults.child import CONTEXT, deadly

LEASE = 2
POINTS = [
    ("hub.people.handing:claim", 1, "after"),
    ("hub.people.handing:_begin", 1, "after"),
    ("connectors.wecom.handing:HandingOver._write", 1, "before"),
    ("connectors.wecom.handing:HandingOver._write", 1, "after"),
    ("hub.people.handing:_sent", 2, "after"),
    ("hub.sync.landing:Lander.land", 1, "after"),
    ("hub.people.handing:_follow", 2, "after"),
]
ON_POSTGRESQL = {("hub.people.handing:_begin", "after"), ("connectors.wecom.handing:HandingOver._write", "after")}
CASES = [("sqlite", *point) for point in POINTS] + [
    pytest.param("postgresql", *point, marks=pytest.mark.postgres) for point in POINTS if (point[0], point[2]) in ON_POSTGRESQL
]


class Desk:
    """A corp whose member has left three customers, and the hub that is to hand them over. The clocks go together."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.database, self.ahead = folder, database, 0.0
        self.sim = WeComSimulator()
        self.sim.app.logger.disabled = True
        self.served = Served(self.sim)
        old, self.new = self.sim.employ(2)
        self.keys = self.sim.serve("customer", old, 3)
        hub = self.opened()
        upgrade(hub.db)
        number = accounts.add(hub, "wecom", "wecom", "企业微信", self.sim.settings(self.served.url), by="test")
        for stream in ("staff", "customer"):
            self.read(hub, number, stream)
        self.sim.dismiss(old)
        orphans.look(hub, number)
        handover.order(hub, "wecom", old, self.new, stream="customer", left=True, by="test")
        hub.close()

    def opened(self) -> Hub:
        settings = Settings(
            data_dir=self.folder,
            database_url=self.database,
            lease_seconds=LEASE,
            clock_offset=round(self.ahead),
            log_level="error",
        )
        return Hub.open(settings)

    @staticmethod
    def read(hub: Hub, number: int, stream: str) -> None:
        account = accounts.by_id(hub, number)
        records = [record for page in connect(hub, account).pages(stream, None, None) for record in page.records]  # type: ignore[attr-defined]
        lander = Lander(hub, account, stream)
        with hub.db.write() as conn:
            lander.land(conn, records)

    def later(self, span: timedelta) -> None:
        self.ahead += span.total_seconds()
        self.sim.offset = timedelta(seconds=self.ahead)

    def dies(self, point: str, nth: int, *, after: bool) -> bool:
        """Whether a process that works on what is due was killed at that point; else it has ended by itself."""
        process = CONTEXT.Process(
            target=_work, args=(str(self.folder), self.database, round(self.ahead), point, nth, after)
        )  # fmt: skip
        process.start()
        process.join(60)
        if process.exitcode is None:
            process.kill()
        assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
        return process.exitcode == -signal.SIGKILL

    def works(self) -> None:
        hub = self.opened()
        handing.work(hub, 1)
        hub.close()

    def rows(self, model: Any) -> list[Any]:
        hub = self.opened()
        with hub.db.read() as conn:
            found = list(conn.execute(select(table(model))))
        hub.close()
        return found

    def begun(self) -> list[str]:
        return [entry["number"] for entry in self.sim.ledger]

    def owners(self) -> set[str]:
        hub = self.opened()
        shown = [service.show(hub, item["id"]) for item in service.newest(hub, 9)]
        hub.close()
        return {str(item["fields"]["owner"]["value"]) for item in shown if item}


def _work(folder: str, database: str, ahead: int, point: str, nth: int, after: bool) -> None:
    module, _, name = point.partition(":")
    owner: Any = importlib.import_module(module)
    *path, last = name.split(".")
    for step in path:
        owner = getattr(owner, step)
    setattr(owner, last, deadly(getattr(owner, last), nth, after))
    hub = Hub.open(
        Settings(data_dir=Path(folder), database_url=database, lease_seconds=LEASE, clock_offset=ahead, log_level="error")
    )
    handing.work(hub, 1)
    os._exit(0)


@pytest.fixture
def desk(tmp_path: Path, database: str) -> Iterator[Desk]:
    made = Desk(tmp_path, database)
    yield made
    made.served.close()


@pytest.mark.parametrize(("database", "point", "nth", "when"), CASES, indirect=["database"])
def test_a_hub_killed_in_the_middle_of_a_hand_over_begins_it_once(desk: Desk, point: str, nth: int, when: str) -> None:
    died = desk.dies(point, nth, after=when == "after")
    assert len(set(desk.begun())) == len(desk.begun())
    for span in (timedelta(seconds=LEASE + 1), timedelta(minutes=3), timedelta(minutes=12), timedelta(minutes=12)):
        desk.later(span)
        desk.works()
    assert sorted(desk.begun()) == sorted(desk.keys), "each once, and none left out"
    desk.later(timedelta(hours=24))
    died = desk.dies(point, nth, after=when == "after") or died
    assert died, f"never came to {point}"
    for span in (timedelta(seconds=LEASE + 1), timedelta(hours=2)):
        desk.later(span)
        desk.works()
    assert {row.state for row in desk.rows(Handover)} == {"accepted"}
    assert sorted(desk.begun()) == sorted(desk.keys) and desk.owners() == {desk.new}
    assert [row.what for row in desk.rows(AuditEntry) if row.what.startswith("handover")] == ["handover.order"]


def test_what_was_marked_as_going_out_is_never_simply_sent(desk: Desk) -> None:
    assert desk.dies("hub.people.handing:_begin", 1, after=True)
    assert {row.state for row in desk.rows(Handover)} == {"sending"} and desk.begun() == []
    desk.later(timedelta(seconds=LEASE + 1))
    assert desk.dies("connectors.wecom.handing:HandingOver.handed", 1, after=False), "it is asked for first"
    assert desk.begun() == [] and desk.sim.calls["/cgi-bin/externalcontact/resigned/transfer_customer"] == 0
