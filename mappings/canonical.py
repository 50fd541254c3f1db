"""The canonical records: what every platform's records are turned into, field by field.

``FIELDS`` is the single list; mappings are checked against it when they are compiled. Times are aware UTC instants,
money is integer minor units, enumerations have ``unknown``.
"""

from __future__ import annotations

from typing import Any, Literal

from connectors.invoices import INVOICE_KINDS

Kind = Literal["customer", "staff", "tag", "order", "refund", "deal", "group", "message", "consent", "invoice_request"]

ORDER_STATES = ("unknown", "pending_payment", "paid", "shipped", "completed", "refunded_closed", "cancelled")
REFUND_STATES = ("unknown", "open", "succeeded", "closed")
DEAL_STATES = ("unknown", "draft", "in_review", "signed", "reversed", "refused")
INVOICE_STATES = ("unknown", "draft", "in_review", "requested", "issued", "withdrawn", "refused")
"""requested: the buyer wants it and whoever must approve has; issued: the source says so (somebody issued it by hand)."""
CUSTOMER_KINDS = ("unknown", "person", "company")
STAFF_STATES = ("unknown", "active", "inactive", "left")
GROUP_STATES = ("unknown", "active", "ownerless", "dissolved")
PARTY_KINDS = ("unknown", "staff", "customer", "robot")
"""Who is in a group, or has written a message. A customer is anybody from outside."""
MESSAGE_KINDS = (
    "unknown", "text", "image", "voice", "video", "file", "link", "card", "location", "sticker", "record", "call", "payment",
    "form", "document", "mixed", "recall", "consent", "system", "other",
)  # fmt: skip
CONSENTS = ("unknown", "agreed", "default", "addressed", "refused")
"""On what ground a message is kept: the customer agreed; the platform counts silence as agreement and says so; the message
was addressed to the company's own robot. Without one of these (unknown, refused) nothing of it is stored."""

KEY_KINDS = (
    "phone", "email", "credit_code", "unionid", "openid", "external_userid", "open_uid", "ouid", "platform_id", "custom",
)  # fmt: skip
"""Kinds of identity keys. An identifier is value *and* scope: only phone, email and credit_code have no scope."""
IDENTITY_KINDS = (*KEY_KINDS, "chat_id")
"""What an ``identity`` field may name: a customer by one of his keys, or a group chat."""

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
    # identity: what the group is known by everywhere, so that messages of another account of the same company find it.
    # owner: a member of staff by his id at the source. Members are the lines.
    "group": {
        "identity": "identity",
        "name": "text",
        "owner": "text",
        "state": "enum:group_states",
        "created_at": "time",
        "changed_at": "time",
    },
    # customer: whom the message is about, by one of his keys: its sender, or in a direct chat the one it was sent to.
    # staff: the other side of a direct chat. group: absent in direct chats. receivers: of direct chats only.
    # media: what the platform fetches the file by. recalls: id of the message that this one takes back.
    # consent_at: since when the consent stands.
    "message": {
        "group": "identity",
        "customer": "identity",
        "staff": "text",
        "sender": "text",
        "side": "enum:party_kinds",
        "receivers": "texts",
        "kind": "enum:message_kinds",
        "text": "text",
        "media": "text",
        "at": "time",
        "seq": "integer",
        "recalls": "text",
        "consent": "enum:consents",
        "consent_at": "time",
    },
    # What a customer has said about keeping what he writes: to one member of staff, or in one group.
    "consent": {
        "customer": "identity",
        "staff": "text",
        "group": "identity",
        "state": "enum:consents",
        "changed_at": "time",
    },
    # What a buyer wants on an invoice. ``deal`` or ``order`` is the id of the record it is about, at the same source; the same
    # raw record may make both. Without amount or lines, those of that record count. ``issued_*``: by hand, at the source.
    "invoice_request": {
        "number": "text",
        "customer": "text",
        "deal": "text",
        "order": "text",
        "state": "enum:invoice_states",
        "state_raw": "text",
        "currency": "text",
        "amount": "money",
        "invoice_kind": "enum:invoice_kinds",
        "buyer_kind": "enum:customer_kinds",
        "buyer_title": "text",
        "buyer_tax_id": "text",
        "buyer_address": "text",
        "buyer_phone": "text",
        "buyer_bank": "text",
        "buyer_account": "text",
        "email": "text",
        "mobile": "text",
        "remark": "text",
        "owner": "text",
        "issued_number": "text",
        "issued_on": "date",
        "requested_at": "time",
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
    "group": {
        "key": "text",
        "kind": "enum:party_kinds",
        "customer": "identity",
        "invited_by": "text",
        "joined_at": "time",
    },
    "invoice_request": {
        "key": "text",
        "title": "text",
        "item_code": "text",
        "quantity": "decimal",
        "unit": "text",
        "spec": "text",
        "amount": "money",
        "tax_rate": "decimal",
        "tax_code": "text",
    },
}
KEEPING = ("customer", "staff")
"""Kinds whose mappings may say that a field which is absent keeps the value that is stored."""
ENUMS: dict[str, tuple[str, ...]] = {
    "customer_kinds": CUSTOMER_KINDS,
    "staff_states": STAFF_STATES,
    "order_states": ORDER_STATES,
    "refund_states": REFUND_STATES,
    "deal_states": DEAL_STATES,
    "group_states": GROUP_STATES,
    "party_kinds": PARTY_KINDS,
    "message_kinds": MESSAGE_KINDS,
    "consents": CONSENTS,
    "invoice_states": INVOICE_STATES,
    "invoice_kinds": ("unknown", *INVOICE_KINDS),
}

Canonical = dict[str, Any]
"""One canonical record: ``{"kind": …, "id": …, "fields": {…}, "keys": [(kind, scope, value)], "lines": [{…}]}``.

``id`` is the record's own id at the source, unique within (account, kind). ``customer`` in an order or deal is the
``id`` of a customer record of the same account. A missing field is absent, never an empty text. A field of the form
``identity`` is (kind, scope, value): it names a customer or a group by what it is known by, not by a record's id.
``keep``, where a mapping declares it, names fields of which an absent one means that we may not read it.
"""
