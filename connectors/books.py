"""What sinks into finance systems share beside money: tables, lines, numbers, save-and-audit."""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase

from connectors import errors
from connectors.base import Document, DocumentLine, Receipt, Sink
from connectors.errors import ConnectorError

STEP_WORDS = ("unseen", "vanished", "conflict", "step_refused", "step_pending")
"""What ``saved`` and ``finished`` may say; the manifest of a connector that calls them has these messages under its name."""


def table(text: str) -> list[tuple[str, str]]:
    """The lines of a mapping table as (left, right)."""
    parts = (line.partition("=") for line in text.splitlines() if line.strip())
    return [(left.strip(), right.strip()) for left, _, right in parts]


def looked_up(text: str, *names: str) -> str:
    """What a mapping table gives for any of the names; '*' and '?' on the left match; '' where it gives nothing."""
    wanted = [name for name in names if name]
    return next((right for left, right in table(text) for name in wanted if fnmatchcase(name, left)), "")


def lines_of(document: Document) -> list[DocumentLine]:
    """The lines that say something; a document without any is one line of its amount."""
    lines = [line for line in document.lines if line.amount.minor]
    return lines or [DocumentLine(title=document.note or document.number, amount=document.amount)]


def number(value: str, refuse: Callable[[], ConnectorError]) -> Decimal:
    """A line's number; '' is nought. Raises what ``refuse`` makes for one that is none."""
    try:
        found = Decimal(value or "0")
    except InvalidOperation:
        raise refuse() from None
    if not found.is_finite():
        raise refuse()
    return found


def rate(value: str, default: str, refuse: Callable[[], ConnectorError]) -> Decimal:
    """A line's tax rate in percent, or the default where the source gives none."""
    found = number(value, refuse) or Decimal(default)
    if not 0 <= found < 100:
        raise refuse()
    return found


def plain(value: Decimal) -> str:
    """A number as text, digit for digit, without an exponent."""
    return format(value, "f")


def given(**values: str) -> dict[str, str]:
    """The values that are there."""
    return {key: value for key, value in values.items() if value}


def word(text: str, signs: Collection[tuple[tuple[str, ...], str]]) -> str:
    """The sub-code whose words all stand in a platform's sentence; '' for none."""
    return next((sub for words, sub in signs if all(each in text for each in words)), "")


def saved(sink: Sink, document: Document) -> Receipt:
    """What a send does after its save: look, and take the step that is lacking. What goes wrong now leaves it in doubt."""
    try:
        receipt = sink.find(document)
        if receipt is not None:
            return receipt if receipt.complete else sink.finish(document, receipt)
    except (errors.Retryable, errors.Stop):
        pass  # it is saved: what has become of it is found out later
    raise errors.InDoubt(f"{sink.manifest.name}.unseen", number=document.number)


def finished(sink: Sink, document: Document, step: Callable[[Receipt], object]) -> Receipt:
    """Take the one step after the save (audit, verify), unless it was taken; nothing that differs from ours is touched.

    A refusal counts only when the document is not complete afterwards: somebody else may have taken the step meanwhile.
    """
    name, number, now = sink.manifest.name, document.number, sink.find(document)
    if now is None:
        raise errors.Rejected(f"{name}.vanished", number=number)
    if now.complete:
        return now
    if now.amount != document.amount or now.party_code != document.party.code:
        raise errors.Rejected(f"{name}.conflict", number=number, state=now.state, amount=now.amount)
    refusal: errors.Rejected | None = None
    try:
        step(now)
    except errors.Rejected as refused:
        refusal = refused
    after = sink.find(document)
    if after is not None and after.complete:
        return after
    if refusal is None:
        raise errors.InDoubt(f"{name}.step_pending", number=number)
    message = refusal.params.get("message", "")
    raise errors.Rejected(f"{name}.step_refused", code=refusal.code, number=number, state=now.state, message=message)
