"""Which records become one customer, whatever the order, the batch and the database."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest

from hub.identity.records.stored import Records
from hub.identity.tables import decisions, ledger
from hub.models import Customer, CustomerAlias, Event, LedgerEntry, Profile

A, B = "13812365678", "13912365678"
GENERIC = 5
CODE_1, CODE_2 = "91350100M000100Y43", "91110000600037341L"
Site = Any
on_postgres = pytest.mark.parametrize("db", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
"""SQLite has one writer anyway."""


def ident(kind: str, scope: str, value: str) -> dict[str, str]:
    return {"kind": kind, "scope": scope, "value": value}


def proof(
    own: str, value: str, name: str = "", *phones: str, kind: str = "unionid", scope: str = "w", **more: Any
) -> dict[str, Any]:
    return {"own": own, "name": name, "phones": phones, "identifiers": [ident(kind, scope, value)], **more}


def plain(own: str, name: str = "", *phones: str, **more: Any) -> dict[str, Any]:
    return {"own": own, "name": name, "phones": phones, **more}


def record(site: Site, spec: dict[str, Any]) -> dict[str, Any]:
    more = {key: value for key, value in spec.items() if key not in ("own", "name", "phones")}
    made: dict[str, Any] = site.person(spec["own"], spec["name"], *spec["phones"], **more)
    return made


def land(site: Site, specs: Any, batches: str) -> None:
    """Land the records in one batch ('one'), each in its own ('each'), or each in an account of its own ('apart')."""
    made = [(spec["own"], record(site, spec)) for spec in specs]
    if batches == "one":
        site.land(*(item for _, item in made))
    for own, item in made if batches != "one" else ():
        site.land(item, key=f"s{own}" if batches == "apart" else "crm")


def home(site: Site, own: str, batches: str) -> str:
    return str(site.home(f"{'s' + own if batches == 'apart' else 'crm'}/{own}"))


TOGETHER = {
    "same unionid": [proof("a", "u1", "张伟"), proof("b", "u1", "李强")],
    "same id within its scope": [
        proof("a", "7", kind="platform_id", scope="crm"),
        proof("b", "7", kind="platform_id", scope="crm"),
    ],
    "same valid credit code": [plain("a", "华美科技", tax_id=CODE_1), plain("b", "绿地商贸", tax_id=CODE_1.lower())],
    "same mobile, same name": [plain("a", "张伟", A), plain("b", "张 伟", "+86 138-1236-5678")],
    "same mobile, one without name": [plain("a", "张伟", A), plain("b", "", A)],
    "same mobile, a nickname": [plain("a", "张伟", A), plain("b", "Blue Sky 88", A)],
    "same mobile, a title that fits": [plain("a", "张伟", A), plain("b", "张总", A)],
    "same mailbox, same name": [plain("a", "张伟", emails=["Z@x.cn"]), plain("b", "张伟", emails=["z@X.cn"])],
    "three in a chain": [proof("a", "u1", "张伟"), proof("b", "u1", "张伟", A), plain("c", "张伟", A)],
    "name and employer": [plain("a", "张伟", company="华美科技有限公司"), plain("b", "张伟", company="华美科技有限公司")],
    "name and masked mobile": [plain("a", "张伟", "138****5678"), plain("b", "张伟", "138****5678")],
    "name, masked mobile against full": [plain("a", "张伟", A), plain("b", "张伟", "138****5678")],
    "name and the company's mailbox": [plain("a", "张伟", emails=["info@x.cn"]), plain("b", "张伟", emails=["info@x.cn"])],
    "name and a switchboard": [plain("a", "张伟", "0571-88886666"), plain("b", "张伟", "0571-88886666")],
    "different mobiles, same unionid": [proof("a", "u1", "张伟", A), proof("b", "u1", "张伟", B)],
}
APART = {
    "only the name": [plain("a", "张伟"), plain("b", "张伟")],
    "name and address": [plain("a", "张伟", address="文三路1号"), plain("b", "张伟", address="文三路1号")],
    "same mobile, names contradict": [plain("a", "张伟", A), plain("b", "李强", A)],
    "same mobile, title does not fit": [plain("a", "张伟", A), plain("b", "李总", A)],
    "colleagues with one mobile": [plain("a", "张伟", A, company="华美科技"), plain("b", "李强", A, company="华美科技")],
    "masked names": [plain("a", "张**"), plain("b", "张**")],
    "masked handles": [proof("a", "t**8", kind="custom", scope="nick"), proof("b", "t**8", kind="custom", scope="nick")],
    "nothing where a handle stands": [proof("a", "无", kind="custom", scope="no"), proof("b", "无", kind="custom", scope="no")],
    "same value, other scope": [proof("a", "u1", scope="w"), proof("b", "u1", scope="v")],
    "same value, other kind": [proof("a", "u1", kind="openid"), proof("b", "u1", kind="unionid")],
    "invalid credit code": [plain("a", "华美", tax_id="无"), plain("b", "绿地", tax_id="无")],
    "two credit codes, one mobile": [plain("a", "华美", A, tax_id=CODE_1), plain("b", "华美", A, tax_id=CODE_2)],
    "two credit codes, one id": [proof("a", "u1", "华美", tax_id=CODE_1), proof("b", "u1", "华美", tax_id=CODE_2)],
    "placeholder mobile": [plain("a", "张伟", "13800138000"), plain("b", "张伟", "13800138000")],
    "masked mobiles alone": [plain("a", "", "138****5678"), plain("b", "", "138****5678")],
    "companies that differ by a number": [
        plain("a", "郑州样例第一商贸有限公司", A, address="郑州市金水区文化路1号"),
        plain("b", "郑州样例第二商贸有限公司", "13812365679", address="郑州市金水区文化路2号"),
    ],
    "namesakes in a town": [plain("a", "张伟", A, region="上海市"), plain("b", "张伟", "15012340987", region="上海市")],
    "the company's mailbox": [plain("a", "张伟", emails=["info@x.cn"]), plain("b", "李强", emails=["info@x.cn"])],
    "a switchboard": [plain("a", "张伟", "0571-88886666"), plain("b", "李强", "0571-88886666")],
}


@pytest.mark.parametrize("batches", ["one", "each", "apart"])
@pytest.mark.parametrize("case", TOGETHER)
def test_these_are_one_customer(site: Site, case: str, batches: str) -> None:
    land(site, TOGETHER[case], batches)
    assert len({home(site, spec["own"], batches) for spec in TOGETHER[case]}) == 1
    assert site.faults() == []


@pytest.mark.parametrize("batches", ["one", "each", "apart"])
@pytest.mark.parametrize("case", APART)
def test_these_are_not(small: Site, case: str, batches: str) -> None:
    land(small, APART[case], batches)
    assert len({home(small, spec["own"], batches) for spec in APART[case]}) == len(APART[case])
    assert small.faults() == []


def test_the_order_of_arrival_does_not_matter(small: Site) -> None:
    specs = [proof("a", "u1", "张伟"), plain("b", "张伟", A), proof("c", "u1", "张伟", A, B), plain("d", "Blue 88", B)]
    specs.append(plain("e", "李强", A))
    found = set()
    for number, order in enumerate(itertools.permutations(specs)):
        if number % 4:
            continue
        for spec in order:
            small.land(record(small, spec), key=f"k{number}")
        groups: dict[str, list[str]] = {}
        for spec in specs:
            groups.setdefault(small.home(f"k{number}/{spec['own']}"), []).append(spec["own"])
        found.add(tuple(sorted(map(tuple, groups.values()))))
        with small.hub.db.write() as conn:
            for name in ("identity_key", "profile", "customer", "search_token"):
                conn.exec_driver_sql(f"DELETE FROM {name}")
    assert found == {(("a", "b", "c", "d"), ("e",))}


def test_names_of_the_whole_identity_count(site: Site) -> None:
    """A record without name is proved to be 张伟; its mobile stands at 李强. Through it the two must not become one."""
    site.land(record(site, proof("wei", "u1", "张伟")), record(site, plain("qiang", "李强", A)))
    site.land(record(site, proof("between", "u1", "", A)))
    assert site.together("crm/wei", "crm/between") and not site.together("crm/wei", "crm/qiang")
    assert site.faults() == []


def test_a_number_that_stands_at_many_is_nobodys(small: Site) -> None:
    names = ["张伟", "李强", "王芳", "刘洋", "陈静", "杨磊", "赵敏"]
    for number, name in enumerate(names[:GENERIC]):
        small.land(record(small, plain(f"p{number}", name, A)))
    small.land(record(small, plain("early", "Blue 88", A, at="2026-11-22 10:00:00")))
    assert len(small.rows(Customer)) == GENERIC + 1, "a nickname fits everybody and belongs to nobody"
    small.land(record(small, plain("p9", names[0], A)))
    assert len(small.rows(Customer)) == GENERIC + 2, "by now even the same name is not enough"


def test_one_customer_many_times_in_a_batch_is_no_crowd(small: Site) -> None:
    small.land(*(record(small, plain(f"p{number}", "张伟", A)) for number in range(GENERIC * 2)))
    assert small.one(Customer).profiles == GENERIC * 2


def test_a_list_full_of_one_number_takes_no_time(small: Site) -> None:
    began = time.monotonic()
    small.land(*(record(small, plain(f"p{number}", "", A)) for number in range(800)))
    assert time.monotonic() - began < 5 and small.one(Customer).profiles == 800


def test_an_id_still_joins_when_the_number_is_nobodys(small: Site) -> None:
    for number in range(GENERIC + 2):
        small.land(record(small, proof(f"p{number}", f"u{number}", f"名字{'甲乙丙丁戊己庚'[number]}", A)))
    small.land(record(small, proof("again", "u3", "", A)))
    assert small.together("crm/p3", "crm/again") and len(small.rows(Customer)) == GENERIC + 2


def test_a_merge_by_the_machine_is_told_and_the_loser_stays_an_alias(site: Site) -> None:
    site.land(record(site, plain("a", "张伟", A)), record(site, proof("b", "u1", "张伟")), record(site, plain("c", "张伟", A)))
    first, second = site.home("crm/a"), site.home("crm/b")
    assert first != second
    site.land(record(site, proof("link", "u1", "张伟", A)))
    assert site.home("crm/b") == site.home("crm/link") == first, "the one with more profiles keeps its id"
    loser = site.one(Customer, id=second)
    assert (loser.state, loser.merged_into, loser.profiles) == ("merged", first, 0)
    assert site.one(CustomerAlias, id=second).customer_id == first
    entry = site.one(LedgerEntry)
    assert (entry.kind, entry.customer_id, entry.other_id, entry.by) == ("merge", first, second, "hub")
    assert entry.rule in ("score", "proof:unionid") and entry.profiles == [site.ref("crm/b")]
    assert site.one(Event, kind="customer.merged").subject == first
    assert site.faults() == []


def test_of_two_equal_customers_the_older_keeps_its_id(small: Site) -> None:
    small.land(record(small, plain("a", "张伟", A)))
    small.forward(60)
    small.land(record(small, proof("b", "u1", "张伟")))
    older = small.home("crm/a")
    small.land(record(small, proof("c", "u1", "张伟", A)), key="other")
    assert small.home("crm/b") == older


def test_a_profile_tells_why_it_is_where_it_is(small: Site) -> None:
    small.land(record(small, plain("a", "张伟", A)))
    small.land(record(small, plain("b", "张伟", A)))
    assert small.one(Profile, ref=small.ref("crm/a")).rule == "new"
    row = small.one(Profile, ref=small.ref("crm/b"))
    assert (row.rule, row.evidence["with"]) == ("score", small.ref("crm/a")) and row.bits > 1.5
    assert {kind for kind, _, bits in row.evidence["evidence"] if bits > 0} == {"phone", "name"}


def test_the_same_record_again_changes_nothing(site: Site) -> None:
    specs = [proof("a", "u1", "张伟", A), plain("b", "张伟", A), proof("c", "u1")]
    land(site, specs, "each")
    before = site.snapshot()
    site.forward(3600)
    for _ in range(2):
        land(site, specs, "each")
        land(site, specs, "one")
    assert site.snapshot() == before


def test_a_changed_record_moves_the_golden_record_and_its_keys(site: Site) -> None:
    site.land(record(site, plain("a", "张伟", A)))
    customer = site.home("crm/a")
    site.forward(60)
    site.land(site.person("a", "张大伟", B, at="2026-11-22 11:00:00"))
    assert site.golden(customer)["phones"] == [B] and site.golden(customer)["display_name"] == "张大伟"
    site.land(record(site, plain("old", "", A)), record(site, plain("new", "", B)))
    assert site.home("crm/new") == customer and site.home("crm/old") != customer
    assert site.one(Customer, id=customer).changed_at > site.one(Customer, id=customer).created_at
    assert site.faults() == []


def test_a_customer_counts_its_profiles_and_knows_its_owner(site: Site) -> None:
    site.land(site.person("a", "张伟", A, owner="staff-7", stage="won"), site.person("b", "张伟", A))
    row = site.one(Customer)
    assert (row.profiles, row.kind, row.stage) == (2, "person", "won")
    assert row.owner == f"{site.account()}|staff-7"


def test_created_and_merged_events_come_once(site: Site) -> None:
    land(site, [plain("a", "张伟", A), plain("b", "李强", B)], "one")
    assert sorted(row.subject for row in site.rows(Event, kind="customer.created")) == sorted(
        {site.home("crm/a"), site.home("crm/b")}
    )
    land(site, [plain("a", "张伟", A), plain("b", "李强", B)], "each")
    assert len(site.rows(Event)) == 2


@on_postgres
@pytest.mark.parametrize("rounds", range(3))
def test_two_workers_that_bring_the_same_new_key_at_once_make_one_customer(site: Site, rounds: int) -> None:
    landers = [site.lander("person", key) for key in ("one", "two")]
    gate = threading.Barrier(2, timeout=10)

    def work(number: int) -> None:
        with site.hub.db.write() as conn:
            conn.exec_driver_sql("SELECT 1")
            gate.wait()
            landers[number].land(conn, [record(site, plain(f"p{number}", "张伟", A))])
            time.sleep(0.05 * number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert site.together("one/p0", "two/p1") and len(site.rows(Customer)) == 1
    assert site.faults() == []


@on_postgres
def test_one_record_that_two_workers_land_at_once_is_landed_once(site: Site) -> None:
    """A push and a page bring it in the same moment, without any key that would join them."""
    lander, gate, changed = site.lander(), threading.Barrier(2, timeout=10), []

    def work() -> None:
        with site.hub.db.write() as conn:
            conn.exec_driver_sql("SELECT 1")
            gate.wait()
            changed.append(lander.land(conn, [record(site, plain("a", "张伟", tags=[{"id": "vip"}]))]).changed)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(changed) == [0, 1] and len(site.rows(Customer)) == 1
    assert sorted(row.kind for row in site.rows(Event)) == ["customer.created", "tag.added"] and site.faults() == []


@on_postgres
def test_a_worker_does_not_bring_back_what_a_person_merges_meanwhile(site: Site) -> None:
    """It had read the profile's customer before the merge; what it writes must belong to the survivor."""
    site.land(record(site, plain("a", "张伟", A)), record(site, plain("b", "李强", B)))
    lander = site.lander()
    merging, landing = threading.Event(), threading.Event()

    def merge() -> None:
        with site.hub.db.write() as conn:
            ledger.lock(conn)
            merging.set()
            landing.wait(10)
            time.sleep(0.3)
            survivor, loser = site.home("crm/a"), site.home("crm/b")
            now, moved = site.hub.now_us(), [site.ref("crm/b")]
            decisions.join(conn, [site.ref("crm/a")], moved, "test", now)
            ledger.move(conn, [(ref, survivor) for ref in moved])
            ledger.book_merges(conn, [ledger.Booked(survivor, loser, moved, "person", {}, "test")], now)
            Records(site.hub.ring, lambda account: 0).refresh(conn, [survivor], now)

    thread = threading.Thread(target=merge)
    thread.start()
    merging.wait(10)
    landing.set()
    with site.hub.db.write() as conn:
        lander.land(conn, [site.person("b", "李强强", B, at="2026-11-22 11:00:00")])
    thread.join(20)
    assert site.faults() == [] and site.together("crm/a", "crm/b")
    assert "李强强" in str(site.golden(site.home("crm/b"))) or site.golden(site.home("crm/b"))["display_name"] == "张伟"


@on_postgres
def test_the_server_plans_what_identity_asks_once(site: Site) -> None:
    """Lists as values would be planned anew each time; the setting ends with the transaction."""
    site.hub.db.writer.dispose()  # what other tests have asked on these connections does not count
    for number in range(40):
        site.land(record(site, plain(f"p{number}", "张伟", A)))
    pool, plans, modes = site.hub.db.reader.pool, [], set()
    with ExitStack() as stack:
        for conn in [stack.enter_context(site.hub.db.read()) for _ in range(pool.checkedin())]:
            plans += conn.exec_driver_sql("SELECT custom_plans, generic_plans, statement FROM pg_prepared_statements").all()
            modes |= {conn.exec_driver_sql(f"SHOW {name}").scalar() for name in ("plan_cache_mode", "enable_seqscan", "jit")}
    asked = [(custom, once) for custom, once, statement in plans if "identity_key k" in statement]
    assert asked and all(custom == 0 < once for custom, once in asked)
    assert modes == {"auto", "on", "off"}, "a plan that must read all of a table is not compiled for it"
