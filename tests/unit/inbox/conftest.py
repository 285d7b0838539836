"""The inbox on an AWS in this process, asked by a browser that is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket

from carefile.cli.aws.connection import Connection
from tests.unit.inbox.scene import Inbox
from tests.unit.world import World


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """No test here opens a socket but the pair by which an event loop wakes itself."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture
def inbox(world: World, connection: Connection) -> Iterator[Inbox]:
    """The inbox of Ana Ruiz over the records of this world, entered."""
    found = Inbox(world, connection)
    found.browser.enter()
    yield found
    found.decisions.send_all()
