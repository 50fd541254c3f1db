"""Pulling: pages and cursor together, resume, sweep, re-scan, errors, leases, and syncing by hand."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import errors
from connectors.errors import Stop
from hub import accounts
from hub.models import Account, AccountStream, Deal, Order, Profile, Quarantined, Run, SourceRecord, WalkSeen
from hub.sync import claims, foreground, runs
from hub.sync import pull as pulling
from hub.sync.cursor import Cursor
from hub.sync.pull import pull

Site = Any


def put(site: Site, count: int, *, stream: str = "person", minutes: int = 10, first: int = 0) -> None:
    """People changed one after the other, the last a few minutes ago (Shanghai time)."""
    for number in range(first, first + count):
        moment = site.now.astimezone(UTC) + timedelta(hours=8) - timedelta(minutes=minutes, seconds=count - number)
        site.world().put(stream, site.person(f"p{number:03d}", f"客户{number}", at=f"{moment:%Y-%m-%d %H:%M:%S}"))


def stream_row(site: Site, stream: str = "person", task: str = "pull") -> Any:
    return site.one(AccountStream, account_id=site.account(), stream=stream, task=task)


def cursor(site: Site, stream: str = "person", task: str = "pull") -> Cursor:
    return Cursor.load(stream_row(site, stream, task).cursor)


def do(site: Site, stream: str = "person", **more: Any) -> Any:
    return pull(site.hub, site.account(), stream, **more)


def known(site: Site, stream: str = "person") -> list[str]:
    return sorted(row.source_id for row in site.rows(SourceRecord, stream=stream) if not row.deleted)


@pytest.fixture
def page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page is a commit of its own."""
    monkeypatch.setattr(pulling, "GATHER", 1)


# -- windows


def test_everything_is_read_once_and_the_stream_is_due_again(site: Site) -> None:
    put(site, 8)
    outcome = do(site)
    assert (outcome.counts.changed, outcome.more, outcome.error) == (8, False, None) and len(known(site)) == 8
    row = stream_row(site)
    assert row.next_run_at == site.now + timedelta(minutes=5) and row.last_ok_at == site.now and row.run_id is None
    assert cursor(site) == Cursor(done_to=site.now - timedelta(seconds=30))
    run = site.one(Run)
    assert (run.state, run.kind, run.fetched, run.changed, run.by) == ("ok", "pull", 8, 8, "hub") and run.ended_at is not None
    assert do(site) is None, "it is not due"


def test_the_next_pull_overlaps_and_finds_what_came_late(site: Site) -> None:
    put(site, 2)
    do(site)
    late = site.now + timedelta(hours=8) - timedelta(minutes=5)
    site.world().put("person", site.person("late", "迟到", at=f"{late:%Y-%m-%d %H:%M:%S}"))
    site.forward(300)
    outcome = do(site)
    assert "late" in known(site) and outcome.counts.changed == 1
    assert site.world().windows[-1].start == site.now - timedelta(seconds=300 + 30) - timedelta(minutes=10)


def test_the_first_pull_reads_back_as_far_as_the_manifest_says_in_windows_of_a_day(small: Site) -> None:
    do(small)
    found = small.world().windows
    assert found[0].start == small.now - timedelta(days=5) and found[-1].end == small.now - timedelta(seconds=30)
    assert all(window.end - window.start <= timedelta(hours=24) for window in found) and len(found) >= 6


@pytest.mark.usefixtures("page_by_page")
def test_a_slice_ends_and_the_next_goes_on_where_it_stopped(small: Site) -> None:
    put(small, 10)
    seen = []
    for _ in range(40):
        outcome = do(small, seconds=0)
        seen.append((len(known(small)), cursor(small).until))
        if not outcome.more:
            break
        assert stream_row(small).next_run_at == small.now
    assert len(known(small)) == 10 and [n for n, _ in seen] == sorted(n for n, _ in seen)
    assert {until for _, until in seen[:-1]} == {small.now - timedelta(seconds=30)} and seen[-1][1] is None
    assert len(small.rows(Run)) == 1 and small.one(Run).pages >= 4 and small.one(Run).state == "ok"
    asked = [(call[2], call[3]) for call in small.world().asked]
    assert len(asked) == len(set(asked)), "nothing was asked for twice"


@pytest.mark.usefixtures("page_by_page")
def test_what_was_read_before_an_error_stays_and_nothing_is_lost(site: Site) -> None:
    put(site, 9)
    failing = itertools.count()

    def trouble(stream: str, number: int) -> None:
        if number == 1 and next(failing) == 0:
            raise errors.Unavailable(name="list")

    site.world().before_page = trouble
    outcome = do(site)
    assert isinstance(outcome.error, errors.Unavailable) and len(known(site)) == 3
    row = stream_row(site)
    assert row.failures == 1 and row.error["key"] == "error.unavailable" and row.next_run_at == site.now + timedelta(seconds=5)
    assert site.one(Run).state == "stopped"
    site.forward(5)
    assert do(site).error is None and len(known(site)) == 9
    assert stream_row(site).error is None and stream_row(site).failures == 0


def test_small_pages_are_gathered_into_one_commit(small: Site) -> None:
    put(small, 9)
    do(small)
    assert small.one(Run).pages < 6, "nine records in three pages and six windows"


def test_a_limit_that_always_comes_early_still_lets_everything_through(small: Site) -> None:
    """Pages that were read before the limit are committed, or each slice would begin anew for ever."""
    put(small, 12)
    calls = itertools.count(1)

    def limit(stream: str, number: int) -> None:
        if next(calls) % 3 == 0:
            raise errors.Throttled(60)

    small.world().before_page = limit
    for _ in range(20):
        outcome = do(small)
        if outcome.error is None:
            break
        assert isinstance(outcome.error, errors.Throttled) and stream_row(small).failures == 0
        small.forward(61)
    assert outcome.error is None and len(known(small)) == 12


def test_back_off_grows_and_stops_growing(small: Site) -> None:
    small.world().before_page = lambda stream, number: (_ for _ in ()).throw(errors.Unavailable())
    waits = []
    for _ in range(7):
        do(small)
        wait = stream_row(small).next_run_at - small.now
        waits.append(wait.total_seconds())
        small.now += wait
    assert waits == [5, 15, 60, 300, 900, 900, 900] and stream_row(small).failures == 7


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (errors.ReauthNeeded(), "needs_auth"),
        (errors.ScopeMissing(), "needs_auth"),
        (errors.ConfigError(), "failed"),
        (errors.UnknownAnswer(code="77"), "failed"),
        (errors.Unavailable(), "active"),
        (RuntimeError("call 13812365678"), "active"),
    ],
)
def test_what_a_person_must_mend_stops_the_account(site: Site, error: Exception, state: str) -> None:
    def trouble(stream: str, number: int) -> None:
        raise error

    site.world().before_page = trouble
    outcome = do(site)
    row = site.one(Account)
    assert row.state == state and outcome.error is not None and site.rows(Run) == []
    if state != "active":
        assert (row.state_by, row.state_reason) == ("hub", outcome.error.key)
    if isinstance(error, RuntimeError):
        assert stream_row(site).error["params"] == {"reason": "RuntimeError"} and "13812365678" not in str(
            stream_row(site).error
        )


def test_a_pause_by_a_person_is_not_overwritten_by_an_error(small: Site) -> None:
    def trouble(stream: str, number: int) -> None:
        accounts.set_state(small.hub, "crm", "paused", reason="盘点", by="cli:wang")
        raise errors.ReauthNeeded

    small.world().before_page = trouble
    do(small)
    assert (small.one(Account).state, small.one(Account).state_by) == ("paused", "cli:wang")


def test_a_bad_record_makes_the_run_partial(site: Site) -> None:
    put(site, 2)
    site.world().put("order", {"id": "o1", "total": "x", "updated_at": "2026-11-22 11:00:00"})
    assert do(site, "order").counts.quarantined == 1
    assert site.one(Run).state == "partial" and site.one(Quarantined).run_id == site.one(Run).id


def test_a_stop_saves_and_is_due_at_once(small: Site) -> None:
    put(small, 9)
    small.hub.stopping = lambda: True
    with pytest.raises(Stop):
        do(small)
    row = stream_row(small)
    assert row.next_run_at == small.now and row.lease_until < small.now and row.run_id is not None
    small.hub.stopping = lambda: False
    small.forward(1)
    assert do(small).error is None and len(known(small)) == 9 and small.one(Run).state == "ok"


# -- walks and sweeps


def contacts(site: Site, *names: str) -> None:
    site.world().put("contact", *({"id": name, "name": f"联系人{name}"} for name in names))


def sweep_until_done(site: Site, stream: str = "contact", **more: Any) -> int:
    for count in itertools.count(1):
        assert count < 60, "the walk never ends"
        outcome = do(site, stream, **more)
        assert outcome.error is None
        if not outcome.more:
            return count
    raise AssertionError


@pytest.mark.parametrize("last_flag", [True, False])
def test_a_walk_sweeps_away_what_is_gone(site: Site, last_flag: bool) -> None:
    site.world().last_flag = last_flag
    contacts(site, *"abcdefgh")
    do(site, "contact")
    site.world().drop("contact", "b", "g")
    site.forward(3600)
    outcome = do(site, "contact")
    assert known(site, "contact") == list("acdefh") and outcome.counts.unchanged == 6 and outcome.counts.changed == 2
    assert [call[2] for call in site.world().asked if call[0] == "one"] == ["b", "g"], "only what was not seen is asked for"
    assert site.rows(WalkSeen) == [] and cursor(site, "contact") == Cursor(walk=2)
    contacts(site, "b")
    site.forward(3600)
    do(site, "contact")
    assert known(site, "contact") == list("abcdefh")


def test_what_the_walk_missed_but_is_still_there_stays(site: Site) -> None:
    """Rows move between pages while they are read: absence from the walk proves nothing."""
    contacts(site, *"abcdef")
    do(site, "contact")
    world = site.world()
    hidden = world.streams["contact"].pop("c")

    def bring_back(stream: str, key: str) -> None:
        world.streams["contact"]["c"] = hidden | {"name": "改名了"}

    world.before_fetch = bring_back
    site.forward(3600)
    do(site, "contact")
    assert "c" in known(site, "contact")
    assert site.golden(site.home("crm/c-c"))["display_name"] == "改名了"


@pytest.mark.usefixtures("page_by_page")
def test_a_walk_in_slices_ends_and_asks_for_nothing_twice(small: Site) -> None:
    contacts(small, *"abcdefgh")
    sweep_until_done(small, seconds=0)
    small.world().asked.clear()
    small.world().drop("contact", "a", "h")
    small.forward(3600)
    slices = sweep_until_done(small, seconds=0)
    assert known(small, "contact") == list("bcdefg") and slices >= 3
    asked = small.world().asked
    assert len(asked) == len(set(asked)) and len(small.rows(Run)) == 2


@pytest.mark.usefixtures("page_by_page")
def test_a_walk_that_breaks_goes_on_and_sees_all(site: Site) -> None:
    contacts(site, *"abcdefgh")
    do(site, "contact")
    site.forward(3600)
    broken = itertools.count()

    def trouble(stream: str, number: int) -> None:
        if number == 2 and next(broken) == 0:
            raise errors.Unavailable

    site.world().before_page = trouble
    site.world().drop("contact", "d")
    assert do(site, "contact").error is not None
    site.forward(5)
    assert do(site, "contact").error is None
    assert known(site, "contact") == list("abcefgh"), "what was seen before the break counts as seen"


def test_an_empty_walk_deletes_only_what_is_gone(small: Site) -> None:
    contacts(small, "a")
    do(small, "contact")
    small.world().drop("contact", "a")
    small.forward(3600)
    do(small, "contact")
    assert known(small, "contact") == [] and small.one(Profile, ref=small.ref("crm/c-a")).deleted


def test_a_deal_that_is_gone_is_reversed_by_the_sweep(site: Site) -> None:
    site.world().put("deal", {"id": "d1", "state": "signed", "amount": "10", "updated_at": "2026-11-22 11:00:00"})
    do(site, "deal")
    site.world().drop("deal", "d1")
    site.forward(3600)
    do(site, "deal")
    assert site.one(Deal).deleted and "deal.reversed" in [row.kind for row in site.rows(__import__("hub.models").models.Event)]


def test_slow_pages_do_not_make_a_walk_endless(small: Site) -> None:
    """The last page falls into no slice of its own: a walk that has ended must not be taken for one that goes on."""
    contacts(small, *"abcdef")

    def slow(stream: str, number: int) -> None:
        time.sleep(0.02)

    small.world().before_page = slow
    assert sweep_until_done(small, seconds=0.01) < 10


def test_a_sequence_goes_on_from_where_it_stood(site: Site) -> None:
    site.world().put("journal", *({"id": f"{n:03d}", "name": f"n{n}"} for n in range(7)))
    do(site, "journal")
    assert cursor(site, "journal").resume == "7" and len(known(site, "journal")) == 7
    site.forward(3600)
    assert do(site, "journal").counts.fetched == 0 and cursor(site, "journal").resume == "7"
    site.world().put("journal", {"id": "007", "name": "n7"})
    site.forward(3600)
    outcome = do(site, "journal")
    assert outcome.counts.fetched == 1 and cursor(site, "journal").resume == "8"


# -- open records


def order(own: str, state: str, hour: int) -> dict[str, Any]:
    at = f"2026-11-22 {hour:02d}:00:00"
    paid = {} if state == "unpaid" else {"paid": "10", "paid_at": at}
    return {"id": own, "state": state, "total": "10", "created_at": at, "updated_at": at, **paid}


def test_open_records_are_asked_for_again_by_key(site: Site) -> None:
    world = site.world()
    world.put("order", *(order(f"o{n}", "unpaid" if n % 2 else "paid", 10) for n in range(6)))
    do(site, "order")
    world.streams["order"]["o1"] = order("o1", "paid", 10)
    world.drop("order", "o3")
    world.asked.clear()
    outcome = do(site, "order", task="rescan")
    assert [call[2] for call in world.asked] == ["o1", "o3", "o5"] and outcome.more is False
    states = {row.number: (row.state, row.deleted) for row in site.rows(Order)}
    assert states["o1"] == ("paid", False) and states["o3"] == ("pending_payment", True)
    assert stream_row(site, "order", "rescan").next_run_at == site.now + timedelta(hours=24)
    site.forward(86400)
    world.asked.clear()
    do(site, "order", task="rescan")
    assert [call[2] for call in world.asked] == ["o5"]


def test_a_rescan_in_slices_ends(small: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling, "SWEEP_BATCH", 2)
    monkeypatch.setattr(pulling, "GATHER", 1)
    small.world().put("order", *(order(f"o{n}", "unpaid", 10) for n in range(7)))
    do(small, "order")
    small.world().asked.clear()
    assert sweep_until_done(small, "order", task="rescan", seconds=0) < 10
    assert sorted(call[2] for call in small.world().asked) == [f"o{n}" for n in range(7)]


# -- who holds what


def test_of_two_claimers_one_gets_it(site: Site) -> None:
    site.account()
    one, two = (claims.claim(site.hub, site.account(), "person", "pull") for _ in range(2))
    assert one is not None and two is None
    claims.release(site.hub, one, site.now)
    again = claims.claim(site.hub, site.account(), "person", "pull")
    assert again is not None and again.fence == one.fence + 1


def test_a_lease_that_ran_out_goes_to_the_next(site: Site) -> None:
    dead = claims.claim(site.hub, site.account(), "person", "pull")
    assert dead is not None
    site.forward(site.hub.settings.lease_seconds - 1)
    assert claims.claim(site.hub, site.account(), "person", "pull") is None
    site.forward(2)
    living = claims.claim(site.hub, site.account(), "person", "pull")
    assert living is not None and living.fence == dead.fence + 1
    with pytest.raises(claims.LeaseLost), site.hub.db.write() as conn:
        claims.advance(conn, site.hub, dead, cursor={"resume": "stolen"})
    with site.hub.db.write() as conn:
        claims.advance(conn, site.hub, living, cursor={"resume": "mine"})
    claims.release(site.hub, dead, site.now + timedelta(days=9), failures=9)
    row = stream_row(site)
    assert row.cursor == {"resume": "mine"} and row.failures == 0 and row.lease_until > site.now


def test_a_page_under_a_lost_fence_leaves_nothing(site: Site) -> None:
    put(site, 3)

    def steal(stream: str, number: int) -> None:
        with site.hub.db.write() as conn:
            conn.exec_driver_sql("UPDATE account_stream SET fence = fence + 1")

    site.world().before_page = steal
    outcome = do(site)
    assert (outcome.counts.changed, outcome.more, outcome.error) == (0, False, None)
    assert known(site) == [] and site.rows(Run) == [] and site.rows(Profile) == [] and cursor(site) == Cursor()


def test_what_is_not_due_or_switched_off_is_not_claimed(site: Site) -> None:
    site.account()
    with site.hub.db.write() as conn:
        conn.exec_driver_sql("UPDATE account_stream SET enabled = false WHERE stream = 'person'")
    assert claims.claim(site.hub, site.account(), "person", "pull") is None
    assert claims.claim(site.hub, site.account(), "nosuch", "pull") is None
    accounts.remove(site.hub, "crm", by="t")
    assert claims.claim(site.hub, site.account(), "order", "pull") is None


def test_removing_an_account_ends_its_running_pull(site: Site) -> None:
    put(site, 3)
    site.world().before_page = lambda stream, number: accounts.remove(site.hub, "crm", by="t")
    outcome = do(site)
    assert (outcome.counts.changed, outcome.error) == (0, None) and known(site) == []


# -- by hand


def test_sync_reads_all_streams_in_order_until_nothing_is_left(site: Site) -> None:
    put(site, 8)
    site.world().put("staff", {"id": "s1", "name": "赵磊"})
    contacts(site, *"abc")
    site.world().put("order", order("o1", "unpaid", 10), order("bad", "paid", 10) | {"total": "x"})
    found = foreground.sync(site.hub, "crm", by="cli:wang")
    assert list(found) == ["staff", "tag", "contact", "order", "deal", "journal", "person", "refund"]
    assert found["person"]["changed"] == 8 and found["order"]["quarantined"] == 1 and found["order"]["unchanged"] == 1, (
        "one is re-read"
    )
    assert all(item["error"] is None for item in found.values())
    assert {run.by for run in site.rows(Run)} == {"cli:wang"} and {run.state for run in site.rows(Run)} == {"ok", "partial"}


def test_sync_of_some_streams_reads_no_other(small: Site) -> None:
    found = foreground.sync(small.hub, "crm", ["tag", "staff"], by="t") if small.account() else {}
    assert list(found) == ["staff", "tag"] and {call[1] for call in small.world().asked} == {"staff", "tag"}


@pytest.mark.parametrize(
    ("streams", "more", "told"),
    [
        (["nosuch"], {}, "no stream nosuch; 现有 / there are: staff, tag, contact"),
        ([], {"since": timedelta(hours=1)}, "lies in the future"),
        ([], {"since": timedelta(hours=-1), "until": timedelta(hours=-2)}, "is not after since"),
    ],
)
def test_what_cannot_be_synced_is_said(small: Site, streams: list[str], more: dict[str, timedelta], told: str) -> None:
    small.account()
    with pytest.raises(accounts.AccountFault, match=told):
        foreground.sync(small.hub, "crm", streams, by="t", **{name: small.now + span for name, span in more.items()})
    assert small.world().asked == []


def test_a_paused_account_is_not_synced_by_hand_and_a_failed_one_is_tried(small: Site) -> None:
    small.account()
    accounts.set_state(small.hub, "crm", "paused", reason="x", by="t")
    with pytest.raises(accounts.AccountFault, match="crm is paused: hub accounts resume crm"):
        foreground.sync(small.hub, "crm", by="t")
    accounts.set_state(small.hub, "crm", "failed", reason="x", by="t")
    assert foreground.sync(small.hub, "crm", ["tag"], by="t")["tag"]["error"] is None
    with pytest.raises(accounts.AccountFault, match="no account 'nosuch', there are: crm"):
        foreground.sync(small.hub, "nosuch", by="t")


def test_sync_since_and_until_reads_that_stretch_and_moves_nothing(site: Site) -> None:
    put(site, 4)
    foreground.sync(site.hub, "crm", ["person"], by="t")
    reached = cursor(site).done_to
    since, until = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 3, tzinfo=UTC)
    site.world().put("person", site.person("old", "老客户", at="2026-06-02 10:00:00"))
    site.world().windows.clear()
    found = foreground.sync(site.hub, "crm", ["person"], since=since, until=until, by="t")
    assert found["person"]["changed"] == 1 and "old" in known(site)
    windows = site.world().windows
    assert windows[0].start == since - timedelta(minutes=10) and windows[-1].end == until
    assert cursor(site) == Cursor(done_to=reached)


def test_sync_since_a_later_time_leaves_no_gap(small: Site) -> None:
    foreground.sync(small.hub, "crm", ["person"], by="t") if small.account() else None
    reached = cursor(small).done_to
    small.now += timedelta(days=3)
    put(small, 1, minutes=60 * 40)
    foreground.sync(small.hub, "crm", ["person"], since=small.now - timedelta(hours=2), by="t")
    assert known(small) == ["p000"], "it was changed before since, and after what had been read"
    assert reached is not None and cursor(small).done_to == small.now - timedelta(seconds=30)


def test_since_does_not_reset_streams_without_times(small: Site) -> None:
    small.world().put("journal", *({"id": f"{n:03d}", "name": "x"} for n in range(4)))
    foreground.sync(small.hub, "crm", by="t")
    foreground.sync(small.hub, "crm", since=small.now - timedelta(days=1), by="t")
    assert cursor(small, "journal").resume == "4"


def test_sync_waits_out_a_limit(small: Site) -> None:
    put(small, 3)
    calls, began = itertools.count(), small.now

    def limit(stream: str, number: int) -> None:
        if next(calls) == 0:
            raise errors.Throttled(45)

    small.world().before_page = limit
    assert foreground.sync(small.hub, "crm", ["person"], by="t")["person"] | {"error": None} == {
        "fetched": 3, "changed": 3, "unchanged": 0, "older": 0, "quarantined": 0, "withheld": 0,
        "events": 3, "unknown": {}, "error": None,
    }  # fmt: skip
    assert small.now - began >= timedelta(seconds=45)


def test_sync_tells_an_error_and_goes_on_with_the_next_stream(small: Site) -> None:
    def trouble(stream: str, number: int) -> None:
        if stream == "staff":
            raise errors.Unavailable(name="list")

    small.world().before_page = trouble
    found = foreground.sync(small.hub, "crm", ["staff", "tag"], by="t")
    assert found["staff"]["error"]["key"] == "error.unavailable" and found["tag"]["error"] is None


def test_sync_says_when_a_worker_has_the_stream(small: Site) -> None:
    held = claims.claim(small.hub, small.account(), "person", "pull")
    assert held is not None

    def renew(seconds: float) -> None:
        small.now += timedelta(seconds=seconds)
        with small.hub.db.write() as conn:
            claims.advance(conn, small.hub, held)

    small.hub.sleep = renew
    found = foreground.sync(small.hub, "crm", ["person"], by="t")
    assert found["person"]["error"]["key"] == "error.stream_busy"


def test_sync_reads_streams_that_a_newer_connector_has_brought(small: Site) -> None:
    small.world().put("tag", {"id": "vip", "name": "VIP"})
    with small.hub.db.write() as conn:
        conn.exec_driver_sql("DELETE FROM account_stream WHERE stream = 'tag'")
    assert foreground.sync(small.hub, "crm", ["tag"], by="t")["tag"]["changed"] == 1


def test_a_preview_writes_nothing(site: Site) -> None:
    put(site, 3)
    site.world().put("order", order("o1", "lost", 10) | {"colour": 1}, order("o2", "paid", 10) | {"total": "x"})
    before = site.snapshot()
    people = foreground.preview(site.hub, "crm", "person", since=None, until=None, sample=2)
    assert (people["fetched"], people["mapped"], len(people["sample"])) == (3, 3, 2)
    assert people["sample"][0][0]["fields"]["display_name"] == "客户0"
    found = foreground.preview(site.hub, "crm", "order", since=site.now - timedelta(hours=5), until=site.now, sample=5)
    assert (found["fetched"], found["mapped"]) == (2, 1) and found["unknown"] == ["colour", "state=lost"]
    assert found["bad"][0]["params"]["field"] == "total"
    assert site.snapshot() == before
    with pytest.raises(accounts.AccountFault, match="no stream nosuch"):
        foreground.preview(site.hub, "crm", "nosuch", since=None, until=None, sample=5)


def test_runs_are_listed_and_shown(site: Site) -> None:
    put(site, 2)
    foreground.sync(site.hub, "crm", ["person", "tag"], by="t")
    listed = runs.list_(site.hub)
    assert [row["stream"] for row in listed] == ["person", "tag"] and listed[0]["account"] == "crm"
    assert runs.list_(site.hub, before=listed[0]["id"]) == listed[1:] and runs.list_(site.hub, account="x") == []
    assert runs.list_(site.hub, state="ok", limit=1) == listed[:1] and runs.list_(site.hub, state="failed") == []
    shown = runs.show(site.hub, listed[0]["id"])
    assert shown is not None and shown["changed"] == 2 and runs.show(site.hub, 999) is None


# -- how it is looked up


@pytest.mark.parametrize("task", ["pull", "rescan", "sweep"])
def test_a_sweep_passes_each_known_record_once(small: Site, monkeypatch: pytest.MonkeyPatch, task: str) -> None:
    """By an index and in its order: with a million records, sorting them for each hundred would never end."""
    from sqlalchemy import event

    small.world()
    asked: list[tuple[str, Any]] = []
    monkeypatch.setattr(pulling, "SWEEP_BATCH", 3)
    work = pulling._Pull(small.hub, claims.Claim(small.account(), "order", task, 1, {}, None, 0), "t")
    event.listen(small.hub.db.reader, "before_cursor_execute", lambda *found: asked.append((found[2], found[3])))
    if task == "pull":
        work._missing("")
    else:
        list(work._again())
    (statement, values), *_ = [item for item in asked if "FROM source_record" in item[0]]
    with small.hub.db.read() as conn:
        plan = " ".join(row[3] for row in conn.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values))
    assert "TEMP B-TREE" not in plan and "SEARCH source_record" in plan and "SCAN" not in plan, plan


def test_the_rows_of_a_gone_record_are_found_by_their_keys(small: Site) -> None:
    from sqlalchemy import event

    small.land(order("o1", "paid", 10), stream="order")
    asked: list[tuple[str, Any]] = []
    event.listen(small.hub.db.writer, "before_cursor_execute", lambda *found: asked.append((found[2], found[3])))
    assert small.gone("o1", stream="order") == 1 and small.one(Order).deleted
    with small.hub.db.read() as conn:
        for statement, values in asked:
            if statement.startswith("UPDATE"):
                plan = " ".join(row[3] for row in conn.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values))
                assert "SCAN" not in plan, f"{statement}: {plan}"


def test_what_the_mapping_of_today_does_not_take_is_marked_all_the_same(site: Site) -> None:
    from mappings.compile import CompiledMapping

    site.world().put("deal", {"id": "d1", "state": "signed", "amount": "10", "updated_at": "2026-11-22 11:00:00"})
    do(site, "deal")
    emits = [{"kind": "deal", "id": "id", "fields": {"number": "nowhere"}, "required": ["number"]}]
    strict = CompiledMapping({"stream": "deal", "emits": emits}, zone="Asia/Shanghai", context={}, place="test")
    from hub.sync.landing import Lander

    with site.hub.db.write() as conn:
        assert Lander(site.hub, accounts.get(site.hub, "crm"), "deal", mapping=strict).gone(conn, ["d1"]) == 1
    assert site.one(Deal).deleted
