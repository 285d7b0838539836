"""Which deployment a command works on, and what it says where there is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from carefile.cli.aws import local_aws
from carefile.cli.aws.connection import Connection, connect
from carefile.cli.problem import Problem
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


class CloudFormation:
    """What AWS would answer about the stacks of one region."""

    def __init__(self, region: str, stacks: dict[str, dict[str, str]]) -> None:
        self.meta = SimpleNamespace(region_name=region)
        self._stacks = stacks

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        if StackName not in self._stacks:
            error = {"Error": {"Code": "ValidationError", "Message": f"Stack {StackName} does not exist"}}
            raise ClientError(error, "DescribeStacks")  # type: ignore[arg-type]
        return {"Stacks": [self._told(StackName)]}

    def get_paginator(self, _: str) -> CloudFormation:
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [{"Stacks": [self._told(name)]} for name in self._stacks]

    def _told(self, name: str) -> dict[str, Any]:
        outputs = self._stacks[name].items()
        return {"StackName": name, "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs]}


Stacks = dict[str, dict[str, dict[str, str]]]


@pytest.fixture
def on_aws(monkeypatch: pytest.MonkeyPatch) -> Stacks:
    """No embedded AWS runs; the stacks of AWS by region, to be filled."""
    monkeypatch.setattr(local_aws, "find", lambda: None)
    for name in ("CAREFILE_STACK", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    stacks: Stacks = {"us-east-1": {}, "eu-west-1": {}}

    def client(session: boto3.session.Session, _: str, **__: Any) -> CloudFormation:
        region = session.region_name or "us-east-1"
        return CloudFormation(region, stacks[region])

    monkeypatch.setattr(boto3.session.Session, "client", client)
    return stacks


def test_the_only_stack_is_taken(on_aws: Stacks) -> None:
    on_aws["us-east-1"]["Carefile-dev"] = OUTPUTS
    on_aws["us-east-1"]["Something-else"] = OUTPUTS
    connection = connect()
    assert (connection.stack, connection.landing) == ("Carefile-dev", "landing")
    assert connection.where == "Carefile-dev in account 123456789012, eu-west-1"


def test_several_stacks_have_to_be_told_apart(on_aws: Stacks) -> None:
    on_aws["us-east-1"]["Carefile-dev"] = OUTPUTS
    on_aws["us-east-1"]["Carefile-prod"] = OUTPUTS
    with pytest.raises(Problem, match="Carefile-dev, Carefile-prod"):
        connect()
    assert connect(stack="Carefile-prod").stack == "Carefile-prod"


def test_the_stack_may_be_named_by_the_environment(on_aws: Stacks, monkeypatch: pytest.MonkeyPatch) -> None:
    on_aws["us-east-1"]["Carefile-dev"] = OUTPUTS
    on_aws["us-east-1"]["Carefile-prod"] = OUTPUTS
    monkeypatch.setenv("CAREFILE_STACK", "Carefile-dev")
    assert connect().stack == "Carefile-dev"


def test_whoever_may_not_list_stacks_is_asked_to_name_theirs(
    on_aws: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_aws["us-east-1"]["Carefile-dev"] = OUTPUTS
    refused = {"Error": {"Code": "AccessDenied", "Message": "not authorized to perform DescribeStacks"}}

    def paginate(_: CloudFormation) -> None:
        raise ClientError(refused, "DescribeStacks")  # type: ignore[arg-type]

    monkeypatch.setattr(CloudFormation, "paginate", paginate)
    with pytest.raises(Problem, match="may not list stacks") as problem:
        connect()
    assert "--stack" in problem.value.to_do
    assert connect(stack="Carefile-dev").stack == "Carefile-dev"


def test_the_region_is_looked_in_that_is_named(on_aws: Stacks) -> None:
    on_aws["eu-west-1"]["Carefile-dev"] = OUTPUTS
    assert connect(region="eu-west-1").stack == "Carefile-dev"
    with pytest.raises(Problem, match="no Carefile is deployed in us-east-1"):
        connect()


def test_a_stack_that_is_not_there_is_told(on_aws: Stacks) -> None:
    with pytest.raises(Problem, match="no stack Carefile-x in us-east-1"):
        connect(stack="Carefile-x")


def test_a_stack_without_the_outputs_is_no_carefile(on_aws: Stacks) -> None:
    on_aws["us-east-1"]["Carefile-half"] = {"LandingBucketName": "landing"}
    with pytest.raises(Problem, match="no output ProcessedBucketName"):
        connect()


def test_a_profile_that_is_not_there_is_told(on_aws: Stacks) -> None:
    with pytest.raises(Problem, match="--profile selects the AWS profile 'nobody', which does not exist"):
        connect(profile="nobody")


def test_a_profile_of_the_environment_that_is_not_there_is_named(
    on_aws: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    for region in (None, "eu-west-1"):
        with pytest.raises(Problem, match="AWS_PROFILE selects the AWS profile 'somebody'"):
            connect(region=region)


def test_a_region_that_is_none_is_refused(on_aws: Stacks) -> None:
    with pytest.raises(Problem, match="is no AWS region"):
        connect(region="eu west")


def test_without_credentials_it_says_how_to_get_some(on_aws: Stacks, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("CAREFILE_HOME", raising=False)
    with pytest.raises(Problem, match="no embedded AWS is running on this machine"):
        connect()
    monkeypatch.setenv("CAREFILE_HOME", "/proc/nowhere")
    with pytest.raises(Problem, match=r"no embedded AWS is running from CAREFILE_HOME \(/proc/nowhere\)"):
        connect()
    monkeypatch.setattr(
        local_aws,
        "find",
        lambda: local_aws.EmbeddedAws("http://127.0.0.1:1", None, "us-east-1", "Carefile-local"),
    )
    with pytest.raises(Problem) as raised:
        connect(region="eu-west-1")
    assert "for the embedded AWS, which is running, leave out" in raised.value.to_do


def test_the_embedded_aws_is_found_while_it_runs(carefile: Carefile, deployed_aws: EmbeddedAws) -> None:
    ran = carefile("runs", "--limit", "1")
    assert ran.code == 0
    assert f"Carefile-local on this machine (127.0.0.1:{deployed_aws.settings.port})" in ran.err


def test_what_is_named_is_never_the_embedded_aws(on_aws: Stacks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_aws, "find", lambda: pytest.fail("it was looked for"))
    on_aws["eu-west-1"]["Carefile-dev"] = OUTPUTS
    assert connect(region="eu-west-1").endpoint is None


def test_an_execution_s_page_in_the_console_is_known_on_aws_and_locally() -> None:
    arn = "arn:aws:states:eu-west-1:111122223333:execution:Carefile-prod-ObjectPipeline:name"
    outputs = OUTPUTS
    session = boto3.session.Session(region_name="eu-west-1")
    on_aws = Connection(session, "Carefile-prod", outputs)
    assert on_aws.console(arn) == (
        "https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/" + arn
    )
    local = Connection(session, "x", outputs, "http://127.0.0.1:1", "http://127.0.0.1:2")
    assert local.console(arn) == (
        "http://127.0.0.1:2/resources/stepfunctions?machine="
        "arn:aws:states:eu-west-1:111122223333:stateMachine:Carefile-prod-ObjectPipeline"
    )
    assert Connection(session, "x", outputs, "http://127.0.0.1:1").console(arn) is None


def test_the_express_lane_is_known_by_its_machine() -> None:
    session = boto3.session.Session(region_name="eu-west-1")
    for lane, logical in ((True, "ExpressLaneStateMachine1A2B"), (False, "ObjectPipelineStateMachine3C4D")):
        found = Connection(session, "Carefile-prod", OUTPUTS)
        machine = {"ResourceType": "AWS::StepFunctions::StateMachine", "LogicalResourceId": logical}
        found.__dict__["_resources"] = [machine | {"PhysicalResourceId": f"arn:{logical}"}]
        assert found.has_express_lane is lane


def test_the_region_of_the_environment_is_taken_and_an_option_outranks_it(
    on_aws: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    on_aws["eu-west-1"]["Carefile-dev"] = OUTPUTS
    assert connect().session.region_name == "eu-west-1"
    on_aws["us-east-1"]["Carefile-test"] = OUTPUTS
    assert connect(region="us-east-1").stack == "Carefile-test"
