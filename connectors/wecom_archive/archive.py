"""The archive behind the library: pages of envelopes by number, each opened with the key of its version. (docs: path/91774)"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from connectors import errors
from connectors.base import Record
from connectors.wecom_archive.calls import DATA, MEDIA, OPEN, ArchiveCalls
from connectors.wecom_archive.finance import CRASHED
from connectors.wecom_archive.keys import KeyRing

LIMIT = 100
"""Messages a call; 1 000 at most, and an answer that grows too big is refused (301058)."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message as it comes. message: its content; None when it could not be opened, then ``failed`` is the code."""

    seq: int
    msgid: str
    version: int
    message: Record | None = None
    failed: int = 0


class ArchiveReading(ArchiveCalls):
    """Reads and opens envelopes."""

    @cached_property
    def _keys(self) -> KeyRing:
        try:
            return KeyRing.read(self.config.private_keys)
        except ValueError as error:
            raise errors.ConfigError("wecom_archive.keys", reason=str(error)) from None

    def _envelopes(self, seq: int, limit: int = LIMIT) -> list[Envelope]:
        """Messages with a number greater than ``seq``, opened; an empty list is the end of what there is."""
        rows = self._rows(seq, limit)
        secrets = self._random_keys(rows)
        items = [(secret, str(row.get("encrypt_chat_msg") or "")) for row, secret in zip(rows, secrets, strict=True)]
        # An empty ciphertext brings the vendor's library down, and an empty key opens nothing.
        wanted = [place for place, (secret, body) in enumerate(items) if secret and body]
        opened = dict(zip(wanted, self._decrypted([items[place] for place in wanted]), strict=True))
        return [_envelope(row, *opened.get(place, (10006, ""))) for place, row in enumerate(rows)]

    def _rows(self, seq: int, limit: int) -> list[Record]:
        while True:
            _, text = self._asked(DATA, partial(self._chat, seq, limit))
            try:
                body = json.loads(text, strict=False)
            except ValueError:
                raise errors.Unavailable(name=DATA, reason="not json") from None
            try:
                self._judged(int(body.get("errcode") or 0), DATA, str(body.get("errmsg") or ""))
            except errors.ConnectorError as error:
                if error.code == "301058" and limit > 1:
                    limit = limit // 2
                    continue
                raise
            return sorted(body.get("chatdata") or [], key=lambda row: int(row["seq"]))

    def _chat(self, seq: int, limit: int) -> tuple[int, str]:
        return self._process().chat(seq, limit)

    def _random_keys(self, rows: Sequence[Record]) -> list[str]:
        """The random key of each message, '' where it does not open.

        Raises ConfigError where the version's private key is missing, or opens none of the messages of its version here: that
        is a wrong key, and to go on would lose them all in five days.
        """
        missing = {version for row in rows if (version := int(row.get("publickey_ver") or 0)) not in self._keys}
        if missing:
            raise errors.ConfigError("wecom_archive.key_missing", code="10007", version=min(missing))
        found = [self._keys.open(int(row["publickey_ver"]), str(row.get("encrypt_random_key") or "")) for row in rows]
        good = {int(row["publickey_ver"]) for row, secret in zip(rows, found, strict=True) if secret}
        wrong = {int(row["publickey_ver"]) for row in rows} - good
        if wrong:
            raise errors.ConfigError("wecom_archive.key_wrong", version=min(wrong))
        return [secret or "" for secret in found]

    def _decrypted(self, items: Sequence[tuple[str, str]]) -> list[tuple[int, str]]:
        if not items:
            return []
        with self.http.budgets.hold(OPEN, self.http.runtime.priority, self.http.runtime.sleep):
            found = self._process().decrypt(items)
        if all(code == CRASHED for code, _ in found) and len(found) > 1:
            raise errors.Unavailable("wecom_archive.crashed", name=OPEN)
        return found

    def media(self, reference: str) -> bytes:
        """A file that a message names by its ``sdkfileid``, read in parts of at most 512 KB. Never called by itself: files are
        noted, and fetched when somebody asks."""
        parts, index = [], ""
        while True:
            _, data, index, finished = self._asked(MEDIA, lambda index=index: self._process().media(reference, index))
            parts.append(data)
            if finished:
                return b"".join(parts)


def _envelope(row: Record, code: int, text: str) -> Envelope:
    head = (int(row["seq"]), str(row.get("msgid") or ""), int(row.get("publickey_ver") or 0))
    if code:
        return Envelope(*head, failed=code)
    try:
        # Control characters stand raw inside strings.
        message = json.loads(text, strict=False)
    except ValueError:
        return Envelope(*head, failed=10002)
    return Envelope(*head, message=message) if isinstance(message, dict) else Envelope(*head, failed=10002)
