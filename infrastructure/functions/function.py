"""A Carefile function: its own least-privilege role, its own log group, and tracing.

Tracing is left to Lambda: importing a tracing library costs more than the function's whole work. A function follows its
caller's decision (`PassThrough`), so the machine decides by the stage's sampling rule; with `Active` a function would
trace one request a second whatever the rule says.

Lambda logs nothing about a successful call unless the stage logs at DEBUG: its three lines would double the log volume,
and durations are available as a metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import AssetHashType, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.functions.operations import ServiceRole, log_group
from infrastructure.functions.package import FunctionPackage
from infrastructure.protection import permissions
from infrastructure.protection.accepted import accept, security_rules
from infrastructure.protection.encryption import import_key
from infrastructure.protection.network import Network
from infrastructure.settings.config import LogLevel, StageConfig

METRICS_NAMESPACE = "Carefile"

_NO_DLQ = [*security_rules("LambdaDLQ"), "CKV_AWS_116"]
_DESTINATION = (
    "What this function cannot process goes to its on-failure destination, an encrypted queue with an alarm. That "
    "keeps the error with the event; a dead-letter configuration beside it would keep the event a second time."
)
_CALLED_BY_MACHINES = (
    "State machines call this function and wait for its answer. A dead-letter queue serves asynchronous calls only; "
    "here a failure fails the execution, which keeps its input, raises an alarm and can be re-driven."
)
FOLLOWS_A_STREAM = (
    "Lambda itself reads the stream, calls this function and waits for its answer. A dead-letter queue serves "
    "asynchronous calls only; here a batch that fails for good goes to the mapping's own queue, which has an alarm."
)
FOLLOWS_A_QUEUE = (
    "Lambda itself takes messages from the queue, calls this function and waits for its answer. A dead-letter queue "
    "serves asynchronous calls only; here what fails stays in the queue, and goes to the queue's own dead letters."
)
MEASURES_AGAIN = (
    "A schedule calls this function every five minutes to take a measurement that is soon outdated. There is nothing "
    "to keep of a failed call; missing measurements raise an alarm themselves."
)
_OUTSIDE_VPC = [*security_rules("LambdaInsideVPC"), "CKV_AWS_117"]
_NO_NETWORK = (
    "The stage has chosen so (setting vpc). The function accepts no connections and calls the public endpoints of AWS "
    "over TLS, signed, under a role that reaches this stack's resources only."
)
_NO_CONCURRENCY = [*security_rules("LambdaConcurrency"), "CKV_AWS_115"]
_ACCOUNTS_CONCURRENCY = (
    "The stage has chosen so (setting reserved_concurrency), as many accounts have too little to reserve. The "
    "account's limit bounds the function, and the machine or EventBridge retries throttled calls."
)


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """Settings shared by all functions of a stage."""

    config: StageConfig
    package: FunctionPackage
    log_key: kms.IKey
    network: Network | None = None

    @property
    def code(self) -> lambda_.Code:
        return lambda_.Code.from_asset(
            str(self.package.directory),
            asset_hash=self.package.fingerprint,
            asset_hash_type=AssetHashType.CUSTOM,
        )


class CarefileFunction(Construct):
    """One function of the package: `lambdas.<module>.handler`.

    `failures` is for a function invoked by events: what it cannot process after two retries goes there. Without one,
    `needs_none` explains to an auditor why.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        module: str,
        description: str,
        memory_mb: int,
        timeout: Duration,
        environment: Mapping[str, str],
        statements: Sequence[permissions.Permission],
        failures: sqs.IQueue | None = None,
        needs_none: str = _CALLED_BY_MACHINES,
    ) -> None:
        super().__init__(scope, id)
        config = settings.config
        logs_to = log_group(self, "Logs", config=config, key=settings.log_key)
        role = ServiceRole(
            self,
            "Role",
            principal=iam.ServicePrincipal("lambda.amazonaws.com"),
            statements=[
                *statements,
                *permissions.write_logs(logs_to),
                *permissions.trace(),
                *permissions.decrypt_environment(settings.log_key),
                *(permissions.attach_to_network() if settings.network else ()),
                *(permissions.send_messages(failures) if failures else ()),
            ],
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            code=settings.code,
            handler=f"lambdas.{module}.handler",
            runtime=lambda_.Runtime(f"python{settings.package.python_version}", lambda_.RuntimeFamily.PYTHON),
            architecture=lambda_.Architecture.custom(settings.package.architecture),
            memory_size=memory_mb,
            timeout=timeout,
            environment={
                "LOG_LEVEL": config.log_level.value,
                "POWERTOOLS_SERVICE_NAME": f"carefile-{module.replace('_', '-')}",
                "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
                "STAGE": config.stage,
                **environment,
            },
            environment_encryption=import_key(self, settings.log_key),
            role=role.fixed,
            log_group=logs_to,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=_application_level(config.log_level),
            system_log_level_v2=_system_level(config.log_level),
            tracing=lambda_.Tracing.PASS_THROUGH,
            on_failure=destinations.SqsDestination(failures) if failures else None,
            retry_attempts=2 if failures else None,
            max_event_age=Duration.hours(6) if failures else None,
            reserved_concurrent_executions=config.reserved_concurrency,
            **(settings.network.placement if settings.network else {}),
        )
        self.role = role.fixed
        role.must_be_ready_for(self.function)
        accept(self.function, _NO_DLQ, _DESTINATION if failures else needs_none)
        if settings.network is None:
            accept(self.function, _OUTSIDE_VPC, _NO_NETWORK)
        if config.reserved_concurrency is None:
            accept(self.function, _NO_CONCURRENCY, _ACCOUNTS_CONCURRENCY)


def _application_level(level: LogLevel) -> lambda_.ApplicationLogLevel:
    """The application log level for Lambda: INFO at least, because embedded metrics count as INFO."""
    debugging = level is LogLevel.DEBUG
    return lambda_.ApplicationLogLevel.DEBUG if debugging else lambda_.ApplicationLogLevel.INFO


def _system_level(level: LogLevel) -> lambda_.SystemLogLevel:
    return lambda_.SystemLogLevel.INFO if level is LogLevel.DEBUG else lambda_.SystemLogLevel.WARN
