"""Several profiles seen as one: what is known of the customer they would be. Units are compared, never single values.

An order's receiver describes relations of the account, not its holder, except the usual one: the receiver who agrees with what
is known of the holder, or else the most frequent one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from functools import lru_cache
from typing import Any, NamedTuple

from hub.identity.core.features import CONTACT, NICK, Features
from hub.identity.normal import areas
from hub.identity.normal.codes import FREE
from hub.identity.normal.forms import Name, Org, Place
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


_NONE: frozenset[Any] = frozenset()
_NOTHING: dict[Any, Any] = {}


class Unit:
    """All that profiles say together. own: names in his own characters by text; full: with those of his usual receiver;
    nicked: what he calls himself; surnames: sounds of surnames of titles and masks. size: number of profiles.

    doubt: how many receivers are equally likely to be the holder. usual: how many orders show the one that is taken for him; 9
    when he is known by records of his own.

    Sets and dictionaries are made only where there is something in them and are never changed afterwards. ``own_…`` is what
    the customer's own records show, without any receiver; ``where`` is what `whereabouts` has found.
    """

    kind = ""
    doubt = 1
    usual = 9
    own: Mapping[str, Name] = _NOTHING
    full: Mapping[str, Name] = _NOTHING
    latin: Mapping[str, Name] = _NOTHING
    nicked: Mapping[str, Name] = _NOTHING
    contacts: Mapping[str, Name] = _NOTHING
    orgs: Mapping[Org, None] = _NOTHING
    places: Mapping[Place, None] = _NOTHING
    own_places: Mapping[Place, None] = _NOTHING
    extra: Mapping[str, list[str]] = _NOTHING
    surnames: Set[str] = _NONE
    own_surnames: Set[str] = _NONE
    nicks: Set[str] = _NONE
    phones: Set[str] = _NONE
    own_phones: Set[str] = _NONE
    masks: Set[str] = _NONE
    own_masks: Set[str] = _NONE
    sevens: Set[str] = _NONE
    lands: Set[str] = _NONE
    mails: Set[str] = _NONE
    offices: Set[str] = _NONE
    domains: Set[str] = _NONE
    handles: Set[str] = _NONE
    code: Set[str] = _NONE
    near_codes: Set[str] = _NONE
    genders: Set[str] = _NONE
    proofs: Set[tuple[str, str, str]] = _NONE
    accounts: Set[tuple[str, str, str]] = _NONE
    orders: Sequence[Receiver] = ()
    where: Set[tuple[str, str]] | None = None

    def __init__(self, refs: list[str], sources: list[str]) -> None:
        self.refs, self.sources, self.size = refs, sources, len(refs)


_SETS = (
    *("nicks", "lands", "mails", "offices", "domains", "handles", "code", "near_codes", "genders", "proofs", "accounts"),
    *("own_surnames", "own_phones", "own_masks"),
)
_ACCOUNTS = frozenset({"unionid", "external_userid", "open_uid", "ouid"})
_DICTS = frozenset({"own", "latin", "nicked", "contacts", "orgs", "own_places"})
_JOINED = _DICTS.union(_SETS)
_PLAIN = (("phones", "own_phones"), ("masks", "own_masks"), ("lands", "lands"), ("mails", "mails"), ("offices", "offices"))


def of_profile(ref: str, features: Features) -> Unit:
    """A unit of one profile, settled."""
    unit = Unit([ref], [features.source])
    unit.kind = features.kind
    if features.proofs:
        unit.proofs = set(features.proofs)
        if accounts := {(features.source, kind, value) for kind, _, value in features.proofs if kind in _ACCOUNTS}:
            unit.accounts = accounts
    if features.extra:
        unit.extra = features.extra
    if features.gender:
        unit.genders = {features.gender}
    if features.nick:
        unit.nicks = {features.nick}
    if features.code:
        unit.code = {features.code}
    if features.near_code:
        unit.near_codes = {features.near_code}
    if features.order:
        unit.orders = (_receiver(features),)
        return settled(unit)
    if features.names:
        _add_names(unit, features)
    for source, target in _PLAIN:
        if values := getattr(features, source):
            setattr(unit, target, set(values))
    if features.mails or features.offices:
        unit.domains = {domain for mail in (*features.mails, *features.offices) if (domain := company_domain(mail))}
    if features.handles:
        unit.handles = set(features.handles)
    if features.orgs:
        unit.orgs = dict.fromkeys(features.orgs)
    if features.places:
        unit.own_places = dict.fromkeys(features.places)
    return settled(unit)


def _add_names(unit: Unit, features: Features) -> None:
    tables: dict[str, dict[str, Name]] = {"own": {}, "latin": {}, "nicked": {}, "contacts": {}}
    surnames: set[str] = set()
    nicks = set(unit.nicks)
    for role, name in ((named.role, named.name) for named in features.names):
        if role == CONTACT:
            tables["contacts"][name.text] = name
        elif role == NICK:
            nicks.add(name.text)
            if name.kind in ("full", "latin"):
                tables["nicked"][name.text] = name
        elif name.kind in ("full", "parts"):
            tables["own"][name.text] = name
        elif name.kind == "latin":
            tables["latin"][name.text] = name
        elif name.kind in ("title", "mask"):
            surnames.update(sound for sound, _ in name.sounds)
        else:
            nicks.add(name.text)
    for table, found in tables.items():
        if found:
            setattr(unit, table, found)
    unit.own_surnames, unit.nicks = surnames, nicks


def _receiver(features: Features) -> Receiver:
    name = next((named.name for named in features.names if named.role != NICK), None)
    sound = name.sounds[0][0] if name is not None and name.sounds else ""
    shown = (*filter(None, map(seven, features.phones)), *features.masks)
    account = features.proofs[0][2] if features.proofs else ""
    first = name.text[0] if name is not None else ""
    return Receiver(sound, first, name, tuple(features.phones), shown, tuple(features.places), account)


def join(units: Sequence[Unit]) -> Unit:
    """The unit that several are together, settled."""
    unit = Unit([ref for part in units for ref in part.refs], [source for part in units for source in part.sources])
    kinds = {part.kind for part in units if part.kind}
    unit.kind = kinds.pop() if len(kinds) == 1 else ("mixed" if kinds else "")
    gathered: dict[str, list[Any]] = {}
    for part in units:
        for name in _JOINED:
            if value := getattr(part, name):
                gathered.setdefault(name, []).append(value)
    for name, found in gathered.items():
        if len(found) == 1:
            setattr(unit, name, found[0])
        elif name in _DICTS:
            setattr(unit, name, {key: value for table in found for key, value in table.items()})
        else:
            setattr(unit, name, set().union(*found))
    if orders := [order for part in units for order in part.orders]:
        unit.orders = orders
    if any(part.extra for part in units):
        unit.extra = _joined_extra(units)
    return settled(unit)


def _joined_extra(units: Sequence[Unit]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for part in units:
        for field, values in part.extra.items():
            found.setdefault(field, {}).update(dict.fromkeys(values))
    return {field: list(values) for field, values in found.items()}


def settled(unit: Unit) -> Unit:
    """Decide which receivers describe the holder, and gather what they show."""
    unit.full, unit.surnames, unit.phones, unit.masks = unit.own, unit.own_surnames, unit.own_phones, unit.own_masks
    unit.places = unit.own_places
    unit.doubt = 1
    if unit.phones or unit.masks:
        unit.sevens = {shown for phone in unit.phones if (shown := seven(phone))} | unit.masks
    if unit.orders:
        groups = _receivers(unit)
        unit.doubt = len(groups)
        if not (unit.own or unit.own_phones):
            unit.usual = max(map(len, groups), default=0) if len(groups) == 1 else 1
        if groups:
            _show(unit, [order for group in groups for order in group])
    return unit


def _show(unit: Unit, orders: Sequence[Receiver]) -> None:
    full, surnames, places = dict(unit.full), set(unit.surnames), dict(unit.places)
    for order in orders:
        places.update(dict.fromkeys(order.places))
        if order.name is not None and order.name.kind == "full":
            full[order.name.text] = order.name
        elif order.sound:
            surnames.add(order.sound)
    unit.full, unit.surnames, unit.places = full, surnames, places
    unit.phones = unit.phones | {phone for order in orders for phone in order.phones}
    unit.masks = unit.masks | {shown for order in orders if not order.phones for shown in order.sevens}
    unit.sevens = unit.sevens | {shown for order in orders for shown in order.sevens}


def _receivers(unit: Unit) -> list[list[Receiver]]:
    """The groups of receivers who may be the holder: those who agree with what is known of him, else the most frequent."""
    groups = _grouped(unit.orders) if len(unit.orders) > 1 else [list(unit.orders)]
    if len(groups) == 1 and not unit.own:
        return groups
    known = {sound for name in (*unit.own.values(), *unit.latin.values()) for sound, _ in name.sounds} | unit.surnames
    if agreeing := [g for g in groups if any(not unit.sevens.isdisjoint(order.sevens) for order in g)]:
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


def whereabouts(unit: Unit) -> Set[tuple[str, str]]:
    """(province, city) of a company, either '' where it is not known: by its names, addresses, landlines and codes."""
    if unit.where is None:
        unit.where = _where(unit)
    return unit.where


def _where(unit: Unit) -> Set[tuple[str, str]]:
    found = {(org.province, org.city) for org in unit.orgs} | {(place.province, place.city) for place in unit.places}
    found |= {areas.of_line(number)[:2] for number in unit.lands} | {areas.of_code(code)[:2] for code in unit.code}
    return found - {("", "")}


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


_CONTENT = ("full", "latin", "nicked", "phones", "masks", "mails", "lands", "handles", "orgs", "places", "code", "genders")


def content(unit: Unit) -> tuple[Any, ...]:
    """All that a unit says, without who says it."""
    return (unit.kind, *(frozenset(getattr(unit, name)) for name in _CONTENT))
