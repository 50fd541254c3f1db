"""The same pages on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.app import create_app
from hub.store.migrate import upgrade
from tests.hub.admin.conftest import Browser
from tests.hub.admin.seed import RULES, Seeded, open_hub, seed
from tests.hub.admin.test_pages import pages
from tests.hub.admin.test_sheet import Shop, agrees, fill

pytestmark = pytest.mark.postgres


@pytest.fixture
def made(tmp_path: Path, postgres_schema: str) -> Iterator[Seeded]:
    from hub.store.database import Database

    db = Database(postgres_schema)
    upgrade(db)
    db.close()
    hub = open_hub(tmp_path, rules=RULES, database_url=postgres_schema)
    assert hub.db.dialect == "postgresql"
    yield seed(hub)
    hub.close()


@pytest.fixture
def app(made: Seeded) -> Any:
    app = create_app(made.hub)
    app.testing = True
    return app


def test_every_page_opens(admin: Any, made: Seeded) -> None:
    for url in [*pages(made), "/inbox?state=stuck", "/deliveries?state=sent&account=erp", "/quarantine?account=tmall"]:
        admin.get(url)


def test_paging_and_work(app: Any, made: Seeded) -> None:
    person = Browser(app.test_client()).sign_in("operator")
    url, seen = "/customers", []
    while url:
        text = person.get(url)
        seen += re.findall(r'href="/customers/(c[0-9a-z]{20,})"', text)
        older = re.search(r'href="([^"]+)" rel="next"', text)
        url = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == len(set(seen)) > 70
    cid, ref = made.customers["王小红"], f"{made.account['tmall']}|b-7781"
    assert "已拆分" in person.post(f"/customers/{cid}/split", profile=ref)
    assert "已安排" in person.post(f"/deliveries/{made.deliveries['rejected']}/retry")
    assert "仍未通过 3 条" in person.post("/quarantine/replay")
    assert "已安排 1 条" in person.post("/inbox/push/replay", key=made.push)


def test_the_sheet_by_sql_is_the_sheet_line_by_line(made: Seeded) -> None:
    fill(Shop(made))
    for name in ("deal", "order", "refund"):
        agrees(made, name)
