"""Records put aside until their turn comes: sealed, in a file without a name, under a key that is nowhere but in memory."""

from __future__ import annotations

from array import array
from tempfile import TemporaryFile, gettempdir
from types import TracebackType

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_TOGETHER = 1 << 20
"""Bytes that are written together."""


class Spool:
    """Gives back what it was given, by number, from 0. OSError, with the folder's name: there is no room for it."""

    def __init__(self) -> None:
        self._file = TemporaryFile(buffering=0)  # noqa: SIM115 - it lives as long as this object
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._ends, self._waiting = array("Q", [0]), bytearray()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def put(self, data: bytes) -> None:
        """The next record."""
        number = len(self._ends) - 1
        # The key seals nothing else, so that no number is used twice with it.
        sealed = self._cipher.encrypt(number.to_bytes(12, "big"), data, None)
        self._ends.append(self._ends[-1] + len(sealed))
        self._waiting += sealed
        if len(self._waiting) > _TOGETHER:
            self._write()

    def take(self, number: int) -> bytes:
        """A record that was put. No more is put afterwards."""
        if self._waiting:
            self._write()
        start, end = self._ends[number], self._ends[number + 1]
        self._file.seek(start)
        return self._cipher.decrypt(number.to_bytes(12, "big"), self._file.read(end - start), None)

    def _write(self) -> None:
        left = bytes(self._waiting)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, gettempdir()) from error  # the file itself has no name
        self._waiting.clear()
