"""企业微信会话内容存档 WeCom chat archive: messages of chats with customers who agree, and what they have agreed to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.base import EventSource, Finding, Opened, Page, PlatformEvent, RawRequest, Record, Source, Window
from connectors.callbacks import Callback, business_key, created
from connectors.wecom_archive import shape
from connectors.wecom_archive.archive import ArchiveReading, Envelope
from connectors.wecom_archive.calls import DATA
from connectors.wecom_archive.check import findings
from connectors.wecom_archive.consent import Consents


class WeComArchive(ArchiveReading, Source, EventSource):
    """One corp's archive: only chats of staff with a seat are in it, and only five days of them."""

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """What came after the number ``resume``. The end is an empty answer: numbers have gaps, and pages may be short."""
        seq, consents, told = int(resume or 0), Consents(self.http), set[str]()
        while envelopes := self._envelopes(seq):
            seq = envelopes[-1].seq
            places = self._asked_for(envelopes, consents)
            if stream == "message":
                found = [shape.record_of(envelope, place, consents) for envelope, place in zip(envelopes, places, strict=True)]
                records = [record for record in found if record is not None]
            else:
                records = self._consents(places, consents, told)
            yield Page(records, str(seq))
        yield Page((), None, last=True)

    def _asked_for(self, envelopes: Sequence[Envelope], consents: Consents) -> list[shape.Place | None]:
        """Where each message was said; consent is asked for all these places in as few calls as possible."""
        opened = [envelope.message for envelope in envelopes]
        seats = consents.seats if any(opened) else frozenset()
        places = [None if message is None else shape.place_of(message, seats) for message in opened]
        found = [place for place in places if place is not None]
        consents.ask([(p.staff, p.customer) for p in found if not p.room], [p.room for p in found if p.room])
        return places

    @staticmethod
    def _consents(places: Sequence[shape.Place | None], consents: Consents, told: set[str]) -> list[Record]:
        """Consents of these places, each once a run."""
        records = []
        for place in places:
            for record in shape.consent_records(place, consents) if place else ():
                key = f"{record['place']}/{record['id']}/{record['exteranalopenid']}"
                if key not in told:
                    told.add(key)
                    records.append(record)
        return records

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """A message by its number, while the archive still has it; a consent as it stands now."""
        return next(record for _, record in self.fetch_many(stream, [key]))

    def fetch_many(self, stream: str, keys: Sequence[str]) -> Iterator[tuple[str, Record | None]]:
        """As everywhere; consents are asked for a hundred at a time."""
        consents = Consents(self.http)
        if stream == "message":
            for key in keys:
                yield key, self._message(int(key), consents)
            return
        parts = [shape.split_key(key) for key in keys]
        consents.ask([(p[1], p[2]) for p in parts if p[0] == "staff"], [p[1] for p in parts if p[0] == "room"])
        for key in keys:
            yield key, shape.asked_again(key, consents)

    def _message(self, seq: int, consents: Consents) -> Record | None:
        envelopes = [envelope for envelope in self._envelopes(seq - 1, 1) if envelope.seq == seq]
        places = self._asked_for(envelopes, consents)
        return shape.record_of(envelopes[0], places[0], consents) if envelopes else None

    # -- events

    def open(self, request: RawRequest) -> Opened:
        """A callback of the archive's own event server. (docs: path/95039, path/92005)"""
        config = self.config
        return Callback("wecom_archive", config.callback_token, config.callback_aes_key, config.corp_id).open(request)

    def events(self, opened: Opened) -> list[PlatformEvent]:
        """New messages: no number and no chat is named, so the archive is read. A customer's consent: it is asked for again."""
        found = opened.payload or {}
        if found.get("MsgType") != "event":
            return []
        key, when = business_key(found), created(found)
        if found.get("Event") == "msgaudit_notify":
            return [PlatformEvent(key, "message", "", "msgaudit_notify", when)]
        who = (found.get("UserID"), found.get("ExternalUserID"))
        if found.get("ChangeType") == "msg_audit_approved" and all(who):
            return [PlatformEvent(key, "consent", "/".join(("staff", *map(str, who))), "msg_audit_approved", when)]
        return []

    # -- check

    def check(self) -> list[Finding]:
        """The archive's secret and trusted address, seats, private keys, and the library itself."""
        consents = Consents(self.http)
        return findings(
            self.manifest.messages,
            seats=lambda: len(consents.seats),
            keys=lambda: self._keys,
            library=lambda: self._asked(DATA, lambda: self._process().chat(0, 1)),
            opens=lambda: self._envelopes(0, 1),
        )
