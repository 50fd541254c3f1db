"""The vendor's own native library behind our process, offline: it loads, takes our calls, and its crash stays where it is.

The library comes with pyweworkfinance, a development dependency; nothing of that package itself is used.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.wecom_archive.finance import CRASHED, Process

FOUND = importlib.util.find_spec("pyweworkfinance")
if FOUND is None or FOUND.origin is None:
    pytest.skip("pyweworkfinance is a development dependency", allow_module_level=True)
if sys.platform != "linux" or platform.machine() != "x86_64":
    pytest.skip("the vendor's library is here for Linux on x86-64 only", allow_module_level=True)
LIBRARY = str(Path(FOUND.origin).parent / "libs" / "linux" / "libWeWorkFinanceSdk_C_x86.so")


@pytest.fixture
def native() -> Iterator[Process]:
    made = Process(LIBRARY, "ww0123456789abcdef", "a-secret-that-is-none")
    yield made
    made.close()


def test_it_loads_and_refuses_a_page_that_is_too_big(native: Process) -> None:
    """Init is 0 without network; 1001 messages are refused before any network is needed."""
    assert native.chat(0, 1001, 2) == (10000, "")
    assert native.started == 1


def test_its_crash_takes_nobody_along(native: Process) -> None:
    """An empty ciphertext aborts the process with the library; the next call has a new one."""
    assert native.decrypt([("k" * 32, "")]) == [(CRASHED, "")]
    assert native.chat(0, 1001, 2) == (10000, "")
    assert native.started == 2


def test_a_file_that_is_none_is_an_error_code(native: Process) -> None:
    code, data, _, finished = native.media("no-such-file", "", 1)
    assert code and not data and finished


def test_a_library_that_is_none_is_told_apart() -> None:
    made = Process("/nowhere/libWeWorkFinanceSdk_C.so", "ww0123456789abcdef", "a-secret-that-is-none")
    assert made.chat(0, 1, 1) == (-2, "")
    made.close()
