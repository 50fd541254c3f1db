"""Several profiles seen as one: what is known of the customer they would be. Units are compared, never single values.

An order's receiver describes relations of the account, not its holder, except the usual one: the receiver who agrees with what
is known of the holder, or else the most frequent one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from hub.identity.features import CONTACT, NICK, Features
from hub.identity.normal.addresses import Place
from hub.identity.normal.codes import FREE
from hub.identity.normal.names import Name
from hub.identity.normal.orgs import Org
from hub.identity.normal.phones import seven


class Receiver(NamedTuple):
    """Who gets the parcel of an order, as far as it is shown."""

    sound: str
    first: str
    name: Name | None
    phones: tuple[str, ...]
    sevens: tuple[str, ...]
    places: tuple[Place, ...]
    account: str


class Base:
    """What the customer's own records show, without any receiver."""

    __slots__ = ("masks", "phones", "places", "surnames")

    def __init__(self) -> None:
        self.surnames: set[str] = set()
        self.phones: set[str] = set()
        self.masks: set[str] = set()
        self.places: dict[Place, None] = {}

    def add(self, other: Base) -> None:
        """Take over what another shows."""
        self.surnames |= other.surnames
        self.phones |= other.phones
        self.masks |= other.masks
        self.places.update(other.places)


class Unit:
    """All that profiles say together. own: names in his own characters by text; full: with those of his usual receiver;
    nicked: what he calls himself; surnames: sounds of surnames of titles and masks. size: number of profiles.
    """

    __slots__ = (
        "accounts",
        "base",
        "code",
        "contacts",
        "domains",
        "doubt",
        "extra",
        "first",
        "full",
        "genders",
        "handles",
        "kind",
        "lands",
        "last",
        "latin",
        "mails",
        "masks",
        "near_codes",
        "nicked",
        "nicks",
        "offices",
        "orders",
        "orgs",
        "own",
        "phones",
        "places",
        "proofs",
        "refs",
        "sevens",
        "size",
        "sources",
        "surnames",
    )

    def __init__(self, refs: Sequence[str]) -> None:
        self.refs = list(refs)
        self.size = len(self.refs)
        self.kind = ""
        self.first = self.last = 0
        self.own: dict[str, Name] = {}
        self.full: dict[str, Name] = {}
        self.latin: dict[str, Name] = {}
        self.nicked: dict[str, Name] = {}
        self.surnames: set[str] = set()
        self.nicks: set[str] = set()
        self.contacts: dict[str, Name] = {}
        self.phones: set[str] = set()
        self.masks: set[str] = set()
        self.sevens: set[str] = set()
        self.lands: set[str] = set()
        self.mails: set[str] = set()
        self.offices: set[str] = set()
        self.domains: set[str] = set()
        self.handles: set[str] = set()
        self.code: set[str] = set()
        self.near_codes: set[str] = set()
        self.orgs: dict[Org, None] = {}
        self.places: dict[Place, None] = {}
        self.genders: set[str] = set()
        self.orders: list[Receiver] = []
        self.sources: list[str] = []
        self.proofs: set[tuple[str, str, str]] = set()
        self.accounts: set[tuple[str, str, str]] = set()
        self.extra: dict[str, list[str]] = {}
        self.base = Base()
        self.doubt = 1


_SETS = (
    "nicks", "lands", "mails", "offices", "domains", "handles", "code", "near_codes", "genders", "proofs", "accounts",
)  # fmt: skip
_ACCOUNTS = frozenset({"unionid", "external_userid", "open_uid", "ouid"})
_DICTS = ("own", "latin", "nicked", "contacts", "orgs")


def of_profile(ref: str, features: Features) -> Unit:
    """A unit of one profile, not yet ``settled``."""
    unit = Unit([ref])
    unit.kind, unit.first, unit.last = features.kind, features.at, features.at
    unit.sources = [features.source]
    unit.proofs.update(features.proofs)
    unit.accounts = {(features.source, kind, value) for kind, _, value in features.proofs if kind in _ACCOUNTS}
    unit.extra = features.extra
    if features.gender:
        unit.genders.add(features.gender)
    if features.nick:
        unit.nicks.add(features.nick)
    if features.order:
        unit.orders.append(_receiver(features))
        return unit
    _add_names(unit, features)
    unit.base.phones.update(features.phones)
    unit.base.masks.update(features.masks)
    unit.lands.update(features.lands)
    unit.mails.update(features.mails)
    unit.offices.update(features.offices)
    unit.handles.update(features.handles)
    unit.domains.update(domain for mail in (*features.mails, *features.offices) if (domain := company_domain(mail)))
    if features.code:
        unit.code.add(features.code)
    if features.near_code:
        unit.near_codes.add(features.near_code)
    unit.orgs.update(dict.fromkeys(features.orgs))
    unit.base.places.update(dict.fromkeys(features.places))
    return unit


def _add_names(unit: Unit, features: Features) -> None:
    for role, name in ((named.role, named.name) for named in features.names):
        if role == CONTACT:
            unit.contacts[name.text] = name
        elif role == NICK:
            _add_nick(unit, name)
        elif name.kind in ("full", "parts"):
            unit.own[name.text] = name
        elif name.kind == "latin":
            unit.latin[name.text] = name
        elif name.kind in ("title", "mask"):
            unit.base.surnames.update(sound for sound, _ in name.sounds)
        else:
            unit.nicks.add(name.text)


def _add_nick(unit: Unit, name: Name) -> None:
    if name.kind in ("full", "latin"):
        unit.nicked[name.text] = name
    unit.nicks.add(name.text)


def _receiver(features: Features) -> Receiver:
    name = next((named.name for named in features.names if named.role != NICK), None)
    sound = name.sounds[0][0] if name is not None and name.sounds else ""
    shown = (*filter(None, map(seven, features.phones)), *features.masks)
    account = features.proofs[0][2] if features.proofs else ""
    first = name.text[0] if name is not None else ""
    return Receiver(sound, first, name, tuple(features.phones), shown, tuple(features.places), account)


def join(units: Sequence[Unit]) -> Unit:
    """The unit that several are together, settled."""
    unit = Unit([ref for part in units for ref in part.refs])
    kinds = {part.kind for part in units if part.kind}
    unit.kind = kinds.pop() if len(kinds) == 1 else ("mixed" if kinds else "")
    unit.first, unit.last = min(part.first for part in units), max(part.last for part in units)
    for part in units:
        for name in _SETS:
            getattr(unit, name).update(getattr(part, name))
        for name in _DICTS:
            getattr(unit, name).update(getattr(part, name))
        unit.base.add(part.base)
        unit.orders += part.orders
        unit.sources += part.sources
        for field, values in part.extra.items():
            mine = unit.extra.get(field, [])
            unit.extra[field] = mine + [value for value in values if value not in mine]
    return settled(unit)


def settled(unit: Unit) -> Unit:
    """Decide which receivers describe the holder, and gather what they show."""
    base = unit.base
    unit.full = dict(unit.own)
    unit.surnames, unit.phones, unit.masks = set(base.surnames), set(base.phones), set(base.masks)
    unit.places = dict(base.places)
    unit.sevens = {shown for phone in unit.phones if (shown := seven(phone))} | unit.masks
    unit.doubt = 1
    if not unit.orders:
        return unit
    groups = _receivers(unit)
    unit.doubt = len(groups)
    for group in groups:
        for order in group:
            _show(unit, order)
    return unit


def _show(unit: Unit, order: Receiver) -> None:
    unit.sevens.update(order.sevens)
    unit.phones.update(order.phones)
    unit.masks.update(order.sevens if not order.phones else ())
    unit.places.update(dict.fromkeys(order.places))
    if order.name is not None and order.name.kind == "full":
        unit.full[order.name.text] = order.name
    elif order.sound:
        unit.surnames.add(order.sound)


def _receivers(unit: Unit) -> list[list[Receiver]]:
    """The groups of receivers who may be the holder: those who agree with what is known of him, else the most frequent."""
    groups = _grouped(unit.orders)
    if len(groups) == 1 and not unit.own:
        return groups
    known = {sound for name in (*unit.own.values(), *unit.latin.values()) for sound, _ in name.sounds} | unit.surnames
    if agreeing := [g for g in groups if any(unit.sevens.intersection(order.sevens) for order in g)]:
        return agreeing
    if known or unit.sevens:
        return [group for group in groups if any(order.sound in known for order in group)]
    most = max(map(len, groups))
    return [group for group in groups if len(group) == most]


def _grouped(orders: Iterable[Receiver]) -> list[list[Receiver]]:
    """Receivers who are one: those who show the same figures of a telephone."""
    groups: list[list[Receiver]] = []
    for order in orders:
        fitting = [group for group in groups if any(_one(order, other) for other in group)]
        for group in fitting[1:]:
            fitting[0].extend(group)
            groups.remove(group)
        if fitting:
            fitting[0].append(order)
        else:
            groups.append([order])
    return groups


def _one(a: Receiver, b: Receiver) -> bool:
    if a.sevens and b.sevens and set(a.sevens) & set(b.sevens):
        return True
    return not a.sevens and not b.sevens and bool(a.sound) and a.sound == b.sound


@lru_cache(maxsize=16384)
def company_domain(mail: str) -> str:
    """The domain of a mailbox when it is a company's own, else ''."""
    domain = mail.rpartition("@")[2]
    return "" if domain in FREE else domain


@lru_cache(maxsize=16384)
def domain_label(domain: str) -> str:
    """What a company's domain is called: mengli for mengli.com.cn."""
    labels = [part for part in domain.split(".") if part not in _NO_LABEL]
    return labels[-1] if labels else ""


_NO_LABEL = frozenset({"com", "cn", "net", "org", "gov", "edu", "co", "mail", "www", "corp"})
