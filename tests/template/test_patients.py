"""The patient directory: who may read it, and that it costs nothing where it is not in use."""

from __future__ import annotations

import pytest

from tests.template.conftest import Synthesise
from tests.template.synthesis import Synthesised

DECIDES = ("ClassifyObject", "NormaliseDocument", "NormaliseSession", "AdoptObject", "AssignPatient")


@pytest.fixture(scope="module")
def listing(synthesise: Synthesise) -> Synthesised:
    return synthesise(patients="listed")


def test_the_table_is_an_output_in_either_mode(stage: Synthesised, listing: Synthesised) -> None:
    for one in (stage, listing):
        name, properties = one.only("AWS::DynamoDB::Table", named="PatientsTable")
        assert one.outputs()["PatientsTableName"] == {"Ref": name}
        assert [key["AttributeName"] for key in properties["KeySchema"]] == ["entry", "part"]


def test_what_decides_whose_reads_single_patients_and_writes_none(listing: Synthesised) -> None:
    table, _ = listing.only("AWS::DynamoDB::Table", named="PatientsTable")
    arn = {"Fn::GetAtt": [table, "Arn"]}
    of_table = [(name, it) for name, it in listing.role_statements() if arn in [it["Resource"]]]
    assert {it["Action"] for _, it in of_table} == {"dynamodb:BatchGetItem"}
    assert len(of_table) == len(DECIDES)
    for function in DECIDES:
        assert listing.function(function)["Environment"]["Variables"]["PATIENTS"] == "listed"


def test_in_open_mode_no_function_knows_the_directory(stage: Synthesised) -> None:
    table, _ = stage.only("AWS::DynamoDB::Table", named="PatientsTable")
    assert not any(table in str(it["Resource"]) for _, it in stage.role_statements())
    for function in stage.properties("AWS::Lambda::Function").values():
        assert "PATIENTS" not in function["Environment"]["Variables"]
