"""The outbound door for connections that stay open: a websocket whose failures are those of a call.

Nothing of it is logged: the address carries a ticket.
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

from connectors.errors import Unavailable

OPENING = 10.0
"""Seconds within which a connection stands or has failed."""
_silent = logging.getLogger("connectors.sockets")
_silent.propagate = False
_silent.addHandler(logging.NullHandler())
_silent.setLevel(logging.CRITICAL)


class Socket:
    """An open websocket. name: what errors call it. plain: whether ``ws://`` will do (a simulator on this machine).

    It pings by itself and breaks when no answer comes. Raises Unavailable.
    """

    def __init__(self, url: str, *, name: str, plain: bool = False) -> None:
        self._name = name
        if urlsplit(url).scheme not in (("wss", "ws") if plain else ("wss",)):
            raise Unavailable(name=name, reason="not encrypted")
        try:
            self._socket = connect(url, open_timeout=OPENING, close_timeout=2.0, logger=_silent, proxy=None, max_size=1 << 20)
        except (WebSocketException, OSError, ValueError) as error:
            raise Unavailable(name=name, reason=type(error).__name__) from None

    def receive(self, seconds: float) -> str | None:
        """The next text; None when none has come within so many seconds."""
        message = self._received(seconds)
        return message.decode("utf-8", "replace") if isinstance(message, bytes) else message

    def receive_bytes(self, seconds: float) -> bytes | None:
        """The same for a protocol of bytes."""
        message = self._received(seconds)
        return message.encode() if isinstance(message, str) else message

    def _received(self, seconds: float) -> str | bytes | None:
        try:
            return self._socket.recv(timeout=seconds)
        except TimeoutError:
            return None
        except (ConnectionClosed, OSError) as error:
            raise Unavailable(name=self._name, reason=type(error).__name__) from None

    def send(self, text: str) -> None:
        """Send a text."""
        self._sent(text)

    def send_bytes(self, data: bytes) -> None:
        """Send bytes."""
        self._sent(data)

    def _sent(self, message: str | bytes) -> None:
        try:
            self._socket.send(message)
        except (ConnectionClosed, OSError) as error:
            raise Unavailable(name=self._name, reason=type(error).__name__) from None

    def close(self) -> None:
        """Close it; a second time does nothing."""
        self._socket.close()
