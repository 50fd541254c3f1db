"""What a platform does for people besides being read: three small optional roles, and the values they exchange.

``TagWriter`` puts tags on records, ``Notifier`` tells staff, ``SignIn`` says who of the staff stands at the door. A connector
takes those its platform has, each named under ``roles`` of its manifest. See ``docs/add-a-connector.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.base import Connector


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

    def signed_in(self, query: Mapping[str, str]) -> str:
        """The id of the member whom the platform vouches for, from the query with which the browser came back.

        Raises SignInRefused for an outsider (also where the platform's answer is a success), a code that is used, late or made
        up, and a query without one.
        """
        raise TypeError(f"{type(self).__name__} has no signed_in()")
