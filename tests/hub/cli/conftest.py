"""The command line in this process, on a hub of its own."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from config.settings import Settings
from connectors import registry
from hub import accounts
from hub.core import Hub
from hub.store import database


@dataclass
class Answer:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Desk:
    """A folder in which ``hub`` is run. world: what the feed account ``crm`` sees, after ``connected``."""

    folder: Path
    feed: Any
    world: Any = None

    def run(self, *words: str, code: int | None = 0, input: str | None = None, **env: str) -> Answer:
        """Run ``hub WORDS``; fails when it ends otherwise than with the code (None = any) or with a traceback."""
        from hub.cli.main import app

        result = CliRunner().invoke(app, list(words), env=env, input=input)
        answer = Answer(result.exit_code, result.stdout, result.stderr)
        unexpected = result.exception is not None and not isinstance(result.exception, SystemExit)
        assert not unexpected, f"hub {' '.join(words)}: {result.exc_info and result.exc_info[0]}: {result.exception}"
        assert "Traceback" not in answer.err + answer.out
        assert code is None or answer.code == code, f"{answer.code}: {answer.out}{answer.err}"
        return answer

    def hub(self) -> Hub:
        """The hub behind the commands; close it."""
        return Hub.open(Settings(data_dir=self.folder / "var"))

    def connected(self, key: str = "crm") -> Any:
        """Connect the feed account; its world."""
        self.world = self.feed.WORLDS[key] = self.feed.World()
        hub = self.hub()
        accounts.add(hub, "feed", key, f"账号 {key}", {"world": key, "secret": "s3cret"}, by="test")
        hub.close()
        return self.world


@pytest.fixture
def desk(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch, feed: Any) -> Desk:
    """An initialised hub, and no settings from outside."""
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    # Logs are set up once a process, and this one runs other tests too.
    monkeypatch.setattr("config.logging.configure", lambda level: None)
    monkeypatch.setattr(database, "PRAGMAS", (*(p for p in database.PRAGMAS if "synchronous" not in p), "synchronous=OFF"))
    (tmp_path / "var").mkdir()
    shutil.copy(template, tmp_path / "var" / "hub.db")
    monkeypatch.setitem(
        registry.entries(), "feed", registry.Entry("feed", feed.__name__.rpartition(".")[0], Path(feed.__file__).parent)
    )
    return Desk(tmp_path, feed)
