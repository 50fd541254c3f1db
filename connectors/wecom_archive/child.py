"""The process that holds the vendor's native library: it can crash without taking the hub along.

Started by path with nothing of ours on its import path; speaks JSON lines on standard input and output and ends when its
input ends. The library's functions are those of WeWorkFinanceSdk (docs: path/91774). In place of the native library a
stand-in may be named by its address; it then answers the same functions over HTTP.

Known of the native library: Init takes a token that lives about two hours, so it is called once; DecryptData with an empty
ciphertext aborts the whole process.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import resource
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

NETWORK, SYSTEM, NO_LIBRARY = 10001, 10003, -2
Answer = dict[str, Any]


class Native:
    """The vendor's shared library at a path."""

    def __init__(self, path: str) -> None:
        self._library = ctypes.CDLL(path)
        text, pointer, number = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int
        self._declare("NewSdk", pointer)
        self._declare("Init", number, pointer, text, text)
        wide = (pointer, ctypes.c_ulonglong, ctypes.c_uint, text, text, number, pointer)
        self._declare("GetChatData", number, *wide)
        self._declare("DecryptData", number, text, text, pointer)
        self._declare("GetMediaData", number, pointer, text, text, text, text, number, pointer)
        for kind, free in (("NewSlice", "FreeSlice"), ("NewMediaData", "FreeMediaData")):
            self._declare(kind, pointer)
            self._declare(free, None, pointer)
        self._declare("GetContentFromSlice", pointer, pointer)
        self._declare("GetSliceLen", number, pointer)
        self._declare("GetOutIndexBuf", pointer, pointer)
        self._declare("GetIndexLen", number, pointer)
        self._declare("GetData", pointer, pointer)
        self._declare("GetDataLen", number, pointer)
        self._declare("IsMediaDataFinish", number, pointer)
        self._sdk: Any = None

    def _declare(self, name: str, result: Any, *arguments: Any) -> None:
        function = getattr(self._library, name)
        function.restype, function.argtypes = result, list(arguments)

    def init(self, corp: str, secret: str) -> int:
        """Init; 0 is good."""
        self._sdk = self._library.NewSdk()
        return int(self._library.Init(self._sdk, corp.encode(), secret.encode()))

    def chat(self, seq: int, limit: int, timeout: int) -> tuple[int, str]:
        """Messages behind the number, as the library's JSON."""
        return self._into_slice(lambda part: self._library.GetChatData(self._sdk, seq, limit, b"", b"", timeout, part))

    def decrypt(self, key: str, body: str) -> tuple[int, str]:
        """One message in clear."""
        return self._into_slice(lambda part: self._library.DecryptData(key.encode(), body.encode(), part))

    def _into_slice(self, call: Callable[[Any], int]) -> tuple[int, str]:
        part = self._library.NewSlice()
        try:
            code = int(call(part))
            if code:
                return code, ""
            content, length = self._library.GetContentFromSlice(part), self._library.GetSliceLen(part)
            return 0, ctypes.string_at(content, length).decode("utf-8", "replace") if content else ""
        finally:
            self._library.FreeSlice(part)

    def media(self, file: str, index: str, timeout: int) -> tuple[int, bytes, str, bool]:
        """One part of a file: (code, bytes, index of the next part, whether it is the last)."""
        lib, found = self._library, self._library.NewMediaData()
        try:
            code = int(lib.GetMediaData(self._sdk, index.encode(), file.encode(), b"", b"", timeout, found))
            if code:
                return code, b"", "", True
            data = ctypes.string_at(lib.GetData(found), lib.GetDataLen(found))
            following = ctypes.string_at(lib.GetOutIndexBuf(found), lib.GetIndexLen(found)).decode("ascii", "replace")
            return 0, data, following, bool(lib.IsMediaDataFinish(found))
        finally:
            lib.FreeMediaData(found)


class StandIn:
    """The same functions, answered over HTTP by a simulator."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._session = ""

    def _ask(self, function: str, timeout: float, **arguments: Any) -> Answer:
        body = json.dumps({"session": self._session, **arguments}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._address}/{function}", body, headers)  # noqa: S310 - a loopback address
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
                found: Answer = json.loads(answer.read())
        except (OSError, ValueError):
            return {"ret": NETWORK}
        if found.get("abort"):
            os.abort()
        return found

    def init(self, corp: str, secret: str) -> int:
        """Init; 0 is good."""
        found = self._ask("Init", 10, corpid=corp, secret=secret)
        self._session = str(found.get("session", ""))
        return int(found["ret"])

    def chat(self, seq: int, limit: int, timeout: int) -> tuple[int, str]:
        """As ``Native.chat``."""
        found = self._ask("GetChatData", timeout, seq=seq, limit=limit)
        return int(found["ret"]), str(found.get("data", ""))

    def decrypt(self, key: str, body: str) -> tuple[int, str]:
        """As ``Native.decrypt``."""
        found = self._ask("DecryptData", 10, key=key, body=body)
        return int(found["ret"]), str(found.get("data", ""))

    def media(self, file: str, index: str, timeout: int) -> tuple[int, bytes, str, bool]:
        """As ``Native.media``."""
        found = self._ask("GetMediaData", timeout, file=file, index=index)
        data = base64.b64decode(str(found.get("data", "")))
        return int(found["ret"]), data, str(found.get("index", "")), bool(found.get("finished", True))


def answer(library: Any, asked: Answer) -> Answer:
    """What the process answers to one request."""
    if asked["do"] == "init":
        return {"code": library.init(asked["corp"], asked["secret"])}
    if asked["do"] == "chat":
        code, data = library.chat(asked["seq"], asked["limit"], asked["timeout"])
        return {"code": code, "data": data}
    if asked["do"] == "open":
        return {"code": 0, "found": [library.decrypt(key, body) for key, body in asked["items"]]}
    code, data, index, finished = library.media(asked["file"], asked["index"], asked["timeout"])
    return {"code": code, "data": base64.b64encode(data).decode(), "index": index, "finished": finished}


def loaded(where: str) -> Any:
    """The library at a path, or its stand-in at an address; None where there is none that can be used."""
    try:
        return StandIn(where) if where.startswith("http://") else Native(where)
    except (OSError, AttributeError):
        return None


def main() -> None:
    """Answer requests until the input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold messages and secrets
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the library prints must not come between
    library: Any = None
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            library = library or loaded(str(asked["library"]))
            reply = answer(library, asked) if library else {"code": NO_LIBRARY}
        except Exception as error:
            reply = {"code": SYSTEM, "error": type(error).__name__}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
