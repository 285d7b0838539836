"""What a person took out of the layout: retired, announced, not filed again with the same bytes, and a way back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.traces import Finder
from carefile.cli.rule_table import rules_of
from carefile.core.errors import ThreatFound
from carefile.core.model import Decision, DecisionType, Source
from carefile.core.records.ledger import unfiled_name, unfiling
from lambdas import assign_patient
from lambdas.adapters.ledger import Ledger
from lambdas.intake.convergence import Intake
from tests.unit.test_forget import everything
from tests.unit.test_same_bytes import sha256
from tests.unit.world import LANDING, PROCESSED, Json, World, created_event, prefix_of, scan_event, types

KEY, BODY = "documents/Ana_7/letter.txt", b"moved by mistake"
PLACE = "processed/Ana_7_letter/"
MESSAGE = "sessions/Ana_7/session_1/messages/message_1.json"


def decide(
    world: World, kind: DecisionType = DecisionType.UNFILE, at: str = "1", key: str = KEY, body: bytes = BODY
) -> Decision:
    decision = Decision(kind, "Dr. Rey", f"2026-11-20T12:0{at}:00.000Z", "wrong folder")
    world.dynamodb.update_item(
        TableName="ledger",
        Key={"source_id": {"S": Source(LANDING, key).source_id}},
        **unfiling(unfiled_name(sha256(body)), decision),
    )
    return decision


def taken_in(world: World, name: str = "u1", key: str = KEY) -> Json:
    return world.run({"bucket": LANDING, "key": key}, name)


@pytest.mark.parametrize(
    ("key", "place"), [(KEY, PLACE), (MESSAGE, "processed/Ana_7_medical_notes/session_1/")]
)
def test_it_is_retired_by_delete_markers_and_announced_without_a_successor(
    world: World, key: str, place: str
) -> None:
    world.file(key, BODY)
    decision = decide(world, key=key)
    done = taken_in(world, key=key)
    assert (done["disposition"], types(done)) == ("unfiled", ["Object Retired"])
    detail = done["events"][0]["detail"]
    assert detail["location"]["prefix"].startswith(place)
    assert detail["decision"] == decision.to_json()
    assert detail["source"]["content_digest"] == sha256(BODY)
    assert world.filed(place) == [f"{place}_manifest.json"]
    markers = world.s3.list_object_versions(Bucket=PROCESSED, Prefix=place)["DeleteMarkers"]
    assert markers
    (item,) = world.catalog()
    assert item.keys() == {"source_id", "revision", "unfiled_at", "decided_by"}


def test_the_same_bytes_are_not_filed_again_and_other_bytes_are(world: World) -> None:
    world.file(KEY, BODY)
    decide(world)
    taken_in(world)
    assert world.file(KEY, BODY, name="again")["disposition"] == "unfiled"
    assert taken_in(world, "backfill")["disposition"] == "unfiled"
    assert not [key for key in world.filed() if "original" in key]
    assert prefix_of(world.file(KEY, b"the right letter", name="other")) == PLACE
    assert world.body(f"{PLACE}original.txt") == b"the right letter"
    assert [item["key"]["S"] for item in world.catalog()] == [f"{PLACE}original.txt"]


@pytest.mark.parametrize(
    ("key", "place"),
    [(KEY, PLACE), (MESSAGE, "processed/Ana_7_medical_notes/session_1/messages/message_1.json")],
)
def test_what_was_decided_before_it_was_ever_filed_is_announced_where_it_would_be(
    world: World, key: str, place: str
) -> None:
    world.upload(key, BODY, ChecksumAlgorithm="SHA256")
    decide(world, key=key)
    done = taken_in(world, key=key)
    assert done["disposition"] == "unfiled"
    assert [one["detail"]["location"]["prefix"] for one in done["events"]] == [place]
    assert world.filed() == []


def test_another_key_with_the_same_bytes_stays_filed(world: World) -> None:
    world.file(KEY, BODY)
    bens = prefix_of(world.file("documents/Ben_8/letter.txt", BODY, name="e2"))
    decide(world)
    taken_in(world)
    assert f"{bens}original.txt" in world.filed()


def test_to_take_it_back_files_it_again(world: World) -> None:
    world.file(KEY, BODY)
    decide(world)
    taken_in(world)
    decide(world, DecisionType.TAKE_BACK, "2")
    again = taken_in(world, "back")
    assert (again["disposition"], prefix_of(again)) == ("cataloged", PLACE)
    assert [item["key"]["S"] for item in world.catalog()] == [f"{PLACE}original.txt"]


def test_the_version_that_is_taken_out_is_the_newest_that_was_begun(world: World) -> None:
    world.file(KEY, BODY)
    decide(world)
    taken_in(world)
    version = world.upload(KEY, BODY)
    world.run(created_event(KEY, version), "again")
    entry = Ledger(world.dynamodb, "ledger").read(Source(LANDING, KEY))
    assert (entry.version, entry.version_id) == (version, version)


def test_what_is_taken_back_while_it_is_taken_out_is_there_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.file(KEY, BODY)
    decide(world)
    retire = Intake._retire

    def slowly(intake: Intake, source: Source, destinations: Any) -> tuple[str, ...]:
        decide(world, DecisionType.TAKE_BACK, "2")
        return retire(intake, source, destinations)

    monkeypatch.setattr(Intake, "_retire", slowly)
    assert prefix_of(taken_in(world)) == PLACE
    assert f"{PLACE}original.txt" in world.filed(PLACE)


def test_a_late_decision_does_not_undo_a_later_one(world: World) -> None:
    decide(world, DecisionType.TAKE_BACK, "2")
    with pytest.raises(world.dynamodb.exceptions.ConditionalCheckFailedException):
        decide(world, at="1")


@pytest.mark.parametrize("for_good", [False, True], ids=["delete marker", "no version left"])
@pytest.mark.parametrize("key", [KEY, MESSAGE])
def test_what_lost_its_upload_is_taken_out_too(world: World, key: str, *, for_good: bool) -> None:
    """As after `aws s3 mv`: the upload is deleted, what is filed stays until somebody decides."""
    version = world.upload(key, BODY)
    world.run(created_event(key, version))
    if for_good:
        world.s3.delete_object(Bucket=LANDING, Key=key, VersionId=version)
    else:
        world.delete(key)
    assert any(name.endswith(("original.txt", "message_1.json")) for name in world.filed())
    decide(world, key=key, body=BODY)
    done = taken_in(world, key=key)
    assert (done["disposition"], types(done)) == ("unfiled", ["Object Retired"])
    assert done["events"][0]["detail"]["source"]["version_id"] == version
    assert not [name for name in world.filed() if not name.endswith("_manifest.json")]


def test_a_document_of_an_earlier_release_is_known_by_its_bytes(world: World) -> None:
    """S3 has no SHA-256 of what an earlier release copied."""
    version = world.upload(KEY, BODY)
    world.run(created_event(KEY, version))
    original = f"{PLACE}original.txt"
    world.s3.put_object(Bucket=PROCESSED, Key=original, Body=BODY, Metadata=world.head(original)["Metadata"])
    world.s3.delete_object(Bucket=LANDING, Key=KEY, VersionId=version)
    decide(world)
    assert taken_in(world)["disposition"] == "unfiled"


def test_other_bytes_that_come_while_it_is_retired_are_filed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.file(KEY, BODY)
    decide(world)
    retire, meanwhile = Intake._retire, [lambda: world.file(KEY, b"the right letter", name="new")]

    def overtaken(self: Intake, *arguments: Any) -> Any:
        if meanwhile:
            meanwhile.pop()()
        return retire(self, *arguments)

    monkeypatch.setattr(Intake, "_retire", overtaken)
    done = taken_in(world)
    assert done["disposition"] == "superseded"
    assert world.body(f"{PLACE}original.txt") == b"the right letter"


def test_a_decision_that_comes_while_it_is_filed_is_seen_by_the_check(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = type(world.intake.filing).write

    def decided_meanwhile(self: Any, *arguments: Any) -> Any:
        place = write(self, *arguments)
        decide(world)
        return place

    monkeypatch.setattr(type(world.intake.filing), "write", decided_meanwhile)
    assert world.file(KEY, BODY)["disposition"] == "unfiled"
    assert world.filed() == [f"{PLACE}_manifest.json"]


def test_a_stale_announcement_does_not_bring_it_back_into_the_catalog(world: World) -> None:
    filed = world.file(KEY, BODY)
    decide(world)
    taken_in(world)
    assert world.index(filed["events"][0]["detail"]) is False
    (item,) = world.catalog()
    assert "unfiled_at" in item


def test_an_assignment_about_it_finds_nothing_filed(world: World) -> None:
    world.file(KEY, BODY)
    decide(world)
    taken_in(world)
    with pytest.raises(Exception, match="nothing-filed"):
        assign_patient.handler({"input": {"key": KEY, "patient_id": "Ben_8", "from": "Ana_7"}}, None)


def test_the_version_that_was_not_filed_says_so_in_its_tag(world: World) -> None:
    world.file(KEY, BODY)
    decide(world)
    taken_in(world)
    version = world.upload(KEY, BODY)
    world.run(created_event(KEY, version), "again")
    assert world.tags(KEY, LANDING)["pipeline-status"] == "unfiled"
    decide(world, DecisionType.TAKE_BACK, "2")
    taken_in(world, "back")
    assert world.tags(KEY, LANDING)["pipeline-status"] == "cataloged"


@pytest.mark.parametrize("key", [KEY, MESSAGE])
def test_a_patient_is_forgotten_with_what_was_taken_out(
    world: World, connection: Connection, key: str
) -> None:
    world.file(key, BODY)
    decide(world, key=key)
    taken_in(world, key=key)
    source = Source(LANDING, key)
    rules = rules_of(connection)
    for _ in range(2):
        traces = Finder(connection, "Ana_7", rules).find([])
        Forgetter(connection, "Ana_7", rest=timedelta(0)).forget(traces)
    left = everything(world)
    assert "Ana_7" not in left
    assert "wrong folder" not in left  # why somebody decided may name the patient
    assert source.source_id not in repr([it for it in world.catalog() if "kind" in it])
    with pytest.raises(world.dynamodb.exceptions.ConditionalCheckFailedException):
        decide(world, key=key)  # an older decision does not come back


def test_a_threat_that_is_found_later_is_taken_out_without_a_verdict(scanned_world: World) -> None:
    version = scanned_world.upload(KEY, BODY)
    scanned_world.run(scan_event(KEY, version))
    with pytest.raises(ThreatFound):
        scanned_world.run(scan_event(KEY, version, "THREATS_FOUND", time="2026-11-20T10:01:00Z"), "e2")
    decide(scanned_world)
    assert taken_in(scanned_world)["disposition"] == "unfiled"
    assert scanned_world.filed(PLACE) == [f"{PLACE}_manifest.json"]
