"""Deploys the pipeline to the embedded AWS: the same template and packages that AWS would get.

`synthesise` runs the CDK app for the stage `local`; `deploy` publishes the assets in its manifest and passes the
template to CloudFormation. Neither the CDK CLI nor a bootstrap stack is needed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

from local.problem import Problem
from local.settings import ACCOUNT, REGION, REPOSITORY, Settings

# The sources of the template and the packages.
SOURCES = (
    "carefile/__init__.py",
    "carefile/core",
    "carefile/page",
    "cdk.json",
    "infrastructure",
    "lambdas",
    "rules",
    "schemas",
    "statemachines",
    "requirements.lock",
)
SYNTH_SECONDS = 300
# These credentials are root in the embedded AWS.
_ROOT = ("test", "test", None)
_PATIENCE = {"Delay": 1, "MaxAttempts": 120}


def client(settings: Settings, service: str, credentials: tuple[str, str, str | None] = _ROOT) -> Any:
    """Create a boto3 client that reaches only this embedded AWS, regardless of the environment."""
    key_id, secret, token = credentials
    return boto3.session.Session().client(  # type: ignore[call-overload]
        service,
        endpoint_url=settings.endpoint,
        region_name=REGION,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(
            s3={"addressing_style": "path"},
            inject_host_prefix=False,
            retries={"max_attempts": 2},
            # The benchmark's highest number of parallel uploads.
            max_pool_connections=32,
        ),
    )


def bring_up_to_date(settings: Settings, *, force: bool = False) -> bool:
    """Synthesise and deploy if the sources changed or the stack is missing; True if something was deployed."""
    digest = source_digest()
    if not force and _deployed_digest(settings) == digest and stack_outputs(settings) is not None:
        return False
    deploy(settings, synthesise(settings))
    settings.deployed_file.write_text(json.dumps({"sources": digest}))
    return True


def source_digest(root: Path = REPOSITORY) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for name in SOURCES:
        for path in _files(root / name):
            digest.update(f"{path.relative_to(root)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def synthesise(settings: Settings) -> Path:
    """Run the CDK app for the stage and return the folder of the cloud assembly."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    env |= {"CDK_DEFAULT_ACCOUNT": ACCOUNT, "CDK_DEFAULT_REGION": REGION}
    arguments = ["-c", f"stage={settings.stage}", "-o", str(settings.cloud_assembly)]
    log = settings.logs / "synth.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        # This Python has the project's packages; the app command in cdk.json might find another one.
        done = subprocess.run(
            [sys.executable, "-m", "infrastructure.app", *arguments],
            cwd=REPOSITORY,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=SYNTH_SECONDS,
            check=False,
        )
    if done.returncode:
        last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
        raise Problem(f"the CDK app failed: {last[0]}", f"the whole output is in {log}")
    return settings.cloud_assembly


def deploy(settings: Settings, assembly: Path) -> None:
    """Publish the assembly's assets and create or update the stack from its template."""
    template_path, manifest_path = _stack_files(assembly)
    template = json.loads(template_path.read_text())
    template_url = _publish(settings, manifest_path, template_path)
    _satisfy_bootstrap_check(settings, template)
    _apply_stack(settings, template_url)


def stack_outputs(settings: Settings) -> dict[str, str] | None:
    """The stack's outputs, or None if no working stack is deployed."""
    try:
        stack = client(settings, "cloudformation").describe_stacks(StackName=settings.stack_name)["Stacks"][0]
    except ClientError:
        return None
    if not stack["StackStatus"].endswith(("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")):
        return None
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _deployed_digest(settings: Settings) -> str | None:
    try:
        return str(json.loads(settings.deployed_file.read_text())["sources"])
    except (OSError, ValueError, KeyError):
        return None


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        for child in sorted(path.iterdir()):
            if child.name != "__pycache__":
                yield from _files(child)


def _stack_files(assembly: Path) -> tuple[Path, Path]:
    """The template and the asset manifest of the one stack in the assembly."""
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    stacks = [item for item in artifacts.values() if item["type"] == "aws:cloudformation:stack"]
    if len(stacks) != 1:
        raise Problem(f"the CDK app made {len(stacks)} stacks", "it must make one for the stage `local`")
    manifests = [item for item in artifacts.values() if item["type"] == "cdk:asset-manifest"]
    return (
        assembly / stacks[0]["properties"]["templateFile"],
        assembly / manifests[0]["properties"]["file"],
    )


def _publish(settings: Settings, manifest_path: Path, template_path: Path) -> str:
    """Upload every file asset as the manifest says and return the template's URL."""
    s3 = client(settings, "s3")
    template_url = ""
    for asset in json.loads(manifest_path.read_text())["files"].values():
        source = manifest_path.parent / asset["source"]["path"]
        for destination in asset["destinations"].values():
            bucket, key = _resolve(destination["bucketName"]), _resolve(destination["objectKey"])
            s3.create_bucket(Bucket=bucket)  # in us-east-1, recreating one's own bucket is not an error
            body = zipped(source) if asset["source"]["packaging"] == "zip" else source.read_bytes()
            s3.put_object(Bucket=bucket, Key=key, Body=body)
            if source == template_path:
                template_url = f"{settings.endpoint}/{bucket}/{key}"
    return template_url


def _resolve(text: str) -> str:
    for placeholder, value in (("AccountId", ACCOUNT), ("Region", REGION), ("Partition", "aws")):
        text = text.replace(f"${{AWS::{placeholder}}}", value)
    return text


def zipped(folder: Path) -> bytes:
    if folder.is_file():  # a bundler may have packed it already
        return folder.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in _files(folder):
            archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def _satisfy_bootstrap_check(settings: Settings, template: dict[str, Any]) -> None:
    """Provide the SSM parameter by which templates check the bootstrap version; no bootstrap stack exists here."""
    parameter = template.get("Parameters", {}).get("BootstrapVersion")
    if parameter:
        client(settings, "ssm").put_parameter(
            Name=parameter["Default"], Value="99", Type="String", Overwrite=True
        )


def _apply_stack(settings: Settings, template_url: str) -> None:
    cloudformation = client(settings, "cloudformation")
    arguments = {
        "StackName": settings.stack_name,
        "TemplateURL": template_url,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    }
    try:
        status = cloudformation.describe_stacks(StackName=settings.stack_name)["Stacks"][0]["StackStatus"]
    except ClientError:
        status = None
    if status == "ROLLBACK_COMPLETE":  # its creation failed, so it is empty and cannot be updated
        cloudformation.delete_stack(StackName=settings.stack_name)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=settings.stack_name, WaiterConfig=_PATIENCE
        )
        status = None
    action = "create" if status is None else "update"
    try:
        getattr(cloudformation, f"{action}_stack")(**arguments)
        cloudformation.get_waiter(f"stack_{action}_complete").wait(
            StackName=settings.stack_name, WaiterConfig=_PATIENCE
        )
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise Problem(
                f"CloudFormation refused the template: {error}", "fix infrastructure/, then `make up`"
            ) from None
    except WaiterError:
        raise Problem(
            f"the stack could not be deployed: {_first_failure(cloudformation, settings.stack_name)}",
            "fix infrastructure/, then `make up`; `make clean` starts from nothing",
        ) from None


def _first_failure(cloudformation: Any, stack_name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    failed = [e for e in events if e["ResourceStatus"].endswith("FAILED") and e.get("ResourceStatusReason")]
    if not failed:
        return "CloudFormation gave no reason"
    first = min(failed, key=lambda e: e["Timestamp"])
    return f"{first['LogicalResourceId']} ({first.get('ResourceType')}): {first['ResourceStatusReason']}"
