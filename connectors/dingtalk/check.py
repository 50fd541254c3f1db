"""The lines of a connection check, in both languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from connectors.base import Finding
from connectors.errors import ConnectorError, Gone, InvalidRecord

T = TypeVar("T")
TEXTS: dict[str, tuple[str, str]] = {
    "token": ("Client ID 与 Client Secret 可换取 accessToken", "Client ID and secret give an access token"),
    "staff": ("可读取部门与成员", "Departments and members can be read"),
    "external": ("可读取外部联系人与标签", "External contacts and labels can be read"),
    "crm": ("可读取客户管理", "The CRM app can be read"),
    "approvals": ("可读取合同审批", "Contract approvals can be read"),
    "stream": ("Stream 网关给出了连接凭据", "The Stream gateway gives a ticket"),
    "callback": ("回调 token 与 aes_key 已填写", "Callback token and aes_key are set"),
}
LATER = ("稍后再检查;若一直如此,请带上代码联系管理员", "Check again later; if it stays so, tell an administrator the code")


class Checks:
    """Collects findings. messages: the manifest's, which say what to do."""

    def __init__(self, messages: Mapping[str, Any]) -> None:
        self.findings: list[Finding] = []
        self._messages = messages

    def ask(self, what: str, call: Callable[[], T]) -> T | None:
        """Make the call and note how it went; its answer, or None."""
        try:
            answer = call()
        except (Gone, InvalidRecord):
            answer = None
        except ConnectorError as error:
            self._failed(what, error)
            return None
        self.findings.append(Finding(*TEXTS[what], True))
        return answer

    def callback(self, token: str, aes_key: str) -> None:
        """Whether pushes can be opened, or a hint that changes are then seen late."""
        message = self._messages["dingtalk.callback_unset"]
        ok = bool(token) and len(aes_key) == 43
        self.findings.append(Finding(*TEXTS["callback"], ok, *(() if ok else (message.fix_zh, message.fix_en))))

    def _failed(self, what: str, error: ConnectorError) -> None:
        message, said = self._messages.get(error.key), str(error.params.get("message") or "")
        fix = (f"{message.zh}。{message.fix_zh}", f"{message.en}. {message.fix_en}") if message else LATER
        if "requiredScopes" in said:
            # The platform names the permission points itself: nobody has to look them up.
            scopes = said[said.index("requiredScopes") :]
            fix = (f"{fix[0]} ({scopes})", f"{fix[1]} ({scopes})")
        self.findings.append(Finding(*TEXTS[what], False, *fix, code=error.code))
