"""Calling the archive: settings, the token of its secret, the errors of both its halves. (docs: path/91774, path/90313)"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from connectors import errors, settings
from connectors.base import Config, Connector, Request, Token, Verdict, setting
from connectors.http import Runtime, as_error, judge
from connectors.wecom_archive.finance import CRASHED, Process, process

PLATFORM = "https://qyapi.weixin.qq.com"
LIBRARY = "WECOM_FINANCE_SDK"
"""The environment variable that names the vendor's shared library. No setting of an account: whoever may edit accounts in a
browser must not choose what code this machine runs."""
PAUSES = (0.5, 1.0, 2.0)
DATA, OPEN, MEDIA = "finance/GetChatData", "finance/DecryptData", "finance/GetMediaData"


class ArchiveConfig(Config):
    """The chat archive of the company's own corp."""

    corp_id: str = setting(
        "企业 ID",
        "Corp ID",
        where_zh="管理后台 → 我的企业 → 企业信息 → 企业 ID",
        where_en="Admin console → My company → Company information → Corp ID",
        min_length=4,
        pattern=r"^[A-Za-z0-9_-]+$",
    )
    secret: str = setting(
        "会话内容存档的 Secret",
        "Secret of the chat archive",
        where_zh="管理后台 → 管理工具 → 会话内容存档 → Secret(不是自建应用的 Secret)",
        where_en="Admin console → Management tools → Chat archive → Secret (not that of a self-built app)",
        secret=True,
        min_length=8,
    )
    private_keys: str = setting(
        "消息加密私钥(每个版本一把,前面写版本号)",
        "Private keys of message encryption (each with its version number before it)",
        where_zh="与“会话内容存档 → 消息加密公钥”成对的 RSA 私钥;换过公钥的,旧私钥也要留着",
        where_en="The RSA keys that belong to Chat archive → Public key of message encryption; keep old ones after a change",
        secret=True,
        min_length=40,
    )
    callback_token: str = settings.callback_token(
        "回调 Token",
        "Callback token",
        "管理后台 → 管理工具 → 会话内容存档 → 接收事件服务器 → Token;不填则每分钟读取一次",
        "Admin console → Management tools → Chat archive → Event server → Token; without it, once a minute",
    )
    callback_aes_key: str = settings.callback_aes_key(
        "回调 EncodingAESKey",
        "Callback EncodingAESKey",
        "管理后台 → 管理工具 → 会话内容存档 → 接收事件服务器 → EncodingAESKey(43 位)",
        "Admin console → Management tools → Chat archive → Event server → EncodingAESKey (43 characters)",
    )
    api_base: str = settings.address("接口地址", "API address", PLATFORM)


class ArchiveCalls(Connector):
    """What all calls have in common: the token, and the process with the library."""

    Config = ArchiveConfig
    config: ArchiveConfig

    def __init__(self, config: ArchiveConfig, runtime: Runtime) -> None:
        self.base_url = config.api_base.rstrip("/") + "/cgi-bin/"
        super().__init__(config, runtime)

    def fetch_token(self) -> Token:
        """A token of the archive's secret. (docs: path/91039)"""
        query = {"corpid": self.config.corp_id, "corpsecret": self.config.secret}
        body = self.http.call(Request("GET", "gettoken", query=query, auth=False))
        return Token(body["access_token"], expires_in=float(body["expires_in"]))

    def sign(self, request: Request, token: Token | None) -> Request:
        """The token goes into the query and nowhere else."""
        return replace(request, query={**request.query, "access_token": token.value}) if token else request

    def _process(self) -> Process:
        """The process for this archive. Against another address than the platform's the simulator stands in for the library."""
        base = self.config.api_base.rstrip("/")
        library = os.environ.get(LIBRARY, "") if base == PLATFORM else f"{base}/finance"
        if not library:
            raise errors.ConfigError("wecom_archive.library")
        return process(library, self.config.corp_id, self.config.secret)

    def _asked(self, name: str, call: Any) -> Any:
        """A call of the library under its budget: (code, …) as ``call`` gives it; passing faults are tried again."""
        for pause in (*PAUSES, None):
            if self.http.runtime.stopped():
                raise errors.Stop
            with self.http.budgets.hold(name, self.http.runtime.priority, self.http.runtime.sleep):
                found = call()
            try:
                self._judged(int(found[0]), name)
            except errors.Unavailable:
                if pause is None:
                    raise
                self.http.runtime.sleep(pause)
                continue
            return found
        raise errors.Unavailable(name=name)

    def _judged(self, code: int, name: str, message: str = "") -> None:
        """Raise what a code of the library (or of the JSON inside) means, unless it is 0."""
        if not code:
            return
        if code == CRASHED:
            raise errors.Unavailable("wecom_archive.crashed", name=name)
        verdict: Verdict = judge(self.manifest, str(code), message=message)
        if verdict.action == "throttle":
            self.http.budgets.slow(verdict.wait or 60.0)
        raise as_error(verdict, Request("POST", name), self.manifest.name)
