"""Errors named by what to do next (one module, so that a reader sees every way a call can end).

Each error carries a message key with parameters instead of a sentence; the texts (zh/en, what happened and what
to do) stand in ``connectors/messages.yaml`` and in a connector's manifest under ``messages``.
"""

from __future__ import annotations

from typing import Any


class ConnectorError(Exception):
    """Base of all errors of a platform call.

    key: message key, for example ``http.unavailable`` or ``wecom.trusted_ip``.
    code: the platform's own code, request_id: its trace id; both shown to a person.
    params: values for the message texts. They must hold no personal data and no secret.
    """

    default_key = "error.unknown"

    def __init__(
        self, key: str | None = None, *, code: str | None = None, request_id: str | None = None, **params: Any
    ) -> None:
        self.key = key or self.default_key
        self.code = code
        self.request_id = request_id
        self.params = params
        super().__init__(self.key)

    def __str__(self) -> str:
        parts = [self.key]
        if self.code is not None:
            parts.append(f"code={self.code}")
        if self.request_id:
            parts.append(f"request_id={self.request_id}")
        parts += [f"{name}={value}" for name, value in self.params.items()]
        return " ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """What runs, deliveries and the inbox store of an error (JSON-ready)."""
        return {
            "type": type(self).__name__,
            "key": self.key,
            "code": self.code,
            "request_id": self.request_id,
            "params": {name: str(value) for name, value in self.params.items()},
        }


class ConfigError(ConnectorError):
    """The configuration of the account is wrong: a person must change it. The account's jobs stop."""

    default_key = "error.config"


class UnknownAnswer(ConfigError):
    """The platform answered with a code that the manifest does not know: the stream stops and alerts."""

    default_key = "error.unknown_answer"


class AuthError(ConnectorError):
    """The platform does not let us in."""

    default_key = "error.auth"


class ReauthNeeded(AuthError):
    """The authorisation is dead: a person must connect the account again. Never retried by itself."""

    default_key = "error.reauth"


class ScopeMissing(AuthError):
    """The authorisation lacks a right; the manifest says where to grant it in the platform's console."""

    default_key = "error.scope"


class Retryable(ConnectorError):
    """Passing fault: the same call may go through later."""

    default_key = "error.retryable"


class Throttled(Retryable):
    """A limit was reached. Not counted as an attempt. wait: seconds until it makes sense to come back."""

    default_key = "error.throttled"

    def __init__(self, wait: float, key: str | None = None, **kwargs: Any) -> None:
        super().__init__(key, wait=round(wait, 1), **kwargs)
        self.wait = wait


class Unavailable(Retryable):
    """The platform or the network did not answer properly, and nothing was written. final: it was retried enough."""

    default_key = "error.unavailable"
    final = False


class RecordError(ConnectorError):
    """One record is bad; the others go on. It goes to quarantine with its raw body."""

    default_key = "error.record"


class MappingError(RecordError):
    """A record could not be mapped. params: field, path, value kind (never the value itself)."""

    default_key = "error.mapping"


class InvalidRecord(RecordError):
    """The platform refused, or returned, a record that cannot be used."""

    default_key = "error.invalid_record"


class Gone(RecordError):
    """The record asked for does not exist (any more)."""

    default_key = "error.gone"


class Rejected(ConnectorError):
    """The destination said no to a document, for a reason a person must settle.

    Nothing was written, unless params name a number and a state: then the document stands there in that state.
    """

    default_key = "error.rejected"


class Duplicate(Rejected):
    """The destination already holds a document with this number: find it, compare it, adopt it."""

    default_key = "error.duplicate"


class InDoubt(ConnectorError):
    """A write may or may not have happened. Never repeated before ``find`` has said absent."""

    default_key = "error.in_doubt"


class SignInRefused(ConnectorError):
    """Whoever is at the browser is not let in: an outsider, or a code that is used, late or made up."""

    default_key = "error.sign_in"


class BadSignature(ConnectorError):
    """A pushed request is not from the platform: answered 401/403 and counted, never stored."""

    default_key = "error.bad_signature"


class BadPush(ConnectorError):
    """A pushed request is genuine but unusable (wrong kind, wrong format). params say which console field to fix."""

    default_key = "error.bad_push"


class Stop(Exception):
    """Raised between pages when the process is asked to stop: save and return."""
