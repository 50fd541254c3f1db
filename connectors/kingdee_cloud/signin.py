"""How a call proves who it is from: a signature over method, path, query, nonce and time. The body is not signed.

(docs: open.jdy.com, 接口签名; the signing of ``app_signature`` has a published example)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

SIGNED = "X-Api-TimeStamp,X-Api-Nonce"


def app_signature(app_key: str, app_secret: str) -> str:
    """What proves an authorisation: base64 of the hex of HMAC-SHA256."""
    return _hmac(app_secret, app_key)


def query_text(query: Mapping[str, str]) -> str:
    """A query as it is sent: sorted, names and values encoded once."""
    return "&".join(f"{_encoded(name)}={_encoded(query[name])}" for name in sorted(query))


def signature(secret: str, method: str, path: str, query: Mapping[str, str], nonce: str, stamp: str) -> str:
    """The signature of a call; path begins with a slash. In the signed text a value is encoded twice."""
    signed = "&".join(f"{_encoded(name)}={_encoded(_encoded(query[name]))}" for name in sorted(query))
    return _hmac(secret, f"{method}\n{_encoded(path)}\n{signed}\nx-api-nonce:{nonce}\nx-api-timestamp:{stamp}\n")


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _hmac(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest().encode()).decode()
