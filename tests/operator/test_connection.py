"""Which deployment a command works on, and what it says where there is none."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from moto import mock_aws

from carefile import local_aws
from carefile.connection import connect
from carefile.problem import Problem
from tests.embedded import EmbeddedAws
from tests.operator.conftest import Carefile

OUTPUTS = {
    "LandingBucketName": "landing",
    "ProcessedBucketName": "processed",
    "PipelineStateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:m",
    "CatalogBusName": "catalog-bus",
    "CatalogTableName": "catalog",
    "IntakeBusName": "intake-bus",
}


@pytest.fixture
def on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """No embedded AWS runs."""
    monkeypatch.setattr(local_aws, "find", lambda: None)
    for name in ("CAREFILE_STACK", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


def deploy(name: str, outputs: dict[str, str] = OUTPUTS, region: str = "us-east-1") -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    boto3.client("cloudformation", region).create_stack(StackName=name, TemplateBody=json.dumps(template))


@mock_aws
def test_the_only_stack_is_taken(on_aws: None) -> None:
    deploy("Carefile-dev")
    deploy("Something-else")
    connection = connect()
    assert (connection.stack, connection.landing) == ("Carefile-dev", "landing")
    assert connection.where == "Carefile-dev in account 123456789012, eu-west-1"


@mock_aws
def test_several_stacks_have_to_be_told_apart(on_aws: None) -> None:
    deploy("Carefile-dev")
    deploy("Carefile-prod")
    with pytest.raises(Problem, match="Carefile-dev, Carefile-prod"):
        connect()
    assert connect(stack="Carefile-prod").stack == "Carefile-prod"


@mock_aws
def test_the_stack_may_be_named_by_the_environment(on_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy("Carefile-dev")
    deploy("Carefile-prod")
    monkeypatch.setenv("CAREFILE_STACK", "Carefile-dev")
    assert connect().stack == "Carefile-dev"


@mock_aws
def test_the_region_is_looked_in_that_is_named(on_aws: None) -> None:
    deploy("Carefile-dev", region="eu-west-1")
    assert connect(region="eu-west-1").stack == "Carefile-dev"
    with pytest.raises(Problem, match="no Carefile is deployed in us-east-1"):
        connect()


@mock_aws
def test_a_stack_that_is_not_there_is_told(on_aws: None) -> None:
    with pytest.raises(Problem, match="no stack Carefile-x in us-east-1"):
        connect(stack="Carefile-x")


@mock_aws
def test_a_stack_without_the_outputs_is_no_carefile(on_aws: None) -> None:
    deploy("Carefile-half", {"LandingBucketName": "landing"})
    with pytest.raises(Problem, match="no output ProcessedBucketName"):
        connect()


def test_a_profile_that_is_not_there_is_told(on_aws: None) -> None:
    with pytest.raises(Problem, match="no AWS profile 'nobody'"):
        connect(profile="nobody")


def test_without_credentials_it_says_how_to_get_some(on_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(NoCredentialsError):
        connect()


def test_the_embedded_aws_is_found_while_it_runs(carefile: Carefile, deployed_aws: EmbeddedAws) -> None:
    ran = carefile("runs", "--limit", "1")
    assert ran.code == 0
    assert f"Carefile-local on this machine (127.0.0.1:{deployed_aws.settings.port})" in ran.err


def test_a_named_region_is_never_the_embedded_aws(
    carefile: Carefile, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mock_aws():
        ran = carefile("runs", "--region", "eu-west-1")
    assert ran.code == 2
    assert "no Carefile is deployed in eu-west-1" in ran.err
