"""The rules about tokens that die again and again: the template passes them, and each fails a connector that breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors import errors
from connectors._template.connector import DemoCrm
from connectors.base import Document, Finding, Page, Receipt, Request, Token, Verdict, Window
from connectors.manifest import Manifest, Message
from tests.contract.test_rotate_bites import KINDS, MANIFEST, RotatingCrm, RotatingSimulator
from tests.contract.test_suite_bites import named, variant

READING = "reading_with_refused_tokens_is_left_for_later"
WRITING = "writing_with_refused_tokens_is_left_for_later"
CHECKING = "a_check_with_refused_tokens_asks_for_nothing_false"
FALSE = Message(zh="授权失效", en="The authorisation is dead", fix_zh="请重新授权", fix_en="Authorise again, please")


def said(**table: Any) -> Manifest:
    """The template's manifest with another rule about dead tokens."""
    rules = MANIFEST.errors.table
    changed = rules["40101"].model_copy(update=table)
    errors_ = MANIFEST.errors.model_copy(update={"table": {**rules, "40101": changed}})
    return MANIFEST.model_copy(update={"errors": errors_, "messages": {**MANIFEST.messages, "demo_crm.again": FALSE}})


class CallsAPersonAtOnce(DemoCrm):
    """As if a refused token were a dead authorisation."""

    def interpret(self, request: Request, response: Any) -> Verdict:
        verdict = super().interpret(request, response)
        return Verdict("reauth", code=verdict.code) if verdict.action == "refresh_token" else verdict


class RenewsForEver(DemoCrm):
    """Renews by itself, beside the door."""

    def sign(self, request: Request, token: Token | None) -> Request:
        if request.auth:
            self.http.renew()
        return super().sign(request, token)


class SaysItIsRefused(DemoCrm):
    """A passing fault as a fault of the configuration."""

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        try:
            yield from super().pages(stream, window, resume)
        except errors.Unavailable:
            raise errors.ConfigError from None


class ReadsNothingInstead(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        try:
            yield from super().pages(stream, window, resume)
        except errors.Unavailable:
            yield Page([], None, last=True)


class StaysRefused(DemoCrm):
    """Remembers the fault after it has passed."""

    refused = False

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        if self.refused:
            raise errors.Unavailable
        try:
            yield from super().pages(stream, window, resume)
        except errors.Unavailable:
            self.refused = True
            raise


class FindsNothingInstead(DemoCrm):
    def find(self, document: Document) -> Receipt | None:
        try:
            return super().find(document)
        except errors.Unavailable:
            return None


class WritesWithoutAsking(DemoCrm):
    """A refused write is a rejected document."""

    def send(self, document: Document) -> Receipt:
        try:
            return super().send(document)
        except errors.Unavailable as error:
            raise errors.Rejected(code=error.code) from None


class SaysNothingAtACheck(DemoCrm):
    def check(self) -> list[Finding]:
        try:
            return super().check()
        except errors.Unavailable:
            return [Finding("好", "fine", True)]


class ShowsTheKeyAtACheck(DemoCrm):
    def check(self) -> list[Finding]:
        try:
            return super().check()
        except errors.Unavailable as error:
            return [Finding("凭证", "Credentials", False, str(error), str(error))]


class LosesTheCredential(RotatingCrm):
    """Each renewal uses one up, and the new one is kept only when the platform is content with the token."""

    def fetch_token(self) -> Token:
        token = super().fetch_token()
        return Token(token.value, token.expires_in) if self.http.tokens.current() else token


BROKEN: list[tuple[type[Any], str]] = [
    (CallsAPersonAtOnce, READING),
    (CallsAPersonAtOnce, WRITING),
    (RenewsForEver, READING),
    (SaysItIsRefused, READING),
    (ReadsNothingInstead, READING),
    (StaysRefused, READING),
    (FindsNothingInstead, WRITING),
    (WritesWithoutAsking, WRITING),
    (SaysNothingAtACheck, CHECKING),
    (ShowsTheKeyAtACheck, CHECKING),
]


@pytest.mark.parametrize(("kind", "name"), BROKEN, ids=[f"{kind.__name__}-{name}" for kind, name in BROKEN])
def test_a_broken_connector_fails(kind: type[Any], name: str) -> None:
    with pytest.raises(Exception) as caught:
        named(variant(kind), name).run()
    assert isinstance(caught.value, AssertionError | errors.ConnectorError), caught.value


@pytest.mark.parametrize("name", [READING, WRITING, CHECKING])
def test_words_that_send_somebody_to_authorise_again_fail(name: str) -> None:
    with pytest.raises(AssertionError, match="tried again by itself"):
        named(variant(said=said(later="demo_crm.again")), name).run()


@pytest.mark.parametrize("name", [READING, WRITING, CHECKING])
def test_a_hint_for_whoever_must_act_is_not_read_where_nobody_must(name: str) -> None:
    named(variant(said=said(hint="demo_crm.again")), name).run()


def test_a_credential_that_is_lost_on_the_way_fails() -> None:
    known = MANIFEST.model_copy(update={"credentials": KINDS})
    named(variant(RotatingCrm, sim=RotatingSimulator, said=known), READING).run()
    with pytest.raises((AssertionError, errors.ConnectorError)):
        named(variant(LosesTheCredential, sim=RotatingSimulator, said=known), READING).run()
