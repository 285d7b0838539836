"""What was archived of a bus can be replayed: an intake that was done already is a duplicate, and changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.embedded import eventually
from tests.end_to_end.conftest import Pipeline

pytestmark = pytest.mark.timeout(120)


def test_a_replay_of_the_intake_bus_takes_everything_in_again_and_changes_nothing(pipeline: Pipeline) -> None:
    events, key = pipeline.aws.client("events"), "documents/Lena_Vogt_8/replayed.txt"
    bus = pipeline.aws.outputs["IntakeBusName"]
    name = f"{bus}-replayed"
    arn = events.describe_event_bus(Name=bus)["Arn"]
    archive = events.create_archive(ArchiveName=name, EventSourceArn=arn)["ArchiveArn"]
    try:
        pipeline.filed(key, b"once is enough")
        begun = len(pipeline.executions_of(key))
        entry = {"EventBusName": bus, "Source": "carefile.intake", "DetailType": "Object Submitted"}
        detail = json.dumps({"bucket": pipeline.landing, "key": key})
        assert events.put_events(Entries=[{**entry, "Detail": detail}])["FailedEntryCount"] == 0
        eventually(lambda: len(pipeline.executions_of(key)) == begun + 1)
        before = {stored: pipeline.read(stored) for stored in pipeline.keys("processed/Lena_Vogt_8_")}

        now = datetime.now(UTC)
        events.start_replay(
            ReplayName=name,
            EventSourceArn=archive,
            Destination={"Arn": arn},
            EventStartTime=now - timedelta(minutes=5),
            EventEndTime=now + timedelta(minutes=1),
        )
        eventually(lambda: len(pipeline.executions_of(key)) == begun + 2)
        ended = pipeline.aws.finished(pipeline.executions_of(key)[0]["executionArn"])
        assert json.loads(ended["output"])["disposition"] == "duplicate"
        assert {stored: pipeline.read(stored) for stored in pipeline.keys("processed/Lena_Vogt_8_")} == before
    finally:
        events.delete_archive(ArchiveName=name)


def test_a_replay_of_the_catalog_bus_brings_back_an_entry_and_takes_none_back(pipeline: Pipeline) -> None:
    events, key = pipeline.aws.client("events"), "documents/Lena_Vogt_8/cataloged again.txt"
    bus = pipeline.aws.outputs["CatalogBusName"]
    arn = events.describe_event_bus(Name=bus)["Arn"]
    table, dynamodb = pipeline.aws.outputs["CatalogTableName"], pipeline.aws.client("dynamodb")
    archive = events.create_archive(ArchiveName=f"{bus}-archived", EventSourceArn=arn)["ArchiveArn"]

    def replay(name: str) -> None:
        now = datetime.now(UTC)
        events.start_replay(
            ReplayName=name,
            EventSourceArn=archive,
            Destination={"Arn": arn},
            EventStartTime=now - timedelta(minutes=5),
            EventEndTime=now + timedelta(minutes=1),
        )
        eventually(lambda: events.describe_replay(ReplayName=name)["State"] == "COMPLETED")

    try:
        pipeline.filed(key, b"the first")
        pipeline.filed(key, b"the second")
        (*_, newest) = sorted(pipeline.events_of(key, count=2), key=lambda event: event["revision"])
        source = {"source_id": {"S": newest["source_id"]}}
        shown = eventually(lambda: _entry_of(pipeline, newest))

        dynamodb.delete_item(TableName=table, Key=source)
        replay(f"{bus}-lost")
        assert eventually(lambda: _entry_of(pipeline, newest)) == shown

        # Both events come again, the older one too.
        replay(f"{bus}-unneeded")
        pipeline.events_of(key, count=6)
        assert dynamodb.get_item(TableName=table, Key=source)["Item"] == shown
    finally:
        events.delete_archive(ArchiveName=f"{bus}-archived")


def _entry_of(pipeline: Pipeline, event: dict[str, Any]) -> dict[str, Any] | None:
    """The catalog's entry of an event's source, once it is that event's."""
    entry = pipeline.catalog_entry(event["source_id"])
    return entry if entry["event_id"]["S"] == event["event_id"] else None
