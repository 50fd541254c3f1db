"""The suite itself: the template passes it, and each of these broken connectors fails the scenario made for its fault."""

from __future__ import annotations

import dataclasses
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import structlog

import connectors
from connectors import errors
from connectors._template.connector import DemoCrm, DemoCrmConfig
from connectors._template.simulator import DemoCrmSimulator
from connectors.base import (
    Document,
    Finding,
    Money,
    Opened,
    Page,
    PlatformEvent,
    RawRequest,
    Receipt,
    Reply,
    Request,
    Verdict,
    Window,
    setting,
)
from connectors.contract import Scenario, contract_tests
from connectors.contract.scenario import RULES
from connectors.manifest import Manifest, load_manifest
from connectors.people import Notice, TagChange
from connectors.registry import Entry

FOLDER = Path(connectors.__file__).parent / "_template"
TEMPLATE = Entry("demo_crm", "connectors._template", FOLDER)


@dataclass(frozen=True)
class Variant(Entry):
    """The template with another class, simulator or manifest."""

    kind: type[Any] = DemoCrm
    sim: type[Any] = DemoCrmSimulator
    said: Manifest | None = None

    @property
    def manifest(self) -> Manifest:
        return self.said or load_manifest(self.folder / "manifest.yaml")

    def load(self) -> type[Any]:
        self.kind.manifest = self.manifest
        return self.kind

    def simulator(self) -> type[Any]:
        return self.sim


def variant(kind: type[Any] = DemoCrm, **changes: Any) -> Variant:
    return Variant("demo_crm", "connectors._template", changes.pop("folder", FOLDER), kind=kind, **changes)


def named(entry: Entry, name: str) -> Scenario:
    found = [scenario for scenario in contract_tests(entry) if scenario.rule.check.__name__ == name]
    assert len(found) == 1, f"no scenario {name}"
    return found[0]


@pytest.mark.parametrize("scenario", contract_tests(TEMPLATE), ids=str)
def test_the_template_passes(scenario: Scenario) -> None:
    scenario.run()


# ---------------------------------------------------------------- reading


class StopsAfterOnePage(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        for page in super().pages(stream, window, resume):
            yield Page(page.records, None, last=True)
            return


class CountsPages(DemoCrm):
    """Numbers pages itself over a list that moves while it reads."""

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        number = int(resume or 0)
        while True:
            rows = [row for page in super().pages(stream, window, None) for row in page.records]
            number += 1
            part, more = rows[(number - 1) * 50 : number * 50], len(rows) > number * 50
            yield Page(part, str(number), last=not more)
            if not more:
                return


class StartsLate(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        assert window
        return super().pages(stream, Window(window.start + timedelta(seconds=1), window.end), resume)


class RepeatsPages(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        for page in super().pages(stream, window, resume):
            yield dataclasses.replace(page, last=False, resume=page.resume or "again")
            yield page


class ForgetsWhereItStood(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        for page in super().pages(stream, window, resume):
            yield dataclasses.replace(page, resume=None)


class ResumesFromTheStart(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        return super().pages(stream, window, None)


class ChokesOnNothing(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        for page in super().pages(stream, window, resume):
            self.newest = page.records[-1]["modified_time"]
            yield page


class ReadsOnceForEver(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        self.read = getattr(self, "read", None) or list(super().pages(stream, window, resume))
        yield from self.read


class StopsAt5xx(DemoCrm):
    def interpret(self, request: Request, response: Any) -> Any:
        return Verdict("stop_and_alert") if response.status >= 500 else super().interpret(request, response)


class TriesOnce(DemoCrm):
    def __init__(self, config: Any, runtime: Any) -> None:
        super().__init__(config, dataclasses.replace(runtime, attempts=1))


class TakesHtmlForEmpty(DemoCrm):
    def interpret(self, request: Request, response: Any) -> Any:
        verdict = super().interpret(request, response)
        empty = {"data": {"items": [], "next": ""}}
        return Verdict("ok", body=empty) if verdict.code == "not json" and request.auth else verdict


class NeverSaysLast(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        for page in super().pages(stream, window, resume):
            yield dataclasses.replace(page, last=False)


class SwallowsOutages(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        try:
            yield from super().pages(stream, window, resume)
        except errors.Unavailable:
            yield Page([], None, last=True)


class DropsBadRows(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        for page in super().pages(stream, window, resume):
            yield dataclasses.replace(page, records=[row for row in page.records if row["created_time"][4] == "-"])


class HidesUnknownFields(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        for page in super().pages(stream, window, resume):
            yield dataclasses.replace(page, records=[{k: v for k, v in r.items() if k[:2] != "zz"} for r in page.records])


class FetchesAnotherShape(DemoCrm):
    def fetch_one(self, stream: str, key: str) -> Any:
        return {**(super().fetch_one(stream, key) or {}), "email": ""}


class CannotBeGone(DemoCrm):
    def fetch_one(self, stream: str, key: str) -> Any:
        try:
            return super().fetch_one(stream, key)
        except errors.Gone:
            return {"id": key}


class RetriesAWrongClock(DemoCrm):
    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        if abs((self.clock() - self.true_clock()).total_seconds()) > 600:
            raise errors.Unavailable
        yield from super().pages(stream, window, resume)

    def find(self, document: Document) -> Receipt | None:
        return None if abs((self.clock() - self.true_clock()).total_seconds()) > 1800 else super().find(document)

    @staticmethod
    def true_clock() -> Any:
        from connectors.http import utc_now

        return utc_now()


# ---------------------------------------------------------------- writing


class WritesAsARead(DemoCrm):
    def send(self, document: Document) -> Receipt:
        call = self.http.call
        self.http.call = lambda request: call(dataclasses.replace(request, write=False))  # type: ignore[method-assign]
        try:
            return super().send(document)
        finally:
            self.http.call = call  # type: ignore[method-assign]


class SendsAgainWhenInDoubt(DemoCrm):
    def send(self, document: Document) -> Receipt:
        try:
            return super().send(document)
        except errors.InDoubt:
            return super().send(document)


class BelievesItself(DemoCrm):
    """find answers with what was asked instead of what is there."""

    def find(self, document: Document) -> Receipt | None:
        found = super().find(document)
        return found and dataclasses.replace(found, amount=document.amount, party_code=document.party.code)


class ForgetsToConfirm(DemoCrm):
    def finish(self, document: Document, receipt: Receipt) -> Receipt:
        return receipt


class ConfirmsAgain(DemoCrm):
    def finish(self, document: Document, receipt: Receipt) -> Receipt:
        return super().finish(document, dataclasses.replace(receipt, complete=False))


class FindsAnything(DemoCrm):
    def find(self, document: Document) -> Receipt | None:
        return super().find(document) or Receipt(document.number, "R1", "confirmed", True, Money(1), "C")


class GuessesAbsent(DemoCrm):
    def find(self, document: Document) -> Receipt | None:
        try:
            return super().find(document)
        except errors.Retryable:
            return None


class FindsNothing(DemoCrm):
    def find(self, document: Document) -> Receipt | None:
        return None


class AllowsTwins(DemoCrmSimulator):
    """A platform that does not keep numbers unique."""

    def _save(self) -> Any:
        for receipt in self.receipts.values():
            receipt["number"] += "'"
        reply = super()._save()
        for receipt in self.receipts.values():
            receipt["number"] = receipt["number"].rstrip("'")
        return reply


# ---------------------------------------------------------------- receiving


class OpensAnything(DemoCrm):
    def open(self, request: RawRequest) -> Opened:
        import json

        payload = json.loads(request.body)
        return Opened(request.body, payload, dedup_key=payload["event_id"])


class SignsOnlyTheHead(DemoCrm):
    """Checks that there is a signature, not that it is right."""

    def open(self, request: RawRequest) -> Opened:
        if not request.header("X-Demo-Signature"):
            raise errors.BadSignature
        try:
            return OpensAnything.open(self, request)  # type: ignore[arg-type]
        except ValueError:
            raise errors.BadPush(field="body") from None


class MakesUpKeys(DemoCrm):
    def events(self, opened: Opened) -> list[PlatformEvent]:
        return [dataclasses.replace(event, key=secrets.token_hex(4)) for event in super().events(opened)]


class OneKeyForAll(DemoCrm):
    def open(self, request: RawRequest) -> Opened:
        return dataclasses.replace(super().open(request), dedup_key="customer.updated")

    def events(self, opened: Opened) -> list[PlatformEvent]:
        return [dataclasses.replace(event, key="customer.updated") for event in super().events(opened)]


class RingsWithoutAnythingNew(DemoCrm):
    """Its pushes say that there is something new, and reading gives nothing."""

    def events(self, opened: Opened) -> list[PlatformEvent]:
        return [dataclasses.replace(event, record_key="") for event in super().events(opened)]

    def pages(self, stream: str, window: Any, resume: str | None) -> Iterator[Page]:
        yield Page((), last=True)


class NamesAnotherRecord(DemoCrm):
    def events(self, opened: Opened) -> list[PlatformEvent]:
        return [dataclasses.replace(event, record_key=event.key) for event in super().events(opened)]


class AlwaysContent(DemoCrm):
    def reply(self, outcome: Any) -> Reply:
        return Reply(200, b"success")


class TripsOverGarbage(DemoCrm):
    def open(self, request: RawRequest) -> Opened:
        if int(request.header("X-Demo-Timestamp")) > 0:
            return super().open(request)
        raise errors.BadSignature


# ---------------------------------------------------------------- acting for people


class NeverTakesOff(DemoCrm):
    def write_tags(self, change: TagChange) -> None:
        if change.add:
            super().write_tags(dataclasses.replace(change, remove=frozenset()))


class ReadsNoTags(DemoCrm):
    def fetch_one(self, stream: str, key: str) -> Any:
        return {**(super().fetch_one(stream, key) or {}), "tags": []}


class RefusesWhatIsSoAlready(DemoCrm):
    def write_tags(self, change: TagChange) -> None:
        row = self.fetch_one(change.stream, change.key) or {}
        if change.add & {tag["id"] for tag in row["tags"]}:
            raise errors.Rejected
        super().write_tags(change)


class TagsOneByOne(DemoCrm):
    def write_tags(self, change: TagChange) -> None:
        for tag in sorted(change.add, reverse=True):
            super().write_tags(dataclasses.replace(change, add=frozenset({tag}), remove=frozenset()))
        if change.remove:
            super().write_tags(dataclasses.replace(change, add=frozenset()))


class WritesTagsAsARead(DemoCrm):
    def write_tags(self, change: TagChange) -> None:
        call = self.http.call
        self.http.call = lambda request: call(dataclasses.replace(request, write=False))  # type: ignore[method-assign]
        super().write_tags(change)


class TellsTheFirstAlone(DemoCrm):
    def notify(self, notice: Notice) -> list[str]:
        return super().notify(dataclasses.replace(notice, to=notice.to[:1]))


class SaysThatAllWereReached(DemoCrm):
    def notify(self, notice: Notice) -> list[str]:
        super().notify(notice)
        return []


class KeysOfTheMoment(DemoCrm):
    def notify(self, notice: Notice) -> list[str]:
        return super().notify(dataclasses.replace(notice, key=secrets.token_hex(8)))


class TellsAgainWhenInDoubt(DemoCrm):
    def notify(self, notice: Notice) -> list[str]:
        try:
            return super().notify(notice)
        except errors.InDoubt:
            return super().notify(notice)


class ShortensTheState(DemoCrm):
    def sign_in_url(self, redirect: str, state: str) -> str:
        return super().sign_in_url(redirect, state[:8])


class LetsVisitorsIn(DemoCrm):
    def signed_in(self, query: Any) -> str:
        data = self.http.get("/v1/login", code=query["code"])["data"]
        return str(data.get("member") or data["visitor"])


class RemembersCodes(DemoCrm):
    seen: ClassVar[dict[str, str]] = {}

    def signed_in(self, query: Any) -> str:
        code = query.get("code", "")
        if code not in self.seen:
            self.seen[code] = super().signed_in(query)
        return self.seen[code]


class DoesNotNameTheRefusal(DemoCrm):
    def signed_in(self, query: Any) -> str:
        return str(self.http.get("/v1/login", code=query.get("code", ""))["data"]["member"])


class TakesEveryBrowserForItsClient(DemoCrm):
    def inside_url(self, redirect: str, state: str, user_agent: str) -> str:
        return super().sign_in_url(redirect, state)


class SendsItsSecretAlong(DemoCrm):
    def sign_in_url(self, redirect: str, state: str) -> str:
        return super().sign_in_url(redirect, state) + f"&secret={self.config.app_secret}"


# ---------------------------------------------------------------- showing


class LogsItsSecret(DemoCrm):
    def fetch_token(self) -> Any:
        structlog.get_logger().info("token", secret=self.config.app_secret)
        return super().fetch_token()


class TellsItsToken(DemoCrm):
    def sign(self, request: Request, token: Any) -> Request:
        self.last = token.value if token else ""
        return super().sign(request, token)

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        try:
            yield from super().pages(stream, window, resume)
        except errors.ConnectorError:
            raise errors.Unavailable(token=self.last) from None


class ShowsItsSecret(DemoCrm):
    class Config(DemoCrmConfig):
        app_secret: str = setting("应用密钥", "App secret")


class NeverContent(DemoCrm):
    def check(self) -> list[Finding]:
        return [*super().check(), Finding("请确认", "please confirm", False)]


class ContentWithAnything(DemoCrm):
    def check(self) -> list[Finding]:
        return [Finding("好", "fine", True)]


def test_all_broken_classes_are_used() -> None:
    here = {item for item in globals().values() if isinstance(item, type) and issubclass(item, DemoCrm) and item is not DemoCrm}
    assert here == {kind for kind, _ in BROKEN}


BROKEN: list[tuple[type[Any], str]] = [
    (StopsAfterOnePage, "full_pages_arrive"),
    (StopsAfterOnePage, "a_broken_last_page_arrives"),
    (CountsPages, "rows_changing_between_pages_are_not_lost"),
    (StartsLate, "equal_times_at_window_edges_are_not_lost"),
    (RepeatsPages, "full_pages_arrive"),
    (ForgetsWhereItStood, "a_broken_last_page_arrives"),
    (ForgetsWhereItStood, "a_killed_walk_goes_on_where_it_stood"),
    (ResumesFromTheStart, "a_killed_walk_goes_on_where_it_stood"),
    (NeverSaysLast, "one_record_arrives"),
    (ChokesOnNothing, "no_records_is_no_error"),
    (ReadsOnceForEver, "the_next_run_brings_what_is_new"),
    (StopsAt5xx, "a_5xx_on_each_call_is_repeated"),
    (TriesOnce, "a_connection_cut_before_each_answer_is_repeated"),
    (TriesOnce, "a_connection_cut_after_each_call_is_repeated"),
    (ShowsItsSecret, "settings_have_labels_and_secrets_are_marked"),
    (NeverContent, "check_is_content_with_a_healthy_account"),
    (TakesHtmlForEmpty, "a_page_of_html_instead_of_an_answer_is_repeated"),
    (SwallowsOutages, "a_platform_that_stays_down_is_unavailable"),
    (DropsBadRows, "a_malformed_record_harms_no_other"),
    (HidesUnknownFields, "an_unknown_field_is_counted_by_name"),
    (FetchesAnotherShape, "fetch_one_agrees_with_the_pages"),
    (CannotBeGone, "a_removed_record_is_gone"),
    (RetriesAWrongClock, "a_wrong_clock_is_a_clear_error"),
    (RetriesAWrongClock, "a_wrong_clock_stops_a_sink_with_a_clear_error"),
    (WritesAsARead, "a_write_cut_after_it_happened_ends_as_one_document"),
    (WritesAsARead, "a_5xx_on_a_write_is_in_doubt"),
    (SendsAgainWhenInDoubt, "a_write_cut_before_it_happened_ends_as_one_document"),
    (SendsAgainWhenInDoubt, "an_html_page_as_answer_to_a_write_is_in_doubt"),
    (BelievesItself, "a_conflict_is_visible"),
    (ForgetsToConfirm, "a_document_is_absent_then_sent_then_found"),
    (ConfirmsAgain, "finish_may_be_repeated"),
    (FindsAnything, "a_document_is_absent_then_sent_then_found"),
    (GuessesAbsent, "find_never_guesses"),
    (FindsNothing, "a_write_cut_after_it_happened_ends_as_one_document"),
    (OpensAnything, "a_forged_push_is_refused"),
    (SignsOnlyTheHead, "a_tampered_push_is_refused"),
    (MakesUpKeys, "a_replay_has_the_same_keys"),
    (OneKeyForAll, "two_changes_have_different_keys"),
    (NamesAnotherRecord, "a_genuine_push_opens_and_names_a_record"),
    (RingsWithoutAnythingNew, "a_genuine_push_opens_and_names_a_record"),
    (AlwaysContent, "each_outcome_has_its_answer"),
    (TripsOverGarbage, "garbage_is_refused_by_name"),
    (NeverTakesOff, "tags_are_put_on_and_taken_off"),
    (ReadsNoTags, "a_tag_written_is_read_back_under_its_key"),
    (RefusesWhatIsSoAlready, "a_tag_change_may_be_repeated"),
    (TagsOneByOne, "an_unknown_tag_is_rejected_and_a_record_that_is_gone_is_gone"),
    (WritesTagsAsARead, "a_tag_change_that_breaks_off_is_in_doubt_and_repeated"),
    (TellsTheFirstAlone, "a_notice_reaches_each_receiver"),
    (SaysThatAllWereReached, "who_cannot_be_reached_is_named"),
    (KeysOfTheMoment, "a_notice_sent_twice_is_shown_once"),
    (TellsAgainWhenInDoubt, "a_notice_that_breaks_off_is_in_doubt"),
    (ShortensTheState, "a_member_signs_in"),
    (LetsVisitorsIn, "an_outsider_is_refused"),
    (RemembersCodes, "a_code_opens_once"),
    (DoesNotNameTheRefusal, "a_made_up_return_is_refused"),
    (SendsItsSecretAlong, "the_sign_in_address_holds_no_secret"),
    (TakesEveryBrowserForItsClient, "the_platforms_own_client_signs_in_without_asking"),
    (LogsItsSecret, "secrets_are_never_seen"),
    (TellsItsToken, "secrets_are_never_seen"),
    (ContentWithAnything, "check_notices_wrong_secrets"),
]


@pytest.mark.parametrize(("kind", "name"), BROKEN, ids=[f"{kind.__name__}-{name}" for kind, name in BROKEN])
def test_a_broken_connector_fails(kind: type[Any], name: str) -> None:
    with pytest.raises(Exception) as caught:
        named(variant(kind), name).run()
    assert isinstance(caught.value, AssertionError | errors.ConnectorError | KeyError | IndexError), caught.value


def test_a_platform_that_allows_twins_shows_a_blind_second_send() -> None:
    with pytest.raises(AssertionError, match="the ledger holds it 2 times"):
        named(variant(sim=AllowsTwins), "a_document_sent_twice_is_there_once").run()


# ---------------------------------------------------------------- declarations


def said(change: Callable[[dict[str, Any]], None]) -> Manifest:
    import yaml

    data = yaml.safe_load((FOLDER / "manifest.yaml").read_text("utf-8"))
    change(data)
    return Manifest.model_validate(data)


def rule(code: int, **do: Any) -> Manifest:
    return said(lambda data: data["errors"]["table"].__setitem__(code, do))


MISDECLARED: list[tuple[str, Manifest, str]] = [
    ("dead tokens are retried", rule(40101, do="retry"), "a_token_that_dies_in_mid_run_is_fetched_once"),
    ("limits are attempts", rule(42900, do="retry"), "throttling_slows_and_loses_nothing"),
    ("dead tokens stop a write", rule(40101, do="config_error"), "a_token_that_dies_before_a_write_costs_nothing"),
    ("limits refuse a write", rule(42900, do="rejected"), "a_throttled_write_ends_as_one_document"),
    ("limits refuse tags", rule(42900, do="rejected"), "a_throttled_tag_change_is_made_or_handed_back"),
    ("limits refuse notices", rule(42900, do="rejected"), "a_throttled_notice_is_sent_or_handed_back"),
    ("gone is unknown", said(lambda data: data["errors"]["table"].pop(40400)), "a_removed_record_is_gone"),
    ("no budget", said(lambda data: data.update(budgets=[])), "every_call_has_a_budget"),
    ("wrong key", said(lambda data: data["streams"]["customer"].update(key="mobile")), "one_record_arrives"),
    ("no Chinese", said(lambda data: data["summary"].update(zh="reads")), "manifest_names_the_folder_and_has_both_languages"),
    ("other name", said(lambda data: data.update(name="other")), "manifest_names_the_folder_and_has_both_languages"),
]


@pytest.mark.parametrize(("manifest", "name"), [item[1:] for item in MISDECLARED], ids=[item[0] for item in MISDECLARED])
def test_a_wrong_manifest_fails(manifest: Manifest, name: str) -> None:
    with pytest.raises((AssertionError, errors.ConnectorError)):
        named(variant(said=manifest), name).run()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


EDITS: list[tuple[str, str, str, str]] = [
    ("README.md", "## Known limits", "## Remarks", "readme_tells_the_known_limits"),
    ("connector.py", "from connectors import base\n", "from connectors import base, registry\n", "imports_point_one_way"),
    ("connector.py", "import hmac", "import hub.models", "imports_point_one_way"),
    ("simulator.py", "import secrets", "from connectors.http import at", "imports_point_one_way"),
    ("simulator.py", "import secrets", "from .connector import DemoCrm", "imports_point_one_way"),
    ("connector.py", 'BadSignature("push.stale"', 'BadSignature("demo_crm.too_old"', "every_error_has_its_words"),
    ("mappings/customer.yaml", "modified_time, row_version", "modified_time", "mapping_covers_a_normal_record"),
    ("mappings/customer.yaml", "company: company", "firm: company", "mapping_covers_a_normal_record"),
    ("mappings/customer.yaml", "stream: customer", "stream: contact", "mapping_covers_a_normal_record"),
]


@pytest.mark.parametrize(("file", "old", "new", "name"), EDITS, ids=[f"{e[0]}-{e[2][:30]}" for e in EDITS])
def test_a_wrong_folder_fails(tmp_path: Path, file: str, old: str, new: str, name: str) -> None:
    folder = tmp_path / "demo_crm"
    shutil.copytree(FOLDER, folder)
    edit(folder / file, old, new)
    with pytest.raises(AssertionError):
        named(variant(folder=folder), name).run()


def test_every_scenario_has_a_connector_that_fails_it() -> None:
    bitten = {name for _, name in BROKEN} | {item[2] for item in MISDECLARED} | {item[3] for item in EDITS}
    bitten.add("a_document_sent_twice_is_there_once")
    from tests.contract.test_follow_bites import BROKEN as FOLLOWING
    from tests.contract.test_hand_bites import BROKEN as HANDING
    from tests.contract.test_listen_bites import BROKEN as LISTENING
    from tests.contract.test_renew_bites import BROKEN as RENEWING
    from tests.contract.test_rotate_bites import BROKEN as ROTATING

    bitten |= {name for _, name in [*FOLLOWING, *HANDING, *LISTENING, *RENEWING, *ROTATING]}
    assert {rule.check.__name__ for rule in RULES} == bitten
