"""Property tests of the pure core, over names in any script.

`make test` runs some hundred examples of each, the same every time. For as many as one likes, at random:

    CAREFILE_EXAMPLES=200000 .venv/bin/python -m pytest tests/property
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

_examples = os.environ.get("CAREFILE_EXAMPLES")
settings.register_profile("quick", max_examples=150, deadline=None, derandomize=True, database=None)
settings.register_profile(
    "thorough",
    max_examples=int(_examples or 1),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("thorough" if _examples else "quick")


@pytest.fixture(autouse=True, scope="module")
def _no_network() -> None:
    """No test here opens a socket. The plugin's own fixture is too narrow for hypothesis."""
    from pytest_socket import disable_socket

    disable_socket()
