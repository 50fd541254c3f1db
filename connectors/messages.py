"""Turns an error into words: what happened and what the reader does next, in Chinese or English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors import errors
from connectors.manifest import Message
from mappings import plain

if TYPE_CHECKING:
    from connectors.manifest import Manifest

FILE = Path(__file__).with_name("messages.yaml")


@dataclass(frozen=True)
class Texts:
    """The checked content of messages.yaml. reasons: pattern -> zh. details: name -> text around ``{value}``."""

    messages: Mapping[str, Message]
    reasons: Mapping[str, str]
    details: Mapping[str, Mapping[str, str]]


class _Shown(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "?"


@cache
def texts() -> Texts:
    """The shared texts, read once."""
    data = plain.load(FILE.read_text("utf-8"))
    messages = {key: Message.model_validate(item) for key, item in data["messages"].items()}
    return Texts(messages, data["reasons"], data["details"])


def known(key: str, manifest: Manifest | None = None) -> Message | None:
    """The message of that key: the manifest's own, else the shared one, else None."""
    own = manifest.messages.get(key) if manifest else None
    return own or texts().messages.get(key)


def explain(error: errors.ConnectorError | Mapping[str, Any], lang: str, manifest: Manifest | None = None) -> tuple[str, str]:
    """What happened and the next step. error: an error or what ``as_dict`` made of it. lang: 'en', else Chinese.

    A key without text falls back to the text of the error's type; the contract suite fails for such a key.
    """
    told = error.as_dict() if isinstance(error, errors.ConnectorError) else error
    message = known(str(told.get("key")), manifest) or known(_default_key(str(told.get("type")))) or known("error.unknown")
    assert message is not None
    params = {name: str(value) for name, value in (told.get("params") or {}).items()}
    if lang != "en" and "reason" in params:
        params["reason"] = _reason(params["reason"])
    english = lang == "en"
    what, fix = (message.en, message.fix_en) if english else (message.zh, message.fix_zh)
    return filled(what, params) + _details(told, params, "en" if english else "zh"), filled(fix, params)


def _default_key(type_name: str) -> str:
    kind = getattr(errors, type_name, None)
    return str(getattr(kind, "default_key", errors.ConnectorError.default_key))


def filled(text: str, params: Mapping[str, Any]) -> str:
    """The text with its params; '?' for what the error does not tell."""
    return text.format_map(_Shown(params))


def _details(told: Mapping[str, Any], params: Mapping[str, str], lang: str) -> str:
    given = {"code": told.get("code"), "request_id": told.get("request_id"), "message": params.get("message")}
    shown = [texts().details[name][lang].format(value=value) for name, value in given.items() if value]
    if not shown:
        return ""
    return f" ({'; '.join(shown)})" if lang == "en" else f"（{'；'.join(shown)}）"


def _reason(english: str) -> str:
    for pattern, chinese in texts().reasons.items():
        found = re.fullmatch(pattern, english)
        if found:
            return chinese.format(*found.groups())
    return english
