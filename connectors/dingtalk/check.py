"""The lines of a connection check, and the permission points that the platform itself names."""

from __future__ import annotations

from connectors import checks
from connectors.errors import ConnectorError

TEXTS: dict[str, tuple[str, str]] = {
    "token": ("Client ID 与 Client Secret 可换取 accessToken", "Client ID and secret give an access token"),
    "staff": ("可读取部门与成员", "Departments and members can be read"),
    "external": ("可读取外部联系人与标签", "External contacts and labels can be read"),
    "crm": ("可读取客户管理", "The CRM app can be read"),
    "approvals": ("可读取合同审批", "Contract approvals can be read"),
    "stream": ("Stream 网关给出了连接凭据", "The Stream gateway gives a ticket"),
    "callback": ("回调 token 与 aes_key 已填写", "Callback token and aes_key are set"),
}


class Checks(checks.Checks):
    """As everywhere; what to do names the points that are missing."""

    def fix(self, error: ConnectorError) -> tuple[str, str]:
        """With the permission points, where the platform names them: nobody has to look them up."""
        zh, en = super().fix(error)
        said = str(error.params.get("message") or "")
        if "requiredScopes" not in said:
            return zh, en
        scopes = said[said.index("requiredScopes") :]
        return f"{zh} ({scopes})", f"{en} ({scopes})"
