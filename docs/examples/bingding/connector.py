"""丙丁 CRM (Bingding CRM): the worked example of docs/add-a-connector.md."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from connectors import base
from connectors.base import Finding, Page, Record, Request, Source, Token, Window, setting
from connectors.http import Runtime

LIST = "/open/contact/list"


class BingdingConfig(base.Config):
    """What a person enters to connect an account."""

    app_id: str = setting("应用 ID", "App id", where_zh="开放平台 → 应用 → 凭证", where_en="Open platform → App → Credentials")
    app_secret: str = setting(
        "应用密钥",
        "App secret",
        where_zh="开放平台 → 应用 → 凭证",
        where_en="Open platform → App → Credentials",
        secret=True,
    )
    base_url: str = setting("接口地址", "API address", default="https://api.bingding.example", advanced=True)


class Bingding(Source):
    """One company's account."""

    Config = BingdingConfig

    def __init__(self, config: BingdingConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.base_url = config.base_url

    def check(self) -> list[Finding]:
        """Are the credentials right? The smallest signed call answers it."""
        self.http.get(LIST, updatedAfter=0, updatedBefore=1, page=1, pageSize=1)
        return [Finding("应用凭证有效", "The app's credentials are valid", True)]

    def sign(self, request: Request, token: Token | None) -> Request:
        """MD5 over secret + sorted name-value pairs + secret, in upper case. (docs: open/sign)"""
        query = {**request.query, "app": self.config.app_id, "ts": str(int(self.clock().timestamp() * 1000))}
        joined = "".join(name + query[name] for name in sorted(query))
        text = self.config.app_secret + joined + self.config.app_secret
        return replace(request, query={**query, "sign": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()})

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """Contacts changed in the window, from the last page to the first: a contact that changes meanwhile leaves the
        window, and those behind it move forward, to pages that are still to be read. (docs: contact/list)"""
        assert window is not None
        size = self.manifest.streams[stream].page_size
        span = {"updatedAfter": millis(window.start), "updatedBefore": millis(window.end), "pageSize": size}
        number = int(resume) if resume else -(-self.http.get(LIST, **span, page=1)["result"]["total"] // size)
        while number > 0:
            rows = self.http.get(LIST, **span, page=number)["result"]["rows"]
            number -= 1
            yield Page(rows, resume=str(number) if number else None, last=not number)

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """One contact; a deleted one is an empty result. (docs: contact/get)"""
        found: Record | None = self.http.get("/open/contact/get", contactId=key)["result"]
        return found


def millis(moment: datetime) -> int:
    """The instant as the platform writes times."""
    return int(moment.timestamp() * 1000)
