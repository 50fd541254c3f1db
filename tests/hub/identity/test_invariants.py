"""Whatever happens, in whatever order: random records, merges, splits, undos and deletions keep the identity model whole."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.identity import again, deciding
from hub.identity.desk import service
from hub.identity.records import golden
from hub.identity.sources import Sources
from hub.models import Customer, LedgerEntry, Profile

Site = Any
OWNS = [f"{account}/{own}" for account in ("x", "y") for own in "abcd"]
NAMES = ["", "张伟", "李强", "张总", "Blue 88", "华美科技有限公司"]
PHONES = ["13812365678", "13912365678", "138****5678"]
CODES = ["", "91350100M000100Y43", "91110000600037341L"]

records = st.builds(
    dict,
    op=st.just("land"),
    own=st.sampled_from(OWNS),
    name=st.sampled_from(NAMES),
    phones=st.lists(st.sampled_from(PHONES), max_size=2),
    union=st.sampled_from(["", "", "u1", "u2"]),
    tax_id=st.sampled_from(CODES),
    tags=st.lists(st.sampled_from(["vip", "cold"]), unique=True),
)
actions = st.one_of(
    st.lists(records, min_size=1, max_size=4).map(lambda found: {"op": "batch", "records": found}),
    st.builds(dict, op=st.just("merge"), a=st.sampled_from(OWNS), b=st.sampled_from(OWNS)),
    st.builds(dict, op=st.just("split"), a=st.sampled_from(OWNS)),
    st.builds(dict, op=st.just("undo"), number=st.integers(0, 5)),
    st.builds(dict, op=st.just("gone"), a=st.sampled_from(OWNS)),
)


class Play:
    """Carries actions out and remembers what people have decided."""

    def __init__(self, site: Site) -> None:
        self.site, self.minute = site, 0
        self.parted: set[frozenset[str]] = set()

    def do(self, action: dict[str, Any]) -> None:
        self.minute += 1
        self.site.forward(60)
        with suppress(service.IdentityFault):
            getattr(self, action["op"])(action)

    def batch(self, action: dict[str, Any]) -> None:
        for key in ("x", "y"):
            made = [self.record(item) for item in action["records"] if item["own"].startswith(key)]
            if made:
                counts = self.site.land(*made, key=key)
                assert not counts.problems

    def record(self, item: dict[str, Any]) -> dict[str, Any]:
        at = f"2026-11-{1 + self.minute // 1440:02d} {self.minute // 60 % 24:02d}:{self.minute % 60:02d}:00"
        more: dict[str, Any] = {"tags": [{"id": tag} for tag in item["tags"]]}
        if item["union"]:
            more["identifiers"] = [{"kind": "unionid", "scope": "w", "value": item["union"]}]
        if item["tax_id"]:
            more["tax_id"] = item["tax_id"]
        made: dict[str, Any] = self.site.person(item["own"].partition("/")[2], item["name"], *item["phones"], at=at, **more)
        return made

    def known(self, short: str) -> bool:
        return bool(self.site.rows(Profile, ref=self.site.ref(short)))

    def merge(self, action: dict[str, Any]) -> None:
        if self.known(action["a"]) and self.known(action["b"]):
            one, two = self.site.home(action["a"]), self.site.home(action["b"])
            sides = [[row.ref for row in self.site.rows(Profile, customer_id=cid)] for cid in (one, two)]
            service.merge(self.site.hub, one, two, by="t")
            self.parted -= {frozenset((a, b)) for a in sides[0] for b in sides[1]}

    def split(self, action: dict[str, Any]) -> None:
        if self.known(action["a"]):
            ref = self.site.ref(action["a"])
            service.split(self.site.hub, self.site.home(action["a"]), [ref], by="t")
            self.note([ref])

    def undo(self, action: dict[str, Any]) -> None:
        merges = sorted(row.id for row in self.site.rows(LedgerEntry, kind="merge"))
        if merges:
            entry = self.site.one(LedgerEntry, id=merges[action["number"] % len(merges)])
            other = service.undo(self.site.hub, entry.id, by="t")
            moved = [row.ref for row in self.site.rows(Profile, customer_id=other)]
            assert moved and set(moved) <= set(entry.profiles)
            survivor = [row.ref for row in self.site.rows(Profile) if row.ref not in moved]
            newest = max(self.site.rows(LedgerEntry), key=lambda row: row.id)
            rest = {row.ref for row in self.site.rows(Profile, customer_id=newest.customer_id)}
            self.parted |= {frozenset((a, b)) for a in moved for b in survivor if b in rest}

    def gone(self, action: dict[str, Any]) -> None:
        key, _, own = action["a"].partition("/")
        self.site.gone(own, key=key)

    def note(self, moved: list[str]) -> None:
        newest = max(self.site.rows(LedgerEntry), key=lambda row: row.id)
        rest = [row.ref for row in self.site.rows(Profile, customer_id=newest.customer_id)]
        self.parted |= {frozenset((a, b)) for a in moved for b in rest}

    def check(self) -> None:
        site = self.site
        assert site.faults() == []
        profiles = {row.ref: row for row in site.rows(Profile)}
        for pair in self.parted:
            a, b = pair
            assert profiles[a].customer_id != profiles[b].customer_id, "the machine undid what a person decided"
        rank = Sources(site.hub).rank
        for row in site.rows(Customer, state="active"):
            views = [
                golden.View(
                    p.ref,
                    rank(p.account_id) + (1000 if p.deleted else 0),
                    p.version,
                    golden.read_profile(site.hub.ring, p.ref, p.data),
                )
                for p in profiles.values()
                if p.customer_id == row.id
            ]
            assert golden.read(site.hub.ring, row.id, row.data) == golden.build(views), "the golden record is out of date"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(actions, max_size=14))
def test_nothing_that_happens_breaks_the_identity_model(small: Site, found: list[dict[str, Any]]) -> None:
    with small.hub.db.write() as conn:
        for name in (
            *("identity_key", "block_key", "profile", "customer", "search_token", "customer_alias", "ledger_entry", "event"),
            *("identity_decision", "identity_review", "identity_relation", "identity_redo", "identity_count"),
            *("source_record", "tag_assignment", "audit_entry"),
        ):
            conn.exec_driver_sql(f"DELETE FROM {name}")
    deciding.STATISTICS.clear()
    play = Play(small)
    for action in found:
        play.do(action)
        play.check()
    while again.work(small.hub):
        pass
    play.check()
