"""The lines of a connection check, in both languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.base import Finding
from connectors.checks import fix_of
from connectors.errors import ConnectorError

TEXTS: dict[str, tuple[str, str]] = {
    "seats": ("会话内容存档的 Secret 有效", "The secret of the chat archive is valid"),
    "keys": ("私钥读得出来", "The private keys can be read"),
    "library": ("官方组件能启动并取到数据", "The vendor's library starts and gives data"),
    "opens": ("消息能用私钥解开", "Messages open with the private keys"),
}


def findings(messages: Mapping[str, Any], **asks: Callable[[], Any]) -> list[Finding]:
    """Ask one after the other; with the first that fails the rest says nothing new. asks: of ``TEXTS``, in their order."""
    found: list[Finding] = []
    for what in TEXTS:
        try:
            answer = asks[what]()
        except ConnectorError as error:
            return [*found, Finding(*TEXTS[what], False, *fix_of(messages, error), code=error.code)]
        found.append(Finding(*TEXTS[what], True))
        if what == "seats":
            found.append(_seats(messages, int(answer)))
    return found


def _seats(messages: Mapping[str, Any], count: int) -> Finding:
    fix = messages["wecom_archive.no_seats"]
    zh, en = f"有 {count} 名成员开启了存档", f"{count} members have an archive seat"
    return Finding(zh, en, True, *(() if count else (fix.fix_zh, fix.fix_en)))
