"""A hub on whatever simulators a test names, in the form that ``child`` needs to let it die."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import text

from config.settings import load_settings
from connectors.sandbox import Served, Simulator
from hub import accounts
from hub.core import Hub
from hub.store.migrate import upgrade


class Side:
    """Simulators in this process, a hub in others. more: settings of an account that differ from its simulator's own."""

    def __init__(self, folder: Path, *simulators: Simulator, database: str = "", more: dict[str, Any] | None = None) -> None:
        self.folder, self.simulators = folder, simulators
        self._served = [Served(simulator) for simulator in simulators]
        for simulator in simulators:
            simulator.app.logger.disabled = True
        known = {"lease_seconds": 2, "settle_seconds": 0.3, "log_level": "warning", "threads": 4, "database_url": database}
        (folder / "hub.yaml").write_text(yaml.safe_dump(known), "utf-8")
        with self.opened() as hub:
            if database:
                upgrade(hub.db)
            for simulator, served in zip(simulators, self._served, strict=True):
                config = simulator.settings(served.url) | (more or {}).get(simulator.name, {})
                accounts.add(hub, simulator.name, simulator.name, simulator.name, config, by="test")

    def close(self) -> None:
        """Stop serving."""
        for served in self._served:
            served.close()

    def environment(self, ahead: float = 0.0) -> dict[str, str]:
        """What a hub process needs. ahead: seconds by which its clock is further on."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        own = {"HUB_CONFIG": str(self.folder / "hub.yaml"), "HUB_DATA_DIR": str(self.folder)}
        return kept | own | {"HUB_CLOCK_OFFSET": str(ahead)}

    @contextmanager
    def opened(self) -> Iterator[Hub]:
        """The hub in this process, to look at it."""
        hub = Hub.open(load_settings(self.folder / "hub.yaml", data_dir=self.folder))
        try:
            yield hub
        finally:
            hub.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the hub's tables say."""
        with self.opened() as hub, hub.db.read() as conn:
            return [tuple(row) for row in conn.execute(text(query))]
