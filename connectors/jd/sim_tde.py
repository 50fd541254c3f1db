"""The key service behind the simulated gateway: vouchers, master keys by version, and the cipher that the shop's data bear.

Written from the fact sheet's description of the format, not from the connector.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LONG = timedelta(days=3650)
ACTIVE, REVOKED = 0, 2


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """What stands for JD's own key, made once a process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_key() -> str:
    """The public half, as base64 of its DER form."""
    form, encoding = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.DER
    return base64.b64encode(signing_key().public_key().public_bytes(encoding, form)).decode()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class MasterKey:
    """One version of a service's key."""

    version: int
    value: bytes
    status: int = ACTIVE

    def id(self, service: str) -> bytes:
        """MD5 of service and version."""
        return hashlib.md5(f"{service}{self.version}".encode(), usedforsecurity=False).digest()


@dataclass
class Vault:
    """The keys of one shop. trouble: a status code that the key call answers with (305 to 311); wrong: what it gets wrong."""

    service: str
    keys: list[MasterKey] = field(default_factory=list)
    trouble: int = 0
    wrong: str = ""
    voucher_ends: datetime | None = None

    def __post_init__(self) -> None:
        if not self.keys:
            self.rotate()

    def rotate(self) -> MasterKey:
        """A new current version."""
        version = len(self.keys)
        made = MasterKey(version, hashlib.sha256(f"{self.service}|{version}".encode()).digest())
        self.keys.append(made)
        return made

    def seal(self, text: str, version: int | None = None) -> str:
        """Ciphertext as the shop's data bear it. The IV follows from the text, so that a record stays as it is."""
        key = self.keys[-1 if version is None else version]
        iv = hashlib.md5(text.encode(), usedforsecurity=False).digest()
        plain = text.encode()
        pad = 16 - len(plain) % 16
        encryptor = Cipher(algorithms.AES(key.value[:16]), modes.CBC(iv)).encryptor()
        body = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
        return _b64(b"\x00\x04" + key.id(self.service) + iv + body)

    def voucher(self, now: datetime) -> str:
        """The signed voucher, base64 of JSON."""
        ends = self.voucher_ends or now + LONG
        data = {
            "act": "produce", "effective": _ms(now - timedelta(days=1)), "expired": _ms(ends),
            "id": f"TID-{self.service}", "key": _b64(self._secret()), "service": self.service, "stype": 1,
        }  # fmt: skip
        plain = json.dumps(data, separators=(",", ":")).encode()
        sig = signing_key().sign(plain, padding.PKCS1v15(), hashes.SHA256())
        if self.wrong == "signature":
            data["service"] = "somebody else's"
        whole = {"sig": _b64(sig), "data": data, "externalData": {"zone": "CN-0"}}
        return _b64(json.dumps(whole, separators=(",", ":")).encode())

    def master_keys(self, params: dict[str, Any], now: datetime) -> dict[str, Any]:
        """The answer to the key call."""
        plain = f'{{"sdk_ver":{params["sdk_ver"]},"ts":{params["ts"]},"tid":"{params["tid"]}"}}'
        expected = _b64(hmac.digest(self._secret(), plain.encode(), "sha256"))
        if params["tid"] != f"TID-{self.service}" or not hmac.compare_digest(expected, str(params["sig"])):
            return {"status_code": 305, "errorMsg": "signature verification failed"}
        if self.trouble:
            return {"status_code": self.trouble, "errorMsg": "refused"}
        return {
            "status_code": 0, "errorMsg": "", "tid": "TID-other" if self.wrong == "tid" else params["tid"], "ts": _ms(now),
            "enc_service": "other" if self.wrong == "service" else self.service,
            "key_cache_disabled": 0, "key_backup_disabled": 1,
            "service_key_list": [{
                "service": self.service, "grant_usage": "ED", "current_key_version": self.keys[-1].version,
                "keys": [self._told(key, now) for key in self.keys],
            }],
        }  # fmt: skip

    def _told(self, key: MasterKey, now: datetime) -> dict[str, Any]:
        value = bytes(32) if self.wrong == "digest" else key.value
        return {
            "id": _b64(key.id(self.service)), "key_string": _b64(value), "key_type": "AES",
            "key_digest": _b64(hashlib.sha256(key.value).digest()), "key_exp": _ms(now + LONG),
            "key_effective": _ms(now - LONG), "version": key.version, "key_status": key.status,
        }  # fmt: skip

    def _secret(self) -> bytes:
        return hashlib.sha256(f"voucher of {self.service}".encode()).digest()


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
