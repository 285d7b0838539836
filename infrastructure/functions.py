"""A Carefile function: its own role, its own log group, active tracing, and nothing else it may do.

Tracing is the service's (`Active`), without a tracing library in the function: importing one costs more
than the function's whole work.
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

from infrastructure import permissions
from infrastructure.config import StageConfig
from infrastructure.operations import ServiceRole, log_group
from infrastructure.package import FunctionPackage

METRICS_NAMESPACE = "Carefile"


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """What all functions of a stage share."""

    config: StageConfig
    package: FunctionPackage
    log_key: kms.IKey

    @property
    def code(self) -> lambda_.Code:
        return lambda_.Code.from_asset(
            str(self.package.directory),
            asset_hash=self.package.fingerprint,
            asset_hash_type=AssetHashType.CUSTOM,
        )


class CarefileFunction(Construct):
    """One function of the package: `lambdas.<module>.handler`.

    `failures`: for a function that events invoke; what it could not process, after two retries, goes there.
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
        statements: Sequence[iam.PolicyStatement],
        failures: sqs.IQueue | None = None,
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
                **environment,
            },
            role=role.fixed,
            log_group=logs_to,
            tracing=lambda_.Tracing.ACTIVE,
            on_failure=destinations.SqsDestination(failures) if failures else None,
            retry_attempts=2 if failures else None,
            max_event_age=Duration.hours(6) if failures else None,
        )
        self.function.node.add_dependency(role.policy)
