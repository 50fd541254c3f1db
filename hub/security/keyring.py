"""The key ring: seals what is personal or secret, and makes blind indexes.

Keys have ids and can be rotated while running (``hub/security/rotate.py``): the newest seals, all of them open, and a
process looks every few seconds whether the file has changed. The index key does not rotate with them, or equality would be
lost. The file holds ``{"active": 1, "keys": {"1": <base64>}, "index": <base64>}``.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE = 12
SMALL = 320
"""Bodies below so many bytes are sealed as they are: compression would gain a few bytes and cost more than the cipher."""
LEVEL = -1
"""Of zstd: less than half the time of level 1, a tenth larger."""
SHORTEST_INDEX = 16
NONCES = 64
"""So many are taken from the system's random numbers at once."""
LOOK_SECONDS = 5.0
"""A ring that came from a file sees within so many seconds that the file has changed."""
_local = threading.local()


def _zstd() -> zstandard.ZstdCompressor:
    """The thread's compressor; making one costs more than a body."""
    if not hasattr(_local, "zstd"):
        _local.zstd = zstandard.ZstdCompressor(level=LEVEL)
    compressor: zstandard.ZstdCompressor = _local.zstd
    return compressor


def _nonces() -> Iterator[bytes]:
    """Random nonces. Each is handed out once and is never seen again."""
    while True:
        block = os.urandom(NONCE * NONCES)
        for start in range(0, len(block), NONCE):
            yield block[start : start + NONCE]


class KeyFault(RuntimeError):
    """The key ring cannot be read, or a value was not sealed with any of its keys (or was tampered with)."""


class KeyRing:
    """AES-256-GCM with key ids; sealed form: key id (1 byte), nonce (12), ciphertext and tag."""

    def __init__(self, keys: dict[int, bytes], active: int, index: bytes) -> None:
        if active not in keys:
            raise KeyFault(f"the active key {active} is not in the ring")
        if not SHORTEST_INDEX <= len(index) <= 64:
            raise KeyFault("the index key is not 16 to 64 bytes long")
        self._index = index
        self._path: Path | None = None
        self._written, self._look = 0, float("inf")
        self._take(keys, active)

    def _take(self, keys: dict[int, bytes], active: int) -> None:
        self._keys, self._ciphers = keys, {number: AESGCM(key) for number, key in keys.items()}
        # One value, read once: another thread may be sealing.
        self._sealing = bytes([active]), self._ciphers[active]

    @property
    def active(self) -> int:
        """The id of the key that seals."""
        return self._sealing[0][0]

    def refresh(self) -> None:
        """Take what another process has written to the ring's file."""
        if self._path is None:
            return
        self._look = time.monotonic() + LOOK_SECONDS
        try:
            written = self._path.stat().st_mtime_ns
        except OSError:
            return
        if written != self._written:
            fresh = KeyRing.load(self._path)
            if fresh._index == self._index:
                self._take(fresh._keys, fresh.active)
                self._written = written

    @classmethod
    def new(cls) -> KeyRing:
        """A ring with one fresh key."""
        return cls({1: secrets.token_bytes(32)}, 1, secrets.token_bytes(32))

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """The ring in the file. Raises KeyFault that says what is wrong with it."""
        try:
            data = json.loads(path.read_text("utf-8"))
            keys = {int(number): base64.b64decode(key) for number, key in data["keys"].items()}
            ring = cls(keys, int(data["active"]), base64.b64decode(data["index"]))
            ring._path, ring._written, ring._look = path, path.stat().st_mtime_ns, time.monotonic() + LOOK_SECONDS
            return ring
        except KeyFault as error:
            raise KeyFault(f"key file {path} is not usable: {error}") from None
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise KeyFault(f"key file {path} is not usable: {type(error).__name__}") from None

    def save(self, path: Path, *, keep: bool = False) -> None:
        """Write the ring, readable by the owner only, in one step and durably. keep: raises FileExistsError rather than
        replace a file that another process has just written."""
        data = {
            "active": self.active,
            "keys": {str(number): base64.b64encode(key).decode() for number, key in self._keys.items()},
            "index": base64.b64encode(self._index).decode(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        try:
            (_name if keep else os.replace)(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
        _sync_folder(path.parent)

    def extended(self) -> KeyRing:
        """A ring with one more key, which opens and does not seal yet. Raises KeyFault when all 255 ids are in use."""
        after = [number for number in (*range(self.active + 1, 256), *range(1, self.active)) if number not in self._keys]
        if not after:
            raise KeyFault("the ring is full: retire keys that seal nothing any more")
        return KeyRing({**self._keys, after[0]: secrets.token_bytes(32)}, self.active, self._index)

    def rotated(self) -> KeyRing:
        """A ring whose active key is the one that was added and never active (``extended``), or else a fresh one."""
        later = [number for number in self._keys if number > self.active]
        ring = self if later else self.extended()
        added = max(later) if later else next(iter(set(ring._keys) - set(self._keys)))
        return KeyRing(ring._keys, added, self._index)

    def retired(self, numbers: Iterable[int]) -> KeyRing:
        """A ring without these keys. Raises KeyFault when one of them is the active one."""
        return KeyRing({n: key for n, key in self._keys.items() if n not in set(numbers)}, self.active, self._index)

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Encrypt; ``place`` (what the value belongs to) is authenticated, so that a value cannot be moved."""
        if time.monotonic() > self._look:
            self.refresh()
        nonce, (head, cipher) = os.urandom(NONCE), self._sealing
        return head + nonce + cipher.encrypt(nonce, plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Decrypt. Raises KeyFault."""
        cipher = self._ciphers.get(sealed[0]) if sealed else None
        if cipher is None and sealed:
            self.refresh()
            cipher = self._ciphers.get(sealed[0])
        if cipher is None:
            raise KeyFault("the value was sealed with a key that is not in the ring")
        try:
            return cipher.decrypt(sealed[1 : 1 + NONCE], sealed[1 + NONCE :], place)
        except (InvalidTag, ValueError):
            raise KeyFault("the value was changed, or belongs somewhere else") from None

    def pack(self, plain: bytes, place: str) -> bytes:
        """Compress where it pays, then seal."""
        if len(plain) < SMALL:
            return self.seal(b"\0" + plain, place.encode())
        return self.seal(b"\1" + _zstd().compress(plain), place.encode())

    def packer(self) -> Callable[[bytes, str], bytes]:
        """``pack`` for the values of one batch, by one thread: the key is looked up once, nonces come from few calls."""
        if time.monotonic() > self._look:
            self.refresh()
        (head, cipher), compress, nonces = self._sealing, _zstd().compress, _nonces()
        encrypt = cipher.encrypt

        def pack(plain: bytes, place: str) -> bytes:
            nonce = next(nonces)
            packed = b"\1" + compress(plain) if len(plain) >= SMALL else b"\0" + plain
            sealed: bytes = head + nonce + encrypt(nonce, packed, place.encode())
            return sealed

        return pack

    def unpack(self, sealed: bytes, place: str) -> bytes:
        """Open, then decompress."""
        packed = self.open(bytes(sealed), place.encode())
        return packed[1:] if packed[:1] == b"\0" else zstandard.decompress(packed[1:])

    def blind(self, *parts: str, size: int = 16) -> bytes:
        """The blind index of a value: a keyed hash that finds equals and shows nothing."""
        return blake2b("\x1f".join(parts).encode(), key=self._index, digest_size=size).digest()

    def derived(self, purpose: str, length: int = 32) -> bytes:
        """A key for another purpose (session cookies, audit chain), the same on every start."""
        return HKDF(SHA256(), length, None, purpose.encode()).derive(self._index)

    @property
    def numbers(self) -> Iterable[int]:
        """The ids of the keys in the ring."""
        return self._keys.keys()


def _name(fresh: Path, path: Path) -> None:
    """Give the file its name, unless there is one of that name."""
    try:
        os.link(fresh, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from None
        os.replace(fresh, path)


def _sync_folder(folder: Path) -> None:
    """Make a new name in the folder survive a power failure: without the key file all data is lost."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_current: KeyRing | None = None


def use(ring: KeyRing) -> None:
    """Make this the process's ring."""
    global _current  # noqa: PLW0603 - one ring a process, set once at start
    _current = ring


def current() -> KeyRing:
    """The process's ring. Raises KeyFault before ``use``."""
    if _current is None:
        raise KeyFault("no key ring is loaded yet")
    return _current


def load_or_create(path: Path) -> KeyRing:
    """The ring in the file, or a fresh one that is written there. Raises KeyFault."""
    if path.exists():
        return KeyRing.load(path)
    try:
        KeyRing.new().save(path, keep=True)
        return KeyRing.load(path)
    except FileExistsError:
        return KeyRing.load(path)
    except OSError as error:
        raise KeyFault(f"key file {path} cannot be written: {type(error).__name__}") from None
