"""The canonical records: what every platform's records are turned into, field by field.

``FIELDS`` is the single list; mappings are checked against it when they are compiled. Times are aware UTC instants,
money is integer minor units, enumerations have ``unknown``.
"""

from __future__ import annotations

from typing import Any, Literal

Kind = Literal["customer", "staff", "tag", "order", "refund", "deal"]

ORDER_STATES = ("unknown", "pending_payment", "paid", "shipped", "completed", "refunded_closed", "cancelled")
REFUND_STATES = ("unknown", "open", "succeeded", "closed")
DEAL_STATES = ("unknown", "draft", "in_review", "signed", "reversed", "refused")
CUSTOMER_KINDS = ("unknown", "person", "company")
STAFF_STATES = ("unknown", "active", "inactive", "left")

KEY_KINDS = (
    "phone", "email", "credit_code", "unionid", "openid", "external_userid", "open_uid", "ouid", "platform_id", "custom",
)  # fmt: skip
"""Kinds of identity keys. An identifier is value *and* scope: only phone, email and credit_code have no scope."""

FIELDS: dict[str, dict[str, str]] = {
    "customer": {
        "kind": "enum:customer_kinds",
        "display_name": "text",
        "aliases": "texts",
        "phones": "texts",
        "emails": "texts",
        "company": "text",
        "tax_id": "text",
        "title": "text",
        "gender": "text",
        "owner": "text",
        "stage": "text",
        "region": "text",
        "address": "text",
        "source": "text",
        "note": "text",
        "tags": "tags",
        "created_at": "time",
        "last_contact_at": "time",
    },
    "staff": {"name": "text", "phone": "text", "email": "text", "department": "text", "state": "enum:staff_states"},
    "tag": {"name": "text", "group": "text", "deleted": "flag"},
    "order": {
        "number": "text",
        "customer": "text",
        "state": "enum:order_states",
        "state_raw": "text",
        "currency": "text",
        "total": "money",
        "paid": "money",
        "goods": "money",
        "shipping": "money",
        "discount": "money",
        "region": "text",
        "created_at": "time",
        "paid_at": "time",
        "shipped_at": "time",
        "closed_at": "time",
        "changed_at": "time",
    },
    "refund": {
        "number": "text",
        "order": "text",
        "line": "text",
        "state": "enum:refund_states",
        "state_raw": "text",
        "currency": "text",
        "amount": "money",
        "reason": "text",
        "created_at": "time",
        "succeeded_at": "time",
        "changed_at": "time",
    },
    "deal": {
        "number": "text",
        "title": "text",
        "customer": "text",
        "state": "enum:deal_states",
        "state_raw": "text",
        "currency": "text",
        "amount": "money",
        "received": "money",
        "owner": "text",
        "signed_on": "date",
        "effective_at": "time",
        "starts_on": "date",
        "ends_on": "date",
        "created_at": "time",
        "changed_at": "time",
    },
}
LINE_FIELDS: dict[str, dict[str, str]] = {
    "order": {
        "key": "text",
        "title": "text",
        "item_code": "text",
        "sku_code": "text",
        "quantity": "decimal",
        "amount": "money",
        "state_raw": "text",
    },
    "deal": {
        "key": "text",
        "title": "text",
        "item_code": "text",
        "quantity": "decimal",
        "amount": "money",
        "tax_rate": "decimal",
    },
}
ENUMS: dict[str, tuple[str, ...]] = {
    "customer_kinds": CUSTOMER_KINDS,
    "staff_states": STAFF_STATES,
    "order_states": ORDER_STATES,
    "refund_states": REFUND_STATES,
    "deal_states": DEAL_STATES,
}

Canonical = dict[str, Any]
"""One canonical record: ``{"kind": …, "id": …, "fields": {…}, "keys": [(kind, scope, value)], "lines": [{…}]}``.

``id`` is the record's own id at the source, unique within (account, kind). ``customer`` in an order or deal is the
``id`` of a customer record of the same account. A missing field is absent, never an empty text.
"""
