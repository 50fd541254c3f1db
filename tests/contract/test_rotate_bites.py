"""The rules about credentials that change: a platform whose refresh tokens rotate and that pushes tickets passes; each of the
rules fails a connector that breaks it."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import secrets
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors._template.connector import DemoCrm
from connectors._template.simulator import LIFE, DemoCrmSimulator, Refused, answer, local
from connectors.base import Credential, Opened, PlatformEvent, RawRequest, Request, Token
from connectors.contract import Scenario, contract_tests
from connectors.manifest import CredentialKind, Text, load_manifest
from tests.contract.test_suite_bites import FOLDER, named, variant

MANIFEST = load_manifest(FOLDER / "manifest.yaml")
KINDS = {
    "refresh_token": CredentialKind(title=Text(zh="刷新令牌", en="Refresh token"), changed_by="use"),
    "ticket": CredentialKind(title=Text(zh="应用票据", en="App ticket"), changed_by="push"),
}
SAID = MANIFEST.model_copy(update={"credentials": KINDS})


class RotatingSimulator(DemoCrmSimulator):
    """Each exchange kills the refresh token, and every token given before; a ticket goes with it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.refresh, self.tickets = secrets.token_hex(8), [secrets.token_hex(8)]

    def credentials(self) -> dict[str, str]:
        return {"refresh_token": self.refresh, "ticket": self.tickets[-1]}

    def _token(self) -> Any:
        from flask import request

        asked = dict(request.get_json())
        with self.lock:
            if asked.pop("refresh_token", "") != self.refresh or asked.pop("ticket", "") not in self.tickets:
                raise Refused(40001, "refresh token or ticket is not valid")
            if asked != {"app_id": self.app_id, "app_secret": self.app_secret}:
                raise Refused(40001, "unknown app")
            token, self.refresh = secrets.token_urlsafe(24), secrets.token_hex(8)
            self.tokens = {token: self.now() + LIFE}
        data = {"access_token": token, "expires_in": int(LIFE.total_seconds()), "refresh_token": self.refresh}
        return answer(0, data=data)

    def issue(self, url: str, name: str, *, forged: bool = False) -> int:
        self.pushed += 1
        self.tickets.append(secrets.token_hex(8))
        push = {"event_id": f"t{self.pushed}", "type": "ticket", "id": self.tickets[-1], "time": local(self.now())}
        body, stamp = json.dumps(push).encode(), str(int(self.now().timestamp()))
        secret = "somebody else's secret" if forged else self.hook_secret
        signature = hmac.digest(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hex()
        headers = {"Content-Type": "application/json", "X-Demo-Timestamp": stamp, "X-Demo-Signature": signature}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code


class RotatingCrm(DemoCrm):
    """Hands back what changes, and says before what it uses up."""

    def fetch_token(self) -> Token:
        data = self.exchanged(self.kept.spend("refresh_token"))
        return Token(data["access_token"], data["expires_in"], keep={"refresh_token": data["refresh_token"]}, renew_in=3600)

    def exchanged(self, refresh_token: str, *, write: bool = True) -> dict[str, Any]:
        body = {
            "app_id": self.config.app_id, "app_secret": self.config.app_secret,
            "refresh_token": refresh_token, "ticket": self.kept.value("ticket"),
        }  # fmt: skip
        answered = self.http.call(Request("POST", "/oauth/token", json=body, auth=False, write=write))
        return dict(answered["data"])

    def open(self, request: RawRequest) -> Opened:
        opened = super().open(request)
        if opened.payload["type"] != "ticket":
            return opened
        at = datetime.fromtimestamp(int(request.header("X-Demo-Timestamp")), UTC)
        return dataclasses.replace(opened, keep={"ticket": Credential(opened.payload["id"], at)})

    def events(self, opened: Opened) -> list[PlatformEvent]:
        return [] if opened.keep else super().events(opened)


def rotating(kind: type[Any] = RotatingCrm) -> Any:
    return variant(kind, sim=RotatingSimulator, said=SAID)


ABOUT = {"spent", "sent", "document"}
RULES = [scenario for scenario in contract_tests(rotating()) if scenario.rule.each in ABOUT or "push" in str(scenario)]


@pytest.mark.parametrize("scenario", RULES, ids=str)
def test_a_platform_whose_credentials_rotate_passes(scenario: Scenario) -> None:
    scenario.run()


class KeepsItWithTheToken(RotatingCrm):
    """In ``extra``, which is gone with the token that it should replace."""

    def fetch_token(self) -> Token:
        token = super().fetch_token()
        return dataclasses.replace(token, extra=token.keep, keep={})


class KeepsTheOldOne(RotatingCrm):
    def fetch_token(self) -> Token:
        old = self.kept.value("refresh_token")
        return dataclasses.replace(super().fetch_token(), keep={"refresh_token": old})


class SaysNothingBefore(RotatingCrm):
    """Uses it up unannounced: after a cut it looks as if somebody had entered a wrong secret."""

    def fetch_token(self) -> Token:
        data = self.exchanged(self.kept.value("refresh_token"))
        return Token(data["access_token"], data["expires_in"], keep={"refresh_token": data["refresh_token"]})


class RepeatsTheExchange(RotatingCrm):
    """As a read: the door repeats it, and the second time the token is dead."""

    def fetch_token(self) -> Token:
        data = self.exchanged(self.kept.value("refresh_token"), write=False)
        return Token(data["access_token"], data["expires_in"], keep={"refresh_token": data["refresh_token"]})


class ForgetsTheTicket(RotatingCrm):
    def open(self, request: RawRequest) -> Opened:
        return dataclasses.replace(super().open(request), keep={})


class TimesItByItself(RotatingCrm):
    """A late repetition of an old ticket is then the newest."""

    def open(self, request: RawRequest) -> Opened:
        opened = super().open(request)
        same = datetime(2026, 1, 1, tzinfo=UTC)
        return dataclasses.replace(opened, keep={name: Credential(one.value, same) for name, one in opened.keep.items()})


class TakesAnybodysTicket(RotatingCrm):
    def open(self, request: RawRequest) -> Opened:
        try:
            payload = json.loads(request.body)
            at = datetime.fromtimestamp(int(request.header("X-Demo-Timestamp")), UTC)
            return Opened(request.body, payload, keep={"ticket": Credential(payload["id"], at)})
        except (ValueError, KeyError, TypeError):
            return super().open(request)


BROKEN = [
    (KeepsItWithTheToken, "a_changed_credential_is_handed_back"),
    (KeepsTheOldOne, "a_changed_credential_is_handed_back"),
    (SaysNothingBefore, "a_renewal_that_breaks_off_recovers_or_is_told"),
    (RepeatsTheExchange, "a_renewal_that_breaks_off_recovers_or_is_told"),
    (ForgetsTheTicket, "a_pushed_credential_is_kept_and_used"),
    (TimesItByItself, "a_pushed_credential_is_kept_and_used"),
    (TakesAnybodysTicket, "a_forged_credential_is_refused"),
]


@pytest.mark.parametrize(("kind", "name"), BROKEN, ids=[f"{kind.__name__}-{name}" for kind, name in BROKEN])
def test_a_broken_connector_fails(kind: type[Any], name: str) -> None:
    with pytest.raises(AssertionError):
        named(rotating(kind), name).run()
