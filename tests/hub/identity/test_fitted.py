"""Weights that a company's own answers and proofs teach: learned, judged, kept in versions, used and taken back."""

from __future__ import annotations

from typing import Any

import pytest

from hub.identity.core.weights import shipped
from hub.identity.desk import fitted, review
from hub.identity.desk.fitted import FitFault, Weights
from hub.models import AuditEntry, IdentityModel, IdentityRedo, Profile
from tests.hub.conftest import Site
from tests.hub.identity.weighed import bring

KEY = ("person", "place", "differ")
SURNAMES, GIVEN = "赵钱孙李周吴郑王冯陈褚卫", ["晓岚", "建国", "秀英", "浩然", "子涵"]


def name(number: int) -> str:
    return SURNAMES[number % 12] + GIVEN[number % 5]


def movers(site: Site, count: int, *, proven: bool) -> None:
    """People who live in another city in the second source, with an id that proves them one, or without."""
    given: list[tuple[str, dict[str, Any]]] = []
    for number in range(count):
        keys = [["unionid", "w", f"u{number}"]] if proven else []
        one = {
            "display_name": name(number),
            "phones": [f"+86138{number:04}5679"],
            "address": "杭州市西湖区文三路5号",
            "keys": keys,
        }
        given += [(f"crm/a{number}", one), (f"shop/b{number}", {**one, "address": "成都市武侯区人民路1号", "keys": list(keys)})]
    bring(site, *given)


def test_proofs_teach(site: Site) -> None:
    movers(site, 120, proven=True)
    learned = fitted.learn(site.hub, version="own-1")
    assert learned.counts["proven"] == 120 and learned.counts["strangers"] > 50
    assert learned.model.levels[KEY].m > shipped().levels[KEY].m
    assert ("person", "place", "differ") in {item[:3] for item in learned.moved}


def test_answers_are_read(small: Site) -> None:
    movers(small, 60, proven=False)
    for number in range(60):
        review.answer(small.hub, small.ref(f"crm/a{number}"), small.ref(f"shop/b{number}"), "same", by="ops")
    learned = fitted.learn(small.hub, version="own-1")
    assert learned.counts["answers"] == 60 and learned.counts["proven"] == 0
    assert learned.model.levels[KEY].m > shipped().levels[KEY].m
    assert learned.before is not None and learned.after is not None and not learned.worse
    assert learned.after[1] < learned.before[1], "what people said surprises the new weights less"


def test_versions_are_used_and_taken_back(site: Site) -> None:
    movers(site, 40, proven=True)
    learned = fitted.learn(site.hub)
    fitted.keep(site.hub, learned, by="ops")
    weights = Weights(site.hub)
    assert weights().version == shipped().version, "kept and not yet used"
    bring(site, *((f"{key}/one", {"display_name": "欧阳晓岚", "phones": ["+8613812349999"]}) for key in ("crm", "shop")))
    with site.hub.db.write() as conn:
        conn.exec_driver_sql("DELETE FROM identity_redo")
    due = fitted.use(site.hub, learned.model.version, by="ops", again=True)
    waiting = {row.customer_id for row in site.rows(IdentityRedo)}
    assert due == len(waiting) and site.home("crm/one") in waiting
    assert Weights(site.hub)().version == learned.model.version
    assert Weights(site.hub)().levels == learned.model.levels
    again = fitted.learn(site.hub, version="own-2")
    assert again.model.version == "own-2", "the next fit begins with the weights of now"
    assert [row["version"] for row in fitted.versions(site.hub)] == [learned.model.version, "shipped"]
    fitted.use(site.hub, "shipped", by="ops")
    assert Weights(site.hub)().version == shipped().version and not site.one(IdentityModel).active
    assert [row.subject for row in site.rows(AuditEntry, what="identity.weights")] == [learned.model.version, "shipped"]
    with pytest.raises(FitFault, match="no weights"):
        fitted.use(site.hub, "none", by="ops")


def test_fitted_weights_decide(site: Site) -> None:
    """A link says with which weights it was made."""
    movers(site, 30, proven=True)
    learned = fitted.learn(site.hub, version="own-1")
    fitted.keep(site.hub, learned, by="ops")
    fitted.use(site.hub, "own-1", by="ops")
    pair = {"display_name": "欧阳晓岚", "phones": ["+8613812349999"]}
    bring(site, ("crm/new", dict(pair)), ("shop/new", {**pair, "address": "杭州市西湖区文三路5号"}))
    review.answer(site.hub, site.ref("crm/new"), site.ref("shop/new"), "different", by="ops")
    review.take_back(site.hub, site.ref("crm/new"), site.ref("shop/new"), by="ops")
    models = {row.evidence["model"] for row in site.rows(Profile) if row.ref.endswith("|new") and row.rule == "score"}
    assert models == {"own-1"}


def test_too_little_is_said(site: Site) -> None:
    movers(site, 3, proven=True)
    with pytest.raises(FitFault, match="at least 20"):
        fitted.learn(site.hub)


def test_different_moves_the_threshold_and_not_what_strangers_show(small: Site) -> None:
    """Answers are about hard pairs: that many of them are different says that more evidence is needed, and no more."""
    surnames = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏"
    for number, surname in enumerate(surnames):
        home = {"phones": [f"+8613812{number:02}5679"], "address": "杭州市西湖区文三路5号"}
        bring(small, (f"crm/a{number}", {**home, "display_name": f"{surname}晓岚"}))
        bring(small, (f"shop/b{number}", {**home, "display_name": f"{surname}晓岚"}))
        review.answer(small.hub, small.ref(f"crm/a{number}"), small.ref(f"shop/b{number}"), "different", by="ops")
    learned = fitted.learn(small.hub, version="own-1")
    assert fitted.shift_of(learned.model) < -0.5
    old, new = shipped().presets["default"], learned.model.presets["default"]
    assert new.merge == pytest.approx(old.merge - fitted.shift_of(learned.model), abs=0.01)
    assert new.review - old.review == pytest.approx(new.merge - old.merge, abs=0.01)
    assert learned.before is not None and learned.after is not None and learned.after[1] < learned.before[1]
    rare = ("person", "phone", "near")
    assert learned.model.levels[rare].u == shipped().levels[rare].u


def test_one_pair_of_accounts_does_not_speak_for_all(small: Site) -> None:
    movers(small, fitted._SAME_ACCOUNTS + 30, proven=True)
    assert fitted.learn(small.hub, version="own-1").counts["proven"] == fitted._SAME_ACCOUNTS
