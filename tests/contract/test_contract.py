"""Every connector of the registry, the moment its folder exists, against the contract suite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.contract import contract_tests
from connectors.registry import Entry, entries


def cases(entry: Entry) -> list[tuple[str, Callable[[], None]]]:
    """The connector's scenarios; a folder that cannot even be read is one failing case, and stops no other connector."""
    try:
        return [(str(scenario), scenario.run) for scenario in contract_tests(entry)]
    except Exception as error:
        return [(f"{entry.name}-cannot_be_read", refused(error))]


def refused(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


CASES = [case for entry in entries().values() for case in cases(entry)]


@pytest.mark.parametrize("run", [run for _, run in CASES], ids=[name for name, _ in CASES])
def test_contract(run: Callable[[], None]) -> None:
    run()
