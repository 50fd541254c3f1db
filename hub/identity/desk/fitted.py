"""Weights fitted to the company's own customers: learned from people's answers and proofs, kept in versions, and taken back.

m comes from proofs and from pairs that people have called the same; u from strangers drawn by lot. Answers are about hard pairs
alone, so "different" says nothing of what strangers show; it says, with "same", where the threshold should lie: one number,
the shift, is learned from both. What has been learned is judged before it is used: every fifth answer is held back; of new
weights with a shift and a shift alone that is taken which those surprise less, and it must do no worse than the weights of now.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from copy import deepcopy
from hashlib import blake2b
from math import log2
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, text, update

from hub.core import Hub
from hub.identity.core.compare import compare
from hub.identity.core.features import Features
from hub.identity.core.fit import Pair, fit
from hub.identity.core.frequency import Frequency
from hub.identity.core.score import Context
from hub.identity.core.unit import of_profile
from hub.identity.core.weights import Model, model, shipped
from hub.identity.tables.profiles import open_features
from hub.identity.tables.statistics import Statistics
from hub.models import IdentityModel
from hub.models.base import table
from hub.security import audit
from hub.store.bulk import select_in

MODEL = table(IdentityModel)
SHIPPED = "shipped"
FRESH_SECONDS = 60.0
MOST = 10_000
"""Pairs of each sort that are learned from at most."""
LEAST = 20
"""Answers and proven pairs without which nothing is learned."""
_HELD = 5
_SAME_ACCOUNTS = 150
"""Proven pairs of two accounts that count at most: what one pair of sources shows is not what all show."""
_STIFF = 3.0
"""How much a shift by one bit must gain over all answers, in bits: a handful moves the threshold little."""
_WIDEST = 4.0
_Named = tuple[str, str, bool | None]
"""ref, ref, whether they are one (None: open)."""


class FitFault(ValueError):
    """Nothing can be learned, or there is no such version; zh and en say why."""

    def __init__(self, zh: str, en: str) -> None:
        self.zh, self.en = zh, en
        super().__init__(f"{zh} / {en}")


class Weights:
    """The weights of now, read anew every minute: another process may have changed them."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._until, self._model = hub, 0.0, shipped()

    def __call__(self) -> Model:
        """The active version, or the shipped weights."""
        if time.monotonic() > self._until:
            with self._hub.db.read() as conn:
                self._model = current(conn)
            self._until = time.monotonic() + FRESH_SECONDS
        return self._model


def current(conn: Connection) -> Model:
    """The active version, or the shipped weights."""
    data = conn.execute(select(MODEL.c.data).where(MODEL.c.active)).scalar()
    return model(data) if data is not None else shipped()


def versions(hub: Hub) -> list[dict[str, Any]]:
    """All versions, newest first, the shipped weights last."""
    columns = (MODEL.c.version, MODEL.c.active, MODEL.c.learned, MODEL.c.by, MODEL.c.at)
    with hub.db.read() as conn:
        found = [dict(row) for row in conn.execute(select(*columns).order_by(MODEL.c.at.desc())).mappings()]
    none = not any(row["active"] for row in found)
    return [*found, {"version": SHIPPED, "active": none, "learned": {}, "by": "", "at": None}]


def use(hub: Hub, version: str, *, by: str, again: bool = False) -> int:
    """Decide with a version ("shipped" for the shipped weights) from now on; again: look at what rests on weights again. How
    many customers are due for that. Raises FitFault."""
    with hub.db.write() as conn:
        known = conn.execute(select(MODEL.c.version).where(MODEL.c.version == version)).scalar()
        if known is None and version != SHIPPED:
            raise FitFault(f"没有权重版本 {version}。", f"there are no weights {version!r}")
        conn.execute(update(MODEL).values(active=MODEL.c.version == version))
        due = _again(conn, hub.now_us()) if again else 0
        audit.record(conn, by, "identity.weights", version, again=due)
    return due


def _again(conn: Connection, now: int) -> int:
    statement = text(
        "INSERT INTO identity_redo (customer_id, reason, at) SELECT DISTINCT customer_id, 'weights', :now FROM profile "
        "WHERE features IS NOT NULL AND NOT deleted AND (rule = 'score' OR ref IN (SELECT a FROM identity_review WHERE state = "
        "'open') OR ref IN (SELECT b FROM identity_review WHERE state = 'open')) ON CONFLICT (customer_id) DO NOTHING"
    )
    return int(conn.execute(statement, {"now": now}).rowcount)


# ---------------------------------------------------------------- learning


class Learned(NamedTuple):
    """New weights. counts: pairs by sort. before, after: share of held-back answers judged right, and their loss in bits; None
    without answers. moved: levels whose weight changed most, (group, kind, level, old bits, new bits)."""

    model: Model
    counts: dict[str, int]
    before: tuple[float, float] | None
    after: tuple[float, float] | None
    moved: list[tuple[str, str, str, float, float]]

    @property
    def worse(self) -> bool:
        """Whether the new weights do worse on the answers that they have not seen."""
        return self.before is not None and self.after is not None and self.after[1] > self.before[1] + 0.02


def learn(hub: Hub, *, version: str = "") -> Learned:
    """Weights fitted to what the hub holds. Raises FitFault when that is too little."""
    with hub.db.read() as conn:
        base = current(conn)
        named = {
            "answers": _answers(conn), "proven": _proven(conn), "strangers": _strangers(conn), "open": _open(conn),
        }  # fmt: skip
        pairs = {sort: _pairs(hub, conn, found) for sort, found in named.items()}
        frequency = Frequency(Statistics().read(conn), base.least)
    counts = {sort: len(found) for sort, found in pairs.items()}
    if counts["answers"] + counts["proven"] < LEAST:
        raise FitFault(
            f"可学的太少：人工答复 {counts['answers']} 条，编号已证明的 {counts['proven']} 对，合计至少 {LEAST}。",
            f"too little to learn from: {counts['answers']} answers and {counts['proven']} proven pairs, at least {LEAST} "
            "together",
        )
    version = version or f"{base.version.split('+')[0]}+{hub.now():%Y%m%d.%H%M%S}"
    rest = [pair for sort in ("proven", "strangers", "open") for pair, _ in pairs[sort]]
    held = [pair for pair, key in pairs["answers"] if key % _HELD == 0]
    taught = [pair for pair, key in pairs["answers"] if key % _HELD]
    before = after = None
    whole = True
    if held and taught + rest:
        before = judged(held, base, frequency)
        tried = {
            whole: judged(held, _taught(taught, rest, base, frequency, version, whole=whole), frequency)
            for whole in (True, False)
        }
        whole = tried[True][1] <= tried[False][1]
        after = tried[whole]
    found = _taught([pair for pair, _ in pairs["answers"]], rest, base, frequency, version, whole=whole)
    return Learned(found, counts, before, after, _moved(base, found))


def _taught(
    answers: Sequence[Pair], rest: Sequence[Pair], base: Model, frequency: Frequency, version: str, *, whole: bool
) -> Model:
    """The threshold by the answers; with ``whole`` after new weights by what is the same and what strangers show."""
    known = [*(pair for pair in answers if pair.same), *rest]
    found = fit(known, base, frequency, version=version) if whole and known else model({**base.source, "version": version})
    step = _shift(_bits(answers, found, frequency))
    data = deepcopy(found.source)
    data["shift"] = round(shift_of(found) + step, 3)
    for preset in data["presets"].values():
        preset["merge"], preset["review"] = round(preset["merge"] - step, 3), round(preset["review"] - step, 3)
    return model(data)


def shift_of(weights: Model) -> float:
    """By how many bits its thresholds lie below those of the shipped weights."""
    return float(weights.source.get("shift", 0.0))


def _shift(answered: Sequence[tuple[float, bool]]) -> float:
    """The number of bits that, added to every pair's, makes the answers least surprising; small where answers are few."""

    def cost(step: float) -> float:
        return sum(_loss(bits + step, same) for bits, same in answered) + _STIFF * step * step

    low, high = -_WIDEST, _WIDEST
    while high - low > 0.01:
        one, other = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, other) if cost(one) < cost(other) else (one, high)
    return round((low + high) / 2, 2) if answered else 0.0


def _loss(bits: float, same: bool) -> float:
    return log2(1 + 2.0 ** max(min(-bits if same else bits, 30.0), -30.0))


def _bits(pairs: Sequence[Pair], weights: Model, frequency: Frequency) -> list[tuple[float, bool]]:
    """For each answer the bits that the weights give, with the shift, and what the person said."""
    context = Context(weights, frequency, lambda kind, value, a, b: 0)
    found = []
    for pair in pairs:
        score = compare(of_profile("a", pair.a), of_profile("b", pair.b), context)
        bits = -20.0 if score.forbidden else max(min(score.bits + shift_of(weights), 20.0), -20.0)
        found.append((bits, bool(pair.same)))
    return found


def keep(hub: Hub, learned: Learned, *, by: str) -> None:
    """Store the weights as a version; ``use`` decides with it."""
    told: dict[str, Any] = {"pairs": learned.counts, "before": learned.before, "after": learned.after}
    row = {"version": learned.model.version, "data": learned.model.source, "learned": told, "active": False, "by": by}
    with hub.db.write() as conn:
        conn.execute(insert(MODEL).values(**row, at=hub.now()))


def judged(pairs: Sequence[Pair], weights: Model, frequency: Frequency) -> tuple[float, float]:
    """Share of answers that the weights lean to as well, and the loss: how surprised they are, in bits an answer."""
    answered = _bits(pairs, weights, frequency)
    right = sum((bits > 0) == same for bits, same in answered)
    return right / len(pairs), sum(_loss(bits, same) for bits, same in answered) / len(pairs)


def _moved(old: Model, new: Model) -> list[tuple[str, str, str, float, float]]:
    found = [(*key, level.bits, new.levels[key].bits) for key, level in old.levels.items()]
    changed = [item for item in found if abs(item[4] - item[3]) >= 0.05]
    return sorted(changed, key=lambda item: -abs(item[4] - item[3]))


# ---------------------------------------------------------------- what is learned from


def _answers(conn: Connection) -> list[_Named]:
    """What people have said: same, or not (also of those who are merely related)."""
    statement = text("SELECT a, b, verdict FROM identity_decision WHERE verdict <> 'unsure' ORDER BY at DESC LIMIT :most")
    return [(a, b, verdict == "same") for a, b, verdict in conn.execute(statement, {"most": MOST})]


def _proven(conn: Connection) -> list[_Named]:
    """Profiles of two accounts that an identifier proves to be one customer: labels that nobody had to give."""
    statement = text(
        "SELECT k.profile_ref, l.profile_ref FROM identity_key k JOIN identity_key l ON l.digest = k.digest "
        "AND l.profile_ref > k.profile_ref AND l.customer_id = k.customer_id "
        "WHERE k.kind NOT IN ('phone', 'email') LIMIT :most"
    )
    rows = conn.execute(statement, {"most": 4 * MOST}).all()
    found: list[_Named] = []
    counted: Counter[tuple[str, str]] = Counter()
    for a, b in dict.fromkeys(map(tuple, rows)):
        accounts = (a.split("|")[0], b.split("|")[0])
        counted[accounts] += 1
        if accounts[0] != accounts[1] and counted[accounts] <= _SAME_ACCOUNTS:
            found.append((a, b, True))
    return found[:MOST]


def _strangers(conn: Connection) -> list[_Named]:
    """Profiles drawn by lot: two of them are the same customer too rarely to matter, and those of one customer are left out."""
    last = conn.execute(text("SELECT max(nr) FROM profile")).scalar() or 0
    chance = random.Random(last)  # noqa: S311 - a sample, and the same one each time
    drawn = [chance.randint(1, last) for _ in range(min(4 * MOST, 2 * last))] if last else []
    rows = select_in(conn, "profile", ("nr", "ref", "customer_id"), "nr", drawn)
    known = {nr: (ref, customer) for nr, ref, customer in rows}
    found: list[_Named] = []
    for one, other in zip(drawn[::2], drawn[1::2], strict=False):
        if one in known and other in known and known[one][1] != known[other][1]:
            found.append((known[one][0], known[other][0], False))
    return found[:MOST]


def _open(conn: Connection) -> list[_Named]:
    """Questions that nobody has answered: they count by the chance that the weights themselves give them."""
    statement = text("SELECT a, b FROM identity_review WHERE state = 'open' ORDER BY worth DESC, a, b LIMIT :most")
    return [(a, b, None) for a, b in conn.execute(statement, {"most": MOST})]


def _pairs(hub: Hub, conn: Connection, named: Iterable[_Named]) -> list[tuple[Pair, int]]:
    """The pairs with their features, each with a number that is always the same for the same pair."""
    wanted = list(named)
    refs = {ref for a, b, _ in wanted for ref in (a, b)}
    rows = select_in(conn, "profile", ("ref", "features", "deleted"), "ref", refs)
    opened = {ref: Features.load(open_features(hub.ring, ref, data)) for ref, data, gone in rows if data and not gone}
    found = []
    for a, b, same in wanted:
        if a in opened and b in opened:
            number = int.from_bytes(blake2b(f"{a}\n{b}".encode(), digest_size=4).digest(), "big")
            found.append((Pair(opened[a], opened[b], same), number))
    return found
