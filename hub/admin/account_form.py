"""A connector's Config model as a form, and a form as its values; drafts travel sealed, so that no secret is sent back."""

from __future__ import annotations

import base64
import binascii
import types
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

import orjson
import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from connectors.base import Config, secret_fields
from hub.admin.i18n import both, t
from hub.security.keyring import KeyFault, KeyRing

DRAFT_MINUTES = 30
PROBLEMS = {
    "missing": "form.missing",
    "string_too_short": "form.too_short",
    "string_too_long": "form.too_long",
    "string_pattern_mismatch": "form.pattern",
    "literal_error": "form.choice",
    "int_parsing": "form.whole_number",
    "float_parsing": "form.number",
    "greater_than_equal": "form.at_least",
    "less_than_equal": "form.at_most",
}


@dataclass(frozen=True)
class Entry:
    """One field of the form. kind: text | secret | lines | flag | choice | number | data. kept: a stored secret stays."""

    name: str
    label: str
    where: str
    kind: str
    required: bool
    advanced: bool
    value: Any
    choices: tuple[str, ...] = ()
    kept: bool = False
    problem: str = ""


def _plain_type(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        left = [item for item in get_args(annotation) if item is not type(None)]
        return left[0] if len(left) == 1 else annotation
    return annotation


def _kind(info: FieldInfo, secret: bool) -> tuple[str, tuple[str, ...]]:
    plain = _plain_type(info.annotation)
    if get_origin(plain) is Literal:
        return "choice", tuple(map(str, get_args(plain)))
    if isinstance(plain, type) and issubclass(plain, Enum):
        return "choice", tuple(str(item.value) for item in plain)
    if plain is bool:
        return "flag", ()
    if plain in (int, float):
        return "number", ()
    if plain is str:
        return ("secret" if secret else "text"), ()
    if get_origin(plain) in (list, tuple, set, frozenset) and get_args(plain)[:1] == (str,):
        return "lines", ()
    return "data", ()


def _extra(info: FieldInfo) -> Mapping[str, Any]:
    extra = info.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def entries(
    model: type[Config], values: Mapping[str, Any], *, kept: frozenset[str] = frozenset(), problems: Mapping[str, str] = {}
) -> list[Entry]:
    """The fields in the model's order. values: what to show; kept: secrets that are stored already."""
    found = []
    for name, info in model.model_fields.items():
        extra = _extra(info)
        kind, choices = _kind(info, bool(extra.get("secret")))
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        shown = "" if kind == "secret" else _as_text(kind, values.get(name, default))
        found.append(
            Entry(
                name, both(extra.get("label")) or name, both(extra.get("where")), kind, info.is_required(),
                bool(extra.get("advanced")), shown, choices, name in kept, problems.get(name, ""),
            )
        )  # fmt: skip
    return found


def _as_text(kind: str, value: Any) -> Any:
    if kind == "flag":
        return bool(value)
    if value is None:
        return ""
    if kind == "lines":
        return value if isinstance(value, str) else "\n".join(value)
    if kind == "data":
        return value if isinstance(value, str) else yaml.safe_dump(value, allow_unicode=True)
    return value.value if isinstance(value, Enum) else value


def read(model: type[Config], form: Mapping[str, str]) -> dict[str, Any]:
    """The form's values; what was left empty is absent, so that the default holds."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        kind, _ = _kind(info, bool(_extra(info).get("secret")))
        text = form.get(f"c.{name}", "").strip()
        if kind == "flag":
            found[name] = text == "1"
        elif text and kind == "lines":
            found[name] = [line.strip() for line in text.splitlines() if line.strip()]
        elif text and kind == "data":
            found[name] = _data(text)
        elif text:
            found[name] = text
    return found


def _data(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def problems(model: type[Config], values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong, by field, in the reader's language; empty when the values can be used."""
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        found: dict[str, str] = {}
        for item in error.errors():
            name = str(item["loc"][0]) if item["loc"] else ""
            found.setdefault(name if name in model.model_fields else "", _problem(item))
        return found
    return {}


def _problem(item: Any) -> str:
    key = PROBLEMS.get(item["type"])
    if key is None:
        return str(item["msg"]).removeprefix("Value error, ")
    return t(key, **{name: value for name, value in (item.get("ctx") or {}).items() if isinstance(value, str | int | float)})


def stored_secrets(model: type[Config], config: Mapping[str, Any]) -> frozenset[str]:
    """Names of the secrets that have a value."""
    return frozenset(name for name in secret_fields(model) if config.get(name))


def with_secrets(model: type[Config], values: Mapping[str, Any], older: Mapping[str, Any]) -> dict[str, Any]:
    """The values; a secret left empty keeps the older one."""
    kept = {name: older[name] for name in stored_secrets(model, older) if not values.get(name)}
    return {**values, **kept}


# ---------------------------------------------------------------- drafts


def seal_draft(ring: KeyRing, place: str, draft: Mapping[str, Any], now_us: int) -> str:
    """A draft as text for a hidden field: encrypted, tied to person and form."""
    body = orjson.dumps({"at": now_us, "draft": draft})
    return base64.urlsafe_b64encode(ring.seal(body, f"draft|{place}".encode())).decode()


def open_draft(ring: KeyRing, place: str, text: str, now_us: int) -> dict[str, Any] | None:
    """The draft; None when there is none, it is another's, or it is too old."""
    try:
        found = orjson.loads(ring.open(base64.urlsafe_b64decode(text), f"draft|{place}".encode()))
    except (KeyFault, ValueError, binascii.Error):
        return None
    if now_us - int(found["at"]) > DRAFT_MINUTES * 60_000_000:
        return None
    return dict(found["draft"])
