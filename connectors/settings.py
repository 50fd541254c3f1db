"""Settings that many connectors have, with their rules in one place: addresses, credentials of applications, callback keys."""

from __future__ import annotations

from typing import Any

from connectors.base import setting

ADDRESS = r"^https?://[^/]+/?$"


def address(zh: str, en: str, default: str) -> Any:
    """Where the platform is: scheme and host. Changed for a sandbox, so it stands among the advanced ones."""
    return setting(zh, en, default=default, advanced=True, pattern=ADDRESS)


def app_key(pattern: str, where_zh: str, where_en: str) -> Any:
    """The public name of a shop application."""
    return setting("App Key", "App key", pattern=pattern, where_zh=where_zh, where_en=where_en)


def app_secret(where_zh: str, where_en: str) -> Any:
    """The secret of a shop application."""
    return setting("App Secret", "App secret", secret=True, min_length=8, where_zh=where_zh, where_en=where_en)


def consent(zh: str, en: str) -> Any:
    """What a shop's owner gives the application: an access token, by the steps in the connector's README."""
    where_zh, where_en = "店主授权后得到，步骤见连接器说明", "from the shop owner's consent; steps in the connector's README"
    return setting(zh, en, secret=True, min_length=8, where_zh=where_zh, where_en=where_en)


def callback_token(zh: str, en: str, where_zh: str, where_en: str, least: int = 0) -> Any:
    """The token that signs encrypted callbacks; empty where there are none."""
    pattern = rf"^([A-Za-z0-9]{{{least},32}})?$"
    return setting(zh, en, where_zh=where_zh, where_en=where_en, secret=True, default="", pattern=pattern)


def callback_aes_key(zh: str, en: str, where_zh: str, where_en: str) -> Any:
    """The key of encrypted callbacks: 43 characters; empty where there are none."""
    pattern = r"^([A-Za-z0-9]{43})?$"
    return setting(zh, en, where_zh=where_zh, where_en=where_en, secret=True, default="", pattern=pattern)
