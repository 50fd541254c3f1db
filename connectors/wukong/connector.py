"""悟空CRM 11 (Java): staff, customers, contacts and contracts are read; document numbers and payments are written back."""

from __future__ import annotations

from connectors import errors
from connectors.base import Document, Finding, Receipt, Request, Sink, Status
from connectors.wukong import checks, invoices, payments, writeback
from connectors.wukong.reading import WukongReader


class Wukong(WukongReader, Sink):
    """One installation, read (``WukongReader``) and written back to: a number at the customer of a contract."""

    def check(self) -> list[Finding]:
        """Login, role, visible columns of each list, tag field, write-back field."""
        return checks.examine(self, self.write_field)

    def find(self, document: Document) -> Receipt | None:
        """Whether it stands where it belongs: at the invoice request, among the contract's receipts, in the field."""
        if document.kind == "invoice_number":
            return invoices.find(self.detail, document)
        if document.kind == "payment":
            return payments.find(self.http.call, document)
        return self._find_entry(document)

    def send(self, document: Document) -> Receipt:
        """Write it where it belongs."""
        if document.kind == "invoice_number":
            return invoices.send(self.detail, self.http.call, document)
        if document.kind == "payment":
            customer = self._customer_of(document)
            return payments.send(self.http.call, self.detail, document, customer, self.config.payment_way)
        return self._send_entry(document)

    def status(self, document: Document, receipt: Receipt) -> Status:
        """What became of a payment's receipt; nothing is followed of the other kinds."""
        return payments.status(self.http.call, document)

    def _find_entry(self, document: Document) -> Receipt | None:
        """Whether the customer's field holds the document's number. It is read from the database: no index delay."""
        customer = self._customer_of(document)
        try:
            field = self.write_field(customer) if customer else None
        except errors.Gone:
            return None
        return _receipt(document, customer) if field and writeback.holds(field, document.number) else None

    def _send_entry(self, document: Document) -> Receipt:
        """Add ``contract number:document number`` to the customer's field; nothing is done when it is there."""
        customer, key = self._customer_of(document), invoices.contract_of(document)
        contract = self.detail("crmContract", key) if key else None
        detail = self.detail("crmCustomer", customer) if customer else None
        if contract is None or detail is None:
            raise errors.Rejected("wukong.nothing_to_write_to")
        field = self.write_field(customer)
        if not writeback.holds(field, document.number):
            value = writeback.with_entry(field, str(contract["num"]), document.number, document.note)
            body = {"id": detail["customerId"], "batchId": detail["batchId"], "list": [writeback.change(field, value)]}
            self.http.call(Request("POST", "crmCustomer/updateInformation", json=body, write=True))
        return _receipt(document, customer)

    def _customer_of(self, document: Document) -> str:
        """The customer's key; asked of the contract where the document does not say it."""
        named, key = document.source.get("customer"), invoices.contract_of(document)
        if named or not key:
            return named or ""
        return str((self.detail("crmContract", key) or {}).get("customerId") or "")

    def write_field(self, customer: str = "") -> writeback.Field:
        """The configured field, with its value when a customer is named. Raises ConfigError when it cannot be used."""
        path = f"crmCustomer/field/{customer}" if customer else "crmCustomer/field"
        return writeback.find_field(self._form(path, name="crmCustomer/field", type="1"), self.config.writeback_field)


def _receipt(document: Document, customer: str) -> Receipt:
    """A field says neither amount nor party, so nothing is claimed of them."""
    return Receipt(document.number, platform_id=customer, state="written", complete=True)
