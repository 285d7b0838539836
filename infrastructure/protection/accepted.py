"""Findings of the rule packs that are accepted: each on one resource, with the reason that an auditor is told.

cdk-nag, checkov and cfn-lint are told here, and nowhere else. The resource's metadata in the template holds the same,
so what is deployed says itself what was accepted on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from aws_cdk import Acknowledgment, CfnResource, Stack, Validations
from aws_cdk import aws_iam as iam
from constructs import IConstruct

METADATA = "carefile:accepted"
LINTED = re.compile(r"[EWI]\d{4}")


def accept(construct: IConstruct, rules: Sequence[str], reason: str) -> None:
    """Accept findings of these rules on the one resource that the construct stands for.

    `rules`: of cdk-nag as it reports them, of checkov as `CKV…`, of cfn-lint as `E1234`.
    """
    resource = construct if isinstance(construct, CfnResource) else construct.node.default_child
    assert isinstance(resource, CfnResource)  # noqa: S101 - narrows the type
    linted = [rule for rule in rules if LINTED.fullmatch(rule)]
    packs = [rule for rule in rules if not rule.startswith("CKV") and rule not in linted]
    skipped = [{"id": rule, "comment": reason} for rule in rules if rule.startswith("CKV")]
    if packs:
        Validations.of(resource).acknowledge(*(Acknowledgment(id=rule, reason=reason) for rule in packs))
    if skipped:
        earlier = (resource.get_metadata("checkov") or {"skip": []})["skip"]
        resource.add_metadata("checkov", {"skip": [*earlier, *skipped]})
    if linted:
        ignored = (resource.get_metadata("cfn-lint") or {"config": {"ignore_checks": []}})["config"][
            "ignore_checks"
        ]
        resource.add_metadata("cfn-lint", {"config": {"ignore_checks": [*ignored, *linted]}})
    earlier = resource.get_metadata(METADATA) or []
    resource.add_metadata(METADATA, [*earlier, {"rules": list(rules), "reason": reason}])


def security_rules(name: str) -> list[str]:
    """A rule that HIPAA.Security and NIST 800-53 R5 share."""
    return [f"HIPAA.Security-{name}", f"NIST.800.53.R5-{name}"]


def wildcards(stack: Stack, statement: iam.PolicyStatement) -> list[str]:
    """The findings that cdk-nag makes of a statement's wildcards, under the names it gives them."""
    resources = stack.resolve(statement.resources)
    return [f"AwsSolutions-IAM5[Resource::{_flat(it)}]" for it in resources]


def _flat(value: Any) -> str:
    """A resolved ARN as cdk-nag writes it: references in angle brackets."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Ref":
        return f"<{argument}>"
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    separator, parts = argument
    return str(separator).join(map(_flat, parts))
