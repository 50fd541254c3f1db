"""What is put aside comes back as it was, is not to be read on the disk, and a full disk is said."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from hub.identity.bulk import spool
from hub.identity.bulk.spool import Spool


def test_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_TOGETHER", 100)
    with Spool() as kept:
        for number in range(50):
            kept.put(b"x" * number)
        assert [kept.take(number) for number in reversed(range(50))] == [b"x" * number for number in reversed(range(50))]


def test_nobody_reads_it_on_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spool, "TemporaryFile", lambda **how: (tmp_path / "seen").open("w+b", **how))
    with Spool() as kept, Spool() as other:
        kept.put("欧阳晓岚".encode())
        assert kept.take(0).decode() == "欧阳晓岚"
        written = (tmp_path / "seen").read_bytes()
        assert written and "欧阳".encode() not in written
        kept._cipher = other._cipher
        with pytest.raises(InvalidTag):
            kept.take(0)


def test_a_full_disk_is_said_with_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            pass

    monkeypatch.setattr(spool, "TemporaryFile", lambda **how: Full())
    with Spool() as kept:
        kept.put(b"x")
        with pytest.raises(OSError, match="No space left") as told:
            kept.take(0)
    assert told.value.filename == tempfile.gettempdir()
