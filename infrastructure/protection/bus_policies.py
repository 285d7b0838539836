"""The buses' resource policies: who may publish what, regardless of identity policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Aws, Stack
from aws_cdk import aws_events as events

from infrastructure.events.draft_4 import CATALOG_SOURCE, INTAKE_SOURCE
from infrastructure.functions.operations import roles_of
from infrastructure.protection.bucket_policies import unless_one_of

# The detail types that the intake bus accepts; each rule on it matches one of them.
INTAKE_TYPES = ("Object Submitted", "Patient Identified", "Patient Registered", "Patients Merged")
Statement = dict[str, Any]


def restrict_submissions(bus: events.EventBus, name: str, publishers: Sequence[str]) -> None:
    """Accept only intake events on the bus, and only from the named publishers, if any.

    Publishers of this account also need an identity policy; those of another account are granted access here.
    """
    here = [f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:root"]
    ours = {"StringEquals": {"events:source": INTAKE_SOURCE, "events:detail-type": list(INTAKE_TYPES)}}
    statements = [
        _statement("Publishers", "Allow", {"AWS": list(publishers) or here}, ours),
        _refuse("RefuseOtherSources", {"StringNotEquals": {"events:source": INTAKE_SOURCE}}),
        _refuse("RefuseOtherEvents", {"StringNotEquals": {"events:detail-type": list(INTAKE_TYPES)}}),
    ]
    if publishers:
        statements.append(_refuse("RefuseOtherPublishers", unless_one_of(publishers)))
    _attach(bus, name, statements)


def restrict_announcements(bus: events.EventBus, name: str, stack_name: str) -> None:
    """Accept only the pipeline's announcements on the bus, and only from the stack's roles."""
    roles = roles_of(stack_name)
    statements = [
        _refuse("RefuseOtherSources", {"StringNotEquals": {"events:source": CATALOG_SOURCE}}),
        _refuse("RefuseOtherPublishers", {"ArnNotLike": {"aws:PrincipalArn": roles}}),
    ]
    _attach(bus, name, statements)


def _refuse(sid: str, conditions: dict[str, Any]) -> Statement:
    return _statement(sid, "Deny", "*", conditions)


def _statement(sid: str, effect: str, principal: Any, conditions: dict[str, Any]) -> Statement:
    return {
        "Sid": sid,
        "Effect": effect,
        "Principal": principal,
        "Action": "events:PutEvents",
        "Condition": conditions,
    }


def _attach(bus: events.EventBus, name: str, statements: Sequence[Statement]) -> None:
    resource = bus.node.default_child
    assert isinstance(resource, events.CfnEventBus)  # noqa: S101 - narrows the type
    # Built from the name, because a bus cannot refer to itself.
    arn = Stack.of(bus).format_arn(service="events", resource="event-bus", resource_name=name)
    resource.policy = {
        "Version": "2012-10-17",
        "Statement": [{**it, "Resource": arn} for it in statements],
    }
