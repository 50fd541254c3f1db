"""The one outbound door: budgets, token, signing hook, sending, interpretation, retry, redaction.

Order for each call: budget → token → ``connector.sign`` → send → ``connector.interpret`` → action. Reads are repeated a
few times with back-off; a write is sent once, and whatever leaves its outcome open is raised as InDoubt.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import orjson
import requests
import structlog
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from connectors import errors
from connectors.base import Request, Token, Verdict
from connectors.budgets import Budgets, MemoryBudgets
from connectors.tokens import MemoryTokens, Tokens

if TYPE_CHECKING:
    from connectors.base import Connector
    from connectors.manifest import Manifest

log = structlog.get_logger("connectors.http")
INLINE_WAIT = 5.0
"""A throttle of up to this many seconds is waited out here; a longer one goes back to the planner."""
INLINE_WAITS = 10
RENEWALS = (0.0, 1.0, 4.0)
"""Seconds before each renewal of a token within one call: a platform may kill one between its fetching and its use."""
_NUMBER = re.compile(r"\d{7,}")
_MAILBOX = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")


def utc_now() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(UTC)


@dataclass
class Runtime:
    """What the hub lends a connector for its calls. priority: 0 person, 1 webhook, 2 incremental, 3 backfill.

    meter: told the name of each call that the platform has answered, other than with a limit.
    """

    clock: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    tokens: Tokens | None = None
    budgets: Budgets | None = None
    session: requests.Session | None = None
    priority: int = 2
    attempts: int = 4
    account: str = "-"
    stopped: Callable[[], bool] = field(default=lambda: False)
    meter: Callable[[str], None] = field(default=lambda name: None)


class Response:
    """An answer of the platform: status, headers, text, and the JSON body parsed without losing digits."""

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status, self.headers, self.content = status, headers, content

    @cached_property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.content.decode("utf-8", "replace")

    @cached_property
    def json(self) -> Any:
        """The body as JSON with fractions as Decimal and control characters in strings tolerated; None if it is none."""
        try:
            return json.loads(self.text, parse_float=Decimal, strict=False)
        except ValueError:
            return None

    @property
    def retry_after(self) -> float | None:
        """Seconds of a Retry-After header."""
        value = self.headers.get("Retry-After", "")
        if value.isascii() and value.isdigit():
            return float(value)
        try:
            until = parsedate_to_datetime(value)
        except ValueError:
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return max(0.0, (until - utc_now()).total_seconds())


def at(body: Any, path: str) -> Any:
    """The value at a dotted path of a JSON body, or None."""
    for step in path.split(".") if path else ():
        if isinstance(body, list) and step.isdigit() and int(step) < len(body):
            body = body[int(step)]
        elif isinstance(body, Mapping):
            body = body.get(step)
        else:
            return None
    return body


def interpret_status(response: Response) -> Verdict | None:
    """What the HTTP status alone says; None when the body decides."""
    status, code = response.status, f"http {response.status}"
    if status == 429:
        return Verdict("throttle", code=code, wait=response.retry_after)
    if status >= 500:
        return Verdict("retry", code=code, wait=response.retry_after)
    if status in (401, 403):
        return Verdict("scope_missing" if status == 403 else "refresh_token", code=code)
    if status >= 300:
        # Redirects are not followed: an address that has moved is for a person to look at.
        return Verdict("stop_and_alert", code=code)
    return None


def interpret_by_table(manifest: Manifest, response: Response) -> Verdict:
    """The default reading of an answer: HTTP status, then the manifest's error table."""
    verdict = interpret_status(response)
    if verdict is not None:
        return verdict
    body, table = response.json, manifest.errors
    if body is None:
        return Verdict("retry", code="not json")
    code, sub = at(body, table.code_at), at(body, table.sub_at) if table.sub_at else None
    code, sub = "" if code is None else str(code), "" if sub is None else str(sub)
    message, request_id = at(body, table.message_at) if table.message_at else "", at(body, table.request_id_at or "-")
    known = {"message": str(message or ""), "request_id": str(request_id) if request_id else None, "body": body}
    if code in table.ok:
        return Verdict("ok", code=code, **known)
    return judge(manifest, code, sub, **known)


def judge(manifest: Manifest, code: str, sub: str = "", **known: Any) -> Verdict:
    """The verdict of the manifest's table on a platform code."""
    rule = manifest.errors.rule(code, sub)
    shown = f"{code}/{sub}" if sub else code
    if rule is None:
        return Verdict("stop_and_alert", code=shown, **known)
    wait = known.pop("wait", None) or (rule.wait.total_seconds() if rule.wait else None)
    return Verdict(rule.do, code=shown, wait=wait, hint=rule.hint, unwritten=rule.unwritten, later=rule.later, **known)


class Door:
    """All calls of one connected account go through here."""

    def __init__(self, connector: Connector, runtime: Runtime) -> None:
        self.connector, self.runtime = connector, runtime
        self.tokens = runtime.tokens or MemoryTokens(runtime.clock)
        self.budgets = runtime.budgets or MemoryBudgets(connector.manifest.budgets)
        self.session = runtime.session or requests.Session()

    def get(self, path: str, **query: Any) -> Any:
        """A read by GET; the parsed body."""
        return self.call(Request("GET", path, query={k: str(v) for k, v in query.items()}))

    def post(self, path: str, json: Any = None, **options: Any) -> Any:
        """A read by POST with a JSON body; the parsed body. For writes use ``call`` with ``write=True``."""
        return self.call(Request("POST", path, json=json, **options))

    def call(self, request: Request) -> Any:
        """Send the request, follow the verdict, return the body. Raises the errors of ``connectors.errors``."""
        refused: list[str] = []
        if request.write:
            return self._attempt(request, refused)
        retrying = Retrying(
            stop=stop_after_attempt(self.runtime.attempts),
            wait=wait_random_exponential(multiplier=0.3, max=8),
            retry=retry_if_exception(lambda error: isinstance(error, errors.Unavailable) and not error.final),
            sleep=self.runtime.sleep,
            reraise=True,
        )
        return retrying(self._attempt, request, refused)

    def _attempt(self, request: Request, refused: list[str]) -> Any:
        waits = 0
        while True:
            if self.runtime.stopped():
                raise errors.Stop
            token = self._token() if request.auth else None
            verdict = self._exchange(request, token)
            if verdict.action == "ok":
                return verdict.body
            if verdict.action == "refresh_token" and request.auth:
                self._replace(token, verdict, request, refused)
            elif verdict.action == "throttle" and (verdict.wait or 1.0) <= INLINE_WAIT and waits < INLINE_WAITS:
                waits += 1
                self.budgets.slow(verdict.wait or 1.0)
                self.runtime.sleep(verdict.wait or 1.0)
            else:
                raise as_error(verdict, request, self.connector.manifest.name)

    def _replace(self, token: Token | None, verdict: Verdict, request: Request, refused: list[str]) -> None:
        """Another token for one that the platform refuses. refused: those of this call. ReauthNeeded: there is no other.
        Unavailable, with nothing written: it refuses each that it has just given, which passes or the error says why."""
        none_other = as_error(verdict, request, self.connector.manifest.name)
        if len(refused) == len(RENEWALS):
            if set(refused) == {token.value if token else ""}:
                raise none_other
            known = {"code": verdict.code, "request_id": verdict.request_id, "platform": self.connector.manifest.name}
            error = errors.Unavailable(verdict.later or "error.token_refused", **known, times=len(refused))
            error.final = True
            raise error
        if wait := RENEWALS[len(refused)]:
            self.runtime.sleep(wait)
        refused.append(token.value if token else "")
        if self._renewed(token) is None:
            raise none_other

    def renew(self) -> None:
        """Replace the token now, whether it is needed or not: some refresh tokens lapse when nobody uses them."""
        self._renewed(self.tokens.current())

    def _token(self) -> Token | None:
        return self.tokens.current() or self._renewed(None)

    def _renewed(self, dead: Token | None) -> Token | None:
        try:
            return self.tokens.renew(dead, self.connector.fetch_token)
        except errors.Unavailable as error:
            error.final = True  # fetching it has been tried often enough
            raise
        except errors.InDoubt as error:
            # Of the exchange of a credential, not of the call that needed the token: nothing of that has happened.
            unknown = errors.Unavailable("error.credential_in_doubt", code=error.code, **error.params)
            unknown.final = True
            raise unknown from None

    def _exchange(self, request: Request, token: Token | None) -> Verdict:
        name = request.name or request.path
        signed = self.connector.sign(request, token)
        with self.budgets.hold(name, self.runtime.priority, self.runtime.sleep):
            started = time.perf_counter()
            try:
                response = self._send(signed)
            except requests.exceptions.ConnectTimeout as error:
                raise errors.Unavailable(name=name, reason=type(error).__name__) from None
            except requests.exceptions.RequestException as error:
                raise _broken(request, name, error) from None
        verdict = self.connector.interpret(request, response)
        if verdict.action != "throttle":
            self.runtime.meter(name)
        log.debug(
            "call", account=self.runtime.account, name=name, status=response.status, action=verdict.action,
            code=verdict.code, ms=round((time.perf_counter() - started) * 1000),
        )  # fmt: skip
        return verdict

    def _send(self, request: Request) -> Response:
        url = request.path if "://" in request.path else urljoin(self.connector.base_url, request.path)
        answer = self.session.request(
            request.method,
            url,
            params=dict(request.query) or None,
            data=request.body if request.body is not None else request.form,
            json=request.json,
            headers=dict(request.headers),
            timeout=(5.0, request.timeout),
            allow_redirects=False,
        )
        return Response(answer.status_code, answer.headers, answer.content)


def _broken(request: Request, name: str, error: Exception) -> errors.ConnectorError:
    """A connection that was refused wrote nothing; one that broke later may have."""
    refused = "Connection refused" in str(error) or "NewConnectionError" in str(error)
    kind = errors.InDoubt if request.write and not refused else errors.Unavailable
    return kind(name=name, reason=type(error).__name__)


_ERRORS: dict[str, type[errors.ConnectorError]] = {
    "refresh_token": errors.ReauthNeeded,
    "reauth": errors.ReauthNeeded,
    "retry": errors.Unavailable,
    "gone": errors.Gone,
    "record_error": errors.InvalidRecord,
    "rejected": errors.Rejected,
    "duplicate": errors.Duplicate,
    "in_doubt": errors.InDoubt,
    "config_error": errors.ConfigError,
    "scope_missing": errors.ScopeMissing,
    "stop_and_alert": errors.UnknownAnswer,
}


def as_error(verdict: Verdict, request: Request, platform: str) -> errors.ConnectorError:
    """The error that a verdict stands for. On a write, a passing or unknown failure leaves the outcome in doubt."""
    known: dict[str, Any] = {"code": verdict.code, "request_id": verdict.request_id, "platform": platform}
    if verdict.message:
        known["message"] = without_personal(verdict.message[:300])
    if verdict.action == "throttle":
        return errors.Throttled(verdict.wait or 60.0, verdict.hint, **known)
    action = verdict.action
    if request.write and not verdict.unwritten and action in ("retry", "stop_and_alert"):
        action = "in_doubt"
    return _ERRORS[action](verdict.hint, **known)


def exact_json(body: Any) -> bytes:
    """A body as JSON whose decimals go out digit for digit, never through a binary float."""

    def exact(value: Any) -> orjson.Fragment:
        if isinstance(value, Decimal):
            return orjson.Fragment(format(value, "f"))
        raise TypeError(type(value).__name__)

    return orjson.dumps(body, default=exact)


def without_personal(text: str) -> str:
    """A platform's sentence without what may be somebody's number or mailbox; what is left is for people to read."""
    return _MAILBOX.sub("***", _NUMBER.sub(lambda found: found[0][:3] + "***", text))


def with_headers(request: Request, **headers: str) -> Request:
    """The request with these headers added."""
    return replace(request, headers={**request.headers, **headers})
