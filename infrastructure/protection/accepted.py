"""Accepted findings of the rule packs: each on one resource, with a reason for the auditor.

Findings of cdk-nag, checkov and cfn-lint are suppressed here and nowhere else. The resource's metadata in the template
records the same, so the deployed stack documents what was accepted.
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
    """Accept findings of these rules on the one resource behind the construct.

    `rules` are names as each tool reports them: cdk-nag's in full, checkov's `CKV…`, cfn-lint's `E1234`.
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
    """The names of a rule in HIPAA.Security and NIST 800-53 R5, which share it."""
    return [f"HIPAA.Security-{name}", f"NIST.800.53.R5-{name}"]


def wildcards(stack: Stack, statement: iam.PolicyStatement) -> list[str]:
    """The names of cdk-nag's findings for a statement's wildcards."""
    resources = stack.resolve(statement.resources)
    return [f"AwsSolutions-IAM5[Resource::{_flat(it)}]" for it in resources]


def _flat(value: Any) -> str:
    """Render a resolved ARN as cdk-nag does, with references in angle brackets."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Ref":
        return f"<{argument}>"
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    separator, parts = argument
    return str(separator).join(map(_flat, parts))
