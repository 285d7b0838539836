"""The buckets, the tables and what becomes of them."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from carefile.core.filing.tagging import MANIFEST_KIND
from carefile.core.records.catalog import CONTENT_KEY, INDEX_KEYS, KEY, Entry
from carefile.core.records.session_entries import SessionSummary
from tests.template.conftest import Synthesise
from tests.template.synthesis import Synthesised

BUCKET = "AWS::S3::Bucket"
DOCUMENT = Path(__file__).parents[1] / "golden/events/cataloged_document.expected.json"
DATA = {
    "AWS::S3::Bucket",
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
    "AWS::Logs::LogGroup",
    "AWS::SQS::Queue",
}


def test_every_bucket_is_versioned(stage: Synthesised) -> None:
    buckets = stage.properties(BUCKET)
    assert len(buckets) == 4
    assert all(bucket["VersioningConfiguration"] == {"Status": "Enabled"} for bucket in buckets.values())


def test_no_bucket_can_be_made_public(stage: Synthesised) -> None:
    for bucket in stage.properties(BUCKET).values():
        assert bucket["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_every_bucket_refuses_what_is_not_tls_1_2(stage: Synthesised) -> None:
    policies = stage.properties("AWS::S3::BucketPolicy").values()
    assert {policy["Bucket"]["Ref"] for policy in policies} == set(stage.properties(BUCKET))
    for policy in policies:
        refusals = [
            statement["Condition"]
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny" and statement["Principal"] == {"AWS": "*"}
        ]
        assert {"Bool": {"aws:SecureTransport": "false"}} in refusals
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in refusals


def test_landing_and_processed_bucket_are_under_the_records_key(stage: Synthesised) -> None:
    key, _ = stage.only("AWS::KMS::Key", named="Records")
    for name in ("LandingBucket", "ProcessedBucket", "ReportsBucket"):
        bucket = stage.only(BUCKET, named=name)[1]
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": {"Fn::GetAtt": [key, "Arn"]},
        }
        assert rule["BucketKeyEnabled"] is True


def test_reads_of_landing_and_processed_bucket_are_logged(stage: Synthesised) -> None:
    logs, _ = stage.only(BUCKET, named="AccessLogs")
    for name in ("LandingBucket", "ProcessedBucket", "ReportsBucket"):
        logging = stage.only(BUCKET, named=name)[1]["LoggingConfiguration"]
        assert logging == {"DestinationBucketName": {"Ref": logs}, "LogFilePrefix": f"{name}/"}


def test_only_the_landing_bucket_tells_eventbridge_of_its_objects(stage: Synthesised) -> None:
    telling = [name for name, it in stage.properties(BUCKET).items() if "NotificationConfiguration" in it]
    assert telling == [stage.only(BUCKET, named="LandingBucket")[0]]
    notifications = stage.properties(BUCKET)[telling[0]]["NotificationConfiguration"]
    assert notifications == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_only_what_was_filed_expires_from_the_landing_bucket(stage: Synthesised) -> None:
    rules = stage.only(BUCKET, named="LandingBucket")[1]["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if "ExpirationInDays" in rule or "NoncurrentVersionExpiration" in rule]
    (rule,) = expiring
    assert rule["TagFilters"] == [{"Key": "pipeline-status", "Value": "cataloged"}]
    assert rule["ExpirationInDays"] == 90
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}


def test_nothing_expires_where_nothing_is_to_expire(throwaway: Synthesised) -> None:
    for name in ("LandingBucket", "ProcessedBucket"):
        rules = throwaway.only(BUCKET, named=name)[1]["LifecycleConfiguration"]["Rules"]
        assert [set(rule) for rule in rules] == [{"AbortIncompleteMultipartUpload", "Id", "Status"}]


KEPT = [
    {"kind": "session", "patient_status": "unknown", "expire_days": 365, "older_versions_days": 30},
    {"kind": "document", "older_versions_days": 90},
]


@pytest.fixture(scope="module")
def kept(synthesise: Synthesise) -> Synthesised:
    return synthesise(retention=KEPT, object_lock=True, locked_days=7)


def test_what_is_kept_how_long_is_said_by_kind_and_patient_status(kept: Synthesised) -> None:
    rules = kept.only(BUCKET, named="ProcessedBucket")[1]["LifecycleConfiguration"]["Rules"]
    by_id = {rule["Id"]: rule for rule in rules}
    assert by_id["ExpireUnknownSessions"] == {
        "Id": "ExpireUnknownSessions",
        "Status": "Enabled",
        "Prefix": "processed/",
        "TagFilters": [{"Key": "kind", "Value": "session"}, {"Key": "patient-status", "Value": "unknown"}],
        "ExpirationInDays": 365,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
    }
    assert by_id["ExpireAllDocuments"]["TagFilters"] == [{"Key": "kind", "Value": "document"}]
    assert "ExpirationInDays" not in by_id["ExpireAllDocuments"]
    assert by_id["RemoveLoneDeleteMarkers"]["ExpiredObjectDeleteMarker"] is True


def test_no_rule_ever_takes_away_the_claim_on_a_folder(kept: Synthesised) -> None:
    rules = kept.only(BUCKET, named="ProcessedBucket")[1]["LifecycleConfiguration"]["Rules"]
    for rule in rules:
        if {"ExpirationInDays", "NoncurrentVersionExpiration"} & set(rule):
            kinds = [tag["Value"] for tag in rule["TagFilters"] if tag["Key"] == "kind"]
            assert kinds
            assert MANIFEST_KIND not in kinds


def test_records_may_be_locked_and_nothing_else_is(kept: Synthesised, stage: Synthesised) -> None:
    for name in ("LandingBucket", "ProcessedBucket"):
        bucket = kept.only(BUCKET, named=name)[1]
        assert bucket["ObjectLockEnabled"] is True
        assert bucket["ObjectLockConfiguration"]["Rule"] == {
            "DefaultRetention": {"Days": 7, "Mode": "GOVERNANCE"}
        }
    assert "ObjectLockEnabled" not in kept.only(BUCKET, named="AccessLogs")[1]
    assert not any("ObjectLockEnabled" in bucket for bucket in stage.properties(BUCKET).values())


def test_an_existing_landing_bucket_is_used_and_not_owned(existing_landing: Synthesised) -> None:
    assert not [name for name in existing_landing.properties(BUCKET) if "Landing" in name]
    assert existing_landing.outputs()["LandingBucketName"] == "clinic-uploads"
    variables = existing_landing.function("ClassifyObject")["Environment"]["Variables"]
    assert variables["LANDING_BUCKETS"] == "clinic-uploads"
    pattern = existing_landing.only("AWS::Events::Rule", named="UploadRule")[1]["EventPattern"]
    assert pattern["detail"]["bucket"] == {"name": ["clinic-uploads"]}


def test_the_functions_may_read_an_existing_landing_bucket_and_decrypt_it(
    existing_landing: Synthesised,
) -> None:
    statements = {it["Sid"]: it for it in existing_landing.statements_of("ClassifyObjectRole")}
    assert "clinic-uploads/*" in json.dumps(statements["ReadObjects"]["Resource"])
    assert statements["DecryptObjects"]["Resource"] == "arn:aws:kms:eu-west-1:111122223333:key/clinic"


def test_landing_and_processed_bucket_may_be_one(one_bucket: Synthesised) -> None:
    outputs = one_bucket.outputs()
    assert outputs["LandingBucketName"] == outputs["ProcessedBucketName"]
    assert len(one_bucket.properties(BUCKET)) == 3  # and reports, and the access logs
    variables = one_bucket.function("NormaliseSession")["Environment"]["Variables"]
    assert variables["LANDING_BUCKETS"] == variables["PROCESSED_BUCKET"]
    assert variables["SESSION_PREFIX"] == "filed/processed/"


def test_the_tables_are_encrypted_and_can_be_restored(stage: Synthesised) -> None:
    key, _ = stage.only("AWS::KMS::Key", named="Records")
    tables = stage.properties("AWS::DynamoDB::Table")
    assert len(tables) == 5
    for name, table in tables.items():
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"]["KMSMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
        others = {"Patients": "entry", "Decisions": "day", "Claims": "place"}
        first = next((key for table_name, key in others.items() if table_name in name), "source_id")
        assert table["KeySchema"][0] == {"AttributeName": first, "KeyType": "HASH"}


def test_the_catalog_is_found_by_patient_in_order_of_time(stage: Synthesised) -> None:
    table = stage.only("AWS::DynamoDB::Table", named="CatalogTable")[1]
    index, by_content = table["GlobalSecondaryIndexes"]
    assert by_content["KeySchema"] == [{"AttributeName": CONTENT_KEY, "KeyType": "HASH"}]
    assert by_content["Projection"]["NonKeyAttributes"] == ["patient_ref_key"]
    assert index["IndexName"] == "by-patient"
    assert index["KeySchema"] == [
        {"AttributeName": "patient_ref_key", "KeyType": "HASH"},
        {"AttributeName": "listed_at", "KeyType": "RANGE"},
    ]
    projected = index["Projection"]
    assert projected["ProjectionType"] == "INCLUDE"
    # What is not projected costs nothing in the index: what a session's entry remembers of its objects, above all.
    assert not {"seen", "event_id"} & set(projected["NonKeyAttributes"])
    shown = {*projected["NonKeyAttributes"], *INDEX_KEYS, KEY}
    document = Entry.of_event(json.loads(DOCUMENT.read_text())["detail"]).to_item()
    # To project one more would replace the index, so the command reads these from the items themselves.
    assert document.keys() - {"event_id", CONTENT_KEY} <= shown
    read_apart = {"snapshots", "more_agents", "incomplete"}
    of_the_key = {"patient", "is_nobodys"}
    assert {field.name for field in fields(SessionSummary)} - of_the_key - read_apart <= shown


def test_the_secret_of_the_pseudonyms_is_made_by_aws_and_seen_by_nobody(stage: Synthesised) -> None:
    secret = stage.only("AWS::SecretsManager::Secret")[1]
    assert secret["GenerateSecretString"]["PasswordLength"] == 64
    assert "SecretString" not in secret
    assert "KmsKeyId" in secret


def test_a_stage_that_retains_keeps_everything_that_holds_data_unless_its_first_deployment_fails(
    stage: Synthesised,
) -> None:
    for type_name in sorted(DATA):
        # A table is protected from deletion, so a rollback could not delete it.
        kept = "Retain" if type_name == "AWS::DynamoDB::Table" else "RetainExceptOnCreate"
        for name, resource in stage.resources(type_name).items():
            assert resource["DeletionPolicy"] == kept, name
            assert resource["UpdateReplacePolicy"] == "Retain", name
    tables = stage.properties("AWS::DynamoDB::Table").values()
    assert all(table["DeletionProtectionEnabled"] is True for table in tables)


def test_a_throwaway_stage_leaves_nothing_behind(throwaway: Synthesised) -> None:
    for type_name in sorted(DATA):
        for name, resource in throwaway.resources(type_name).items():
            assert resource["DeletionPolicy"] == "Delete", name
    tables = throwaway.properties("AWS::DynamoDB::Table").values()
    assert not any(table.get("DeletionProtectionEnabled") for table in tables)


def test_every_key_rotates(stage: Synthesised) -> None:
    keys = stage.properties("AWS::KMS::Key")
    assert len(keys) == 2
    assert all(key["EnableKeyRotation"] is True for key in keys.values())


def test_a_key_is_open_to_services_only_for_this_account(stage: Synthesised) -> None:
    for key in stage.properties("AWS::KMS::Key").values():
        for statement in key["KeyPolicy"]["Statement"]:
            if statement.get("Sid") == "KeyKnownToEventBridge":
                assert statement["Action"] == "kms:DescribeKey"
            elif "Service" in statement["Principal"]:
                assert "AWS::AccountId" in json.dumps(statement["Condition"])


def test_the_log_groups_key_allows_what_cloudwatch_logs_documents(stage: Synthesised) -> None:
    key = stage.only("AWS::KMS::Key", named="Operations")[1]
    (statement,) = (it for it in key["KeyPolicy"]["Statement"] if it.get("Sid") == "LogGroupsOfThisAccount")
    documented = ["kms:Decrypt", "kms:Describe*", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    assert statement["Action"] == documented
    assert "kms:EncryptionContext:aws:logs:arn" in json.dumps(statement["Condition"])
