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
            "secrecy",
        )
    )
)

from connectors.contract import acting, declared, delivering, faulty, following, handing, listening, pushed, reading, secrecy  # noqa: E402, F401
from connectors.contract.scenario import Scenario  # noqa: E402
from connectors.contract.suite import contract_tests  # noqa: E402

__all__ = ["Scenario", "contract_tests"]
