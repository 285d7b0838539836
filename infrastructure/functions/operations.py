"""What every function and machine needs: a role of its own and a log group of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from aws_cdk import Aws, CfnResource, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infrastructure.protection.accepted import accept, wildcards
from infrastructure.protection.encryption import removal_policy
from infrastructure.protection.permissions import Permission
from infrastructure.settings.config import StageConfig


def role_path(stack_name: str) -> str:
    """The IAM path of the stack's roles, by which policies match them.

    A name prefix would not do: CloudFormation shortens names, and stages may share a prefix (`prod` and `prod-eu`).
    """
    return f"/{stack_name}/"


def roles_of(stack_name: str) -> str:
    """An ARN pattern that matches all roles of a stack."""
    return f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role{role_path(stack_name)}*"


class ServiceRole(Construct):
    """A role that an AWS service assumes, with a managed policy of its own and shared wide ones.

    Pass `fixed` to constructs: the CDK cannot add statements to it. Resources that use the role must depend on its
    policy (`must_be_ready_for`), or their first requests may be refused. Set `alone` for a role that the resources in
    its policy refer to, so that shared policies cannot create a dependency cycle.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        principal: iam.IPrincipal,
        statements: Sequence[Permission],
        alone: bool = False,
    ) -> None:
        super().__init__(scope, id)
        role = iam.Role(self, "Role", assumed_by=principal, path=role_path(Stack.of(self).stack_name))
        shared = [] if alone else [it for it in statements if it.wide]
        for it in shared:
            role.add_managed_policy(_shared(self, it))
        own = [it for it in statements if it not in shared]
        self.policy = iam.ManagedPolicy(self, "Policy", statements=[it.statement for it in own], roles=[role])
        for it in own:
            if it.wide:
                _accept(self.policy, it)
        self.fixed = role.without_policy_updates()

    def must_be_ready_for(self, user: Construct) -> None:
        """Make CloudFormation create the role's policy before its user; the role itself comes first by reference."""
        resource = user.node.default_child
        assert isinstance(resource, CfnResource)  # noqa: S101 - narrows the type
        policy = self.policy.node.default_child
        assert isinstance(policy, CfnResource)  # noqa: S101 - narrows the type
        resource.add_override("DependsOn", [Stack.of(self).get_logical_id(policy)])


def _shared(scope: Construct, permission: Permission) -> iam.IManagedPolicy:
    """Find or create the stack's one policy for a wide permission, so that it is reviewed once."""
    assert permission.wide  # noqa: S101 - narrows the type
    stack = Stack.of(scope)
    known = stack.node.try_find_child("Permissions")
    all_shared = known if isinstance(known, Construct) else Construct(stack, "Permissions")
    found = all_shared.node.try_find_child(permission.wide.name)
    if found is None:
        found = iam.ManagedPolicy(
            all_shared,
            permission.wide.name,
            description=permission.wide.reason,
            statements=[permission.statement],
        )
        _accept(found, permission)
    policy = cast(iam.ManagedPolicy, found)
    here, there = (stack.resolve(it) for it in (permission.statement.to_json(), policy.document.to_json()))
    if there["Statement"] != [here]:
        raise ValueError(f"two different permissions share the name {permission.wide.name!r}")
    return policy


def _accept(policy: Construct, permission: Permission) -> None:
    assert permission.wide  # noqa: S101 - narrows the type
    found = wildcards(Stack.of(policy), permission.statement)
    accept(policy, [*found, *permission.wide.also], permission.wide.reason)


def log_group(
    scope: Construct, id: str, *, config: StageConfig, key: kms.IKey, name: str | None = None
) -> logs.LogGroup:
    """Create an encrypted log group with the stage's retention."""
    group = logs.LogGroup(
        scope, id, log_group_name=name, encryption_key=key, removal_policy=removal_policy(config)
    )
    resource = group.node.default_child
    assert isinstance(resource, logs.CfnLogGroup)  # noqa: S101 - narrows the type
    resource.retention_in_days = config.log_retention_days
    return group
