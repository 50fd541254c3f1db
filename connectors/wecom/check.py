"""The lines of a connection check, in both languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from connectors.base import Finding
from connectors.errors import ConnectorError, Gone, InvalidRecord

T = TypeVar("T")
TRUSTED_IP = "60020"
TEXTS: dict[str, tuple[str, str]] = {
    "token": ("企业 ID 与 Secret 可换取 access_token", "Corp ID and secret give an access token"),
    "trusted_ip": ("本机出口地址在企业可信 IP 中", "Our address is among the trusted IPs"),
    "customer_contact": ("应用有客户联系接口权限", "The app may use the customer contact API"),
    "customers": ("可读取客户详情", "Customer details can be read"),
    "directory": ("可读取成员信息", "Member details can be read"),
    "tags": ("可读取企业标签库", "The corp's tags can be read"),
    "approvals": ("可读取合同审批模板", "The contract template can be read"),
    "agent": ("应用 AgentId 已填写,可以发通知、扫码登录", "The AgentId is set: notices and sign-in are possible"),
    "callback": ("回调 Token 与 EncodingAESKey 已填写", "Callback token and EncodingAESKey are set"),
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
            # The platform let us in and spoke about one member: he has no customers, or has just left.
            self._note(what)
            return None
        except ConnectorError as error:
            self._failed(what, error)
            return None
        if what == "customer_contact":
            self._note("trusted_ip")
        self._note(what)
        return answer

    def staff(self, count: int) -> None:
        """How many members are visible; with none, nothing will ever be read."""
        zh, en = f"看得到 {count} 名有客户联系功能的成员", f"{count} members with customer contact are visible"
        fix = self._messages["wecom.nobody_visible"]
        self.findings.append(Finding(zh, en, True, *(() if count else (fix.fix_zh, fix.fix_en))))

    def template(self, template: str, missing: list[str] | None) -> None:
        """Controls that the settings name and the template does not have: it was edited since."""
        if missing:
            message = self._messages["wecom.control_unknown"]
            self.findings.append(Finding(message.zh, message.en, False, message.fix_zh, message.fix_en))

    def agent(self, agent_id: str) -> None:
        """Whether notices and sign-in are possible; reading needs neither."""
        unset = self._messages["wecom.agent_unset"]
        found = Finding(*TEXTS["agent"], True) if agent_id else Finding(unset.zh, unset.en, True, unset.fix_zh, unset.fix_en)
        self.findings.append(found)

    def callback(self, token: str, aes_key: str) -> None:
        """Whether pushes can be opened; whether they arrive is seen when the settings are saved in the console."""
        message = self._messages["wecom.callback_unset"]
        ok = bool(token) and len(aes_key) == 43
        self.findings.append(Finding(*TEXTS["callback"], ok, *(() if ok else (message.fix_zh, message.fix_en))))

    def _note(self, what: str) -> None:
        self.findings.append(Finding(*TEXTS[what], True))

    def _failed(self, what: str, error: ConnectorError) -> None:
        message = self._messages.get(error.key)
        fix = (f"{message.zh}。{message.fix_zh}", f"{message.en}. {message.fix_en}") if message else LATER
        if error.code == TRUSTED_IP:
            # Only a valid token gets as far as the address.
            if what == "token":
                self._note("token")
            what = "trusted_ip"
        self.findings.append(Finding(*TEXTS[what], False, *fix, code=error.code))
