"""The state machine and its functions, as deployed."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from benchmarks.assumptions import MEMORY_MB, TRACED
from tests.template.synthesis import Synthesised

FUNCTION = "AWS::Lambda::Function"
ASSIGN = {"LANDING_BUCKETS", "PROCESSED_BUCKET", "SESSION_PREFIX", "LEDGER_TABLE"}
SETTINGS = {
    "ClassifyObject": (256, 30, {"LANDING_BUCKETS", "PROCESSED_BUCKET", "SESSION_PREFIX", "LEDGER_TABLE"}),
    "NormaliseDocument": (
        512,
        900,
        {*ASSIGN, "PSEUDONYM_SECRET_ARN", "LAYOUT_SHARED", "PATIENTS_TABLE"},
    ),
    "NormaliseSession": (
        256,
        900,
        {*ASSIGN, "PSEUDONYM_SECRET_ARN", "LAYOUT_SHARED", "PATIENTS_TABLE"},
    ),
    "AdoptObject": (
        256,
        30,
        {"LANDING_BUCKETS", "PROCESSED_BUCKET", "SESSION_PREFIX", "LEDGER_TABLE", "PSEUDONYM_SECRET_ARN"},
    ),
    "TagObject": (256, 30, {"LANDING_BUCKETS", "PROCESSED_BUCKET", "SESSION_PREFIX", "LEDGER_TABLE"}),
    "IndexCatalog": (256, 30, {"CATALOG_TABLE"}),
    "IndexSessions": (256, 120, {"CATALOG_TABLE"}),
    "AssignPatient": (256, 120, ASSIGN | {"DECISIONS_TABLE"}),
    "ListObjects": (256, 120, ASSIGN),
    "VerifyMove": (256, 120, ASSIGN),
    "MergePatients": (256, 120, ASSIGN | {"PATIENTS_TABLE"}),
    "ListPatient": (256, 120, ASSIGN | {"PATIENTS_TABLE"}),
    "VerifyMerge": (256, 120, ASSIGN | {"PATIENTS_TABLE"}),
    "RegisterPatients": (256, 60, {"PATIENTS_TABLE", "DEAD_LETTERS_URL"}),
    "MeasureBacklog": (256, 60, {"PIPELINE_ARN", "PATIENTS_TABLE"}),
    "RecordFailure": (
        256,
        60,
        {"LANDING_BUCKETS", "PROCESSED_BUCKET", "SESSION_PREFIX", "LEDGER_TABLE", "CATALOG_BUS"},
    ),
}
COMMON = {"LOG_LEVEL", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "STAGE"}


def test_the_definition_is_the_file_as_it_stands(stage: Synthesised, project: Path) -> None:
    machine = stage.only("AWS::StepFunctions::StateMachine", named="Pipeline")[1]
    text = (project / "statemachines" / "object_pipeline.asl.json").read_text(encoding="utf-8")
    assert machine["DefinitionString"] == text
    json.loads(text)


def test_every_placeholder_of_the_definition_has_a_value_and_every_value_a_placeholder(
    stage: Synthesised,
) -> None:
    machine = stage.only("AWS::StepFunctions::StateMachine", named="Pipeline")[1]
    placeholders = set(re.findall(r"\$\{([^}]*)\}", machine["DefinitionString"]))
    assert placeholders == set(machine["DefinitionSubstitutions"])


def test_each_task_state_runs_its_own_function(stage: Synthesised) -> None:
    substitutions = stage.only("AWS::StepFunctions::StateMachine", named="Pipeline")[1][
        "DefinitionSubstitutions"
    ]
    for state in ("ClassifyObject", "NormaliseDocument", "NormaliseSession", "TagObject"):
        function, _ = stage.only(FUNCTION, named=state)
        assert substitutions[f"{state}Arn"] == {"Fn::GetAtt": [function, "Arn"]}


def test_the_machine_is_standard_traced_logged_without_data_and_encrypted(stage: Synthesised) -> None:
    machine = stage.only("AWS::StepFunctions::StateMachine", named="Pipeline")[1]
    key, _ = stage.only("AWS::KMS::Key", named="Records")
    assert machine["StateMachineName"] == "Carefile-test-ObjectPipeline"
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert machine["LoggingConfiguration"]["Level"] == "ERROR"
    assert machine["EncryptionConfiguration"]["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}


def test_there_is_a_function_for_each_name_and_no_other(stage: Synthesised) -> None:
    handlers = {function["Handler"] for function in stage.properties(FUNCTION).values()}
    assert handlers == {
        "lambdas." + re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() + ".handler" for name in SETTINGS
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_a_function_has_its_memory_time_and_environment(stage: Synthesised, name: str) -> None:
    memory, timeout, environment = SETTINGS[name]
    function = stage.function(name)
    assert (function["MemorySize"], function["Timeout"]) == (memory, timeout)
    assert MEMORY_MB.get(name, memory) == memory, "the bill computes with another"
    variables = function["Environment"]["Variables"]
    assert set(variables) == environment | COMMON
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Carefile"
    hyphenated = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
    assert variables["POWERTOOLS_SERVICE_NAME"] == f"carefile-{hyphenated}"


@pytest.mark.parametrize("name", SETTINGS)
def test_the_code_of_every_function_is_in_the_project(project: Path, stage: Synthesised, name: str) -> None:
    module = stage.function(name)["Handler"].removesuffix(".handler").replace(".", "/")
    assert (project / f"{module}.py").is_file()


def test_every_function_runs_on_arm_and_is_traced(stage: Synthesised) -> None:
    for function in stage.properties(FUNCTION).values():
        assert function["Architectures"] == ["arm64"]
        assert function["Runtime"] == "python3.14"
        assert function["TracingConfig"] == {"Mode": "PassThrough"}


def test_of_a_call_that_went_well_lambda_itself_logs_nothing_but_where_the_stage_debugs(
    stage: Synthesised, watchful: Synthesised, throwaway: Synthesised
) -> None:
    def levels(template: Synthesised) -> set[tuple[str, ...]]:
        names = ("LogFormat", "ApplicationLogLevel", "SystemLogLevel")
        found = [function["LoggingConfig"] for function in template.properties(FUNCTION).values()]
        return {tuple(it[name] for name in names) for it in found}

    assert levels(stage) == {("JSON", "INFO", "WARN")}
    # The metrics are lines without a level, which count as INFO.
    assert levels(watchful) == {("JSON", "INFO", "WARN")}
    assert levels(throwaway) == {("JSON", "DEBUG", "INFO")}


def test_one_execution_in_a_hundred_is_traced_and_none_for_certain(
    stage: Synthesised, embedded: Synthesised
) -> None:
    (rule,) = stage.properties("AWS::XRay::SamplingRule").values()
    assert (rule["SamplingRule"]["ReservoirSize"], rule["SamplingRule"]["FixedRate"]) == (0, TRACED)
    names = [it["StateMachineName"] for it in stage.properties("AWS::StepFunctions::StateMachine").values()]
    assert all(fnmatch(name, rule["SamplingRule"]["ServiceName"]) for name in names)
    assert not embedded.properties("AWS::XRay::SamplingRule")


def test_every_function_has_a_role_and_an_encrypted_log_group_of_its_own(stage: Synthesised) -> None:
    functions = stage.properties(FUNCTION).values()
    roles = {function["Role"]["Fn::GetAtt"][0] for function in functions}
    groups = {function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions}
    assert len(roles) == len(groups) == len(SETTINGS)
    key, _ = stage.only("AWS::KMS::Key", named="Operations")
    for group in stage.properties("AWS::Logs::LogGroup").values():
        assert group["RetentionInDays"] == 365
        assert group["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}


def test_every_function_waits_for_its_permissions(stage: Synthesised) -> None:
    policies = stage.resources("AWS::IAM::ManagedPolicy")
    for name, function in stage.resources(FUNCTION).items():
        assert any(dependency in policies for dependency in function["DependsOn"]), name
