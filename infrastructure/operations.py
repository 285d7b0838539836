"""What every running part needs beside its work: a role of its own and a log group of its own."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infrastructure.config import StageConfig
from infrastructure.encryption import removal_policy


class ServiceRole(Construct):
    """A role an AWS service takes, with one managed policy that says all it may do.

    `fixed` is what to hand to a construct: the CDK adds nothing to it. Whoever uses the role should depend
    on `policy`, or its first requests may be refused.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        principal: iam.IPrincipal,
        statements: Sequence[iam.PolicyStatement],
    ) -> None:
        super().__init__(scope, id)
        role = iam.Role(self, "Role", assumed_by=principal)
        self.policy = iam.ManagedPolicy(self, "Policy", statements=list(statements), roles=[role])
        self.fixed = role.without_policy_updates()


def log_group(
    scope: Construct, id: str, *, config: StageConfig, key: kms.IKey, name: str | None = None
) -> logs.LogGroup:
    """A log group under the key, with the stage's retention."""
    group = logs.LogGroup(
        scope, id, log_group_name=name, encryption_key=key, removal_policy=removal_policy(config)
    )
    resource = group.node.default_child
    assert isinstance(resource, logs.CfnLogGroup)  # noqa: S101 - narrows the type
    resource.retention_in_days = config.log_retention_days
    return group
