"""What a record says of a customer, in normal form: made once when it comes, stored, and compared without cleaning again."""

from __future__ import annotations

import msgspec

from hub.identity.normal.forms import Name, Org, Place

OWN, NICK, RECEIVER, CONTACT = "own", "nick", "receiver", "contact"
"""Whose name it is: the customer's, what he calls himself, the one who gets the parcel, a person at the organisation."""


class Named(msgspec.Struct, array_like=True, frozen=True):
    """A name and its role."""

    role: str
    name: Name


class Features(msgspec.Struct, array_like=True):
    """kind: person, company, other, or '' while nothing tells. at: seconds since 1970 when the source last changed the record.

    order: names, phones and places are a receiver's, not the account holder's. proofs: (kind, scope, value) of identifiers.
    masks: seven figures of masked mobile numbers. offices: mailboxes of an office. hints: sounds that mailboxes and handles
    contain. extra: further fields of general data, each a list of texts in normal form.
    """

    kind: str = ""
    source: str = ""
    at: int = 0
    order: bool = False
    proofs: list[tuple[str, str, str]] = []
    names: list[Named] = []
    phones: list[str] = []
    masks: list[str] = []
    lands: list[str] = []
    mails: list[str] = []
    offices: list[str] = []
    handles: list[str] = []
    code: str = ""
    near_code: str = ""
    orgs: list[Org] = []
    places: list[Place] = []
    gender: str = ""
    nick: str = ""
    refused: list[str] = []
    extra: dict[str, list[str]] = {}

    def dump(self) -> bytes:
        """As stored."""
        return _encoder.encode(self)

    @staticmethod
    def load(data: bytes) -> Features:
        """As it was before ``dump``."""
        return _decoder.decode(data)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Features)
