"""Every text is there in both languages, and none is left over."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import hub.admin
from connectors.invoices import RED_REASONS
from connectors.manifest import Manifest
from hub.admin import (
    audit,
    customer_facts,
    customers,
    deliveries,
    handover,
    i18n,
    inbox,
    invoice_request,
    invoices,
    outgoing,
    quarantine,
    reconcile,
    reviews,
    runs,
    sheet,
    show,
    tag_rules,
)
from hub.admin.web import RANK
from hub.events.mint import KINDS
from hub.events.outbox import AMENDING
from hub.events.reconcile import judge
from hub.identity.desk import relations, review
from hub.people import handover as hand_over
from hub.people import owners
from mappings.canonical import CUSTOMER_KINDS, DEAL_STATES, INVOICE_STATES, ORDER_STATES, REFUND_STATES

ROOT = Path(hub.admin.__file__).parent
CATALOGUE = i18n.catalogue()
CATEGORIES = ("chat", "shop", "crm", "finance", "file", "generic")
LITERAL = re.compile(r"""(?:\bt|\bdone|UserFault)\(\s*["']([a-z_]+(?:\.[a-z_0-9]*[a-z0-9])+)["']""")
QUOTED = re.compile(r"""["']([a-z_]+(?:\.[a-z_0-9]+)+)["']""")
BUILT = re.compile(r"""["']([a-z_]+)\.["']\s*(?:~|\+)|f["']([a-z_]+)\.\{|kind=["']([a-z]+)["']""")
DONE = re.compile(r"""(?:audit\.record\(|audited\()[^"]*?(?:"hub", )?f?"([a-z_]+\.[a-z_.]*(?:\{\w+\})?)\"""")
ENDINGS = {
    "account.{state}": ("active", "paused", "needs_auth", "failed", "removed"),
    "identity.rebuild.{name}": ("features", "golden"),
}


def actions() -> set[str]:
    """Whatever the code writes into the audit log."""
    found = {what for path in ROOT.parent.rglob("*.py") for what in DONE.findall(path.read_text("utf-8"))}
    built = {what for what in found if "{" in what}
    assert built == set(ENDINGS), "say what can follow"
    return (found - built) | {what.partition("{")[0] + end for what, ends in ENDINGS.items() for end in ends} | {"user.close"}


def details() -> set[str]:
    """The names under which the code writes details into the audit log."""
    found = {"verdict", "kind", "stream", "staff", "to", "left", "queued", "skipped", "looked", "changed"}  # from dictionaries
    for path in ROOT.parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("audit.record", "audited"):
                found |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return found


EXPECTED: dict[str, Any] = {
    "did": sorted(actions()),
    "on": (*audit.PLACES, "profile", "rule"),
    "more": sorted(details()),
    "customer": tuple(customer_facts.TABLES),
    "rule": tag_rules.STATES,
    "tags": tuple(f"means_{state}" for state in tag_rules.STATES),
    "condition": tag_rules.CONDITIONS,
    "ostate": tuple(dict.fromkeys((*outgoing.NOTICE_STATES, *outgoing.TAG_STATES))),
    "hstate": hand_over.STATES,
    "hskipped": handover.SKIPPED,
    "hstream": ("customer", "group"),
    "side": ("customer", "staff", "any"),
    "nav": (
        "tag_rules",
        "dashboard",
        "customers",
        "deliveries",
        "invoices",
        "outgoing",
        "reviews",
        "handover",
        "conflicts",
        "quarantine",
        "inbox",
        "runs",
        "accounts",
        "connectors",
        "users",
        "audit",
        "about",
    ),
    "state": ("active", "paused", "needs_auth", "failed", "removed", *deliveries.STATES, deliveries.TO_DO),
    "means": deliveries.STATES,
    "fresh": ("fresh", "late", "due", "new", "off"),
    "run": runs.STATES,
    "runkind": ("pull", "rescan", "sweep", "import", "push", "replay"),
    "count": runs.COUNTS,
    "cursor": ("rescan", "sweep"),
    "task": ("pull", "rescan", "sweep"),
    "qstate": quarantine.STATES,
    "istate": inbox.STATES,
    "order": ORDER_STATES,
    "deal": DEAL_STATES,
    "refund": REFUND_STATES,
    "kind": CUSTOMER_KINDS,
    "gender": ("male", "female", "unknown"),
    "field": customers.FIELDS,
    "role": (*RANK, *(f"{role}_may" for role in RANK)),
    "category": CATEGORIES,
    "does": ("source", "events", "listener", "sink", "tags", "notices", "sign_in", "handover"),
    "level": ("cannot", "not_yet", "partial", "full"),
    "follows": ("time", "sequence", "token", "none", "push"),
    "engine": ("embedded", "distributed"),
    "size": ("customer", "source_record", "orders", "delivery"),
    "tone": ("bad", "warn"),
    "review": tuple(f"was_{verdict}" for verdict in review.VERDICTS),
    "reviewview": reviews.VIEWS,
    "reviewreason": reviews.REASONS,
    "verdict": review.VERDICTS,
    "changed": AMENDING,
    "mark": ("same", "part", "differ"),
    "relation": relations.KINDS,
    "cstate": owners.STATES,
    "creason": ("profiles", "deal"),
    "ledger": ("merge", "split", "not_same"),
    "party": ("name", "code", "tax_id", "phone", "address"),
    "step": ("send", "find", "finish", "retry", "cancel", "reverse", "amend", "buyer", "party"),
    "event": (
        "deal.signed",
        "deal.amended",
        "deal.reversed",
        "order.paid",
        "order.completed",
        "order.amended",
        "refund.succeeded",
        "refund.amended",
        "delivery.sent",
        "invoice.requested",
        "invoice.amended",
        "invoice.withdrawn",
        "invoice.issued",
        "payment.received",
        "delivery.reversing",
    ),
    "invoiceview": invoices.VIEWS,
    "request": tuple(invoice_request.BUYER),
    "requeststate": INVOICE_STATES,
    "invoicekind": tuple(each for choice in invoices.CHOICES.values() for each in choice),
    "redreason": RED_REASONS,
    "status": ("missing", "different", "extra", "unknown"),
    "notice": ("needs_auth", "failed"),
    "next": ("needs_auth", "failed"),
    "say": ("true", "false"),
    "time": tuple(f"{unit}_{side}" for unit in ("minute", "hour", "day") for side in ("ago", "ahead")),
    "error": tuple(f"{code}{more}" for code in (400, "csrf", 403, 404, 405, 413, 429, 500) for more in ("", "_next")),
    "reconcile": tuple(f"days_{days}" for days in reconcile.DAYS),
    "sheet": tuple(f"days_{days}" for days in sheet.DAYS),
    "sheetview": sheet.VIEWS,
}
"""Keys that are built while a page is made: prefix -> every ending there can be."""
ABOUT = ("deal", "order", "refund", "delivery", "invoice", "payment")
OPEN = {"outcome", "cause"}
"""Prefixes with a fallback where there is no text."""


def sources() -> list[Path]:
    return [*ROOT.glob("*.py"), *(ROOT / "templates").glob("*.html"), *(ROOT.parent / "people").glob("*.py")]


def test_every_text_is_there_in_both_languages() -> None:
    for key, text in CATALOGUE.items():
        assert set(text) == {"zh", "en"}, key
        assert text["zh"].strip() and text["en"].strip(), key
        if any("一" <= char <= "鿿" for char in text["en"]):
            assert key == "app.other", f"{key}: Chinese in the English text"


def test_both_languages_take_the_same_values() -> None:
    for key, text in CATALOGUE.items():
        zh, en = ({name for _, name, _, _ in Formatter().parse(text[lang]) if name} for lang in i18n.LANGUAGES)
        assert zh == en, key


def test_every_key_in_the_code_has_a_text() -> None:
    missing = {
        f"{path.name}: {key}" for path in sources() for key in LITERAL.findall(path.read_text("utf-8")) if key not in CATALOGUE
    }
    assert not missing


def test_every_built_key_has_a_text() -> None:
    missing = [
        f"{prefix}.{name}" for prefix, names in EXPECTED.items() for name in names if f"{prefix}.{name}" not in CATALOGUE
    ]
    assert not missing


def test_every_way_of_building_a_key_is_known() -> None:
    prefixes = {a or b or c for path in sources() for a, b, c in BUILT.findall(path.read_text("utf-8"))}
    assert prefixes - set(EXPECTED) - OPEN <= {"c"}, "add the prefix, with all that can follow it, to EXPECTED"


def test_no_text_is_left_over() -> None:
    used = {key for path in sources() for key in QUOTED.findall(path.read_text("utf-8"))}
    used |= {f"{prefix}.{name}" for prefix, names in EXPECTED.items() for name in names}
    left = {key for key in CATALOGUE if key not in used and key.partition(".")[0] not in OPEN}
    assert not left


def test_names_of_the_contract_are_covered() -> None:
    assert set(CATEGORIES) == set(Manifest.model_fields["category"].annotation.__args__)  # type: ignore[union-attr]
    assert {kind for kind in KINDS if kind.split(".")[0] in ABOUT} >= set(EXPECTED["event"])


def test_every_cause_of_a_difference_has_words() -> None:
    from inspect import getsource

    from hub.events import reconcile as service

    text = getsource(judge) + getsource(service._absent)
    causes = set(re.findall(r'Finding\("\w+", "(\w+)"\)', text))
    causes |= {f"{state}_but_there" for state in ("pending", "rejected", "in_doubt", "cancelled")} | {"waiting"}
    assert len(causes) > 8
    assert not {cause for cause in causes if f"cause.{cause}" not in CATALOGUE}


def test_every_step_that_the_hub_notes_has_words() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT.parent / "events").glob("*.py"))
    noted = re.findall(r'(?:_end|_doubt|_finish|_sent|note)\([^)]*?"(\w+)", "(\w+)"', code)
    noted = [(step, outcome) for step, outcome in noted if step in EXPECTED["step"]]
    assert len(noted) > 5
    assert not {outcome for _, outcome in noted if f"outcome.{outcome}" not in CATALOGUE}


@pytest.mark.parametrize("state", sorted({state for states in show.TONES.values() for state in states}))
def test_every_tone_belongs_to_one_state(state: str) -> None:
    assert [name for name, states in show.TONES.items() if state in states] == [show.tone(state)]


def test_the_reader_chooses_the_language(admin: Any, made: Any) -> None:
    assert "需要处理" in admin.get("/")
    page = admin.post("/language", language="en", next="/customers")
    assert '<html lang="en">' in page and "Customers" in page
    assert "Needs you" in admin.get("/")
    assert "the same telephone number" in admin.get(f"/customers/{made.customers['王小红']}")


def test_the_switch_leads_nowhere_else(anyone: Any) -> None:
    for target in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = anyone.client.post("/language", data={"csrf_token": anyone.token(), "language": "en", "next": target})
        assert answer.headers["Location"] == "/"
