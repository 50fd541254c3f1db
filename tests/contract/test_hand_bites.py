"""The rules about owners that change: an invented platform passes, and each fails a connector that breaks it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask, Response, request

from connectors import errors
from connectors._template.connector import DemoCrm
from connectors._template.simulator import DemoCrmSimulator, Refused, answer, customer
from connectors.base import Record, Request
from connectors.contract import Scenario, contract_tests
from connectors.errors import ConnectorError
from connectors.manifest import Manifest, load_manifest
from connectors.people import Handed, HandOver, HandOverRules, HandsOver, Orphan
from tests.contract.test_suite_bites import FOLDER, named, variant


def said(**customers: Any) -> Manifest:
    data = load_manifest(FOLDER / "manifest.yaml").model_dump()
    data["roles"] = [*data["roles"], "handover"]
    data["streams"]["customer"] |= {"handover": ["left", "active"], **customers}
    return Manifest.model_validate(data)


SAID = said()
DELAY = timedelta(hours=2)


class HandingSimulator(DemoCrmSimulator):
    """Customers change hands two hours after it was asked for."""

    def __init__(self, *arguments: Any) -> None:
        self.gone: set[str] = set()
        self.full: set[str] = set()
        self.given: list[dict[str, Any]] = []
        super().__init__(*arguments)

    def routes(self, app: Flask) -> None:
        super().routes(app)
        app.add_url_rule("/v1/orphans", view_func=self._orphans)
        app.add_url_rule("/v1/given", view_func=self._results)
        app.add_url_rule("/v1/given", view_func=self._give, methods=["POST"], endpoint="give")

    def settle(self) -> None:
        for item in self.given:
            if item["state"] == "waiting" and item["at"] <= self.now().timestamp():
                item["state"] = "full" if item["to"] in self.full else "done"
                if item["state"] == "done":
                    self.customers[item["key"]][1]["owner"] = item["to"]

    def _orphans(self) -> Response:
        self._allow()
        self.settle()
        rows = [row for _, row in self.customers.values() if row["owner"] in self.gone]
        return answer(0, data={"items": [{"id": row["id"], "owner": row["owner"]} for row in rows]})

    def _give(self) -> Response:
        self._allow()
        self.settle()
        asked = request.get_json()
        if set(asked) != {"from", "to", "ids", "left"} or not 1 <= len(asked["ids"]) <= 10:
            raise Refused(42200, "from, to, left, and at most ten ids")
        if asked["to"] not in self.members or asked["to"] in self.gone or asked["left"] != (asked["from"] in self.gone):
            raise Refused(42200, "no such member")
        failed = {}
        for key in asked["ids"]:
            waits = any(item["key"] == key and item["state"] == "waiting" for item in self.given)
            if self.customers.get(key, (None, {}))[1].get("owner") != asked["from"]:
                failed[key] = "not_owner"
            elif waits:
                failed[key] = "waiting"
            else:
                at = (self.now() + DELAY).timestamp()
                self.given.append({"from": asked["from"], "to": asked["to"], "key": key, "state": "waiting", "at": at})
        return answer(0, data={"failed": failed})

    def _results(self) -> Response:
        self._allow("from", "to")
        self.settle()
        rows = [item for item in self.given if (item["from"], item["to"]) == (request.args["from"], request.args["to"])]
        return answer(0, data={"items": rows})

    def serve(self, stream: str, member: str, count: int) -> list[str]:
        keys = self.populate(stream, count, start=self.now(), step=timedelta(seconds=1))
        for number, key in enumerate(keys):
            at = self.customers[key][0]
            self.customers[key] = (at, customer(key, len(self.customers) + number, at) | {"owner": member})
        return keys

    def dismiss(self, member: str) -> None:
        self.gone.add(member)

    def owners(self, stream: str, key: str) -> set[str]:
        self.settle()
        return {self.customers[key][1]["owner"]} - self.gone

    def decide(self, stream: str, key: str, what: str) -> bool:
        item = next(item for item in self.given if item["key"] == key and item["state"] == "waiting")
        if what == "refuse":
            item["state"] = "refused"
        else:
            self.full.add(item["to"])
        return True


class HandingCrm(DemoCrm, HandsOver):
    """Hands over as it should."""

    hand_over_rules = HandOverRules(batch=10, delay=DELAY)

    def waiting(self) -> Iterator[Orphan]:
        for row in self.http.get("/v1/orphans")["data"]["items"]:
            yield Orphan("customer", row["id"], row["owner"])

    def hand_over(self, order: HandOver) -> dict[str, ConnectorError]:
        if len(order.keys) > self.hand_over_rules.batch:
            raise ValueError("too many")
        failed = self.http.call(Request("POST", "/v1/given", json=self.body(order), write=True))["data"]["failed"]
        return {key: self.refusal(why) for key, why in failed.items()}

    def body(self, order: HandOver) -> dict[str, Any]:
        return {"from": order.staff, "to": order.to, "ids": list(order.keys), "left": order.left}

    def refusal(self, why: str) -> ConnectorError:
        return errors.Duplicate() if why == "waiting" else errors.Rejected()

    def handed(self, order: HandOver, since: datetime) -> dict[str, Handed]:
        rows = self.http.get("/v1/given", **{"from": order.staff, "to": order.to})["data"]["items"]
        return {row["key"]: Handed(row["state"], None, row["key"]) for row in rows if row["key"] in order.keys}


def handing(kind: type[Any] = HandingCrm) -> Any:
    return variant(kind, sim=HandingSimulator, said=SAID)


RULES = [scenario for scenario in contract_tests(handing()) if scenario.rule.role == "handover"]


@pytest.mark.parametrize("scenario", RULES, ids=str)
def test_a_platform_that_hands_over_passes(scenario: Scenario) -> None:
    scenario.run()


@pytest.mark.parametrize("name", ["secrets_are_never_seen", "every_call_has_a_budget"])
def test_its_calls_are_watched_too(name: str) -> None:
    named(handing(), name).run()


def test_a_key_that_is_said_to_begin_with_the_owner_does() -> None:
    entry = variant(HandingCrm, sim=HandingSimulator, said=said(owner_first=True))
    with pytest.raises(AssertionError, match=r"owner_first: .* does not begin with its owner"):
        named(entry, "mapping_covers_a_normal_record").run()


class NamesTheFirstAlone(HandingCrm):
    def waiting(self) -> Iterator[Orphan]:
        yield next(super().waiting())


class CallsEverybodyWaiting(HandingCrm):
    def waiting(self) -> Iterator[Orphan]:
        for page in self.pages("customer", self.bench_window(), None):
            for row in page.records:
                yield Orphan("customer", row["id"], row["owner"])

    def bench_window(self) -> Any:
        from connectors.base import Window

        return Window(self.clock() - timedelta(days=2), self.clock() + timedelta(days=1))


class BelievesThatBegunIsDone(HandingCrm):
    def handed(self, order: HandOver, since: datetime) -> dict[str, Handed]:
        return {key: dataclasses.replace(item, state="done") for key, item in super().handed(order, since).items()}


class NamesTheOldKey(HandingCrm):
    def handed(self, order: HandOver, since: datetime) -> dict[str, Handed]:
        found = super().handed(order, since)
        return {key: dataclasses.replace(item, becomes="") for key, item in found.items()}


class ShowsTheOldOwner(HandingCrm):
    def fetch_one(self, stream: str, key: str) -> Record | None:
        return {**(super().fetch_one(stream, key) or {}), "owner": "sales01"}


class SwallowsRefusals(HandingCrm):
    def hand_over(self, order: HandOver) -> dict[str, ConnectorError]:
        super().hand_over(order)
        return {}


class RefusesAllForOne(HandingCrm):
    def hand_over(self, order: HandOver) -> dict[str, ConnectorError]:
        refused = super().hand_over(order)
        return dict.fromkeys(order.keys, errors.Rejected()) if refused else {}


class TakesWaitingForRefused(HandingCrm):
    def refusal(self, why: str) -> ConnectorError:
        return errors.Rejected()


class SeesNoRefusal(HandingCrm):
    def handed(self, order: HandOver, since: datetime) -> dict[str, Handed]:
        found = super().handed(order, since)
        return {key: item for key, item in found.items() if item.state not in ("refused", "full")}


class MakesUpResults(HandingCrm):
    def handed(self, order: HandOver, since: datetime) -> dict[str, Handed]:
        return {key: Handed("waiting", None, key) for key in order.keys} | super().handed(order, since)


class TakesSilenceForAbsence(HandingCrm):
    def handed(self, order: HandOver, since: datetime) -> dict[str, Handed]:
        try:
            return super().handed(order, since)
        except errors.Retryable:
            return {}


class HandsOverAgainWhenInDoubt(HandingCrm):
    def hand_over(self, order: HandOver) -> dict[str, ConnectorError]:
        try:
            return super().hand_over(order)
        except errors.InDoubt:
            return super().hand_over(order)


class GivesOneByOne(HandingCrm):
    """So that a cut leaves open which are begun, and its own count of them is lost."""

    def hand_over(self, order: HandOver) -> dict[str, ConnectorError]:
        refused: dict[str, ConnectorError] = {}
        for key in order.keys:
            refused |= super().hand_over(dataclasses.replace(order, keys=(key,)))
        return refused


class GivesUpAtALimit(HandingCrm):
    def hand_over(self, order: HandOver) -> dict[str, ConnectorError]:
        try:
            return super().hand_over(order)
        except errors.Throttled:
            raise errors.Rejected from None

    def interpret(self, request: Request, response: Any) -> Any:
        verdict = super().interpret(request, response)
        return dataclasses.replace(verdict, wait=60.0) if verdict.action == "throttle" else verdict


class SendsWhateverItGets(HandingCrm):
    def hand_over(self, order: HandOver) -> dict[str, ConnectorError]:
        first, rest = order.keys[:10], order.keys[10:]
        refused = super().hand_over(dataclasses.replace(order, keys=first))
        return refused | (self.hand_over(dataclasses.replace(order, keys=rest)) if rest else {})


BROKEN = [
    (NamesTheFirstAlone, "who_waits_is_named"),
    (CallsEverybodyWaiting, "who_waits_is_named"),
    (BelievesThatBegunIsDone, "the_new_owner_has_them_in_the_end"),
    (NamesTheOldKey, "the_new_owner_has_them_in_the_end"),
    (ShowsTheOldOwner, "the_new_owner_has_them_in_the_end"),
    (SwallowsRefusals, "what_is_not_taken_is_named_and_the_rest_is_begun"),
    (RefusesAllForOne, "what_is_not_taken_is_named_and_the_rest_is_begun"),
    (TakesWaitingForRefused, "begun_twice_is_told"),
    (SeesNoRefusal, "an_end_that_is_none_comes_back"),
    (MakesUpResults, "what_was_never_begun_has_no_result"),
    (TakesSilenceForAbsence, "what_was_never_begun_has_no_result"),
    (HandsOverAgainWhenInDoubt, "a_hand_over_that_breaks_off_is_in_doubt_and_can_be_asked_about"),
    (GivesOneByOne, "a_hand_over_that_breaks_off_is_in_doubt_and_can_be_asked_about"),
    (GivesUpAtALimit, "a_throttled_hand_over_is_made_or_handed_back"),
    (SendsWhateverItGets, "more_than_a_call_takes_is_not_sent"),
]


@pytest.mark.parametrize(("kind", "name"), BROKEN, ids=[f"{kind.__name__}-{name}" for kind, name in BROKEN])
def test_a_broken_connector_fails(kind: type[Any], name: str) -> None:
    with pytest.raises((AssertionError, ConnectorError, KeyError)):
        named(handing(kind), name).run()


@pytest.mark.parametrize("change", [{"handover": []}, {"handover": ["sometimes"]}])
def test_the_role_and_its_streams_go_together(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="handover"):
        said(**change)


@pytest.mark.parametrize(("staff", "to", "keys"), [("a", "a", ("1",)), ("a", "b", ()), ("a", "b", ("1", "1"))])
def test_an_order_that_says_nothing_is_none(staff: str, to: str, keys: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"hand-over|member"):
        HandOver("customer", staff, to, keys, left=True)
