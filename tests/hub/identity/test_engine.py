"""The engine on a store of dictionaries: what is joined, what is kept apart, and why."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable
from hashlib import blake2b
from typing import Any

import pytest

from hub.identity.bulk.rows import features
from hub.identity.core.engine import Arrival, Engine
from hub.identity.core.memory import MemoryStore
from hub.identity.core.store import Profile

COLLEAGUES = [("赵敏", "a"), ("钱进", "b"), ("孙立", "c"), ("李娜", "d")]


def engine(**options: Any) -> Engine:
    numbers = itertools.count()
    return Engine(
        lambda kind, value: blake2b(f"{kind}\x1f{value}".encode(), digest_size=16).digest(),
        lambda: f"c{next(numbers):06d}",
        **options,
    )


def row(rid: str, name: str = "", *, source: str = "crm", ids: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    given = ids if ids is not None else {"id": rid}
    return {"rid": rid, "source": source, "shop": source + "1", "kind": "person", "name": name, "ids": given, **more}


def groups(rows: Iterable[dict[str, Any]], *, batch: int = 100, **options: Any) -> tuple[MemoryStore, list[set[str]]]:
    """The groups that the engine makes of rows."""
    store, deciding = MemoryStore(), engine(**options)
    arrivals = [Arrival(item["rid"], features(item)) for item in rows]
    for start in range(0, len(arrivals), batch):
        deciding.resolve(store, arrivals[start : start + batch])
    found: dict[str, set[str]] = {}
    for ref, profile in store.profiles.items():
        found.setdefault(profile.customer, set()).add(ref)
    return store, sorted(found.values(), key=min)


A, B = row("a", "张晓伟", phones=["13812345679"]), row("b", "張曉偉", source="excel", ids={}, phones=["+86 138-1234-5679"])


@pytest.mark.parametrize("batch", [1, 2])
def test_a_name_and_a_number_join(batch: int) -> None:
    store, found = groups([A, B], batch=batch)
    assert found == [{"a", "b"}]
    link = next(link for link in store.links.values() if link.rule == "score")
    assert {(item.kind, item.level) for item in link.evidence} >= {("phone", "same"), ("name", "same")}
    assert link.model == engine().model.version


@pytest.mark.parametrize("batch", [1, 2])
def test_a_shared_number_does_not_join_two_names(batch: int) -> None:
    assert groups([A, row("b", "李秀英", phones=["13812345679"])], batch=batch)[1] == [{"a"}, {"b"}]


@pytest.mark.parametrize("batch", [1, 2])
def test_two_whole_numbers_that_show_the_same_figures_are_two(batch: int) -> None:
    """A mask fits both: namesakes among the ten thousand numbers behind it are strangers."""
    a, b = row("a", "张晓伟", phones=["13970000271"]), row("b", "张晓伟", phones=["13971230271"], source="excel", ids={})
    assert groups([a, b], batch=batch)[1] == [{"a"}, {"b"}]
    shown = row("c", "张晓伟", phones=["139****0271"], source="excel", ids={}, city="深圳市")
    assert groups([a, shown], batch=batch)[1] == [{"a", "c"}], "with one of them alone it is he"


def test_a_name_alone_never_joins() -> None:
    assert groups([row("a", "欧阳晓伟"), row("b", "欧阳晓伟")])[1] == [{"a"}, {"b"}]


def test_a_number_with_many_names_is_nobodys() -> None:
    rows = [row(rid, name, phones=["13812345679"]) for name, rid in COLLEAGUES]
    rows.append(row("e", phones=["13812345679"], ids={"openid": "o1"}, source="miniapp"))
    assert len(groups(rows)[1]) == 5


@pytest.mark.parametrize("batch", [1, 3])
def test_one_account_is_one_customer(batch: int) -> None:
    ids = {"unionid": "u1"}
    rows = [
        row("a", "时光", ids=ids, source="wecom", remark="张晓伟"),
        row("b", "微信用户", ids=ids, source="miniapp", phones=["13812345679"]),
    ]
    assert groups([*rows, row("c", "张晓伟", phones=["13812345679"])], batch=batch)[1] == [{"a", "b", "c"}]


@pytest.mark.parametrize("batch", [1, 2])
def test_two_valid_codes_are_two_companies(batch: int) -> None:
    def company(rid: str, code: str) -> dict[str, Any]:
        return {**row(rid, "杭州华美科技有限公司", phones=["0571-88886666"], credit_code=code), "kind": "company"}

    assert groups([company("a", "91330100MA27X5A129"), company("b", "91330100MA27X5A129")], batch=batch)[1] == [{"a", "b"}]
    codes = ["91310000775785552L", "91330100799655058B"]
    assert groups([company("a", codes[0]), company("b", codes[1])], batch=batch)[1] == [{"a"}, {"b"}]


def test_a_branch_is_not_its_parent() -> None:
    rows = [
        row("a", "杭州华美科技有限公司", phones=["0571-88886666"]),
        row("b", "杭州华美科技有限公司宁波分公司", phones=["0571-88886666"]),
    ]
    store, found = groups([{**item, "kind": "company"} for item in rows])
    assert found == [{"a"}, {"b"}]
    assert [(item.a, item.b, item.kind) for item in store.relations.values()] == [("b", "a", "branch_of")]


def test_a_person_is_not_his_company() -> None:
    company = {**row("a", "杭州华美科技有限公司", phones=["13812345679"]), "kind": "company"}
    store, found = groups([company, row("b", "张晓伟", company="华美科技", phones=["13812345679"])])
    assert found == [{"a"}, {"b"}]
    assert [item.kind for item in store.relations.values()] == ["works_at"]


def order(rid: str, buyer: str, name: str, phone: str) -> dict[str, Any]:
    where = {"province": "浙江省", "city": "杭州市", "district": "西湖区", "address": "文三****"}
    return row(rid, name, source="taobao", ids={"buyer_open_uid": buyer}, phones=[phone], nick="小**1", **where)


@pytest.mark.parametrize("batch", [1, 10])
def test_the_usual_receiver_is_the_buyer_and_the_other_is_not(batch: int) -> None:
    usual = [order(f"o{i}", "buyer", "张**", "138****5679") for i in range(3)]
    gift = order("o9", "buyer", "李**", "139****1111")
    people = [row("p1", "张晓伟", phones=["13812345679"]), row("p2", "李秀英", phones=["13912341111"])]
    store, found = groups([*usual, gift, *people], batch=batch)
    assert found == [{"o0", "o1", "o2", "o9", "p1"}, {"p2"}]
    relations = {(store.profiles[item.a].customer, item.b, item.kind) for item in store.relations.values()}
    assert relations == {(store.profiles["o0"].customer, "p2", "orders_for")}


def test_what_has_not_changed_changes_nothing() -> None:
    store, deciding = MemoryStore(), engine()
    arrivals = [Arrival(item["rid"], features(item)) for item in (A, B)]
    deciding.resolve(store, arrivals)
    change = deciding.resolve(store, arrivals)
    assert not change.saved
    assert not change.links
    assert not change.counts


def test_swapped_cells_are_put_right() -> None:
    swapped = row("b", "13812345679", phones=["张晓伟"], source="excel", ids={})
    assert groups([A, swapped])[1] == [{"a", "b"}]


def test_a_value_that_turns_generic_gives_back_what_rested_on_it() -> None:
    store, deciding = MemoryStore(), engine()

    def bring(*rows: dict[str, Any]) -> None:
        deciding.resolve(store, [Arrival(item["rid"], features(item)) for item in rows])
        deciding.redo(store, [customer for customer in store.queue if store.members_of.get(customer)])
        store.queue.clear()

    bring(A, row("m", "微信用户", phones=["13812345679"], ids={"openid": "o1"}, source="miniapp"))
    assert store.profiles["a"].customer == store.profiles["m"].customer
    for number, name in enumerate(
        ["李秀英", "王建国", "赵敏", "钱进", "孙立", "周红", "吴刚", "郑爽", "冯巩", "陈晨", "褚健", "卫平", "蒋勤", "沈冰"]
    ):
        bring(row(f"n{number}", name, phones=["13812345679"]))
    assert store.profiles["a"].customer != store.profiles["m"].customer
    assert len({store.profiles[f"n{number}"].customer for number in range(14)}) == 14


def test_second_looks_come_to_an_end() -> None:
    store, deciding = MemoryStore(), engine()
    names = ["李秀英", "王建国", "赵敏", "钱进", "孙立", "周红", "吴刚", "郑爽", "冯巩", "陈晨", "褚健", "卫平", "蒋勤", "沈冰"]
    for number, name in enumerate(names):
        item = row(f"n{number}", name, phones=["13812345679"])
        deciding.resolve(store, [Arrival(item["rid"], features(item))])
    assert len(store.queue) > 3
    for _ in range(20):
        deciding.redo(store, store.waiting(3))
    assert not store.queue


def test_a_second_look_goes_no_further_than_rivals() -> None:
    """Eighteen namesakes of one town, each with a neighbour of his own: only one's own neighbour matters to one."""
    rows = []
    for n in range(18):
        ending = 1000 + 497 * n
        rows.append(row(f"n{n:02d}", "张晓伟", phones=[f"138{3571 * n % 10000:04d}{ending}"], city="深圳市"))
        rows.append(
            row(
                f"m{n:02d}",
                "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦"[n] + "秀英",
                source="excel",
                ids={},
                phones=[f"138****{ending}"],
                city="深圳市",
            )
        )
    store, found = groups(rows, batch=7)
    assert len(found) == 36
    asked: set[str] = set()
    members = store.members

    def seen(customers: Collection[str]) -> Iterable[Profile]:
        profiles = list(members(customers))
        asked.update(profile.ref for profile in profiles)
        return profiles

    store.members = seen  # type: ignore[method-assign]
    engine().redo(store, [store.profiles["n03"].customer])
    assert {"n03", "n04", "m03"} <= asked
    assert not {f"m{n:02d}" for n in range(18) if n != 3} & asked


def test_what_a_proof_joins_is_looked_for_before_others_claim_it() -> None:
    """A nickname and a firm that are one's only together (by the union id) find the colleague, whoever comes last."""
    union = {"unionid": "u2"}
    colleague, follower = row("r5", "李秀英", company="华美", ids={}), row("r6", "李秀英", ids=union)
    buyer = row("r8", "张晓伟", ids=union, phones=["13812345679"], company="华美")
    stranger = row("r7", "张晓伟", ids={}, phones=["13812345679"])
    for last in ((buyer, stranger), (stranger, buyer)):
        assert groups([colleague, follower, *last], batch=1)[1] == [{"r5", "r6", "r8"}, {"r7"}]


def test_a_question_stays_when_somebody_else_comes_near() -> None:
    """Two who are not compared again are not answered, whoever comes to the table with both; one of them is looked at again."""
    lady = row("a", "张女士", ids={}, phones=["15899887766"], city="上海市", address="文三路90号", company="华美")
    man = row("b", "王建国", ids={}, phones=["15899887766"], city="上海市")
    nick = row("c", "晓伟", ids={}, phones=["15899887766"], city="杭州市", address="文三路90号", company="华美")
    store, deciding = MemoryStore(), engine()
    deciding.resolve(store, [Arrival(item["rid"], features(item)) for item in (lady, man)])
    assert set(store.reviews) == {("a", "b")}
    deciding.resolve(store, [Arrival("c", features(nick))])
    assert ("a", "b") in store.reviews and len(store.members_of) == 3
    assert store.queue == {store.profiles["a"].customer: "question"}
    deciding.redo(store, list(store.queue))
    assert store.queue == {} and ("a", "b") in store.reviews
