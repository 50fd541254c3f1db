"""npm taobao-sdk 2.0.5 (by the platform's own people) hears the simulated message service over the websocket; PyPI
taobaopy 6.0.1 takes and confirms the same messages by API. Our connector then finds only what they left.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from connectors import registry
from connectors.http import Runtime
from connectors.sandbox import Served
from connectors.taobao.simulator import APP_KEY, SHOP, TaobaoSimulator

NODE = Path(__file__).parent / "node"
GROUP = "shop-a"
needs_node = pytest.mark.skipif(
    not shutil.which("node") or not (NODE / "node_modules/taobao-sdk").exists(),
    reason="needs Node.js and, once, `npm ci --ignore-scripts` in tests/conformance/node",
)


class Service:
    """The simulated message service with the shop let in."""

    def __init__(self):
        self.sim = TaobaoSimulator()
        self.sim.app.logger.disabled = True
        self.served = Served(self.sim)
        self.settings = self.sim.settings(self.served.url)
        self.sim.tmc.permitted.add(SHOP)

    def put(self, number):
        return self.sim.tmc.put("taobao_trade_TradeBuyerPay", SHOP, {"tid": number, "buyer_nick": "张**", "payment": "0.01"})

    def node(self, *, secret=None, group="default", fail=(), expect=1):
        """The published client until it has heard so many messages: its process."""
        job = {"url": self.settings["message_channel"], "key": APP_KEY, "secret": secret or self.settings["app_secret"]}
        job |= {"group": group, "fail": [str(number) for number in fail], "expect": expect}
        environment = {**os.environ, "TZ": "Asia/Shanghai", "NODE_NO_WARNINGS": "1"}
        return subprocess.run(
            ["node", "tmc.js", json.dumps(job)],
            cwd=NODE,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def heard(self, **job):
        done = self.node(**job)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    def ours(self, **changes):
        kind = registry.get("taobao").load()
        config = kind.Config(**{**self.settings, "messages": "pull", "message_pause": 1, **changes})
        return kind(config, Runtime()).listen()


@pytest.fixture
def service():
    made = Service()
    yield made
    made.served.close()


@needs_node
def test_the_published_client_hears_and_its_word_is_taken(service):
    numbers = [service.put(2211223344556677889 + index) for index in range(3)]
    heard = service.heard(expect=3, fail=numbers[1:2])
    assert [(item["id"], item["topic"], item["nick"]) for item in heard] == [
        (str(number), "taobao_trade_TradeBuyerPay", SHOP) for number in numbers
    ]
    assert '"tid": 2211223344556677889' in heard[0]["content"]
    assert service.sim.tmc.confirmed(numbers[0]) and service.sim.tmc.confirmed(numbers[2])
    assert list(service.sim.tmc.waiting) == [numbers[1]], "what its program could not take is not confirmed"
    service.sim.tmc.again()
    left = next(item for item in service.ours() if item is not None)
    assert left.dedup_key == str(numbers[1]) and left.payload["content"]["tid"] == 2211223344556677890


@needs_node
def test_the_published_client_hears_its_group_only(service):
    other = service.put(1)
    service.sim.tmc.groups[SHOP] = GROUP
    ours = service.put(2)
    assert [item["id"] for item in service.heard(group=GROUP)] == [str(ours)]
    assert list(service.sim.tmc.waiting) == [other]


@needs_node
@pytest.mark.parametrize(
    ("job", "words"), [({"secret": "not it"}, "sign is invalid"), ({"group": "nobody"}, "group not found")]
)
def test_the_published_client_understands_a_refusal(service, job, words):
    done = service.node(**job)
    assert done.returncode != 0 and words in done.stderr


@pytest.fixture
def beijing(monkeypatch):
    """Local time is Beijing time, which taobaopy takes for granted."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        yield
    time.tzset()


def test_a_published_client_takes_and_confirms_by_api(service, beijing):
    pytest.importorskip("taobaopy", reason="taobaopy is a development dependency")
    from taobaopy.taobao import TaoBaoAPIClient

    client = TaoBaoAPIClient(APP_KEY, service.settings["app_secret"], domain=service.served.url)
    numbers = [service.put(2211223344556677889 + index) for index in range(3)]
    found = client.tmc_messages_consume(quantity=10)["tmc_messages_consume_response"]["messages"]["tmc_message"]
    assert [(item["id"], json.loads(item["content"])["tid"]) for item in found] == [
        (number, 2211223344556677889 + index) for index, number in enumerate(numbers)
    ]
    assert "messages" not in client.tmc_messages_consume(quantity=10)["tmc_messages_consume_response"]
    done = client.tmc_messages_confirm(s_message_ids=f"{numbers[0]},{numbers[1]}")
    assert done["tmc_messages_confirm_response"]["is_success"] and service.sim.tmc.log == numbers[:2]
    service.sim.tmc.again()
    assert next(item for item in service.ours() if item is not None).dedup_key == str(numbers[2])
