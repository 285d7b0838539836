"""Golden pairs: `<case>.input.json` beside `<case>.expected.json`. Nothing here reaches a network."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_network(socket_disabled: None) -> None:
    """No test here opens a socket."""
