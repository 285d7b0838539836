"""Tests of the machine's definition, against the real functions in this process. Nothing reaches a network."""

from __future__ import annotations

import pytest

from tests.unit.conftest import aws_in_process, world

__all__ = ["aws_in_process", "world"]


@pytest.fixture(autouse=True)
def _no_network(socket_disabled: None) -> None:
    """No test here opens a socket."""
