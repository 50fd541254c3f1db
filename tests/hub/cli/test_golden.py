"""``hub customers set|unset|rebuild|conflicts|owner``."""

from __future__ import annotations

from hub.models import Customer
from hub.models.base import table
from tests.hub.cli.conftest import Desk
from tests.hub.cli.test_reviews import bring

ANNE = {"display_name": "欧阳晓岚", "phones": ["+8613812345679"]}


def customer(desk: Desk) -> str:
    hub = desk.hub()
    with hub.db.read() as conn:
        found = conn.execute(table(Customer).select().where(table(Customer).c.state == "active")).first()
    hub.close()
    assert found is not None
    return str(found.id)


def test_a_field_is_set_and_unset(desk: Desk) -> None:
    desk.connected()
    bring(desk, ("a", dict(ANNE)))
    cid = customer(desk)
    assert desk.run("customers", "set", cid, "phones", "13900001111", "13900002222", "--json").json["value"] == [
        "+8613900001111", "+8613900002222",
    ]  # fmt: skip
    assert desk.run("customers", "show", cid, "--json").json["fields"]["phones"]["by"].startswith("cli:")
    assert "taken back" in desk.run("customers", "unset", cid, "phones").out
    assert "nobody has set" in desk.run("customers", "unset", cid, "phones", code=1).err
    assert "no mail address" in desk.run("customers", "set", cid, "emails", "x", code=1).err


def test_rebuild_says_what_it_did(desk: Desk) -> None:
    desk.connected()
    bring(desk, ("a", dict(ANNE)))
    assert "--features" in desk.run("customers", "rebuild", code=2).err
    told = desk.run("customers", "rebuild", "--golden", "--features", "--json").json
    assert told == {"golden": {"looked": 1, "changed": 0}, "features": {"looked": 1, "changed": 0}}
    answer = desk.run("customers", "rebuild", "--golden")
    assert "golden: looked 1, changed 0" in answer.out and "golden: 1 / 0" in answer.err
    (desk.folder / "hub.yaml").write_text("golden: {adress: [newest]}\n")
    assert "no field 'adress'" in desk.run("customers", "rebuild", "--golden", code=2).err


def test_conflicts_are_listed_and_decided(desk: Desk) -> None:
    desk.connected()
    bring(desk, ("a", {**ANNE, "owner": "zhang"}), ("b", {**ANNE, "owner": "wang"}))
    told = desk.run("customers", "conflicts", "--look", "--json").json
    cid = customer(desk)
    assert told["counts"] == {"open": 1} and {item["owner"] for item in told["conflicts"][0]["owners"]} == {"1|zhang", "1|wang"}
    assert "zhang (1|zhang)" in desk.run("customers", "conflicts").out
    assert desk.run("customers", "owner", cid, "1|wang", "--json").json["state"] == "decided"
    assert desk.run("customers", "conflicts", "--state", "decided", "--json").json["conflicts"][0]["decided"] == "1|wang"
    assert "open" in desk.run("customers", "owner", cid, "--take-back").out
    assert "choose one" in desk.run("customers", "owner", cid, "1|li", code=1).err
    assert "REF" in desk.run("customers", "owner", cid, code=2).err
    assert "open | agreed" in desk.run("customers", "conflicts", "--state", "x", code=2).err
