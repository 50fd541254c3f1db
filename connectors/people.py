"""What a platform does for people besides being read: four small optional roles, and the values they exchange.

``TagWriter`` puts tags on records, ``Notifier`` tells staff, ``SignIn`` says who of the staff stands at the door, ``HandsOver``
gives one member's customers to another. A connector takes those its platform has, each named under ``roles`` of its manifest.
See ``docs/add-a-connector.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from connectors.base import Connector
from connectors.errors import ConnectorError


@dataclass(frozen=True, slots=True)
class TagChange:
    """Tags to put on and take off one record. stream and key: as ``pages`` gives it; the tags' keys as its mapping does.

    Set semantics: the change says what is to be so afterwards, not what is different now. Raises ValueError when it says
    nothing, or two things about one tag.
    """

    stream: str
    key: str
    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.add | self.remove:
            raise ValueError("a tag change adds or removes at least one tag")
        if self.add & self.remove:
            raise ValueError("a tag change adds and removes the same tag")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that staff should know. to: ids of staff, as the stream of staff gives them; at least one.

    key: ours, derived from the fact ([A-Za-z0-9-]{1,32}): two notices with one key are one, wherever the platform can tell.
    title, text: plain text without markup; what a platform has no room for is cut at its end, visibly. url: of the page that
    shows more, or ''.
    """

    key: str
    to: tuple[str, ...]
    title: str = field(repr=False)
    text: str = field(default="", repr=False)
    url: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.key or not self.to:
            raise ValueError("a notice has a key, and somebody whom it is for")


@dataclass(frozen=True, slots=True)
class Orphan:
    """A record that waits for a new owner because its own has left. stream, key: as ``pages`` gave it while he was there.

    staff: who left, as the stream of staff gave him. left_at: when, None where the platform does not say.
    """

    stream: str
    key: str
    staff: str
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HandOver:
    """Records of one member that another is to take. left: whether the one who gives has left the company.

    keys: as ``pages`` or ``waiting`` gives them; at least one, none twice. message: what customers are told where the platform
    tells them in our words, '' for its own.
    """

    stream: str
    staff: str
    to: str
    keys: tuple[str, ...]
    left: bool
    message: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.keys or len(set(self.keys)) < len(self.keys):
            raise ValueError("a hand-over names at least one record, and none twice")
        if self.staff == self.to:
            raise ValueError("who gives and who takes are two members")


@dataclass(frozen=True, slots=True)
class Handed:
    """What became of one record's hand-over. state: waiting (it will take effect) | done | refused (by the customer) | full
    (the new owner can take no more). at: when it took or will take effect. becomes: the record's key under its new owner."""

    state: Literal["waiting", "done", "refused", "full"]
    at: datetime | None = None
    becomes: str = ""


@dataclass(frozen=True, slots=True)
class HandOverRules:
    """What the platform allows, so that the hub does not ask for more. batch: records that one call takes. delay: until it
    takes effect. often: so many times within so long for a record whose owner is still here, None = no limit. left_within: how
    long after he left. a_day: records of one departed owner and stream within 24 hours."""

    batch: int = 100
    delay: timedelta = timedelta(0)
    often: tuple[int, timedelta] | None = None
    left_within: timedelta | None = None
    a_day: Mapping[str, int] = field(default_factory=dict)


class TagWriter(Connector):
    """A platform whose records' tags can be changed: those of the streams that the manifest marks ``tags: written``."""

    def write_tags(self, change: TagChange) -> None:
        """Make it so; what is so already is no error, so the call may be repeated, also after InDoubt.

        Raises Gone when the record is not there, Rejected when a tag is unknown there or there is no room for it; then nothing
        of the change was made.
        """
        raise TypeError(f"{type(self).__name__} has no write_tags()")


class Notifier(Connector):
    """A platform that brings messages to staff."""

    def notify(self, notice: Notice) -> list[str]:
        """Send it; the ids of those it could not reach, in the notice's order and spelling.

        A platform that takes a message and names some receivers as unknown has still told the others. InDoubt when it may or
        may not have gone out.
        """
        raise TypeError(f"{type(self).__name__} has no notify()")


class SignIn(Connector):
    """A platform that says who of the staff is at the browser."""

    def sign_in_url(self, redirect: str, state: str) -> str:
        """Where the browser is sent. redirect: our page to which the platform brings it back with ``state``, unchanged; the hub
        makes, binds and compares the state. No secret may be in it. Pure: makes no call."""
        raise TypeError(f"{type(self).__name__} has no sign_in_url()")

    def inside_url(self, redirect: str, state: str, user_agent: str) -> str | None:
        """The same where the browser is the platform's own client, which knows its person and asks nothing; None elsewhere, and
        where the platform has no such way. ``signed_in`` takes what comes back of it too. user_agent: the browser's. Pure."""
        return None

    def signed_in(self, query: Mapping[str, str]) -> str:
        """The id of the member whom the platform vouches for, from the query with which the browser came back.

        Raises SignInRefused for an outsider (also where the platform's answer is a success), a code that is used, late or made
        up, and a query without one.
        """
        raise TypeError(f"{type(self).__name__} has no signed_in()")


class HandsOver(Connector):
    """A platform that gives one member's records to another: those of the streams that the manifest marks ``handover``."""

    hand_over_rules: ClassVar[HandOverRules] = HandOverRules()

    def waiting(self) -> Iterator[Orphan]:
        """All records whose owner has left and that nobody has taken yet; none of those whose owner is still here."""
        raise TypeError(f"{type(self).__name__} has no waiting()")

    def hand_over(self, order: HandOver) -> dict[str, ConnectorError]:
        """Begin it, in one writing call; the records that the platform did not take, each with why. The others have begun.

        Why is Rejected; Duplicate where the record is being handed over already; InDoubt where the answer does not say. Raises
        Rejected when the platform takes none of them, InDoubt when it may have taken some, and ValueError, without a call, for
        more than ``hand_over_rules.batch``.
        """
        raise TypeError(f"{type(self).__name__} has no hand_over()")

    def handed(self, order: HandOver, since: datetime) -> dict[str, Handed]:
        """What became of the order's records, by key; one of which the platform has no such hand-over is not in it.

        since: when it was asked for, so that an earlier hand-over between the two is not taken for this one. Errors are raised:
        silence is no absence.
        """
        raise TypeError(f"{type(self).__name__} has no handed()")
