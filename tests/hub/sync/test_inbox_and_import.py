"""What comes by push and by file is landed like any page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import insert

from connectors import errors
from hub import accounts
from hub.models import Account, Customer, Inbox, Order, Profile, Run
from hub.models.base import table
from hub.sync import inbox, runs
from hub.sync.importing import import_file, importer_account

Site = Any


def push(site: Site, *keys: tuple[str, str], name: str = "p", record: Any = None, at: int = 0) -> str:
    """A stored push about (stream, key) pairs."""
    account = site.account()
    key = f"{account}|{name}"
    events = [
        {"stream": s, "record_key": k, "kind": "changed", "time": None, "record": record, "key": f"{s}:{k}"} for s, k in keys
    ]
    values = {
        "key": key, "account_id": account, "body": site.hub.ring.pack(orjson.dumps({"plaintext": "x", "events": events}), key),
        "state": "pending", "attempts": 0, "times": 1, "next_at": site.now, "received_at": site.now,
    }  # fmt: skip
    with site.hub.db.write() as conn:
        conn.execute(insert(table(Inbox)), [values])
    return key


def order(own: str, **more: Any) -> dict[str, Any]:
    return {
        "id": own,
        "state": "paid",
        "total": "10",
        "created_at": "2026-11-22 09:00:00",
        "updated_at": "2026-11-22 09:00:00",
        **more,
    }


def test_a_push_is_a_trigger_and_the_platform_is_asked(site: Site) -> None:
    site.world().put("order", order("o1"), order("o2"))
    push(site, ("order", "o1"), ("order", "o1"), name="a")
    push(site, ("order", "o2"), ("order", "gone-9"), name="b")
    assert inbox.due_accounts(site.hub) == [site.account()]
    assert inbox.process(site.hub, site.account()) == 2
    assert {row.number for row in site.rows(Order)} == {"o1", "o2"}
    assert [call[2] for call in site.world().asked] == ["o1", "o2", "gone-9"], "each is asked for once"
    assert {(row.state, row.attempts) for row in site.rows(Inbox)} == {("done", 1)}
    assert site.rows(Inbox)[0].summary[0]["stream"] == "order"
    assert inbox.process(site.hub, site.account()) == 0 and inbox.due_accounts(site.hub) == []


def test_a_push_that_carries_its_record_asks_nobody(site: Site) -> None:
    push(site, ("order", "o1"), record=order("o1"))
    inbox.process(site.hub, site.account())
    assert site.one(Order).number == "o1" and site.world().asked == []


def test_a_push_about_a_deleted_record_marks_it(site: Site) -> None:
    site.land(order("gone-1"), stream="order")
    push(site, ("order", "gone-1"))
    inbox.process(site.hub, site.account())
    assert site.one(Order).deleted


def test_a_fault_that_passes_keeps_the_push_for_later(site: Site) -> None:
    def trouble(stream: str, key: str) -> None:
        raise errors.Unavailable(name="get")

    site.world().before_fetch = trouble
    push(site, ("order", "o1"))
    waits = []
    for _ in range(3):
        inbox.process(site.hub, site.account())
        row = site.one(Inbox)
        assert (row.state, row.error["key"]) == ("pending", "error.unavailable")
        waits.append((row.next_at - site.now).total_seconds())
        site.now = row.next_at
    assert waits == sorted(waits) and waits[0] >= 5
    site.world().before_fetch = lambda stream, key: None
    site.world().put("order", order("o1"))
    inbox.process(site.hub, site.account())
    assert site.one(Inbox).state == "done" and site.one(Inbox).error is None


def test_one_bad_push_does_not_hold_the_others(site: Site) -> None:
    site.world().put("order", order("o1"), order("o3"))

    def trouble(stream: str, key: str) -> None:
        if key == "o2":
            raise errors.InvalidRecord

    site.world().before_fetch = trouble
    for number in (1, 2, 3):
        push(site, ("order", f"o{number}"), name=f"p{number}")
    inbox.process(site.hub, site.account())
    assert {row.number for row in site.rows(Order)} == {"o1", "o3"}
    assert {row.key.split("|")[1]: row.state for row in site.rows(Inbox)} == {"p1": "done", "p2": "pending", "p3": "done"}


def test_pushes_of_a_paused_account_wait(site: Site) -> None:
    site.world().put("order", order("o1"))
    push(site, ("order", "o1"))
    accounts.set_state(site.hub, "crm", "paused", reason="x", by="t")
    inbox.process(site.hub, site.account())
    assert site.one(Inbox).state == "pending" and site.rows(Order) == []
    accounts.set_state(site.hub, "crm", "active", reason="", by="t")
    site.forward(301)
    inbox.process(site.hub, site.account())
    assert site.one(Inbox).state == "done"


def test_a_dead_authorisation_stops_the_account_and_keeps_the_push(small: Site) -> None:
    def trouble(stream: str, key: str) -> None:
        raise errors.ReauthNeeded

    small.world().before_fetch = trouble
    push(small, ("order", "o1"))
    inbox.process(small.hub, small.account())
    assert small.one(Account).state == "needs_auth" and small.one(Inbox).state == "pending"


def test_a_worker_that_died_with_pushes_leaves_them_due(site: Site) -> None:
    site.world().put("order", order("o1"))
    push(site, ("order", "o1"))
    assert len(inbox._claim(site.hub, site.account())) == 1
    assert inbox.process(site.hub, site.account()) == 0
    site.forward(site.hub.settings.lease_seconds + 1)
    assert inbox.process(site.hub, site.account()) == 1 and site.one(Inbox).state == "done"


def test_pushes_can_be_looked_at_and_worked_on_again(site: Site) -> None:
    site.world().put("order", order("o1"))
    key = push(site, ("order", "o1"))
    inbox.process(site.hub, site.account())
    listed = inbox.list_(site.hub, account="crm", state="done")
    assert listed[0]["key"] == key and "body" not in listed[0] and inbox.list_(site.hub, state="failed") == []
    assert inbox.show(site.hub, key)["body"]["events"][0]["record_key"] == "o1" and inbox.show(site.hub, "1|none") is None
    site.world().put("order", order("o1", updated_at="2026-11-22 10:00:00", total="99"))
    assert inbox.replay(site.hub, [key, "1|none"], by="cli:wang") == {"replayed": 1}
    inbox.process(site.hub, site.account())
    assert site.one(Order).total == 9900


# -- files


def sheet(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["姓名,手机,客户编号,备注", *rows]) + "\n", "utf-8")
    return path


def test_a_file_is_imported_and_its_bad_rows_come_back(site: Site, tmp_path: Path) -> None:
    path = sheet(tmp_path / "客户.csv", "张伟,13812365678,K1,x", ",13900000000,K2,没有姓名", "李强,13912365678,K3,")
    result = import_file(site.hub, path, by="cli:wang").as_dict()
    assert (result["rows"], result["changed"], result["bad"], result["customers"]) == (3, 2, 1, 2)
    assert result["problems"][0]["row"] == 3 and Path(result["workbook"]).exists()
    run = runs.show(site.hub, result["run"])
    assert run is not None and (run["kind"], run["state"], run["by"], run["changed"]) == ("import", "partial", "cli:wang", 2)
    again = import_file(site.hub, path, by="cli:wang").as_dict()
    assert (again["changed"], again["unchanged"]) == (0, 2) and len(site.rows(Customer)) == 2


def test_a_dry_run_checks_every_row_and_lands_nothing(small: Site, tmp_path: Path) -> None:
    path = sheet(tmp_path / "客户.csv", "张伟,13812365678,K1,x", ",13900000000,K2,")
    result = import_file(small.hub, path, by="t", dry_run=True).as_dict()
    assert (result["rows"], result["bad"], result["run"]) == (2, 1, None) and small.rows(Profile) == small.rows(Run) == []


def test_imports_share_one_account_unless_one_is_named(small: Site, tmp_path: Path) -> None:
    one, two = importer_account(small.hub, None, by="t"), importer_account(small.hub, None, by="t")
    assert one.key == two.key and len(small.rows(Account)) == 1
    with pytest.raises(accounts.AccountFault):
        import_file(small.hub, sheet(tmp_path / "a.csv", "张伟,,,"), by="t", account="nosuch")
    small.account()
    with pytest.raises(accounts.AccountFault, match="takes no files"):
        import_file(small.hub, sheet(tmp_path / "a.csv", "张伟,,,"), by="t", account="crm")


def test_imports_after_the_files_account_was_removed(small: Site, tmp_path: Path) -> None:
    key = importer_account(small.hub, None, by="t").key
    accounts.remove(small.hub, key, by="t")
    with pytest.raises(accounts.AccountFault, match="was removed"):
        import_file(small.hub, sheet(tmp_path / "a.csv", "张伟,13812365678,K1,"), by="t", account=key)
    assert import_file(small.hub, sheet(tmp_path / "a.csv", "张伟,13812365678,K1,"), by="t").counts.changed == 1
    assert small.one(Account).state == "active"


def test_a_file_that_is_none_of_ours_is_told(small: Site, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(errors.ConfigError):
        import_file(small.hub, tmp_path / "x.csv", by="t")
