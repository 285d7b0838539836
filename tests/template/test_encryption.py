"""Whatever holds data is under a key of the customer's own, whatever the settings; what is not says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.template.synthesis import Properties, Synthesised

STAGES = ["stage", "protected", "express_first", "locked"]


def _of_bucket(bucket: Properties) -> Any:
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID")


# Where each type of resource that holds data names its key.
KEY_OF: dict[str, Callable[[Properties], Any]] = {
    "AWS::Backup::BackupVault": lambda it: it["EncryptionKeyArn"],
    "AWS::DynamoDB::Table": lambda it: it["SSESpecification"]["KMSMasterKeyId"],
    "AWS::Events::Archive": lambda it: it["KmsKeyIdentifier"],
    "AWS::Events::EventBus": lambda it: it["KmsKeyIdentifier"],
    "AWS::Lambda::Function": lambda it: it["KmsKeyArn"],
    "AWS::Logs::LogGroup": lambda it: it["KmsKeyId"],
    "AWS::S3::Bucket": _of_bucket,
    "AWS::SNS::Topic": lambda it: it["KmsMasterKeyId"],
    "AWS::SQS::Queue": lambda it: it["KmsMasterKeyId"],
    "AWS::SecretsManager::Secret": lambda it: it["KmsKeyId"],
    "AWS::StepFunctions::StateMachine": lambda it: it["EncryptionConfiguration"]["KmsKeyId"],
}
# Names of nobody and counts only: the rest of what a patient's data could be in.
HOLD_NO_DATA = {
    "AWS::Backup::BackupPlan",
    "AWS::Backup::BackupSelection",
    "AWS::CDK::Metadata",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::EventSchemas::Registry",
    "AWS::EventSchemas::Schema",
    "AWS::Events::Rule",
    "AWS::GuardDuty::MalwareProtectionPlan",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Permission",
    "AWS::Logs::QueryDefinition",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::XRay::SamplingRule",
}
WITHOUT = {"StorageAccessLogs": "S3 delivers access logs to buckets under its own key only"}
# Logs and alarms never hold data of a patient, and their readers need not be able to read records.
OPERATIONS = {"AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::SNS::Topic"}


@pytest.mark.parametrize("name", STAGES)
def test_everything_that_holds_data_is_under_the_key_of_its_class(
    request: pytest.FixtureRequest, name: str
) -> None:
    stage: Synthesised = request.getfixturevalue(name)
    keys = {of: stage.only("AWS::KMS::Key", named=of)[0] for of in ("KeysRecords", "KeysOperations")}
    without = set()
    for logical, resource in stage.template["Resources"].items():
        kind = resource["Type"]
        if kind in KEY_OF:
            wanted = keys["KeysOperations" if kind in OPERATIONS else "KeysRecords"]
            key = KEY_OF[kind](resource["Properties"])
            if key is None:
                without |= {reason for reason in WITHOUT if logical.startswith(reason)} or {logical}
            else:
                assert key == {"Fn::GetAtt": [wanted, "Arn"]}, logical
    assert without == set(WITHOUT)


@pytest.mark.parametrize("name", STAGES)
def test_a_type_of_resource_that_nobody_thought_about_is_found(
    request: pytest.FixtureRequest, name: str
) -> None:
    stage: Synthesised = request.getfixturevalue(name)
    kinds = {resource["Type"] for resource in stage.template["Resources"].values()}
    unknown = {kind for kind in kinds if not kind.startswith("AWS::EC2::")} - HOLD_NO_DATA - set(KEY_OF)
    assert not unknown, "does it hold data, and under which key?"


@pytest.mark.parametrize("name", STAGES)
def test_the_keys_are_two_rotate_and_outlive_a_mistake_by_a_month(
    request: pytest.FixtureRequest, name: str
) -> None:
    stage: Synthesised = request.getfixturevalue(name)
    found = stage.properties("AWS::KMS::Key")
    assert len(found) == 2
    assert all(key["EnableKeyRotation"] is True for key in found.values())
    assert all(key["PendingWindowInDays"] == 30 for key in found.values())
    assert all(
        it["DeletionPolicy"] == "RetainExceptOnCreate" for it in stage.resources("AWS::KMS::Key").values()
    )
