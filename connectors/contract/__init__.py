"""The suite that every connector must pass; importable by connectors outside this repository too.

A connector's test file needs four lines (pytest must be installed)::

    import pytest
    from connectors.contract import contract_tests

    @pytest.mark.parametrize("scenario", contract_tests("wecom"), ids=str)
    def test_contract(scenario):
        scenario.run()
"""

import pytest

pytest.register_assert_rewrite(
    *(
        f"connectors.contract.{name}"
        for name in (
            "bench",
            "declared",
            "reading",
            "faulty",
            "delivering",
            "following",
            "acting",
            "handing",
            "pushed",
            "listening",
            "rotating",
            "renewing",
            "secrecy",
        )
    )
)

from connectors.contract import (  # noqa: E402
    acting,  # noqa: F401
    declared,  # noqa: F401
    delivering,  # noqa: F401
    faulty,  # noqa: F401
    following,  # noqa: F401
    handing,  # noqa: F401
    listening,  # noqa: F401
    pushed,  # noqa: F401
    reading,  # noqa: F401
    renewing,  # noqa: F401
    rotating,  # noqa: F401
    secrecy,  # noqa: F401
)
from connectors.contract.scenario import Scenario  # noqa: E402
from connectors.contract.suite import contract_tests  # noqa: E402

__all__ = ["Scenario", "contract_tests"]
