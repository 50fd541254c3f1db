"""Groups, messages and consents to their tables, and the gate that no message passes without a ground to keep it.

A message comes to rest only where its record says on what ground it is kept, the customer has not said no since, and its
retention date lies ahead. What does not pass leaves nothing behind: no raw record, no quarantine, only a count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, text

from hub.identity.tables.digests import digest_of
from hub.security.keyring import KeyRing
from hub.store.bulk import Row, Upsert, delete_in, select_in
from hub.store.types import to_us
from hub.sync.forget import forget_pairs

KINDS = ("group", "consent", "message")
GROUNDS = frozenset({"agreed", "default", "addressed"})
_GROUP = ("ref", "account_id", "source_ref", "digest", "name", "owner", "state", "members", "created_at", "changed_at",
          "judged", "deleted")  # fmt: skip
_MEMBER = ("group_ref", "member", "kind", "digest", "invited_by", "joined_at")
_MESSAGE = ("ref", "account_id", "source_ref", "group_digest", "digest", "staff", "sender", "side", "kind", "body", "at", "seq",
            "recalls", "recalled", "consent", "keep_until", "judged", "deleted")  # fmt: skip
_CONSENT = ("ref", "account_id", "source_ref", "digest", "place", "state", "changed_at", "deleted")
_upsert_group = Upsert("chat_group", _GROUP, ("ref",), update=_GROUP[2:])
_upsert_member = Upsert("group_member", _MEMBER, _MEMBER[:2], update=_MEMBER[2:])
_KEPT = ("recalled", "keep_until")
"""What a message that comes again does not change: that it was taken back, and when it is to be deleted."""
_upsert_message = Upsert("message", _MESSAGE, ("ref",), update=[name for name in _MESSAGE[2:] if name not in _KEPT])
_upsert_consent = Upsert("consent", _CONSENT, ("ref",), update=_CONSENT[2:], not_older="changed_at")


class Found(NamedTuple):
    """A canonical record of one of ``KINDS`` with the raw record it came from. known: a state of it is stored."""

    ref: str
    account_id: int
    source_ref: str
    known: bool
    record: dict[str, Any]


@dataclass(frozen=True)
class Chats:
    """Writes the chat tables. keep: how long messages are kept from when they were written. withdrawn: what a withdrawn
    consent does to the messages that are there: delete | keep."""

    ring: KeyRing
    keep: timedelta = timedelta(days=180)
    withdrawn: str = "delete"

    # -- the gate

    def withheld(self, conn: Connection, items: Sequence[Found], now: int) -> set[str]:
        """Refs of the messages that must not be stored. items: of messages, and of consents that come with them."""
        messages = [item for item in items if item.record["kind"] == "message"]
        refused = self._refused(conn, messages) if messages else {}
        for item in items:
            fields = item.record["fields"]
            if item.record["kind"] == "consent" and fields.get("state") == "refused":
                key, at = self._digest(fields.get("customer")) or b"", _moment(fields.get("changed_at")) or now
                for place in self._places(fields):
                    refused[key, place] = max(at, refused.get((key, place), at))
        return {item.ref for item in messages if not self._passes(item, refused, now)}

    def _passes(self, item: Found, refused: dict[tuple[bytes, str], int], now: int) -> bool:
        fields = item.record["fields"]
        at = fields.get("at")
        if fields.get("consent") not in GROUNDS or at is None or to_us(at) + _us(self.keep) <= now:
            return False
        digest = self._digest(fields.get("customer"))
        said_no = max(
            (refused[key] for place in self._places(fields) if (key := (digest or b"", place)) in refused), default=None
        )
        since = fields.get("consent_at")
        return said_no is None or (since is not None and to_us(since) > said_no)

    def _refused(self, conn: Connection, items: Sequence[Found]) -> dict[tuple[bytes, str], int]:
        """(customer, place) -> when he said no, of those who are named in these messages."""
        digests = {self._digest(item.record["fields"].get("customer")) for item in items} - {None}
        rows = select_in(conn, "consent", ("digest", "place", "state", "changed_at", "deleted"), "digest", digests)
        return {(bytes(d), place): at for d, place, state, at, gone in rows if state == "refused" and not gone}

    def _places(self, fields: dict[str, Any]) -> list[str]:
        group, staff = self._digest(fields.get("group")), fields.get("staff")
        return [f"group:{group.hex()}"] if group else [f"staff:{staff}"] if staff else []

    # -- the tables

    def write(self, conn: Connection, kind: str, items: Sequence[Found], now: int) -> None:
        """Upsert rows of one of ``KINDS``. Messages must have passed the gate."""
        {"group": self._groups, "consent": self._consents, "message": self._messages}[kind](conn, items, now)

    def _groups(self, conn: Connection, items: Sequence[Found], now: int) -> None:
        _upsert_group(conn, [self._group_row(item) for item in items])
        delete_in(conn, "group_member", "group_ref", [item.ref for item in items if item.known])
        _upsert_member(conn, [row for item in items for row in self._member_rows(item)])

    def _group_row(self, item: Found) -> Row:
        fields = item.record["fields"]
        digest = self._digest(fields.get("identity")) or self.ring.blind("chat", item.ref)
        members = len(item.record.get("lines", ()))
        name, owner = self._sealed(fields, "name"), self._sealed(fields, "owner")
        moments = [_moment(fields.get(name)) for name in ("created_at", "changed_at")]
        head = (item.ref, item.account_id, item.source_ref, digest, name, owner)
        return (*head, fields.get("state", "unknown"), members, *moments, 0, False)

    def _sealed(self, fields: dict[str, Any], name: str) -> bytes | None:
        return self.ring.seal(orjson.dumps(fields[name]), f"chat_group.{name}".encode()) if name in fields else None

    def _member_rows(self, item: Found) -> Iterable[Row]:
        for line in item.record.get("lines", ()):
            if line.get("key"):
                digest, joined = self._digest(line.get("customer")), _moment(line.get("joined_at"))
                yield (item.ref, line["key"], line.get("kind", "unknown"), digest, line.get("invited_by"), joined)

    def _consents(self, conn: Connection, items: Sequence[Found], now: int) -> None:
        rows = []
        for item in items:
            fields = item.record["fields"]
            digest, places = self._digest(fields.get("customer")), self._places(fields)
            if digest and places:
                at = _moment(fields.get("changed_at")) or now
                head = (item.ref, item.account_id, item.source_ref)
                rows.append((*head, digest, places[0], fields.get("state", "unknown"), at, False))
        _upsert_consent(conn, rows)
        if self.withdrawn == "delete":
            stored = select_in(conn, "consent", ("ref", "state"), "ref", [row[0] for row in rows])
            refused = {ref for ref, state in stored if state == "refused"}
            forget_pairs(conn, [(row[3], row[4]) for row in rows if row[0] in refused])

    def _messages(self, conn: Connection, items: Sequence[Found], now: int) -> None:
        rows = [self._message_row(item) for item in items]
        before = {ref for (ref,) in select_in(conn, "message", ("ref",), "ref", [row[0] for row in rows])}
        _upsert_message(conn, rows)
        fresh = [row[0] for row in rows if row[0] not in before]
        _take_back(conn, fresh, [row[12] for row in rows if row[12]])

    def _message_row(self, item: Found) -> Row:
        fields = item.record["fields"]
        body = {name: fields[name] for name in ("text", "receivers", "media") if name in fields}
        recalls = f"{item.account_id}|{fields['recalls']}" if "recalls" in fields else None
        at = to_us(fields["at"])
        return (
            item.ref, item.account_id, item.source_ref, self._digest(fields.get("group")), self._digest(fields.get("customer")),
            fields.get("staff"), fields.get("sender"), fields.get("side", "unknown"), fields.get("kind", "unknown"),
            self.ring.pack(orjson.dumps(body), item.ref), at, fields.get("seq"), recalls, False, fields["consent"],
            at + _us(self.keep), 0, False,
        )  # fmt: skip

    def _digest(self, key: tuple[str, str, str] | None) -> bytes | None:
        return digest_of(self.ring, *key) if key else None


def _take_back(conn: Connection, fresh: Sequence[str], recalled: Sequence[str]) -> None:
    """Mark what was taken back, whichever of the two came first."""
    waiting = select_in(conn, "message", ("recalls",), "recalls", fresh) if fresh else []
    refs = sorted({*recalled, *(row[0] for row in waiting)})
    for ref in refs:
        conn.execute(text("UPDATE message SET recalled = true, judged = 0 WHERE ref = :ref AND NOT recalled"), {"ref": ref})


def _moment(value: Any) -> int | None:
    return None if value is None else to_us(value)


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
