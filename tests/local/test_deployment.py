"""Deploying a cloud assembly without the CDK's command line: first, again, changed, and broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local import deployment
from local.problem import Problem
from local.settings import STACK_NAME
from tests.embedded import EmbeddedAws, settings_for
from tests.local import stubs

pytestmark = pytest.mark.timeout(120)


def assembly(folder: Path, *, answer: str, **more_resources: object) -> Path:
    """What the CDK would write for a stack with one function."""
    code = folder / f"asset.{answer}"
    code.mkdir(parents=True)
    (code / "stub.py").write_text(f"def handler(event, context): return {answer!r}")
    location = {"bucketName": "assets-${AWS::AccountId}-${AWS::Region}", "objectKey": f"{answer}.zip"}
    resolved = {"S3Bucket": "assets-000000000000-us-east-1", "S3Key": f"{answer}.zip"}
    function = {"Runtime": "python3.11", "Handler": "stub.handler", "Role": stubs.ROLE, "Code": resolved}
    template = {
        "Parameters": {
            "BootstrapVersion": {
                "Type": "AWS::SSM::Parameter::Value<String>",
                "Default": "/cdk-bootstrap/hnb659fds/version",
            }
        },
        "Resources": {"Fn": {"Type": "AWS::Lambda::Function", "Properties": function}, **more_resources},
        "Outputs": {"FunctionName": {"Value": {"Ref": "Fn"}}},
    }
    assets = {
        "template": {
            "source": {"path": "Stack.template.json", "packaging": "file"},
            "destinations": {"here": {**location, "objectKey": f"{answer}.json"}},
        },
        "code": {"source": {"path": code.name, "packaging": "zip"}, "destinations": {"here": location}},
    }
    artifacts = {
        "Stack": {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": "Stack.template.json"},
        },
        "Stack.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Stack.assets.json"}},
    }
    (folder / "Stack.template.json").write_text(json.dumps(template))
    (folder / "Stack.assets.json").write_text(json.dumps({"files": assets}))
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


def answer_of_the_function(aws: EmbeddedAws) -> str:
    outputs = deployment.stack_outputs(aws.settings)
    assert outputs is not None
    return json.loads(aws.client("lambda").invoke(FunctionName=outputs["FunctionName"])["Payload"].read())


@pytest.fixture
def without_the_stack(bare_aws: EmbeddedAws) -> EmbeddedAws:
    stubs.role(bare_aws)
    cloudformation = bare_aws.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK_NAME)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=STACK_NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    return bare_aws


def test_changed_code_is_what_answers_after_deploying_again(
    without_the_stack: EmbeddedAws, tmp_path: Path
) -> None:
    aws = without_the_stack
    assert deployment.stack_outputs(aws.settings) is None
    deployment.deploy(aws.settings, assembly(tmp_path / "1", answer="old"))
    assert answer_of_the_function(aws) == "old"
    deployment.deploy(aws.settings, tmp_path / "1")  # the same again is no error
    deployment.deploy(aws.settings, assembly(tmp_path / "2", answer="new"))
    assert answer_of_the_function(aws) == "new"


def test_a_resource_that_cannot_be_made_is_named(without_the_stack: EmbeddedAws, tmp_path: Path) -> None:
    properties = {"PolicyName": "p", "PolicyDocument": {}, "Roles": ["nobody"]}
    broken = {"Type": "AWS::IAM::Policy", "Properties": properties}
    with pytest.raises(Problem) as problem:
        deployment.deploy(without_the_stack.settings, assembly(tmp_path / "1", answer="x", Broken=broken))
    assert "Broken (AWS::IAM::Policy)" in problem.value.what
    # And a mended template can be deployed after it.
    deployment.deploy(without_the_stack.settings, assembly(tmp_path / "2", answer="mended"))
    assert answer_of_the_function(without_the_stack) == "mended"


def test_a_failing_cdk_app_is_told_by_its_last_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(deployment.sys, "executable", "/bin/false")
    with pytest.raises(Problem, match="the CDK app failed"):
        deployment.synthesise(settings_for(tmp_path))


def test_the_digest_changes_with_the_code_and_not_with_bytecode(tmp_path: Path) -> None:
    (tmp_path / "lambdas" / "__pycache__").mkdir(parents=True)
    source = tmp_path / "lambdas" / "tag_object.py"
    source.write_text("1")
    first = deployment.source_digest(tmp_path)
    (tmp_path / "lambdas" / "__pycache__" / "tag_object.pyc").write_text("bytecode")
    assert deployment.source_digest(tmp_path) == first
    source.write_text("2")
    assert deployment.source_digest(tmp_path) != first
