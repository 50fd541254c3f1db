"""The archive's own callbacks: "there is something new", and a customer's consent. Another hand than the connector's.

(docs: path/95039, path/92005, cipher path/90968)
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import secrets
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

TOKEN = "ArchiveTok2026"  # noqa: S105 - of a made-up corp
AES_KEY = "Qw3Er5Ty7Ui9Op1As2Df4Gh6Jk8Lz0Xc2Vb4Nm6Qw8A"
AGENT = 2000004
"""The archive calls itself by this number."""
ATTEMPTS = 3


def text_of(corp: str, fields: Mapping[str, str | int]) -> str:
    """An event as XML: numbers bare, texts in CDATA."""
    whole = {"ToUserName": corp, "FromUserName": "sys", **fields}
    parts = [f"<{name}>{value if isinstance(value, int) else f'<![CDATA[{value}]]>'}</{name}>" for name, value in whole.items()]
    return f"<xml>{''.join(parts)}</xml>"


def notify(corp: str, now: datetime) -> str:
    """msgaudit_notify: no number, no chat."""
    said: dict[str, str | int] = {"CreateTime": int(now.timestamp()), "MsgType": "event", "AgentID": AGENT}
    return text_of(corp, {**said, "Event": "msgaudit_notify"})


def approved(corp: str, now: datetime, staff: str, customer: str) -> str:
    """msg_audit_approved: a customer has agreed to the archive of a chat."""
    said: dict[str, str | int] = {"CreateTime": int(now.timestamp()), "MsgType": "event", "Event": "change_external_contact"}
    return text_of(corp, {**said, "ChangeType": "msg_audit_approved", "UserID": staff, "ExternalUserID": customer})


def sealed(message: str, receiver: str) -> str:
    """The ciphertext, base64."""
    key, body = base64.b64decode(AES_KEY + "="), message.encode()
    plain = secrets.token_bytes(16) + len(body).to_bytes(4, "big") + body + receiver.encode()
    fill = 32 - len(plain) % 32
    box = Cipher(algorithms.AES256(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(box.update(plain + bytes([fill] * fill)) + box.finalize()).decode()


def send(url: str, corp: str, message: str, now: datetime, *, forged: bool = False) -> int:
    """Push it; the status of the last answer. Anything but 200 is tried again, three times in all, sealed anew."""
    status = 0
    for _ in range(1 if forged else ATTEMPTS):
        encrypted, stamp, nonce = sealed(message, corp), str(int(now.timestamp())), secrets.token_hex(5)
        values = sorted(["somebody" if forged else TOKEN, stamp, nonce, encrypted])
        signature = hashlib.sha1("".join(values).encode(), usedforsecurity=False).hexdigest()
        query = {"msg_signature": signature, "timestamp": stamp, "nonce": nonce}
        body = f"<xml><ToUserName><![CDATA[{corp}]]></ToUserName><AgentID>{AGENT}</AgentID>"
        status = _post(url, query, f"{body}<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode())
        if status == 200:
            break
    return status


def _post(url: str, query: Mapping[str, str], body: bytes) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("POST", f"{parts.path or '/'}?{urlencode(query)}", body=body, headers={"Content-Type": "text/xml"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
