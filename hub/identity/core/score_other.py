"""Evidence between records of general data (schema files): names, dates, numbers and texts by the rarity of their words."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

from rapidfuzz.distance import JaroWinkler, Levenshtein

from hub.identity.core.score import Context, one_wrong
from hub.identity.core.store import Evidence
from hub.identity.core.unit import Unit

TEXTS = frozenset({"company", "title", "authors", "address", "street", "text", "employer", "name"})
EXACT = frozenset({"id_number", "phone", "email", "website"})
NAMES = frozenset({"given_name", "surname"})
AREAS = ("suburb", "city", "district", "postcode", "state", "country")
_WEAK = {"category": (0.5, -0.7), "venue": (2.0, -1.5), "unit": (2.0, -0.5)}
_WEIGHT = {"text": 0.3, "street": 0.7, "employer": 0.4, "address": 0.8}
"""How far a field's words count: some say little, some follow from others."""


def evidence(a: Unit, b: Unit, context: Context) -> list[Evidence]:
    """Evidence of the extra fields that both have; parts of one place count once."""
    found = _names(a, b, context)
    for field in a.extra.keys() & b.extra.keys():
        mine, theirs = a.extra[field], b.extra[field]
        if field in TEXTS:
            found.append(_text(field, mine, theirs, context))
        elif field in EXACT:
            found.append(_exact(field, mine, theirs, context))
        elif field == "birth_date":
            found.append(_date(mine, theirs, context))
        elif field == "year":
            found.append(_year(mine[0], theirs[0], context))
        elif field == "house_number":
            found.append(_number(mine, theirs))
        elif field in _WEAK:
            found.append(_weak(field, mine, theirs, context))
    areas = [_area(field, a.extra[field], b.extra[field], context) for field in AREAS if field in a.extra and field in b.extra]
    if areas:
        found.append(max(areas, key=lambda item: item.bits))
    return _shared_at_home([item for item in found if item is not None])


_HOME = frozenset({"surname", "street", "house_number", "address", "phone", *AREAS})
_MOST_HOME = 14.0
"""Bits that surname, address and telephone give together at most: those who live together share them."""


def _shared_at_home(found: list[Evidence]) -> list[Evidence]:
    total = sum(item.bits for item in found if item.kind in _HOME and item.bits > 0)
    if total <= _MOST_HOME or not any(item.kind in ("surname", "given_name") for item in found):
        return found
    share = _MOST_HOME / total
    return [item._replace(bits=item.bits * share) if item.kind in _HOME and item.bits > 0 else item for item in found]


def _equal(field: str, value: str, context: Context, m: float = 0.8) -> float:
    return log2(m / context.frequency.word(field, value))


# -- names


def _names(a: Unit, b: Unit, context: Context) -> list[Evidence]:
    """Given name and surname, also each in the other's place."""
    straight = [item for item in (_name(f, f, a, b, context) for f in ("given_name", "surname")) if item is not None]
    if "given_name" in a.extra and "surname" in a.extra and sum(item.bits for item in straight) < 0:
        crossed = [_name("given_name", "surname", a, b, context), _name("surname", "given_name", a, b, context)]
        turned = [item for item in crossed if item is not None]
        if len(turned) == 2 and all(item.level == "same" for item in turned):
            return [item._replace(level="crossed", bits=item.bits - 2.0) for item in turned]
    return straight


def _name(field: str, other: str, a: Unit, b: Unit, context: Context) -> Evidence | None:
    if field not in a.extra or other not in b.extra:
        return None
    best: Evidence | None = None
    for x in a.extra[field]:
        for y in b.extra[other]:
            item = _one_name(field, x, y, context)
            best = item if best is None or item.bits > best.bits else best
    return best


def _one_name(field: str, x: str, y: str, context: Context) -> Evidence:
    if x == y:
        return Evidence(field, "same", _equal(field, x, context, 0.7))
    alike = JaroWinkler.similarity(x, y)
    if one_wrong(x, y) or alike > 0.92:
        return Evidence(field, "near", max(_equal(field, x, context, 0.05) - 1.0, 1.0))
    if alike > 0.8 or (min(len(x), len(y)) > 2 and (x.startswith(y) or y.startswith(x))):
        return Evidence(field, "alike", 0.5)
    return Evidence(field, "differ", -3.0)


# -- numbers and dates


def _exact(field: str, mine: Sequence[str], theirs: Sequence[str], context: Context) -> Evidence:
    shared = set(mine) & set(theirs)
    if shared:
        return Evidence(field, "same", min(_equal(field, value, context) for value in shared))
    if any(one_wrong(x, y) for x in mine for y in theirs):
        return Evidence(field, "near", 6.0)
    if field == "id_number":
        kinds = {value.partition(":")[0] for value in mine} & {value.partition(":")[0] for value in theirs}
        near = any(Levenshtein.distance(x, y) <= 2 for x in mine for y in theirs)
        return Evidence(field, "differ", 1.0 if near else (-3.0 if kinds or ":" not in mine[0] else 0.0))
    return Evidence(field, "differ", -1.5)


def _date(mine: Sequence[str], theirs: Sequence[str], context: Context) -> Evidence:
    best = Evidence("birth_date", "differ", -4.0)
    for x in mine:
        for y in theirs:
            if x == y:
                return Evidence("birth_date", "same", max(_equal("birth_date", x, context), 9.0))
            if one_wrong(x, y):
                best = Evidence("birth_date", "near", 4.0)
            elif len(x) == len(y) == 8 and x[:4] == y[:4] and x[4:6] == y[6:] and x[6:] == y[4:6]:
                best = Evidence("birth_date", "swapped", 6.0)
            elif best.level == "differ" and Levenshtein.distance(x, y) <= 2:
                best = Evidence("birth_date", "alike", -0.5)
    return best


def _year(x: str, y: str, context: Context) -> Evidence:
    if x == y:
        return Evidence("year", "same", min(_equal("year", x, context), 5.0))
    near = x.isdigit() and y.isdigit() and abs(int(x) - int(y)) == 1
    return Evidence("year", "near" if near else "differ", -1.5 if near else -5.0)


def _number(mine: Sequence[str], theirs: Sequence[str]) -> Evidence:
    if set(mine) & set(theirs):
        return Evidence("house_number", "same", 5.0)
    near = any(one_wrong(x, y) for x in mine for y in theirs)
    return Evidence("house_number", "near" if near else "differ", 1.0 if near else -1.5)


def _area(field: str, mine: Sequence[str], theirs: Sequence[str], context: Context) -> Evidence:
    if shared := set(mine) & set(theirs):
        return Evidence(field, "same", _equal(field, next(iter(shared)), context))
    near = any(one_wrong(x, y) or JaroWinkler.similarity(x, y) > 0.92 for x in mine for y in theirs)
    return Evidence(field, "near" if near else "differ", 2.0 if near else -1.5)


def _weak(field: str, mine: Sequence[str], theirs: Sequence[str], context: Context) -> Evidence:
    gain, loss = _WEAK[field]
    shared = {word for value in mine for word in value.split()} & {word for value in theirs for word in value.split()}
    return Evidence(field, "same" if shared else "differ", gain if shared else loss)


# -- texts


def _text(field: str, mine: Sequence[str], theirs: Sequence[str], context: Context) -> Evidence:
    best: Evidence | None = None
    for x in mine:
        for y in theirs:
            item = _words(field, x, y, context)
            best = item if best is None or item.bits > best.bits else best
    assert best is not None
    return best


def _words(field: str, x: str, y: str, context: Context) -> Evidence:
    """Shared words by their rarity, less those that only one has; a word with a slip counts almost whole."""
    weight = _WEIGHT.get(field, 1.0)
    left, right = x.split(), y.split()
    gain = loss = 0.0
    rest = list(right)
    for word in left:
        rarity = _rarity(field, word, context)
        match = word if word in rest else next((other for other in rest if _alike(word, other)), None)
        if match is None:
            loss += rarity
        else:
            rest.remove(match)
            gain += rarity if match == word else 0.7 * rarity
    missing = sum(_rarity(field, word, context) for word in rest)
    # What the shorter one has and the longer one lacks speaks against; a longer text may simply say more.
    against = 1.2 * min(loss, missing) + 0.25 * abs(loss - missing)
    bits = weight * max(min(0.8 * gain - against, 24.0), -8.0)
    level = "same" if x == y else ("near" if bits > 0 else "differ")
    return Evidence(field, level, bits)


def _rarity(field: str, word: str, context: Context) -> float:
    share = -log2(min(context.frequency.word(field, word), 1.0))
    return min(share, 9.0) * (0.5 if len(word) < 3 and not word.isdigit() else 1.0)


def _alike(word: str, other: str) -> bool:
    if word.isdigit() or other.isdigit():
        return False
    if min(len(word), len(other)) <= 3:
        # An initial, or a short form.
        return len(word) > 0 and (word.startswith(other) or other.startswith(word)) and min(len(word), len(other)) == 1
    return (
        one_wrong(word, other) or JaroWinkler.similarity(word, other) > 0.92 or word.startswith(other) or other.startswith(word)
    )
