"""Structured logs with one redaction step: no secret and nothing personal leaves the process."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET = re.compile(
    r"(?i)(access_token|corpsecret|secret|password|sign|signature|session|token|authorization)([=:]\s*)[^&\s\"',}]+"
)
_PHONE = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_KEYS = re.compile(r"(?i)secret|password|token|authorization|cookie|^(name|phone|email|body|record|config)$")


def clean(text: str) -> str:
    """A text without what looks like a secret, a phone number or a mailbox."""
    text = _SECRET.sub(r"\1\2***", text)
    text = _PHONE.sub(r"\1****\2", text)
    return _MAIL.sub("***@***", text)


def redact(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The redaction processor."""
    for key, value in entry.items():
        if key in ("event", "level", "timestamp"):
            entry[key] = clean(str(value))
        elif _KEYS.search(key) and key != "name":
            entry[key] = "***"
        elif isinstance(value, str):
            entry[key] = clean(value)
    return entry


def configure(level: str) -> None:
    """Set up structlog: one JSON line each on stderr."""
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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    for noisy in ("apscheduler", "alembic", "werkzeug", "procrastinate", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
