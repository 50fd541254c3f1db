"""What an answer of JD's gateway means. Four layers can fail, all with HTTP 200, some with outer code "0".

(docs: jos.jd.com commondoc listId=33; shapes as in JD's own SDKs)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta, timezone
from typing import Any

from connectors.base import Request, Verdict
from connectors.http import Response

BEIJING = timezone(timedelta(hours=8))
ONE = ("jingdong.pop.order.enGet", "jingdong.pop.order.notPayOrderById")
"""Reads of one record: only there can words say that it does not exist."""
NO_SUCH = "不存在"
_GOOD = ("", "0", "None")
Judge = Callable[..., Verdict]
"""The manifest's table: (code, sub code) -> verdict."""


def understand(judge: Judge, request: Request, response: Response, now: datetime) -> Verdict:
    """The verdict on an answer of the gateway; its body is what stands under the method's root."""
    if response.status != 200:
        return Verdict("retry", code=f"http {response.status}", wait=response.retry_after)
    body = response.json
    if not isinstance(body, dict):
        return Verdict("retry", code="not json")
    if isinstance(error := body.get("error_response"), dict):
        return _gateway(judge, error, now)
    stem = request.name.replace(".", "_")
    inside = body.get(f"{stem}_responce", body.get(f"{stem}_response"))
    if not isinstance(inside, dict):
        if "code" in body:
            return _gateway(judge, body, now)
        # Neither an answer nor an error of JD's: it comes from somebody in between.
        return Verdict("retry", code="not a JOS answer")
    if str(inside.get("code")) not in _GOOD:
        return _gateway(judge, inside, now)
    return _service(judge, request, inside)


def _gateway(judge: Judge, error: Mapping[str, Any], now: datetime) -> Verdict:
    """Layers one to three: the gateway, the root, and the outer code of an answer."""
    code = str(error.get("code"))
    words = str(error.get("zh_desc") or error.get("errorMessage") or error.get("en_desc") or "")
    if len(code) >= 8 and code.isdecimal():
        return judge("service", code, message=words)
    verdict = judge(code, message=words, request_id=_text(error.get("requestId")))
    if verdict.action == "throttle" and code == "2":
        return replace(verdict, wait=until_midnight(now))
    return verdict


def _service(judge: Judge, request: Request, inside: dict[str, Any]) -> Verdict:
    """Layer four: the service behind the gateway says no inside a success."""
    for result in inside.values():
        if not isinstance(result, dict):
            continue
        said = result.get("apiResult")
        said = said if isinstance(said, dict) else result
        if "success" not in said or str(said["success"]).lower() == "true":
            continue
        words = str(said.get("chineseErrCode") or said.get("msg") or said.get("englishErrCode") or "")
        number = str(said.get("numberCode") or said.get("code") or "")
        if request.name in ONE and NO_SUCH in words:
            return Verdict("gone", code=number, message=words)
        return judge("service", number, message=words)
    return Verdict("ok", body=inside)


def until_midnight(now: datetime) -> float:
    """Seconds until the next day in Beijing, when the daily quota begins anew."""
    here = now.astimezone(BEIJING)
    return (datetime.combine(here.date() + timedelta(days=1), time(0, 1), BEIJING) - here).total_seconds()


def token_answer(response: Response) -> Verdict:
    """The token service: flat JSON; a code other than 0 is a refusal that only a new consent mends."""
    if response.status != 200:
        return Verdict("retry", code=f"http {response.status}", wait=response.retry_after)
    body = response.json
    if not isinstance(body, dict):
        return Verdict("retry", code="not json")
    if body.get("access_token"):
        return Verdict("ok", body=body)
    code, request_id, words = str(body.get("code")), _text(body.get("requestId")), str(body.get("msg") or "")
    return Verdict("reauth", code=code, message=words, request_id=request_id, hint="jd.reauth")


def _text(value: Any) -> str | None:
    return str(value) if value else None
