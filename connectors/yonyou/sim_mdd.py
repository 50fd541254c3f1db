"""MDD idempotency: a write that comes again under the same key. (docs: open.yonyoucloud.com, MDD幂等性; 接口调用指南)

An hour long the same key gets the same full answer; then code 10004 with the id alone; after a month the key is forgotten,
and the same request makes a second document.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.yonyou.sim_gate import Refused

CACHED = timedelta(hours=1)
REMEMBERED = timedelta(days=31)


@dataclass
class _Call:
    at: datetime
    body: str
    answer: dict[str, Any] | None
    id: Any
    busy_until: datetime


@dataclass
class Idempotency:
    """Keys by API. violations: a key used again with another body. busy: seconds that a path's next call takes over there
    though the gateway has given it up (310504); meanwhile the same key is answered 202."""

    now: Callable[[], datetime]
    violations: list[str]
    calls: dict[tuple[str, str], _Call] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)

    def run(self, path: str, data: dict[str, Any], do: Callable[[], tuple[dict[str, Any], Any]]) -> dict[str, Any]:
        """Do it, or answer from memory. do: the answer, and the id of what was made. Raises Refused."""
        key = str(data.get("resubmitCheckKey") or "")
        if not key:
            return do()[0]
        if len(key) > 32:
            raise Refused("310024", "resubmitCheckKey长度不能超过32")
        now, body = self.now(), json.dumps(data, sort_keys=True, default=str)
        known = self.calls.get((path, key))
        if known is not None and now - known.at <= REMEMBERED:
            return self._again(path, known, body)
        answer, id = do()
        seconds = self.busy.pop(path, 0.0)
        self.calls[path, key] = _Call(now, body, answer, id, now + timedelta(seconds=seconds))
        if seconds:
            raise Refused("310504", "网关调用后端超时")
        return answer

    def _again(self, path: str, known: _Call, body: str) -> dict[str, Any]:
        if body != known.body:
            self.violations.append(f"{path}: a key was used again with another body")
        if self.now() < known.busy_until:
            raise Refused("202", "相同的请求正在处理中")
        if self.now() - known.at <= CACHED and known.answer is not None:
            return known.answer
        return {"code": "10004", "message": "重复请求", "data": {"id": known.id}}
