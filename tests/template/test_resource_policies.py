"""What resources refuse, whatever a role may do: other keys, strangers, and events that are nobody's to publish."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from typing import Any

import pytest

from carefile.core.filing.tagging import MANIFEST_KIND
from tests.template.conftest import PROTECTED, Synthesise
from tests.template.synthesis import Synthesised, listed

BUCKET = "AWS::S3::Bucket"
ACCOUNT, ROLE = "arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:role/assistant"


def refusals(stage: Synthesised, bucket: str) -> dict[str, dict[str, Any]]:
    """The conditions under which a bucket refuses, by name of the statement."""
    ref = {"Ref": stage.only(BUCKET, named=bucket)[0]}
    (policy,) = (it for it in stage.properties("AWS::S3::BucketPolicy").values() if it["Bucket"] == ref)
    statements = policy["PolicyDocument"]["Statement"]
    return {it["Sid"]: it["Condition"] for it in statements if it["Effect"] == "Deny" and "Sid" in it}


def publishing(stage: Synthesised, bus: str) -> dict[str, dict[str, Any]]:
    """What a bus's policy says of publishing, by name of the statement."""
    properties = stage.only("AWS::Events::EventBus", named=bus)[1]
    for statement in properties["Policy"]["Statement"]:
        assert json.dumps(statement["Resource"]).endswith(f':event-bus/{properties["Name"]}"]]}}')
    return {it["Sid"]: it for it in properties["Policy"]["Statement"]}


@pytest.mark.parametrize("bucket", ["LandingBucket", "ProcessedBucket"])
def test_a_record_is_written_under_the_records_key_or_not_at_all(stage: Synthesised, bucket: str) -> None:
    key, _ = stage.only("AWS::KMS::Key", named="Records")
    header = "s3:x-amz-server-side-encryption"
    refused = refusals(stage, bucket)
    # Where an upload says nothing, the bucket's own setting gives it that key: so only what is said is looked at.
    assert refused["RefuseOtherKeys"] == {
        "Null": {f"{header}-aws-kms-key-id": "false"},
        "StringNotEquals": {f"{header}-aws-kms-key-id": {"Fn::GetAtt": [key, "Arn"]}},
    }
    assert refused["RefuseOtherEncryption"] == {
        "Null": {header: "false"},
        "StringNotEquals": {header: "aws:kms"},
    }
    assert refused["RefuseKeysOfUploaders"] == {"Null": {f"{header}-customer-algorithm": "false"}}


def test_nobody_but_the_functions_that_file_writes_into_the_layout_and_a_claim_needs_no_look(
    stage: Synthesised,
) -> None:
    roles = [
        {"Fn::GetAtt": [stage.only("AWS::IAM::Role", named=name)[0], "Arn"]}
        for name in ("TasksNormaliseDocument", "TasksNormaliseSession", "AdoptObject")
    ]
    assert refusals(stage, "ProcessedBucket")["RefuseOtherWriters"] == {
        "ArnNotLike": {"aws:PrincipalArn": roles},
        # `carefile forget` leaves bare claims.
        "StringNotEquals": {"s3:RequestObjectTag/kind": MANIFEST_KIND},
    }
    writing = {
        policy
        for policy, statement in stage.role_statements()
        if "s3:PutObject" in listed(statement["Action"]) and "Processed" in json.dumps(statement["Resource"])
    }
    assert len(writing) == 2, writing  # what the Normalise functions share, and the adoption's own
    assert shared(stage) == {"false"}


@pytest.mark.parametrize(
    ("writers", "roles"),
    [
        ([ACCOUNT, ROLE], [ROLE]),
        pytest.param([ROLE], [ROLE], marks=pytest.mark.submission),
        ([], []),
    ],
)
def test_whoever_is_named_may_write_too_and_then_every_claim_looks_also_when_the_last_name_is_gone(
    synthesise: Synthesise, writers: list[str], roles: list[str]
) -> None:
    stage = synthesise(layout_writers=writers)
    allowed = refusals(stage, "ProcessedBucket")["RefuseOtherWriters"]["ArnNotLike"]["aws:PrincipalArn"]
    assert allowed[3:] == roles
    assert shared(stage) == {"true"}


@pytest.mark.parametrize(
    "settings",
    [
        {"landing_bucket": "clinic-uploads", "processed_in_landing_bucket": True},
        {"function_platform": "host", "removal_policy": "destroy"},  # the embedded AWS
    ],
)
def test_where_others_cannot_be_refused_every_claim_looks(
    synthesise: Synthesise, settings: dict[str, Any]
) -> None:
    stage = synthesise(**settings)
    assert shared(stage) == {"true"}
    assert "RefuseOtherWriters" not in json.dumps(stage.template)


def test_in_a_landing_bucket_of_the_stack_s_own_only_the_layout_is_reserved(one_bucket: Synthesised) -> None:
    (statement,) = (it for _, it in one_bucket.resource_statements() if it.get("Sid") == "RefuseOtherWriters")
    assert json.dumps(statement["Resource"]).endswith('/filed/processed/*"]]}')
    # Uploaders may write in this bucket and choose their tags themselves, so no tag lets anybody in.
    assert statement["Condition"].keys() == {"ArnNotLike"}
    assert shared(one_bucket) == {"false"}


def shared(stage: Synthesised) -> set[str]:
    """What the functions that claim folders are told."""
    functions = [stage.function(f"TasksNormalise{kind}") for kind in ("Document", "Session")]
    return {it["Environment"]["Variables"]["LAYOUT_SHARED"] for it in functions}


def test_every_bucket_answers_to_the_organisation_only_where_one_is_named(
    protected: Synthesised, stage: Synthesised
) -> None:
    for bucket in ("LandingBucket", "ProcessedBucket", "AccessLogs"):
        assert refusals(protected, bucket)["RefuseStrangers"] == {
            "StringNotEqualsIfExists": {"aws:PrincipalOrgID": PROTECTED["organization_id"]},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        }
        assert "RefuseStrangers" not in refusals(stage, bucket)


def test_the_intake_bus_takes_exactly_the_events_that_rules_on_it_listen_for(stage: Synthesised) -> None:
    said = publishing(stage, "IntakeBus")
    allowed = said["Publishers"]["Condition"]["StringEquals"]
    bus = {"Ref": stage.only("AWS::Events::EventBus", named="IntakeBus")[0]}
    heard = {
        detail_type
        for rule in stage.properties("AWS::Events::Rule").values()
        if rule.get("EventBusName") == bus
        for detail_type in rule["EventPattern"]["detail-type"]
    }
    assert "Object Submitted" in heard
    assert (
        heard
        == set(allowed["events:detail-type"])
        == {
            "Object Submitted",
            "Patient Identified",
            "Patient Registered",
            "Patients Merged",
        }
    )
    assert allowed["events:source"] == "carefile.intake"
    assert said["RefuseOtherSources"]["Condition"] == {
        "StringNotEquals": {"events:source": "carefile.intake"}
    }
    assert said["RefuseOtherEvents"]["Condition"]["StringNotEquals"]["events:detail-type"] == list(
        allowed["events:detail-type"]
    )
    assert "RefuseOtherPublishers" not in said


def test_only_the_publishers_that_are_named_may_publish_on_the_intake_bus(protected: Synthesised) -> None:
    said = publishing(protected, "IntakeBus")
    publishers = PROTECTED["intake_publishers"]
    assert said["Publishers"]["Principal"] == {"AWS": publishers}
    assert said["RefuseOtherPublishers"]["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": publishers}}


def test_nobody_but_a_role_of_the_stack_announces_anything(stage: Synthesised) -> None:
    said = publishing(stage, "CatalogBus")
    assert {it["Effect"] for it in said.values()} == {"Deny"}
    assert {it["Principal"] for it in said.values()} == {"*"}
    condition = json.dumps(said["RefuseOtherPublishers"]["Condition"])
    assert ":role/Carefile-test/*" in condition


def test_the_roles_of_a_stage_are_those_under_its_path_and_no_other_stage_s(stage: Synthesised) -> None:
    roles = stage.properties("AWS::IAM::Role")
    # AWS Backup's alone publishes and reads nothing here.
    assert {name for name, role in roles.items() if "Path" not in role} <= {
        name for name in roles if name.startswith("Backup")
    }
    names = {f"role{role['Path']}Carefile-test-eu-Any" for role in roles.values() if "Path" in role}
    assert names == {"role/Carefile-test/Carefile-test-eu-Any"}
    statements = json.dumps([it for _, it in stage.resource_statements()])
    assert "role/Carefile-test-" not in statements
    assert not fnmatch("role/Carefile-test-eu/Carefile-test-eu-TasksTagObject", "role/Carefile-test/*")


def test_copies_of_every_bucket_go_to_the_other_region_under_its_key(
    protected: Synthesised, stage: Synthesised
) -> None:
    for name, bucket in protected.properties(BUCKET).items():
        if "ReportsBucket" in name:  # a report is repeated by its run; no document asks for a place for it
            assert "ReplicationConfiguration" not in bucket
            continue
        (rule,) = bucket["ReplicationConfiguration"]["Rules"]
        assert rule["Status"] == "Enabled"
        assert rule["DeleteMarkerReplication"] == {"Status": "Enabled"}
        assert "clinic-replica-" in json.dumps(rule["Destination"]["Bucket"]), name
        if "AccessLogs" not in name:
            assert rule["SourceSelectionCriteria"]["SseKmsEncryptedObjects"] == {"Status": "Enabled"}
            encryption = rule["Destination"]["EncryptionConfiguration"]
            assert encryption == {"ReplicaKmsKeyID": PROTECTED["replica_key_arn"]}
    assert not any("ReplicationConfiguration" in it for it in stage.properties(BUCKET).values())


def test_the_trust_of_replication_and_backup_is_as_their_documents_show_it(protected: Synthesised) -> None:
    for role, service in (("ReplicationRole", "s3"), ("BackupsRole", "backup")):
        (statement,) = protected.only("AWS::IAM::Role", named=role)[1]["AssumeRolePolicyDocument"][
            "Statement"
        ]
        assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert "Condition" not in statement


def test_locked_versions_are_copied_with_their_retention_and_hold(
    synthesise: Synthesise, protected: Synthesised
) -> None:
    replica = {it: PROTECTED[it] for it in ("replica_bucket_prefix", "replica_key_arn")}
    for stage, is_locked in ((synthesise(object_lock=True, **replica), True), (protected, False)):
        allowed = {action for it in stage.statements_of("ReplicationRole") for action in listed(it["Action"])}
        assert ({"s3:GetObjectLegalHold", "s3:GetObjectRetention"} <= allowed) is is_locked


def test_an_account_that_writes_into_the_layout_is_named_as_one(synthesise: Synthesise) -> None:
    stage = synthesise(layout_writers=[ACCOUNT, ROLE])
    condition = refusals(stage, "ProcessedBucket")["RefuseOtherWriters"]
    assert condition["StringNotEquals"]["aws:PrincipalAccount"] == ["111122223333"]
    assert condition["StringNotEquals"]["s3:RequestObjectTag/kind"] == MANIFEST_KIND
    assert condition["ArnNotLike"]["aws:PrincipalArn"][3:] == [ROLE]


def test_the_functions_network_has_no_way_to_the_internet(protected: Synthesised, stage: Synthesised) -> None:
    for absent in ("InternetGateway", "NatGateway", "EIP"):
        assert not protected.resources(f"AWS::EC2::{absent}")
    for name, function in protected.properties("AWS::Lambda::Function").items():
        assert function["VpcConfig"]["SubnetIds"], name
        assert function["ReservedConcurrentExecutions"] == PROTECTED["reserved_concurrency"]
    for endpoint in protected.properties("AWS::EC2::VPCEndpoint").values():
        for statement in endpoint["PolicyDocument"]["Statement"]:
            assert statement["Condition"]["StringEquals"] == {
                "aws:PrincipalAccount": {"Ref": "AWS::AccountId"}
            }
    assert not stage.resources("AWS::EC2::VPC")


def test_every_table_but_the_claims_is_backed_up_under_the_records_key(
    protected: Synthesised, stage: Synthesised
) -> None:
    selected = protected.only("AWS::Backup::BackupSelection")[1]["BackupSelection"]["Resources"]
    assert len(listed(selected)) == len(protected.properties("AWS::DynamoDB::Table")) - 1
    assert "ClaimsTable" not in str(selected)
    key, _ = protected.only("AWS::KMS::Key", named="Records")
    vault = protected.only("AWS::Backup::BackupVault")[1]
    assert vault["EncryptionKeyArn"] == {"Fn::GetAtt": [key, "Arn"]}
    assert not stage.resources("AWS::Backup::BackupVault")


def test_below_the_prefixes_that_a_stage_names_nothing_is_overwritten(
    stage: Synthesised, protected: Synthesised
) -> None:
    assert refusals(protected, "LandingBucket")["RefuseOverwrites"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }
    assert "RefuseOverwrites" not in refusals(protected, "ProcessedBucket")
    assert "RefuseOverwrites" not in refusals(stage, "LandingBucket")
