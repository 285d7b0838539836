"""Unit tests: the functions against an AWS in this process. Nothing reaches a network."""

from __future__ import annotations

import io
from collections.abc import Iterator
from xml.etree import ElementTree

import boto3
import pytest
from moto import mock_aws
from moto.s3.responses import S3Response

from carefile.cli.aws.connection import Connection
from carefile.core.filing.layout import Layout
from lambdas.adapters.boundary import logger
from tests.unit.forgetting import forget
from tests.unit.migrating import originals, runs, step
from tests.unit.remembered import remember
from tests.unit.world import LANDING, PROCESSED, REPORTS, World

__all__ = ["forget", "originals", "runs", "step"]  # fixtures
remember()

OUTPUTS = {
    "LandingBucketName": LANDING,
    "ProcessedBucketName": PROCESSED,
    "PipelineStateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:object-pipeline",
    "ReassignPatientStateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:reassign-patient",
    "MergePatientsStateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:merge-patients",
    "CatalogTableName": "catalog",
    "LedgerTableName": "ledger",
    "PatientsTableName": "patients",
    "ReportsBucketName": REPORTS,
    "IntakeBusName": "intake",
    "CatalogBusName": "catalog-bus",
}


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


def tags_of(response: S3Response) -> dict[str, str]:
    """S3 takes an empty set of tags, over which moto 5.2 stumbles."""
    found = ElementTree.fromstring(response.body).iterfind(".//{*}Tag")  # noqa: S314 - a request of these tests
    return {tag.findtext("{*}Key") or "": tag.findtext("{*}Value") or "" for tag in found}


@pytest.fixture
def aws_in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(S3Response, "_tagging_from_xml", tags_of)
    with mock_aws():
        yield


@pytest.fixture
def world(aws_in_process: None, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.fixture
def scanned_world(aws_in_process: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """A stage that waits for malware protection."""
    monkeypatch.setenv("MALWARE_SCAN", "true")
    return World(monkeypatch)


@pytest.fixture
def unversioned_world(aws_in_process: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """The landing bucket is a user's own, without versioning."""
    return World(monkeypatch, versioned=False)


@pytest.fixture
def connection(world: World) -> Connection:
    return connection_to(world)


def connection_to(world: World) -> Connection:
    """The operator's connection to the world of these tests."""
    made = Connection(boto3.session.Session(region_name="us-east-1"), "Carefile-test", OUTPUTS)
    made.__dict__ |= {"layout": Layout(), "accepted_buckets": (LANDING,), "patients_are_listed": False}
    return made
