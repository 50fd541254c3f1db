"""``hub customers reviews|answer|take-back|fit|weights``."""

from __future__ import annotations

from typing import Any

import pytest

from hub.identity import again
from hub.identity.deciding import resolver
from hub.identity.resolve import Incoming
from tests.hub.cli.conftest import Desk

HOME = {"phones": ["+8613812345679"], "address": "杭州市西湖区文三路5号"}


@pytest.fixture
def asked(desk: Desk) -> Desk:
    """Two who share a number and an address under two names."""
    desk.connected()
    bring(desk, ("a", {**HOME, "display_name": "欧阳晓岚"}), ("b", {**HOME, "display_name": "李伟"}))
    return desk


def bring(desk: Desk, *given: tuple[str, dict[str, Any]]) -> None:
    hub = desk.hub()
    items = []
    for own, fields in given:
        record = {"kind": "customer", "id": own, "fields": fields, "keys": []}
        items.append(Incoming(f"1|{own}", 1, f"1|person|{own}", hub.now_us(), record))
    with hub.db.write() as conn:
        resolver(hub).resolve(conn, items, hub.now_us())
    hub.close()


def test_questions_are_listed_answered_and_taken_back(asked: Desk) -> None:
    told = asked.run("customers", "reviews", "--json").json
    assert told["counts"] == {"open": 1, "kept": 0, "unsure": 0, "answered": 0, "again": 0}
    assert (told["reviews"][0]["a"], told["reviews"][0]["reason"]) == ("1|a", "conflict")
    assert {item["kind"] for item in told["reviews"][0]["evidence"]} >= {"phone", "name"}
    assert "欧阳晓岚" in asked.run("customers", "reviews", "--limit", "1").out
    done = asked.run("customers", "answer", "crm/a", "1|b", "same", "--json").json
    assert len(set(done["customers"])) == 1
    assert asked.run("customers", "reviews", "--decided", "--json").json["decided"][0]["verdict"] == "same"
    assert len(set(asked.run("customers", "take-back", "crm/a", "crm/b", "--json").json["customers"])) == 2
    assert "two customers" in asked.run("customers", "answer", "crm/a", "crm/b", "related", "--kind", "household").out
    assert "one of" in asked.run("customers", "answer", "crm/a", "crm/b", "maybe", code=1).err
    assert "no profile or customer" in asked.run("customers", "answer", "crm/a", "crm/z", "same", code=1).err


def test_weights_are_fitted_applied_and_taken_back(desk: Desk) -> None:
    desk.connected()
    assert "at least 20" in desk.run("customers", "fit", code=1).err
    surnames = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张"
    for number, surname in enumerate(surnames):
        person = {"phones": [f"+8613812{number:02}5679"], "address": "杭州市西湖区文三路5号"}
        bring(
            desk,
            (f"a{number}", {**person, "display_name": f"{surname}晓岚"}),
            (f"b{number}", {**person, "display_name": "李伟"}),
        )
        desk.run("customers", "answer", f"crm/a{number}", f"crm/b{number}", "different")
    hub = desk.hub()
    while again.work(hub):
        pass
    hub.close()
    told = desk.run("customers", "fit", "--json").json
    assert told["pairs"]["answers"] == len(surnames) and told["applied"] is False and told["moved"]
    assert "not applied" in desk.run("customers", "fit").out
    told = desk.run("customers", "fit", "--apply", "--again", "--json").json
    assert told["applied"] is True and told["version"]
    listed = desk.run("customers", "weights", "--json").json["weights"]
    assert [(row["version"], row["active"]) for row in listed] == [(told["version"], True), ("shipped", False)]
    desk.run("customers", "weights", "--use", "shipped")
    assert desk.run("customers", "weights", "--json").json["weights"][1]["active"] is True
    assert "no weights" in desk.run("customers", "weights", "--use", "none", code=1).err
