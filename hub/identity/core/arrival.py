"""A profile on its way to the engine: as it comes, or cleaned before, with its keys, so that neither is made again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from hub.identity.core.features import Features
from hub.identity.core.keying import Keys, Plain

_STORED, _LOOKED, _COUNTED = 1, 2, 4


class Made(NamedTuple):
    """A key with its digest. use: the sum of 1 (stored), 2 (looked for) and 4 (counted)."""

    kind: str
    value: str
    digest: bytes
    use: int


class Arrival(NamedTuple):
    """A profile that is new or may have changed. packed: its features as they are stored; made: its keys; both where they were
    made before."""

    ref: str
    features: Features
    packed: bytes = b""
    made: list[Made] = []  # noqa: RUF012 - never changed


class Packed(NamedTuple):
    """What a cleaned record is kept as. features: as they are stored; keys: of `Made`, none where it is empty."""

    features: bytes
    keys: bytes = b""

    def arrival(self, ref: str) -> Arrival:
        """The profile again."""
        return Arrival(ref, Features.load(self.features), self.features, _made(self.keys) if self.keys else [])


_pack = msgspec.msgpack.Encoder().encode
_made = msgspec.msgpack.Decoder(list[Made]).decode


def packed(features: Features, made: list[Made]) -> Packed:
    """A cleaned record, to be kept."""
    return Packed(features.dump(), _pack(made))


def made(found: Keys, blind: Callable[[str, str], bytes]) -> list[Made]:
    """Keys with their digests, each once."""
    uses: dict[Plain, int] = dict.fromkeys(found.stored, _STORED)
    for use, wanted in ((_LOOKED, found.looked), (_COUNTED, found.counted)):
        for key in wanted:
            uses[key] = uses.get(key, 0) | use
    return [Made(*key, blind(*key), use) for key, use in uses.items()]


def unmade(given: Iterable[Made]) -> tuple[Keys, Mapping[Plain, bytes]]:
    """The keys again, and their digests."""
    found, digests = Keys([], [], []), dict[Plain, bytes]()
    for kind, value, digest, use in given:
        key = (kind, value)
        digests[key] = digest
        if use & _STORED:
            found.stored.append(key)
        if use & _LOOKED:
            found.looked.append(key)
        if use & _COUNTED:
            found.counted.append(key)
    return found, digests
