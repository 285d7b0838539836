"""The schema registry and the archives, as deployed; on the embedded AWS, which knows neither, they are left out."""

from __future__ import annotations

import json

import jsonschema

from infrastructure.events.draft_4 import EVENTS
from tests.template.synthesis import Synthesised

SCHEMA, ARCHIVE = "AWS::EventSchemas::Schema", "AWS::Events::Archive"


def test_every_event_is_in_the_registry_in_the_draft_that_it_takes(stage: Synthesised) -> None:
    registry = stage.only("AWS::EventSchemas::Registry")[1]
    assert registry["RegistryName"] == "carefile-test"
    found = stage.properties(SCHEMA)
    assert {it["SchemaName"] for it in found.values()} == {
        f"{source}@{kind.replace(' ', '')}" for source, kind in EVENTS
    }
    for it in found.values():
        assert it["Type"] == "JSONSchemaDraft4"
        jsonschema.Draft4Validator.check_schema(json.loads(it["Content"]))


def test_every_rule_of_ours_listens_for_an_event_of_the_registry(stage: Synthesised) -> None:
    listened = {
        (source, kind)
        for rule in stage.properties("AWS::Events::Rule").values()
        for source in rule.get("EventPattern", {}).get("source", ())
        for kind in rule["EventPattern"]["detail-type"]
        if source.startswith("carefile.")
    }
    assert listened
    assert listened <= set(EVENTS)


def test_both_buses_are_archived_under_the_records_key(stage: Synthesised) -> None:
    key, _ = stage.only("AWS::KMS::Key", named="Records")
    archives = stage.properties(ARCHIVE).values()
    buses = {archive["SourceArn"]["Fn::GetAtt"][0] for archive in archives}
    assert buses == set(stage.properties("AWS::Events::EventBus"))
    for archive in archives:
        assert archive["RetentionDays"] == 30
        assert archive["KmsKeyIdentifier"] == {"Fn::GetAtt": [key, "Arn"]}


def test_nothing_is_archived_where_the_stage_says_so(watchful: Synthesised) -> None:
    assert not watchful.properties(ARCHIVE)
    assert watchful.properties(SCHEMA)


def test_the_embedded_aws_is_spared_what_it_does_not_know(embedded: Synthesised) -> None:
    assert not embedded.properties(ARCHIVE)
    assert not embedded.properties(SCHEMA)
