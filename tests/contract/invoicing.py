"""An invented platform that takes invoices, made of the template: what the invoice rules are tried on."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Flask, Response, request

from connectors._template.connector import DemoCrm, as_body, as_receipt
from connectors._template.simulator import DemoCrmSimulator, answer, local
from connectors.base import Document, Money, Receipt, Request, Status
from connectors.invoices import IssuedInvoice
from connectors.manifest import Manifest, load_manifest


def fen(text: str) -> int:
    """'-12.30' as -1230."""
    return int(text.replace(".", ""))


class InvoicingSimulator(DemoCrmSimulator):
    """Takes invoices beside receipts and tells their numbers."""

    def routes(self, app: Flask) -> None:
        self.invoices: dict[str, list[dict[str, Any]]] = {}
        app.add_url_rule("/v1/invoices", view_func=self._invoice, methods=["POST"])
        app.add_url_rule("/v1/receipts/<key>/invoices", view_func=self._issued)
        super().routes(app)

    def _invoice(self) -> Response:
        self._allow()
        asked = request.get_json()
        saved = {**asked, "id": f"R{len(self.receipts) + 1:06d}", "state": "confirmed"}
        self.receipts[saved["id"]] = saved
        sums = {name: fen(asked[name]) for name in ("amount", "net", "tax")}
        told = {name: asked[name] for name in ("number", "title", "tax_id", "reverses")}
        self.ledger.append({"kind": "invoice", **told, **sums})
        return answer(0, data=saved)

    def _issued(self, key: str) -> Response:
        self._allow()
        return answer(0, data={"items": self.invoices.get(key, [])})

    def advance(self, number: str, what: str, minor: int = 0) -> str:
        if what != "invoice":
            return super().advance(number, what, minor)
        key = next(key for key, receipt in self.receipts.items() if receipt["number"] == number)
        issued = self.invoices.setdefault(key, [])
        amount = f"{minor // 100}.{minor % 100:02d}"
        issued.append({"number": f"26312000000{len(self.invoices):09d}", "date": local(self.now())[:10], "amount": amount})
        return str(issued[-1]["number"])


class InvoicingCrm(DemoCrm):
    """The template's connector, for invoices."""

    def body(self, document: Document) -> dict[str, Any]:
        """The document in the platform's words."""
        assert document.invoice is not None
        asked = document.invoice
        sums = {"net": str(asked.net), "tax": str(asked.tax)}
        red = asked.red.number if asked.red else ""
        return as_body(document) | sums | {"title": asked.buyer_title, "tax_id": asked.buyer_tax_id, "reverses": red}

    def send(self, document: Document) -> Receipt:
        return as_receipt(self.http.call(Request("POST", "/v1/invoices", json=self.body(document), write=True))["data"])

    def status(self, document: Document, receipt: Receipt) -> Status:
        known = super().status(document, receipt)
        if known.gone:
            return known
        path = f"/v1/receipts/{receipt.platform_id}/invoices"
        items = self.http.call(Request("GET", path, name="/v1/receipts/payments"))["data"]["items"]
        issued = [IssuedInvoice(i["number"], date.fromisoformat(i["date"]), Money(fen(i["amount"]))) for i in items]
        return Status(known.state, known.approved, tuple(issued), known.payments, known.received)


def invoicing(manifest: str) -> Manifest:
    """The template's manifest with its receipts named invoices, and all of them followed."""
    said = load_manifest(manifest)  # type: ignore[arg-type]
    kind = said.documents["receipt"].model_copy(update={"follow": ["approval", "invoices", "payments"]})
    return said.model_copy(update={"documents": {"invoice": kind}})
