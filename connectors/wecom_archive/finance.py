"""Talking to the process that holds the vendor's library: started when needed, shared by all streams of an account, started
again after a crash, ended when nobody has asked it anything for a while.

The library keeps a token for about two hours and takes a new one with each Init, which has a quota: so one process serves
many runs. (docs: path/91774)
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("child.py")
CRASHED = -1
"""The code of a call during which the process died or did not answer in time."""
PATIENCE = 15.0
"""Seconds beyond a call's own limit after which the process counts as hung."""
IDLE = 900.0
MOST = 4
"""Processes kept at a time; of more the one that has been idle for longest is ended."""


class Process:
    """One process with one Init. Calls from several threads take turns."""

    def __init__(self, library: str, corp: str, secret: str) -> None:
        self._library, self._corp, self._secret = library, corp, secret
        self._child: subprocess.Popen[str] | None = None
        self._lock = threading.RLock()
        self.used = time.monotonic()
        self.started = 0

    def chat(self, seq: int, limit: int, timeout: int = 20) -> tuple[int, str]:
        """Messages behind the number: the library's code and its JSON."""
        found = self._call({"do": "chat", "seq": seq, "limit": limit, "timeout": timeout}, timeout)
        return int(found["code"]), str(found.get("data", ""))

    def decrypt(self, items: Sequence[tuple[str, str]]) -> list[tuple[int, str]]:
        """Messages in clear, each with its code. One that brings the process down is found and does not harm the others."""
        if not items:
            return []
        found = self._call({"do": "open", "items": [list(item) for item in items]}, len(items) * 0.1)
        if not found["code"]:
            return [(int(code), str(text)) for code, text in found["found"]]
        if len(items) == 1 or found["code"] != CRASHED:
            return [(int(found["code"]), "")] * len(items)
        half = len(items) // 2
        return self.decrypt(items[:half]) + self.decrypt(items[half:])

    def media(self, file: str, index: str, timeout: int = 60) -> tuple[int, bytes, str, bool]:
        """One part of a file: code, bytes, index of the next part, whether it is the last."""
        found = self._call({"do": "media", "file": file, "index": index, "timeout": timeout}, timeout)
        data = base64.b64decode(str(found.get("data", "")))
        return int(found["code"]), data, str(found.get("index", "")), bool(found.get("finished", True))

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._child is not None:
                self._child.kill()
                self._child.wait()
                for pipe in (self._child.stdin, self._child.stdout):
                    with suppress(OSError):  # what was still to be written to a dead process
                        if pipe:
                            pipe.close()
                self._child = None

    def _call(self, asked: dict[str, Any], limit: float) -> dict[str, Any]:
        with self._lock:
            self.used = time.monotonic()
            if self._child is None:
                code = self._start()
                if code:
                    self.close()
                    return {"code": code}
            return self._exchange(asked, limit)

    def _start(self) -> int:
        """A new process with its Init; the code of that."""
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        self._child = subprocess.Popen(
            [sys.executable, "-I", str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, encoding="utf-8", env=kept,
        )  # fmt: skip
        self.started += 1
        # Secrets go through the pipe: a command line or an environment can be seen by others.
        hello = {"do": "init", "library": self._library, "corp": self._corp, "secret": self._secret}
        return int(self._exchange(hello, 20.0)["code"])

    def _exchange(self, asked: dict[str, Any], limit: float) -> dict[str, Any]:
        child = self._child
        assert child is not None and child.stdin is not None and child.stdout is not None
        hung = threading.Timer(limit + PATIENCE, child.kill)
        hung.start()
        try:
            child.stdin.write(json.dumps(asked) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except OSError:
            line = ""
        finally:
            hung.cancel()
        if not line:
            self.close()
            return {"code": CRASHED}
        found: dict[str, Any] = json.loads(line)
        return found


_processes: dict[str, Process] = {}
_lock = threading.Lock()


def process(library: str, corp: str, secret: str) -> Process:
    """The process for this library and archive, shared by everybody who asks for the same."""
    key = hashlib.sha256("\n".join((library, corp, secret)).encode()).hexdigest()
    with _lock:
        found = _processes.setdefault(key, Process(library, corp, secret))
        found.used = time.monotonic()
        for other in _spare(key):
            _processes.pop(other).close()
        return found


def _spare(mine: str) -> list[str]:
    """Those that have been idle for long, or are too many. One in the middle of a call is ended after it."""
    by_age = sorted((item.used, key) for key, item in _processes.items() if key != mine)
    many = len(_processes) - MOST
    return [key for place, (used, key) in enumerate(by_age) if place < many or used < time.monotonic() - IDLE]


@atexit.register
def close_all() -> None:
    """End all processes."""
    with _lock:
        while _processes:
            _processes.popitem()[1].close()
