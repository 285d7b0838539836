"""A Carefile state machine: encrypted, traced, logged without execution data, with a role of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Aws, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infrastructure.functions.operations import ServiceRole, log_group
from infrastructure.protection import execution_permissions, permissions
from infrastructure.protection.accepted import accept
from infrastructure.protection.encryption import Keys, import_key
from infrastructure.settings.config import ExecutionLogLevel, StageConfig

_KEPT_BY_THE_SERVICE = (
    "Step Functions itself keeps every step of every execution for 90 days, encrypted and open to who may read "
    "records; CloudTrail names who started it. The log holds what failed. A copy of the steps that went well, without "
    "their data, would say nothing more; a stage that has to keep it for longer sets execution_log_level to ALL."
)
_KEPT_ELSEWHERE = (
    "What fails here is run again by the object pipeline, whose every step is kept for 90 days, or it is logged and an "
    "alarm goes off. Of what went well the functions' log lines show each step under the execution's name, and the "
    "catalog entry what was filed, when and by which execution. A log of all steps, without data, would say no more."
)
_LOGS_NOTHING = (
    "The stage sets execution_log_level to OFF. Step Functions itself keeps every step of every execution for 90 days, "
    "CloudTrail names who started it, and a failure is recorded and raises an alarm whether or not it is logged."
)


class Machine:
    """Adds a machine with its role and log group to a construct. The log never holds execution data."""

    def __init__(
        self,
        scope: Construct,
        *,
        name: str,
        definition: str,
        substitutions: Mapping[str, str],
        statements: Sequence[permissions.Permission],
        config: StageConfig,
        keys: Keys,
        kind: sfn.StateMachineType = sfn.StateMachineType.STANDARD,
        log_level: ExecutionLogLevel | None = None,
    ) -> None:
        level = log_level or config.execution_log_level
        # Named explicitly, because its role refers to it before it exists.
        self.name = name
        role = ServiceRole(
            scope,
            "Role",
            principal=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
            statements=[
                *statements,
                *execution_permissions.encrypt_executions(Stack.of(scope), name, keys.records),
                *execution_permissions.deliver_logs(),
                *permissions.trace(),
            ],
        )
        self.machine = sfn.StateMachine(
            scope,
            "StateMachine",
            state_machine_name=name,
            state_machine_type=kind,
            definition_body=sfn.DefinitionBody.from_string(definition),
            definition_substitutions=dict(substitutions),
            role=role.fixed,
            encryption_configuration=sfn.CustomerManagedEncryptionConfiguration(
                import_key(scope, keys.records)
            ),
            logs=sfn.LogOptions(
                destination=log_group(
                    scope,
                    "Logs",
                    config=config,
                    key=keys.operations,
                    # This prefix keeps the account's log resource policy from growing with every machine. The
                    # stack id keeps a retained group from blocking a later stack of the same name.
                    name=f"/aws/vendedlogs/states/{name}-{_stack_guid()}",
                ),
                level=sfn.LogLevel(level.value),
                include_execution_data=False,
            ),
            tracing_enabled=True,
        )
        role.must_be_ready_for(self.machine)
        if level is ExecutionLogLevel.OFF:
            accept(self.machine, ["AwsSolutions-SF1"], _LOGS_NOTHING)
        elif level is ExecutionLogLevel.ERROR:
            kept = kind is sfn.StateMachineType.STANDARD
            accept(self.machine, ["AwsSolutions-SF1"], _KEPT_BY_THE_SERVICE if kept else _KEPT_ELSEWHERE)


def _stack_guid() -> str:
    return Fn.select(2, Fn.split("/", Aws.STACK_ID))
