"""What is due, who runs it, and that nothing runs twice or is left behind."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from config.settings import NoticeRule
from connectors.errors import Stop
from hub import accounts
from hub.jobs import cycle, work
from hub.jobs.embedded import EmbeddedRunner
from hub.jobs.plan import PRIORITY, Planner
from hub.models import AccountStream, Inbox, PushCounter, SourceRecord
from hub.models.base import table
from hub.people import drafting

Site = Any


def due(site: Site, planner: Planner | None = None) -> list[tuple[str, str]]:
    return list((planner or Planner(site.hub)).due())


def push(site: Site, name: str = "p", state: str = "pending", **more: Any) -> None:
    values = {
        "key": f"1|{name}",
        "account_id": site.account(),
        "body": b"",
        "state": state,
        "attempts": 0,
        "times": 1,
        "next_at": site.now,
        "received_at": site.now,
        **more,
    }
    with site.hub.db.write() as conn:
        conn.execute(insert(table(Inbox)), [values])


def until(condition: Callable[[], Any], seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it never happened"
        time.sleep(0.01)


# -- the planner


def test_the_streams_of_active_accounts_are_due_oldest_first(site: Site) -> None:
    site.account()
    site.account("idle")
    accounts.set_state(site.hub, "idle", "paused", reason="x", by="t")
    with site.hub.db.write() as conn:
        conn.execute(text("UPDATE account_stream SET next_run_at = next_run_at + 1000000"))
        conn.execute(text("UPDATE account_stream SET next_run_at = next_run_at - 9000000 WHERE stream = 'order'"))
        conn.execute(text("UPDATE account_stream SET enabled = false WHERE stream = 'tag'"))
    pulls = [key for job, key in due(site) if job == "pull"]
    assert sorted(pulls) == ["1:order:pull", "1:order:rescan"]
    site.forward(2)
    pulls = [key for job, key in due(site) if job == "pull"]
    assert pulls[:2] in (["1:order:pull", "1:order:rescan"], ["1:order:rescan", "1:order:pull"]) and len(pulls) == 8
    assert not any("tag" in key or key.startswith("2:") for key in pulls)


def test_what_somebody_holds_is_not_due(site: Site) -> None:
    from hub.sync.claims import claim

    site.account()
    assert claim(site.hub, 1, "person", "pull")
    assert "1:person:pull" not in [key for _, key in due(site)]
    site.forward(site.hub.settings.lease_seconds + 1)
    assert "1:person:pull" in [key for _, key in due(site)]


def test_pushes_that_nobody_rang_for_are_found(site: Site) -> None:
    push(site, next_at=site.now + timedelta(seconds=5))
    assert ("inbox", "1") not in due(site)
    site.forward(6)
    assert ("inbox", "1") in due(site)


def test_events_and_periodic_jobs(site: Site) -> None:
    planner = Planner(site.hub)
    assert ("dispatch", "all") not in due(site, planner) and ("housekeep", "all") not in due(site, planner), (
        "housekeeping was asked for"
    )
    site.forward(6 * 3600)
    assert ("housekeep", "all") in due(site, planner) and ("housekeep", "all") not in due(site, planner)
    with site.hub.db.write() as conn:
        conn.execute(
            text(
                "INSERT INTO event (id, kind, account_id, subject, at, recorded_at, data, pending) "
                "VALUES ('e', 'deal.signed', 1, 's', 0, 0, '{}', true)"
            )
        )
    assert ("dispatch", "all") in due(site, planner)


@pytest.mark.parametrize("kind", drafting.OF_DELIVERIES)
def test_documents_are_watched_where_somebody_is_to_be_told_of_them(site: Site, kind: str) -> None:
    assert ("watch", "all") not in due(site)
    rule = NoticeRule(name="told", event=kind, through="wecom", to=["finance"])
    hub = replace(site.hub, settings=site.hub.settings.model_copy(update={"notices": [rule]}))
    assert ("watch", "all") in list(Planner(hub).due())


def test_every_job_has_a_priority_and_pushes_come_before_pulls() -> None:
    assert set(PRIORITY) == set(work.NAMES)
    assert PRIORITY["inbox"] > PRIORITY["deliver"] > PRIORITY["pull"] > PRIORITY["housekeep"]


# -- jobs


def test_a_request_to_stop_is_no_error(small: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(hub: Any, key: str) -> None:
        raise Stop

    monkeypatch.setitem(work.NAMES, "pull", stopped)
    work.run(small.hub, "pull", "1:x:pull")


def test_housekeeping_drops_what_is_old_and_done(site: Site) -> None:
    old = site.now - timedelta(days=31)
    push(site, "done", "done", received_at=old)
    push(site, "fresh", "done")
    push(site, "waiting", "pending", received_at=old)
    with site.hub.db.write() as conn:
        for day, at in (("2026-01-01", old - timedelta(days=60)), ("2026-11-22", site.now)):
            values = {"account_id": 1, "reason": "bad_signature", "day": day, "count": 3, "last_at": at}
            conn.execute(insert(table(PushCounter)), [values])
        conn.execute(text("DELETE FROM account_stream WHERE stream = 'deal'"))
    work.run(site.hub, "housekeep", "all")
    assert {row.key for row in site.rows(Inbox)} == {"1|fresh", "1|waiting"}
    assert [row.day for row in site.rows(PushCounter)] == ["2026-11-22"]
    assert site.rows(AccountStream, stream="deal"), "what a newer connector brings is planned"


def test_a_cycle_works_until_nothing_is_due(small: Site) -> None:
    small.world().put("staff", {"id": "s", "name": "赵磊"})
    small.world().put("person", *(small.person(f"p{n}", f"客户{n}", at="2026-11-22 11:00:00") for n in range(5)))
    assert cycle.drain(small.hub, seconds=20)
    assert len(small.rows(SourceRecord)) == 6 and [job for job, _ in due(small) if job == "pull"] == []


def test_a_cycle_ends_when_its_time_is_up(small: Site) -> None:
    push(small, next_at=small.now + timedelta(days=1))
    began = time.monotonic()
    assert not cycle.drain(small.hub, seconds=0.4) and time.monotonic() - began < 5


# -- the embedded runner


class Jobs:
    """Counts what runs, and holds it as long as the test wants."""

    def __init__(self) -> None:
        self.lock, self.go = threading.Lock(), threading.Event()
        self.running: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.done: list[str] = []

    def __call__(self, hub: Any, key: str) -> None:
        with self.lock:
            self.running[key] = self.running.get(key, 0) + 1
            self.most[key] = max(self.most.get(key, 0), self.running[key])
        while not self.go.wait(0.01) and not hub.stopping():
            pass
        with self.lock:
            self.running[key] -= 1
            self.done.append(key)


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """Takes the place of pulls; nothing is due by itself."""
    made = Jobs()
    monkeypatch.setitem(work.NAMES, "pull", made)
    monkeypatch.setattr(Planner, "due", lambda self: iter(()))
    return made


@pytest.fixture
def runner(small: Site) -> Iterator[EmbeddedRunner]:
    """A started runner."""
    made = EmbeddedRunner(small.hub)
    made.start()
    yield made
    made.stop()


def test_the_same_job_never_runs_twice_at_once(jobs: Jobs, runner: EmbeddedRunner) -> None:
    assert runner.submit("pull", "a") and runner.submit("pull", "b")
    until(lambda: sum(jobs.running.values()) == 2)
    assert [runner.submit("pull", "a") for _ in range(5)] == [False] * 5
    assert runner.state()["running"] == ["pull:a", "pull:b"] and runner.state()["engine"] == "embedded"
    jobs.go.set()
    until(lambda: len(jobs.done) == 2)
    until(lambda: runner.state()["running"] == [])
    assert runner.submit("pull", "a")
    until(lambda: len(jobs.done) == 3)
    assert set(jobs.most.values()) == {1}


def test_rings_from_many_threads_are_one_job(jobs: Jobs, runner: EmbeddedRunner) -> None:
    threads = [threading.Thread(target=lambda: [runner.submit("pull", "a") for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(0.1)
    jobs.go.set()
    until(lambda: runner.state()["running"] == [])
    assert jobs.most == {"a": 1}


def test_an_error_in_a_job_stops_nobody(
    small: Site, jobs: Jobs, runner: EmbeddedRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(hub: Any, key: str) -> None:
        raise RuntimeError("boom")

    monkeypatch.setitem(work.NAMES, "inbox", broken)
    runner.submit("inbox", "1")
    jobs.go.set()
    runner.submit("pull", "a")
    until(lambda: jobs.done == ["a"])
    until(lambda: runner.state()["running"] == [])
    assert runner.submit("inbox", "1")


def test_stopping_lets_running_jobs_save_and_starts_no_others(small: Site, jobs: Jobs) -> None:
    small.hub.settings = small.hub.settings.model_copy(update={"threads": 1})
    made = EmbeddedRunner(small.hub)
    made.start()
    made.submit("pull", "a")
    until(lambda: jobs.running.get("a") == 1)
    made.submit("pull", "waiting")
    made.stop()
    assert "a" in jobs.done and small.hub.stopping()
    assert "waiting" not in jobs.most or jobs.done.count("waiting") == jobs.most["waiting"]


def test_a_runner_pulls_what_is_due_by_itself_and_stops_in_the_middle_without_loss(small: Site) -> None:
    small.hub.clock = lambda: small.now
    small.world().put("person", *(small.person(f"p{n:03d}", f"客户{n}", at="2026-11-22 11:00:00") for n in range(40)))
    small.world().before_page = lambda stream, number: time.sleep(0.01)
    made = EmbeddedRunner(small.hub)
    made.start()
    until(lambda: any(call[1] == "person" for call in small.world().asked))
    made.stop()
    small.hub.stopping = lambda: False
    held = [row for row in small.rows(AccountStream) if row.lease_until > small.now]
    assert held == [], "no lease is left behind"
    small.forward(3600)
    assert cycle.drain(small.hub, seconds=30) and len(small.rows(SourceRecord)) == 40


def test_an_idle_runner_takes_little_of_the_processor(small: Site) -> None:
    with small.hub.db.write() as conn:
        conn.execute(text("UPDATE account_stream SET next_run_at = 9000000000000000"))
    made = EmbeddedRunner(small.hub)
    made.start()
    time.sleep(1.2)
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    time.sleep(2.0)
    after, spent = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    made.stop()
    used = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    assert used / spent < 0.05, f"{used / spent:.1%} of a processor for nothing"
