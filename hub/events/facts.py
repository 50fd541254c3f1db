"""What documents are made from, loaded in bulk for a batch of events: deals, orders, refunds, buyers, earlier deliveries."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Row, select

from connectors.base import Party
from hub.core import Hub
from hub.events.outbox import ACCOUNT, DELIVERY, rows_in
from hub.identity.records import golden
from hub.models import (
    Customer,
    CustomerAlias,
    Deal,
    DealLine,
    InvoiceApplication,
    InvoiceApplicationLine,
    InvoiceFill,
    Order,
    OrderLine,
    Profile,
    Refund,
)  # fmt: skip
from hub.models.base import table

DEAL, DEAL_LINE, ORDER, ORDER_LINE = table(Deal), table(DealLine), table(Order), table(OrderLine)
REQUEST, REQUEST_LINE, FILL = table(InvoiceApplication), table(InvoiceApplicationLine), table(InvoiceFill)
OF_DELIVERIES = ("delivery.sent", "delivery.approved", "delivery.gone", "invoice.issued", "invoice.failed", "payment.received")
"""Events whose subject is a delivery."""
REFUND, PROFILE, CUSTOMER, ALIAS = table(Refund), table(Profile), table(Customer), table(CustomerAlias)


def code(prefix: str, *parts: str) -> str:
    """A stable code of [A-Z0-9]: the prefix and 80 bits of hash."""
    return prefix + b32encode(blake2b("|".join(parts).encode(), digest_size=10).digest()).decode()


def customer_code(customer_id: str) -> str:
    """The code under which a customer is known at destinations."""
    return code("C", "customer", customer_id)


def is_customer(party: str) -> bool:
    """Whether a party's code is a customer's, and not a shop's."""
    return party.startswith("C")


def shop_party(account: Any) -> Party:
    """A shop as the party of its settlements and of orders without a named buyer."""
    return Party(code("S", "shop", account.key), account.title)


def about(kind: str) -> str:
    """What the subject of an event of this kind is: deal | order | refund | delivery | invoice | …"""
    return "delivery" if kind in OF_DELIVERIES else kind.split(".")[0]


def accounts_by_id(conn: Connection) -> dict[int, Row[Any]]:
    """Id, key, title and platform of all accounts."""
    columns = (ACCOUNT.c.id, ACCOUNT.c.key, ACCOUNT.c.title, ACCOUNT.c.platform)
    return {row.id: row for row in conn.execute(select(*columns))}


class Facts:
    """Rows by reference. events: those that documents are to be made of (kind, subject)."""

    def __init__(self, conn: Connection, hub: Hub, events: Iterable[Any]) -> None:
        self.conn, self._ring, self.now = conn, hub.ring, hub.now()
        self.language = hub.settings.language
        subjects: dict[str, list[str]] = {}
        for event in events:
            subjects.setdefault(about(event.kind), []).append(event.subject)
        self.settings = hub.settings
        self.deliveries = self._by(DELIVERY, "id", subjects.get("delivery", ()))
        of_deliveries = [row.subject for row in self.deliveries.values()]
        self.requests = self._by(REQUEST, "ref", [*subjects.get("invoice", ()), *of_deliveries])
        deals = [*subjects.get("deal", ()), *of_deliveries, *(row.deal_ref for row in self.requests.values() if row.deal_ref)]
        self.deals = self._by(DEAL, "ref", deals)
        self.refunds = self._by(REFUND, "ref", subjects.get("refund", ()))
        of_refunds = [row.order_ref for row in self.refunds.values() if row.order_ref]
        of_requests = [row.order_ref for row in self.requests.values() if row.order_ref]
        self.orders = self._by(ORDER, "ref", [*subjects.get("order", ()), *of_refunds, *of_requests, *of_deliveries])
        self._deal_lines = self._grouped(DEAL_LINE, "deal_ref", self.deals)
        self._order_lines = self._grouped(ORDER_LINE, "order_ref", self.orders)
        self.accounts = accounts_by_id(conn)
        self._load_customers()

    def _by(self, table: Any, key: str, values: Iterable[str]) -> dict[str, Row[Any]]:
        return {getattr(row, key): row for row in rows_in(self.conn, select(table), table.c[key], values)}

    def _grouped(self, table: Any, key: str, values: Iterable[str]) -> dict[str, list[Row[Any]]]:
        found: dict[str, list[Row[Any]]] = {}
        for row in rows_in(self.conn, select(table), table.c[key], values):
            found.setdefault(getattr(row, key), []).append(row)
        return found

    def _load_customers(self) -> None:
        known = (self.deals, self.orders, self.requests)
        refs = [row.profile_ref for rows in known for row in rows.values() if row.profile_ref]
        query = select(PROFILE.c.ref, PROFILE.c.customer_id)
        self._profiles = {row.ref: row.customer_id for row in rows_in(self.conn, query, PROFILE.c.ref, refs)}
        self._customers = self._by(CUSTOMER, "id", self._profiles.values())
        aliases = rows_in(self.conn, select(ALIAS.c.id, ALIAS.c.customer_id), ALIAS.c.customer_id, self._customers)
        self._aliases: dict[str, list[str]] = {}
        for row in aliases:
            self._aliases.setdefault(row.customer_id, []).append(row.id)

    def lines(self, ref: str) -> list[Row[Any]]:
        """The lines of a deal or order, in the source's order of keys."""
        rows = self._deal_lines.get(ref) or self._order_lines.get(ref) or []
        return sorted(rows, key=lambda row: (len(row.key), row.key))

    def requests_about(self, kind: str, ref: str) -> list[Row[Any]]:
        """The invoice requests of a deal or order (kind), oldest first."""
        c = REQUEST.c
        mine = select(REQUEST).where((c.deal_ref if kind == "deal" else c.order_ref) == ref, c.deleted.is_(False))
        return list(self.conn.execute(mine.order_by(c.requested_at, c.ref)))

    def request_lines(self, ref: str) -> list[Row[Any]]:
        """The lines that a request names itself."""
        rows = self.conn.execute(select(REQUEST_LINE).where(REQUEST_LINE.c.request_ref == ref)).all()
        return sorted(rows, key=lambda row: (len(row.key), row.key))

    def filled(self, delivery: str) -> dict[str, str]:
        """What people have filled in for an invoice."""
        found = self.conn.execute(select(FILL.c.filled).where(FILL.c.delivery_id == delivery)).scalar()
        return dict(found or {})

    def about(self, subject: str) -> str:
        """deal | order | refund | invoice: what a subject is; '' for anything else, or where it was not loaded."""
        known = {"invoice": self.requests, "deal": self.deals, "order": self.orders, "refund": self.refunds}
        return next((kind for kind, rows in known.items() if subject in rows), "")

    def source_of(self, subject: str) -> Any:
        """The deal, order or invoice request with its profile; of a refund its order. None where it is not there."""
        refund = self.refunds.get(subject)
        place = refund.order_ref or "" if refund is not None else subject
        return self.requests.get(place) or self.deals.get(place) or self.orders.get(place)

    def customer_id(self, profile_ref: str | None) -> str:
        """The id of the customer behind a profile; '' while it has not arrived."""
        return str(self._profiles.get(profile_ref or "", ""))

    def codes(self, customer_id: str) -> set[str]:
        """The codes under which this customer may be known at destinations: its own and those of whom it has taken over."""
        return {customer_code(each) for each in (customer_id, *self._aliases.get(customer_id, ()))}

    def customer(self, profile_ref: str | None) -> tuple[str, dict[str, Any]] | None:
        """The id and the golden values of the customer behind a profile; None while it has not arrived."""
        row = self._customers.get(self._profiles.get(profile_ref or "", ""))
        if row is None:
            return None
        return row.id, golden.values(golden.read(self._ring, row.id, bytes(row.data)))

    def party_code(self, customer_id: str, account_id: int) -> str:
        """The code for this customer at this destination.

        A customer that has taken others over keeps the code that one of them was first delivered under there, so that
        a merge opens no second party at the destination.
        """
        if customer_id not in self._aliases:
            return customer_code(customer_id)
        codes = self.codes(customer_id)
        used = (found for found in self._codes_used(customer_id, account_id) if found in codes)
        return next(used, customer_code(customer_id))

    def _codes_used(self, customer_id: str, account_id: int) -> list[str]:
        """Party codes of this customer's deliveries to the account, oldest first."""
        d = DELIVERY.c
        rows: list[Row[Any]] = []
        for about in (DEAL, ORDER):
            theirs = select(d.created_at, d.id, d.document).join(about, about.c.ref == d.subject)
            theirs = theirs.join(PROFILE, PROFILE.c.ref == about.c.profile_ref)
            mine = theirs.where(PROFILE.c.customer_id == customer_id, d.account_id == account_id, d.state != "cancelled")
            rows += self.conn.execute(mine).all()
        rows.sort(key=lambda row: (row.created_at, row.id))
        return [row.document["party"]["code"] for row in rows if row.document.get("party")]
