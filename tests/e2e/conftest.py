"""A hub on a loopback port and Debian's Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from hub.app import create_app
from tests.hub.admin.seed import PASSWORD, RULES, Seeded, open_hub, seed

CHROMIUM = os.environ.get("HUB_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
SIZES = {"desktop": (1280, 860), "phone": (375, 812)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    absent = pytest.mark.skip(reason="no Chromium on this machine (apt install chromium fonts-noto-cjk, or set HUB_CHROMIUM)")
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM:
                item.add_marker(absent)


class Site:
    """A served hub: its address and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.made: Seeded = seed(open_hub(folder, rules=RULES))
        self.server = make_server("127.0.0.1", 0, create_app(self.made.hub), threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=5)
        self.made.hub.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    served = Site(tmp_path)
    yield served
    served.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--font-render-hinting=none"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


class Visitor:
    """One person at one screen size; everything the browser complains about is kept in ``complaints``."""

    def __init__(self, browser: Any, site: Site, size: str) -> None:
        width, height = SIZES[size]
        phone = {"device_scale_factor": 2, "is_mobile": True, "has_touch": True} if size == "phone" else {}
        self.context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN", **phone)
        self.page = self.context.new_page()
        self.site, self.size = site, size
        self.complaints: list[str] = []
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", self._failed)

    def _failed(self, asked: Any) -> None:
        if asked.failure != "net::ERR_ABORTED":  # the page was left while it was still loading
            self.complaints.append(f"failed: {asked.url}: {asked.failure}")

    def open(self, path: str) -> Any:
        answer = self.page.goto(self.site.url + path)
        assert answer is not None and answer.status < 400, f"{path}: {answer and answer.status}"
        return self.page

    def sign_in(self, role: str = "admin") -> Visitor:
        self.open("/login")
        self.page.fill("#email", f"{role}@hub.local")
        self.page.fill("#password", PASSWORD)
        self.page.click("button.btn-primary")
        self.page.wait_for_url(self.site.url + "/")
        return self

    def shoot(self, name: str) -> None:
        """Keep a picture of the whole page, where HUB_SCREENSHOTS names a folder."""
        if folder := os.environ.get("HUB_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}-{self.size}.png"), full_page=True)

    def overflow(self) -> int:
        """By how many pixels the page is wider than the screen."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.fixture(params=list(SIZES))
def visitor(request: pytest.FixtureRequest, chromium: Any, site: Site) -> Iterator[Visitor]:
    person = Visitor(chromium, site, request.param)
    yield person
    person.context.close()
