"""Connect to a deployed Carefile and create its clients.

Order: the stack selected by `--stack`, `--profile`, `--region` or AWS_ENDPOINT_URL, with the usual credential chain;
otherwise the embedded AWS if it is running on this machine; otherwise AWS. Every command reports its stack on stderr.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ProfileNotFound

from carefile.cli.aws import local_aws
from carefile.cli.aws.rate import Quotas
from carefile.cli.problem import Problem
from carefile.core.filing.layout import Layout

_PREFIX = "Carefile-"
_REGION = re.compile(r"[a-z]+(-[a-z0-9]+)+")
_CONNECTIONS = 32
_OUTPUTS = (
    "LandingBucketName",
    "ProcessedBucketName",
    "PipelineStateMachineArn",
    "CatalogBusName",
    "CatalogTableName",
    "IntakeBusName",
)


@dataclass(frozen=True)
class Account:
    """An account and region by their options, where no stack is needed."""

    profile: str | None
    region: str | None

    @property
    def environment(self) -> dict[str, str]:
        """The environment that selects them for another program."""
        chosen = {"AWS_PROFILE": self.profile, "AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
        return {**os.environ, **{name: value for name, value in chosen.items() if value}}


class Connection:
    """One deployed Carefile. `landing`, `processed`, `machine`, … are the stack's outputs."""

    def __init__(
        self,
        session: boto3.session.Session,
        stack: str,
        outputs: Mapping[str, str],
        endpoint: str | None = None,
        local_console: str | None = None,
    ) -> None:
        self._local_console = local_console
        self.session = session
        self.stack = stack
        self.endpoint = endpoint
        self.landing = outputs["LandingBucketName"]
        self.processed = outputs["ProcessedBucketName"]
        self.machine = outputs["PipelineStateMachineArn"]
        self.reassignment = outputs.get("ReassignPatientStateMachineArn")
        self.catalog_table = outputs["CatalogTableName"]
        self.intake_bus = outputs["IntakeBusName"]
        self.catalog_bus = outputs["CatalogBusName"]
        self._outputs = outputs
        self.quotas = Quotas.of_aws() if endpoint is None else Quotas.none()
        self._clients: dict[str, Any] = {}
        self._lock = Lock()

    def acting_as(self, session: boto3.session.Session) -> Connection:
        """Return a connection to the same stack with other credentials."""
        return Connection(session, self.stack, self._outputs, self.endpoint, self._local_console)

    @property
    def where(self) -> str:
        """Describe the stack and its location for the operator."""
        if self.endpoint:
            return f"{self.stack} on this machine ({self.endpoint.removeprefix('http://')})"
        account, region = self.machine.split(":")[4], self.machine.split(":")[3]
        return f"{self.stack} in account {account}, {region}"

    def output(self, name: str) -> str:
        """Return an optional stack output; older deployments may lack it."""
        if name not in self._outputs:
            raise Problem(
                f"the stack {self.stack} has no output {name}: it is older than this command",
                "deploy the stack again",
            )
        return self._outputs[name]

    @property
    def names(self) -> set[str]:
        """The names that the stack and its parts have on AWS; ARNs are none."""
        return {self.stack, *(value for value in self._outputs.values() if not value.startswith("arn:"))}

    def has_output(self, name: str) -> bool:
        """Whether the deployment is new enough to have an output."""
        return name in self._outputs

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service, created once. Thread-safe."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self.session.client(  # type: ignore[call-overload]
                    service, endpoint_url=self.endpoint, config=_config(self.endpoint)
                )
            return self._clients[service]

    def execution_arn(self, name: str) -> str:
        """Return the ARN of a pipeline execution, given its name or ARN."""
        if name.startswith("arn:"):
            return name
        return f"{self.machine.replace(':stateMachine:', ':execution:')}:{name}"

    def console(self, execution: str) -> str | None:
        """Return the console's address of an execution, given its ARN; the local console has one per state machine."""
        if self.endpoint is None:
            region = execution.split(":")[3]
            host = f"https://{region}.console.aws.amazon.com"
            return f"{host}/states/home?region={region}#/v2/executions/details/{execution}"
        if self._local_console is None:
            return None
        machine = execution.replace(":execution:", ":stateMachine:").rpartition(":")[0]
        return f"{self._local_console}/resources/stepfunctions?machine={machine}"

    def resources(self, kind: str) -> Iterator[tuple[str, str]]:
        """Yield (logical id, physical id) of the stack's resources of a CloudFormation type."""
        for item in self._resources:
            if item["ResourceType"] == kind:
                yield item["LogicalResourceId"], item["PhysicalResourceId"]

    def function(self, name: str) -> str:
        """Return the physical name of a function, given its construct's name."""
        for logical, physical in self.resources("AWS::Lambda::Function"):
            if name in logical:
                return physical
        raise Problem(f"the stack {self.stack} is incomplete: it has no function {name}", "deploy it again")

    @property
    def has_directory(self) -> bool:
        """Whether the deployment has a patient directory; older ones do not."""
        return "PatientsTableName" in self._outputs

    @property
    def records_decisions(self) -> bool:
        """Whether the deployment has a record of decisions; older ones do not."""
        return "DecisionsTableName" in self._outputs

    @cached_property
    def has_express_lane(self) -> bool:
        """Whether uploads run on the express lane."""
        return any(
            "ExpressLane" in logical for logical, _ in self.resources("AWS::StepFunctions::StateMachine")
        )

    @cached_property
    def patients_are_listed(self) -> bool:
        """Whether only patients whom the directory lists are known."""
        return self._settings.get("PATIENTS") == "listed"

    def setting(self, name: str) -> str | None:
        """A setting that the deployment's functions share, by the name of its environment variable."""
        return self._settings.get(name)

    @cached_property
    def layout(self) -> Layout:
        """The layout under the prefix that the deployment is configured with."""
        return Layout(self._settings.get("SESSION_PREFIX", "processed/"))

    @cached_property
    def accepted_buckets(self) -> tuple[str, ...]:
        """The buckets that the deployment ingests from, the landing bucket first."""
        return tuple(self._settings.get("LANDING_BUCKETS", self.landing).split(","))

    @cached_property
    def _settings(self) -> Mapping[str, str]:
        function = self.function("ClassifyObject")
        found = self.client("lambda").get_function_configuration(FunctionName=function)
        settings: Mapping[str, str] = found.get("Environment", {}).get("Variables", {})
        return settings

    @cached_property
    def _resources(self) -> list[dict[str, Any]]:
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return [
            item for page in pages.paginate(StackName=self.stack) for item in page["StackResourceSummaries"]
        ]


def connect(profile: str | None = None, region: str | None = None, stack: str | None = None) -> Connection:
    """Connect to the deployment selected by the options and the environment."""
    stack = stack or os.environ.get("CAREFILE_STACK")
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or None
    if not (profile or region or stack or endpoint) and (embedded := local_aws.find()):
        try:
            session = boto3.session.Session(
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106 - the embedded AWS takes any
                region_name=embedded.region,
            )
            return _connection(session, embedded.stack, embedded.endpoint, embedded.console)
        except ProfileNotFound:
            raise _no_profile(None) from None
    try:
        # boto3 itself knows AWS_DEFAULT_REGION only.
        named = region or os.environ.get("AWS_REGION") or None
        session = boto3.session.Session(profile_name=profile, region_name=named)
        credentials = session.get_credentials()
    except ProfileNotFound:
        raise _no_profile(profile) from None
    if session.region_name and not _REGION.fullmatch(session.region_name):
        raise Problem(f"{session.region_name!r} is no AWS region", "use a region's code, such as eu-west-1")
    if credentials is None:
        raise _no_credentials()
    return _connection(session, stack, endpoint)


def _no_profile(option: str | None) -> Problem:
    name, selected_by = (option, "--profile") if option else (os.environ.get("AWS_PROFILE"), "AWS_PROFILE")
    return Problem(
        f"{selected_by} selects the AWS profile {name!r}, which does not exist",
        "list profiles with `aws configure list-profiles`",
    )


def _no_credentials() -> Problem:
    if local_aws.find():
        return Problem(
            "no AWS credentials found",
            "sign in (aws sso login, or set AWS_PROFILE); for the embedded AWS, which is running, leave out --stack, "
            "--profile and --region, and unset CAREFILE_STACK; for another stack on it, export what `make status` says",
        )
    return Problem(
        f"no AWS credentials found, and {local_aws.absent()}",
        f"sign in (aws sso login, or set AWS_PROFILE), or {local_aws.how_to_start()}",
    )


def _connection(
    session: boto3.session.Session, stack: str | None, endpoint: str | None, console: str | None = None
) -> Connection:
    cloudformation = session.client("cloudformation", endpoint_url=endpoint, config=_config(endpoint))
    name, outputs = _outputs(cloudformation, stack) if stack else _only_stack(cloudformation)
    missing = [output for output in _OUTPUTS if output not in outputs]
    if missing:
        raise Problem(
            f"the stack {name} is not a complete Carefile: it has no output {missing[0]}", "deploy it again"
        )
    return Connection(session, name, outputs, endpoint, console)


def _outputs(cloudformation: Any, stack: str) -> tuple[str, dict[str, str]]:
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            region = cloudformation.meta.region_name
            raise Problem(
                f"there is no stack {stack} in {region}",
                "check --stack and --region, or deploy it with `make deploy`",
            ) from None
        raise
    return found["StackName"], {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", [])}


def _only_stack(cloudformation: Any) -> tuple[str, dict[str, str]]:
    try:
        names = sorted(
            stack["StackName"]
            for page in cloudformation.get_paginator("describe_stacks").paginate()
            for stack in page["Stacks"]
            if stack["StackName"].startswith(_PREFIX)
        )
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in ("AccessDenied", "AccessDeniedException"):
            raise
        # Who was given no more than the inbox's policy may describe its own stack only.
        raise Problem(
            "these credentials may not list stacks", "select one with --stack or CAREFILE_STACK"
        ) from None
    if len(names) == 1:
        return _outputs(cloudformation, names[0])
    region = cloudformation.meta.region_name
    if names:
        raise Problem(f"there are several stacks in {region}: {', '.join(names)}", "select one with --stack")
    raise Problem(
        f"no Carefile is deployed in {region}, and {local_aws.absent()}",
        f"use --region or --profile, deploy with `make deploy`, or {local_aws.how_to_start()}",
    )


def _config(endpoint: str | None) -> Config:
    return Config(
        connect_timeout=5,
        read_timeout=120,
        retries={"mode": "adaptive" if endpoint is None else "standard", "total_max_attempts": 8},
        max_pool_connections=_CONNECTIONS,
        inject_host_prefix=endpoint is None,
        s3={"addressing_style": "path"} if endpoint else {},
    )
