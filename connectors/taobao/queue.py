"""The message service TMC by API: messages are asked for, stored, and then confirmed; and which group a shop's go to.

(docs: apiId 21986, 21985, the pages of taobao.tmc.user.get and taobao.tmc.group.add, and articleId 101663)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Opened, Outcome
from connectors.errors import ConfigError, InvalidRecord
from connectors.taobao import tmc
from connectors.taobao.reading import BEIJING

PERMIT, USER, GROUP = "taobao.tmc.user.permit", "taobao.tmc.user.get", "taobao.tmc.group.add"
CONSUME, CONFIRM = "taobao.tmc.messages.consume", "taobao.tmc.messages.confirm"
DEFAULT = "default"
AT_ONCE = 100
"""Messages asked for in one call; the platform takes 10 to 200."""
LOOK = 0.5


@dataclass(frozen=True)
class Queue:
    """An application's messages, or the group of them that a shop was put into. pause: seconds after an empty answer."""

    call: Callable[..., dict[str, Any]]
    shop: str
    group: str = DEFAULT
    pause: float = 10.0

    def enter(self) -> None:
        """Permit the shop's messages, and have them go to the account's group. Both may be repeated.

        No topics are named: a list would replace those of the console. (docs: taobao.tmc.user.permit)
        """
        self.call(PERMIT, {})
        # Groups whose names begin so are the platform's own: nobody is put into them. (docs: taobao.tmc.group.add)
        if not self.group.startswith(DEFAULT) and self._user().get("group_name") != self.group:
            self.call(GROUP, {"group_name": self.group, "nicks": self.shop})

    def probe(self) -> None:
        """Raises ConfigError where the permission for messages has run out, and as any call where the package is missing."""
        if self._user().get("is_valid") is False:
            raise ConfigError("taobao.tmc_over")

    def _user(self) -> Mapping[str, Any]:
        try:
            found = self.call(USER, {"fields": "user_nick,topics,is_valid,group_name", "nick": self.shop}).get("tmc_user")
        except InvalidRecord:
            return {}  # what is said of a shop that was never permitted is not documented
        return found if isinstance(found, dict) else {}

    def hear(self) -> Generator[Opened | None, Outcome, None]:
        """What comes in, without end. Only what was stored is confirmed; the rest comes again after some minutes."""
        while True:
            found = self._next()
            stored = []
            for message in found:
                if (yield _opened(message)) == "stored":
                    stored.append(str(message["id"]))
            if stored:
                self.call(CONFIRM, {"s_message_ids": ",".join(stored), **self._named()}, auth=False)
            if len(found) < AT_ONCE:
                yield from _quiet(self.pause)

    def _next(self) -> list[dict[str, Any]]:
        answer = self.call(CONSUME, {"quantity": str(AT_ONCE), **self._named()}, auth=False)
        found: Any = answer.get("messages") or []
        found = found.get("tmc_message") or [] if isinstance(found, dict) else found
        return [message for message in found if isinstance(message, dict) and message.get("id")]

    def _named(self) -> dict[str, str]:
        # A name is an error as long as the application has no groups; the platform's own needs none. (docs: apiId 21986)
        return {} if self.group == DEFAULT else {"group_name": self.group}


def _quiet(seconds: float) -> Generator[None, Outcome, None]:
    """Nothing for so long: each call is counted against the application's quota."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        yield None
        time.sleep(min(LOOK, left))


def _opened(message: Mapping[str, Any]) -> Opened:
    try:
        moment = datetime.fromisoformat(str(message.get("pub_time"))).replace(tzinfo=BEIJING)
    except ValueError:
        stamp = None
    else:
        stamp = int(moment.timestamp() * 1000)
    return tmc.kept(message["id"], message.get("topic"), message.get("user_nick"), stamp, message.get("content"))
