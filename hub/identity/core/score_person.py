"""Evidence between two persons: telephone, name, mailbox, place, work, gender, nickname, accounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import log2

from hub.identity.core.score import Context, any_one_wrong, one_wrong
from hub.identity.core.store import Evidence
from hub.identity.core.unit import Unit, domain_label
from hub.identity.normal.forms import Name, Place
from hub.identity.normal.names import usual
from hub.identity.normal.phones import seven


def evidence(a: Unit, b: Unit, context: Context) -> list[Evidence]:
    """All evidence; each kind of fact at its best level, once."""
    # What only one of the two has is no evidence: most questions are not even asked.
    name = _name(a, b, context)
    found = [name]
    if (a.phones and b.phones) or (a.sevens and b.sevens):
        found.append(_phone(a, b, context, name))
    if (a.mails and b.mails) or (a.handles and b.handles):
        found.append(_mail(a, b, context, name))
    place = _place(a, b, context) if a.places and b.places else None
    work = _work(a, b, context) if (a.orgs or a.domains or a.lands) and (b.orgs or b.domains or b.lands) else None
    if place is not None and work is not None and place.bits > 0 and work.bits > 0:
        # The address of colleagues is their company's: the smaller of the two says little more.
        small = min(place, work, key=lambda item: item.bits)
        place, work = (item._replace(bits=item.bits * 0.3) if item is small else item for item in (place, work))
    found += [_usual(a, b), place, work]
    if a.genders and b.genders:
        found.append(_gender(a, b, context))
    if a.nicks or b.nicks:
        found.append(_nick(a, b, context, name))
    if a.accounts and b.accounts:
        found.append(_accounts(a, b, context))
    return [item for item in found if item is not None]


def _level(context: Context, kind: str, level: str, u: float | None = None) -> Evidence:
    if u is None:
        return context.fixed_person[kind, level]
    return Evidence(kind, level, context.person[kind, level].m - log2(u))


# -- telephone


def _phone(a: Unit, b: Unit, context: Context, name: Evidence | None) -> Evidence | None:
    best = _best_shared(context, "phone", a.phones & b.phones, a, b)
    if best is not None:
        return best
    for shown in a.sevens & b.sevens:
        if not (_hidden(shown, a) or _hidden(shown, b)) or _crowded(shown, a, b, context):
            continue
        level = "masks" if shown in a.masks and shown in b.masks else "mask"
        item = _level(context, "phone", level, context.frequency.seven(shown))
        doubt = log2(max(a.doubt, 1) * max(b.doubt, 1))
        best = _better(best, item._replace(bits=item.bits - 2 * doubt))
    if best is not None:
        return best
    if not (a.sevens and b.sevens):
        return None
    if name is not None and name.level in ("same", "sound") and any_one_wrong(a.phones, b.phones):
        return _level(context, "phone", "near")
    if name is not None and name.level in ("same", "sound") and _masks_near(a, b):
        return Evidence("phone", "differ", 0.0)
    return _level(context, "phone", "differ")


def _hidden(shown: str, unit: Unit) -> bool:
    """Whether the seven figures are all that is known of a number: two whole numbers that show the same ones are two."""
    return shown in unit.masks and all(seven(phone) != shown for phone in unit.phones)


def _crowded(shown: str, a: Unit, b: Unit, context: Context) -> bool:
    """Whether the number behind a mask is known to be nobody's."""
    whole = (phone for phone in (*a.phones, *b.phones) if phone.endswith(shown[3:]) and seven(phone) == shown)
    return any(context.others("phone", phone, a, b) < 0 for phone in whole)


def _usual(a: Unit, b: Unit) -> Evidence | None:
    """How often an account's orders went to the one who is taken for its holder: once may have been a gift."""
    often = min(a.usual, b.usual)
    return Evidence("orders", "often" if often > 2 else "twice", 0.0) if 1 < often < 9 else None


def _masks_near(a: Unit, b: Unit) -> bool:
    return any(one_wrong(x, y) for x in a.sevens for y in b.sevens)


def _best_shared(context: Context, kind: str, values: Iterable[str], a: Unit, b: Unit) -> Evidence | None:
    best: Evidence | None = None
    for value in values:
        best = _better(best, _shared(context, kind, value, a, b))
    return best


def _shared(context: Context, kind: str, value: str, a: Unit, b: Unit) -> Evidence | None:
    """An equal identifier by how many further people have it; None for a crowd's."""
    others = context.others(kind, value, a, b)
    if others < 0:
        return None
    level = context.person[kind, "same"]
    return Evidence(kind, "same", level.m - log2((others + level.shared) / context.people))


def _better(best: Evidence | None, item: Evidence | None) -> Evidence | None:
    return item if best is None or (item is not None and item.bits > best.bits) else best


# -- name


def _name(a: Unit, b: Unit, context: Context) -> Evidence | None:
    frequency = context.frequency
    if a.full and b.full:
        if same := a.full.keys() & b.full.keys():
            return _level(context, "name", "same", min(frequency.name(a.full[text]) for text in same))
        return _sounding(a.full, b.full, context) or _conflict(a, b, context)
    for one, other in ((a, b), (b, a)):
        if one.latin and (other.full or other.latin) and not one.full:
            return _letters(one, other, context)
    return _nicked(a, b, context) or _surname(a, b, context) or _misnamed(a, b, context)


def _sounding(some: Mapping[str, Name], others: Mapping[str, Name], context: Context) -> Evidence | None:
    best: Evidence | None = None
    for x in some.values():
        for y in others.values():
            if x.sounds and x.sounds == y.sounds:
                best = _better(best, _level(context, "name", "sound", context.frequency.name_sound(x)))
            elif _near(x, y):
                common = max(context.frequency.given(char) for char in x.given if char in y.given)
                share = context.frequency.surname(x.surname) * 12 * common
                best = _better(best, _level(context, "name", "near", min(share, 0.05)))
    return best


def _near(x: Name, y: Name) -> bool:
    """The same surname and a given name of which one of two characters is the same; a missing character counts as well."""
    if not x.surname or x.surname != y.surname or abs(len(x.given) - len(y.given)) > 1 or max(len(x.given), len(y.given)) < 2:
        return False
    if len(x.given) == len(y.given):
        return sum(c == d for c, d in zip(x.given, y.given, strict=True)) == len(x.given) - 1
    short, long = sorted((x.given, y.given), key=len)
    return short in long


def _conflict(a: Unit, b: Unit, context: Context) -> Evidence:
    surnames, others = {n.surname for n in a.full.values()}, {n.surname for n in b.full.values()}
    alike = len(next(iter(a.full))) == len(next(iter(b.full))) and any(
        x.given == y.given and len(x.given) > 1 for x in a.full.values() for y in b.full.values()
    )
    if alike and not surnames & others:
        return Evidence("name", "given", 0.0)
    return _level(context, "name", "differ")


def _letters(a: Unit, b: Unit, context: Context) -> Evidence:
    """a is written in letters."""
    options = {pair for name in a.latin.values() for pair in name.sounds}
    for name in b.full.values():
        if options.intersection(name.sounds):
            return _level(context, "name", "sound", context.frequency.name_sound(name))
    if not b.full and any(options.intersection(name.sounds) for name in b.latin.values()):
        surname, _ = next(iter(options))
        return _level(context, "name", "sound", context.frequency.surname_sound(surname) * 3e-4)
    return _level(context, "name", "differ")


def _nicked(a: Unit, b: Unit, context: Context) -> Evidence | None:
    """Whether what one calls himself is the other's name. It may confirm, and hardly denies."""
    found: Evidence | None = None
    for one, other in ((a, b), (b, a)):
        for text, name in one.nicked.items():
            if text in other.full or text in other.nicked:
                found = _better(found, _level(context, "name", "same", context.frequency.name(name) if name.surname else 1e-4))
            elif name.sounds and any(set(name.sounds) & set(n.sounds) for n in (*other.full.values(), *other.latin.values())):
                share = context.frequency.surname_sound(name.sounds[0][0]) * 3e-4
                found = _better(found, _level(context, "name", "sound", share))
    return found


def _misnamed(a: Unit, b: Unit, context: Context) -> Evidence | None:
    """What one calls himself reads like a real name (a usual surname, usual characters) and is not the other's."""
    for one, other in ((a, b), (b, a)):
        for name in one.nicked.values() if other.full else ():
            if name.kind == "full" and usual(name) and not any(_near(name, own) for own in other.full.values()):
                return _level(context, "name", "nick_differ")
    return None


def _surname(a: Unit, b: Unit, context: Context) -> Evidence | None:
    mine = a.surnames | {s for n in a.full.values() for s, _ in n.sounds}
    theirs = b.surnames | {s for n in b.full.values() for s, _ in n.sounds}
    if not mine or not theirs:
        return _called(a, b, context) or _called(b, a, context)
    if shared := mine & theirs:
        share = min(context.frequency.surname_sound(surname) for surname in shared)
        return _level(context, "name", "surname", max(share, 0.002))
    return _called(a, b, context) or _called(b, a, context) or _level(context, "name", "other_surname")


def _called(a: Unit, b: Unit, context: Context) -> Evidence | None:
    """小伟, 阿伟, 伟伟 for 张伟; the first character of a mask as well (小**)."""
    for nick in a.nicks:
        short = (2 <= len(nick) <= 3 and nick[0] in "小阿老大") or (len(nick) == 2 and nick[0] == nick[1])
        if short and any(name.given and name.given[-1] == nick[-1] for name in b.full.values()):
            return _level(context, "name", "nick")
    return None


# -- mailbox


def _mail(a: Unit, b: Unit, context: Context, name: Evidence | None) -> Evidence | None:
    best = _best_shared(context, "mail", a.mails & b.mails, a, b)
    if best is not None:
        return best
    if a.handles & b.handles and (context.others("handle", next(iter(a.handles & b.handles)), a, b) == 0):
        return _level(context, "mail", "handle")
    if name is not None and name.bits > 0 and any_one_wrong(a.mails, b.mails):
        return _level(context, "mail", "handle")
    return _level(context, "mail", "differ") if a.mails and b.mails else None


# -- place, work


def _place(a: Unit, b: Unit, context: Context) -> Evidence | None:
    best: Evidence | None = None
    for p in a.places:
        for q in b.places:
            best = _better(best, _places(p, q, context))
    return best


def _places(p: Place, q: Place, context: Context) -> Evidence | None:
    frequency = context.frequency
    if p.city and q.city:
        if p.city != q.city:
            return _level(context, "place", "differ")
        if not (p.district and q.district):
            return _level(context, "place", "city", frequency.area("city", p.city))
        if p.district != q.district:
            bits = _level(context, "place", "city", frequency.area("city", p.city)).bits
            return Evidence("place", "city_only", 0.6 * bits - 2.0)
        return _road(p, q, _level(context, "place", "district", frequency.area("district", p.city + p.district)))
    if p.district and p.district == q.district:
        return _level(context, "place", "city", 0.001)
    if p.province and q.province:
        if p.province == q.province:
            return _level(context, "place", "province", frequency.area("province", p.province))
        return _level(context, "place", "differ")
    return None


def _road(p: Place, q: Place, base: Evidence) -> Evidence:
    """Within one district: the road and number, the road, what a mask leaves of it."""
    if not (p.road and q.road):
        return base
    if p.road == q.road and p.number and q.number:
        return base._replace(level="number", bits=base.bits + 7.0) if p.number == q.number else base
    if p.road == q.road and p.whole and q.whole:
        return base._replace(level="road", bits=base.bits + 3.0)
    if not (p.whole and q.whole) and (p.road.startswith(q.road) or q.road.startswith(p.road)):
        return base._replace(level="road", bits=base.bits + 2.5)
    return base._replace(bits=base.bits - 1.5)


def _work(a: Unit, b: Unit, context: Context) -> Evidence | None:
    u = min(0.05, 8.0 / context.companies)
    best: Evidence | None = None
    for x in a.orgs:
        for y in b.orgs:
            if x.brand == y.brand or (x.sound == y.sound and len(x.sound) > 3):
                level = "same" if x.brand == y.brand else "sound"
                bits = _level(context, "work", level, u).bits
                if x.city and y.city and x.city != y.city:
                    bits -= 2
                best = _better(best, Evidence("work", level, bits))
    if best is not None:
        return best
    if a.domains & b.domains:
        return _level(context, "work", "domain", u)
    if _domain_of(a, b) or _domain_of(b, a):
        return _level(context, "work", "domain", u * 4)
    if a.lands & b.lands:
        return _level(context, "work", "line", u)
    return _level(context, "work", "differ") if a.orgs and b.orgs else None


def _domain_of(a: Unit, b: Unit) -> bool:
    labels = [label for domain in a.domains if (label := domain_label(domain))]
    return any(len(org.sound) > 3 and label.startswith(org.sound) for label in labels for org in b.orgs)


# -- the rest


def _gender(a: Unit, b: Unit, context: Context) -> Evidence | None:
    if len(a.genders) == 1 and len(b.genders) == 1:
        return _level(context, "gender", "same" if a.genders == b.genders else "differ")
    return None


def _nick(a: Unit, b: Unit, context: Context, name: Evidence | None) -> Evidence | None:
    shared = a.nicks & b.nicks
    if shared and (name is None or name.kind != "name" or name.level in ("surname", "nick", "other_surname")):
        whole = any("*" not in nick for nick in shared)
        return _level(context, "nick", "same" if whole else "mask")
    if a.orders and b.orders and a.nicks and b.nicks and not shared and _platforms(a) & _platforms(b):
        return _level(context, "nick", "other")
    for one, other in ((a, b), (b, a)):
        if one.orders and not other.orders:
            initials = {nick[0] for nick in one.nicks if "*" in nick and nick[0].isascii() and nick[0].isalpha()}
            surnames = {surname[0] for n in other.full.values() for surname, _ in n.sounds if surname}
            if initials and surnames:
                return _level(context, "nick", "initial" if initials & surnames else "differ")
    return None


def _platforms(unit: Unit) -> set[str]:
    return {source.partition(":")[0] for source in unit.sources}


def _accounts(a: Unit, b: Unit, context: Context) -> Evidence | None:
    """Different accounts of one kind in one place, where a person usually has one; different numbers of rows deny nothing."""
    for source, kind, _ in a.accounts:
        mine = {value for s, k, value in a.accounts if (s, k) == (source, kind)}
        theirs = {value for s, k, value in b.accounts if (s, k) == (source, kind)}
        if theirs and not mine & theirs:
            return _level(context, "account", "differ")
    return None
