"""What is missing before a deployment is found, with what to do; a check that AWS does not answer is unknown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from infrastructure import preflight as module
from infrastructure.preflight import Check, preflight
from infrastructure.settings.config import PROJECT_ROOT, StageConfig, load_context, stage_config

REGION = "eu-west-1"


def refused(code: str, operation: str = "AnOperation") -> ClientError:
    return ClientError({"Error": {"Code": code}}, operation)


class Client:
    """Answers each operation with what is given for it, and raises what is an error."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(*_: str, **arguments: Any) -> Any:
            answer = self._answers[operation]
            answer = answer(**arguments) if callable(answer) else answer
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


class Pages(list[dict[str, Any]]):
    def paginate(self) -> Pages:
        return self


def head(Bucket: str) -> dict[str, Any] | ClientError:  # noqa: N803 - as AWS names it
    if Bucket == "missing":
        return refused("404")
    return {"BucketRegion": "us-east-1" if "replica" in Bucket or Bucket == "abroad" else REGION}


READY: dict[str, Any] = {
    "get_caller_identity": {},
    "get_parameter": {"Parameter": {"Value": "30"}},
    "describe_stacks": refused("ValidationError"),
    "get_paginator": Pages([{"Aliases": [{"AliasName": "alias/carefile-prod-eu-records"}]}]),
    "list_event_buses": {"EventBuses": [{"Name": "carefile-prod-eu-intake"}]},
    "get_account_settings": {
        "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    },
    "head_bucket": head,
    "get_bucket_notification_configuration": {"EventBridgeConfiguration": {}},
    "get_bucket_versioning": {"Status": "Enabled"},
    "get_object_lock_configuration": {},
    "list_malware_protection_plans": {},
}
FULL = {
    "alarm_email": "oncall@clinic.example",
    "landing_bucket": "clinic-uploads",
    "source_buckets": {"clinic-old": None},
    "replica_bucket_prefix": "clinic-replica",
    "replica_key_arn": "arn:aws:kms:us-east-1:111122223333:key/k",
}
NEW_ACCOUNT = {"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}}


def config(**settings: Any) -> StageConfig:
    return stage_config(load_context() | {"stage": "prod", "stages": {"prod": settings}})


def checks(settings: dict[str, Any], **answers: Any) -> list[Check]:
    client = Client(READY | answers)
    return list(preflight(config(**settings), lambda _: client, REGION))


def test_a_ready_account_has_nothing_to_do() -> None:
    assert {it.state for it in checks(FULL)} == {"ok"}
    assert {it.state for it in checks({"alarm_email": "a@b.c", "malware_scan": True})} == {"ok"}
    assert {it.state for it in checks({**FULL, "landing_bucket": None, "object_lock": True})} == {"ok"}
    few = {"Vpcs": [{}] * 4}
    assert {it.state for it in checks({"alarm_email": "a@b.c", "vpc": True}, describe_vpcs=few)} == {"ok"}


def test_the_region_is_the_one_that_the_cdk_deploys_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def preflight(_: StageConfig, __: object, region: str) -> list[Check]:
        asked.append(region)
        return []

    monkeypatch.setattr(module, "preflight", preflight)
    monkeypatch.setattr(module, "tools", list)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert list(module._all({"stage": "dev"}))[-1].check == "Region"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    list(module._all({"stage": "dev"}))
    monkeypatch.setenv("AWS_REGION", REGION)
    list(module._all({"stage": "dev"}))
    assert asked == ["eu-west-2", REGION]


def test_a_profile_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "tools", list)
    monkeypatch.setenv("AWS_PROFILE", "elsewhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    last = list(module._all({"stage": "dev"}))[-1]
    assert (last.check, last.state, last.says) == ("Credentials", "failed", "there is no profile elsewhere")


@pytest.mark.parametrize(
    ("settings", "answers", "name", "state", "to_do"),
    [
        ({}, {"get_caller_identity": refused("ExpiredToken")}, "Credentials", "failed", "sign in"),
        (
            {},
            {"get_caller_identity": EndpointConnectionError(endpoint_url="https://x")},
            "Credentials",
            "failed",
            "check the network, and that eu-west-1 is a region",
        ),
        ({}, {"get_caller_identity": NoCredentialsError()}, "Credentials", "failed", "aws sso login"),
        (
            {**FULL, "landing_bucket": None, "object_lock": True},
            {"get_object_lock_configuration": refused("ObjectLockConfigurationNotFoundError")},
            "Lock of clinic-replica-processed",
            "failed",
            "enable its Object Lock",
        ),
        ({"vpc": True}, {"describe_vpcs": {"Vpcs": [{}] * 5}}, "Networks", "warning", "ask for more"),
        ({}, {"get_parameter": refused("ParameterNotFound")}, "CDK bootstrap", "failed", "cdk bootstrap"),
        ({}, {"get_parameter": {"Parameter": {"Value": "5"}}}, "CDK bootstrap", "failed", "cdk bootstrap"),
        ({}, {"get_parameter": refused("AccessDenied")}, "CDK bootstrap", "unknown", None),
        (
            {"bootstrap_qualifier": "clinic"},
            {"get_parameter": refused("ParameterNotFound")},
            "CDK bootstrap",
            "failed",
            "--qualifier clinic --toolkit-stack-name CDKToolkit-clinic",
        ),
        (
            {},
            {"describe_stacks": {"Stacks": [{"StackStatus": "ROLLBACK_COMPLETE"}]}},
            "Stack",
            "failed",
            "delete the stack",
        ),
        (
            {},
            {"get_paginator": Pages([{"Aliases": [{"AliasName": "alias/carefile-prod-records"}]}])},
            "Names",
            "failed",
            "docs/deploying.md",
        ),
        (
            {"backfill_concurrency": 40},
            {"get_account_settings": NEW_ACCOUNT},
            "Lambda concurrency",
            "warning",
            "servicequotas",
        ),
        (
            {"reserved_concurrency": 1},
            {"get_account_settings": NEW_ACCOUNT},
            "Lambda concurrency",
            "failed",
            "servicequotas",
        ),
        ({"landing_bucket": "missing"}, {}, "Bucket missing", "failed", "correct the name"),
        ({"landing_bucket": "abroad"}, {}, "Bucket abroad", "failed", "where the bucket is"),
        (
            {"landing_bucket": "b-1"},
            {"get_bucket_notification_configuration": {}},
            "Landing notifications",
            "failed",
            "EventBridge",
        ),
        (
            {"landing_bucket": "b-1"},
            {"get_bucket_versioning": {}},
            "Landing versions",
            "warning",
            "versioning",
        ),
        (FULL, {"get_bucket_versioning": {}}, "Replica clinic-replica-processed", "failed", "versioning"),
        (
            FULL,
            {"head_bucket": lambda Bucket: {"BucketRegion": REGION}},  # noqa: N803
            "Replica clinic-replica-access-logs",
            "failed",
            "another region",
        ),
        (
            {"malware_scan": True},
            {"list_malware_protection_plans": refused("AccessDenied")},
            "GuardDuty",
            "unknown",
            None,
        ),
        ({"function_platform": "host"}, {}, "Platform", "failed", "function_platform"),
        ({}, {}, "Alarms", "warning", "alarm_email"),
    ],
)
def test_what_is_missing_is_found_with_what_to_do(
    settings: dict[str, Any], answers: dict[str, Any], name: str, state: str, to_do: str | None
) -> None:
    (found,) = (it for it in checks(settings, **answers) if it.check == name)
    assert found.state == state
    assert (to_do or "") in (found.to_do or "")


def test_the_default_settings_fit_a_new_account() -> None:
    states = {it.check: it.state for it in checks({}, get_account_settings=NEW_ACCOUNT)}
    assert states["Lambda concurrency"] == "ok"


ACTIONS = {
    "get_caller_identity": None,  # everybody may
    "get_parameter": "ssm:GetParameter",
    "describe_stacks": "cloudformation:DescribeStacks",
    "get_paginator": "kms:ListAliases",
    "list_event_buses": "events:ListEventBuses",
    "get_account_settings": "lambda:GetAccountSettings",
    "head_bucket": "s3:ListBucket",
    "get_bucket_notification_configuration": "s3:GetBucketNotification",
    "get_bucket_versioning": "s3:GetBucketVersioning",
    "get_object_lock_configuration": "s3:GetBucketObjectLockConfiguration",
    "list_malware_protection_plans": "guardduty:ListMalwareProtectionPlans",
    "describe_vpcs": "ec2:DescribeVpcs",
}


def test_the_documented_policy_allows_every_check_and_nothing_else() -> None:
    assert ACTIONS.keys() == {*READY, "describe_vpcs"}
    page = (PROJECT_ROOT / "docs/deploying.md").read_text(encoding="utf-8")
    policy = json.loads(page.partition("```json\n")[2].partition("```")[0])
    (checking,) = (it for it in policy["Statement"] if it["Sid"] == "CheckBeforeDeployment")
    assert checking["Action"] == sorted(filter(None, ACTIONS.values()))


def test_a_deployment_that_fails_leads_to_the_table_of_what_the_cdk_says() -> None:
    recipe = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8").partition("\ndeploy:")[2]
    named = re.search(r'look its message up in (\S+), \\"(.+?)\\"', recipe.partition("\n\n")[0])
    assert named
    page = (PROJECT_ROOT / named[1]).read_text(encoding="utf-8")
    assert f"## {named[2]}" in page.replace("`", "")
