"""WeCom's encrypted callbacks, which more than one connector takes: handshake, envelope in XML or JSON, and what is inside.

(docs: path/90930 handshake and retries, path/90968 cipher)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from connectors.base import Opened, RawRequest
from connectors.errors import BadPush
from connectors.schemes import CallbackCipher

LONGEST = 256 * 1024
"""Bytes of the longest body that is looked at; events are far shorter."""
Fields = dict[str, str]


@dataclass(frozen=True)
class Callback:
    """The callback settings of one account. receiver: the corp id. inner: a part whose fields are wanted too, one level down.

    words: the connector's name, whose manifest says what ``callback_unset``, ``callback_aes_key``, ``callback_receiver`` and
    ``callback_body`` mean there.
    """

    words: str
    token: str
    aes_key: str
    receiver: str
    inner: str = ""

    def open(self, request: RawRequest) -> Opened:
        """A handshake (GET with echostr) is answered with the decrypted text; a push is opened. BadSignature or BadPush."""
        query = request.query
        if request.method == "GET":
            # An unescaped plus arrives as a blank where a proxy has re-encoded the query; base64 has no blanks.
            plain = self._decrypt(query, query.get("echostr", "").replace(" ", "+"))
            return Opened(plaintext=plain, answer=plain)
        plain = self._decrypt(query, self.encrypted(request.body))
        return Opened(plaintext=plain, payload=self.fields(plain), dedup_key=digest(plain))

    def _decrypt(self, query: Mapping[str, str], encrypted: str) -> bytes:
        if not self.token or not self.aes_key:
            raise BadPush(f"{self.words}.callback_unset")
        cipher = CallbackCipher(self.token, self.aes_key, self.receiver)
        try:
            return cipher.open(query.get("msg_signature", ""), query.get("timestamp", ""), query.get("nonce", ""), encrypted)
        except BadPush as error:
            raise BadPush(f"{self.words}.callback_{error.params['field']}") from None

    def encrypted(self, body: bytes) -> str:
        """The ciphertext of a pushed body: ``Encrypt`` of the XML form, ``encrypt`` of the JSON form. Raises BadPush."""
        if len(body) > LONGEST:
            raise self._bad("too long")
        found = self.fields(body)
        value = found.get("Encrypt") or found.get("encrypt")
        if not value:
            raise self._bad("nothing encrypted inside")
        return value.strip()

    def fields(self, content: bytes) -> Fields:
        """The scalar fields of a message in XML or JSON. Raises BadPush; a DTD or an entity is refused."""
        return self._json_fields(content) if content.lstrip()[:1] == b"{" else self._xml_fields(content)

    def _xml_fields(self, content: bytes) -> Fields:
        try:
            root = fromstring(content, forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError) as error:
            raise self._bad(type(error).__name__) from None
        found = {child.tag: child.text or "" for child in root if not len(child)}
        inner = next((child for child in root if child.tag == self.inner), ())
        return found | {f"{self.inner}.{part.tag}": part.text or "" for part in inner if not len(part)}

    def _json_fields(self, content: bytes) -> Fields:
        try:
            body = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._bad(type(error).__name__) from None
        inner = body.get(self.inner)
        parts = {f"{self.inner}.{name}": value for name, value in inner.items()} if isinstance(inner, dict) else {}
        return {name: str(value) for name, value in {**body, **parts}.items() if isinstance(value, (str, int))}

    def _bad(self, reason: str) -> BadPush:
        return BadPush(f"{self.words}.callback_body", reason=reason)


def business_key(found: Fields) -> str:
    """SHA-256 over all fields: FromUserName and CreateTime, which WeCom names, repeat for different events in a second."""
    return hashlib.sha256(json.dumps(found, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def created(found: Fields) -> datetime | None:
    """When the event was made; None when it does not say."""
    text = found.get("CreateTime", "")
    return datetime.fromtimestamp(int(text), UTC) if text.isascii() and text.isdigit() and len(text) <= 11 else None


def digest(plaintext: bytes) -> str:
    """What a repeated push has in common with the first: ciphertext, nonce and signature may differ, the message not."""
    return hashlib.sha256(plaintext).hexdigest()
