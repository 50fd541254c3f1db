"""One attempt at a delivery: the state machine that puts each document at its destination exactly once.

pending → sending → sent | rejected | in_doubt. No transaction is held over a call. Every write is preceded by ``find``;
an outcome in doubt is never written again before ``find`` has said absent twice, a settle delay apart. A sender that
vanished leaves ``sending`` with a lease that runs out: that is an outcome in doubt like any other.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, null, select

from connectors import errors, registry
from connectors.base import Document, Receipt, Sink
from hub import accounts
from hub.core import Hub
from hub.events import amend, documents, outbox
from hub.events.book import EVENT
from hub.events.facts import DEAL, REQUEST, Facts
from hub.events.fresh import outdated
from hub.events.mint import event_id, insert_events, mint
from hub.events.outbox import LeaseLost
from hub.events.rules import wanted_kinds
from hub.invoices import status
from hub.invoices.fault import Fault, Incomplete
from hub.models import Account
from hub.store.types import to_us
from hub.sync import connect as connecting

CLEAN_ABSENTS = 2
"""How often ``find`` must say absent before a document in doubt is written again."""
PATIENCE = 5
"""Attempts after which an outcome in doubt is looked up less often."""
ALERT_FROM = 8
"""Attempts from which the error is marked for an alert. The delivery goes on being tried."""
LONGEST_BACKOFF = 3600.0
UNSEEN_DUPLICATES = 3
PAUSE = 15.0
"""Seconds for which an account's other deliveries rest after a call that got no proper answer."""


def backoff(attempts: int) -> float:
    """Seconds to wait after so many attempts: 5, 10, 20 … one hour."""
    return float(min(LONGEST_BACKOFF, 5 * 2 ** min(max(attempts - 1, 0), 20)))


class Attempt:
    """One claimed delivery and what is done about it. by: who asked (a person looks now, the hub when it is due)."""

    def __init__(self, hub: Hub, account: Account, row: Any, *, by: str = "hub") -> None:
        self.hub, self.account, self.row, self.by = hub, account, row, by
        self.state: str = row.state
        self.attempts: int = row.attempts
        self._renewed = hub.now()

    def run(self) -> bool:
        """Take it as far as it goes now. Returns whether the account can be used for more."""
        try:
            if self.state == "sending":
                return self._vanished()
            sink = self.sink()
            try:
                document = documents.from_json(self.row.document)
            except (KeyError, TypeError, ValueError):
                return self._failed("read", documents.NotReady("document.invalid"))
            return self._look(sink, document)
        except LeaseLost:
            return True
        except errors.ConfigError as error:
            return self._failed("connect", error)

    def sink(self) -> Sink:
        """The destination's connector. Raises ConfigError where the account cannot be connected."""
        priority = 2 if self.by == "hub" else 0
        try:
            sink = connecting.connect(replace(self.hub, stopping=self._lost), self.account, priority=priority)
        except (ValidationError, registry.UnknownConnector):
            raise errors.ConfigError from None
        if not isinstance(sink, Sink):
            raise errors.ConfigError("delivery.no_sink", platform=self.account.platform)
        return sink

    def _lost(self) -> bool:
        """Asked before each call: renews the lease, and stops the calls when it is somebody else's."""
        now = self.hub.now()
        if now - self._renewed < timedelta(seconds=self.hub.settings.lease_seconds / 3):
            return False
        self._renewed = now
        return not outbox.renew(self.hub, self.row)

    # -- the steps

    def _look(self, sink: Sink, document: Document) -> bool:
        try:
            receipt = sink.find(document)
        except Exception as error:
            return self._failed("find", error)
        if receipt is None:
            return self._absent(sink, document)
        return self._adopt(sink, document, receipt)

    def _absent(self, sink: Sink, document: Document) -> bool:
        if self.state == "in_doubt":
            early, absent = self.hub.now() < self.row.next_at, self.row.absent + 1
            if early or absent < CLEAN_ABSENTS:
                later = {} if early else {"absent": absent, "next_at": self._after(self._settle())}
                self._end("find", "absent", self.state, **later)
                return True
        return self._send(sink, document)

    def _send(self, sink: Sink, document: Document) -> bool:
        if not self._begin():
            return True
        try:
            receipt = sink.send(document)
        except errors.Duplicate as error:
            return self._duplicate(sink, document, error)
        except Exception as error:
            return self._failed("send", error)
        return self._finish(sink, document, receipt, "send", "written")

    def _begin(self) -> bool:
        """Mark it as being sent, unless its deal was reversed meanwhile."""
        now = self.hub.now()
        with self.hub.db.write() as conn:
            if reversed_deal(conn, self.row):
                error = errors.ConnectorError("delivery.reversed").as_dict()
                outbox.release(conn, self.row, state="cancelled", error=error)
                outbox.note(conn, self.row.id, "reverse", "cancelled", now, by=self.by)
                return False
            if outdated(conn, self.hub, self.row):
                self._outdated(conn)
                return False
            until = now + timedelta(seconds=self.hub.settings.lease_seconds)
            self.attempts += 1
            outbox.save(conn, self.row, state="sending", absent=0, lease_until=until, attempts=self.attempts)
            outbox.note(conn, self.row.id, "find", "absent", now, by=self.by)
        self.state, self._renewed = "sending", now
        return True

    def _outdated(self, conn: Connection) -> None:
        """It is not sent as it is. An invoice waits for the event of its change, which is still to be dispatched, or for the
        look at what is incomplete, where there is none: its customer's name, its lines. Another is made for its customer of
        now."""
        row, now = self.row, self.hub.now()
        if row.kind == "invoice":
            error = Incomplete([Fault("document", "changed")]).as_dict()
            outbox.release(conn, row, state="incomplete", error=error, next_at=now)
            outbox.note(conn, row.id, "amend", "incomplete", now, by=self.by)
            return
        error = errors.ConnectorError("rule.gone", rule=row.rule).as_dict()
        outbox.release(conn, row, state="rejected", error=error)
        first = conn.execute(select(EVENT).where(EVENT.c.id == row.event_id)).all()
        if not amend.made_anew(Facts(conn, self.hub, first), self.hub, row, self.hub.settings.rules):
            outbox.note(conn, row.id, "amend", "rejected", now, error=error, by=self.by)

    def _duplicate(self, sink: Sink, document: Document, said: errors.Duplicate) -> bool:
        """The destination says it has the number: adopt what it holds, if it can be seen."""
        try:
            receipt = sink.find(document)
        except Exception:
            return self._doubt("send", "duplicate", said)
        if receipt is not None:
            return self._adopt(sink, document, receipt)
        with self.hub.db.read() as conn:
            before = outbox.count_outcome(conn, self.row.id, "duplicate")
        if before + 1 >= UNSEEN_DUPLICATES:
            return self._failed("send", errors.Rejected("delivery.duplicate_unseen", number=document.number))
        return self._doubt("send", "duplicate", said)

    def _adopt(self, sink: Sink, document: Document, receipt: Receipt) -> bool:
        conflict = compare(document, receipt)
        if conflict is not None:
            return self._failed("find", conflict)
        return self._finish(sink, document, receipt, "find", "adopted")

    def _finish(self, sink: Sink, document: Document, receipt: Receipt, step: str, outcome: str) -> bool:
        """Do what an incomplete document still lacks, and write the receipt down."""
        if not receipt.complete:
            step, outcome = "finish", "done"
            try:
                receipt = sink.finish(document, receipt)
            except Exception as error:
                return self._failed("finish", error)
            if not receipt.complete:
                return self._failed("finish", errors.InDoubt("delivery.incomplete", state=receipt.state))
        return self._sent(receipt, step, outcome)

    def _sent(self, receipt: Receipt, step: str, outcome: str) -> bool:
        row, now = self.row, self.hub.now()
        wanted = "delivery.sent" in wanted_kinds(self.hub.settings)
        data = {"number": receipt.number, "kind": row.kind, "subject": row.subject}
        told = mint("delivery.sent", row.source_account_id, row.id, to_us(now), to_us(now), data, pending=wanted)
        with self.hub.db.write() as conn:
            outbox.release(conn, row, state="sent", receipt=receipt_json(receipt), error=null(), absent=0, sent_at=now)
            outbox.note(conn, row.id, step, outcome, now, by=self.by)
            status.begin(conn, row, self.account.platform, now)
            insert_events(conn, [told])
        return True

    # -- how a step failed

    def _vanished(self) -> bool:
        """Whoever was sending it is gone, and nobody knows how far it got."""
        return self._doubt("send", "lost", errors.InDoubt("delivery.lost"))

    def _failed(self, step: str, error: BaseException) -> bool:
        """What becomes of it after an error in a step; whether the account can be used for more."""
        if isinstance(error, errors.Throttled):
            return self._throttled(step, error)
        if isinstance(error, errors.ConfigError | errors.AuthError):
            return self._locked_out(step, error)
        if isinstance(error, errors.RecordError | errors.Rejected) and (step != "find" or self._settles(error)):
            self._end(step, "rejected", "rejected", error)
            return True
        if isinstance(error, errors.Stop) and step == "find":
            raise LeaseLost
        if step == "find" or (step == "send" and isinstance(error, errors.Unavailable)):
            return self._again(step, error)
        return self._doubt(step, "in_doubt", error)

    def _doubt(self, step: str, outcome: str, error: BaseException) -> bool:
        doubt = {"doubt_at": self.hub.now(), "absent": 0, "next_at": self._after(self._doubt_delay())}
        self._end(step, outcome, "in_doubt", error, **doubt)
        return True

    def _settles(self, error: BaseException) -> bool:
        """Whether an error of ``find`` is for a person: a conflict always, a refusal only where nothing is in doubt."""
        return self.state != "in_doubt" or getattr(error, "key", "") == "delivery.conflict"

    def _throttled(self, step: str, error: errors.Throttled) -> bool:
        """A limit is no attempt. After a write the pause lasts until ``find`` may be trusted."""
        now = self.hub.now()
        state, wait = self._resting(step), max(error.wait, 0.0 if step == "find" else self._settle())
        uncounted = self.attempts - 1 if self.state == "sending" else self.attempts
        with self.hub.db.write() as conn:
            values = {"state": state, "attempts": uncounted, "next_at": now + timedelta(seconds=wait)} | self._seen(step)
            outbox.release(conn, self.row, error=error.as_dict(), **values)
            outbox.note(conn, self.row.id, step, "throttled", now, error=error.as_dict(), by=self.by)
            outbox.hold_account(conn, self.row.account_id, now, now + timedelta(seconds=error.wait))
        return False

    def _locked_out(self, step: str, error: errors.ConnectorError) -> bool:
        """The account needs a person; its deliveries wait as they are."""
        wait = 0.0 if step in ("find", "connect") else self._settle()
        later = self._seen(step) | ({"next_at": self._after(wait)} if wait else {})
        self._end(step, "no_access", self._resting(step), error, **later)
        if self.account.state == "active":
            state = "needs_auth" if isinstance(error, errors.AuthError) else "failed"
            reason = error.key if error.code is None else f"{error.key} ({error.code})"
            accounts.set_state(self.hub, self.account.key, state, reason=reason, by="hub")
        return False

    def _again(self, step: str, error: BaseException) -> bool:
        """Nothing was written: try again later."""
        if step == "find":
            self.attempts += 1
        wait = max(backoff(self.attempts), self._settle() if step == "send" else 0.0)
        down, now = isinstance(error, errors.Unavailable), self.hub.now()
        self._end(step, "unavailable" if down else "error", self._resting(step), error, next_at=self._after(wait))
        if down:
            with self.hub.db.write() as conn:
                outbox.hold_account(conn, self.row.account_id, now, now + timedelta(seconds=min(wait, PAUSE)))
        return not down

    def _resting(self, step: str) -> str:
        """The state to wait in. What a finish was tried on is there, so it is looked up and never written anew."""
        if step == "finish":
            return "in_doubt"
        return "pending" if self.state == "sending" else self.state

    @staticmethod
    def _seen(step: str) -> dict[str, Any]:
        """What was there to be finished is not absent, however often it was before."""
        return {"absent": 0} if step == "finish" else {}

    def _end(self, step: str, outcome: str, state: str, error: BaseException | None = None, **values: Any) -> None:
        """Write the outcome down and let the delivery go."""
        told = documents.error_of(error) if error is not None else None
        if told is not None and self.attempts >= ALERT_FROM:
            told["alert"] = True
        shown = {"error": told} if told is not None else {}
        with self.hub.db.write() as conn:
            outbox.release(conn, self.row, state=state, attempts=self.attempts, **shown, **values)
            outbox.note(conn, self.row.id, step, outcome, self.hub.now(), error=told, by=self.by)

    # -- times

    def _after(self, seconds: float) -> datetime:
        return self.hub.now() + timedelta(seconds=seconds)

    def _settle(self) -> float:
        return settle_seconds(self.hub, self.account.platform, self.row.kind)

    def _doubt_delay(self) -> float:
        late = self.attempts - PATIENCE
        return max(self._settle(), backoff(late)) if late > 0 else self._settle()


def settle_seconds(hub: Hub, platform: str, kind: str) -> float:
    """How long after a write ``find`` may be trusted: the setting, else what the platform's manifest says."""
    if hub.settings.settle_seconds is not None:
        return hub.settings.settle_seconds
    kinds = registry.get(platform).manifest.documents
    return kinds[kind].settle.total_seconds() if kind in kinds else 30.0


def compare(document: Document, receipt: Receipt) -> errors.Rejected | None:
    """The conflict between ours and what the destination holds under its number; None where they agree."""
    known = {"number": document.number, "platform_id": receipt.platform_id, "state": receipt.state}
    if receipt.amount is not None and receipt.amount != document.amount:
        theirs = f"{receipt.amount} {receipt.amount.currency}"
        return errors.Rejected("delivery.conflict", field="amount", ours=str(document.amount), theirs=theirs, **known)
    if receipt.party_code is not None and receipt.party_code != document.party.code:
        return errors.Rejected("delivery.conflict", field="party", ours=document.party.code, theirs=receipt.party_code, **known)
    return None


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """The receipt as the delivery stores it."""
    money = receipt.amount
    return {
        "number": receipt.number, "platform_id": receipt.platform_id, "state": receipt.state, "complete": receipt.complete,
        "amount": money.minor if money else None, "currency": money.currency if money else None,
        "party_code": receipt.party_code,
    }  # fmt: skip


def reversed_deal(conn: Connection, row: Any) -> bool:
    """Whether the delivery is of a deal that is reversed by now, or of an invoice that is not wanted any more."""
    for kind, source, states in _TAKEN_BACK:
        if row.event_id == event_id(kind, row.subject) or row.event_id.startswith(f"{row.subject}|{kind}|"):
            found = conn.execute(select(source.c.state, source.c.deleted).where(source.c.ref == row.subject)).first()
            return found is not None and (found.state in states or bool(found.deleted))
    return False


_TAKEN_BACK = (
    ("deal.signed", DEAL, ("reversed",)),
    ("deal.amended", DEAL, ("reversed",)),
    ("invoice.requested", REQUEST, ("withdrawn", "refused")),
    ("invoice.amended", REQUEST, ("withdrawn", "refused")),
)
