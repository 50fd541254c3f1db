"""The private keys that open the random keys of messages, each under its version in the console."""

from __future__ import annotations

import base64
import re
from binascii import Error

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_BLOCK = re.compile(r"(\d{1,9})\s*[:：=]?\s*-----BEGIN ([A-Z ]{3,30})-----(.*?)-----END \2-----", re.DOTALL)
FORM_ZH = "每把私钥前写上它的版本号,例如 1:-----BEGIN PRIVATE KEY-----…-----END PRIVATE KEY-----"
FORM_EN = "put the version number before each key: 1:-----BEGIN PRIVATE KEY-----…-----END PRIVATE KEY-----"


class KeyRing:
    """Private keys by version. All versions that ever were are kept: a message opens with its own alone."""

    def __init__(self, keys: dict[int, RSAPrivateKey]) -> None:
        self._keys = keys

    @classmethod
    def read(cls, text: str) -> KeyRing:
        """The keys in a text: version, PEM block, and so on; line breaks do not matter. Raises ValueError."""
        keys: dict[int, RSAPrivateKey] = {}
        for version, kind, body in _BLOCK.findall(text):
            lines = re.sub(r"\s+", "", body)
            pem = "\n".join([f"-----BEGIN {kind}-----", *re.findall(".{1,64}", lines), f"-----END {kind}-----", ""])
            try:
                key = load_pem_private_key(pem.encode(), None)
            except (ValueError, TypeError, UnsupportedAlgorithm):
                raise ValueError(f"版本 {version} 的私钥读不出来 / the key of version {version} cannot be read") from None
            if not isinstance(key, RSAPrivateKey) or int(version) in keys:
                raise ValueError(f"版本 {version} 不是 RSA 私钥或重复 / version {version} is no RSA key, or stands twice")
            keys[int(version)] = key
        if not keys:
            raise ValueError(f"{FORM_ZH} / {FORM_EN}")
        return cls(keys)

    def __contains__(self, version: object) -> bool:
        return version in self._keys

    def open(self, version: int, sealed: str) -> str | None:
        """The random key of a message; None when this key does not open it.

        A wrong key raises nothing with PKCS#1 v1.5: it gives random bytes. What is not printable ASCII is no key.
        """
        try:
            plain = self._keys[version].decrypt(base64.b64decode(sealed, validate=True), PKCS1v15())
        except (ValueError, Error):
            return None
        return plain.decode("ascii") if plain and all(0x20 <= byte < 0x7F for byte in plain) else None
