"""金蝶云星空 (K/3 Cloud): finds, saves, submits and audits customers, sales orders and receivables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

from connectors import errors
from connectors.base import Document, Finding, Money, Party, Receipt, Request, Sink, Status, Token, Verdict
from connectors.http import Runtime, exact_json, with_headers
from connectors.kingdee import answers, checkup, documents, signin
from connectors.kingdee.config import KingdeeConfig
from connectors.kingdee.documents import FORMS, Form
from connectors.money import fen

FORM_SERVICE = "Kingdee.BOS.WebApi.ServicesStub.DynamicFormService"
LOGIN_SERVICE = "Kingdee.BOS.WebApi.ServicesStub.AuthService"
NEXT = {
    "save": {},
    "submit": {"A": "Submit", "D": "Submit"},
    "audit": {"A": "Submit", "D": "Submit", "B": "Audit"},
}
"""Goal -> state -> the step to take. A state that is not here has reached the goal."""
AFTER = {"Submit": "B", "Audit": "C"}
MOST_STEPS = 6
CANCELLED = "cancelled"


class Kingdee(Sink):
    """Each document carries our number as ``FBillNo``, which the server keeps unique: the key for finding it again."""

    Config = KingdeeConfig
    config: KingdeeConfig

    def __init__(self, config: KingdeeConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.base_url = config.server_url

    def check(self) -> list[Finding]:
        """Signed in; each form can be queried with the keys that are used; the codes of the configuration exist."""
        return checkup.findings(self, self._query)

    # -- signing in

    def fetch_token(self) -> Token | None:
        """A session, or None where each call is signed. Raises ReauthNeeded; refuses to try a third time in a row."""
        config = self.config
        if config.auth_mode == "signature":
            return None
        signin.GUARD.check(config, self.clock())
        method = signin.LOGINS[config.auth_mode]
        path = f"{LOGIN_SERVICE}.{method}.common.kdsvc"
        body = exact_json(signin.login_body(config, self.clock()))
        try:
            answer = self.http.call(Request("POST", path, body=body, headers=_JSON, auth=False, name=method))
        except errors.ReauthNeeded:
            signin.GUARD.refused(config, self.clock())
            raise
        signin.GUARD.accepted(config)
        return signin.session(answer)

    def sign(self, request: Request, token: Token | None) -> Request:
        """Signed headers, or those of the session."""
        if token is not None:
            return with_headers(request, **signin.session_headers(token))
        if self.config.auth_mode != "signature":
            return request
        url = request.path if "://" in request.path else urljoin(self.base_url, request.path)
        return with_headers(request, **signin.signed_headers(self.config, url, self.clock()))

    def interpret(self, request: Request, response: Any) -> Verdict:
        """See ``answers``."""
        return answers.read(self, request, response)

    # -- documents

    def find(self, document: Document) -> Receipt | None:
        """The document of this number: state A saved, B submitted, C audited, D to be audited again, Z draft, or cancelled."""
        documents.check(self.config, document)
        form = FORMS[document.kind]
        rows = self._query(form.id, form.keys, f"{form.number} = '{documents.quoted(document.number)}'")
        found = {row[form.key]: row for row in rows}
        if len(found) > 1:
            raise errors.Rejected("kingdee.ambiguous", number=document.number)
        return self._receipt(document, form, *found.values()) if found else None

    def send(self, document: Document) -> Receipt:
        """Ensure the customer, save, submit, audit. What goes wrong after the save says so in its params."""
        documents.check(self.config, document)
        party = replace(document.party, code=self._ensure_customer(document.party))
        self._save(FORMS[document.kind].id, documents.model(self.config, replace(document, party=party)), document.number)
        with _saved(document.number):
            receipt = self.find(document)
            if receipt is None:
                raise errors.InDoubt("kingdee.unseen", number=document.number)
            return self._complete(document, receipt)

    def finish(self, document: Document, receipt: Receipt) -> Receipt:
        """Take the steps that are still lacking, after reading how far the document is now."""
        now = self.find(document)
        if now is None:
            raise errors.Rejected("kingdee.vanished", number=document.number)
        return self._complete(document, now)

    def status(self, document: Document, receipt: Receipt) -> Status:
        """Approval, cancellation, and of a receivable what was received by now. Deleted = no such id any more."""
        form = FORMS[document.kind]
        keys = (*form.keys, *documents.FOLLOWED[document.kind])
        rows = self._query(form.id, keys, f"{form.number} = '{documents.quoted(document.number)}'")
        if not rows:
            return Status("deleted", gone=True, final=True)
        return documents.status(form, rows[0])

    def _complete(self, document: Document, receipt: Receipt) -> Receipt:
        if receipt.complete:
            return receipt
        if receipt.state in (CANCELLED, "Z"):
            raise errors.Rejected("kingdee.not_open", number=receipt.number, state=receipt.state)
        if receipt.amount != document.amount or receipt.party_code != document.party.code:
            raise errors.Rejected("kingdee.conflict", number=receipt.number, state=receipt.state, amount=receipt.amount)
        form = FORMS[document.kind]
        goal = self.config.finish
        state = self._advance(form.id, form.key, receipt.platform_id, receipt.number, receipt.state, goal)
        return replace(receipt, state=state, complete=True)

    def _receipt(self, document: Document, form: Form, row: dict[str, Any]) -> Receipt:
        theirs, ours = str(row[form.party] or ""), document.party.code
        if theirs not in ("", ours) and theirs == self._known_as(document.party):
            theirs = ours
        cancelled = row["FCancelStatus"] == "B"
        state = CANCELLED if cancelled else str(row["FDocumentStatus"])
        return Receipt(
            number=str(row[form.number]),
            platform_id=str(row[form.key]),
            state=state,
            complete=state in ("A", "B", "C", "D") and state not in NEXT[self.config.finish],
            amount=Money(fen(row[form.amount])),
            party_code=theirs,
        )

    # -- the customer

    def _ensure_customer(self, party: Party) -> str:
        """The customer, audited; its code over there. One that somebody else has just made is adopted."""
        code = self._known_as(party)
        row = self._customer(code)
        if row is None and (code != party.code or not self.config.create_customers):
            raise errors.Rejected("kingdee.customer_unmapped", customer=code)
        if row is None:
            with suppress(errors.Duplicate):
                self._save("BD_Customer", documents.customer(self.config, party), code)
            row = self._customer(code)
        if row is None:
            raise errors.Rejected("kingdee.customer_elsewhere", customer=code)
        if row["FForbidStatus"] == "B":
            raise errors.Rejected("kingdee.customer_forbidden", customer=code)
        self._advance("BD_Customer", "FCUSTID", str(row["FCUSTID"]), code, str(row["FDocumentStatus"]), "audit")
        return code

    def _known_as(self, party: Party) -> str:
        """The party's code over there: the account's table, else the customer with its tax id, else our own."""
        named = documents.named_customer(self.config, party)
        if named or not self.config.match_tax_id or not party.tax_id:
            return named or party.code
        only = f"FTAXREGISTERCODE = '{documents.quoted(party.tax_id)}' and {self._mine()}"
        codes = {str(row["FNumber"]) for row in self._query("BD_Customer", documents.CUSTOMER_KEYS, only)}
        if party.code in codes or not codes:
            return party.code
        if len(codes) > 1:
            raise errors.Rejected("kingdee.customer_several", customer=party.code)
        return codes.pop()

    def _mine(self) -> str:
        # an allocated customer has a record of its own in each organisation that uses it
        return f"FUseOrgId.FNumber = '{documents.quoted(self.config.org_num)}'"

    def _customer(self, code: str) -> dict[str, Any] | None:
        only = f"FNumber = '{documents.quoted(code)}' and {self._mine()}"
        rows = self._query("BD_Customer", documents.CUSTOMER_KEYS, only)
        return rows[0] if rows else None

    # -- calls

    def _save(self, form: str, model: dict[str, Any], number: str) -> None:
        data = {"IsVerifyBaseDataField": "true", "NeedReturnFields": [], "Model": model}
        body = self._call("Save", form, {"formid": form, "data": data}, write=True)
        said = str((body.get("Result") or {}).get("Number") or "")
        if said and said.strip().upper() != number:
            # the coding rule numbered the bill itself: without our number it can never be found again
            raise errors.Rejected("kingdee.number_replaced", number=number, platform_number=said)

    def _advance(self, form: str, key: str, id: str, number: str, state: str, goal: str) -> str:
        """Step from state to state until the goal; the state then. Raises Rejected when a step is refused."""
        for _ in range(MOST_STEPS):
            step = NEXT[goal].get(state)
            if step is None:
                return state
            try:
                self._call(step, form, {"formid": form, "data": {**_STEP, "Ids": id}}, write=True)
                state = AFTER[step]
            except errors.Rejected as refusal:
                # somebody else may have taken the step meanwhile
                before, state = state, self._state(form, key, id, number)
                if state == before:
                    params = {**refusal.params, "number": number, "state": state, "step": step}
                    raise errors.Rejected("kingdee.step_refused", code=refusal.code, **params) from None
        raise errors.Rejected("kingdee.step_refused", number=number, state=state, step="")

    def _state(self, form: str, key: str, id: str, number: str) -> str:
        rows = self._query(form, (key, "FDocumentStatus"), f"{key} = {int(id)}")
        if not rows:
            raise errors.Rejected("kingdee.vanished", number=number)
        return str(rows[0]["FDocumentStatus"])

    def _query(self, form: str, keys: tuple[str, ...], only: str, limit: int = 100) -> list[dict[str, Any]]:
        """Rows by key. A bill has a row for each of its lines. TopRowCount 0: anything else cuts the whole result."""
        data = {"FormId": form, "FieldKeys": ",".join(keys), "FilterString": only, "OrderString": f"{keys[0]} ASC"}
        rows = self._call("ExecuteBillQuery", form, {"data": {**data, "StartRow": 0, "Limit": limit, "TopRowCount": 0}})
        if any(not isinstance(row, list) or len(row) != len(keys) for row in rows):
            raise errors.UnknownAnswer("kingdee.unreadable", form=form, operation="ExecuteBillQuery")
        return [dict(zip(keys, row, strict=True)) for row in rows]

    def _call(self, service: str, form: str, body: dict[str, Any], *, write: bool = False) -> Any:
        """One call; errors name the form and the operation."""
        request = Request(
            "POST",
            f"{FORM_SERVICE}.{service}.common.kdsvc",
            body=exact_json(body),
            headers=_JSON,
            auth=self.config.auth_mode != "signature",
            write=write,
            name=f"{service}:{form}",
        )
        try:
            return self.http.call(request)
        except errors.ConnectorError as error:
            error.params |= {"form": form, "operation": service}
            raise


_JSON = {"Content-Type": "application/json; charset=utf-8"}
_STEP = {"CreateOrgId": 0, "Numbers": [], "InterationFlags": "", "NetworkCtrl": "", "IgnoreInterationFlag": ""}


@contextmanager
def _saved(number: str) -> Iterator[None]:
    """Once a bill is saved, a passing fault leaves its further steps in doubt, and errors name the bill."""
    try:
        yield
    except (errors.Retryable, errors.Stop) as error:
        reason = error.key if isinstance(error, errors.ConnectorError) else "stopped"
        raise errors.InDoubt("kingdee.saved_unfinished", number=number, reason=reason) from None
    except errors.ConnectorError as error:
        error.params.setdefault("number", number)
        raise
