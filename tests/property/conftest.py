"""Property tests of the pure core, over names in any script. `tests/conftest.py` says how many examples they take."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="module")
def _no_network() -> None:
    """No test here opens a socket. The plugin's own fixture is too narrow for hypothesis."""
    from pytest_socket import disable_socket

    disable_socket()
