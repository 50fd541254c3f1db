"""How the simulated gateway reads a call and writes an answer: parameters, signature, clock, envelope, XML and JSON.

(docs: articleId 101617) Written from the platform's pages, not from the connector.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from xml.sax.saxutils import escape

from flask import Request, Response

BEIJING = timezone(timedelta(hours=8))
CLOCK_LIMIT = timedelta(minutes=10)
COMMON = frozenset(("method", "app_key", "session", "timestamp", "v", "sign_method", "sign", "format", "simplify")) | {
    "partner_id",
    "target_app_key",
}
TEXTS = {
    7: "App Call Limited", 11: "Insufficient ISV Permissions", 15: "Remote service error", 21: "Missing Method",
    22: "Invalid Method", 23: "Invalid Format", 24: "Missing Signature", 25: "Invalid Signature", 26: "Missing Session",
    27: "Invalid Session", 28: "Missing App Key", 29: "Invalid App Key", 30: "Missing Timestamp", 31: "Invalid Timestamp",
    32: "Missing Version", 33: "Invalid Version", 40: "Missing required arguments", 41: "Invalid arguments",
}  # fmt: skip


class TopError(Exception):
    """An error answer of the gateway. text: sub_msg."""

    def __init__(self, code: int, sub_code: str = "", text: str = "") -> None:
        super().__init__(f"{code} {sub_code}")
        self.code, self.sub_code, self.text = code, sub_code, text


def invalid(name: str, text: str = "") -> TopError:
    """A parameter that is wrong."""
    return TopError(41, f"isv.invalid-parameter:{name}", text or f"parameter {name} is invalid")


def missing(name: str) -> TopError:
    """A parameter that must be there."""
    return TopError(40, f"isv.missing-parameter:{name}", f"parameter {name} is missing")


def parameters(request: Request) -> dict[str, str]:
    """All text parameters, wherever they travel: query, form body, multipart text part. Files are left out."""
    return {**request.args.to_dict(), **request.form.to_dict()}


def digest(secret: str, params: Mapping[str, str], how: str) -> str:
    """The signature over everything but ``sign`` itself."""
    pairs = sorted((name, value) for name, value in params.items() if name != "sign")
    text = "".join(f"{name}{value}" for name, value in pairs)
    if how == "md5":
        return hashlib.md5(f"{secret}{text}{secret}".encode(), usedforsecurity=False).hexdigest().upper()
    algorithm = hashlib.md5 if how == "hmac" else hashlib.sha256
    return hmac.new(secret.encode(), text.encode(), algorithm).hexdigest().upper()


def verify(params: Mapping[str, str], secrets: Mapping[str, str], now: datetime) -> None:
    """The gateway's own checks, before any API is looked at. Raises TopError."""
    if not params.get("app_key"):
        raise TopError(28)
    if params["app_key"] not in secrets:
        raise TopError(29, "isv.appkey-not-exists")
    if not params.get("v"):
        raise TopError(32)
    if params["v"] != "2.0":
        raise TopError(33)
    if not params.get("timestamp"):
        raise TopError(30)
    said = _moment(params["timestamp"])
    if said is None or abs(said - now) > CLOCK_LIMIT:
        raise TopError(31, "isv.timestamp-limit-error")
    if not params.get("sign"):
        raise TopError(24)
    how = params.get("sign_method", "")
    # The official SDKs disagree on whether an empty parameter is part of the string, so a call with one is not accepted.
    if how not in ("md5", "hmac", "hmac-sha256") or any(value == "" for value in params.values()):
        raise TopError(25)
    if not hmac.compare_digest(digest(secrets[params["app_key"]], params, how).encode(), params["sign"].encode()):
        raise TopError(25)


def _moment(text: str) -> datetime | None:
    """Beijing time as text, or milliseconds as the official Python SDK sends them."""
    if text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC) if len(text) <= 14 else None
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        return None


def answer(params: Mapping[str, str], body: Mapping[str, Any], request_id: str) -> Response:
    """A success. Lists in ``body`` stand as ``{outer: {inner: [...]}}``; ``simplify`` drops the inner key and the root."""
    inside = {**body, "request_id": request_id}
    root = params["method"].removeprefix("taobao.").replace(".", "_") + "_response"
    if params.get("format") != "json":
        return _xml(root, inside)
    return _json(simplified(inside) if params.get("simplify") == "true" else {root: inside})


def refusal(params: Mapping[str, str], error: TopError, request_id: str) -> Response:
    """An error: HTTP 200 all the same."""
    body: dict[str, Any] = {"code": error.code, "msg": TEXTS.get(error.code, "Unknown Error")}
    if error.sub_code:
        body |= {"sub_code": error.sub_code, "sub_msg": error.text or error.sub_code}
    body["request_id"] = request_id
    return _json({"error_response": body}) if params.get("format") == "json" else _xml("error_response", body)


def simplified(value: Any) -> Any:
    """Lists without their inner wrapper, at every depth."""
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(only := next(iter(value.values())), list):
            return [simplified(item) for item in only]
        return {name: simplified(item) for name, item in value.items()}
    return value


def _json(body: Any) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, content_type="text/javascript;charset=UTF-8")


def _xml(root: str, body: Mapping[str, Any]) -> Response:
    text = f'<?xml version="1.0" encoding="utf-8" ?><{root}>{_elements(body)}</{root}>'
    return Response(text, content_type="text/xml;charset=UTF-8")


def _elements(body: Mapping[str, Any]) -> str:
    return "".join(_element(name, value) for name, value in body.items())


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, dict):
        mark = ' list="true"' if len(value) == 1 and isinstance(next(iter(value.values())), list) else ""
        return f"<{name}{mark}>{_elements(value)}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(text)}</{name}>"
