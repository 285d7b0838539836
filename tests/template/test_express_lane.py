"""The stack of the lane express-first: one more machine, which takes the uploads in."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from carefile.cli.capacity.load import DEMAND
from tests.template.conftest import Synthesise
from tests.template.synthesis import Synthesised

MACHINE, RULE = "AWS::StepFunctions::StateMachine", "AWS::Events::Rule"


@pytest.fixture(scope="session")
def express(synthesise: Synthesise) -> Synthesised:
    return synthesise(lane="express-first", session_followers=4)  # as one of a high rate is set


def machine(stage: Synthesised) -> tuple[str, dict[str, Any]]:
    return stage.only(MACHINE, named="ExpressLane")


def target(stage: Synthesised, rule: str) -> str:
    (only,) = stage.only(RULE, named=rule)[1]["Targets"]
    return only["Arn"]["Ref"]


def test_an_upload_starts_the_express_machine_and_a_submission_the_pipeline(express: Synthesised) -> None:
    assert target(express, "UploadRule") == machine(express)[0]
    assert target(express, "SubmissionRule") == express.only(MACHINE, named="Pipeline")[0]


def test_its_log_tells_errors_only_and_never_data_and_it_is_under_the_records_key(
    express: Synthesised,
) -> None:
    _, found = machine(express)
    key, _ = express.only("AWS::KMS::Key", named="Records")
    assert found["StateMachineType"] == "EXPRESS"
    assert found["StateMachineName"] == "Carefile-test-ExpressLane"
    assert found["LoggingConfiguration"]["Level"] == "ERROR"
    assert found["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert found["EncryptionConfiguration"]["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    assert found["TracingConfiguration"] == {"Enabled": True}


def test_every_placeholder_has_a_value_and_what_fails_goes_to_the_pipeline(express: Synthesised) -> None:
    _, found = machine(express)
    values = found["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{([^}]*)\}", found["DefinitionString"])) == set(values)
    assert values["ObjectPipelineArn"] == {"Ref": express.only(MACHINE, named="Pipeline")[0]}
    assert json.loads(found["DefinitionString"])["StartAt"] == "TryObject"


def test_it_may_start_the_pipeline_and_nothing_else_may_start_more_than_before(express: Synthesised) -> None:
    pipeline = {"Ref": express.only(MACHINE, named="Pipeline")[0]}
    starting = {
        name: statement["Resource"]
        for name, statement in express.role_statements()
        if statement["Action"] == "states:StartExecution"
    }
    by_machine = [resource for name, resource in starting.items() if name.startswith("ExpressLane")]
    by_rules = {name: resource for name, resource in starting.items() if name.startswith("Intake")}
    assert by_machine == [pipeline]
    assert sorted(by_rules.values(), key=str) == sorted([pipeline, {"Ref": machine(express)[0]}], key=str)


def test_uploads_that_were_neither_filed_nor_promoted_raise_an_alarm(express: Synthesised) -> None:
    alarms = express.properties("AWS::CloudWatch::Alarm")
    metrics = {
        alarm["MetricName"]
        for alarm in alarms.values()
        for dimension in alarm.get("Dimensions", ())
        if dimension == {"Name": "StateMachineArn", "Value": {"Ref": machine(express)[0]}}
    }
    assert metrics == {"ExecutionsFailed", "ExecutionsTimedOut"}


def test_the_machine_is_an_output(express: Synthesised, stage: Synthesised) -> None:
    assert express.outputs()["ExpressStateMachineArn"] == {"Ref": machine(express)[0]}
    assert "ExpressStateMachineArn" not in stage.outputs()


def test_the_other_lane_has_no_such_machine(stage: Synthesised) -> None:
    assert not [name for name in stage.resources(MACHINE) if "Express" in name]


def test_the_sessions_of_a_high_rate_are_followed_by_several_at_once_in_each_shard(
    express: Synthesised,
) -> None:
    mapping = express.only("AWS::Lambda::EventSourceMapping", named="Sessions")[1]
    assert mapping["ParallelizationFactor"] == 4
    assert express.function("IndexSessions")["MemorySize"] == 1024


def test_promotions_that_are_refused_wait_in_a_queue_that_one_function_empties_slowly(
    express: Synthesised,
) -> None:
    queue_id, queue = express.only("AWS::SQS::Queue", named="Promotions")
    function_id, function = express.only("AWS::Lambda::Function", named="PromoteObjects")
    mapping = express.only("AWS::Lambda::EventSourceMapping", named="Promotions")[1]
    simulated = DEMAND["promotions"]
    assert queue["MessageRetentionPeriod"] == simulated["kept_seconds"] == 14 * 86_400
    assert "RedrivePolicy" not in queue  # nothing is given up
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert machine(express)[1]["DefinitionSubstitutions"]["PromotionsUrl"] == {"Ref": queue_id}
    assert mapping["FunctionName"] == {"Ref": function_id}
    assert (
        mapping["ScalingConfig"]
        == {"MaximumConcurrency": simulated["functions"]}
        == {"MaximumConcurrency": 5}
    )
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    alarm = express.only("AWS::CloudWatch::Alarm", named="PromotionsWait")[1]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateAgeOfOldestMessage", 3600)
    (board,) = express.properties("AWS::CloudWatch::Dashboard").values()
    assert '"label":"promotions"' in json.dumps(board["DashboardBody"]).replace("\\", "")


def test_the_other_lane_has_no_such_queue(stage: Synthesised) -> None:
    assert not [name for name in stage.resources("AWS::SQS::Queue") if "Promotions" in name]
