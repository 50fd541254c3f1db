"""What an answer of YonBIP means. HTTP is 200 nearly always; ``code`` in the body decides, as text: some answers write it
as a number. (docs: open.yonyoucloud.com, 错误码; each API's page)

A batch answers code 200 though rows failed: ``data.failCount`` is the truth. The gateway refuses an unknown path with HTTP
404 and code 310404 before it looks at the token, and some APIs say in plain text that a token is dead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from connectors.base import Connector, Request, Verdict
from connectors.http import Response, interpret_status, judge

_SIGNS = (
    ("不是最新状态", "stale"),
    ("不允许提交", "state"),
    ("单据已审核", "state"),
    ("该单据为开立态", "state"),
    ("会计期间已经结账", "period"),
    ("被删除或没有权限", "gone"),
)
"""Words by which a message says more than code 999, and the sub-code of the error table they stand for."""
_PRIVATE = {
    "simplifiedName", "enterpriseName", "personName", "creditCode", "contactTel", "contactName", "email", "title", "taxNo",
    "remarks", "memo", "gmfMc", "gmfNsrsbh", "gmfDz", "gmfDh", "gmfYh", "gmfZh", "revemail", "revphone", "bz", "xmmc",
}  # fmt: skip
"""Keys whose values are blotted out of the platform's messages, which like to repeat what was sent."""
GATEWAY_CODE = re.compile(r"31\d{4}")


def read(connector: Connector, request: Request, response: Response) -> Verdict:
    """The verdict on an answer."""
    body = response.json
    code = str(body["code"]) if isinstance(body, dict) and body.get("code") not in (None, "") else ""
    if not GATEWAY_CODE.fullmatch(code) or response.status >= 500:
        verdict = _transport(response, code)
        if verdict is not None:
            return verdict
    message = _blotted(str(body.get("message") or body.get("msg") or ""), request)
    known: dict[str, Any] = {"message": message, "body": body, "request_id": _trace(body)}
    if code in connector.manifest.errors.ok:
        failed = _failed_rows(body)
        if failed is None:
            return Verdict("ok", code=code, **known)
        code, known["message"] = "999", _blotted(failed, request)
    return judge(connector.manifest, code, _sub(code, known["message"], request), **known)


def _transport(response: Response, code: str) -> Verdict | None:
    """What is said outside of a readable body; None when the body decides."""
    text = response.text[:500]
    if not code and ("310036" in text or "非法token" in text):
        return Verdict("refresh_token", code="310036", hint="yonyou.token")
    generic = interpret_status(response)
    if generic is not None:
        return generic
    if not code:
        return Verdict("retry", code="no code", hint="yonyou.unreadable")
    return None


def _failed_rows(body: dict[str, Any]) -> str | None:
    """The messages of a batch of which rows failed; None when all went well."""
    data = body.get("data")
    failed = data.get("failCount") if isinstance(data, dict) else None
    if not isinstance(data, dict) or str(failed or "0") == "0":
        return None
    said = data.get("messages") or []
    texts = [
        str(item.get("message") if isinstance(item, dict) else item) for item in (said if isinstance(said, list) else [said])
    ]
    return "; ".join(dict.fromkeys(texts)) or "failCount"


def _sub(code: str, message: str, request: Request) -> str:
    if code == "500" and request.name == "getGatewayAddress":
        return "tenant"
    return next((sub for words, sub in _SIGNS if words in message), "")


def _trace(body: dict[str, Any]) -> str | None:
    """What the platform calls the fault, for its support."""
    found = body.get("traceId") or body.get("displayCode")
    return str(found) if found else None


def _blotted(message: str, request: Request) -> str:
    """The message without the personal values of the request."""
    sent = json.loads(request.body) if request.body else {}
    for value in sorted({value for value in _private(sent) if len(value) > 1}, key=len, reverse=True):
        message = message.replace(value, "***")
    return message


def _private(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in _PRIVATE and isinstance(value, str):
                yield value
            else:
                yield from _private(value)
    elif isinstance(node, list):
        for item in node:
            yield from _private(item)
