"""What all tests share: skips that are failures where the environment demands the test, and a PostgreSQL schema of one's own.

``HUB_TEST_REQUIRE=postgres,browser``: a test with one of these marks that skips has failed. ``HUB_TEST_POSTGRES``: URL of a
database that tests may wipe; its name must contain "test". Tests marked ``slow`` run only where ``-m`` names them.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from hypothesis import settings
from jinja2.bccache import Bucket, BytecodeCache

ROOT = Path(__file__).resolve().parents[1]
REQUIRED = frozenset(re.split(r"[,\s]+", os.environ.get("HUB_TEST_REQUIRE", ""))) - {""}
if str(ROOT) not in sys.path:  # harnesses are imported as tests.…, also by processes that tests start
    sys.path.insert(0, str(ROOT))

# A slow machine makes no example wrong. How long things may take is said where it is measured (`tests.yardstick`).
settings.register_profile("plain", deadline=None)
settings.load_profile("plain")


def pytest_configure(config: pytest.Config) -> None:
    """Each process of a parallel run (pytest -n) has a PostgreSQL database of its own, made anew."""
    url, worker = os.environ.get("HUB_TEST_POSTGRES"), os.environ.get("PYTEST_XDIST_WORKER")
    if not url or not worker:
        return
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    base = make_url(url).set(drivername="postgresql+psycopg")
    own = f"{base.database}_{worker}"
    if "test" in own:
        engine = create_engine(base, isolation_level="AUTOCOMMIT")
        with engine.connect() as conn:
            conn.execute(text(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)'))
            conn.execute(text(f'CREATE DATABASE "{own}"'))
        engine.dispose()
        os.environ["HUB_TEST_POSTGRES"] = make_url(url).set(database=own).render_as_string(hide_password=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """A skip of a required kind is a failure."""
    report = yield
    wanted = [name for name in sorted(REQUIRED) if item.get_closest_marker(name)]
    if report.skipped and wanted and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"skipped, but HUB_TEST_REQUIRE names {', '.join(wanted)}: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """So is a module of that kind which skips as a whole."""
    report = yield
    if report.skipped and REQUIRED and isinstance(collector, pytest.Module):
        wanted = [name for name in sorted(REQUIRED) if f"mark.{name}" in collector.path.read_text("utf-8")]
        if wanted:
            report.outcome = "failed"
            report.longrepr = f"{collector.path.name} skipped, but HUB_TEST_REQUIRE names {', '.join(wanted)}"
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests only where they are asked for; the longest files first, so that parallel processes end together."""
    items.sort(key=lambda item: "faults" not in item.path.parts)
    if "slow" in config.option.markexpr:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


class Compiled(BytecodeCache):
    """Templates as they were compiled, for all applications of the process."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if found := self.kept.get(bucket.key + bucket.checksum):
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key + bucket.checksum] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def _quick_pages() -> Iterator[None]:
    """Hundreds of applications are made, and hundreds of people sign in: templates are compiled once, passwords are cheap."""
    from hub.admin import users

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": Compiled()})
        patch.setattr(users, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield


@pytest.fixture
def postgres_schema() -> Iterator[str]:
    """The URL of an empty schema of the test's own in the PostgreSQL database for tests."""
    url = os.environ.get("HUB_TEST_POSTGRES")
    if not url:
        pytest.skip("HUB_TEST_POSTGRES does not name a PostgreSQL database that tests may wipe")
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    base = make_url(url).set(drivername="postgresql+psycopg")
    if "test" not in (base.database or ""):
        pytest.fail("the database of HUB_TEST_POSTGRES is wiped by tests: its name must contain 'test'")
    name = f"t_{secrets.token_hex(6)}"
    engine = create_engine(base)
    with engine.begin() as conn:
        conn.execute(text(f"CREATE SCHEMA {name}"))
    query = {"options": f"-csearch_path={name}", "application_name": name}
    try:
        yield base.set(drivername="postgresql", query=query).render_as_string(hide_password=False)
    finally:
        with engine.begin() as conn:
            conn.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name"), {"name": name}
            )
            conn.execute(text(f"DROP SCHEMA {name} CASCADE"))
        engine.dispose()
