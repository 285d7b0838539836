"""Everything of a patient is deleted for good, nothing of anybody else, and what is not sure is left to a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from carefile.connection import Connection
from carefile.forgetting import Forgetter, refuse_placeholder
from carefile.problem import Problem
from carefile.traces import Finder, Traces
from lambdas.core.layout import Layout
from lambdas.core.model import Source
from lambdas.core.session_entries import Place
from tests.unit.test_index_sessions import Stream, index
from tests.unit.world import LANDING, PROCESSED, World, created_event, submitted_event

NOW, DAY = timedelta(0), timedelta(days=1)
OUTPUTS = {
    "LandingBucketName": LANDING,
    "ProcessedBucketName": PROCESSED,
    "PipelineStateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:object-pipeline",
    "CatalogTableName": "catalog",
    "LedgerTableName": "ledger",
    "IntakeBusName": "intake",
    "CatalogBusName": "catalog-bus",
}
Run = Callable[..., tuple[Traces, Any]]


@pytest.fixture
def connection(world: World) -> Connection:
    """The operator's connection to the world of these tests."""
    world.dynamodb.update_table(
        TableName="catalog",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("patient_ref_key", "listed_at")
        ],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by-patient",
                    "KeySchema": [
                        {"AttributeName": "patient_ref_key", "KeyType": "HASH"},
                        {"AttributeName": "listed_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    )
    made = Connection(boto3.session.Session(region_name="us-east-1"), "Carefile-test", OUTPUTS)
    made.__dict__["layout"] = Layout()
    return made


@pytest.fixture
def forget(connection: Connection) -> Run:
    def run(
        patient: str, *, include: tuple[str, ...] = (), rest: timedelta = DAY, bypass: bool = False
    ) -> tuple[Traces, Any]:
        traces = Finder(connection, patient).find(include)
        return traces, Forgetter(connection, patient, rest=rest, bypass=bypass).forget(traces)

    return run


def everything(world: World) -> str:
    """All that any store holds, as one text: keys of every version, items, and the bytes of the manifests."""
    told: list[Any] = []
    for bucket in (LANDING, PROCESSED):
        found = world.s3.list_object_versions(Bucket=bucket)
        told += [item["Key"] for name in ("Versions", "DeleteMarkers") for item in found.get(name, ())]
        for item in found.get("Versions", ()):
            if item["Key"].endswith(".json") and bucket == PROCESSED:
                body = world.s3.get_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])[
                    "Body"
                ]
                told.append(body.read().decode("utf-8", "replace"))
    for table in ("catalog", "ledger"):
        told += [repr(item) for item in world.dynamodb.scan(TableName=table)["Items"]]
    return "\n".join(told)


def bytes_of(world: World, patient: str) -> dict[str, bytes]:
    return {key: world.body(key) for key in world.filed() if patient in key}


def file_all_of(world: World, patient: str) -> None:
    stream = Stream(world)
    world.file(f"documents/{patient}/knee.txt", b"one")
    world.file(f"documents/{patient}/knee.txt", b"two", name="e2")
    world.file(f"documents/{patient}/old/arm.txt", b"arm")
    world.delete(f"documents/{patient}/old/arm.txt")
    for name in ("session.json", "agents/agent_a/messages/message_0.json"):
        world.file(f"sessions/{patient}/session_1/{name}", b"{}")
    world.upload(f"sessions/{patient}/session_1/agents/agent_a/messages/message_1.json", b"never filed")
    index(stream.records())


def test_nothing_of_the_patient_is_left_and_everything_of_others(world: World, forget: Run) -> None:
    others = ("Bob_8", "Ana_7_b", "Ana")
    for patient in ("Ana_7", *others):
        file_all_of(world, patient)
    world.file("nobody.txt")
    before = {patient: bytes_of(world, f"{patient}_") for patient in others if patient != "Ana"}
    catalog = len(world.catalog())
    _, done = forget("Ana_7")
    assert (done.held, done.left) == ([], [])
    assert done.landing_versions == 7
    assert done.catalog_entries == 4
    assert len(world.catalog()) == catalog - 5
    assert {patient: bytes_of(world, f"{patient}_") for patient in before} == before
    for patient in others:
        assert world.s3.list_object_versions(Bucket=LANDING, Prefix=f"documents/{patient}/")["Versions"]

    forget("Ana_7", rest=NOW)
    left = everything(world).replace("Ana_7_b", "")
    assert "Ana_7" not in left


def test_a_claim_rests_before_it_is_released_and_names_nobody(world: World, forget: Run) -> None:
    file_all_of(world, "Ana_7")
    _, done = forget("Ana_7")
    assert done.claims_left == 3
    claims = world.filed()
    assert sorted(claims) == [
        "processed/Ana_7_arm/_manifest.json",
        "processed/Ana_7_knee/_manifest.json",
        "processed/Ana_7_medical_notes/session_1/_manifest.json",
    ]
    for key in claims:
        assert world.json(key).keys() == {"schema_version", "layout_version", "state", "owner"}
        assert world.json(key)["owner"].keys() == {"id"}
    assert forget("Ana_7")[1].claims_left == 3
    assert forget("Ana_7", rest=NOW)[1].claims_left == 0
    assert world.filed() == []


def test_what_was_assigned_to_the_patient_is_gone_also_where_it_was_filed_before(
    world: World, forget: Run
) -> None:
    world.file("scan.txt", b"x")
    world.run(submitted_event("scan.txt", {"patient_id": "Ana_7"}), "e2")
    forget("Ana_7", rest=NOW)
    forget("Ana_7", rest=NOW)
    assert "scan" not in everything(world)


def test_what_was_taken_from_the_patient_stays_with_the_other_one(world: World, forget: Run) -> None:
    world.file("documents/Ana_7/scan.txt", b"x")
    world.run(submitted_event("documents/Ana_7/scan.txt", {"patient_id": "Bob_8"}), "e2")
    traces, done = forget("Ana_7", rest=NOW)
    assert done.landing_versions == 0
    assert [source.key for source in traces.undecided] == ["documents/Ana_7/scan.txt"]
    assert "processed/Bob_8_scan/original.txt" in world.filed()
    assert "processed/Ana_7" not in everything(world).replace("documents/Ana_7", "")
    assert world.run(created_event("documents/Ana_7/scan.txt"), "e3")["disposition"] == "duplicate"


def test_another_patient_s_version_of_the_same_landing_key_stays(world: World, forget: Run) -> None:
    bob = world.upload("scan.txt", b"bob's", Metadata={"patient-id": "Bob_8"})
    world.run(created_event("scan.txt", bob))
    ana = world.upload("scan.txt", b"ana's", Metadata={"patient-id": "Ana_7"})
    world.run(created_event("scan.txt", ana), "e2")
    forget("Ana_7", rest=NOW)
    versions = world.s3.list_object_versions(Bucket=LANDING, Prefix="scan.txt")["Versions"]
    assert [version["VersionId"] for version in versions] == [bob]
    kept = world.s3.list_object_versions(Bucket=PROCESSED, Prefix="processed/Bob_8_scan/")["Versions"]
    assert [item for item in kept if item["Key"].endswith("original.txt")]


def test_what_names_the_patient_and_is_nobody_s_is_left_to_a_person(world: World, forget: Run) -> None:
    world.file("documents/Ana_7/x.txt", Metadata={"patient-id": "Bob_8"})
    world.file("y.txt", b"{}")
    world.upload("documents/Ana_7/failed.txt")
    traces, done = forget("Ana_7")
    assert done.landing_versions == 0
    assert {source.key: why.split(",")[0] for source, why in traces.undecided.items()} == {
        "documents/Ana_7/x.txt": "names the patient in its key",
        "documents/Ana_7/failed.txt": "names the patient in its key",
    }
    _, done = forget("Ana_7", include=("documents/Ana_7/x.txt", "documents/Ana_7/failed.txt"))
    assert done.landing_versions == 2
    assert "Ana_7" not in everything(world)


def test_given_again_it_goes_on_where_it_was_and_then_does_nothing(
    world: World, forget: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_all_of(world, "Ana_7")
    real, calls = Forgetter._delete_item, 0

    def stopped(self: Forgetter, table: str, key: str) -> bool:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return real(self, table, key)

    monkeypatch.setattr(Forgetter, "_delete_item", stopped)
    with pytest.raises(KeyboardInterrupt):
        forget("Ana_7", rest=NOW)
    monkeypatch.setattr(Forgetter, "_delete_item", real)
    forget("Ana_7", rest=NOW)
    forget("Ana_7", rest=NOW)
    assert "Ana_7" not in everything(world)
    _, done = forget("Ana_7")
    assert (done.landing_versions, done.layout_versions, done.catalog_entries, done.ledger_items) == (
        0,
        0,
        0,
        0,
    )


def test_a_round_that_began_before_cannot_file_any_more(world: World, forget: Run) -> None:
    """It read the ledger before the patient was forgotten, and would write ahead after."""
    world.file("documents/Ana_7/knee.txt", b"one")
    source = Source(LANDING, "documents/Ana_7/knee.txt")
    known = world.intake.ledger.read(source)
    observed = world.intake.landing.head(source)
    forget("Ana_7", rest=NOW)
    assert world.intake.ledger.write_ahead(observed, "processed/Ana_7_knee/", known) is None  # type: ignore[arg-type]


def test_a_session_that_is_written_again_is_filed_again(world: World, forget: Run) -> None:
    file_all_of(world, "Ana_7")
    forget("Ana_7")
    world.wire()
    stream = Stream(world)
    world.file("sessions/Ana_7/session_1/session.json", b"{}", name="e9")
    index(stream.records())
    place = Place(PROCESSED, "processed/Ana_7_medical_notes/session_1/")
    assert (
        world.dynamodb.get_item(TableName="catalog", Key={"source_id": {"S": place.key}})["Item"]["objects"][
            "N"
        ]
        == "1"
    )


@pytest.mark.parametrize("patient", ["unknown", "None", " ", "N/A"])
def test_a_placeholder_is_refused(patient: str) -> None:
    rules = json.loads((Path(__file__).parents[2] / "rules/default.json").read_text())
    with pytest.raises(Problem, match="placeholder"):
        refuse_placeholder(patient, rules["placeholders"])


class TestLocked:
    """Buckets with Object Lock."""

    @pytest.fixture(autouse=True)
    def _locking(self, world: World) -> None:
        for bucket in (LANDING, PROCESSED):
            world.s3.put_object_lock_configuration(
                Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
            )

    def test_a_source_under_legal_hold_is_kept_as_a_whole(self, world: World, forget: Run) -> None:
        held = world.upload("documents/Ana_7/held.txt", b"x")
        world.run(created_event("documents/Ana_7/held.txt", held))
        world.file("documents/Ana_7/free.txt", b"y", name="e2")
        world.s3.put_object_legal_hold(
            Bucket=LANDING, Key="documents/Ana_7/held.txt", VersionId=held, LegalHold={"Status": "ON"}
        )
        _, done = forget("Ana_7", rest=NOW)
        assert done.held == [Source(LANDING, "documents/Ana_7/held.txt")]
        assert "processed/Ana_7_held/original.txt" in world.filed()
        assert [entry["landing_key"]["S"] for entry in world.catalog()] == ["documents/Ana_7/held.txt"]
        assert "free" not in everything(world).replace("processed/Ana_7_free/_manifest.json", "")
