"""The schema of ``manifest.yaml``: what a connector declares about its platform, with a clear error for each mistake."""

from __future__ import annotations

import re
from datetime import date, timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from mappings import plain

ACTIONS = (
    "ok", "refresh_token", "reauth", "throttle", "retry", "gone", "record_error",
    "rejected", "duplicate", "in_doubt", "config_error", "scope_missing", "stop_and_alert",
)  # fmt: skip
Role = Literal["source", "events", "listener", "sink", "tags", "notices", "sign_in", "handover"]
Action = Literal[
    "ok", "refresh_token", "reauth", "throttle", "retry", "gone", "record_error",
    "rejected", "duplicate", "in_doubt", "config_error", "scope_missing", "stop_and_alert",
]  # fmt: skip
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class ManifestError(ValueError):
    """A manifest cannot be used. The text names the file, the place in it, and what is expected."""


def duration(value: Any) -> timedelta:
    """'90s', '30m', '26h', '7d' as a timedelta."""
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d+)([smhd])", str(value))
    if not found:
        raise ValueError(f"a duration is a number and one of s, m, h, d (for example 30m), not {value!r}")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"there is no zone {name!r}; write it as Asia/Shanghai") from None


Duration = Annotated[timedelta, BeforeValidator(duration)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(_Strict):
    """A text in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def get(self, lang: str) -> str:
        """The text in the language, Chinese for anything but 'en'."""
        return self.en if lang == "en" else self.zh


class Message(Text):
    """What happened, and what the reader does next."""

    fix_zh: str = Field(min_length=1)
    fix_en: str = Field(min_length=1)


class Cursor(_Strict):
    """How a stream is followed.

    time: windows over a modification time; needs zone (of naive times in records), overlap, max_window.
    sequence, token: the source hands out the point to go on from. none: each run walks everything. push: never pulled,
    the records are pushed or imported.
    lag: how far behind now the newest window ends. first: how far back the first pull goes.
    """

    kind: Literal["time", "sequence", "token", "none", "push"]
    zone: str | None = None
    overlap: Duration = timedelta(minutes=5)
    max_window: Duration = timedelta(days=1)
    lag: Duration = timedelta(0)
    first: Duration = timedelta(days=90)

    @model_validator(mode="after")
    def _complete(self) -> Cursor:
        if self.kind == "time" and not self.zone:
            raise ValueError("a cursor of kind time declares its zone (for example Asia/Shanghai)")
        if self.zone:
            _zone(self.zone)
        if self.overlap >= self.max_window:
            raise ValueError("overlap must be shorter than max_window, or the windows never advance")
        return self


class Stream(_Strict):
    """One kind of record that can be read.

    key: paths whose values make the record key. version: path of the record's own modification time or number.
    every: how often it is pulled. fresh_within: the freshness promise. deletes: 'sweep' = a record missing from a
    full walk is asked for by fetch_one and marked deleted when gone; streams read by time are asked for all known records
    every ``sweep_every``. rescan: how often records that the mapping calls
    open are read again by key. after: streams to be pulled before this one in a full sync. tags: whether ``write_tags``
    changes those of its records. handover: whether its records are handed to a new owner when the old one has ``left``, and
    while he is still ``active``. owner_first: the key is its owner's id, "/" and more, and the id of the customer that it
    emits, so that an owner's records are found without opening them.
    """

    title: Text
    key: list[str] = Field(min_length=1)
    version: str | None = None
    cursor: Cursor
    page_size: int = Field(default=100, ge=1)
    every: Duration = timedelta(minutes=5)
    fresh_within: Duration
    deletes: Literal["none", "sweep", "pushed"] = "none"
    sweep_every: Duration = timedelta(hours=24)
    rescan: Duration | None = None
    after: list[str] = Field(default_factory=list)
    tags: Literal["read", "written"] = "read"
    handover: list[Literal["left", "active"]] = Field(default_factory=list)
    owner_first: bool = False

    @property
    def pulled(self) -> bool:
        """Whether the runtime pulls this stream by itself."""
        return self.cursor.kind != "push"

    @field_validator("key", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class Budget(_Strict):
    """At most so many calls; match: a pattern over request names. All workers of an account draw on it.

    per_month: what the platform grants in a calendar month of ``zone``. The runtime keeps a ledger of it, with a forecast, and
    warns before it ends; it does not hold calls back, since other programs draw on the same grant unseen. title: what people
    call it. setting: the account's setting that says how much was bought.
    """

    match: str = "*"
    per_second: int | None = Field(default=None, ge=1)
    per_minute: int | None = Field(default=None, ge=1)
    per_day: int | None = Field(default=None, ge=1)
    parallel: int | None = Field(default=None, ge=1)
    per_month: int | None = Field(default=None, ge=1)
    title: Text | None = None
    setting: str | None = None
    zone: str = "UTC"

    @model_validator(mode="after")
    def _titled(self) -> Budget:
        _zone(self.zone)
        if self.per_month and not self.title:
            raise ValueError("a budget with per_month has a title, for people see it")
        return self


class Rule(_Strict):
    """What a platform code means. hint: the message for whoever has to act. unwritten: even on a write, nothing was done (safe
    to repeat). later: of ``refresh_token``, the message where other tokens were refused too and it is tried again by itself;
    without it the shared one, which is right wherever the code is about the token."""

    do: Action
    wait: Duration | None = None
    hint: str | None = None
    unwritten: bool = False
    later: str | None = None

    @model_validator(mode="after")
    def _of_tokens(self) -> Rule:
        if self.later and self.do != "refresh_token":
            raise ValueError("later goes with do: refresh_token")
        return self


class ErrorTable(_Strict):
    """Platform code -> action. code_at, sub_at, message_at, request_id_at: dotted paths in the JSON body.

    ok: codes that mean success ('' = the code is absent). Patterns in ``table`` are 'code' or 'code/sub' with * and ?;
    the first that matches wins, so put the particular before the general.
    """

    code_at: str = ""
    sub_at: str = ""
    message_at: str = ""
    request_id_at: str = ""
    ok: list[str] = Field(default_factory=lambda: [""])
    table: dict[str, Rule] = Field(default_factory=dict)

    @field_validator("ok", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        return [str(item) for item in value] if isinstance(value, list) else value

    @field_validator("table", mode="before")
    @classmethod
    def _text_keys(cls, value: Any) -> Any:
        return {str(key): rule for key, rule in value.items()} if isinstance(value, dict) else value

    def rule(self, code: str, sub: str = "") -> Rule | None:
        """The first rule that matches 'code/sub' or 'code'."""
        for pattern, rule in self.table.items():
            subject = f"{code}/{sub}" if "/" in pattern else code
            if fnmatchcase(subject, pattern):
                return rule
        return None


class DocumentKind(_Strict):
    """A kind of document that the platform takes. settle: how long after an outcome in doubt ``find`` may be trusted.

    follow: what ``Sink.status`` tells of such a document after it was sent; nothing = it is not asked.
    """

    title: Text
    steps: list[str] = Field(min_length=1)
    settle: Duration = timedelta(seconds=30)
    follow: list[Literal["approval", "invoices", "payments"]] = Field(default_factory=list)


class CredentialKind(_Strict):
    """A credential that changes while the account is in use, and which the runtime keeps (``connectors.credentials``).

    changed_by: 'use' = using it kills it and brings another; 'push' = the platform pushes it.
    """

    title: Text
    changed_by: Literal["use", "push"]


class Scope(_Strict):
    """A right that must be granted, and where in the console."""

    title: Text
    console: Text
    needed_for: list[str] = Field(default_factory=list)


class Capability(_Strict):
    """What works with this platform, honestly."""

    title: Text
    level: Literal["cannot", "not_yet", "partial", "full"]
    note: Text | None = None


class Verified(_Strict):
    """How the claims were checked; the connector list shows it as it is."""

    how: Text
    when: date
    against: Text


class Manifest(_Strict):
    """Everything a connector declares about its platform."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: Text
    summary: Text
    category: Literal["chat", "shop", "crm", "finance", "file", "generic"]
    roles: list[Role] = Field(min_length=1)
    docs: str = ""
    streams: dict[str, Stream] = Field(default_factory=dict)
    documents: dict[str, DocumentKind] = Field(default_factory=dict)
    budgets: list[Budget] = Field(default_factory=list)
    errors: ErrorTable = Field(default_factory=ErrorTable)
    credentials: dict[str, CredentialKind] = Field(default_factory=dict)
    scopes: dict[str, Scope] = Field(default_factory=dict)
    capabilities: dict[str, Capability] = Field(default_factory=dict)
    messages: dict[str, Message] = Field(default_factory=dict)
    verified: Verified

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        if "source" in self.roles and not self.streams:
            raise ValueError("role source needs at least one entry under streams")
        if "sink" in self.roles and not self.documents:
            raise ValueError("role sink needs at least one entry under documents")
        if ("tags" in self.roles) != any(stream.tags == "written" for stream in self.streams.values()):
            raise ValueError("role tags and a stream with tags: written go together")
        if ("handover" in self.roles) != any(stream.handover for stream in self.streams.values()):
            raise ValueError("role handover and a stream with handover: go together")
        for name, stream in self.streams.items():
            for other in stream.after:
                if other not in self.streams:
                    raise ValueError(f"streams.{name}.after names {other!r}, which is not a stream here")
        for code, rule in self.errors.table.items():
            for name, key in (("hint", rule.hint), ("later", rule.later)):
                if key and key not in self.messages:
                    raise ValueError(f"errors.table.{code}.{name} {key!r} has no text under messages")
        _ = self.ordered_streams
        return self

    @cached_property
    def ordered_streams(self) -> list[str]:
        """Streams in an order that respects ``after``."""
        done: list[str] = []
        todo = list(self.streams)
        while todo:
            ready = [name for name in todo if all(other in done for other in self.streams[name].after)]
            if not ready:
                raise ManifestError(f"streams.after goes round in a circle: {', '.join(todo)}")
            done += ready
            todo = [name for name in todo if name not in done]
        return done


class _OnceLoader(plain.Loader):  # type: ignore[misc]
    """Refuses a key that stands twice: YAML would keep the last, and a rule of the error table be lost unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.YAMLError(f"{key!r} stands twice (line {key_node.start_mark.line + 1})")
            seen.add(key)
        return super().construct_mapping(node, deep)  # type: ignore[no-any-return]


def load_manifest(path: Path) -> Manifest:
    """Read and check a manifest. Raises ManifestError that names every mistake with its place."""
    try:
        data = yaml.load(path.read_text("utf-8"), _OnceLoader)  # noqa: S506 - a safe loader, only stricter
    except FileNotFoundError:
        raise ManifestError(f"{path}: there is no manifest.yaml in this folder") from None
    except yaml.YAMLError as error:
        raise ManifestError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(data, dict):
        raise ManifestError(f"{path}: a manifest is a mapping (name: …, title: …)")
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, item['loc'])) or '(top)'}: {_say(item)}" for item in error.errors()]
        raise ManifestError(f"{path}: {len(lines)} mistake(s)\n" + "\n".join(lines)) from None


def _say(item: Any) -> str:
    if item["type"] == "missing":
        return "is missing"
    if item["type"] == "extra_forbidden":
        return "is not a key of the manifest; look for a spelling mistake"
    return str(item["msg"]).removeprefix("Value error, ")
