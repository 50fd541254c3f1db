"""The normal forms that are stored: a name, an organisation, a place."""

from __future__ import annotations

from typing import NamedTuple

Sounds = tuple[str, str]
"""How surname and given name sound: ('zhang', 'wei')."""


class Name(NamedTuple):
    """A name. kind: full (own characters), latin (letters, order settled or both tried), title (a surname and a title),
    mask (what a mask shows), nick (anything else). sounds: one, or two where the order of letters is open.
    """

    kind: str
    text: str
    surname: str = ""
    given: str = ""
    sounds: tuple[Sounds, ...] = ()
    gender: str = ""


class Org(NamedTuple):
    """An organisation's name. brand: what is its own; sound: how the brand sounds; trade: what it does; city, province: short.

    form: the legal form as written, '' for a short form of the name. branch: the branch's place ('' when it is none; '*' when
    the place is not said). legal: whether the form says that this is an organisation.
    """

    brand: str
    sound: str
    trade: str = ""
    province: str = ""
    city: str = ""
    form: str = ""
    branch: str = ""
    legal: bool = False


class Place(NamedTuple):
    """Where something is. road: '莫干山路'; whole: whether all of its name is plain. unit: its figures ('11-3-1801')."""

    province: str = ""
    city: str = ""
    district: str = ""
    town: str = ""
    road: str = ""
    number: str = ""
    whole: bool = True
    estate: str = ""
    unit: str = ""


NOWHERE = Place()
