"""Embedded AWSs for tests: each on free ports, with a home of its own, stopped by its own pid.

Fixtures to import into a conftest:
    deployed_aws   the whole stack, as `make up` deploys it; shared by a session
    scanned_aws    the same with a stack that waits for malware protection
    reading_aws    the same with a stack that reads scans
    bare_aws       the same emulator with nothing in it; shared by a session
    unmended_aws   ministack as it comes, for the canaries of the mends; shared by a session
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pytest

from local import deployment, processes
from local.settings import Settings
from tests.assemblies import assembly
from tests.shared import shared

T = TypeVar("T")
# IAM is enforced: every request is held against the policies of its caller, and a function has its role and no more.
ENFORCED = {"AUTH": "true"}


class EmbeddedAws:
    """One running embedded AWS, and what tests say to it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = deployment.client(self.settings, service)
        return self._clients[service]

    @cached_property
    def outputs(self) -> dict[str, str]:
        outputs = deployment.stack_outputs(self.settings)
        assert outputs is not None, "the stack is not deployed"
        return outputs

    def finished(self, execution_arn: str, seconds: float = 120) -> dict[str, Any]:
        """The execution's description once it has ended."""
        describe = self.client("stepfunctions").describe_execution

        def ended() -> dict[str, Any] | None:
            execution = describe(executionArn=execution_arn)
            return execution if execution["status"] != "RUNNING" else None

        return eventually(ended, seconds)

    def history(self, execution_arn: str) -> list[dict[str, Any]]:
        pages = self.client("stepfunctions").get_paginator("get_execution_history")
        return [event for page in pages.paginate(executionArn=execution_arn) for event in page["events"]]


def eventually(look: Callable[[], T | None], seconds: float = 30, every: float = 0.1) -> T:
    """What `look` gives as soon as it gives something; a failure when the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(every)
    raise AssertionError(f"nothing happened within {seconds} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def settings_for(home: Path) -> Settings:
    return Settings(home=home, port=free_port(), console_port=0)


def start(settings: Settings, **environment: str) -> None:
    """Start the embedded AWS of these settings, for the first time or again."""
    packages = shared() / "packages"
    packages.mkdir(exist_ok=True)
    # Retries wait a twentieth of their time.
    chosen = {"SFN_WAIT_SCALE": "0.05", "CAREFILE_PACKAGES": str(packages), **ENFORCED, **environment}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in chosen.items():
            patch.setenv(name, value)
        processes.start(settings)


def _end(settings: Settings) -> None:
    """Kill what was started: asked politely, it waits for idle connections and saves what nobody reads any more."""
    found = processes.find(settings)
    if found is None or found.console_pid is not None:
        processes.stop(settings)
        return
    os.killpg(
        found.aws_pid, signal.SIGKILL
    )  # it leads a session of its own, with the workers of its functions
    with suppress(ChildProcessError):
        os.waitpid(found.aws_pid, 0)
    settings.run_file.unlink(missing_ok=True)


@contextmanager
def running(home: Path, **environment: str) -> Iterator[EmbeddedAws]:
    settings = settings_for(home)
    start(settings, **environment)
    try:
        yield EmbeddedAws(settings)
    finally:
        _end(settings)
        # Gigabytes, of which nobody looks at anything but the logs any more.
        for held in (home / "tmp", settings.state, *home.glob("cdk.out*")):
            shutil.rmtree(held, ignore_errors=True)


@pytest.fixture(scope="session")
def bare_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with running(tmp_path_factory.mktemp("bare")) as aws:
        yield aws


@pytest.fixture(scope="session")
def unmended_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with running(tmp_path_factory.mktemp("unmended"), CAREFILE_UNMENDED="1") as aws:
        yield aws


@pytest.fixture(scope="session")
def deployed_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with running(tmp_path_factory.mktemp("deployed")) as aws:
        bring_up(aws)
        yield aws


@pytest.fixture(scope="session")
def scanned_aws(deployed_aws: EmbeddedAws) -> EmbeddedAws:
    aws = EmbeddedAws(dataclasses.replace(deployed_aws.settings, stage="local-scanned"))
    bring_up(aws)
    return aws


@pytest.fixture(scope="session")
def reading_aws(deployed_aws: EmbeddedAws) -> EmbeddedAws:
    aws = EmbeddedAws(dataclasses.replace(deployed_aws.settings, stage="local-ocr"))
    bring_up(aws)
    return aws


def on_express_lane(aws: EmbeddedAws) -> EmbeddedAws:
    """A stack of the lane express-first, made on this AWS if it is not there yet."""
    there = EmbeddedAws(dataclasses.replace(aws.settings, stage="local-express"))
    bring_up(there)
    return there


def bring_up(aws: EmbeddedAws) -> None:
    """Deploy the stack if it is not there."""
    settings = aws.settings
    if deployment.stack_outputs(settings) is None:
        deployment.deploy(settings, assembly(settings.stage))
        settings.deployed_file.write_text(json.dumps({"sources": deployment.source_digest()}))
