"""TDE, the encryption of personal fields in JD's data: cipher format, vouchers, keys. Pure: no calls.

(docs: jos.jd.com doc channel id=787; format and checks as in JD's Python, PHP and Java SDKs)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

JD_KEY = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA3/Y3RW2mCS2+h/wdRBLbjqJJI61NbWkErnWYbgZZ8woinlIyur2A6KhoCUs0SPOrJVP65Cv+6OJn"
    "PCzr5gCUb1C1i1HTPRMyPuvjOnlS8Llp5t0DCCSZdcu3UKsJwDC5d0/z+lBj9YNfUew/C3GhMNvPWPIv6iWlXaG2jPNtsXFuFr/kCJXZVqOmJQ6BO3X2PaV0"
    "5QJEz/xszvizpws6df1QN0Ol5dQpeCr5NMBVpxojBG1RGcfchJJ8D1dVYqt0BozD6BBhGrusfbKwnBIrQpZZalxzlpCFTbf/6jdrm8fdMI8hymU3tx60PyxU"
    "iFi03jaO9/IkfLRc8Un2uYYrWQIDAQAB"
)
"""The public key of JD's certificate O=JD.COM OU=JOS CN=jos.jd.com, valid until 2059, as base64 of its DER form."""
WEAK, CBC, BLOCK = 0, 4, 16
GRACE = timedelta(days=30)
"""How long after its end a voucher is still honoured."""
AHEAD = 3
"""So many versions beyond the current one are believed to come from a rotation."""
REVOKED = 2


class BadKeys(ValueError):
    """A voucher or key answer that must not be used. The text says why, and holds no secret."""


class Unreadable(ValueError):
    """A ciphertext that none of the keys opens."""


@dataclass(frozen=True)
class Voucher:
    """What proves us to the key service."""

    id: str
    key: bytes = field(repr=False)
    service: str

    def sign(self, ts: int) -> str:
        """The signature of a key request of that moment (milliseconds)."""
        plain = f'{{"sdk_ver":2,"ts":{ts},"tid":"{self.id}"}}'
        return base64.b64encode(hmac.digest(self.key, plain.encode(), "sha256")).decode()


def read_voucher(text: str, public_key: str, now: datetime) -> Voucher:
    """Verify a voucher (RSA with SHA-256 over its compact JSON) and read it. Raises BadKeys."""
    try:
        whole = json.loads(base64.b64decode(text))
        data = whole["data"]
        plain = json.dumps(data, separators=(",", ":")).encode()
        key = serialization.load_der_public_key(base64.b64decode(public_key or JD_KEY))
        assert isinstance(key, RSAPublicKey)
        key.verify(base64.b64decode(whole["sig"]), plain, padding.PKCS1v15(), hashes.SHA256())
        ends = datetime.fromtimestamp(int(data["expired"]) / 1000, now.tzinfo)
        voucher = Voucher(str(data["id"]), base64.b64decode(data["key"]), str(data["service"]))
    except InvalidSignature:
        raise BadKeys("the voucher's signature is wrong") from None
    except (KeyError, TypeError, ValueError, AssertionError):
        raise BadKeys("the voucher is malformed") from None
    if now > ends + GRACE:
        raise BadKeys("the voucher has expired")
    return voucher


@dataclass(frozen=True)
class Keys:
    """The keys of one shop: key id -> first half of the key, which is what the cipher uses. coming: ids of later versions."""

    opening: Mapping[bytes, bytes] = field(repr=False)
    coming: frozenset[bytes]
    first: bytes = field(repr=False, default=b"")

    def open(self, text: str) -> str:
        """The plain text of a ciphertext. Raises Unreadable."""
        data = base64.b64decode(text)
        key = self.opening.get(key_of(text))
        if key is None:
            raise Unreadable
        decryptor = Cipher(algorithms.AES(key), modes.CBC(data[18:34])).decryptor()
        plain = decryptor.update(data[34:]) + decryptor.finalize()
        pad = plain[-1]
        if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
            raise Unreadable
        try:
            return plain[:-pad].decode()
        except UnicodeDecodeError:
            raise Unreadable from None

    def rotated(self, text: str) -> bool:
        """Whether the ciphertext bears a key that has come since: then the keys are asked for again."""
        return key_of(text) in self.coming

    def index(self, text: str) -> str:
        """The exact-match index of a plain text, as JD's search fields hold it."""
        encryptor = Cipher(algorithms.AES(self.first[:16]), modes.CBC(bytes(BLOCK))).encryptor()
        salt = encryptor.update(bytes(BLOCK)) + encryptor.finalize()
        return base64.b64encode(hashlib.sha256(text.encode() + salt).digest()).decode()


def read_keys(answer: Mapping[str, Any], voucher: Voucher) -> Keys:
    """The keys of an answer of the key service, each checked against its digest. Raises BadKeys."""
    try:
        if answer["tid"] != voucher.id or answer["enc_service"] != voucher.service:
            raise BadKeys("the keys are not ours")
        opening: dict[bytes, bytes] = {}
        coming: set[bytes] = set()
        first = b""
        for service in answer["service_key_list"]:
            for key in service["keys"]:
                value = base64.b64decode(key["key_string"])
                digest = base64.b64encode(hashlib.sha256(value).digest()).decode()
                if not hmac.compare_digest(digest, str(key["key_digest"])):
                    raise BadKeys("a key does not match its digest")
                if key["key_status"] != REVOKED and service["grant_usage"] in ("D", "ED"):
                    opening[base64.b64decode(key["id"])] = value[:16]
                if key["version"] == 0 and service["service"] == voucher.service:
                    first = value
            now = int(service["current_key_version"])
            coming |= {id_of(service["service"], version) for version in range(now + 1, now + 1 + AHEAD)}
    except BadKeys:
        raise
    except (KeyError, TypeError, ValueError):
        raise BadKeys("the key answer is malformed") from None
    return Keys(opening, frozenset(coming), first)


def id_of(service: str, version: int) -> bytes:
    """The id of a service's key of that version."""
    return hashlib.md5(f"{service}{version}".encode(), usedforsecurity=False).digest()


def key_of(text: str) -> bytes:
    """The id of the key that a ciphertext bears."""
    return base64.b64decode(text)[2:18]


def is_cipher(text: str) -> bool:
    """Whether a field holds ciphertext of the kind that JD returns; anything else is plain text, or masked."""
    if len(text) < 68 or not text.startswith("AA") or text[2] not in "QRST":
        return False
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return data[0] == WEAK and data[1] == CBC and len(data) >= 50 and (len(data) - 34) % BLOCK == 0
