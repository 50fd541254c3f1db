"""Published clients of TOP, written by others, against our simulated gateway: PyPI taobao-openapi (md5, common parameters
in the address, milliseconds as timestamp) and taobaopy (hmac, everything in the form, Beijing time as text).

They take the machine's local time for Beijing time, so each runs in a process of its own with TZ set.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from connectors import registry
from connectors.base import Window
from connectors.http import Runtime
from connectors.sandbox import Served
from connectors.taobao.sim_protocol import BEIJING
from connectors.taobao.simulator import TaobaoSimulator

for package in ("top", "taobaopy"):
    pytest.importorskip(package, reason=f"the published client {package} is not installed")

FIELDS = "tid,status,payment,modified,orders"
TYPES = "guarantee_trade,auto_delivery,ec,cod,step,eticket,tmall_i18n"

OFFICIAL = """
import top
from top.api.base import TopException
from top.api.rest.RefundsReceiveGetRequest import RefundsReceiveGetRequest
from top.api.rest.TopAuthTokenRefreshRequest import TopAuthTokenRefreshRequest
from top.api.rest.TradeFullinfoGetRequest import TradeFullinfoGetRequest
from top.api.rest.TradesSoldIncrementGetRequest import TradesSoldIncrementGetRequest

KINDS = {"list": TradesSoldIncrementGetRequest, "one": TradeFullinfoGetRequest, "refunds": RefundsReceiveGetRequest,
         "refresh": TopAuthTokenRefreshRequest}

def call(what, session, **params):
    request = KINDS[what](job["host"], job["port"])
    request.set_app_info(top.appinfo(job["key"], job["secret"]))
    for name, value in params.items():
        setattr(request, name, value)
    try:
        return next(iter(request.getResponse(session).values()))
    except TopException as error:
        return {"refused": [error.errorcode, error.subcode]}
"""

TAOBAOPY = """
from taobaopy.taobao import TaoBaoAPIClient, TaoBaoAPIError

NAMES = {"list": "trades_sold_increment_get", "one": "trade_fullinfo_get", "refunds": "refunds_receive_get",
         "refresh": "top_auth_token_refresh"}

def call(what, session, **params):
    client = TaoBaoAPIClient(job["key"], job["secret"], domain="http://%s:%s" % (job["host"], job["port"]))
    if session:
        client.set_access_token(session)
    try:
        return next(iter(getattr(client, NAMES[what])(**params).values()))
    except TaoBaoAPIError as error:
        return {"refused": [error.code, error.sub_code]}
"""

WORK = """
window = {"start_modified": job["start"], "end_modified": job["end"], "type": job["types"]}
out = {}
first = call("list", job["session"], fields="tid", page_size=1, **window)
if "refused" in first:
    print(json.dumps(first))
    sys.exit()
trades = []
for page in range(-(-first["total_results"] // 40), 0, -1):
    answer = call("list", job["session"], fields=job["fields"], page_no=page, page_size=40, use_has_next="true", **window)
    trades += answer["trades"]["trade"]
out["trades"] = trades
out["one"] = call("one", job["session"], fields=job["fields"], tid=trades[0]["tid"])["trade"]
out["gone"] = call("one", job["session"], fields="tid", tid=1)
out["refunds"] = call("refunds", job["session"], fields="refund_id,tid,refund_fee", **window)["refunds"]["refund"]
out["span"] = call("list", job["session"], fields="tid", start_modified="2020-01-01 00:00:00", end_modified=job["end"])
out["dead"] = call("list", "nobody's session", fields="tid", **window)
token = call("refresh", None, refresh_token=job["refresh_token"])["token_result"]
out["renewed"] = call("list", json.loads(token)["access_token"], fields="tid", **window)["total_results"]
out["old"] = call("list", job["session"], fields="tid", **window)
print(json.dumps(out))
"""


class Gateway:
    """The simulator served on the real clock, with a few orders and refunds of the last hour."""

    def __init__(self):
        self.sim = TaobaoSimulator()
        self.served = Served(self.sim)
        self.settings = self.sim.settings(self.served.url)
        self.start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=40)
        self.keys = self.sim.populate("order", 90, start=self.start, step=timedelta(seconds=10))
        self.refunds = self.sim.populate("refund", 5, start=self.start, step=timedelta(seconds=10))

    def run(self, client: str, **changes):
        """The client's work in a process of its own, in Beijing time."""
        host, port = self.served.url.removeprefix("http://").split(":")
        window = {name: moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S") for name, moment in self.window().items()}
        job = {"host": host, "port": int(port), "key": self.settings["app_key"], "secret": self.settings["app_secret"]}
        job |= {"session": self.settings["session"], "refresh_token": self.settings["refresh_token"]}
        job |= {**window, "fields": FIELDS, "types": TYPES, **changes}
        script = f"import json, sys\njob = json.loads(sys.argv[1])\n{client}\n{WORK}"
        environment = {**os.environ, "TZ": "Asia/Shanghai"}
        done = subprocess.run(
            [sys.executable, "-c", script, json.dumps(job)],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    def window(self):
        return {"start": self.start - timedelta(minutes=1), "end": self.start + timedelta(minutes=30)}


@pytest.fixture
def gateway():
    made = Gateway()
    yield made
    made.served.close()


CLIENTS = pytest.mark.parametrize("client", [OFFICIAL, TAOBAOPY], ids=["taobao-openapi", "taobaopy"])


@CLIENTS
def test_a_published_client_reads_what_our_connector_reads(gateway, client):
    kind = registry.get("taobao").load()
    connector = kind(kind.Config(**gateway.settings), Runtime())
    window = gateway.window()
    ours = {
        record["tid"]: (record["status"], record["payment"], record["modified"], record["orders"])
        for page in connector.pages("order", Window(window["start"], window["end"]), None)
        for record in page.records
    }
    got = gateway.run(client)
    theirs = {row["tid"]: (row["status"], row["payment"], row["modified"], row["orders"]) for row in got["trades"]}
    assert set(map(str, theirs)) == set(gateway.keys)
    assert theirs == ours
    assert got["one"] == got["trades"][0]
    assert {row["refund_id"] for row in got["refunds"]} == set(gateway.refunds)


@CLIENTS
def test_a_published_client_understands_every_refusal(gateway, client):
    got = gateway.run(client)
    assert got["gone"]["refused"] == [15, "isv.trade-not-exist"]
    assert got["span"]["refused"] == [41, "isv.invalid-parameter:end_modified"]
    assert got["dead"]["refused"] == [27, "invalid-sessionkey"]
    assert got["renewed"] == 90
    assert got["old"]["refused"] == [27, "invalid-sessionkey"]


@CLIENTS
def test_a_wrong_secret_is_refused(gateway, client):
    assert gateway.run(client, secret="not the secret")["refused"][0] == 25


@CLIENTS
def test_a_crm_application_is_refused(gateway, client):
    gateway.sim.access.apps[gateway.settings["app_key"]].packages.clear()
    assert gateway.run(client)["refused"] == [11, "isv.permission-api-package-limit"]
