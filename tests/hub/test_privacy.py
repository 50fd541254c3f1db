"""Export tells all; erasure leaves nothing of a person in any table, keeps what the books need, and nothing comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import LargeBinary

from hub import privacy
from hub.identity.desk import service
from hub.jobs import work
from hub.models import AuditEntry, Customer, Message, Order, Profile, SourceRecord
from hub.models.base import Model, table
from hub.security import rotate
from hub.store.types import SealedJSON
from tests.hub.conftest import Site

NAME, PHONE, WORDS = "欧阳小岚", "13912365678", "请把样品寄到老地址"
AT = "2026-11-22 {:02d}:00:00"


def order(hour: int = 10, **more: Any) -> dict[str, Any]:
    return {
        "id": "o1", "state": "paid", "total": "128.50", "paid": "128.50", "created_at": AT.format(9), "paid_at": AT.format(9),
        "updated_at": AT.format(hour), "buyer": {"id": "b1", "name": NAME, "phone": PHONE}, "lines": [],
        "invoice": {"state": "asked", "sort": "person", "title": NAME, "email": f"{PHONE}@example.com", "bank": WORDS}, **more,
    }  # fmt: skip


def message() -> dict[str, Any]:
    return {
        "id": "m1", "customer": "union-1", "staff": "zhao", "from": "union-1", "side": "customer", "to": ["zhao"],
        "kind": "text", "text": WORDS, "at": 1795312800000, "seq": 1, "consent": "yes", "consent_at": 1795312000,
    }  # fmt: skip


@pytest.fixture
def known(site: Site) -> str:
    """A customer with a record of their own, an order and a message; the id."""
    identifiers = [{"kind": "unionid", "scope": "w", "value": "union-1"}]
    site.land(
        site.person("a", NAME, PHONE, identifiers=identifiers, address="文三路 90 号", tags=[{"id": "vip", "name": "VIP"}])
    )
    site.land(order(), stream="order")
    site.land(message(), stream="message")
    assert site.together("crm/a", "crm/b1")
    return site.home("crm/a")


def plain(site: Site) -> str:
    """Every value of every table as one text, sealed ones opened."""
    sealed = {(each.table, each.column): each for each in rotate.columns()}
    found = []
    for name, rows in site.snapshot().items():
        columns = list(Model.metadata.tables[name].columns)
        for row in rows:
            for column, value in zip(columns, row, strict=True):
                if (name, column.name) in sealed and isinstance(value, bytes) and not isinstance(column.type, SealedJSON):
                    place = (sealed[name, column.name].before or "") + str(row[0])
                    found.append(site.hub.ring.unpack(value, place).decode(errors="replace"))
                elif not isinstance(column.type, LargeBinary):
                    found.append(str(value))
    return "\n".join(found)


def test_the_export_tells_all(site: Site, known: str) -> None:
    told = privacy.export(site.hub, known, by="test")
    text = json.dumps(told, default=str, ensure_ascii=False)
    assert all(word in text for word in (NAME, PHONE, "文三路 90 号", WORDS, "VIP"))
    assert [row["number"] for row in told["orders"]] == ["o1"]
    assert {row["ref"].split("|", 1)[1] for row in told["raw_records"]} == {"person|a", "order|o1"}
    assert site.rows(AuditEntry, what="privacy.export")


def test_after_an_erasure_no_table_names_the_person(site: Site, known: str) -> None:
    assert all(word in plain(site) for word in (NAME, PHONE, WORDS))
    done = privacy.erase(site.hub, known, reason="request 17", by="test")
    left = plain(site)
    assert not [word for word in (NAME, PHONE, "文三路", WORDS) if word in left]
    assert done["erased"] == {"messages": 1, "profiles": 2, "raw_records": 2, "pushes": 0}
    assert service.find(site.hub, PHONE) == [] and service.find(site.hub, NAME) == [] and service.find(site.hub, known) == []
    assert site.one(Order).total == 12850, "the books keep the order"
    assert site.rows(Message) == []
    assert done["delete_also_at"] == ["账号 crm"] and len(done["kept"]) == len(privacy.KEPT)
    assert site.one(AuditEntry, what="privacy.erase").detail["reason"] == "request 17"


def test_what_was_erased_does_not_come_back(site: Site, known: str) -> None:
    privacy.erase(site.hub, known, reason="request 17", by="test")
    site.forward(1)
    before = site.rows(Profile), site.rows(Customer)
    counts = site.land(site.person("a", NAME, PHONE, at=AT.format(15), address="文三路 91 号"))
    assert (counts.changed, counts.older) == (0, 1)
    site.land(order(15, state="done"), stream="order")
    assert (site.rows(Profile), site.rows(Customer)) == before
    assert site.one(Order).state == "completed", "the order itself goes on"
    assert NAME in plain(site), "and names the buyer in its raw record, until the next housekeeping"
    site.forward(1)
    work.do_housekeep(site.hub, "all")
    assert NAME not in plain(site)
    with site.hub.db.write() as conn:
        assert privacy.erase_again(site.hub, conn) == 0


def test_a_new_record_of_the_same_person_is_a_new_customer(site: Site, known: str) -> None:
    privacy.erase(site.hub, known, reason="request 17", by="test")
    site.land(site.person("n", NAME, PHONE))
    (found,) = service.find(site.hub, PHONE)
    assert found["id"] != known


def test_others_stay_as_they_are(site: Site, known: str) -> None:
    site.land(site.person("x", "赵六", "13912340000"))
    before = [row for row in site.rows(SourceRecord) if row.source_id == "x"]
    privacy.erase(site.hub, known, reason="request 17", by="test")
    assert [row for row in site.rows(SourceRecord) if row.source_id == "x"] == before
    assert service.find(site.hub, "13912340000")[0]["display_name"] == "赵六"


@pytest.mark.parametrize("who", ["nobody", "again"])
def test_who_is_not_there_cannot_be_erased(site: Site, known: str, who: str) -> None:
    asked = "c-nobody"
    if who == "again":
        privacy.erase(site.hub, known, reason="request 17", by="test")
        asked = known
    with pytest.raises(service.IdentityFault):
        privacy.erase(site.hub, asked, reason="request 18", by="test")


def test_every_table_is_thought_of() -> None:
    """A new table either holds nothing personal, or erasure reaches it: say which."""
    reached = {
        "profile", "customer", "identity_key", "tag_assignment", "search_token", "source_record", "quarantined", "inbox",
        "block_key", "identity_review", "identity_relation", "identity_decision",
        "message", "group_member", "chat_hit", "chat_tag", "invoice_request", "invoice_fill", "staff_notice", "tag_write",
        "handover", "orphan",
        "manual_value", "owner_conflict",
    }  # fmt: skip
    kept = {
        "orders",
        "order_line",
        "refund",
        "deal",
        "deal_line",
        "invoice_request_line",
        "document_status",
        "listening",
        "delivery",
        "ledger_entry",
        "audit_entry",
        "consent",
        "event",
    }
    nothing_personal = {
        "account", "account_stream", "account_token", "account_budget", "alembic_version", "call_count", "chat_group",
        "chat_rule",
        "customer_alias", "delivery_attempt", "not_same", "push_counter", "role", "role_user", "run", "settlement_item",
        "orphan_look", "sign_in_state", "staff", "tag", "user", "user_link", "walk_seen",
        "identity_count", "identity_redo", "identity_model",
        "bookmark", "owner_check",
    }  # fmt: skip
    unknown = {each.name for each in Model.metadata.sorted_tables} - reached - kept - nothing_personal
    assert not unknown, f"does hub/privacy.py reach these tables? {sorted(unknown)}"
    assert table(Profile).name in reached
