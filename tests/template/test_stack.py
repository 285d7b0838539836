"""The stack as a whole: what it promises to others, and what must not be in it."""

from __future__ import annotations

import json

from tests.template.synthesis import Synthesised

ALARM = "AWS::CloudWatch::Alarm"


def test_the_outputs_are_there_by_name(stage: Synthesised) -> None:
    assert set(stage.outputs()) == {
        "LandingBucketName",
        "ProcessedBucketName",
        "PipelineStateMachineArn",
        "BackfillStateMachineArn",
        "ReassignPatientStateMachineArn",
        "ReportsBucketName",
        "CatalogBusName",
        "CatalogTableName",
        "IntakeBusName",
        "LedgerTableName",
    }


def test_there_is_no_custom_resource_and_no_function_of_the_cdk_s_own(stage: Synthesised) -> None:
    types = {resource["Type"] for resource in stage.template["Resources"].values()}
    assert not [name for name in types if name.startswith("Custom::") or "CustomResource" in name]
    assert "AWS::CDK::Metadata" not in types
    assert len(stage.properties("AWS::Lambda::Function")) == 10


def test_the_template_asks_for_no_parameters(stage: Synthesised) -> None:
    assert "Parameters" not in stage.template
    assert "Rules" not in stage.template


def test_an_alarm_goes_off_for_each_way_an_execution_ends_badly_and_each_queue(stage: Synthesised) -> None:
    watched = sorted(
        (alarm["MetricName"], len(alarm["AlarmActions"])) for alarm in stage.properties(ALARM).values()
    )
    assert watched == [
        ("ApproximateNumberOfMessagesVisible", 1),
        ("ApproximateNumberOfMessagesVisible", 1),
        ("ApproximateNumberOfMessagesVisible", 1),
        ("ApproximateNumberOfMessagesVisible", 1),
        ("ApproximateNumberOfMessagesVisible", 1),
        ("Errors", 1),
        ("Errors", 1),
        ("Errors", 1),
        *[("ExecutionsAborted", 1)] * 2,
        *[("ExecutionsFailed", 1)] * 2,
        *[("ExecutionsTimedOut", 1)] * 2,
    ]


def test_alarms_reach_the_topic_and_the_address(throwaway: Synthesised, stage: Synthesised) -> None:
    topic, properties = throwaway.only("AWS::SNS::Topic")
    assert "KmsMasterKeyId" in properties
    for alarm in throwaway.properties(ALARM).values():
        assert alarm["AlarmActions"] == [{"Ref": topic}]
    subscription = throwaway.only("AWS::SNS::Subscription")[1]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@clinic.example")
    assert not stage.properties("AWS::SNS::Subscription")


def test_every_alarm_and_the_dashboard_lead_to_the_runbook(stage: Synthesised) -> None:
    for alarm in stage.properties(ALARM).values():
        assert "docs/runbook.md" in alarm["AlarmDescription"]
    assert "docs/runbook.md" in json.dumps(stage.only("AWS::CloudWatch::Dashboard")[1]["DashboardBody"])


def test_alarms_may_publish_to_the_topic(stage: Synthesised) -> None:
    statements = stage.only("AWS::SNS::TopicPolicy")[1]["PolicyDocument"]["Statement"]
    (allowed,) = (statement for statement in statements if statement["Effect"] == "Allow")
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"


def test_the_dashboard_shows_the_pipeline_s_own_metrics(stage: Synthesised) -> None:
    body = json.dumps(stage.only("AWS::CloudWatch::Dashboard")[1]["DashboardBody"])
    for metric in ("Intakes", "UnknownPatients", "ConflictingPatients"):
        assert metric in body
    assert "Carefile,disposition,kind,service" in body
