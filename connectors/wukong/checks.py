"""What ``check`` looks at, and what a person does about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.base import Finding
from connectors.checks import words
from connectors.errors import ConnectorError
from connectors.wukong.lists import TABLES
from connectors.wukong.reading import WukongReader

SUPER_USER, SUPER_ROLE = "14773", "180162"
"""The built-in super user and the super-administrator role have these ids in every installation."""


def examine(account: WukongReader, write_field: Callable[[], object]) -> list[Finding]:
    """All findings, the login first; where that fails there is nothing more to ask."""
    try:
        user = account.whoami()
    except ConnectorError as error:
        return [_failed(account, "登录服务账号", "Login of the service account", error)]
    findings = [login_works(user)]
    if not user:
        return findings
    findings.append(is_super_admin(user))
    findings += [_columns(account, stream) for stream in TABLES]
    if account.config.tag_field:
        findings.append(_usable(account, "客户标签字段", "Customer tag field", lambda: _tag_column(account)))
    if account.config.writeback_field:
        findings.append(_usable(account, "财务单号回写字段", "Field for document numbers", write_field))
    return findings


def login_works(user: object) -> Finding:
    """queryLoginUser answers with the account, or with nothing where the session is not ours."""
    return Finding(
        "登录服务账号" if user else "服务器没有认出我们的会话",
        "Login of the service account" if user else "The server does not know our session",
        bool(user),
        "检查“令牌请求头”设置：11.x 用 admin_token，12.x 及以后用 auth_token",
        "Check the setting 'Token header': admin_token for 11.x, auth_token for 12.x and later",
    )


def is_super_admin(user: Mapping[str, Any]) -> Finding:
    """Any lesser role silently changes results: fewer rows, fewer columns, masked values."""
    roles = {str(role) for role in user.get("roles") or []}
    return Finding(
        "服务账号是超级管理员",
        "The service account is a super administrator",
        user.get("isAdmin") is True or SUPER_ROLE in roles or str(user.get("userId")) == SUPER_USER,
        "企业管理后台 → 角色权限控制 → 系统管理角色 → 超级管理员 → 关联员工：加入服务账号；否则列表会缺行、缺列、打码",
        "Administration → Roles → System roles → Super administrator: add the service account; with any other role, lists come "
        "back with rows and columns missing and values masked",
    )


def _columns(account: WukongReader, stream: str) -> Finding:
    """The list shows only what the account itself has chosen to see."""
    title = account.manifest.streams[stream].title
    try:
        missing = ", ".join(account.heads(stream).missing)
    except ConnectorError as error:
        return _failed(account, f"{title.zh}列表", f"List of {title.en}", error)
    return Finding(
        f"{title.zh}列表的必需列可见" + (f"（缺：{missing}）" if missing else ""),
        f"List of {title.en}: the needed columns are visible" + (f" (missing: {missing})" if missing else ""),
        not missing,
        f"用服务账号登录悟空 → {title.zh}列表右上角“设置显示字段”，显示缺少的列；若管理员停用了字段，请先恢复",
        f"Log in to Wukong as the service account → list of {title.en} → column settings (top right): show what is missing; "
        "if an administrator has switched the field off, have it switched on",
    )


def _tag_column(account: WukongReader) -> str:
    return account.tag_column(account.heads("customer"))


def _usable(account: WukongReader, what_zh: str, what_en: str, step: Callable[[], object]) -> Finding:
    try:
        step()
    except ConnectorError as error:
        return _failed(account, what_zh, what_en, error)
    return Finding(f"{what_zh}可用", f"{what_en}: usable", True)


def _failed(account: WukongReader, what_zh: str, what_en: str, error: ConnectorError) -> Finding:
    """A failed step, in words for people."""
    (zh, en), fix = words(error, account.manifest)
    return Finding(f"{what_zh}：{zh}", f"{what_en}: {en}", False, *fix, code=error.code)
