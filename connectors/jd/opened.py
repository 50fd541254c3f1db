"""What a record says once it is opened: beside the record as it was received, under ``opened``, never in its place.

Personal fields come as ciphertext, masked or (old data) plain; each is told apart before it is used. Buyers are named by the
newest of their ids that the record bears: pin → open_id → xid. (docs: jos.jd.com doc channel id=787, open id of users)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from connectors.base import Record
from connectors.jd.keys import KeyRing
from connectors.jd.settings import JdConfig
from connectors.jd.tde import is_cipher

SENTINELS = ("0001-01-01 00:00:00", "1970-01-01 00:00:00", "1970-01-01 08:00:00")
PHONE = re.compile(r"1[3-9]\d{9}|0\d{2,3}-?\d{7,8}")
VAT = {
    "no": "vatNo", "address": "addressRegIstered", "phone": "phoneRegIstered", "bank": "depositBank", "account": "bankAccount",
    "to_address": "userAddress", "to_name": "userName", "to_phone": "userPhone",
}  # fmt: skip
Xid = Callable[[str], str | None]


class Opener:
    """Opens the records of one shop. xid: asks for the newest id of a buyer who is known by his old one alone."""

    def __init__(self, config: JdConfig, ring: KeyRing, xid: Xid) -> None:
        self._config, self.ring, self._xid = config, ring, xid

    def open(self, stream: str, record: Record) -> Record:
        """The record with what it says beside it."""
        said: dict[str, Any] = self._buyer(record)
        if stream == "order":
            said |= self._order(record)
        if stream == "member" and (grade := _first(record, "grade")):
            said["tags"] = [{"key": f"jd_grade:{grade}", "name": f"京东会员 {grade} 级", "group": "京东会员等级"}]
        if stream == "after_sale":
            said |= self._amount(record.get("refoundAmount"))
        return {**record, "opened": said}

    # -- who buys

    def _buyer(self, record: Mapping[str, Any]) -> dict[str, Any]:
        bill = record.get("sameOrderServiceBill")
        pin = _first(record, "pin", "customer_pin", "buyerId") or (
            _first(bill, "customerPin") if isinstance(bill, dict) else ""
        )
        open_id, xid = _first(record, "open_id_buyer"), _first(record, "xid_buyer")
        if "*" in pin:
            pin = ""
        if pin and not open_id and not xid and self._config.convert_pins:
            xid = self._xid(pin) or ""
        known = {"pin": pin, "open_id": open_id, "xid": xid, "buyer": xid or open_id or pin}
        return {name: value for name, value in known.items() if value}

    # -- what an order says

    def _order(self, record: Mapping[str, Any]) -> dict[str, Any]:
        confirmed = str(record.get("paymentConfirmTime") or "")
        # Orders on delivery and of pay-later kinds are listed as "to be shipped" without any money: only an amount and a
        # real time together say that it was paid.
        paid = bool(confirmed) and confirmed not in SENTINELS and record.get("actualPay") not in (None, "")
        said: dict[str, Any] = {"paid": "yes" if paid else "no"}
        dark: list[str] = []
        if isinstance(receiver := record.get("consigneeInfo"), dict) and self._config.consignee == "contact":
            said |= self._receiver(receiver, dark)
        if isinstance(wish := record.get("invoiceEasyInfo"), dict) and self._config.invoices:
            said |= self._invoice(wish, record, dark)
        return said | ({"unreadable": dark} if dark else {})

    def _receiver(self, receiver: Mapping[str, Any], dark: list[str]) -> dict[str, Any]:
        phones, masked = [], []
        for name in ("mobile", "telephone"):
            value = self._text(receiver, name, dark)
            if "*" in value:
                masked.append(value)
            elif PHONE.fullmatch(value.replace(" ", "")) and value not in phones:
                phones.append(value)
        name, address = self._text(receiver, "fullname", dark), self._text(receiver, "fullAddress", dark)
        found = {"name": name if "*" not in name else "", "address": address if "*" not in address else ""}
        return {key: value for key, value in {**found, "phones": phones, "masked": masked}.items() if value}

    def _invoice(self, wish: Mapping[str, Any], record: Mapping[str, Any], dark: list[str]) -> dict[str, Any]:
        if str(wish.get("invoiceType") or "0") == "0" or "不需要开具发票" in str(record.get("invoiceInfo") or ""):
            return {}
        # The VAT block is absent, null or an empty list when there is none.
        vat = record.get("vatInfo") if isinstance(record.get("vatInfo"), dict) else {}
        assert isinstance(vat, dict)
        found = {f"vat_{name}": self._text(vat, place, dark) for name, place in VAT.items()}
        found |= {
            "title": self._text(wish, "invoiceTitle", dark), "email": self._text(wish, "invoiceConsigneeEmail", dark),
            "phone": self._text(wish, "invoiceConsigneePhone", dark), "kind": str(wish["invoiceType"]),
            "code": _first(wish, "invoiceCode") or _first(record, "invoiceCode") or found["vat_no"],
        }  # fmt: skip
        personal = found["title"] in ("", "个人") and not found["code"]
        found["buyer_kind"] = "person" if personal else "company"
        return {"invoice": {name: value for name, value in found.items() if value and "*" not in value}}

    def _text(self, holder: Mapping[str, Any], name: str, dark: list[str]) -> str:
        value = str(holder.get(name) or "").strip()
        if not is_cipher(value):
            return value
        plain = self.ring.open(value)
        if plain is None:
            dark.append(name)
        return (plain or "").strip()

    # -- money of which JD does not say the unit

    def _amount(self, value: Any) -> dict[str, str]:
        """The amount in yuan, once a person has said what the numbers are."""
        if self._config.after_sale_unit == "unknown" or not isinstance(value, int | Decimal) or isinstance(value, bool):
            return {}
        return {"amount": format(Decimal(value) / (100 if self._config.after_sale_unit == "fen" else 1), "f")}


def _first(record: Mapping[str, Any], *names: str) -> str:
    return next((str(record[name]) for name in names if record.get(name)), "")
