"""The inbox on an AWS in this process, asked by a browser that is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """No test here opens a socket but the pair by which an event loop wakes itself."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
