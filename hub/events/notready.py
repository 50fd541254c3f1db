"""Why a document cannot be made from what the hub knows now."""

from __future__ import annotations

from connectors.errors import RecordError


class NotReady(RecordError):
    """The document cannot be made from what the hub knows now; a person completes the data and retries."""


class Reversed(NotReady):
    """The deal is reversed: there is nothing to deliver."""

    default_key = "delivery.reversed"
