"""Keys as blind indexes: keyed hashes that find equals and show nothing."""

from __future__ import annotations

from collections.abc import Callable

from hub.identity.normal import codes, phones
from hub.security.keyring import KeyRing

BLOCK = 8
"""Bytes of a digest of a key that only finds candidates; keys that can join have 16."""
JOINING = {"phone": "phone", "mail": "email", "code": "credit_code"}
"""Keys without scope that can join, and the kind that their digest is made of."""


def blind_of(ring: KeyRing) -> Callable[[str, str], bytes]:
    """(kind, value) of a key -> digest: 16 bytes where it can join, 8 where it only finds candidates.

    Identifiers ("=unionid", scope and value) have the digest that anything else knows them by: kind, scope and value.
    """

    def blind(kind: str, value: str) -> bytes:
        if kind.startswith("="):
            return ring.blind(kind[1:], value)
        known = JOINING.get(kind)
        return ring.blind(known, "", value) if known else ring.blind(kind, value, size=BLOCK)

    return blind


def digest_of(ring: KeyRing, kind: str, scope: str, value: str) -> bytes | None:
    """The blind index by which a key that stands in another record (a group, a message) finds its customer; None for what is
    no such key."""
    if kind not in JOINING.values():
        plain = codes.handle(value)
        return ring.blind(kind, scope, plain) if plain else None
    plain = _ordinary(kind, value)
    return ring.blind(kind, "", plain) if plain else None


def _ordinary(kind: str, value: str) -> str:
    if kind == "phone":
        return next((number.value for number in phones.phones(value).found if number.kind == "mobile"), "")
    if kind == "email":
        mail = codes.mail(value)
        return mail.address if mail else ""
    return codes.credit_code(value)
