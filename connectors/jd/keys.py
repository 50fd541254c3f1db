"""The keys of a shop: kept in the memory of the process for at most eight hours, and asked for again at a rotation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from connectors.errors import ConfigError, UnknownAnswer
from connectors.jd import tde
from connectors.jd.settings import JdConfig

KEEP = timedelta(hours=8)
"""As long as JD's own client keeps them. (its KM_EPOCH of 28,800 seconds)"""
VOUCHER, MASTER = "jingdong.jos.voucher.info.get", "jingdong.jos.master.key.get"
DEAD = {305, 306, 307, 308, 310, 311}
"""Bad signature, expired, frozen, revoked, no voucher, no grant: keys that were kept count no more."""
Call = Callable[[str, Mapping[str, Any]], dict[str, Any]]


class _Kept(NamedTuple):
    keys: tde.Keys
    until: datetime


_kept: WeakKeyDictionary[object, dict[bytes, _Kept]] = WeakKeyDictionary()
"""By the session that a thread calls through, which outlives its connectors: one request each eight hours, not each run."""


class KeyRing:
    """Opens ciphertexts of one shop. ``call`` asks the gateway; session: what it calls through."""

    def __init__(self, config: JdConfig, call: Call, clock: Callable[[], datetime], session: object) -> None:
        self._config, self._call, self._clock = config, call, clock
        self._kept = _kept.setdefault(session, {})
        plain = "|".join((config.gateway, config.app_key, config.access_token))
        self._name = hashlib.sha256(plain.encode()).digest()
        self._asked_for: set[bytes] = set()

    def open(self, text: str) -> str | None:
        """The plain text; None when this shop's keys do not open it (another shop's, a revoked key, damage).

        Raises ConfigError where the keys cannot be had.
        """
        keys = self.keys()
        if keys.rotated(text):
            keys = self._newer(keys, text)
        try:
            return keys.open(text)
        except tde.Unreadable:
            return None

    def keys(self) -> tde.Keys:
        """The kept keys, or fresh ones."""
        kept = self._kept.get(self._name)
        if kept is not None and self._clock() < kept.until:
            return kept.keys
        return self._fetch()

    def _newer(self, keys: tde.Keys, text: str) -> tde.Keys:
        # Once for each unknown key: an answer that still lacks it would otherwise be asked for with every field.
        wanted = tde.key_of(text)
        if wanted in self._asked_for:
            return keys
        self._asked_for.add(wanted)
        return self._fetch()

    def _fetch(self) -> tde.Keys:
        now = self._clock()
        try:
            voucher = tde.read_voucher(self._voucher(), self._config.voucher_certificate, now)
            keys = tde.read_keys(self._answer(voucher, now), voucher)
        except tde.BadKeys as error:
            raise ConfigError("jd.keys", reason=str(error)) from None
        self._kept[self._name] = _Kept(keys, now + KEEP)
        return keys

    def _voucher(self) -> str:
        answer = self._call(VOUCHER, {}).get("response")
        if not isinstance(answer, dict):
            raise UnknownAnswer("jd.odd_answer", name=VOUCHER)
        data = answer.get("data")
        if str(answer.get("errorCode")) != "0" or not isinstance(data, dict) or not data.get("voucher"):
            raise ConfigError("jd.keys", code=str(answer.get("errorCode")), reason="no voucher is given")
        return str(data["voucher"])

    def _answer(self, voucher: tde.Voucher, now: datetime) -> dict[str, Any]:
        ts = int(now.timestamp() * 1000)
        params = {"sdk_ver": 2, "ts": ts, "tid": voucher.id, "sig": voucher.sign(ts)}
        answer = self._call(MASTER, params).get("response")
        if not isinstance(answer, dict):
            raise UnknownAnswer("jd.odd_answer", name=MASTER)
        status = answer.get("status_code")
        if status != 0:
            if status in DEAD:
                self._kept.pop(self._name, None)
            raise ConfigError("jd.keys", code=str(status), reason="the key service refuses")
        return answer
