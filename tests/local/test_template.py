"""The template for those who deploy without the CDK: complete, and deployable by CloudFormation alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure import template
from local import deployment
from local.settings import REGION, STACK_NAME
from tests.assemblies import assembly
from tests.embedded import running

AWS = Path(sys.executable).with_name("aws")


@pytest.mark.prove
@pytest.mark.timeout(400)
def test_cloudformation_s_own_commands_deploy_it(tmp_path: Path) -> None:
    written = template.write(assembly(), STACK_NAME, tmp_path / "template")
    text = written.read_text()
    assert "aws:asset" not in text
    assert "cdk-hnb659fds" not in text
    functions = [it for it in json.loads(text)["Resources"].values() if it["Type"] == "AWS::Lambda::Function"]
    assert functions
    assert all((written.parent / it["Properties"]["Code"]).exists() for it in functions)
    with running(tmp_path / "home") as aws:
        env = {
            **os.environ,
            **aws.settings.credentials,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": aws.settings.endpoint,
        }
        aws.client("s3").create_bucket(Bucket="packages")
        packaged = tmp_path / "packaged.json"

        def cloudformation(*arguments: object) -> None:
            done = subprocess.run(
                [AWS, "cloudformation", *map(str, arguments)],
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=180,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-3000:]

        bucket = ("--s3-bucket", "packages")
        cloudformation(
            "package", "--template-file", written, *bucket, "--output-template-file", packaged, "--use-json"
        )
        capabilities = ("--capabilities", "CAPABILITY_NAMED_IAM")
        cloudformation(
            "deploy", "--template-file", packaged, "--stack-name", STACK_NAME, *bucket, *capabilities
        )
        outputs = deployment.stack_outputs(aws.settings)
        assert outputs is not None
        aws.client("s3").head_bucket(Bucket=outputs["LandingBucketName"])
        aws.client("stepfunctions").describe_state_machine(stateMachineArn=outputs["PipelineStateMachineArn"])
