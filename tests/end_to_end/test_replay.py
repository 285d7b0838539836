"""What was archived of a bus can be replayed: an intake that was done already is a duplicate, and changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.embedded import eventually
from tests.end_to_end.conftest import Pipeline

pytestmark = pytest.mark.timeout(120)


def test_a_replay_of_the_intake_bus_takes_everything_in_again_and_changes_nothing(pipeline: Pipeline) -> None:
    events, key = pipeline.aws.client("events"), "documents/Lena_Vogt_8/replayed.txt"
    bus = pipeline.aws.outputs["IntakeBusName"]
    arn = events.describe_event_bus(Name=bus)["Arn"]
    archive = events.create_archive(ArchiveName="replayed", EventSourceArn=arn)["ArchiveArn"]
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
            ReplayName="again",
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
        events.delete_archive(ArchiveName="replayed")
