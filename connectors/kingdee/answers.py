"""What an answer of K/3 Cloud means. HTTP is 200 nearly always; the truth is in the body (docs: article 498432823951363072).

A write answers ``Result.ResponseStatus``; a query answers a bare array of rows, and its failure is that same status
inside ``[[…]]``; a server exception is plain text after ``response_error:``; an HTML page is a proxy or the login page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from connectors.base import Connector, Request, Verdict
from connectors.http import Response, interpret_status, judge

_SIGNS = (
    (("唯一性", "已经被使用"), "duplicate"),
    (("业务对象不存在",), "no_form"),
    (("已被其他用户修改",), "busy"),
)
"""Words by which a platform message says more than its MsgCode, and the sub-code of the error table they stand for."""
_PRIVATE = {
    "FName", "FShortName", "FADDRESS", "FTEL", "FINVOICETITLE", "FTAXREGISTERCODE", "FLinkMan", "FLinkPhone",
    "FReceiveAddress", "FNote", "FAR_Remark", "FMaterialDesc",
}  # fmt: skip
"""Keys whose values are blotted out of the platform's messages, which like to repeat what was sent."""


def read(connector: Connector, request: Request, response: Response) -> Verdict:
    """The verdict on an answer. The account's sign-in decides what a lost session means."""
    verdict = _transport(request, response)
    if verdict is not None:
        return verdict
    body = response.json
    if isinstance(body, dict) and "LoginResultType" in body:
        return _login(body, response)
    status = status_of(body)
    if status is None:
        answered = isinstance(body, list) and request.name.startswith("ExecuteBillQuery:")
        return Verdict("ok", body=body) if answered else Verdict("retry", code="no status", hint="kingdee.unreadable")
    if str(status.get("IsSuccess")).lower() == "true":
        return Verdict("ok", body=body, code="0")
    message, code = _said(status, request), str(status.get("MsgCode") or 0)
    sub = connector.config.auth_mode if code == "1" else _sub(message)
    return judge(connector.manifest, code, sub, message=message, body=body)


def status_of(body: Any) -> dict[str, Any] | None:
    """The ``ResponseStatus`` of an answer, wherever it stands; None when there is none (a query's rows, or nonsense)."""
    if isinstance(body, list):
        first = body[0] if body else None
        body = first[0] if isinstance(first, list) and first else first
    if not isinstance(body, dict):
        return None
    result = body.get("Result")
    holder = result if isinstance(result, dict) else body
    status = holder.get("ResponseStatus")
    return status if isinstance(status, dict) else None


def _transport(request: Request, response: Response) -> Verdict | None:
    """What can be said without a JSON body; None when the body decides."""
    text = response.text.lstrip("\ufeff\r\n ")
    if "Fail to verify thirty passport" in text[:2000]:
        return Verdict("config_error", code=f"http {response.status}", hint="kingdee.acct_id")
    if 300 <= response.status < 500 and response.status not in (408, 429):
        return Verdict("config_error", code=f"http {response.status}", hint="kingdee.gateway")
    generic = interpret_status(response)
    if generic is not None:
        return generic
    if text.startswith("response_error:"):
        message = _blotted(text.removeprefix("response_error:").strip()[:200], request)
        return Verdict("retry", code="response_error", message=message, hint="kingdee.exception")
    if response.json is None:
        return Verdict("retry", code="not json", hint="kingdee.unreadable")
    return None


def _login(body: dict[str, Any], response: Response) -> Verdict:
    message, code = str(body.get("Message") or ""), str(body.get("MessageCode") or body["LoginResultType"])
    if body["LoginResultType"] == 1:
        cookies = str(response.headers.get("Set-Cookie") or "")
        found = re.search(r"ASP\.NET_SessionId=([^;,\s]+)", cookies)
        return Verdict("ok", body={**body, "ASP.NET_SessionId": found[1] if found else ""})
    hint = "kingdee.login_locked" if "次数超限" in message else "kingdee.login"
    return Verdict("reauth", code=code, message=message, hint="kingdee.login_sign" if code == "002005000003016" else hint)


def _sub(message: str) -> str:
    """What the words add to the code."""
    return next((sub for words, sub in _SIGNS if all(word in message for word in words)), "")


def _said(status: dict[str, Any], request: Request) -> str:
    found = status.get("Errors")
    errors = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    texts = [": ".join(str(item[k]) for k in ("FieldName", "Message") if item.get(k)) for item in errors]
    return _blotted("; ".join(dict.fromkeys(texts)), request)


def _blotted(message: str, request: Request) -> str:
    """The message without the personal values of the request."""
    for value in sorted(_private_values(request), key=len, reverse=True):
        message = message.replace(value, "***")
    return message


def _private_values(request: Request) -> set[str]:
    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in _PRIVATE and isinstance(value, str):
                    yield value
                else:
                    yield from walk(value)
        elif isinstance(node, list):
            for item in node:
                yield from walk(item)

    sent = json.loads(request.body) if request.body else {}
    return {value for value in walk(sent) if len(value) > 1}
