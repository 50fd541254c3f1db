"""First steps on the command line: what is told before anything is set up, and to whom a bad choice is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli.main import app


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "told"),
    [(["--role", "boss", "--password", "long enough by far"], "viewer, operator, admin"), (["--password", "short"], "10")],
)
def test_a_user_that_cannot_be_is_told_in_one_line(words: list[str], told: str) -> None:
    done = CliRunner().invoke(app, ["users", "add", "me@example.com", *words])
    assert done.exit_code == 2
    assert told in done.output and "Traceback" not in done.output and len(done.output.strip().splitlines()) == 1


@pytest.mark.postgres
def test_before_the_tables_are_there_the_doctor_says_what_to_do(postgres_schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", postgres_schema)
    before = CliRunner().invoke(app, ["doctor"])
    assert before.exit_code == 1 and "hub migrate" in before.output
    assert CliRunner().invoke(app, ["init"]).exit_code == 0
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 0
