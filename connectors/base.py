"""The connector contract: four small roles and the values they exchange.

A connector implements the roles its platform has; nothing is stubbed. The runtime owns HTTP, retries, budgets, the
token lock, cursors, dedup, storage, mapping and outbox; ``manifest.yaml`` declares the rest. See
``docs/add-a-connector.md``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from connectors.credentials import Credential as Credential
from connectors.credentials import Kept
from connectors.errors import Gone
from connectors.invoices import InvoiceRequest as InvoiceRequest
from connectors.invoices import Status as Status
from connectors.money import Money as Money
from connectors.pushes import Opened as Opened
from connectors.pushes import Outcome as Outcome
from connectors.pushes import PlatformEvent as PlatformEvent
from connectors.pushes import RawRequest as RawRequest
from connectors.pushes import Reply as Reply

if TYPE_CHECKING:
    from connectors.http import Door, Runtime
    from connectors.manifest import Manifest

DOCUMENTS = "@documents"
"""The stream of a pushed event that says a document of ours has changed over there; its record key is our number."""
Record = dict[str, Any]
"""A raw record as the platform sent it (numbers with a fraction as Decimal, ids as they came)."""


# ---------------------------------------------------------------- configuration


class Config(BaseModel):
    """Base of a connector's configuration: drives form, validation, docs and redaction at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True)


def setting(
    zh: str,
    en: str,
    *,
    where_zh: str = "",
    where_en: str = "",
    secret: bool = False,
    default: Any = ...,
    advanced: bool = False,
    **constraints: Any,
) -> Any:
    """A configuration field: label, where to find it in the platform's console, and whether it is a secret."""
    extra: Any = {
        "label": {"zh": zh, "en": en},
        "where": {"zh": where_zh, "en": where_en},
        "secret": secret,
        "advanced": advanced,
    }
    return Field(default, json_schema_extra=extra, repr=not secret, **constraints)


def secret_fields(config: type[Config]) -> set[str]:
    """Names of the configuration fields that are secrets."""
    return {
        name
        for name, info in config.model_fields.items()
        if isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("secret")
    }


# ---------------------------------------------------------------- values


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. expires_in: seconds from now, as the platform said; None = no known end.

    extra: what belongs to it (session cookies), kept encrypted beside it and gone with it. keep: credentials that changed
    with it, by the names of the manifest ('' = used up), which outlive it (see ``connectors.credentials``).
    renew_in: seconds after which the runtime renews it though nobody needs it, for refresh tokens lapse unused.
    """

    value: str = field(repr=False)
    expires_in: float | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)
    keep: Mapping[str, str] = field(default_factory=dict, repr=False)
    renew_in: float | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP call to the platform, before signing.

    path: joined to the connector's ``base_url`` (or a full URL). name: what budgets and logs call it (default: path).
    auth: whether it carries the token. write: whether it changes something on the other side; a cut connection or a
    5xx is then in doubt and never repeated by the door.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    json: Any = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: bool = True
    write: bool = False
    name: str = ""
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a response means. action: one of ``connectors.manifest.ACTIONS``. hint, later: see ``connectors.manifest.Rule``."""

    action: str
    body: Any = None
    code: str | None = None
    message: str = ""
    request_id: str | None = None
    wait: float | None = None
    hint: str | None = None
    unwritten: bool = False
    later: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a connection check. fix_*: what the person does when ok is False."""

    what_zh: str
    what_en: str
    ok: bool
    fix_zh: str = ""
    fix_en: str = ""
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A closed-open interval [start, end) of aware UTC instants; the upper bound is frozen when the run starts."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Raw records, where to go on after them, and whether they are the last of this window or walk.

    resume: opaque text that ``pages`` takes to go on *after* this page within the same window, surviving a restart.
    """

    records: Sequence[Record]
    resume: str | None = None
    last: bool = False


@dataclass(frozen=True, slots=True)
class Party:
    """The customer of a document. code: our stable code, at most 20 of [A-Z0-9]; it becomes the number over there."""

    code: str
    name: str = field(repr=False)
    tax_id: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    address: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """quantity: decimal text; amount: tax included; tax_rate: percent as decimal text ("13")."""

    title: str
    amount: Money
    quantity: str = "1"
    tax_rate: str = "0"
    item_code: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """What is delivered. number: ours, derived from the event, unique at the destination, [A-Z0-9-]{1,24}.

    kind: one of the manifest's ``documents``. amount equals the sum of the lines. source: where it came from
    (stream key at the origin), so that a write-back finds its record. invoice: what an invoice says; there on every
    document of kind ``invoice``. reverses: the number of the document that this one takes back, whose amount is below zero.
    """

    kind: str
    number: str
    date: dt.date
    amount: Money
    party: Party
    lines: tuple[DocumentLine, ...] = ()
    note: str = ""
    due: dt.date | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    invoice: InvoiceRequest | None = None
    reverses: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Z0-9-]{1,24}", self.number):
            raise ValueError("document number must match [A-Z0-9-]{1,24}")
        if self.lines and sum(line.amount.minor for line in self.lines) != self.amount.minor:
            raise ValueError(f"document {self.number}: lines do not add up to the amount")
        if self.kind == "invoice" and self.invoice is None:
            raise ValueError(f"document {self.number}: an invoice without its request")
        if self.invoice is not None and self.invoice.amount != self.amount:
            raise ValueError(f"document {self.number}: the invoice is over another amount")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the destination holds. complete: all steps of the manifest are done (saved, submitted, audited …).

    amount and party_code are what the destination says, so that an adopted document is compared, not assumed.
    """

    number: str
    platform_id: str
    state: str
    complete: bool
    amount: Money | None = None
    party_code: str | None = None


# ---------------------------------------------------------------- roles


class Connector:
    """One connected account of a platform. Holds no state beyond its configuration; kept: credentials that change."""

    manifest: ClassVar[Manifest]
    Config: ClassVar[type[Config]]
    base_url: str

    def __init__(self, config: Any, runtime: Runtime) -> None:
        from connectors.http import Door

        self.config = config
        self.clock = runtime.clock
        self.http: Door = Door(self, runtime)
        self.kept = Kept(self.http.tokens, runtime.clock)

    def check(self) -> list[Finding]:
        """Is the account usable? Token, address allow-list, scopes, callback: what, ok, how to fix."""
        raise TypeError(f"{type(self).__name__} has no check()")

    def fetch_token(self) -> Token | None:
        """A fresh token, or None where the platform has none. Called by the door alone, under the token lock."""
        return None

    def sign(self, request: Request, token: Token | None) -> Request:
        """The request as it goes out: token and signature added. Pure."""
        return request

    def interpret(self, request: Request, response: Any) -> Verdict:
        """What the answer means; default: the manifest's error table at the body path it names."""
        from connectors.http import interpret_by_table

        return interpret_by_table(self.manifest, response)


class Source(Connector):
    """A platform that can be read."""

    def pages(self, stream: str, window: Window | None, resume: str | None) -> Iterator[Page]:
        """The stream's records: those changed in the window (cursor kind ``time``), or after ``resume``
        (``sequence``, ``token``), or all of them (``none``)."""
        raise TypeError(f"{type(self).__name__} has no pages()")

    def fetch_one(self, stream: str, key: str) -> Record | None:
        """The record as it is now; None when it is gone."""
        raise TypeError(f"{type(self).__name__} has no fetch_one()")

    def fetch_many(self, stream: str, keys: Sequence[str]) -> Iterator[tuple[str, Record | None]]:
        """Several records by key (open ones are re-read this way). Override where the platform reads in bulk."""
        for key in keys:
            try:
                yield key, self.fetch_one(stream, key)
            except Gone:
                yield key, None

    def media(self, reference: str) -> bytes:
        """The file that a message names (its ``media``). Called only when a person asks for it."""
        raise TypeError(f"{type(self).__name__} has no media()")


class EventSource(Connector):
    """A platform that pushes."""

    def open(self, request: RawRequest) -> Opened:
        """Verify over the raw bytes and decrypt in one step, or raise BadSignature / BadPush."""
        raise TypeError(f"{type(self).__name__} has no open()")

    def events(self, opened: Opened) -> list[PlatformEvent]:
        """What the push says has changed."""
        raise TypeError(f"{type(self).__name__} has no events()")

    def reply(self, outcome: Outcome) -> Reply:
        """The bytes the platform wants for this outcome."""
        return Reply({"stored": 200, "bad_signature": 403, "bad_push": 400, "busy": 503}[outcome])


class Listener(EventSource):
    """A platform that pushes over a connection which we open and keep, beside calls to our address or instead of them."""

    def listens(self) -> bool:
        """Whether this account wants its pushes this way; else ``listen`` is not called."""
        return True

    def listen(self) -> Generator[Opened | None, Outcome, None]:
        """Opens the connection and yields what is pushed; what is sent back says what became of it.

        Only ``stored`` may be acknowledged to the platform: by then the push is durable. None at least every ten seconds
        while nothing comes, so that the runtime can keep its lease, or stop. Ends when the platform wants a new connection;
        raises Unavailable when it broke, and the errors of any call where it cannot be opened.
        """
        raise TypeError(f"{type(self).__name__} has no listen()")


class Sink(Connector):
    """A platform that takes documents."""

    def find(self, document: Document) -> Receipt | None:
        """The document with this number over there, or None only if the platform says it is absent."""
        raise TypeError(f"{type(self).__name__} has no find()")

    def send(self, document: Document) -> Receipt:
        """Write it. Called only when ``find`` has just said absent. Raises Rejected, Duplicate or InDoubt."""
        raise TypeError(f"{type(self).__name__} has no send()")

    def finish(self, document: Document, receipt: Receipt) -> Receipt:
        """Do the steps that an incomplete document still lacks (it was saved, then the connection broke)."""
        return receipt

    def status(self, document: Document, receipt: Receipt) -> Status:
        """What became of a document that was sent. Asked again and again where the manifest says ``follow`` of its kind.

        Raises like ``find``: what the platform does not answer is no status.
        """
        raise TypeError(f"{type(self).__name__} has no status()")

    def statuses(self, asked: Sequence[tuple[Document, Receipt]]) -> Iterator[tuple[str, Status]]:
        """Several at once, by our number. Override where the platform answers in bulk."""
        for document, receipt in asked:
            yield document.number, self.status(document, receipt)


def record_key(record: Mapping[str, Any], paths: Iterable[str]) -> str:
    """The stream's key of a raw record: the values at the manifest's key paths, joined by '/'.

    Raises KeyError naming the path when one is missing or empty.
    """
    parts = []
    for path in paths:
        value: Any = record
        for step in path.split("."):
            value = value.get(step) if isinstance(value, (dict, Mapping)) else None
        if value is None or value == "":
            raise KeyError(path)
        parts.append(str(value))
    return "/".join(parts)
