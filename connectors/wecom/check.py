"""The lines of a connection check that are WeCom's own: the trusted address, who is visible, controls, the AgentId."""

from __future__ import annotations

from connectors import checks
from connectors.base import Finding
from connectors.errors import ConnectorError

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


class Checks(checks.Checks):
    """As everywhere; the address has a line of its own."""

    def note(self, what: str) -> None:
        """This is in order, and with the first customer contact the address is too."""
        if what == "customer_contact":
            super().note("trusted_ip")
        super().note(what)

    def failed(self, what: str, error: ConnectorError) -> None:
        """This is not. Only a valid token gets as far as the address."""
        if error.code == TRUSTED_IP:
            if what == "token":
                self.note("token")
            what = "trusted_ip"
        super().failed(what, error)

    def staff(self, count: int) -> None:
        """How many members are visible; with none, nothing will ever be read."""
        zh, en = f"看得到 {count} 名有客户联系功能的成员", f"{count} members with customer contact are visible"
        fix = self.messages["wecom.nobody_visible"]
        self.findings.append(Finding(zh, en, True, *(() if count else (fix.fix_zh, fix.fix_en))))

    def template(self, template: str, missing: list[str] | None) -> None:
        """Controls that the settings name and the template does not have: it was edited since."""
        if missing:
            message = self.messages["wecom.control_unknown"]
            self.findings.append(Finding(message.zh, message.en, False, message.fix_zh, message.fix_en))

    def agent(self, agent_id: str) -> None:
        """Whether notices and sign-in are possible; reading needs neither."""
        unset = self.messages["wecom.agent_unset"]
        found = Finding(*TEXTS["agent"], True) if agent_id else Finding(unset.zh, unset.en, True, unset.fix_zh, unset.fix_en)
        self.findings.append(found)
