"""Weights that are learned, and sentences about what was decided."""

from __future__ import annotations

import random
import re

import pytest

from hub.identity.bulk.rows import features
from hub.identity.core.fit import Pair, fit
from hub.identity.core.frequency import Frequency
from hub.identity.core.store import Evidence, Review
from hub.identity.core.weights import shipped
from hub.identity.desk import explain, reasons
from tests.hub.identity.test_engine import row

FREQUENCY = Frequency({}, 1000)


def pairs(count: int, *, moved: float, same: bool | None) -> list[Pair]:
    """Pairs of one person each, of whom so many live elsewhere the second time."""
    chance = random.Random(7)
    found = []
    for number in range(count):
        phone = f"138{number:04}5679"
        city = "成都市武侯区人民路1号" if chance.random() < moved else "杭州市西湖区文三路5号"
        first = row("a", "张晓伟", phones=[phone], address="杭州市西湖区文三路5号")
        found.append(Pair(features(first), features(row("b", "张晓伟", phones=[phone], address=city)), same))
    return found


def test_m_follows_proven_pairs() -> None:
    base = shipped()
    still = fit(pairs(400, moved=0.0, same=True), base, FREQUENCY, version="a").levels["person", "place", "differ"].m
    moving = fit(pairs(400, moved=0.6, same=True), base, FREQUENCY, version="b").levels["person", "place", "differ"].m
    assert still < base.levels["person", "place", "differ"].m < moving


def test_open_pairs_count_by_their_chance() -> None:
    base = shipped()
    model = fit(pairs(400, moved=0.6, same=None), base, FREQUENCY, version="c")
    assert model.levels["person", "place", "differ"].m > base.levels["person", "place", "differ"].m


def test_strangers_teach_u() -> None:
    base = shipped()
    strangers = [
        Pair(features(row("a", "张晓伟", gender="m")), features(row("b", "李秀英", gender="f" if n % 4 else "m")), False)
        for n in range(400)
    ]
    model = fit(strangers, base, FREQUENCY, version="d")
    assert (model.levels["person", "gender", "differ"].u or 0) > (base.levels["person", "gender", "differ"].u or 0)


def test_a_few_answers_do_not_turn_the_model_over() -> None:
    base = shipped()
    model = fit(pairs(3, moved=1.0, same=True), base, FREQUENCY, version="e")
    assert abs(model.levels["person", "place", "differ"].m - base.levels["person", "place", "differ"].m) < 0.3
    assert model.version == "e"
    assert base.version == shipped().version


def test_what_cannot_be_learned_from() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        fit([], shipped(), FREQUENCY, version="f")
    with pytest.raises(ValueError, match="version"):
        fit(pairs(1, moved=0, same=True), shipped(), FREQUENCY, version=shipped().version)


def test_every_level_has_words() -> None:
    levels = {(kind, level) for _, kind, level in shipped().levels}
    missing = [level for level in levels if level not in reasons._EVIDENCE and level != ("orders", "once")]
    assert missing == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_sentences(lang: str) -> None:
    evidence = (Evidence("phone", "same", 12.3), Evidence("name", "differ", -7.0), Evidence("suburb", "near", 2.0))
    kept = {"with": "b", "bits": 5.3, "model": "m1", "evidence": [list(item) for item in evidence]}
    told = explain.link("score", kept, "b", lang)
    assert "+12.3" in told
    assert "-7.0" in told
    assert "m1" in told
    assert "-2.0" in told, "what the evidence starts from: 5.3 less all evidence"
    assert bool(re.search("[一-鿿]", told)) == (lang == "zh")
    for rule in ("new", "person", "redo", "proof:unionid"):
        assert explain.link(rule, None, "b", lang)
    for reason in ("uncertain", "conflict", "ambiguous"):
        assert reasons.question(Review("a", "b", reason, 0.0, 0.5, evidence, "m1"), lang)
    assert len({reasons.apart(rule, lang) for rule in ("person", "kinds", "codes", "branch", "source")}) == 5


def test_what_one_in_a_million_shows_is_not_counted_in_a_sample() -> None:
    base, rare = shipped(), ("person", "phone", "near")
    strangers = [Pair(features(row("a", "张晓伟")), features(row("b", "李秀英")), False) for _ in range(300)]
    assert fit(strangers, base, FREQUENCY, version="g").levels[rare].u == base.levels[rare].u
