"""A day at a mid-size company: eight accounts, bad weather, and at the end three sides that agree to the fen.

``make day`` plays it with 50,000 customers, 30,000 orders and 2,000 signed deals; a small one of the same code is played with
all other tests.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from config.logging import configure
from connectors.budgets import MemoryBudgets
from hub.events.reconcile import reconcile
from hub.sync import connect
from tests.day.day import Day
from tests.day.sheet import ledger, three_way
from tests.day.story import FULL, MARK, SMALL, Size


@pytest.fixture(params=[pytest.param(SMALL, id="small"), pytest.param(FULL, id="full", marks=pytest.mark.slow)])
def day(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    # The call budgets are tested elsewhere; see ``child``.
    monkeypatch.setattr(connect, "budgets_of", lambda hub, account, kind: MemoryBudgets([]))
    size: Size = request.param
    configure("error")
    small = size is SMALL
    made = Day(tmp_path, size, patience=240 if small else 1800, harsh=(0, 1) if small else (5, 5), mild=small)
    yield made
    made.close()


def test_a_day(day: Day) -> None:
    began = time.monotonic()
    day.play()
    day.process.measure()
    made = three_way(day.company, day.hub)
    acts = ", ".join(f"{name} {seconds:.0f} s {day.peaks.get(name, 0):.0f} MB" for name, seconds in day.seconds.items())
    print(f"\n{day.size}\n{acts}\n{time.monotonic() - began:.0f} s in all; the hub held {day.process.peak:.0f} MB at most")
    print(f"weather: {dict(day.weather.done)}\n{made.shown()}", flush=True)
    assert not made.wrong, made.shown()
    assert made.named.keys() <= {"changed_at_source"} and made.named["changed_at_source"][0] == 3, made.shown()
    _documents_once(day)
    _chats_with_consent(day)
    _nobody_in_the_log(day)
    _no_silent_stream(day)
    _people(day)
    day.process.stop()


def _documents_once(day: Day) -> None:
    """Every document once on both sides, all of them finished over there; reconciling agrees."""
    for name, entries in ledger(day.company).items():
        assert entries and set(Counter(entry["number"] for entry in entries).values()) == {1}, name
    assert {(entry["creates"], entry["state"]) for entry in ledger(day.company)["kingdee"]} == {(1, "C")}
    assert not [line for line in day.company.kingdee.violations if "BD_Customer" not in line]
    assert not day.company.yonyou.violations
    found = reconcile(day.hub)
    assert set(found["causes"]) <= {"needs_reversal"} and len(set(found["totals"]["CNY"].values())) == 1, found["causes"]


def _chats_with_consent(day: Day) -> None:
    """What is stored is what was said by those who agree to it still."""
    archive = day.company.archive.archive
    agreed = {pair for pair, answer in archive.pairs.items() if answer.status == "Agree"}
    said = [item for item in archive.said if item.payload["msgtype"] == "text"]
    may = {item.msgid for item in said if (item.payload["tolist"][0], item.payload["from"]) in agreed}
    with day.hub.db.read() as conn:
        kept = {row[0].split("|", 1)[1] for row in conn.execute(text("SELECT ref FROM message WHERE NOT deleted"))}
    assert kept == may, f"{len(kept - may)} kept without consent, {len(may - kept)} not kept"
    assert 0 < len(may) < len(said)


def _nobody_in_the_log(day: Day) -> None:
    log = day.process.log.read_text("utf-8", "replace")
    assert log.count("\n") > 100, "it does say something"
    assert MARK not in log and MARK.encode("unicode_escape").decode() not in log
    assert not re.search(r"(?<!\d)1397\d{7}(?!\d)", log)
    assert "wmDay" not in log


def _no_silent_stream(day: Day) -> None:
    from connectors import registry

    with day.hub.db.read() as conn:
        query = "SELECT a.platform, s.stream, s.last_ok_at, s.error, s.failures FROM account_stream s JOIN account a "
        rows = conn.execute(text(query + "ON a.id = s.account_id WHERE s.task = 'pull' AND s.enabled")).all()
        states = set(conn.execute(text("SELECT state FROM account")).scalars())
    assert states == {"active"}
    assert len(rows) > 15
    for row in rows:
        promise = registry.get(row.platform).manifest.streams[row.stream].fresh_within
        assert row.error in (None, "null") and row.failures == 0, tuple(row)
        assert promise is None or day.hub.now_us() - row.last_ok_at < promise.total_seconds() * 1e6, f"silent: {tuple(row)}"


def _people(day: Day) -> None:
    """One customer for each whom the platforms know, on however many of them; a person and the company that he speaks for are
    two. Who has left is marked so; nothing is left in quarantine or in the inbox."""
    firms = sum(not instance.main for instance in day.company.dingtalk.flow.instances.values())
    speaks = sum(set(person.on) == {"wukong", "wecom"} for person in day.company.people)
    assert day.number("SELECT count(*) FROM customer WHERE state = 'active'") == len(day.company.people) + firms + speaks
    # A refund of Taobao is the one record that knows both ids of a buyer: it makes a second profile, found to be his.
    several = sum(len(person.on) > 1 for person in day.company.people) - speaks + len(day.company.refunded["taobao"])
    assert day.number("SELECT count(*) FROM customer WHERE state = 'active' AND profiles > 1") == several
    strangers = (
        "SELECT count(*) FROM profile a JOIN profile b ON a.customer_id = b.customer_id WHERE a.ref LIKE '%|ext:ext%' "
        "AND b.ref LIKE '%wmDay%' AND substr(a.ref, -8) <> substr(b.ref, -8)"
    )
    assert day.number(strangers) == 0
    assert day.number("SELECT count(*) FROM staff WHERE deleted") == len(day.gone)
    assert day.number("SELECT count(*) FROM quarantined") == 0
    assert day.number("SELECT count(*) FROM inbox WHERE state <> 'done'") == 0
