"""Structured logs with one redaction step: no secret and nothing personal leaves the process.

What our own code logs and what libraries log goes through the same step. Names cannot be recognised in running text: they
must never be put there, and values under telling keys are blanked whole.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import structlog

_WORD = (
    r"(?:token|secret|password|passwd|pwd|session|signature|(?:aes|api|private|access)[_-]?key)[\w-]{0,40}"
    r"|\bsign\b|\bsession[_-]?key\b"
)
_SECRET = re.compile(rf"(?i)({_WORD})(\\?[\"']?\s*[=:]\s*\\?[\"']?)(?:(?:bearer|basic)\s+)?[^&\s\"',;}})\]\\]+")
_HEADER = re.compile(r"(?i)\b((?:set-)?cookie|authorization)(\\?[\"']?\s*[=:]\s*\\?[\"']?)[^\r\n\"'\\]+")
_OPAQUE = re.compile(r"(?<![\w-])(?=[\w-]*[g-zG-Z_-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{40,}(?![\w-])", re.ASCII)
"""Long opaque words are tokens; digits and a to f alone are hashes, ours among them."""
_PHONE = re.compile(r"(?<!\d)(?:(?:\+|00)?86[\s-]?)?(1[3-9]\d)[\s-]?\d{4}[\s-]?(\d{4})(?!\d)")
_LINE = re.compile(r"(?<![\d-])(0\d{2,3})-\d{7,8}(?![\d-])")
_PAPERS = re.compile(r"(?<!\d)(?:\d{6}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]|62\d{14,17})(?!\d)")
"""Identity card and bank card numbers."""
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,190}")
_DETAIL = re.compile(r"(?m)^(DETAIL|CONTEXT):.*$")
"""PostgreSQL tells the row that it refused in such lines."""
_KEYS = re.compile(
    r"(?i)secret|password|token|authorization|cookie"
    r"|^(phones?|mobiles?|e?mails?|address|remarks?|notes?|display_name|body|records?|config|plaintext|payload|document|fields)$"
)
_OWN = ("event", "level", "timestamp")


def clean(text: str) -> str:
    """A text without what looks like a secret, a phone number, a mailbox, or a number of one's papers."""
    text = _HEADER.sub(r"\1\2***", text)
    text = _SECRET.sub(r"\1\2***", text)
    text = _OPAQUE.sub("***", text)
    text = _PAPERS.sub("***", text)
    text = _PHONE.sub(r"\1****\2", text)
    text = _LINE.sub(r"\1-***", text)
    text = _DETAIL.sub(r"\1: ***", text)
    return _MAIL.sub("***@***", text)


def _plain(value: Any) -> Any:
    """A value of an entry, cleaned to its depth."""
    if isinstance(value, bool | float) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) < 10**9 or clean(str(value)) == str(value) else clean(str(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, Mapping):
        return {str(name): "***" if _telling(str(name)) or name == "name" else _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return clean(str(value))


def _telling(key: str) -> bool:
    return _KEYS.search(key) is not None


def redact(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The redaction processor. At the top ``name`` is the name of a call; further in it is somebody's."""
    for key, value in entry.items():
        entry[key] = "***" if key not in _OWN and _telling(key) else _plain(value)
    return entry


class Redacted(logging.Formatter):
    """What libraries log, as our own lines look and as clean."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON line."""
        entry: dict[str, Any] = {"event": record.getMessage(), "logger": record.name, "level": record.levelname.lower()}
        entry["timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat()
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(redact(None, "", entry), ensure_ascii=False)


class Stderr:
    """Whatever stderr is at the moment: loggers live longer than one that was redirected."""

    def write(self, text: str) -> int:
        """Write to it."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush it."""
        sys.stderr.flush()


def configure(level: str) -> None:
    """Set up structlog, and what Python's logging writes where nobody has set it up: one JSON line each on stderr."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, Stderr())),
        cache_logger_on_first_use=True,
    )
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Redacted())
    for noisy in ("apscheduler", "alembic", "werkzeug", "procrastinate", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
