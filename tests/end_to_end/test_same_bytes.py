"""The same bytes again, on the deployed pipeline: a decision about them holds, and two patients with them are seen."""

from __future__ import annotations

import hashlib

import pytest

from tests.end_to_end.conftest import Pipeline
from tests.end_to_end.test_reassignment import identified

pytestmark = pytest.mark.timeout(240)
BODY = b"a letter that is sent again and again"
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


def test_a_decision_about_a_document_holds_when_its_bytes_are_sent_again(pipeline: Pipeline) -> None:
    key = "documents/again.txt"
    assert pipeline.filed(key, BODY)["location"]["prefix"] == "processed/unknown_again/"
    (event,) = pipeline.events_of(key)
    assert event["source"]["content_digest"] == DIGEST
    assert identified(pipeline, key=key, patient_id="Ana_Ruiz_5")["status"] == "SUCCEEDED"

    again = pipeline.filed(key, BODY)
    assert again["location"]["prefix"] == "processed/Ana_Ruiz_5_again/"
    assert pipeline.read("processed/Ana_Ruiz_5_again/original.txt") == BODY
    assert pipeline.keys("processed/unknown_again/") == ["processed/unknown_again/_manifest.json"]
    other = pipeline.filed(key, b"somebody else's letter")
    assert other["location"]["prefix"] == "processed/unknown_again/"


def test_the_same_bytes_under_two_patients_are_both_filed_and_found_by_their_digest(
    pipeline: Pipeline,
) -> None:
    keys = ["documents/Cyn_Day_7/twice.txt", "documents/Dan_Eck_8/twice.txt"]
    for key in keys:
        pipeline.filed(key, b"twice")
    entries = [pipeline.catalog_entry(pipeline.events_of(key)[0]["source_id"]) for key in keys]
    (digest,) = {entry["content_digest"]["S"] for entry in entries}
    found = pipeline.aws.client("dynamodb").query(
        TableName=pipeline.aws.outputs["CatalogTableName"],
        IndexName="by-content",
        KeyConditionExpression="content_digest = :content",
        ExpressionAttributeValues={":content": {"S": digest}},
    )
    assert {item["patient_ref_key"]["S"] for item in found["Items"]} == {
        "PATIENT#Cyn_Day_7",
        "PATIENT#Dan_Eck_8",
    }
