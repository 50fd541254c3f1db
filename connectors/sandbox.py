"""What all simulators share: a Flask app on a loopback port, a ledger of accepted writes, faults on demand, a clock.

A simulator speaks its platform's own protocol and refuses what the platform refuses. It is never imported by a
connector and shares no signing code with it: two independent writings of one rule check each other.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from connectors.story import Story


@dataclass
class Faults:
    """How the simulator misbehaves, each switched on by a test or an operator and counted down per matching call.

    match: part of the request path (or of the simulator's name for the call). ``cut_before``: the connection is cut
    before anything is done; ``cut_after``: after the work is done, so that the client cannot know. ``error``: an
    answer of this HTTP status. ``throttle``: the platform's own limit answer. ``delay``: seconds of latency.
    """

    cut_before: Counter[str] = field(default_factory=Counter)
    cut_after: Counter[str] = field(default_factory=Counter)
    error: dict[str, list[int]] = field(default_factory=dict)
    throttle: Counter[str] = field(default_factory=Counter)
    delay: float = 0.0
    after_page: Callable[[str, int], None] | None = None

    def take(self, kind: str, call: str) -> bool:
        """Whether this fault is due for this call now (and count it down)."""
        counter: Counter[str] = getattr(self, kind)
        for match in list(counter):
            if match in call and counter[match] > 0:
                counter[match] -= 1
                return True
        return False

    def status(self, call: str) -> int | None:
        """The HTTP error due for this call, if any."""
        for match, codes in self.error.items():
            if match in call and codes:
                return codes.pop(0)
        return None

    def clear(self) -> None:
        """Behave again."""
        self.__init__()  # type: ignore[misc]


class Simulator:
    """Base of all simulators. Subclasses register routes in ``routes`` and implement what the contract suite steers.

    now: the simulator's clock (tests move it). ledger: accepted writes, oldest first, each a dict with at least
    ``kind`` and ``number``. calls: how often each path was asked.
    """

    name = ""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.offset = timedelta(0)
        self._now = now or (lambda: datetime.now(UTC))
        self.app = Flask(f"simulator-{self.name}")
        self.faults = Faults()
        self.ledger: list[dict[str, Any]] = []
        self.calls: Counter[str] = Counter()
        self.lock = threading.RLock()
        self.app.before_request(self._before)
        self.app.after_request(self._after)
        self.routes(self.app)

    # -- what a simulator implements

    def routes(self, app: Flask) -> None:
        """Register the platform's routes."""
        raise TypeError(f"{type(self).__name__} has no routes()")

    def settings(self, base_url: str) -> dict[str, Any]:
        """The configuration of an account connected to this simulator (the connector's Config, secrets included)."""
        raise TypeError(f"{type(self).__name__} has no settings()")

    def session_settings(self, base_url: str) -> dict[str, Any]:
        """Of a platform with several ways to sign in, whose ``settings`` show one without tokens: an account that has them."""
        raise TypeError(f"{type(self).__name__} has no session_settings()")

    def call_name(self) -> str:
        """What ``faults`` and ``calls`` know the request by: its path; where all calls share one, the method as well."""
        return request.path

    def throttled(self) -> Response:
        """The platform's own answer when a limit is reached."""
        return Response(status=429, headers={"Retry-After": "1"})

    def populate(self, stream: str, count: int, *, start: datetime, step: timedelta) -> list[str]:
        """Make records of a stream, the first modified at ``start``, each ``step`` later; their keys in that order."""
        raise TypeError(f"{type(self).__name__} has no populate()")

    def touch(self, stream: str, key: str) -> None:
        """Change the record now, so that its modification time (where it has one) is the simulator's now."""
        raise TypeError(f"{type(self).__name__} has no touch()")

    def remove(self, stream: str, key: str) -> None:
        """Delete the record."""
        raise TypeError(f"{type(self).__name__} has no remove()")

    def spoil(self, stream: str, key: str) -> None:
        """Make the record malformed in a way that its mapping must refuse."""
        raise TypeError(f"{type(self).__name__} has no spoil()")

    def add_field(self, stream: str, key: str, name: str, value: Any) -> None:
        """Give the record a field nobody knows."""
        raise TypeError(f"{type(self).__name__} has no add_field()")

    def kill_tokens(self) -> None:
        """All issued tokens are dead from now on, as after an early revocation."""
        raise TypeError(f"{type(self).__name__} has no kill_tokens()")

    def push(self, url: str, stream: str, key: str, *, forged: bool = False) -> int:
        """Push an event about the record to our receiver, as the platform does; the HTTP status of the answer."""
        raise TypeError(f"{type(self).__name__} has no push()")

    def credentials(self) -> dict[str, str]:
        """Credentials that the platform has pushed to this account before now, by the manifest's names."""
        return {}

    def issue(self, url: str, name: str, *, forged: bool = False) -> int:
        """Push a fresh credential of that name to our receiver; the HTTP status of the answer. forged: with another secret."""
        raise TypeError(f"{type(self).__name__} has no issue()")

    def deliver(self, stream: str, key: str) -> bool:
        """Push an event about the record over a connection that a listener keeps; whether it was acknowledged as taken."""
        raise TypeError(f"{type(self).__name__} has no deliver()")

    def deliver_again(self) -> bool:
        """Push once more, as the platform does, what was not acknowledged; whether all of it was now."""
        raise TypeError(f"{type(self).__name__} has no deliver_again()")

    def hang_up(self) -> None:
        """Ask the listeners to open new connections, as the platform does from time to time."""
        raise TypeError(f"{type(self).__name__} has no hang_up()")

    def document_source(self, kind: str, number: int) -> dict[str, str]:
        """The ``source`` of the contract suite's sample document: for a sink that writes back to a record of its own,
        make that record here and name it. number: the sample's running number."""
        return {}

    def advance(self, number: str, what: str, minor: int = 0) -> str:
        """Somebody over there works on a document of ours (by our number). what: 'approve', 'pay' or 'invoice' (so many
        fen, now), or 'remove'; returns the number of the receipt or invoice, '' for the others. Needed of every document
        kind whose manifest entry has ``follow``."""
        raise TypeError(f"{type(self).__name__} has no advance()")

    def tag_keys(self, stream: str, count: int) -> list[str]:
        """For a platform whose tags are written: make so many tags that records of the stream may carry; their keys."""
        raise TypeError(f"{type(self).__name__} has no tag_keys()")

    def tags_of(self, stream: str, key: str) -> set[str]:
        """The keys of the tags that the record carries over here."""
        raise TypeError(f"{type(self).__name__} has no tags_of()")

    def employ(self, count: int) -> list[str]:
        """For a platform that tells staff or signs them in: make so many members; their ids."""
        raise TypeError(f"{type(self).__name__} has no employ()")

    def told(self, member: str) -> list[dict[str, str]]:
        """The messages that the member has on the screen, oldest first, each with ``title``, ``text`` and ``url``."""
        raise TypeError(f"{type(self).__name__} has no told()")

    def visit(self, url: str, member: str | None) -> str:
        """A browser opens the sign-in page at ``url``, and its person agrees. member: who that is; None: an outsider. The
        address to which the platform then sends the browser."""
        raise TypeError(f"{type(self).__name__} has no visit()")

    def serve(self, stream: str, member: str, count: int) -> list[str]:
        """For a platform that hands records over: make so many that the member owns; their keys."""
        raise TypeError(f"{type(self).__name__} has no serve()")

    def dismiss(self, member: str) -> None:
        """The member leaves the company."""
        raise TypeError(f"{type(self).__name__} has no dismiss()")

    def owners(self, stream: str, key: str) -> set[str]:
        """Who over here owns what the record was about when it had this key, members who have left not counted."""
        raise TypeError(f"{type(self).__name__} has no owners()")

    def decide(self, stream: str, key: str, what: str) -> bool:
        """While the record waits for its new owner: 'refuse' (the customer does not want him) or 'full' (the new owner can take
        no more by now). False where that cannot happen to records of the stream."""
        raise TypeError(f"{type(self).__name__} has no decide()")

    def client_agent(self) -> str:
        """The User-Agent of the platform's own client, where it signs its person in by itself; '' where it does not."""
        return ""

    def seed_file(self, path: Path) -> int:
        """Load an operator's own export; how many records came in."""
        raise ValueError(f"the {self.name} simulator takes no seed file")

    def play(self, story: Story) -> None:
        """Fill the platform with the demo's people, as it would know them. Platforms without a part in it do nothing."""

    def live(self, story: Story, url: str) -> None:
        """The demo's live act: something happens here now (a tag is set, a contract approved), and where the platform
        pushes, it is pushed to the receiver at ``url``."""

    # -- shared machinery

    def now(self) -> datetime:
        """The simulator's clock: real time plus what a test has moved it."""
        return self._now() + self.offset

    def _before(self) -> Response | None:
        call = self.call_name()
        with self.lock:
            self.calls[call] += 1
        if self.faults.delay:
            time.sleep(self.faults.delay)
        if self.faults.take("cut_before", call):
            self.cut()
        if self.faults.take("throttle", call):
            return self.throttled()
        status = self.faults.status(call)
        return Response("<html>bad gateway</html>", status=status) if status else None

    def _after(self, response: Response) -> Response:
        if self.faults.take("cut_after", self.call_name()):
            self.cut()
        return response

    @staticmethod
    def cut() -> None:
        """Cut the connection under the request: the client sees a reset and no answer."""
        raw = request.environ.get("werkzeug.socket")
        if raw is None:
            raise ConnectionResetError("cut by a fault switch")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        raw.shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError("cut by a fault switch")


class _Handler(WSGIRequestHandler):
    """Logs requests without their query, which is where several platforms carry secrets and tokens."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        path = str(getattr(self, "path", "-")).partition("?")[0]
        self.log("info", '"%s %s" %s', getattr(self, "command", "-"), path, code)


class Served:
    """A simulator being served on a loopback port."""

    def __init__(self, simulator: Simulator, port: int = 0) -> None:
        self.simulator = simulator
        self.server: BaseWSGIServer = make_server("127.0.0.1", port, simulator.app, threaded=True, request_handler=_Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(timeout=5)


@contextmanager
def serving(simulator: Simulator, port: int = 0) -> Iterator[str]:
    """Serve a simulator for the length of a ``with`` block; yields its base URL."""
    served = Served(simulator, port)
    try:
        yield served.url
    finally:
        served.close()
