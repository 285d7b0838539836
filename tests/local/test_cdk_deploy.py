"""The way to AWS that `make deploy` takes, tried against the embedded AWS: bootstrap, then deploy."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from local import deployment
from local.settings import ACCOUNT, REGION, REPOSITORY
from tests.embedded import running

CDK = REPOSITORY / "node_modules" / ".bin" / "cdk"


@pytest.mark.prove
@pytest.mark.timeout(400)
def test_the_cdk_command_line_deploys_the_stack(tmp_path: Path) -> None:
    assert CDK.exists(), "the CDK's command line is not installed: run the tests by `make test`"
    with running(tmp_path / "home") as aws:
        env = {**os.environ, **aws.settings.credentials, "AWS_REGION": REGION}

        def cdk(*arguments: str) -> None:
            done = subprocess.run(
                [CDK, *arguments, "--output", tmp_path / arguments[0]],
                cwd=REPOSITORY,
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=180,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-3000:]

        cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", "--context", "stage=local")
        cdk("deploy", "--context", "stage=local", "--require-approval", "never")
        outputs = deployment.stack_outputs(aws.settings)
        assert outputs is not None
        aws.client("s3").head_bucket(Bucket=outputs["LandingBucketName"])
        aws.client("stepfunctions").describe_state_machine(stateMachineArn=outputs["PipelineStateMachineArn"])
