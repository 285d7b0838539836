"""The patient directory: who may read it, and that it costs nothing where it is not in use."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from carefile.core.patients.entries import Identifier, PatientEntry, PersonName, Statement
from carefile.core.records.patients import identifier_key, index_key, to_item, tombstone
from tests.template.conftest import Synthesise
from tests.template.synthesis import Synthesised

DECIDES = (
    *("ClassifyObject", "NormaliseDocument", "NormaliseSession", "AdoptObject", "AssignPatient"),
    *("MergePatients", "VerifyMerge"),
)
READS_TEXT = ("NormaliseDocument", "NormaliseSession", "ReadPages", "FileReading")


@pytest.fixture(scope="module")
def listing(synthesise: Synthesise) -> Synthesised:
    return synthesise(patients="listed", corroborated="decide", ocr="on")


def test_the_table_is_an_output_in_either_mode(stage: Synthesised, listing: Synthesised) -> None:
    for one in (stage, listing):
        name, properties = one.only("AWS::DynamoDB::Table", named="PatientsTable")
        assert one.outputs()["PatientsTableName"] == {"Ref": name}
        assert [key["AttributeName"] for key in properties["KeySchema"]] == ["entry", "part"]


def of_functions(stage: Synthesised) -> list[tuple[str, dict[str, Any]]]:
    """The statements of roles, without those of the policy for people who decide."""
    return [(name, it) for name, it in stage.role_statements() if not name.startswith("Inbox")]


def test_what_decides_whose_reads_patients_and_only_the_feed_and_merges_write(listing: Synthesised) -> None:
    table, _ = listing.only("AWS::DynamoDB::Table", named="PatientsTable")
    arn = {"Fn::GetAtt": [table, "Arn"]}
    of_table = [(name, it["Action"]) for name, it in of_functions(listing) if arn in [it["Resource"]]]
    decides = {*DECIDES, *READS_TEXT}
    reading = Counter(action for _, action in of_table if isinstance(action, str))
    assert reading == {
        "dynamodb:BatchGetItem": len(decides),
        "dynamodb:Query": len(READS_TEXT),
        "dynamodb:DescribeTable": 1,  # MeasureBacklog counts
    }
    writing = {name.split("Role")[0]: action for name, action in of_table if not isinstance(action, str)}
    assert writing == {
        "MergingMergePatients": ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem"],
        "PatientFeedRegisterPatients": [
            "dynamodb:BatchWriteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
        ],
    }
    for function in decides:
        environment = listing.function(function)["Environment"]["Variables"]
        assert environment["PATIENTS"] == "listed"
        assert environment.get("CORROBORATED") == ("decide" if function in READS_TEXT else None)


def test_patients_are_counted_by_an_index_that_holds_nothing_else(
    stage: Synthesised, listing: Synthesised
) -> None:
    for one in (stage, listing):
        _, properties = one.only("AWS::DynamoDB::Table", named="PatientsTable")
        (index,) = properties["GlobalSecondaryIndexes"]
        assert index["KeySchema"] == [{"AttributeName": "patient_id", "KeyType": "HASH"}]
        assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
        counting = one.function("MeasureBacklog")["Environment"]["Variables"]
        assert counting.get("PATIENTS") == ("listed" if one is listing else None)
    item = to_item(PatientEntry("Ana").stating("ehr", Statement((PersonName("Ana Ruiz"),), "1984-02-11")))
    assert item["patient_id"] == {"S": "Ana"}
    others = (tombstone("Ana", "2026"), index_key("name#ana", "Ana"), identifier_key(Identifier("a", "1")))
    assert not any("patient_id" in other for other in others)


def test_whatever_files_knows_the_directory(listing: Synthesised) -> None:
    """A function that files without it would believe anybody."""
    for function in listing.properties("AWS::Lambda::Function").values():
        environment = function.get("Environment", {}).get("Variables", {})
        if {"LEDGER_TABLE", "PROCESSED_BUCKET", "PSEUDONYM_SECRET_ARN"} <= environment.keys():
            assert environment.get("PATIENTS") == "listed", function["Handler"]


def test_in_open_mode_only_the_feed_and_what_reads_text_know_the_directory(synthesise: Synthesise) -> None:
    stage = synthesise(ocr="on")
    table, _ = stage.only("AWS::DynamoDB::Table", named="PatientsTable")
    arn = {"Fn::GetAtt": [table, "Arn"]}
    allowed = [(name, it["Action"]) for name, it in of_functions(stage) if arn in [it["Resource"]]]
    reading = Counter(action for _, action in allowed if isinstance(action, str))
    one_each = len(READS_TEXT)
    assert reading == {
        "dynamodb:BatchGetItem": one_each,
        "dynamodb:Query": one_each,
        "dynamodb:DescribeTable": one_each + 1,  # and MeasureBacklog
    }
    writing = {name.split("Role")[0] for name, action in allowed if not isinstance(action, str)}
    assert writing == {"PatientFeedRegisterPatients"}
    for function in stage.properties("AWS::Lambda::Function").values():
        assert "PATIENTS" not in function["Environment"]["Variables"]


def test_where_patients_are_listed_an_unmerge_is_verified_by_what_was_decided(
    stage: Synthesised, listing: Synthesised
) -> None:
    def of_ledger(one: Synthesised) -> list[str]:
        table, _ = one.only("AWS::DynamoDB::Table", named="LedgerTable")
        arn = {"Fn::GetAtt": [table, "Arn"]}
        return [
            it["Action"]
            for name, it in of_functions(one)
            if name.startswith("MergingVerifyMerge") and it["Resource"] == arn
        ]

    assert of_ledger(listing) == ["dynamodb:BatchGetItem"]
    assert of_ledger(stage) == []
