"""What goes wrong in the course of the day, on every platform: dead tokens, limits, 5xx, cut connections, rows that change
while they are paged."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from connectors.sandbox import Simulator
from connectors.wukong.sim_store import CONTRACT, CUSTOMER
from tests.day.company import Company

READS = {
    "wecom": "get_by_user", "dingtalk": "extcontact/list", "taobao": "taobao.trades.sold", "jd": "enSearch",
    "wukong": "queryPageList", "wecom_archive": "GetChatData",
}  # fmt: skip
APART = 20.0
LIMITS = {name: call for name, call in READS.items() if name != "jd"}
"""JD has one limit, that of the day: after it nothing comes until midnight. Nor does it renew a token that is withdrawn."""


class Weather:
    """Spoils reading and writing; counts what it did."""

    def __init__(self, company: Company, mild: bool) -> None:
        self.company, self.mild, self.dice, self._next = company, mild, random.Random(7), dict[str, float]()
        self.done: Counter[str] = Counter()
        self._pages: Counter[str] = Counter()
        self._touch: dict[str, Callable[[], None]] = {
            "wecom": self._touch_wecom, "dingtalk": self._touch_dingtalk, "taobao": self._touch_taobao, "jd": self._touch_jd,
            "wukong": self._touch_wukong, "wecom_archive": self._say,
        }  # fmt: skip

    def begin(self) -> None:
        """Bad weather from now on."""
        for simulator in self.company.simulators:
            if simulator.name in READS:
                simulator.faults.after_page = self._after(simulator)
                simulator.faults.error[READS[simulator.name]] = [502] if self.mild else [502, 503]
                simulator.faults.cut_before[READS[simulator.name]] = 1
                if simulator.name in LIMITS:
                    simulator.faults.throttle[READS[simulator.name]] = 1 if self.mild else 2

    def spoil_writes(self, count: int) -> None:
        """Cut so many writes of each kind before and after they are done, and let the gateway fail some."""
        if not count:
            return
        kingdee, wukong = self.company.kingdee.faults, self.company.wukong.faults
        for step in ("Save", "Submit", "Audit"):
            kingdee.cut_before[f".{step}."] += count
            kingdee.cut_after[f".{step}."] += count
        kingdee.error[".Save."] = [502] * count
        kingdee.throttle[".Save."] += 1
        wukong.cut_before["updateInformation"] += count
        wukong.cut_after["updateInformation"] += count

    def spoil_days(self) -> None:
        """The same for the settlements of days, of which there are few."""
        yonyou, kingdee = self.company.yonyou.faults, self.company.kingdee.faults
        yonyou.cut_before["receivable/save"] += 1
        yonyou.cut_after["receivable/save"] += 1
        yonyou.cut_after["receivable/audit"] += 1
        yonyou.throttle["receivable/save"] += 1
        kingdee.cut_after[".Save."] += 1

    def end(self) -> None:
        """The sky is clear. What was to go wrong did."""
        for simulator in self.company.simulators:
            faults = simulator.faults
            left = {**faults.cut_before, **faults.cut_after, **faults.throttle}
            assert not any(left.values()) and not any(faults.error.values()), f"{simulator.name}: {faults} never happened"
            faults.clear()

    def _after(self, simulator: Simulator) -> Callable[[str, int], None]:
        def happens(name: str, page: int) -> None:
            self._pages[simulator.name] += 1
            self._touch[simulator.name]()
            self.done["changed while paging"] += 1
            if simulator.name in LIMITS and self._due(simulator.name):
                simulator.kill_tokens()
                self.done["tokens killed"] += 1

        return happens

    def _due(self, name: str) -> bool:
        """Tokens die at the third page and every so many seconds: one that dies between a call and its repetition is a case for
        a person, and not of this weather."""
        now = time.monotonic()
        if self._pages[name] < 3 or now < self._next.get(name, 0.0):
            return False
        self._next[name] = now + APART
        return True

    # -- rows that change

    def _touch_wecom(self) -> None:
        with self.company.wecom.lock:
            userid, external = self.dice.choice(list(self.company.wecom.world.relations))
            self.company.wecom.world.edit(userid, external, description=f"备注{self.dice.randrange(1000)}")

    def _touch_dingtalk(self) -> None:
        with self.company.dingtalk.lock:
            key = self.dice.choice(list(self.company.dingtalk.people.contacts))
            self.company.dingtalk.people.contacts[key]["remark"] = f"备注{self.dice.randrange(1000)}"

    def _touch_taobao(self) -> None:
        self.company.taobao.touch("order", str(self.dice.choice(self.company.sold["taobao"])))

    def _touch_jd(self) -> None:
        self.company.jd.touch("order", str(self.dice.choice(self.company.sold["jd"])))

    def _touch_wukong(self) -> None:
        stream, label = self.dice.choice((("customer", CUSTOMER), ("deal", CONTRACT)))
        key = self.dice.choice(list(self.company.wukong.store.tables[label]))
        self.company.wukong.touch(stream, str(key))

    def _say(self) -> None:
        if self.dice.random() < 0.3:  # at each page, and the pages would have no end
            self.company.say(self.dice.choice(list(self.company.chatting())), "在吗")
