"""Typed settings from the environment (``HUB_…``) and a YAML file (``HUB_CONFIG``, default ``hub.yaml``)."""

from __future__ import annotations

import os
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import re2
import yaml
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariable


class SettingsError(ValueError):
    """The settings cannot be used; the text names the setting and what is expected."""


class Rule(BaseModel):
    """What becomes of an event: which document, where to, and how it is gathered.

    on: event kind (``event`` in a file). source, to: account keys (patterns allowed in source). make: a document kind
    of the destination.
    per: 'event' = one document each, 'day' = one settlement document per shop and day. to '@origin' sends back to the
    account the event came from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    on: Literal[
        "deal.signed",
        "deal.amended",
        "deal.reversed",
        "order.paid",
        "order.completed",
        "refund.succeeded",
        "delivery.sent",
        "invoice.requested",
        "invoice.issued",
        "payment.received",
    ] = Field(
        # In a file the key is ``event``: YAML 1.1 reads a bare ``on`` as true.
        validation_alias=AliasChoices("event", "on")
    )
    source: str = "*"
    to: str
    make: str
    per: Literal["event", "day"] = "event"
    day_closes: str = Field(default="02:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    zone: str = "Asia/Shanghai"
    not_before: str | None = None

    def takes(self, kind: str, source_key: str) -> bool:
        """Whether this rule is about such an event from that account."""
        kinds = {self.on, "refund.succeeded"} if self.per == "day" else {self.on}
        return kind in kinds and fnmatchcase(source_key, self.source)


class TagRule(BaseModel):
    """What in chats gives a customer a tag.

    A message matches when all that is named here holds: whose side it is from (staff: what staff wrote to the customer in a
    direct chat), its kind, one of the keywords or patterns in its words (upper and lower case, full and half width are the
    same for keywords; patterns are regular expressions without back references), the name of the group it was said in.
    times, within_days: so many matching messages, at least that many in some stretch of so many days. member_of: instead
    of messages, to be a member of a group of that name. enabled: off while it is only looked at (``hub tags preview``).
    write_back: also put the tag of that name (and group) on at the platform, where its list of tags has one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    tag: str = Field(min_length=1, max_length=30)
    group: str | None = Field(default=None, max_length=30)
    enabled: bool = False
    source: str = "*"
    side: Literal["customer", "staff", "any"] = "customer"
    kinds: list[str] = Field(default_factory=list)
    keywords: list[str] = Field(default_factory=list, max_length=200)
    patterns: list[str] = Field(default_factory=list, max_length=50)
    in_group: str | None = None
    member_of: str | None = None
    times: int = Field(default=1, ge=1, le=1000)
    within_days: int | None = Field(default=None, ge=1, le=3650)
    write_back: bool = False

    @field_validator("patterns")
    @classmethod
    def _readable(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            try:
                compiled_pattern(pattern)
            except re2.error as error:
                reason = error.args[0] if error.args else ""
                told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
                raise ValueError(f"the pattern {pattern!r} cannot be used: {told}") from None
        return patterns

    @model_validator(mode="after")
    def _says_something(self) -> TagRule:
        words = self.keywords or self.patterns or self.kinds or self.in_group
        if any(not word.strip() for word in (*self.keywords, *self.patterns)):
            raise ValueError("an empty keyword or pattern would match everything")
        if self.member_of and (words or self.times > 1):
            raise ValueError("member_of looks at members and not at messages: it stands alone")
        if not words and not self.member_of and self.times == 1:
            raise ValueError("the rule has no condition: name keywords, patterns, kinds, in_group, times or member_of")
        return self


def compiled_pattern(pattern: str) -> Any:
    """A regular expression whose time grows with the text and no faster, whatever it says (RE2). Raises re2.error."""
    options = re2.Options()
    options.max_mem, options.log_errors = 1 << 22, False
    return re2.compile(pattern, options)


class TaxItem(BaseModel):
    """How goods or services are invoiced: which tax classification code, at which rate, since when.

    item, title: patterns over the line's item code and title; both must match. rate: percent. name: what the invoice calls
    it; empty = the line's own title. policy: the code of a relief (数电票 01…18). since, until: days, both included.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    item: str = "*"
    title: str = "*"
    tax_code: str = Field(pattern=r"^[1-6]\d{18}$")
    rate: str = Field(pattern=r"^\d{1,2}(\.\d{1,3})?$")
    name: str = ""
    unit: str = ""
    policy: str = ""
    since: date = date(2000, 1, 1)
    until: date = date(9999, 12, 31)

    def takes(self, item: str, title: str, day: date) -> bool:
        """Whether this row is about such a line on that day."""
        matched = fnmatchcase(item, self.item) and fnmatchcase(title, self.title)
        return matched and self.since <= day <= self.until


class Invoicing(BaseModel):
    """What accountants decide about invoices. kind: where the source names none; empty = somebody has to say it.

    items: the first that takes a line counts; a line that none takes waits for finance. accepted_tax_ids: ids whose check
    fails and which are sent all the same (test ids of invoicing services).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal[
        "", "digital_special", "digital_general", "electronic_special", "electronic_general", "paper_special", "paper_general"
    ] = ""
    items: list[TaxItem] = Field(default_factory=list)
    accepted_tax_ids: list[str] = Field(default_factory=list)


class NoticeRule(BaseModel):
    """Of which facts staff are told, who, and through which account.

    on: the fact (``event`` in a file). source: account keys, patterns allowed: where a deal or request came from, or which
    account's facts a document was made of. through: key of the account that tells. to: ids of staff there; '@owner' is the
    owner of the deal or whoever serves the customer there; otherwise: who is told when no owner is found. after: minutes in
    doubt. not_older: hours after which a fact is no news.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    on: Literal[
        "deal.signed", "deal.amended", "deal.reversed", "invoice.requested", "invoice.withdrawn", "invoice.issued",
        "delivery.rejected", "delivery.in_doubt", "delivery.to_do", "owner.conflict",
    ] = Field(validation_alias=AliasChoices("event", "on"))  # fmt: skip
    source: str = "*"
    through: str
    to: list[str] = Field(default_factory=lambda: ["@owner"], min_length=1)
    otherwise: list[str] = Field(default_factory=list)
    language: Literal["zh", "en"] | None = None
    after: int = Field(default=30, ge=1)
    not_older: int = Field(default=48, ge=1)

    def takes(self, kind: str, source_key: str) -> bool:
        """Whether this rule is about such a fact from that account."""
        return kind == self.on and fnmatchcase(source_key, self.source)


Criterion = Literal["manual", "valid", "source", "newest", "complete"]
CUSTOMER_FIELDS = (
    "kind", "display_name", "aliases", "phones", "emails", "company", "tax_id", "title", "gender", "owner", "stage", "region",
    "address", "source", "note", "created_at", "last_contact_at",
)  # fmt: skip
"""Fields of a customer of which several sources may say different things."""


class FieldRule(BaseModel):
    """By what a customer's field is chosen where sources disagree: the first criterion that tells two values apart.

    valid: what passes the field's check before what does not; source: the order of sources (sources: an order of its own for
    this field, categories or account keys, patterns allowed; the rest follow in source_order); newest: changed last at its
    source; complete: the longer one. A value that a person has set comes first always, whether manual is named or not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    by: tuple[Criterion, ...] = Field(min_length=1)
    sources: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        """A list alone is ``by``."""
        return {"by": given} if isinstance(given, list | tuple) else given

    @model_validator(mode="after")
    def _makes_sense(self) -> FieldRule:
        if len(set(self.by)) != len(self.by):
            raise ValueError("a criterion stands twice")
        if "manual" in self.by[1:]:
            raise ValueError("a value that a person has set comes first: name manual first, or not at all")
        if self.by == ("manual",):
            raise ValueError("name at least one of valid, source, newest, complete: most values are nobody's choice")
        if self.sources and "source" not in self.by:
            raise ValueError("sources is an order of sources, and source is not among the criteria")
        return self


class Settings(BaseSettings):
    """All settings of the hub. Paths are relative to the working directory.

    clock_offset: seconds added to the clock, to rehearse with old data against a seeded sandbox; 0 in real life.
    """

    model_config = SettingsConfigDict(env_prefix="HUB_", extra="forbid", frozen=True)
    data_dir: Path = Path("var")
    database_url: str = ""
    key_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8765
    public_url: str = ""
    proxy_hops: int = Field(default=0, ge=0)
    language: Literal["zh", "en"] = "zh"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    engine: Literal["embedded", "distributed"] = "embedded"
    threads: int = Field(default=8, ge=1)
    lease_seconds: int = Field(default=90, ge=2)
    slice_seconds: int = Field(default=30, ge=1)
    settle_seconds: float | None = Field(default=None, ge=0)
    clock_offset: float = 0.0
    source_order: list[str] = Field(default_factory=lambda: ["crm", "chat", "generic", "file", "shop", "finance"])
    golden: dict[str, FieldRule] = Field(default_factory=dict)
    identity_preset: Literal["default", "careful"] = "default"
    rules: list[Rule] = Field(default_factory=list)
    notices: list[NoticeRule] = Field(default_factory=list)
    chat_keep_days: int = Field(default=180, ge=1, le=3650)
    chat_withdrawn: Literal["delete", "keep"] = "delete"
    tag_rules: list[TagRule] = Field(default_factory=list)
    invoicing: Invoicing = Field(default_factory=Invoicing)

    @field_validator("golden")
    @classmethod
    def _known_fields(cls, golden: dict[str, FieldRule]) -> dict[str, FieldRule]:
        if unknown := sorted(golden.keys() - {*CUSTOMER_FIELDS, "default"}):
            raise ValueError(f"a customer has no field {unknown[0]!r}; there are: default, {', '.join(CUSTOMER_FIELDS)}")
        return golden

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Any,
        env_settings: Any,
        dotenv_settings: Any,
        file_secret_settings: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file."""
        return env_settings, init_settings

    @property
    def database(self) -> str:
        """The database URL; SQLite in the data directory unless one is set."""
        return self.database_url or f"sqlite:///{self.data_dir / 'hub.db'}"

    @property
    def keys(self) -> Path:
        """The key file."""
        return self.key_file or self.data_dir / "keys.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text("utf-8")) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: not readable as YAML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not readable: {type(error).__name__}") from None
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise SettingsError(f"{path}: settings are names with values (port: 8765), not {type(data).__name__}")
    return data


def load_settings(path: Path | None = None, **overrides: Any) -> Settings:
    """Settings from the file (when there is one) under the environment. Raises SettingsError."""
    path = path or Path(os.environ.get("HUB_CONFIG", "hub.yaml"))
    data: dict[str, Any] = {}
    if path.exists():
        data = _read(path)
    elif "HUB_CONFIG" in os.environ:
        raise SettingsError(f"{path}: there is no such settings file (HUB_CONFIG names it)")
    try:
        return Settings(**{**data, **overrides})
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise SettingsError(f"{path}: {len(lines)} setting(s) cannot be used\n" + "\n".join(lines)) from None
    except UnreadableVariable as error:
        raise SettingsError(f"environment: {error}") from None
