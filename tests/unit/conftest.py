"""Unit tests: the functions against an AWS in this process. Nothing reaches a network."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from moto import mock_aws

from lambdas.adapters.boundary import logger
from tests.unit.world import World


@pytest.fixture(autouse=True)
def _no_network(socket_disabled: None) -> None:
    """No test here opens a socket."""


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the functions log, in the form that CloudWatch gets it."""
    lines = io.StringIO()
    before = logger.registered_handler.setStream(lines)  # type: ignore[attr-defined]
    yield lines
    logger.registered_handler.setStream(before)  # type: ignore[attr-defined]


@pytest.fixture
def aws_in_process() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def world(aws_in_process: None, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.fixture
def unversioned_world(aws_in_process: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """The landing bucket is a user's own, without versioning."""
    return World(monkeypatch, versioned=False)
