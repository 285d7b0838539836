"""The reassignment as it is deployed: the pipeline's states, children that can be re-driven, and few rights."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.asl.definition import STATES
from tests.template.synthesis import Synthesised, listed

MACHINE = "AWS::StepFunctions::StateMachine"


def machine(stage: Synthesised) -> dict[str, Any]:
    return stage.only(MACHINE, named="Reassignment")[1]


def test_each_object_takes_the_way_of_the_pipelines_own_states(stage: Synthesised) -> None:
    state = json.loads(machine(stage)["DefinitionString"])["States"]["MoveObjects"]
    processor = state["ItemProcessor"]
    assert processor["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    for name, own in STATES.items():
        assert processor["States"][name].get("Arguments") == own.get("Arguments"), name
        assert processor["States"][name].get("Retry") == own.get("Retry"), name


def test_every_placeholder_has_a_value_and_every_value_a_placeholder(stage: Synthesised) -> None:
    deployed = machine(stage)
    placeholders = set(re.findall(r"\$\{([^}]*)\}", deployed["DefinitionString"]))
    assert placeholders == set(deployed["DefinitionSubstitutions"])


def test_it_is_standard_logged_without_data_and_encrypted(stage: Synthesised) -> None:
    deployed = machine(stage)
    assert deployed["StateMachineName"] == "Carefile-test-ReassignPatient"
    assert deployed["StateMachineType"] == "STANDARD"
    assert deployed["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert "KmsKeyId" in deployed["EncryptionConfiguration"]


def test_what_ends_badly_in_any_way_is_an_alarm_that_leads_to_the_runbook(stage: Synthesised) -> None:
    arn = stage.only(MACHINE, named="Reassignment")[0]
    alarm = stage.only("AWS::CloudWatch::Alarm", named="ReassignmentsFailed")[1]
    looked_at = [it["MetricStat"]["Metric"] for it in alarm["Metrics"] if "MetricStat" in it]
    assert {it["MetricName"] for it in looked_at} == {
        "ExecutionsFailed",
        "ExecutionsTimedOut",
        "ExecutionsAborted",
    }
    assert all(it["Dimensions"] == [{"Name": "StateMachineArn", "Value": {"Ref": arn}}] for it in looked_at)
    assert alarm["Threshold"] == 1
    assert alarm["AlarmDescription"].endswith("docs/runbook.md#reassignments")


def test_its_own_functions_change_nothing_but_the_ledger_and_the_record_of_decisions(
    stage: Synthesised,
) -> None:
    for name, statement in stage.role_statements():
        if name.startswith("Reassignment") and not name.startswith("ReassignmentRole"):
            changing = {
                action
                for action in listed(statement["Action"])
                if re.search(r":(Put|Delete|Update|BatchWrite)", action)
            }
            if statement["Sid"] == "AppendItems":
                assert "AssignPatient" in name
                continue
            assert changing <= {
                "dynamodb:UpdateItem",
                "logs:PutLogEvents",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            }
