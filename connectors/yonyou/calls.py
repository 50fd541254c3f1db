"""Calls to one tenant: the data centre is discovered, a token fetched, and each call carries it in its query.

(docs: open.yonyoucloud.com, 获取租户所在数据中心域名; 自建应用获取 token; signature as in yonyoucloud-open/corp-demo)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors import errors
from connectors.base import Connector, Request, Token, Verdict
from connectors.http import Runtime, exact_json
from connectors.yonyou import answers
from connectors.yonyou.config import YonyouConfig

GATEWAY_PATH = "/open-auth/dataCenter/getGatewayAddress"
TOKEN_PATH = "/open-auth/selfAppAuth/base/v1/getAccessToken"  # noqa: S105 - a path
TIMEOUT = 40.0
"""Seconds. A call may take 30 s in the platform's whole chain (docs: 接口调用指南), so a slow answer still arrives."""
_JSON = {"Content-Type": "application/json; charset=utf-8"}


def signature(secret: str, parameters: Mapping[str, str]) -> str:
    """Base64 of the HMAC-SHA256 over names and values in the order of the names, joined without separators.

    The URL encodes it once; encoding it here as well is the classic mistake.
    """
    text = "".join(name + parameters[name] for name in sorted(parameters))
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()


def resubmit_key(*facts: str) -> str:
    """The client-made key of an idempotent write, 32 characters: the same facts have the same one, changed ones another.

    The platform remembers it for a month only (docs: MDD幂等性), so a look-up by our number goes before every write.
    """
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


class YonyouCalls(Connector):
    """The gateway of the tenant's data centre. Its address is kept beside the token, and asked for with each new one."""

    Config = YonyouConfig
    config: YonyouConfig

    def __init__(self, config: YonyouConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.base_url = config.discovery_url + "/"

    def fetch_token(self) -> Token:
        """A token of the self-built application, 7200 s. Raises ConfigError for an unknown tenant, ReauthNeeded for the key."""
        where = self._auth(self.config.discovery_url + GATEWAY_PATH, {"tenantId": self.config.tenant_id})
        signed = {"appKey": self.config.app_key, "timestamp": str(int(self.clock().timestamp() * 1000))}
        signed["signature"] = signature(self.config.app_secret, signed)
        given = self._auth(f"{str(where['tokenUrl']).rstrip('/')}{TOKEN_PATH}", signed)
        # renewed at 80 % of its life
        life = float(given.get("expire") or 7200) * 0.8
        return Token(str(given["access_token"]), life, {"gateway": str(where["gatewayUrl"]).rstrip("/")})

    def _auth(self, url: str, query: dict[str, str]) -> Mapping[str, Any]:
        name = url.rpartition("/")[2]
        data = self.http.call(Request("GET", url, query=query, auth=False, name=name)).get("data")
        wanted = {"gatewayUrl", "tokenUrl"} if "tenantId" in query else {"access_token"}
        if not isinstance(data, dict) or not all(data.get(key) for key in wanted):
            raise errors.UnknownAnswer("yonyou.unreadable", name=name)
        return data

    def sign(self, request: Request, token: Token | None) -> Request:
        """To the tenant's gateway, with the token in the query: such a URL is never logged."""
        if token is None:
            return request
        query = {**request.query, "access_token": token.value}
        return replace(request, path=token.extra["gateway"] + request.path, query=query)

    def interpret(self, request: Request, response: Any) -> Verdict:
        """See ``answers``."""
        return answers.read(self, request, response)

    def ask(self, path: str, body: Any) -> Any:
        """``data`` of a read by POST."""
        return self._post(path, body).get("data")

    def ask_by_id(self, path: str, id: str) -> Any:
        """``data`` of a read by GET."""
        request = Request("GET", path, query={"id": id}, timeout=TIMEOUT)
        return _named(self, request).get("data")

    def write(self, path: str, body: Any, *key: str) -> Any:
        """``data`` of a write; None where the answer has none. key: the facts that make it the same write when it comes again.

        Where the same write is still being done over there (code 202), the same body goes out again after five seconds.
        """
        if key:
            facts = (self.config.tenant_id, path, *key, exact_json(body).decode())
            body = {"data": {"resubmitCheckKey": resubmit_key(*facts), **body["data"]}}
        return self._post(path, body, write=True).get("data")

    def _post(self, path: str, body: Any, *, write: bool = False) -> Any:
        sent = exact_json(body)
        return _named(self, Request("POST", path, body=sent, headers=_JSON, write=write, timeout=TIMEOUT))


def _named(calls: Connector, request: Request) -> Any:
    """The body of the answer; errors say which operation they are about."""
    try:
        return calls.http.call(request)
    except errors.ConnectorError as error:
        error.params.setdefault("operation", request.path)
        raise
