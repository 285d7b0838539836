"""The backfill as it is deployed: the pipeline's states, Express children, and no more rights than it needs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.asl.definition import STATES
from tests.template.conftest import Synthesise
from tests.template.synthesis import Synthesised

MACHINE = "AWS::StepFunctions::StateMachine"


def machine(stage: Synthesised) -> dict[str, Any]:
    return stage.only(MACHINE, named="Backfill")[1]


def test_each_object_takes_the_way_of_the_pipelines_own_states(stage: Synthesised) -> None:
    states = json.loads(machine(stage)["DefinitionString"])["States"]
    processor = states["TakeInEachObject"]["ItemProcessor"]
    assert processor["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    assert processor["States"].keys() > STATES.keys()
    for name, own in STATES.items():
        arguments = processor["States"][name].get("Arguments")
        if name == "NormaliseDocument":  # it is told besides whether the run reads again what is filed
            assert "reread" in arguments["Payload"].pop("reread")
        assert arguments == own.get("Arguments"), name
        assert processor["States"][name].get("Choices") == own.get("Choices"), name


def test_every_placeholder_has_a_value_and_every_value_a_placeholder(stage: Synthesised) -> None:
    deployed = machine(stage)
    placeholders = set(re.findall(r"\$\{([^}]*)\}", deployed["DefinitionString"]))
    assert placeholders == set(deployed["DefinitionSubstitutions"])
    assert deployed["DefinitionSubstitutions"]["Concurrency"] == "5"


def test_the_run_itself_is_standard_logged_without_data_and_encrypted(stage: Synthesised) -> None:
    deployed = machine(stage)
    assert deployed["StateMachineName"] == "Carefile-test-Backfill"
    assert deployed["StateMachineType"] == "STANDARD"
    assert deployed["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert "KmsKeyId" in deployed["EncryptionConfiguration"]


@pytest.mark.parametrize("name", ["Backfill", "Adoption"])
def test_results_go_below_one_prefix_of_the_reports_bucket_only(stage: Synthesised, name: str) -> None:
    bucket, _ = stage.only("AWS::S3::Bucket", named="ReportsBucket")
    (resource,) = [s["Resource"] for s in stage.statements_of(f"{name}Role") if s["Sid"] == "WriteResults"]
    assert bucket in json.dumps(resource)
    assert json.dumps(resource).endswith(f'/{name.lower()}/*"]]}}')


@pytest.mark.parametrize("name", ["Backfill", "Adoption"])
def test_children_are_the_machines_own(stage: Synthesised, name: str) -> None:
    statements = [
        s for s in stage.statements_of(f"{name}Role") if s["Sid"] in ("StartChildren", "RunChildren")
    ]
    assert len(statements) == 2
    for statement in statements:
        assert f"Carefile-test-{name}" in json.dumps(statement["Resource"])
    states = json.loads(stage.only(MACHINE, named=name)[1]["DefinitionString"])["States"].values()
    run = json.dumps([s["Resource"] for s in statements if s["Sid"] == "RunChildren"])
    for label in (state["Label"] for state in states if state["Type"] == "Map"):
        assert f"/{label}:*" in run


def test_only_what_is_uncommon_of_millions_of_items_is_logged(stage: Synthesised) -> None:
    assert machine(stage)["LoggingConfiguration"]["Level"] == "ERROR"


OLD_KEY, INVENTORIES_KEY = (
    f"arn:aws:kms:eu-west-1:111122223333:key/{name}" for name in ("old", "inventories")
)


@pytest.fixture(scope="module")
def further(synthesise: Synthesise) -> Synthesised:
    """Further buckets, of objects and of inventories."""
    return synthesise(
        inventory_buckets={"inventories": INVENTORIES_KEY},
        source_buckets={"old-records": OLD_KEY, "older-records": None},
    )


def test_inventories_are_read_where_the_stage_names_their_bucket_and_nothing_else_is_done_there(
    stage: Synthesised, further: Synthesised
) -> None:
    assert not [s for s in stage.statements_of("BackfillRole") if s["Sid"] == "ReadInventories"]
    named = [s for s in further.statements_of("BackfillRole") if "inventories" in json.dumps(s)]
    assert {s["Sid"]: s["Action"] for s in named} == {
        "ReadInventories": "s3:GetObject",
        "DecryptInventories": "kms:Decrypt",
    }
    assert not [s for s in further.statements_of("AdoptionRole") if "inventories" in json.dumps(s)]
    accepted = further.function("ClassifyObject")["Environment"]["Variables"]["LANDING_BUCKETS"]
    assert "inventories" not in json.dumps(accepted)


def test_the_adoption_is_composed_of_the_pipelines_announcement(stage: Synthesised) -> None:
    deployed = stage.only(MACHINE, named="Adoption")[1]
    placeholders = set(re.findall(r"\$\{([^}]*)\}", deployed["DefinitionString"]))
    assert placeholders == set(deployed["DefinitionSubstitutions"])
    state = json.loads(deployed["DefinitionString"])["States"]["AdoptEachObject"]
    announce = state["ItemProcessor"]["States"]["EmitCatalogEvent"]
    assert announce["Arguments"] == STATES["EmitCatalogEvent"]["Arguments"]
    assert not [s for s in stage.statements_of("AdoptObjectRole") if "s3:DeleteObject" in s["Action"]]


def test_further_buckets_are_accepted_read_and_listed(further: Synthesised) -> None:
    for name in ("ClassifyObject", "NormaliseSession", "TagObject", "RecordFailure"):
        accepted = further.function(name)["Environment"]["Variables"]["LANDING_BUCKETS"]["Fn::Join"][1]
        assert accepted[-1] == ",old-records,older-records", name
    for sid, role in (
        ("ReadObjects", "NormaliseSession"),
        ("WriteTags", "TagObject"),
        ("ListObjects", "Backfill"),
    ):
        text = json.dumps([it for it in further.statements_of(f"{role}Role") if it["Sid"] == sid])
        assert "old-records" in text, sid
        assert "older-records" in text, sid
    assert OLD_KEY in json.dumps(further.statements_of("ClassifyObjectRole"))
    rule = json.dumps(further.only("AWS::Events::Rule", named="UploadRule")[1]["EventPattern"])
    assert "old-records" not in rule
