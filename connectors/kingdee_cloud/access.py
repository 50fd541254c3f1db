"""How an account set is entered: the application's authorisation gives a secret of the day, that gives a token.

(docs: open.jdy.com, 获取应用授权信息, 获取 app-token)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import errors
from connectors.base import Request, Token
from connectors.http import Door
from connectors.kingdee_cloud.config import KingdeeCloudConfig
from connectors.kingdee_cloud.signin import app_signature

AUTHORISE, TOKEN = "jdyconnector/app_management/push_app_authorize", "jdyconnector/app_management/kingdee_auth_token"
LIFE = 12 * 3600
"""Seconds a token is used. It is said to live about a day; the secret behind it changes daily, at no published hour."""
ROTATED = "1030002006"
"""The authorisation's secret is not the one of today."""


def token(door: Door, config: KingdeeCloudConfig) -> Token:
    """A token with the address of the account set. The secret may change between the two calls, so that is tried twice."""
    for attempt in (1, 2):
        known = authorised(door, config)
        key, secret = _of(known, "appKey", "app_key"), _of(known, "appSecret", "app_secret")
        query = {"app_key": key, "app_signature": app_signature(key, secret)}
        try:
            answer = door.call(Request("GET", TOKEN, query=query, auth=False, name=f"/{TOKEN}"))
        except errors.ReauthNeeded as refusal:
            if refusal.code != ROTATED or attempt == 2:
                raise
            continue
        data = answer.get("data") if isinstance(answer, dict) else None
        value = _of(data, "app-token", "app_token") if isinstance(data, dict) else ""
        if value:
            return Token(value, expires_in=LIFE, extra={"domain": _of(known, "domain")})
        break
    raise errors.UnknownAnswer("kingdee_cloud.unreadable")


def authorised(door: Door, config: KingdeeCloudConfig) -> Mapping[str, Any]:
    """The one account set that is meant. Raises ReauthNeeded when none is authorised, ConfigError when several are."""
    query = {"outerInstanceId": config.outer_instance_id}
    answer = door.call(Request("POST", AUTHORISE, query=query, json={}, auth=False, name=f"/{AUTHORISE}"))
    rows = answer.get("data") if isinstance(answer, dict) else None
    if rows is not None and not isinstance(rows, list):
        raise errors.UnknownAnswer("kingdee_cloud.unreadable")
    active = [row for row in rows or () if isinstance(row, dict) and str(row.get("status")) == "1"]
    meant = [row for row in active if config.account_id in ("", _of(row, "accountId", "account_id"))]
    if not meant:
        raise errors.ReauthNeeded("kingdee_cloud.not_authorised")
    if len(meant) > 1:
        raise errors.ConfigError("kingdee_cloud.which_account", count=len(meant))
    if not all(_of(meant[0], *names) for names in (("appKey", "app_key"), ("appSecret", "app_secret"), ("domain",))):
        raise errors.UnknownAnswer("kingdee_cloud.unreadable")
    return meant[0]


def _of(row: Mapping[str, Any], *names: str) -> str:
    """The first of these that is there: the description of the interface spells them in two ways."""
    return next((str(row[name]) for name in names if row.get(name)), "")
