from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from config.settings import Settings
from hub.app import create_app
from hub.core import Hub
from tests.hub.admin.seed import PASSWORD, RULES, Seeded, open_hub, seed


class Browser:
    """A Flask test client that reads the CSRF token of a page and sends it, as a browser does."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, url: str, status: int = 200, **kwargs: Any) -> str:
        answer = self.client.get(url, **kwargs)
        assert answer.status_code == status, f"{url}: {answer.status_code}\n{answer.text[-600:]}"
        return str(answer.text)

    def token(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get("/login", follow_redirects=True).text)
        assert found
        return found[1]

    def post(self, url: str, status: int = 200, *, follow: bool = True, **fields: Any) -> str:
        data = {"csrf_token": self.token(), **fields}
        answer = self.client.post(url, data=data, follow_redirects=follow)
        assert answer.status_code == status, f"{url}: {answer.status_code}\n{answer.text[-600:]}"
        return str(answer.text)

    def walk(self, url: str, pattern: str) -> list[str]:
        """What stands on all pages of a list, in its order."""
        found: list[str] = []
        while url:
            page = self.get(url)
            found += re.findall(pattern, page)
            older = re.search(r'href="([^"]+)" rel="next"', page)
            url = older[1].replace("&amp;", "&") if older else ""
        return found

    def sign_in(self, role: str) -> Browser:
        self.post("/login", email=f"{role}@hub.local", password=PASSWORD)
        return self


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Seeded]:
    """A filled hub, made once; each test works on its own copy."""
    folder = tmp_path_factory.mktemp("admin")
    hub = open_hub(folder, rules=RULES)
    made = seed(hub)
    hub.close()
    return folder, made


@pytest.fixture
def made(tmp_path: Path, _template: tuple[Path, Seeded]) -> Iterator[Seeded]:
    folder, template = _template
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    hub = Hub.open(Settings(data_dir=tmp_path, rules=RULES))
    copy = Seeded(hub)
    copy.__dict__.update({**template.__dict__, "hub": hub})
    yield copy
    hub.close()


@pytest.fixture
def app(made: Seeded) -> Any:
    app = create_app(made.hub)
    app.testing = True
    return app


@pytest.fixture
def anyone(app: Any) -> Browser:
    return Browser(app.test_client())


@pytest.fixture
def viewer(app: Any) -> Browser:
    return Browser(app.test_client()).sign_in("viewer")


@pytest.fixture
def operator(app: Any) -> Browser:
    return Browser(app.test_client()).sign_in("operator")


@pytest.fixture
def admin(app: Any) -> Browser:
    return Browser(app.test_client()).sign_in("admin")
