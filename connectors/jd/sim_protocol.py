"""How the simulated JD gateway reads a call and writes an answer: parameters, clock, signature, envelope.

(docs: jos.jd.com commondoc listId=33) Written from the fact sheet, not from the connector.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from flask import Request, Response

BEIJING = timezone(timedelta(hours=8))
FORMAT = "%Y-%m-%d %H:%M:%S"
CLOCK_LIMIT = timedelta(minutes=6)
BODY = "360buy_param_json"
COMMON = {"method", "app_key", "access_token", "timestamp", "v", "format", BODY, "sign"}
WORDS = {
    "1": "服务不可用", "2": "限制时间内调用失败次数", "4": "缺少版本参数", "5": "不支持的版本号", "6": "缺少时间戳参数",
    "7": "非法的时间戳参数", "8": "时间戳与服务器时间相差过大", "11": "缺少签名参数", "12": "无效签名", "14": "缺少方法名参数",
    "15": "不存在的方法名", "18": "缺少access_token参数", "19": "无效access_token",
    "20": "缺少app_key参数", "21": "无效app_key",
    "24": "ISV没有权限调用该API", "50": "无效调用", "60": "参数无效", "61": "参数类型错误", "62": "JSON格式错误",
    "63": "字段无效", "65": "平台连接后端服务超时", "66": "平台连接后端服务不可用",
    "67": "平台连接后端服务处理过程中出现未知异常",
    "73": "该api是敏感api,请将您的app入驻云鼎平台方可调用", "80": "IP不在白名单内", "92": "测试状态超过三个月",
}  # fmt: skip


class JdError(Exception):
    """A refusal by the gateway. code: text, as the gateway writes codes."""

    def __init__(self, code: int | str, words: str = "") -> None:
        super().__init__(str(code))
        self.code, self.words = str(code), words


class Business(Exception):
    """A refusal by the service behind the gateway: it comes with outer code "0". holder: the result object's name."""

    def __init__(self, holder: str, number: int, words: str) -> None:
        super().__init__(words)
        self.holder, self.number, self.words = holder, number, words


def parameters(request: Request) -> dict[str, str]:
    """All parameters, from the address and the form; the SDKs use either."""
    return {**request.args.to_dict(), **request.form.to_dict()}


def digest(secret: str, params: Mapping[str, str]) -> str:
    """Upper-case MD5 of secret, all names and values in byte order of the names, and secret again."""
    pieces = [secret.encode()]
    for name in sorted(params, key=str.encode):
        if name != "sign":
            pieces += [name.encode(), params[name].encode()]
    pieces.append(secret.encode())
    return hashlib.md5(b"".join(pieces), usedforsecurity=False).hexdigest().upper()


def moment(text: str) -> datetime | None:
    """A timestamp in one of the two forms that exist in the wild."""
    for form in (FORMAT, "%Y-%m-%d %H:%M:%S.000%z"):
        try:
            found = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=BEIJING)
    return None


def check_clock(params: Mapping[str, str], now: datetime) -> None:
    """Raises 4 to 8."""
    if not params.get("v"):
        raise JdError(4)
    if params["v"] != "2.0":
        raise JdError(5)
    if not params.get("timestamp"):
        raise JdError(6)
    said = moment(params["timestamp"])
    if said is None:
        raise JdError(7)
    if abs(said - now) > CLOCK_LIMIT:
        raise JdError(8)


def check_sign(params: Mapping[str, str], secret: str) -> None:
    """Raises 11 or 12. The signature covers exactly what was received, an empty access_token as well."""
    if not params.get("sign"):
        raise JdError(11)
    if not hmac.compare_digest(digest(secret, params).encode(), params["sign"].encode()):
        raise JdError(12)


def business(params: Mapping[str, str]) -> dict[str, Any]:
    """The business parameters. Raises 62 for what is no JSON object, 50 for parameters outside of it."""
    if set(params) - COMMON:
        raise JdError(50)
    try:
        found = json.loads(params.get(BODY, "{}"))
    except ValueError:
        raise JdError(62) from None
    if not isinstance(found, dict):
        raise JdError(62)
    return found


def root_of(method: str, spelling: str) -> str:
    """The key under which a method answers."""
    return method.replace(".", "_") + spelling


def as_json(body: Any) -> Response:
    """An answer: HTTP 200 whatever it says."""
    return Response(json.dumps(body, ensure_ascii=False, separators=(",", ":")), content_type="application/json;charset=utf-8")


def refusal(error: JdError) -> Response:
    """An error of the gateway."""
    words = error.words or WORDS.get(error.code, "系统错误")
    return as_json({"error_response": {"code": error.code, "zh_desc": words, "en_desc": f"error {error.code}"}})
