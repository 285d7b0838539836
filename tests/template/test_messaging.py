"""How events reach the pipeline and leave it, and where they wait when nobody takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infrastructure.events.leftovers import excluded_keys
from tests.template.synthesis import Synthesised

RULE = "AWS::Events::Rule"
LEFTOVERS = excluded_keys(Path("rules/default.json"))


def pattern(stage: Synthesised, rule: str) -> dict[str, Any]:
    return stage.only(RULE, named=rule)[1]["EventPattern"]


def machine(stage: Synthesised) -> str:
    return stage.only("AWS::StepFunctions::StateMachine", named="Pipeline")[0]


def test_an_upload_starts_an_execution_but_neither_filed_objects_nor_folder_markers_do(
    stage: Synthesised,
) -> None:
    bucket, _ = stage.only("AWS::S3::Bucket", named="LandingBucket")
    assert pattern(stage, "UploadRule") == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"Ref": bucket}]},
            "object": {"key": [{"anything-but": {"wildcard": ["processed/*", "*/", *LEFTOVERS]}}]},
        },
    }


def test_the_pipeline_does_not_see_its_own_writes_when_there_is_one_bucket(one_bucket: Synthesised) -> None:
    excluded = pattern(one_bucket, "UploadRule")["detail"]["object"]["key"]
    assert excluded == [{"anything-but": {"wildcard": ["filed/processed/*", "*/", *LEFTOVERS]}}]


def test_a_submission_on_the_intake_bus_starts_an_execution(stage: Synthesised) -> None:
    bus, properties = stage.only("AWS::Events::EventBus", named="IntakeBus")
    rule = stage.only(RULE, named="SubmissionRule")[1]
    assert properties["Name"] == "carefile-test-intake"
    assert rule["EventBusName"] == {"Ref": bus}
    assert rule["EventPattern"] == {"source": ["carefile.intake"], "detail-type": ["Object Submitted"]}


def test_patient_identified_on_the_intake_bus_starts_a_reassignment(stage: Synthesised) -> None:
    bus, _ = stage.only("AWS::Events::EventBus", named="IntakeBus")
    rule = stage.only(RULE, named="AssignmentRule")[1]
    assert rule["EventBusName"] == {"Ref": bus}
    assert rule["EventPattern"] == {"source": ["carefile.intake"], "detail-type": ["Patient Identified"]}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Ref": stage.only("AWS::StepFunctions::StateMachine", named="Reassignment")[0]}
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)


@pytest.mark.parametrize("rule", ["UploadRule", "SubmissionRule"])
def test_the_input_of_an_execution_is_the_whole_event(stage: Synthesised, rule: str) -> None:
    (target,) = stage.only(RULE, named=rule)[1]["Targets"]
    assert target["Arn"] == {"Ref": machine(stage)}
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)


def test_a_cataloged_object_is_indexed(stage: Synthesised) -> None:
    bus, properties = stage.only("AWS::Events::EventBus", named="CatalogBus")
    rule = stage.only(RULE, named="CatalogRule")[1]
    assert properties["Name"] == "carefile-test-catalog"
    assert rule["EventBusName"] == {"Ref": bus}
    assert rule["EventPattern"] == {"source": ["carefile.catalog"], "detail-type": ["Object Cataloged"]}
    indexer, _ = stage.only("AWS::Lambda::Function", named="IndexCatalog")
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": [indexer, "Arn"]}


def test_a_failed_execution_of_this_machine_is_recorded(stage: Synthesised) -> None:
    assert pattern(stage, "FailureRule") == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": [{"Ref": machine(stage)}],
            "status": ["FAILED", "TIMED_OUT", "ABORTED"],
        },
    }
    recorder, _ = stage.only("AWS::Lambda::Function", named="RecordFailure")
    assert stage.only(RULE, named="FailureRule")[1]["Targets"][0]["Arn"] == {"Fn::GetAtt": [recorder, "Arn"]}


def test_every_target_is_retried_and_then_its_event_is_kept(stage: Synthesised) -> None:
    queues = stage.properties("AWS::SQS::Queue")
    # What a schedule starts needs no second try: the next one comes soon.
    rules = [rule for rule in stage.properties(RULE).values() if "EventPattern" in rule]
    targets = [target for rule in rules for target in rule["Targets"]]
    assert len(targets) >= 4
    for target in targets:
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
        assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] in queues


def test_every_rule_may_send_to_its_queue_and_nobody_without_tls(stage: Synthesised) -> None:
    allowed = set()
    for policy in stage.properties("AWS::SQS::QueuePolicy").values():
        statements = policy["PolicyDocument"]["Statement"]
        assert any(
            statement["Effect"] == "Deny"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in statements
        )
        for statement in statements:
            if statement["Effect"] == "Allow":
                assert statement["Principal"] == {"Service": "events.amazonaws.com"}
                allowed.add(statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0])
    assert allowed == {name for name, rule in stage.properties(RULE).items() if "EventPattern" in rule}


def test_dead_letters_are_encrypted_and_kept_for_two_weeks(stage: Synthesised) -> None:
    key, _ = stage.only("AWS::KMS::Key", named="Records")
    queues = stage.properties("AWS::SQS::Queue")
    assert len([name for name in queues if name.startswith("DeadLetters")]) == len(queues) - 1 == 7
    for queue in queues.values():
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert queue["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}


@pytest.mark.parametrize(
    ("function", "queue"), [("IndexCatalog", "CatalogEvents"), ("RecordFailure", "Failures")]
)
def test_what_a_function_cannot_process_of_an_event_is_kept(
    stage: Synthesised, function: str, queue: str
) -> None:
    configured = stage.only("AWS::Lambda::EventInvokeConfig", named=function)[1]
    queue_id, _ = stage.only("AWS::SQS::Queue", named=queue)
    assert configured["MaximumRetryAttempts"] == 2
    assert configured["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [queue_id, "Arn"]}


def test_registered_patients_wait_in_a_queue_that_one_function_empties(stage: Synthesised) -> None:
    rule = stage.only(RULE, named="RegistrationRule")[1]
    queue_id, queue = stage.only("AWS::SQS::Queue", named="PatientFeed")
    letters, _ = stage.only("AWS::SQS::Queue", named="DeadLettersRegistrations")
    function_id, function = stage.only("AWS::Lambda::Function", named="RegisterPatients")
    assert rule["EventPattern"] == {"source": ["carefile.intake"], "detail-type": ["Patient Registered"]}
    assert [target["Arn"] for target in rule["Targets"]] == [{"Fn::GetAtt": [queue_id, "Arn"]}]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [letters, "Arn"]}
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    mapping = stage.only("AWS::Lambda::EventSourceMapping", named="PatientFeed")[1]
    assert mapping["FunctionName"] == {"Ref": function_id}
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": [queue_id, "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert function["Environment"]["Variables"]["DEAD_LETTERS_URL"] == {"Ref": letters}


def test_patients_merged_on_the_intake_bus_starts_a_merge(stage: Synthesised) -> None:
    rule = stage.only(RULE, named="MergeRule")[1]
    assert rule["EventPattern"] == {"source": ["carefile.intake"], "detail-type": ["Patients Merged"]}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Ref": stage.only("AWS::StepFunctions::StateMachine", named="Merging")[0]}
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)


def test_the_sessions_follow_the_catalog_by_its_stream_in_batches(stage: Synthesised) -> None:
    table, properties = stage.only("AWS::DynamoDB::Table", named="CatalogTable")
    assert properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    mapping = stage.only("AWS::Lambda::EventSourceMapping", named="Sessions")[1]
    indexer, _ = stage.only("AWS::Lambda::Function", named="IndexSessions")
    queue, _ = stage.only("AWS::SQS::Queue", named="SessionChanges")
    assert mapping["FunctionName"] == {"Ref": indexer}
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": [table, "StreamArn"]}
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["MaximumBatchingWindowInSeconds"] == 10
    assert mapping["ParallelizationFactor"] == 1
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["MaximumRetryAttempts"] == 8
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [queue, "Arn"]}


def test_what_is_no_session_s_change_costs_no_invocation(stage: Synthesised) -> None:
    mapping = stage.only("AWS::Lambda::EventSourceMapping", named="Sessions")[1]
    patterns = [json.loads(found["Pattern"]) for found in mapping["FilterCriteria"]["Filters"]]
    of_a_session = {"kind": {"S": ["session"]}}
    assert patterns == [{"dynamodb": {"NewImage": of_a_session}}, {"dynamodb": {"OldImage": of_a_session}}]


def test_both_buses_are_under_the_records_key(stage: Synthesised) -> None:
    key, _ = stage.only("AWS::KMS::Key", named="Records")
    buses = stage.properties("AWS::Events::EventBus")
    assert len(buses) == 2
    assert all(bus["KmsKeyIdentifier"] == {"Fn::GetAtt": [key, "Arn"]} for bus in buses.values())
