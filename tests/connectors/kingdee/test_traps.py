"""Traps of the sheet that no other file tests from the connector's side: what its own calls say, and what they never say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.base import Party


@pytest.fixture
def said(connect):
    """``said(document, **changes)``: the bodies of all calls that delivering a document takes, by service."""

    def listen(document: Any, **changes: Any) -> list[tuple[str, dict[str, Any]]]:
        connector, calls = connect(**changes), []
        sign = connector.sign

        def noted(request: Any, token: Any) -> Any:
            service = request.path.rpartition(".common")[0].rpartition(".")[2]
            calls.append((service, json.loads(request.body)))
            return sign(request, token)

        vars(connector)["sign"] = noted
        connector.find(document)
        receipt = connector.send(document)
        connector.status(document, receipt)
        return calls

    return listen


def test_queries_never_cut_the_whole_result(said, document) -> None:
    """TopRowCount is the last row of the whole result and no page size: anything but 0 empties later pages."""
    queries = [body["data"] for service, body in said(document()) if service == "ExecuteBillQuery"]
    assert queries and all(query["TopRowCount"] == 0 and query["OrderString"] for query in queries)


def test_unknown_codes_are_refused_and_not_stored_empty(said, document) -> None:
    saves = [body["data"] for service, body in said(document()) if service == "Save"]
    assert len(saves) == 2 and all(save["IsVerifyBaseDataField"] == "true" for save in saves), "the customer and the document"


def test_nothing_that_is_made_bears_an_inner_key(said, document) -> None:
    """With FID a save replaces what is there; of a customer FID is not even its key."""
    for service, body in said(document()):
        if service == "Save":
            model = body["data"]["Model"]
            assert not any(model.get(name) for name in ("FID", "FCUSTID", "FMATERIALID"))


@pytest.mark.parametrize("tax_id", ["91330100MA2'OR'1'='1", "x' or FNumber <> '"])
def test_a_quote_in_a_value_stays_in_the_value(said, document, sim, tax_id) -> None:
    """FilterString is SQL-like text: a tax id out of somebody's form must not become a part of the question."""
    made = document()
    calls = said(replace(made, party=Party(made.party.code, made.party.name, tax_id=tax_id)), match_tax_id=True)
    asked = [body["data"]["FilterString"] for service, body in calls if service == "ExecuteBillQuery"]
    assert [text for text in asked if tax_id.replace("'", "''") in text] and sim.violations == []
    assert not [text for text in asked if tax_id in text]


def test_keys_bear_the_platforms_own_spelling(said, document) -> None:
    models = [body["data"]["Model"] for service, body in said(document()) if service == "Save"]
    [model] = [model for model in models if "FEntityDetail" in model]
    assert model["FPayConditon"] == {"FNumber": "SKTJ01"} and "FsubHeadSuppiler" in model
    assert not {"FPayCondition", "FsubHeadSupplier"} & model.keys()


def test_a_bill_of_more_lines_than_a_query_gives_is_still_found(connect, document) -> None:
    """One row for each line: the rows of one bill may fill a page."""
    many = document("receivable", "ARMANY0001", *([101] * 130))
    sink = connect()
    receipt = sink.send(many)
    assert receipt.complete and connect().find(many).amount == many.amount
    assert connect().find(document("receivable", "ARNONE0001")) is None
