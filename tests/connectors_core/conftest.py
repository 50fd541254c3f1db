"""A connector of two lines and a platform that answers by script, so that each rule of the door can be seen alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connectors.base import Config, Request, Sink, Source, Token
from connectors.http import Runtime, with_headers
from connectors.manifest import Manifest
from connectors.tokens import MemoryTokens

Answer = dict[str, Any] | tuple[int, Any] | tuple[int, Any, dict[str, str]] | Exception

MANIFEST: dict[str, Any] = {
    "name": "plain",
    "title": {"zh": "平常", "en": "Plain"},
    "summary": {"zh": "平常", "en": "Plain"},
    "category": "generic",
    "roles": ["source", "sink"],
    "streams": {"thing": {"title": {"zh": "物", "en": "Thing"}, "key": "id", "cursor": {"kind": "none"}, "fresh_within": "1h"}},
    "documents": {"bill": {"title": {"zh": "单", "en": "Bill"}, "steps": ["save"]}},
    "errors": {
        "code_at": "error.code",
        "sub_at": "error.sub",
        "message_at": "error.text",
        "request_id_at": "trace",
        "ok": ["", 0],
        "table": {
            "7/isv.*": {"do": "gone"},
            "7": {"do": "record_error"},
            "40014": {"do": "refresh_token"},
            "45009": {"do": "throttle", "wait": "60s"},
            "45033": {"do": "throttle", "wait": "2s"},
            "100": {"do": "retry"},
            "101": {"do": "retry", "unwritten": True},
            "reauth": {"do": "reauth"},
            "rejected": {"do": "rejected", "hint": "plain.closed"},
            "duplicate": {"do": "duplicate"},
            "in_doubt": {"do": "in_doubt"},
            "config": {"do": "config_error"},
            "scope": {"do": "scope_missing"},
        },
    },
    "messages": {"plain.closed": {"zh": "已结账", "en": "Closed", "fix_zh": "改期", "fix_en": "Change the date"}},
    "verified": {"how": {"zh": "无", "en": "not"}, "when": "2026-11-01", "against": {"zh": "无", "en": "nothing"}},
}


class PlainConfig(Config):
    """No settings."""


class Plain(Source, Sink):
    """Adds its token as a header and nothing else."""

    Config = PlainConfig
    manifest = Manifest.model_validate(MANIFEST)
    base_url = "http://platform.invalid/api/"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(PlainConfig(), runtime)
        self.fetched = 0

    def fetch_token(self) -> Token | None:
        self.fetched += 1
        return Token(f"t{self.fetched}", expires_in=7200)

    def sign(self, request: Request, token: Token | None) -> Request:
        return with_headers(request, Auth=token.value) if token else request


class Script(requests.Session):
    """A session that answers by script and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        self.asked.append({"method": method, "url": url, **options})
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = (*answer, {})[:3] if isinstance(answer, tuple) else (200, answer, {})
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return response


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 2, tzinfo=UTC)
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def platform(clock: Clock) -> Callable[..., tuple[Plain, Script]]:
    """``platform(answer, …)`` -> a connector and the session that answers so."""

    def make(*answers: Answer, **runtime: Any) -> tuple[Plain, Script]:
        session = Script(*answers)
        made = Runtime(clock=clock, sleep=clock.sleep, tokens=MemoryTokens(clock), session=session, **runtime)
        return Plain(made), session

    return make
