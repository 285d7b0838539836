"""Checks before a stage is deployed: what this machine, the account and the region lack for its settings.

    python -m infrastructure.preflight [-c stage=prod]

prints one JSON object a line: `check`, `state` (ok, warning, failed, unknown), `says`, `to_do`. Nothing is created.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
)

from infrastructure.settings.config import PROJECT_ROOT, ConfigError, StageConfig, load_context, stage_config

# Of the bootstrap stack: what the CDK's default synthesizer requires.
_BOOTSTRAP_VERSION = 6
_NODE = (20, 0)
# AWS keeps as many unreserved in every account.
_UNRESERVED = 100
# Of a stage that has them all.
_FUNCTIONS = 19
_RAISE_VPCS = "https://console.aws.amazon.com/servicequotas/home/services/vpc/quotas/L-F678F1CE"
# A new account runs ten functions at once until its quota is raised.
_RAISE = "https://console.aws.amazon.com/servicequotas/home/services/lambda/quotas/L-B99A9384"
_SIGN_IN = "sign in: `aws sso login`, or set AWS_PROFILE"
_SAID: dict[type[Exception], str] = {
    NoCredentialsError: "none found",
    EndpointConnectionError: "AWS cannot be reached",
}
# A region's, unless it was raised.
_VPCS = 5
_GONE = frozenset(
    {"ParameterNotFound", "ValidationError", "404", "NoSuchBucket", "ResourceNotFoundException"}
)


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked, how it stands, and what to do about it."""

    check: str
    state: str
    says: str
    to_do: str | None = None


def found(check: str, good: bool, says: str, otherwise: str, to_do: str, bad: str = "failed") -> Check:
    return Check(check, "ok", says) if good else Check(check, bad, otherwise, to_do)


Client = Callable[[str], Any]


def preflight(config: StageConfig, client: Client, region: str) -> Iterator[Check]:
    """Yield every check of a stage in an account; one that AWS does not answer is `unknown`."""
    yield from _settings(config)
    try:
        client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        unreachable = isinstance(error, EndpointConnectionError)
        to_do = f"check the network, and that {region} is a region" if unreachable else _SIGN_IN
        yield Check("Credentials", "failed", _why(error), to_do)
        return
    yield Check("Credentials", "ok", f"accepted in {region}")
    for name, look in _CHECKS:
        try:
            yield from look(config, client, region)
        except (ClientError, BotoCoreError) as error:
            yield Check(name, "unknown", f"could not be checked: {_why(error)}")


def _why(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return f"{error.response.get('Error', {}).get('Code') or 'no response'} from {error.operation_name}"
    return _SAID.get(type(error), type(error).__name__)


def _missing(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in _GONE


def _settings(config: StageConfig) -> Iterator[Check]:
    yield found(
        "Platform",
        not config.embedded,
        f"functions run on {config.function_platform.value}",
        "the functions are built for this machine and the embedded AWS",
        "set function_platform to arm64 or x86_64",
    )
    yield found(
        "Alarms",
        config.alarm_email is not None,
        "someone is notified",
        "no one is notified",
        "set alarm_email, or subscribe to the stack's topic",
        "warning",
    )


def _bootstrap(config: StageConfig, client: Client, region: str) -> Iterator[Check]:
    name = f"/cdk-bootstrap/{config.bootstrap_qualifier}/version"
    qualifier = config.bootstrap_qualifier
    is_default = qualifier == StageConfig.bootstrap_qualifier
    # Under the stack's usual name it would take the place of the account's default bootstrap.
    own = "" if is_default else f" --qualifier {qualifier} --toolkit-stack-name CDKToolkit-{qualifier}"
    to_do = f"npx cdk bootstrap aws://ACCOUNT/{region}{own}"
    try:
        version = int(client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    except ClientError as error:
        if not _missing(error):
            raise
        yield Check("CDK bootstrap", "failed", f"{region} is not bootstrapped", to_do)
        return
    yield found(
        "CDK bootstrap",
        version >= _BOOTSTRAP_VERSION,
        f"version {version}",
        f"version {version} is too old",
        to_do,
    )


def _stack(config: StageConfig, client: Client, _: str) -> Iterator[Check]:
    try:
        stack = client("cloudformation").describe_stacks(StackName=config.stack_name)["Stacks"][0]
    except ClientError as error:
        if not _missing(error):
            raise
        yield Check("Stack", "ok", f"{config.stack_name} is not deployed yet")
        yield from _names(config, client)
        yield from _networks(config, client)
        return
    status = stack["StackStatus"]
    yield found(
        "Stack",
        status.endswith("_COMPLETE") and status != "ROLLBACK_COMPLETE",
        f"{config.stack_name} is there and can be updated ({status})",
        f"{config.stack_name} is {status}",
        "delete the stack if its first deployment failed; otherwise wait, or continue its rollback in CloudFormation",
    )


def _names(config: StageConfig, client: Client) -> Iterator[Check]:
    """Look for what an earlier stack of this name has left, whose names a new one needs."""
    stack, lower = config.stack_name, f"carefile-{config.stage}"
    pages = client("kms").get_paginator("list_aliases").paginate()
    aliases = {alias["AliasName"] for page in pages for alias in page["Aliases"]}
    buses = {bus["Name"] for bus in client("events").list_event_buses(NamePrefix=lower)["EventBuses"]}
    wanted = {f"alias/{lower}-records", f"alias/{lower}-operations", f"{lower}-intake", f"{lower}-catalog"}
    taken = sorted((aliases | buses) & wanted)
    yield found(
        "Names",
        not taken,
        "free",
        f"taken: {', '.join(taken)}",
        f"a deleted {stack} has left them: delete them (docs/deploying.md#remove-a-stage), or choose another stage",
    )


def _networks(config: StageConfig, client: Client) -> Iterator[Check]:
    if config.vpc:
        count = len(client("ec2").describe_vpcs(MaxResults=100)["Vpcs"])
        yield found(
            "Networks",
            count < _VPCS,
            f"{count} in this region",
            f"{count} in this region, where AWS allows {_VPCS} unless the quota was raised",
            f"delete one, ask for more ({_RAISE_VPCS}), or set vpc to false",
            "warning",
        )


def _concurrency(config: StageConfig, client: Client, _: str) -> Iterator[Check]:
    limits = client("lambda").get_account_settings()["AccountLimit"]
    limit = limits["ConcurrentExecutions"]
    reserved = (config.reserved_concurrency or 0) * _FUNCTIONS
    if reserved and limits["UnreservedConcurrentExecutions"] - reserved < _UNRESERVED:
        yield Check(
            "Lambda concurrency",
            "failed",
            f"{limit} at once in this account; reserving {config.reserved_concurrency} for each function leaves less "
            f"than the {_UNRESERVED} that must stay unreserved",
            f"lower reserved_concurrency, or ask for more: {_RAISE}",
        )
        return
    yield found(
        "Lambda concurrency",
        limit >= 2 * config.backfill_concurrency,
        f"{limit} at once in this account",
        f"only {limit} at once in this account: a backfill of {config.backfill_concurrency} objects at a time would "
        "starve uploads",
        f"lower backfill_concurrency, or ask for more: {_RAISE}",
        "warning",
    )


def _buckets(config: StageConfig, client: Client, region: str) -> Iterator[Check]:
    s3 = client("s3")
    for bucket in filter(None, (config.landing_bucket, *config.source_buckets, *config.inventory_buckets)):
        where = _region_of(s3, bucket)
        yield found(
            f"Bucket {bucket}",
            where == region,
            "found in this region",
            "not found" if where is None else f"in {where}, not in {region}",
            "correct the name, or deploy where the bucket is",
        )
    if config.landing_bucket and _region_of(s3, config.landing_bucket):
        yield from _landing(s3, config.landing_bucket)
    if config.replica_bucket_prefix:
        yield from _replicas(config, s3, region)


def _region_of(s3: Any, bucket: str) -> str | None:
    try:
        answer = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if not _missing(error):
            raise
        return None
    return str(answer.get("BucketRegion") or answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"])


def _landing(s3: Any, bucket: str) -> Iterator[Check]:
    yield found(
        "Landing notifications",
        "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket),
        "sent to EventBridge",
        "not sent to EventBridge: uploads would start nothing",
        f"aws s3api put-bucket-notification-configuration --bucket {bucket} "
        "--notification-configuration '{\"EventBridgeConfiguration\": {}}' (it replaces others)",
    )
    yield found(
        "Landing versions",
        s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled",
        "kept",
        "not kept: an upload that is overwritten is lost",
        "enable the bucket's versioning",
        "warning",
    )


def _replicas(config: StageConfig, s3: Any, region: str) -> Iterator[Check]:
    landing = () if config.landing_bucket else ("landing",)
    processed = () if config.processed_in_landing_bucket else ("processed",)
    for name in (*landing, *processed, "access-logs"):
        bucket = f"{config.replica_bucket_prefix}-{name}"
        where = _region_of(s3, bucket)
        if where is None or where == region:
            says = "not found" if where is None else "in this region, not in another"
            yield Check(f"Replica {bucket}", "failed", says, "create it in another region, versioned")
            continue
        versioned = s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"
        yield found(
            f"Replica {bucket}", versioned, f"versioned, in {where}", "not versioned", "enable its versioning"
        )
        if config.object_lock and name != "access-logs":
            yield _lock_of(s3, bucket)


def _lock_of(s3: Any, bucket: str) -> Check:
    """S3 copies versions that may be held or retained only to where they may be so too."""
    try:
        s3.get_object_lock_configuration(Bucket=bucket)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ObjectLockConfigurationNotFoundError":
            raise
        to_do = "enable its Object Lock, as the stage has object_lock"
        return Check(f"Lock of {bucket}", "failed", "none: S3 refuses to replicate to it", to_do)
    return Check(f"Lock of {bucket}", "ok", "enabled")


def _malware(config: StageConfig, client: Client, region: str) -> Iterator[Check]:
    if config.malware_scan:
        client("guardduty").list_malware_protection_plans()
        yield Check("GuardDuty", "ok", f"Malware Protection for S3 answers in {region}")


_CHECKS: tuple[tuple[str, Callable[[StageConfig, Client, str], Iterator[Check]]], ...] = (
    ("CDK bootstrap", _bootstrap),
    ("Stack", _stack),
    ("Lambda concurrency", _concurrency),
    ("Buckets", _buckets),
    ("GuardDuty", _malware),
)


def tools(root: Path = PROJECT_ROOT) -> Iterator[Check]:
    """Yield the checks of this machine."""
    try:
        said = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=20, check=False)
        version = tuple(map(int, re.findall(r"\d+", said.stdout)[:2]))
    except FileNotFoundError:
        version = ()
    needed = ".".join(map(str, _NODE))
    yield found(
        "Node.js",
        version >= _NODE,
        ".".join(map(str, version)),
        f"{'.'.join(map(str, version)) or 'not found'}; the CDK's command needs {needed} or newer",
        "install it from your distribution or nodejs.org",
    )
    yield found(
        "CDK",
        (root / "node_modules/.bin/cdk").exists(),
        "installed",
        "not installed",
        "make deploy installs it, or npm ci",
        "warning",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infrastructure.preflight", description=__doc__)
    parser.add_argument("-c", "--context", action="append", default=[], metavar="KEY=VALUE")
    chosen = dict(it.split("=", 1) for it in parser.parse_args(arguments).context)
    failed = False
    for check in _all(chosen):
        failed = failed or check.state == "failed"
        print(json.dumps(asdict(check), ensure_ascii=False), flush=True)  # noqa: T201 - command-line output
    return 1 if failed else 0


def _all(chosen: dict[str, str]) -> Iterator[Check]:
    yield from tools()
    try:
        config = stage_config(load_context() | chosen)
    except ConfigError as error:
        yield Check("Settings", "failed", str(error), "correct cdk.json")
        return
    yield Check("Settings", "ok", f"stage {config.stage}")
    try:
        # As the CDK does; boto3 by itself knows AWS_DEFAULT_REGION only.
        session = boto3.session.Session(region_name=os.environ.get("AWS_REGION") or None)
    except ProfileNotFound as error:
        to_do = "list them with `aws configure list-profiles`"
        yield Check("Credentials", "failed", f"there is no profile {error.kwargs['profile']}", to_do)
        return
    if not session.region_name:
        yield Check(
            "Region", "failed", "no region is set", "set AWS_REGION, or choose a profile that has one"
        )
        return
    client: Client = cast("Any", session).client
    yield from preflight(config, client, session.region_name)


if __name__ == "__main__":
    sys.exit(main())
