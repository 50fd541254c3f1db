"""A hub with a WeCom corp that is served on loopback; time is the simulator's."""

from __future__ import annotations

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
from hub.events import rules
from hub.models import Account, Event, TagAssignment, TagWrite
from hub.models.base import Model, table
from hub.people import tags
from hub.security import keyring
from hub.security.keyring import KeyRing
from hub.store.database import Database
from hub.sync import connect as connecting
from hub.sync.landing import Lander

REACHED = timedelta(minutes=3)


class House:
    """A hub, its WeCom account, and the corp on the other side."""

    def __init__(self, hub: Hub, sim: WeComSimulator, url: str) -> None:
        self.hub, self.sim, self.url = hub, sim, url
        self.account = self.connect("wecom")

    def connect(self, key: str, **changes: Any) -> Account:
        number = accounts.add(self.hub, "wecom", key, f"企业微信 {key}", {**self.sim.settings(self.url), **changes}, by="test")
        return accounts.by_id(self.hub, number)

    # -- time and reading

    def later(self, span: timedelta) -> None:
        self.sim.offset += span

    def read(self) -> None:
        """Staff, tags and customers, as they are."""
        for stream in ("staff", "tag", "customer"):
            self.land(stream)

    def land(self, stream: str) -> None:
        from hub.sync.connect import connect

        records = [record for page in connect(self.hub, self.account).pages(stream, None, None) for record in page.records]  # type: ignore[attr-defined]
        self.put(stream, records)

    def put(self, stream: str, records: list[dict[str, Any]]) -> None:
        lander = Lander(self.hub, self.account, stream)
        with self.hub.db.write() as conn:
            lander.land(conn, records)

    def dispatch(self) -> None:
        while rules.dispatch(self.hub):
            pass

    # -- tags

    def ref(self, key: str) -> str:
        return f"{self.account.id}|{key}"

    def wish(self, key: str, tag: str, *, add: bool = True) -> int:
        return tags.ask(self.hub, self.ref(key), self.ref(tag), add=add, by="ops@hub.local")

    def work(self) -> int:
        return tags.work(self.hub, self.account.id or 0)

    def wishes(self) -> list[tuple[bool, str]]:
        return [(row.add, row.state) for row in self.rows(TagWrite)]

    def assigned(self, key: str) -> set[str]:
        return {r.tag_ref.split("|")[1] for r in self.rows(TagAssignment) if r.profile_ref == self.ref(key)}

    def events(self, *kinds: str) -> list[str]:
        return [row.kind for row in self.rows(Event) if row.kind in kinds]

    def rows(self, model: type[Model]) -> list[Any]:
        each = table(model)
        with self.hub.db.read() as conn:
            return list(conn.execute(select(each).order_by(*each.primary_key.columns)))


@pytest.fixture
def settings() -> dict[str, Any]:
    return {}


@pytest.fixture
def house(db: Database, tmp_path: Path, settings: dict[str, Any]) -> Iterator[House]:
    sim = WeComSimulator()
    sim.app.logger.disabled = True
    served = Served(sim)
    ring = KeyRing.new()
    keyring.use(ring)
    connecting._budgets.clear()
    hub = Hub(Settings(data_dir=tmp_path, **settings), db, ring, clock=sim.now, sleep=lambda seconds: None)
    yield House(hub, sim, served.url)
    served.close()
